// The workbench on a pseudo terminal: what its screens show, against golden texts, and how it leaves.
// PLEURA_UPDATE_GOLDEN=1 writes the golden files anew; an argument runs only the tests of that name, as in 'test_c*'.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/run/rundir.h"
#include "tests/screens/fixture.h"
#include "tests/screens/pty.h"
#include "tests/screens/world.h"
#include "tests/tools/testing.h"

// As check; the dump must hold these words, and `masked` rows of it, from `first` on, differ between machines.
static void check_form(const world *w, int cols, int rows, const char *text, const char *const *words, int first,
                       int masked, const char *golden) {
  pty p;
  start_script(&p, w, w->workspace, PTY_PLAIN, "xterm-256color", cols, rows, text);
  if (!pty_run(&p, NULL, 60.0) || !WIFEXITED(p.status) || WEXITSTATUS(p.status) != 0) {
    fail_msg("%s: status %d\n%s", golden, p.status, p.output.data != NULL ? p.output.data : "");
  }
  pty_close(&p);
  char *dump = read_dump(w), *from = dump;
  for (; *words != NULL; words++) {
    if (strstr(dump, *words) == NULL) fail_msg("%s: '%s' is missing in\n%s", golden, *words, dump);
  }
  pl_buf kept;
  pl_buf_init(&kept, TEXT_MAX);
  for (int row = 0; *from != '\0'; row++) {
    const size_t length = strcspn(from, "\n") + (from[strcspn(from, "\n")] == '\n');
    if (row >= first && row < first + masked) {
      pl_buf_add_text(&kept, "~\n");
    } else {
      pl_buf_add(&kept, from, length);
    }
    from += length;
  }
  compare(kept.data, golden);
  pl_buf_clear(&kept);
  free(dump);
}

static void test_data(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key j j\nwait-job", "data_80x24");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 160, 50, "key G k k\nwait-job", "data_160x50");
}

static void test_filter(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 24, "key f\nkeys positive fold=3\nkey Enter\nwait-job",
        "data_filter");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 24, "cmd filter nonsense\nwait-job", "data_filter_wrong");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 24,
        "cmd sort area\nkey r\nkey /\nkeys 1333\nkey Enter\nwait-job", "data_sorted");
}

// Thumbnails: moving by rows, marks, sizes, masks off, the mouse, in pixels and in half blocks; the table sorted by a
// column that it has no room for otherwise.
static void test_thumbs(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40,
        "key t\nwait-job\nkey j l l Space k\nwait-job\nmouse press 30 15\nwait-job\nmouse wheel-down 30 15\nwait-job",
        "thumbs_120x40");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "cmd filter positive\nkey t - m G\nwait-job",
        "thumbs_80x24");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 200, 60, "key t + + + + +\nwait-job\nkey Enter q\nwait-job",
        "thumbs_large");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 160, 50, "cmd sort age\nkey r\nwait-job", "data_sorted_age");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "cmd sort view\nwait-job", "data_sorted_view");
}

static void test_help(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 40, "wait-job\nkey ?", "help");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 80, 24, "key 4 ?\nkeys checkpoint", "help_filter");
  // By a key, too.
  check(w, w->workspace, PTY_VT340, "xterm-256color", 80, 24, "key ?\nkeys PgDn", "help_key");
}

// q leads back along the way that one came, at its beginning it says so; Tab completes in the prompt.
static void test_keys(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 24,
        "key j Enter\nwait-job\nkey 7\nwait-job\nkey q\nwait-job\nkey Esc q Tab q\nwait-job", "keys_back");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 24,
        "key 4\nkey :\nkeys se\nkey Tab\nkeys  augment \nkey Tab Tab\nwait-job", "keys_complete");
}

static void expect_dump(const world *w, const char *workspace, const char *script, const char *text) {
  char *dump = dump_of(w, workspace, PTY_PLAIN, "xterm-256color", 80, 24, script);
  if (strstr(dump, text) == NULL) fail_msg("no '%s' after '%s':\n%s", text, script, dump);
  free(dump);
}

// The keys of one step come before anything that a job brings: opening a label holds up none of them. One that is left
// while it is read is not open; one that cannot be read leads back.
static void opening_a_label(const world *w, const char *ws) {
  expect_dump(w, ws, "cmd case 1\nwait-job\nkey E Space\nwait-job", "the label is still being read");
  expect_dump(w, ws, "cmd case 1\nwait-job\nkey E\nwait-job\nkey Space\nwait-job", " down ");
  expect_dump(w, ws, "cmd case 1\nwait-job\nkey E q\nwait-job\nkey E\nwait-job", "  up  ");
  expect_dump(w, ws, "cmd case 1\nwait-job\nkey E q E\nwait-job", "  up  ");
  char *table = pl_path_join(ws, "train-rle.csv"), *away = pl_path_join(ws, "away");
  assert_int_equal(rename(table, away), 0);
  expect_dump(w, ws, "cmd case 1\nwait-job\nkey E\nwait-job", " case #1: cannot open ");
  expect_dump(w, ws, "cmd case 1\nwait-job\nkey E\nwait-job", " #1  negative  train  fold ");
  assert_int_equal(rename(away, table), 0);
  free(table);
  free(away);
}

