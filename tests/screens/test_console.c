// The workbench on a Linux console: 8 or 16 colours, no sixel, the kernel's own font, no alternate screen. Nothing is
// sent that it would show as rubbish, and nothing is left behind.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/screens/console.h"
#include "tests/screens/world.h"
#include "tests/tools/testing.h"

enum { PATIENCE = 60 };

static const char *const terms[] = {"linux", "linux-16color"};

static void expect_known(const console *c, const char *term, const char *where) {
  if (c->problem[0] != '\0') fail_msg("TERM=%s, %s: %s", term, where, c->problem);
}

static void expect_words(const console *c, const char *term, const char *words) {
  char row[4 * CONSOLE_COLUMNS + 1];
  for (int y = 0; y < CONSOLE_ROWS; y++) {
    console_row(row, c, y);
    if (strstr(row, words) != NULL) return;
  }
  for (int y = 0; y < CONSOLE_ROWS; y++) {
    console_row(row, c, y);
    print_message("%s\n", row);
  }
  fail_msg("TERM=%s: no '%s' on the screen", term, words);
}

// Each screen, with help, boxes, a list that scrolls and prompts.
static void nothing_it_does_not_know(void **state) {
  static const struct {
    const char *keys, *words;
  } steps[] = {{"", "batches"},
               {"1", "positive"},
               {"jjjjjjjjjjjjjjjjjjjjjjjjjjjjjj", "positive"},
               {"t", "#"},
               {"t", "positive"},
               {"\r", "mask"},
               {"v", "mask"},
               {"3", "fold"},
               {"4", "2026-11-23-a"},
               {"5", "2026-11-22-a"},
               {"6", "Log"},
               {"7", "Batch"},
               {"8", "Review"},
               {"1?", "Help"},
               {"\x1b", "positive"},
               {":filter fold=1\r", "fold=1"},
               {"J", "obs"},
               {"\x1b\x0c", "positive"}};
  const world *w = *state;
  for (size_t t = 0; t < sizeof terms / sizeof terms[0]; t++) {
    const char *const argv[] = {w->program, "-C", w->workspace, NULL};
    pty p;
    console c = {0};
    pty_start(&p, PTY_CONSOLE, CONSOLE_COLUMNS, CONSOLE_ROWS, terms[t], argv);
    assert_true(pty_run(&p, "Help", PATIENCE));
    size_t fed = 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
      pty_type(&p, steps[i].keys);
      pty_settle(&p, 0, PATIENCE);
      console_feed(&c, p.output.data + fed, p.output.length - fed);
      fed = p.output.length;
      expect_known(&c, terms[t], steps[i].words);
      expect_words(&c, terms[t], steps[i].words);
    }
    pty_type(&p, "Q");
    assert_true(pty_run(&p, NULL, PATIENCE));
    assert_true(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 0 && pty_same_mode(&p));
    console_feed(&c, p.output.data + fed, p.output.length - fed);
    expect_known(&c, terms[t], "the end");
    // Words about the training that lives, and nothing else.
    expect_words(&c, terms[t], "trains on");
    for (int y = 2; y < CONSOLE_ROWS; y++) {
      char row[4 * CONSOLE_COLUMNS + 1];
      console_row(row, &c, y);
      if (row[0] != '\0') fail_msg("TERM=%s: at the end row %d says '%s'", terms[t], y, row);
    }
    assert_in_range(c.y, 1, 2);  // where a shell's prompt goes on
    pty_close(&p);
  }
}

static void pictures_are_shades(void **state) {
  check(*state, ((const world *)*state)->workspace, PTY_CONSOLE, "linux", CONSOLE_COLUMNS, CONSOLE_ROWS,
        "cmd filter positive\nwait-job\nkey Enter\nwait-job\n", "case_console");
  check(*state, ((const world *)*state)->workspace, PTY_CONSOLE, "linux", CONSOLE_COLUMNS, CONSOLE_ROWS,
        "key 4\nwait-job\nwait-ms 500\n", "train_console");
}

int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_it_does_not_know), cmocka_unit_test(pictures_are_shades)};
  return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
