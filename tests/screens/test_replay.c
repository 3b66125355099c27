// A run played once more on screen Train: what the head says, the keys, what is refused meanwhile; and which run is
// meant by the commands that take one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/mem.h"
#include "core/run/rundir.h"
#include "tests/screens/world.h"
#include "tests/tools/testing.h"

enum { COLS = 140, ROWS = 40, SHOWN_MAX = 16 };

// Runs a script that dumps `count` times, and cuts what it dumped; the caller frees shown[0].
static void run_script(char *shown[SHOWN_MAX], size_t count, const world *w, const char *text) {
  pty p;
  start_script(&p, w, w->workspace, PTY_SILENT, "xterm-256color", COLS, ROWS, text);
  if (!pty_run(&p, NULL, 60.0) || !WIFEXITED(p.status) || WEXITSTATUS(p.status) != 0) {
    fail_msg("status %d\n%s", p.status, p.output.data != NULL ? p.output.data : "");
  }
  pty_close(&p);
  char *at = read_dump(w);
  for (size_t i = 0; i < count; i++) {
    shown[i] = at;
    at = i + 1 < count ? strstr(at + 1, "== 140x40") : NULL;
    if (i + 1 < count) assert_non_null(at);
    if (at != NULL) at[-1] = '\0';
  }
}

static void expect(const char *shown, const char *words) {
  if (strstr(shown, words) == NULL) fail_msg("'%s' is missing in\n%s", words, shown);
}

static void expect_not(const char *shown, const char *words) {
  if (strstr(shown, words) != NULL) fail_msg("'%s' is in\n%s", words, shown);
}

// `dump` empties the file; the last one of a script is the test's own.
static char *with_dumps(const world *w, const char *const *steps, size_t count) {
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  for (size_t i = 0; i < count; i++) {
    // Each but the last in a file of its own name, which grows.
    (void)pl_buf_printf(&text, "%s\ndump-more %s.more\n", steps[i], w->dump);
  }
  return text.data;
}

static void test_replay(void **state) {
  const world *w = *state;
  static const char *const steps[] = {
      "cmd replay 2026-11-23 20x\nkey Space\nkey g\nkey )\nkey )\nkey )\nwait-job",
      "key }",
      "key {\nkey {",
      "key P",
      "key S",
      "cmd set learning-rate 1",
      "key (",
      "key 6",
      "key 4\nkey G",
      "key Esc",
      "cmd replay-faster",
      "cmd replay 0",
      "cmd replay off",
      "cmd replay nothing 3",
  };
  enum { COUNT = sizeof steps / sizeof steps[0] };
  char *text = with_dumps(w, steps, COUNT), *more = pl_xprintf("%s.more", w->dump);
  world other = *w;
  char *shown[SHOWN_MAX];
  char *last[SHOWN_MAX];
  run_script(last, 1, w, text);
  other.dump = more;
  char *at = read_dump(&other);
  for (size_t i = 0; i < COUNT; i++) {
    shown[i] = strstr(at, "== 140x40");
    assert_non_null(shown[i]);
    at = shown[i] + 1;
    if (i > 0) shown[i][-1] = '\0';
  }
  expect(shown[0], "2026-11-23-a  REPLAY 20x epoch 3/20, resting  training");
  expect(shown[0], "REPLAY 2026-11-23-a training");
  expect_not(shown[0], "4/10 batches");
  expect(shown[1], "REPLAY 40x epoch 3/20");
  expect(shown[2], "REPLAY 10x epoch 3/20");
  for (int i = 3; i <= 5; i++) {
    expect(shown[i], "this is what 2026-11-23-a was, played once more, which nothing changes; Esc goes back");
    expect(shown[i], "REPLAY 10x epoch 3/20");
  }
  expect(shown[6], "REPLAY 10x epoch 2/20");
  expect(shown[7], "REPLAY 2026-11-23-a");
  expect(shown[8], "REPLAY 10x epoch 13/20, at its end  training");
  expect(shown[9], "the replay has ended: this is 2026-11-23-a as it is now");
  expect_not(shown[9], "REPLAY");
  expect(shown[9], "4/10 batches");
  expect(shown[10], "nothing is being played; A plays the run's journal");
  expect(shown[11], "at its end");
  expect_not(shown[12], "REPLAY");
  expect(shown[13], "there is no run 'nothing'");
  expect_not(shown[13], "REPLAY");
  free(shown[0]);
  free(last[0]);
  free(text);
  free(more);
}

static void test_golden(void **state) {
  check(*state, ((const world *)*state)->workspace, PTY_SILENT, "xterm-256color", 120, 34,
        "cmd replay 2026-11-23 20x\nkey Space\nkey g\nkey )\nkey )\nkey )\nwait-job", "train_replay");
}

// It plays by itself, at the speed that was asked for, and comes to its end.
static void test_plays(void **state) {
  const world *w = *state;
  char *shown[SHOWN_MAX];
  run_script(shown, 1, w, "cmd replay latest 1000x\nwait-ms 1500");
  expect(shown[0], "REPLAY 1000x epoch 13/20, at its end");
  free(shown[0]);
}

static void test_runs(void **state) {
  const world *w = *state;
  static const char *const lines[][2] = {
      {"cmd run 2026-11-22", " 2026-11-22-a  failed"},
      {"cmd run latest", " 2026-11-23-a  training"},
      {"cmd run 2026-11-22-a\nkey 4\ncmd run", " 2026-11-23-a  training"},
      {"cmd run PATH/runs/2026-11-22-a", " 2026-11-22-a  failed"},
      {"cmd run 2026-11", "'2026-11' fits 2 runs: 2026-11-22-a, 2026-11-23-a"},
      {"cmd run red", "there is no run 'red'"},
      {"cmd run PATH/images", "is not a run: it has no run.json"},
      {"cmd pause 2026-11-22", "2026-11-22-a is not running"},
      {"cmd pause red", "there is no run 'red'"},
      {"cmd resume red", "there is no run 'red'"},
      {"cmd stop PATH/images", "is not a run: it has no run.json"},
      {"cmd checkpoint 2026-11", "'2026-11' fits 2 runs"},
      {"cmd replay 2026-11-22", " 2026-11-22-a  REPLAY 60x"},
      {"cmd replay PATH/runs/2026-11-22-a 5", " 2026-11-22-a  REPLAY 5x"},
      {"cmd replay 5", " 2026-11-23-a  REPLAY 5x"},
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    const char *path = strstr(lines[i][0], "PATH");
    char *shown[SHOWN_MAX],
        *line = path != NULL ? pl_xprintf("%.*s%s%s", (int)(path - lines[i][0]), lines[i][0], w->workspace, path + 4)
                             : pl_xstrdup(lines[i][0]),
        *text = pl_xprintf("key 4\n%s\nkey 4", line);
    // What is said stays until the screen is left.
    text[strlen(text) - strlen("\nkey 4")] = '\0';
    run_script(shown, 1, w, text);
    expect(shown[0], lines[i][1]);
    free(shown[0]);
    free(text);
    free(line);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_replay), cmocka_unit_test(test_golden),
                                     cmocka_unit_test(test_plays), cmocka_unit_test(test_runs)};
  return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