// A label corrected by mouse and by keys, in pixels and in half blocks; left and taken up again; finished with a
// reason.
static void test_label(void **state) {
  const world *w = *state;
  char *set = pl_path_join(w->root, "label set"), *ws = pl_path_join(w->root, "l");
  const char *const make[] = {w->program, "phantom", set, "--cases", "6", "--size", "128", NULL};
  const char *const import[] = {w->program, "import", set, "--size", "64", "-C", ws, "-q", NULL};
  pty p;
  for (int i = 0; i < 2; i++) {
    pty_start(&p, PTY_PLAIN, 80, 24, "xterm-256color", i == 0 ? make : import);
    assert_true(pty_run(&p, NULL, 60.0));
    pty_close(&p);
  }
  char *original = text_of(ws, "train-rle.csv");
  opening_a_label(w, ws);
  const char *open = "cmd case 1\nwait-job\nkey E\nwait-job";
  check(w, ws, PTY_VT340, "xterm-256color", 100, 30, open, "label_open");
  // Drags with the left button paint, with the right one erase; nothing of it is finished.
  char *mouse = pl_xprintf(
      "%s\nmouse press 30 10\nmouse drag 40 10\nmouse drag 50 14\nmouse release 50 14\n"
      "mouse press 40 11 3\nmouse release 40 11 3\nmouse press 2 1\nmouse release 2 1\nwait-job",
      open);
  check(w, ws, PTY_VT340, "xterm-256color", 100, 30, mouse, "label_mouse");
  // They are there again, also in half blocks; they can be undone and done again.
  char *again = pl_xprintf("%s\nkey u u u ^R\nwait-job", open);
  check(w, ws, PTY_PLAIN, "xterm-256color", 80, 24, open, "label_recovered");
  check(w, ws, PTY_PLAIN, "xterm-256color", 80, 24, again, "label_undone");
  // By keys: a brush of 5 pixels along a line and back up by single pixels, the eraser, zoomed in, outlined.
  char *keys = pl_xprintf(
      "%s\ncmd brush 5\ncmd go 40,60\nkey Space l l l K K Space\nkey x Space h Space\nkey + + c\nwait-job", open);
  check(w, ws, PTY_VT340, "xterm-256color", 100, 30, keys, "label_keys");
  // Giving up asks; then a reason is asked for, and an empty one is none.
  char *asks = pl_xprintf("%s\nkey D", open), *drops = pl_xprintf("%s\nkey D y\nwait-job", open);
  check(w, ws, PTY_PLAIN, "xterm-256color", 80, 24, asks, "label_asks");
  check(w, ws, PTY_PLAIN, "xterm-256color", 80, 24, drops, "label_dropped");
  const char *draw = "cmd brush 7\ncmd go 64,64\nkey Space Space";
  char *empty = pl_xprintf("%s\n%s\nkey Enter Enter", open, draw);
  char *done = pl_xprintf("%s\nkey Enter\nkeys it was missed\nkey Enter\nwait-job", open);
  check(w, ws, PTY_PLAIN, "xterm-256color", 80, 24, empty, "label_no_reason");
  char *finished = dump_of(w, ws, PTY_PLAIN, "xterm-256color", 80, 24, done);
  assert_non_null(strstr(finished, "1 corrected label in corrected-rle.csv"));
  assert_non_null(strstr(finished, ": :labels corrected shows it"));  // by whom and when is not always the same
  free(finished);
  char *now = text_of(ws, "train-rle.csv"), *corrected = text_of(ws, "corrected-rle.csv");
  assert_string_equal(now, original);
  // One disc of 37 pixels around 64,64: columns 61 to 67 of 128 rows.
  assert_non_null(strstr(corrected, ",7871 3 124 5 122 7 121 7 121 7 122 5 124 3\n"));
  char *log = text_of(ws, "corrections/labels.json");
  assert_non_null(strstr(log, "it was missed"));
  free(log);
  free(now);
  free(corrected);
  free(original);
  free(mouse);
  free(again);
  free(keys);
  free(asks);
  free(drops);
  free(empty);
  free(done);
  free(set);
  free(ws);
}

