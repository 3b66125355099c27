// The command table: that its rows hold together, what exists as a subcommand too, and what Tab makes of a line.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tests/tools/testing.h"
#include "tui/app.h"
#include "tui/cli/cli.h"
#include "tui/cmd.h"
#include "tui/complete.h"
#include "tui/keymap.h"
#include "tui/shellwords.h"

// Every row says what it does, its keys are keys, and on no screen do two commands share a name or a key.
static void test_rows(void **state) {
  (void)state;
  for (size_t i = 0; i < pl_cmd_count(); i++) {
    const pl_cmd *cmd = pl_cmd_at(i);
    assert_non_null(cmd->help);
    assert_true((cmd->run != NULL) != (cmd->job != NULL));
    assert_int_equal(strspn(cmd->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(cmd->name));
    if (cmd->complete != NULL && cmd->args == NULL) fail_msg("%s completes what it does not take", cmd->name);
    for (const char *p = cmd->keys; p != NULL && *p != '\0'; p += strspn(p, " ")) {
      const size_t length = strcspn(p, " ");
      const int key = pl_key_parse(p, length);
      if (key == PL_KEY_NONE) fail_msg("%s: '%.*s' is no key", cmd->name, (int)length, p);
      for (size_t k = i + 1; k < pl_cmd_count(); k++) {
        if (pl_cmd_meet(cmd, pl_cmd_at(k)) && pl_keys_contain(pl_cmd_at(k)->keys, key)) {
          fail_msg("%.*s stands for %s and %s", (int)length, p, cmd->name, pl_cmd_at(k)->name);
        }
      }
      p += length;
    }
    for (size_t k = i + 1; k < pl_cmd_count(); k++) {
      if (pl_cmd_meet(cmd, pl_cmd_at(k))) assert_string_not_equal(cmd->name, pl_cmd_at(k)->name);
    }
  }
}

// The keys that mean the same everywhere.
static void test_common_keys(void **state) {
  (void)state;
  const pl_settings settings = pl_settings_default();
  static const struct {
    const char *key, *name;
  } common[] = {{"?", "help"},  {":", "command"}, {"1", "data"}, {"2", "case"},    {"3", "folds"},
                {"4", "train"}, {"5", "runs"},    {"6", "log"},  {"7", "batch"},   {"8", "review"},
                {"q", "back"},  {"Esc", "back"},  {"Q", "quit"}, {"^L", "repaint"}};
  for (size_t s = 0; s < pl_screen_count; s++) {
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
      const int key = pl_key_parse(common[i].key, strlen(common[i].key));
      const pl_cmd *cmd = pl_cmd_for_key(&settings, pl_screens[s]->name, key);
      assert_non_null(cmd);
      if (strcmp(cmd->name, common[i].name) != 0) {
        fail_msg("%s on %s is %s, not %s", common[i].key, pl_screens[s]->name, cmd->name, common[i].name);
      }
    }
  }
}

// The subcommand of a row: the one it names, or the one that it starts as a job. False for none.
static bool subcommand_of(char out[32], const pl_cmd *cmd) {
  if (cmd->job == NULL && cmd->shell == NULL) return false;
  const char *text = cmd->job != NULL ? cmd->job : cmd->shell;
  snprintf(out, 32, "%.*s", (int)strcspn(text, " "), text);
  return true;
}

// What a command does from a shell: the subcommand that its row names is there, and what works on a workspace or a run
// from a shell is a command of the workbench too.
static void test_subcommands(void **state) {
  (void)state;
  static const char *const both[] = {"show", "split",  "train",      "runs",   "status", "jobs",  "pause", "stop",
                                     "set",  "resume", "checkpoint", "import", "pack",   "leaks", "data",  "fetch"};
  char name[32];
  for (size_t i = 0; i < pl_cmd_count(); i++) {
    if (subcommand_of(name, pl_cmd_at(i)) && pl_cli_find(name) == NULL) {
      fail_msg("%s names the subcommand %s, which is not there", pl_cmd_at(i)->name, name);
    }
  }
  for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
    bool there = false;
    for (size_t k = 0; k < pl_cmd_count(); k++)
      there = there || (subcommand_of(name, pl_cmd_at(k)) && strcmp(name, both[i]) == 0);
    if (!there) fail_msg("no command of the workbench does what 'pleura %s' does", both[i]);
  }
}

// ---- Completion

static char *complete(const pl_app *app, const char *line, bool tab) {
  const size_t at = pl_shellwords_last(line);
  char *before = pl_xprintf("%.*s", (int)at, line), *all = pl_xstrdup("");
  pl_candidates out = {.word = line + at, .tab = tab};
  pl_complete_command(app, before, &out);
  for (size_t i = 0; i < out.count; i++) {
    char *longer = pl_xprintf("%s%s%s", all, i > 0 ? " " : "", out.words[i]);
    free(all);
    all = longer;
  }
  pl_candidates_clear(&out);
  free(before);
  return all;
}

