// Which labels the workbench shows: the original or the corrected ones, on every screen, and never one for the other.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/labels.h"
#include "tests/screens/fixture.h"
#include "tests/screens/world.h"
#include "tests/tools/testing.h"

enum { LABELLED_CASES = 17, ROWS = 90 };

// A workspace in which #1, positive, has a smaller label and #2, negative, has one: both of fold 0 or 1.
typedef struct corrected {
  char *workspace, *run;
} corrected;

static void put_text(const char *workspace, const char *name, const char *text) {
  char *path = pl_path_join(workspace, name);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  free(path);
}

static void correct(const world *w, const char *workspace, const char *number, const char *how, const char *stroke) {
  const char *const argv[] = {w->program, "labels", "draw", number,    "--why", "by the test",
                              how,        stroke,   "-C",   workspace, NULL};
  pty p;
  pty_start(&p, PTY_SILENT, 80, 24, "xterm-256color", argv);
  assert_true(pty_run(&p, NULL, 60.0));
  if (!WIFEXITED(p.status) || WEXITSTATUS(p.status) != 0) fail_msg("%s", p.output.data);
  pty_close(&p);
}

// As if ann had made all corrections at noon of 2026-11-23: the index of an export is not sealed.
static void sign_as_ann(const char *workspace) {
  char *text = text_of(workspace, PL_LABELS_FILE);
  pl_buf out;
  pl_buf_init(&out, TEXT_MAX);
  for (const char *line = text; *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    if (strstr(line, "\"user\":") != NULL && strstr(line, "\"user\":") < line + length) {
      pl_buf_add_text(&out, "   \"user\": \"ann\",\n");
    } else if (strstr(line, "\"time\":") != NULL && strstr(line, "\"time\":") < line + length) {
      pl_buf_add_text(&out, "   \"time\": 1795435200.0,\n");
    } else {
      pl_buf_printf(&out, "%.*s\n", (int)length, line);
    }
    line += length + (line[length] != '\0');
  }
  put_text(workspace, PL_LABELS_FILE, out.data);
  pl_buf_clear(&out);
  free(text);
}