// From nothing to a workspace with cases, without a shell: the import asks whether this shall be one, runs as a job,
// and its cases are there. What it was doing is in the list, which takes over the keys while it is open.
static void test_jobs(void **state) {
  const world *w = *state;
  char *set = pl_path_join(w->root, "my set"), *fresh = pl_path_join(w->root, "n");
  const char *const argv[] = {w->program, "phantom", set, "--cases", "6", "--size", "64", NULL};
  pty p;
  pty_start(&p, PTY_PLAIN, 80, 24, "xterm-256color", argv);
  assert_true(pty_run(&p, NULL, 30.0));
  pty_close(&p);
  assert_int_equal(pl_fs_make_folders(fresh, NULL), PL_OK);
  check(w, fresh, PTY_PLAIN, "xterm-256color", 100, 24, "key J", "jobs_none");
  char *import = pl_xprintf("key :\nkeys import %s/my\nkey Tab", w->root);
  char *asks = pl_xprintf("%s Enter", import);
  char *does = pl_xprintf("%s\nkey y\nwait-background\nkey X q G\nwait-job", asks);
  check(w, fresh, PTY_PLAIN, "xterm-256color", 100, 24, import, "jobs_complete");
  check(w, fresh, PTY_PLAIN, "xterm-256color", 100, 24, asks, "jobs_asks");
  check(w, fresh, PTY_PLAIN, "xterm-256color", 100, 24, does, "jobs_imported");
  check(w, fresh, PTY_PLAIN, "xterm-256color", 100, 24, "cmd jobs\nkey C y\nkey 1\nwait-job", "jobs_cleared");
  // Left while one works: the last line names it.
  char *large = pl_path_join(w->root, "large");
  const char *const many[] = {w->program, "phantom", large, "--cases", "50", "--size", "512", NULL};
  pty_start(&p, PTY_PLAIN, 80, 24, "xterm-256color", many);
  assert_true(pty_run(&p, NULL, 60.0));
  pty_close(&p);
  char *leaves = pl_xprintf("cmd import %s -j 1", large);
  start_script(&p, w, fresh, PTY_PLAIN, "xterm-256color", 100, 24, leaves);
  assert_true(pty_run(&p, NULL, 30.0));
  assert_non_null(memmem(p.output.data, p.output.length, " goes on", 8));
  assert_non_null(memmem(p.output.data, p.output.length, "Stop: pleura jobs cancel import-", 32));
  pty_close(&p);
  check(w, fresh, PTY_PLAIN, "xterm-256color", 100, 24, "wait-background\nkey J X y\nkey q\nwait-job", "jobs_left");
  free(leaves);
  free(large);
  free(does);
  free(asks);
  free(import);
  free(set);
  free(fresh);
}

// The viewer: windowed, zoomed, with its header, by keys and by the mouse.
static void test_case(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key Enter\nwait-job\nkey n\nwait-job", "case_80x24");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40, "key Enter\nwait-job\nkey z w H\nwait-job",
        "case_120x40");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 200, 60,
        "cmd case 4\nwait-job\nkey v c =\nwait-job\ncmd window 100,50\nwait-job\nkey l j\nwait-job", "case_200x60");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 30,
        "mouse press 5 3\nmouse press 5 3\nwait-job\nmouse press 50 15\nmouse drag 60 20\nmouse release 60 20\n"
        "mouse wheel-up 40 12\nwait-job",
        "case_mouse");
  check(w, w->workspace, PTY_PLAIN, "vt100", 100, 30, "key 2\nwait-job\nkey i\nwait-job", "case_vt100");
  check(w, w->empty, PTY_PLAIN, "xterm-256color", 90, 24, "key 2\nwait-job", "case_empty");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 30, "key Enter\nwait-job\nkey Esc\nwait-job", "case_back");
}

// Truth, prediction, difference and probability; scrubbing, pinning, two panes, thresholds, and why there is nothing.
static void test_predictions(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_VT340, "xterm-256color", 160, 50, "key Enter\nwait-job\nkey t t H\nwait-job",
        "predict_difference");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key Enter\nwait-job\nkey t t\nwait-job",
        "predict_80x24");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40,
        "cmd case 4\nwait-job\nkey t\nwait-job\nkey < < <\nwait-job\nkey v c\nwait-job", "predict_split");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40,
        "cmd case 4\nwait-job\ncmd epoch 3\nwait-job\nkey B\ncmd epoch newest\nkey v\nwait-job\nkey , , t\nwait-job",
        "predict_pinned");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40,
        "cmd case 1\nwait-job\ncmd show probability\nwait-job\ncmd threshold 0.3\ncmd epoch 0\nwait-job\nkey b H\n"
        "wait-job",
        "predict_blink");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40,
        "cmd case 4\nwait-job\nkey t\nwait-job\nkey n\nwait-job\nkey H\nwait-job", "predict_none");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40,
        "cmd case 1\nwait-job\ncmd prediction 2026-11-22-a\nwait-job", "predict_other_run");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40, "cmd case 1\nwait-job\ncmd epoch 13\nwait-job",
        "predict_no_epoch");
}

