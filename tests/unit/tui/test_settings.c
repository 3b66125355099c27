// ~/.config/pleura/config.yaml: what it sets, and what it says about mistakes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tests/tools/testing.h"
#include "tui/cmd.h"
#include "tui/settings.h"
#include "tui/theme.h"

static pl_status read_text(pl_settings *out, const char *text, pl_error *err) {
  char path[] = "/tmp/pleura-settings-XXXXXX";
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  *out = pl_settings_default();
  const pl_status status = pl_settings_read(out, path, err);
  unlink(path);
  return status;
}

static void values_are_taken(void **state) {
  (void)state;
  pl_settings s;
  pl_error err = {0};
  assert_int_equal(read_text(&s,
                             "theme: colour-blind\nmouse: off\ngraphics: blocks\ngreys: 32\nlabels: corrected\n"
                             "keys:\n  everywhere: {quit: \"^Q F12\"}\n  data: {next: \"j Down e\", invert: \"\"}\n",
                             &err),
                   PL_OK);
  assert_string_equal(s.theme, "colour-blind");
  assert_string_equal(s.graphics, "blocks");
  assert_int_equal(s.greys, 32);
  assert_string_equal(s.labels, "corrected");
  assert_false(s.mouse);
  assert_string_equal(pl_cmd_for_key(&s, "data", 'e')->name, "next");
  assert_string_equal(pl_cmd_for_key(&s, "data", 17)->name, "quit");
  assert_null(pl_cmd_for_key(&s, "data", 'Q'));
  assert_null(pl_cmd_for_key(&s, "data", 'i'));                          // its keys were taken away
  assert_string_equal(pl_cmd_for_key(&s, "case", 'i')->name, "invert");  // not on other screens
  pl_settings_clear(&s);
}

static void no_file_is_fine(void **state) {
  (void)state;
  pl_settings s = pl_settings_default();
  pl_error err = {0};
  assert_int_equal(pl_settings_read(&s, "/nonexistent/config.yaml", &err), PL_OK);
  assert_true(s.mouse);
  assert_int_equal(read_text(&s, "", &err), PL_OK);
  assert_int_equal(read_text(&s, "# nothing\n", &err), PL_OK);
}

static void mistakes_name_their_place(void **state) {
  (void)state;
  static const struct {
    const char *text, *says;
  } all[] = {
      {"greys: 7\n", "greys is a number from 16 to 101"},
      {"labels: new\n", "line 1 column 9: labels is original or corrected"},
      {"theme: pink\n", "line 1 column 8: theme is dark"},
      {"\nmouse: maybe\n", "line 2 column 8: mouse is on or off"},
      {"colour: red\n", "line 1 column 1: 'colour' is none of"},
      {"keys: 3\n", "keys holds screens"},
      {"keys:\n  dato: {next: j}\n", "line 2 column 3: expected 'everywhere' or a screen"},
      {"keys:\n  data: {nxt: j}\n", "line 2 column 10: data has no command 'nxt'"},
      {"keys:\n  data: {next: Hyper}\n", "'Hyper' is no key"},
      {"keys:\n  data: {next: [j]}\n", "expected keys"},
      {"keys:\n  data: {next: \"s\"}\n", "key s of data stands for next and for sort"},
      {"theme: [\n", "line"},
      {"- 3\n", "expected lines such as"},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    pl_settings s;
    pl_error err = {0};
    assert_int_equal(read_text(&s, all[i].text, &err), PL_E_FORMAT);
    if (strstr(err.message, all[i].says) == NULL) fail_msg("'%s': %s", all[i].text, err.message);
    assert_true(s.mouse);
    assert_string_equal(s.theme, "");
  }
}

// The table itself: no key of a screen stands for two commands.
static void own_keys_do_not_clash(void **state) {
  (void)state;
  pl_settings s;
  pl_error err = {0};
  if (read_text(&s, "mouse: on\n", &err) != PL_OK) fail_msg("%s", err.message);
  assert_true(pl_cmd_count() < PL_SETTINGS_CMDS_MAX);
  pl_settings_clear(&s);
  // A command of two screens is bound from either, and may not take a key of the other.
  if (read_text(&s, "keys: {runs: {smooth: Z}}\n", &err) != PL_OK) fail_msg("%s", err.message);
  assert_string_equal(pl_cmd_for_key(&s, "train", 'Z')->name, "smooth");
  pl_settings_clear(&s);
  s = pl_settings_default();
  assert_int_equal(read_text(&s, "keys: {runs: {smooth: S}}\n", &err), PL_E_FORMAT);
  pl_settings_clear(&s);
}

static void themes_differ_where_they_should(void **state) {
  (void)state;
  const pl_theme_look dark = pl_theme("", PL_STYLE_BAD, 256), safe = pl_theme("colour-blind", PL_STYLE_BAD, 256);
  assert_true(dark.coloured && safe.coloured && dark.fg != safe.fg);
  assert_true(pl_theme("16", PL_STYLE_BAD, 256).fg < 16);
  assert_false(pl_theme("mono", PL_STYLE_BAD, 256).coloured);
  assert_false(pl_theme("", PL_STYLE_BAD, 0).coloured);
  // Good and bad are told apart without red and green, and without any colour.
  assert_true(pl_theme("colour-blind", PL_STYLE_GOOD, 256).fg != safe.fg);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_are_taken),
      cmocka_unit_test(no_file_is_fine),
      cmocka_unit_test(mistakes_name_their_place),
      cmocka_unit_test(own_keys_do_not_clash),
      cmocka_unit_test(themes_differ_where_they_should),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