static void expect(const pl_app *app, const char *line, const char *candidates) {
  char *got = complete(app, line, true);
  assert_string_equal(got, candidates);
  free(got);
}

static void test_complete(void **state) {
  (void)state;
  pl_case cases[] = {{.number = 4, .flag = (char[]){"check"}}, {.number = 41}, {.number = 7, .flag = (char[]){"odd"}}};
  pl_tui_model model = {.manifest = {.cases = cases, .count = 3, .fold_count = 2},
                        .runs = (char *[]){(char[]){"/w/runs/2026-11-22-a"}, (char[]){"/w/runs/2026-11-23-a"}},
                        .run_count = 2};
  pl_app app = {.model = &model};
  expect(&app, "unm", "unmark");
  expect(&app, "nothing-like-it", "");
  expect(&app, "open 4", "4 41");
  expect(&app, "case 4", "4 41");
  expect(&app, "flag ", "check odd");
  expect(&app, "filter !(fol", "!(fold");
  expect(&app, "filter sex=F un", "unlabelled");
  expect(&app, "theme colour", "colour-blind");
  expect(&app, "mouse o", "on off");
  expect(&app, "unmark x", "");  // takes nothing
  while (strcmp(pl_screens[app.active]->name, "train") != 0) app.active++;
  expect(&app, "set encoder se_resnext1", "se_resnext101_32x4d");
  expect(&app, "set pack ", "on off");
  expect(&app, "set learning", "learning-rate");
  expect(&app, "run 2026", "2026-11-23-a 2026-11-22-a");
  expect(&app, "preset q", "quick");
}

// Files are looked for with Tab alone; names are quoted so that they are read back as they are.
static void test_complete_files(void **state) {
  (void)state;
  char root[] = "/tmp/pleura-complete-XXXXXX";
  assert_non_null(mkdtemp(root));
  char *folder = pl_xprintf("%s/dicom files", root), *file = pl_xprintf("%s/dicom.csv", root);
  char *hidden = pl_xprintf("%s/.secret", root);
  char *odd = pl_xprintf("%s/dicom\x1b[2J", root);
  assert_int_equal(pl_fs_make_folders(folder, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(file, "", 0, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(hidden, "", 0, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(odd, "", 0, NULL), PL_OK);
  pl_tui_model model = {0};
  pl_app app = {.model = &model};
  while (strcmp(pl_screens[app.active]->name, "folds") != 0) app.active++;
  char *line = pl_xprintf("patients %s/", root), *all = pl_xprintf("%s/dicom\\ files/ %s/dicom.csv", root, root);
  char *dotted = pl_xprintf("patients %s/.s", root);
  expect(&app, line, all);
  expect(&app, dotted, hidden);
  char *none = complete(&app, line, false);
  assert_string_equal(none, "");
  assert_int_equal(pl_fs_remove_tree(root, NULL), PL_OK);
  char *texts[] = {folder, file, hidden, odd, line, all, dotted, none};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) free(texts[i]);
}

static void test_shellwords(void **state) {
  (void)state;
  char **words = NULL;
  size_t count = 0;
  pl_error err = {0};
  setenv("HOME", "/home/somebody", 1);
  assert_int_equal(pl_shellwords_split(&words, &count, "  a\\ b \"c 'd\" 'e\\' ~/f g~ \"\"", &err), PL_OK);
  static const char *const wanted[] = {"a b", "c 'd", "e\\", "/home/somebody/f", "g~", ""};
  assert_int_equal(count, 6);
  for (size_t i = 0; i < 6; i++) assert_string_equal(words[i], wanted[i]);
  pl_fs_free_names(words, count);
  assert_int_equal(pl_shellwords_split(&words, &count, "a 'b c", &err), PL_E_USAGE);
  assert_int_equal(pl_shellwords_last("import a\\ b"), 7);
  assert_int_equal(pl_shellwords_last("import 'a b"), 7);
  assert_int_equal(pl_shellwords_last("import "), 7);
  static const char *const plain[] = {"", " ", "a b", "~x", "it's", "\"\\", "~/", "-1"};
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    char *quoted = pl_shellwords_quote(plain[i]), *back = pl_shellwords_plain(quoted);
    assert_string_equal(back, plain[i]);
    assert_int_equal(pl_shellwords_last(quoted), 0);
    free(quoted);
    free(back);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows),     cmocka_unit_test(test_common_keys),    cmocka_unit_test(test_subcommands),
      cmocka_unit_test(test_complete), cmocka_unit_test(test_complete_files), cmocka_unit_test(test_shellwords),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