// While a run trains its newest epoch appears by itself.
static void test_predictions_appear(void **state) {
  const world *w = *state;
  char *workspace = pl_path_join(w->root, "live"), *run = NULL;
  pl_error err = {0};
  if (fixture_workspace(workspace, 6, &err) != PL_OK ||
      fixture_run(&run, workspace, "r", 1, PL_PHASE_TRAINING, &err) != PL_OK ||
      fixture_previews(run, workspace, 0, 0, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  const char *const argv[] = {w->program, "-C", workspace, NULL};
  pty p;
  pty_start(&p, PTY_VT340, 120, 40, "xterm-256color", argv);
  assert_true(pty_run(&p, "Contour", 30.0));
  pty_type(&p, "\rt");
  assert_true(pty_run(&p, "(untrained)", 30.0));
  assert_int_equal(fixture_previews(run, workspace, 1, 1, &err), PL_OK);
  assert_true(pty_run(&p, "1/20", 30.0));  // only what is new of the line is written
  pty_type(&p, "Q");
  assert_true(pty_run(&p, NULL, 30.0));
  pty_close(&p);
  free(run);
  free(workspace);
}

// The previews on screen Train: among the charts, alone where there is little room, by epochs and cases, and into the
// viewer.
static void test_previews(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_VT340, "xterm-256color", 200, 60, "key 4\nwait-job\nkey t t t\nkey < l\nwait-job",
        "previews_200x60");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key 4\nwait-job\nkey v\nwait-job\nkey < <\nwait-job",
        "previews_80x24");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key 4\nwait-job\nkey v\nwait-job\nkey v\nwait-job",
        "previews_left");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40,
        "key 4\nwait-job\nkey v\nwait-job\nkey < l\nwait-job\nkey Enter\nwait-job", "previews_opened");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40,
        "key 4\nwait-job\nkey v\nwait-job\nmouse press 70 12\nmouse release 70 12\nmouse wheel-up 70 12\nwait-job",
        "previews_mouse");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 30, "key 4 [\nwait-job\nkey v\nwait-job", "previews_none");
}

// Originals: their header, the person only to those who ask, and no millimetres that cannot be true. And the picture on
// the whole window, where it is small from the start.
static void test_originals(void **state) {
  const world *w = *state;
  char *workspace = pl_path_join(w->root, "originals");
  pl_error err = {0};
  if (fixture_workspace(workspace, 6, &err) != PL_OK || fixture_originals(workspace, 0.143, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  check(w, workspace, PTY_VT340, "xterm-256color", 120, 40, "key Enter\nwait-job\nkey H r\nwait-job", "case_original");
  check(w, workspace, PTY_VT340, "xterm-256color", 120, 40, "key Enter\nwait-job\nkey I\nwait-job",
        "case_identity_asks");
  check(w, workspace, PTY_VT340, "xterm-256color", 120, 40, "key Enter\nwait-job\nkey I y\ncmd ruler file\nwait-job",
        "case_identity");
  check(w, workspace, PTY_VT340, "xterm-256color", 120, 40, "key Enter\nwait-job\nkey I y n\nwait-job",
        "case_identity_gone");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key Enter\nwait-job\nkey i\nwait-job", "case_full");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40, "key Enter\nwait-job\nkey f t\nwait-job",
        "case_full_sixel");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key Enter\nwait-job\nkey Esc Esc\nwait-job",
        "case_full_left");
  free(workspace);
}

// Marks, flags and notes, in a workspace of their own; somebody else's remarks appear by themselves.
static void test_notes(void **state) {
  const world *w = *state;
  char *workspace = pl_path_join(w->root, "remarks");
  pl_error err = {0};
  if (fixture_workspace(workspace, CASES, &err) != PL_OK) fail_msg("%s", err.message);
  check(w, workspace, PTY_PLAIN, "xterm-256color", 100, 24,
        "wait-job\nkey Space Space F\nkeys check\nkey Enter u g N\nkeys near the apex\nkey Enter\nwait-job",
        "data_notes");
  check(w, workspace, PTY_PLAIN, "xterm-256color", 100, 24, "cmd filter flag=check\nwait-job", "data_flagged");
  free(workspace);
}

static void test_runs(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key 5\nwait-job", "runs_80x24");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 120, 40,
        "key 5\nwait-job\nkey Space k\nwait-job\nkey B t\nwait-job", "runs_120x40");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 200, 60, "key 5\nwait-job\nkey g Enter\nwait-job", "runs_open");
  check(w, w->empty, PTY_PLAIN, "xterm-256color", 90, 24, "key 5\nwait-job", "runs_empty");
}