static corrected make(const world *w, const char *name) {
  corrected c = {.workspace = pl_path_join(w->root, name)};
  pl_error err = {0};
  if (fixture_workspace(c.workspace, LABELLED_CASES, &err) != PL_OK || fixture_labels(c.workspace, &err) != PL_OK ||
      fixture_originals(c.workspace, 0, &err) != PL_OK ||
      fixture_run(&c.run, c.workspace, "2026-11-23-a", 3, PL_PHASE_FINISHED, &err) != PL_OK ||
      fixture_maps(c.run, c.workspace, 1, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  correct(w, c.workspace, "1", "--erase", "6 16,12 24,12");
  correct(w, c.workspace, "6", "--paint", "4 30,30 40,30");
  sign_as_ann(c.workspace);
  return c;
}

static void forget(corrected *c) {
  free(c->workspace);
  free(c->run);
}

// Whether a dump of 120 columns has these words.
static void expect(const world *w, const corrected *c, const char *script, const char *words) {
  char *dump = dump_of(w, c->workspace, PTY_PLAIN, "xterm-256color", 120, ROWS, script);
  if (strstr(dump, words) == NULL) fail_msg("'%s' is not on the screen after\n%s\n%s", words, script, dump);
  free(dump);
}

static void expect_not(const world *w, const corrected *c, const char *script, const char *words) {
  char *dump = dump_of(w, c->workspace, PTY_PLAIN, "xterm-256color", 120, ROWS, script);
  if (strstr(dump, words) != NULL) fail_msg("'%s' is on the screen after\n%s\n%s", words, script, dump);
  free(dump);
}

// Both cases on every screen, by the original labels and by the corrected ones.
static void test_screens(void **state) {
  const world *w = *state;
  corrected c = make(w, "both");
  check(w, c.workspace, PTY_VT340, "xterm-256color", 120, 40, "cmd case 1\nwait-job", "labels_case_original");
  check(w, c.workspace, PTY_VT340, "xterm-256color", 120, 40,
        "cmd labels corrected\ncmd case 1\nwait-job\nkey v\nwait-job", "labels_case_corrected");
  check(w, c.workspace, PTY_PLAIN, "xterm-256color", 80, 24, "cmd labels corrected\ncmd case 6\nwait-job\nkey H",
        "labels_case_80x24");
  check(w, c.workspace, PTY_PLAIN, "xterm-256color", 120, 24, "cmd labels corrected\nkey 1\nwait-job",
        "labels_data_corrected");
  check(w, c.workspace, PTY_PLAIN, "xterm-256color", 120, 30, "cmd labels corrected\nkey 3\nwait-job",
        "labels_folds_corrected");
  // The original ones say nothing of corrections but on the case.
  expect_not(w, &c, "key 1\nwait-job", "corrected");
  expect(w, &c, "key 1\nwait-job", "17 cases  5 positive");
  expect(w, &c, "cmd labels corrected\nkey 1\nwait-job", "corrected labels  | 17 cases  6 positive");
  // Filters are about the labels that are shown, and follow when others are.
  expect(w, &c, "key 1\ncmd filter positive\nwait-job", "5 of 17");
  expect(w, &c, "key 1\ncmd filter positive\ncmd labels corrected\nwait-job", "6 of 17");
  // A new run is on them, also when the form was open before.
  expect(w, &c, "key 4 S\nwait-job", "\n  labels             original");
  expect(w, &c, "key 4 S\ncmd labels corrected\nwait-job", "\n  labels             corrected");
  expect(w, &c, "cmd labels corrected\nkey 4 S\nwait-job", "\n  labels             corrected");
  // Jobs are about them, too.
  expect(w, &c, "key 1\ncmd labels corrected\ncmd report --no-pictures\nwait-background", "corrected:  positive");
  // What is not known is refused.
  expect(w, &c, "cmd labels new", "labels takes original or corrected, not 'new'");
  expect(w, &c, "cmd labels", "the original labels are shown; 2 are corrected");
  forget(&c);
}

// A label that is finished on screen Label is on the others at once.
static void test_finished(void **state) {
  const world *w = *state;
  corrected c = make(w, "finished");
  const char *const draw =
      "cmd case 3\nwait-job\nkey E\nwait-job\ncmd brush 7\ncmd go 20,20\nkey Space Space\nkey Enter\nkeys more\n"
      "key Enter\nwait-job\nwait-ms 1\nwait-job";
  char *script = pl_xprintf("cmd labels corrected\n%s", draw);
  expect(w, &c, script, "#3  positive  train  fold 2  mask 37 px");
  free(script);
  // Nothing of it is in the original ones.
  expect(w, &c, "cmd case 3\nwait-job", "#3  negative  train  fold 2\n");
  expect(w, &c, "cmd case 3\nwait-job", ": :labels corrected shows it");
  forget(&c);
}

// Corrections that do not fit are not shown, and neither are any where there are none; the reason is said.
static void test_not_shown(void **state) {
  const world *w = *state;
  corrected c = make(w, "unfit"), none = {.workspace = w->workspace};
  expect(w, &none, "cmd labels corrected", "no label of");
  expect(w, &none, "cmd labels corrected", " corrected labels: not shown  |");
  char *table = text_of(c.workspace, "train-rle.csv"), *longer = pl_xprintf("%s\n", table);
  put_text(c.workspace, "train-rle.csv", longer);
  expect(w, &c, "cmd labels corrected\ncmd case 1\nwait-job", "#1  positive  train  fold 0  mask 345 px");
  expect(w, &c, "cmd labels corrected", "train-rle.csv changed since the labels were corrected");
  put_text(c.workspace, "train-rle.csv", table);
  expect(w, &c, "cmd labels corrected\ncmd case 1\nwait-job", "mask 214 px");
  free(table);
  free(longer);
  forget(&c);
}

// Runs on other labels than those that are shown, or made with other folds, are marked.
static void test_runs(void **state) {
  const world *w = *state;
  corrected c = make(w, "runs");
  expect_not(w, &c, "key 5\nwait-job", "scored on");
  expect(w, &c, "key 5\ncmd labels corrected\nwait-job", "\n ! scored on original labels\n");
  char *folds = text_of(c.workspace, "folds.csv"), *last = strrchr(folds, ',');
  last[1] = last[1] == '0' ? '1' : '0';
  put_text(c.workspace, "folds.csv", folds);
  expect(w, &c, "key 5\nwait-job", "\n ! other folds\n");
  expect(w, &c, "key 5\nwait-job", "\n ! 2026-11-23-a");
  expect(w, &c, "key 5\nkey B\nwait-job", "baseline; other folds");
  free(folds);
  forget(&c);
}

// Screen Review counts against the labels that are shown, and warns of a run that was trained on others or whose folds
// changed since.
static void test_review(void **state) {
  const world *w = *state;
  corrected c = make(w, "review");
  check(w, c.workspace, PTY_PLAIN, "xterm-256color", 120, 30, "key 8\nwait-job", "labels_review_original");
  expect_not(w, &c, "key 8\nwait-job", "trained on");
  check(w, c.workspace, PTY_VT340, "xterm-256color", 120, 30,
        "key 8\nwait-job\ncmd labels corrected\nwait-job\nkey t t", "labels_review_corrected");
  // #1 and #6 of its fold have other labels: 214 and 159 pixels, where they were 345 and none.
  expect(w, &c, "key 8\nwait-job", " 345 ");
  expect(w, &c, "key 8\nwait-job\ncmd labels corrected\nwait-job", " 214 ");
  expect(w, &c, "cmd labels corrected\nkey 8\nwait-job",
         "\n trained on original labels, scored on corrected ones: ':labels original' shows its own score\n");
  char *folds = text_of(c.workspace, "folds.csv"), *last = strrchr(folds, ',');
  last[1] = last[1] == '0' ? '1' : '0';
  put_text(c.workspace, "folds.csv", folds);
  expect(
      w, &c, "key 8\nwait-job",
      "\n folds changed since training: these cases may have been trained on; put the old ones back, or train anew\n");
  check(w, c.workspace, PTY_PLAIN, "xterm-256color", 80, 24, "cmd labels corrected\nkey 8\nwait-job",
        "labels_review_80x24");
  free(folds);
  forget(&c);
}

// Who chooses: the command line before config.yaml, that before the workspace's pleura.yaml.
static void test_who_chooses(void **state) {
  const world *w = *state;
  corrected c = make(w, "choosing");
  char *home = pl_path_join(w->root, "home");
  assert_int_equal(setenv("BENCH_CONFIG", home, 1), 0);
  char *yaml = text_of(c.workspace, "pleura.yaml"), *more = pl_xprintf("%s\nlabels: corrected\n", yaml);
  put_text(c.workspace, "pleura.yaml", more);
  expect(w, &c, "key 1", " corrected labels  |");
  char *folder = pl_path_join(home, "pleura");
  assert_int_equal(pl_fs_make_folders(folder, NULL), PL_OK);
  put_text(folder, "config.yaml", "labels: original\n");
  expect_not(w, &c, "key 1", " corrected labels  |");
  char *script = pl_path_join(w->root, "script");
  const char *const argv[] = {w->program, "-C", c.workspace, "--labels", "corrected", "--script", script, NULL};
  pty p;
  pty_start(&p, PTY_PLAIN, 120, 40, "xterm-256color", argv);
  assert_true(pty_run(&p, NULL, 30.0));
  pty_close(&p);
  char *dump = read_dump(w);
  assert_non_null(strstr(dump, " corrected labels  |"));
  assert_int_equal(unsetenv("BENCH_CONFIG"), 0);
  free(dump);
  free(script);
  free(folder);
  free(yaml);
  free(more);
  free(home);
  forget(&c);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_screens), cmocka_unit_test(test_finished), cmocka_unit_test(test_not_shown),
      cmocka_unit_test(test_runs),    cmocka_unit_test(test_review),   cmocka_unit_test(test_who_chooses),
  };
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