// Curves: the cursor by keys and mouse with what it reads out, smoothing, axes, zoom; one chart alone; some charts.
static void test_curves(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 120, 30,
        "key 4\nwait-job\nkey Left H H\ncmd smooth 0.6\ncmd x-axis step\nkey Left H H y\nwait-job", "curves_cursor");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 120, 30,
        "key 4\nwait-job\nmouse press 30 12 1\nmouse release 30 12 1\nkey + +\ncmd x-axis active\nwait-job\nmouse "
        "press 30 12 1\n"
        "mouse wheel-up 30 12\nwait-job",
        "curves_zoomed");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 30,
        "key 4\nwait-job\ncmd charts rate\nwait-job\nkey Enter\nwait-job", "curves_filter");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 30, "key 4\ncmd chart load\nwait-job\ncmd charts nothing",
        "curves_page");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 30,
        "key 5\nwait-job\ncmd curve batch loss\nkey Space k Space m m Y Left\nwait-job", "curves_runs");
}

static void test_runs_order(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 24, "key 5\nwait-job\ncmd sort epoch\nkey r\nwait-job",
        "runs_sorted");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 24,
        "key 5\nwait-job\ncmd filter failed epoch<5 encoder=resnet18\nwait-job", "runs_filter");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 24, "key 5\nwait-job\ncmd filter batch>many\nwait-job",
        "runs_filter_wrong");
}

static void test_log(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 24, "key 6\nwait-job\ncmd search epoch", "log_100x24");
  check(w, w->empty, PTY_PLAIN, "xterm-256color", 90, 24, "key 6\nwait-job", "log_empty");
}

// Tabs, titles of columns and hints take clicks, tables the wheel.
static void test_mouse(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 24,
        "mouse press 24 1\nmouse press 24 1\nmouse wheel-down 5 8\nwait-job", "mouse_data");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 100, 24, "mouse press 40 0\nwait-job", "mouse_tab");
}

static void test_train(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key 4\nwait-job", "train_80x24");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 160, 50, "key 4\nwait-job", "train_160x50");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 30, "key 4 [\nwait-job\nwait-ms 50\nwait-job",
        "train_failed");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 30, "key 4\nwait-job\nkey X", "train_stop_asks");
  check(w, w->workspace, PTY_SILENT, "xterm-256color", 80, 24, "key 4\nwait-job\nkey r\nkeys fast\nkey Enter",
        "train_rate");
}

// The form: values, weights, presets, and what the training would take; what does not fit is not started.
static void test_form(void **state) {
  const world *w = *state;
  static const char *const plan[] = {"an epoch", "at its peak", "for checkpoints", " parameters", NULL};
  static const char *const summary[] = {"of memory", NULL};
  static const char *const nothing[] = {NULL};
  check_form(w, 100, 16, "key 4 S\ncmd set encoder resnet34\nkey j j j j\nkeys 12\nkey Enter\nwait-job", summary, 12, 2,
             "train_form");
  check_form(w, 100, 14, "key 4 S\ncmd set encoder resnet34\nkey j j\nwait-job", nothing, 0, 0, "train_form_weights");
  check_form(w, 120, 40, "key 4 S\ncmd preset demo\nkey j j j j j j\nwait-job", plan, 32, 6, "train_form_plan");
  // A batch far too large: S says so and starts nothing, f takes the one that fits.
  const double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  if (memory < 8e9 || memory > 60e9) {
    print_message("with %.0f GB of memory every batch fits here, or none: not tried\n", memory * 1e-9);
    return;
  }
  static const char *const refused[] = {"which fits: a batch of 1024 images", NULL};
  static const char *const fitted[] = {"an epoch", "at its peak", "batch is ", NULL};
  const char *large = "key 4 S\ncmd set encoder resnet18\ncmd set size 1536\ncmd set batch 1024\n";
  char *text = pl_xprintf("%skey S\nwait-job", large);
  check_form(w, 120, 40, text, refused, 32, 8, "train_form_refused");
  free(text);
  text = pl_xprintf("%swait-job\nkey f\nwait-job", large);
  check_form(w, 120, 40, text, fitted, 5, 40, "train_form_fitted");
  free(text);
}

// What a new training gets, what the run on the Train screen gets, and what its form says.
static void test_batch(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_VT340, "xterm-256color", 160, 50, "key 7\nwait-job\nkey n\nwait-job\nkey e e E\nwait-job",
        "batch_160x50");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key 4 7\nwait-job\ncmd epoch 3\nwait-job",
        "batch_run_80x24");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 30,
        "key 4 S\ncmd set batch 4\ncmd set augment none\ncmd batch 3\nwait-job\nkey m\nwait-job", "batch_form");
  check(w, w->workspace, PTY_PLAIN, "vt100", 100, 30, "key 7\nwait-job\nkey c\nwait-job", "batch_vt100");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 30, "cmd batch 99\nwait-job", "batch_beyond");
  check(w, w->workspace, PTY_VT340, "xterm-256color", 100, 30, "key 4 7\nwait-job\nkey Esc\nwait-job", "batch_back");
  check(w, w->empty, PTY_PLAIN, "xterm-256color", 90, 24, "key 7\nwait-job", "batch_empty");
}

// A second workspace whose folds may be changed: with train-rle.csv, a map in which three cases in a row are one
// patient's, and a column in folds.csv that pleura does not know.
static char *changing_workspace(const world *w, const char *name) {
  char *workspace = pl_path_join(w->root, name), *folds = pl_path_join(workspace, "folds.csv");
  char *rle = pl_path_join(workspace, "train-rle.csv"), *map = pl_path_join(workspace, "map.csv");
  pl_error err = {0};
  if (fixture_workspace(workspace, CASES, &err) != PL_OK) fail_msg("%s", err.message);
  pl_buf rows, table, patients;
  pl_buf_init(&rows, TEXT_MAX);
  pl_buf_init(&table, TEXT_MAX);
  pl_buf_init(&patients, TEXT_MAX);
  pl_buf_add_text(&rows, "ImageId,EncodedPixels\n");
  pl_buf_add_text(&table, "ImageId,EncodedPixels,has_mask,kfold,note\n");
  pl_buf_add_text(&patients, "ImageId,patient\n");
  for (size_t i = 0; i < CASES - 2; i++) {
    const char *pixels = i % 3 == 0 ? "10 20" : "-1";
    char *id = pl_xprintf("1.2.826.0.1.3680043.8498.%04zu", 1000 + i * 37);
    pl_buf_printf(&rows, "%s,%s\n", id, pixels);
    pl_buf_printf(&table, "%s,%s,%d,%zu,\"of %zu, mine\"\n", id, pixels, i % 3 == 0, i % 5, i);
    pl_buf_printf(&patients, "%s,P%zu\n", id, i / 3);
    free(id);
  }
  assert_int_equal(pl_fs_replace(rle, rows.data, rows.length, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(folds, table.data, table.length, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(map, patients.data, patients.length, NULL), PL_OK);
  pl_buf_clear(&rows);
  pl_buf_clear(&table);
  pl_buf_clear(&patients);
  free(folds);
  free(rle);
  free(map);
  return workspace;
}

static char *read_folds(const char *workspace) {
  char *path = pl_path_join(workspace, "folds.csv");
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
  free(path);
  return text.data;  // the caller frees
}

static void test_folds(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key 3\nwait-job\nkey j Enter Space", "folds_80x24");
  check(w, w->empty, PTY_PLAIN, "xterm-256color", 80, 24, "key 3\nwait-job\nkey S", "folds_empty");
  char *workspace = changing_workspace(w, "f");
  char *script = pl_xprintf("key 3\nwait-job\ncmd patients %s/map.csv\nwait-job\nkey j j j j j l", workspace);
  check(w, workspace, PTY_VT340, "xterm-256color", 160, 50, script, "folds_160x50");
  free(script);
  free(workspace);
}

// Two cases are moved by hand: their rows change, nothing else does, and without a yes nothing at all.
static void test_folds_moved(void **state) {
  const world *w = *state;
  char *workspace = changing_workspace(w, "m"), *before = read_folds(workspace);
  check(w, workspace, PTY_PLAIN, "xterm-256color", 80, 24,
        "key 3\nwait-job\nkey j Enter Space Space m\nkeys 4\nkey Enter", "folds_move_asks");
  char *after = read_folds(workspace);
  assert_string_equal(before, after);
  free(after);
  check(w, workspace, PTY_PLAIN, "xterm-256color", 80, 24,
        "key 3\nwait-job\nkey j Enter Space Space\ncmd move 4\nkey n\ncmd move 9\nkey m\nkeys 4\nkey Enter y\n"
        "wait-job",
        "folds_moved");
  after = read_folds(workspace);
  // Cases #2 and #7 were the first two of fold 1.
  static const char *const rows[] = {"1037,-1,0,1,\"of 1,", "1222,10 20,1,1,\"of 6,"};
  for (size_t i = 0; i < 2; i++) {
    char *row = strstr(before, rows[i]);
    assert_non_null(row);
    *(strstr(row, ",\"of") - 1) = '4';
  }
  assert_string_equal(before, after);
  free(before);
  free(after);
  free(workspace);
}

// New folds keep the patients of the map together; folds.csv is replaced after a yes only.
static void test_folds_made(void **state) {
  const world *w = *state;
  char *workspace = changing_workspace(w, "s"), *before = read_folds(workspace);
  char *form = pl_xprintf("key 3\nwait-job\nkey S\ncmd set patients %s/map.csv\nkey j\nkeys 3\nkey Enter", workspace);
  check(w, workspace, PTY_PLAIN, "xterm-256color", 80, 24, form, "folds_form");
  char *script = pl_xprintf("%s\nkey S n S y\nwait-job\nwait-ms 50\nwait-job", form);
  char *unsure = pl_xprintf("%s\nkey S", form);
  check(w, workspace, PTY_PLAIN, "xterm-256color", 80, 24, unsure, "folds_split_asks");
  char *after = read_folds(workspace);
  assert_string_equal(before, after);
  free(after);
  check(w, workspace, PTY_PLAIN, "xterm-256color", 80, 24, script, "folds_made");
  after = read_folds(workspace);
  assert_non_null(strstr(after, "ImageId,EncodedPixels,has_mask,kfold\n"));
  int folds[CASES - 2];
  for (size_t i = 0; i < CASES - 2; i++) {
    char *id = pl_xprintf(".%04zu,", 1000 + i * 37), *row = strstr(after, id);
    assert_non_null(row);
    folds[i] = strchr(row, '\n')[-1] - '0';
    assert_in_range(folds[i], 0, 2);
    assert_int_equal(folds[i], folds[i - i % 3]);
    free(id);
  }
  free(before);
  free(after);
  free(form);
  free(script);
  free(unsure);
  free(workspace);
}

static void test_plain_terminals(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_SILENT, "vt100", 100, 30, "key 4\nwait-job", "train_vt100");
  check(w, w->workspace, PTY_SILENT, "vt100", 100, 30, "wait-job", "data_vt100");
}

static void test_nothing_there(void **state) {
  const world *w = *state;
  check(w, w->empty, PTY_PLAIN, "xterm-256color", 90, 24, "wait-job", "data_empty");
  check(w, w->empty, PTY_PLAIN, "xterm-256color", 90, 24, "key 4 S\nwait-job", "train_empty");
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 40, 8, "wait-job", "too_small");
}

static void test_resize_storm(void **state) {
  const world *w = *state;
  check(w, w->workspace, PTY_VT340, "xterm-256color", 160, 50,
        "size 81x25\nsize 10x3\nsize 200x60\nkey 4\nsize 50x12\nsize 120x40\nkey 1\nsize 70x20\nsize 1x1\nwait-job\n"
        "size 100x30\nwait-job\nwait-ms 100\nwait-job",
        "resized");
}

// The picture arrives as one sixel sequence of the slot's size, at its place.
static void test_sixel(void **state) {
  const world *w = *state;
  pty p;
  start_script(&p, w, w->workspace, PTY_VT340, "xterm-256color", 100, 30, "wait-job\nwait-ms 200");
  assert_true(pty_run(&p, NULL, 30.0));
  size_t first = 0, length = 0;
  assert_int_equal(pty_sixels(&p, &first, &length), 1);
  char *dump = read_dump(w);
  unsigned x = 0, y = 0, cols = 0, rows = 0, width = 0, height = 0, raster_width = 0, raster_height = 0;
  const char *line = strstr(dump, "[picture sixel");
  assert_non_null(line);
  assert_int_equal(
      sscanf(line, "[picture sixel at %u,%u of %ux%u cells, %ux%u pixels]", &x, &y, &cols, &rows, &width, &height), 6);
  assert_true(width <= cols * 10 && height <= rows * 20 && height % 6 == 0);
  const char *raster = memchr(p.output.data + first, '"', length);
  assert_non_null(raster);
  assert_int_equal(sscanf(raster, "\"1;1;%u;%u", &raster_width, &raster_height), 2);
  assert_int_equal(raster_width, width);
  assert_int_equal(raster_height, height);
  char *place = pl_xprintf("\x1b\x37\x1b[%u;%uH\x1bP", y + 1, x + 1);
  assert_non_null(memmem(p.output.data, p.output.length, place, strlen(place)));
  free(place);
  free(dump);
  pty_close(&p);
}

// What a terminal answered, and the remedy where it has no sixel.
static void test_caps(void **state) {
  const world *w = *state;
  const char *const argv[] = {w->program, "caps", NULL}, *const json[] = {w->program, "caps", "--json", NULL};
  pty p;
  pty_start(&p, PTY_VT340, 100, 30, "xterm-256color", argv);
  assert_true(pty_run(&p, NULL, 30.0));
  assert_non_null(memmem(p.output.data, p.output.length, "pictures: sixel, because the terminal has sixel", 47));
  assert_null(memmem(p.output.data, p.output.length, "for real pixels", 15));
  assert_true(pty_same_mode(&p));
  pty_close(&p);
  pty_start(&p, PTY_SILENT, 100, 30, "xterm-256color", argv);
  assert_true(pty_run(&p, NULL, 30.0));
  assert_non_null(memmem(p.output.data, p.output.length, "pictures: blocks, because the terminal did not answer", 53));
  assert_non_null(memmem(p.output.data, p.output.length, "for real pixels", 15));
  pty_close(&p);
  pty_start(&p, PTY_VT340, 100, 30, "xterm-256color", json);
  assert_true(pty_run(&p, NULL, 30.0));
  assert_non_null(memmem(p.output.data, p.output.length, "\"cell_width\": 10", 16));
  pty_close(&p);
}

static void start_plain(pty *p, const world *w, const char *term) {
  const char *const argv[] = {w->program, "-C", w->workspace, NULL};
  pty_start(p, PTY_VT340, 100, 30, term, argv);
}

static void test_quit(void **state) {
  const world *w = *state;
  pty p;
  start_plain(&p, w, "xterm-256color");
  assert_true(pty_run(&p, "Checkpoint", 10.0));
  assert_false(pty_same_mode(&p));
  pty_type(&p, "Q");
  assert_true(pty_run(&p, NULL, 10.0));
  assert_true(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 0);
  assert_true(pty_same_mode(&p));
  assert_non_null(memmem(p.output.data, p.output.length, "\x1b[?1049l", 8));
  assert_non_null(memmem(p.output.data, p.output.length, "2026-11-23-a trains on", 22));
  pty_close(&p);
}

static void test_no_terminal(void **state) {
  const world *w = *state;
  pty p;
  start_plain(&p, w, "dumb");
  assert_true(pty_run(&p, NULL, 10.0));
  assert_true(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 2);
  assert_non_null(memmem(p.output.data, p.output.length, "TERM is dumb", 12));
  pty_close(&p);
}

static void test_signals(void **state) {
  const world *w = *state;
  static const int numbers[] = {SIGHUP, SIGTERM, SIGABRT, SIGSEGV};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    pty p;
    start_plain(&p, w, "xterm-256color");
    assert_true(pty_run(&p, "Checkpoint", 10.0));
    kill(p.child, numbers[i]);
    assert_true(pty_run(&p, NULL, 10.0));
    if (numbers[i] == SIGHUP || numbers[i] == SIGTERM) {
      assert_true(WIFEXITED(p.status));
      assert_int_equal(WEXITSTATUS(p.status), 128 + numbers[i]);
    } else {
      // Under a sanitizer the signal ends with its report instead.
      assert_false(WIFEXITED(p.status) && WEXITSTATUS(p.status) == 0);
    }
    assert_true(pty_same_mode(&p));
    assert_non_null(memmem(p.output.data, p.output.length, "\x1b[?1049l", 8));
    pty_close(&p);
  }
}

// The terminal goes away under it: it ends by itself.
static void test_hang_up(void **state) {
  const world *w = *state;
  pty p;
  start_plain(&p, w, "xterm-256color");
  assert_true(pty_run(&p, "Checkpoint", 10.0));
  close(p.master);
  close(p.slave);
  int status = 0;
  pid_t ended = 0;
  for (int i = 0; i < 6000 && ended == 0; i++) {
    usleep(10000);
    ended = waitpid(p.child, &status, WNOHANG);
  }
  assert_int_equal(ended, p.child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 128 + SIGHUP);
  p.ended = true;
  p.master = p.slave = -1;
  pty_close(&p);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_data),
      cmocka_unit_test(test_filter),
      cmocka_unit_test(test_help),
      cmocka_unit_test(test_keys),
      cmocka_unit_test(test_thumbs),
      cmocka_unit_test(test_jobs),
      cmocka_unit_test(test_case),
      cmocka_unit_test(test_label),
      cmocka_unit_test(test_runs),
      cmocka_unit_test(test_curves),
      cmocka_unit_test(test_runs_order),
      cmocka_unit_test(test_log),
      cmocka_unit_test(test_notes),
      cmocka_unit_test(test_caps),
      cmocka_unit_test(test_mouse),
      cmocka_unit_test(test_train),
      cmocka_unit_test(test_plain_terminals),
      cmocka_unit_test(test_nothing_there),
      cmocka_unit_test(test_batch),
      cmocka_unit_test(test_sixel),
      cmocka_unit_test(test_resize_storm),
      cmocka_unit_test(test_quit),
      cmocka_unit_test(test_signals),
      cmocka_unit_test(test_no_terminal),
      cmocka_unit_test(test_hang_up),
      cmocka_unit_test(test_folds),
      cmocka_unit_test(test_folds_moved),
      cmocka_unit_test(test_folds_made),
      cmocka_unit_test(test_predictions),
      cmocka_unit_test(test_originals),
      cmocka_unit_test(test_predictions_appear),
      cmocka_unit_test(test_previews),
      cmocka_unit_test(test_form),
  };
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
