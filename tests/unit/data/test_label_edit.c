// Correcting one label: strokes, undo and redo, the journal, and what a crash leaves.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/rle.h"
#include "tests/tools/testing.h"
#include "tests/unit/data/label_fixture.h"

static size_t bytes(void) { return (size_t)LABEL_COLS * LABEL_ROWS; }

static bool same(const pl_label_edit *edit, const pl_image *mask) {
  return memcmp(pl_label_edit_mask(edit)->u8, mask->u8, bytes()) == 0;
}

static pl_image copy_of(const pl_image *in) {
  pl_image out;
  assert_int_equal(pl_image_init(&out, in->width, in->height, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  memcpy(out.u8, in->u8, bytes());
  return out;
}

static void undo(pl_label_edit *edit, bool expected) {
  bool done = !expected;
  assert_int_equal(pl_label_edit_undo(edit, &done, NULL), PL_OK);
  assert_int_equal(done, expected);
}

static void redo(pl_label_edit *edit, bool expected) {
  bool done = !expected;
  assert_int_equal(pl_label_edit_redo(edit, &done, NULL), PL_OK);
  assert_int_equal(done, expected);
}

static void strokes_are_counted(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "two");
  pl_label_counts c = pl_label_edit_counts(edit);
  assert_int_equal(c.area, 12);
  assert_int_equal(c.original_area, 12);
  assert_int_equal(pl_label_edit_mask(edit)->width, LABEL_COLS);
  assert_int_equal(pl_label_edit_mask(edit)->height, LABEL_ROWS);
  dab(edit, false, 1, 20, 20);
  dab(edit, true, 0, 0, 0);
  c = pl_label_edit_counts(edit);
  assert_int_equal(c.area, 12 + 9 - 1);
  assert_int_equal(c.added, 9);
  assert_int_equal(c.removed, 1);
  assert_int_equal(c.strokes, 2);
  // What changes nothing is no stroke.
  dab(edit, true, 1, 35, 5);
  assert_int_equal(pl_label_edit_counts(edit).strokes, 2);
  undo(edit, true);
  c = pl_label_edit_counts(edit);
  assert_int_equal(c.removed, 0);
  assert_int_equal(c.undone, 1);
  undo(edit, true);
  undo(edit, false);
  redo(edit, true);
  assert_int_equal(pl_label_edit_counts(edit).area, 21);
  // A new stroke ends what could be redone.
  dab(edit, false, 0, 30, 3);
  redo(edit, false);
  assert_int_equal(pl_label_edit_counts(edit).undone, 0);
  pl_label_edit_close(edit);
}

typedef struct drawn {
  pl_brush brush;
  pl_brush_point a, b;
} drawn;

// Whatever is drawn, undone and redone: the mask is that of the strokes that count, drawn anew; and opening the case
// again finds it.
static void undo_is_replay(void **state) {
  label_workspace *w = *state;
  enum { STEPS = 400, STROKES = 400 };
  drawn strokes[STROKES];
  size_t done = 0, count = 0;
  pl_label_edit *edit = open_edit(w, "one");
  pl_image original = copy_of(pl_label_edit_original(edit));
  for (uint64_t k = 0; k < STEPS; k++) {
    const uint64_t what = pl_rng_below(7, k, 0, 10);
    if (what < 3) {
      undo(edit, done > 0);
      done -= done > 0;
    } else if (what < 5) {
      redo(edit, done < count);
      done += done < count;
    } else {
      const size_t before = pl_label_edit_counts(edit).strokes;
      const drawn s = {
          .brush = {.erase = pl_rng_below(7, k, 1, 3) == 0, .radius = (int)pl_rng_below(7, k, 2, 5)},
          .a = {(int32_t)pl_rng_below(7, k, 3, 50) - 5, (int32_t)pl_rng_below(7, k, 4, 40) - 5},
          .b = {(int32_t)pl_rng_below(7, k, 5, 50) - 5, (int32_t)pl_rng_below(7, k, 6, 40) - 5},
      };
      assert_int_equal(pl_label_edit_press(edit, s.brush, s.a.x, s.a.y, NULL), PL_OK);
      assert_int_equal(pl_label_edit_move(edit, s.b.x, s.b.y, NULL), PL_OK);
      assert_int_equal(pl_label_edit_lift(edit, NULL), PL_OK);
      if (pl_label_edit_counts(edit).strokes > before) {
        strokes[done] = s;
        count = ++done;
      }
    }
    pl_image mask = copy_of(&original);
    for (size_t i = 0; i < done; i++) {
      (void)pl_brush_draw(&mask, strokes[i].brush, strokes[i].a, strokes[i].a);
      (void)pl_brush_draw(&mask, strokes[i].brush, strokes[i].a, strokes[i].b);
    }
    assert_true(same(edit, &mask));
    if (k % 40 == 39) {
      pl_label_edit_close(edit);
      edit = open_edit(w, "one");
      assert_true(same(edit, &mask));
      assert_int_equal(pl_label_edit_counts(edit).strokes, done);
      assert_int_equal(pl_label_edit_counts(edit).undone, count - done);
      assert_int_equal(pl_label_edit_counts(edit).recovered, count);
    }
    pl_image_clear(&mask);
  }
  assert_true(count > 20);
  pl_image_clear(&original);
  pl_label_edit_close(edit);
}

static void finishing_and_dropping(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "none");
  pl_error err = {0};
  assert_int_equal(pl_label_edit_finish(edit, "why", &err), PL_E_USAGE);
  dab(edit, false, 2, 10, 10);
  assert_int_equal(pl_label_edit_finish(edit, " \t", &err), PL_E_USAGE);
  char *long_text = pl_xcalloc(PL_LABEL_WHY_MAX + 2, 1);
  memset(long_text, 'x', PL_LABEL_WHY_MAX + 1);
  assert_int_equal(pl_label_edit_finish(edit, long_text, &err), PL_E_LIMIT);
  free(long_text);
  finish(edit, "apical rim \x1b[31m\"missed\"");
  assert_int_equal(pl_label_edit_counts(edit).strokes, 0);
  undo(edit, false);
  // What is drawn later can be dropped, the finished label stays.
  dab(edit, false, 3, 30, 20);
  assert_int_equal(pl_label_edit_drop(edit, &err), PL_OK);
  assert_int_equal(pl_label_edit_counts(edit).area, 21);
  pl_label_edit_close(edit);
  edit = open_edit(w, "none");
  assert_int_equal(pl_label_edit_counts(edit).area, 21);
  assert_int_equal(pl_label_edit_counts(edit).recovered, 0);
  pl_label_edit_close(edit);
  // Who, when and why are kept, and are safe to show.
  pl_label_log log = {0};
  char *path = pl_label_log_path(w->folder, "none"), user[PL_USER_SIZE];
  assert_int_equal(pl_label_log_load(&log, path, &err), PL_OK);
  free(path);
  assert_int_equal(log.count, 5);
  const pl_label_record *finished = &log.records[2];
  assert_int_equal(finished->event, PL_LABEL_FINISHED);
  assert_string_equal(finished->why, "apical rim \\x1b[31m\"missed\"");
  pl_user_name(user);
  assert_string_equal(finished->user, user);
  assert_true(finished->host[0] != '\0' && finished->time > 1e9);
  assert_int_equal(finished->area, 21);
  pl_label_log_clear(&log);
}

static void reverting(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "one");
  assert_int_equal(pl_label_edit_revert(edit, "why", NULL), PL_E_USAGE);
  dab(edit, true, 5, 3, 5);
  finish(edit, "no pneumothorax");
  assert_int_equal(pl_label_edit_counts(edit).area, 0);
  assert_int_equal(pl_label_edit_revert(edit, "", NULL), PL_E_USAGE);
  assert_int_equal(pl_label_edit_revert(edit, "there is one", NULL), PL_OK);
  assert_int_equal(pl_label_edit_counts(edit).area, 8);
  pl_label_edit_close(edit);
  edit = open_edit(w, "one");
  assert_int_equal(pl_label_edit_counts(edit).area, 8);
  pl_label_edit_close(edit);
  pl_label_status *all = NULL;
  size_t count = 0;
  assert_int_equal(pl_labels_status(&all, &count, w->folder, NULL), PL_OK);
  assert_int_equal(count, 1);
  assert_false(all[0].corrected);
  pl_label_statuses_free(all, count);
}

static void only_looking_leaves_nothing(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "one");
  pl_label_edit_close(edit);
  pl_label_status *all = NULL;
  size_t count = 1;
  assert_int_equal(pl_labels_status(&all, &count, w->folder, NULL), PL_OK);
  assert_int_equal(count, 0);
  pl_label_statuses_free(all, count);
}

static void refused_cases(void **state) {
  label_workspace *w = *state;
  pl_label_edit *edit = NULL;
  pl_error err = {0};
  assert_int_equal(pl_label_edit_open(&edit, w->folder, case_of(w, "test"), &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "test image"));
  pl_case broken = *case_of(w, "one");
  broken.id = (char *)(uintptr_t) "broken";
  assert_int_equal(pl_label_edit_open(&edit, w->folder, &broken, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "broken"));
  pl_case small = *case_of(w, "one");
  small.rows = 3;
  assert_int_equal(pl_label_edit_open(&edit, w->folder, &small, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "line 5"));
  // Two at once.
  pl_label_edit *first = open_edit(w, "one");
  assert_int_equal(pl_label_edit_open(&edit, w->folder, case_of(w, "one"), &err), PL_E_BUSY);
  char user[PL_USER_SIZE];
  pl_user_name(user);
  assert_non_null(strstr(err.message, user));
  dab(first, false, 1, 20, 20);
  pl_label_edit_close(first);
  // Other rows of the case than were corrected; those of other cases do not matter.
  write_text(w, "train-rle.csv", "none, 0 1\none,  93 4 26 4\n");
  pl_label_edit_close(open_edit(w, "one"));
  write_text(w, "train-rle.csv", "none, 0 1\none,  93 4 26 5\n");
  assert_int_equal(pl_label_edit_open(&edit, w->folder, case_of(w, "one"), &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "--set-aside"));
  assert_int_equal(pl_label_set_aside(w->folder, "one", &err), PL_OK);
  assert_true(exists(w, "corrections/one.jsonl.1"));
  edit = open_edit(w, "one");
  assert_int_equal(pl_label_edit_counts(edit).strokes, 0);
  pl_label_edit_close(edit);
  assert_int_equal(pl_label_set_aside(w->folder, "none", &err), PL_E_NOTFOUND);
}

// A journal cut anywhere: what was whole is there, and drawing goes on behind it.
static void torn_journals(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "one");
  for (int i = 0; i < 3; i++) dab(edit, false, 1, 10 + 5 * i, 20);
  pl_label_edit_close(edit);
  char *whole = read_text(w, "corrections/one.jsonl"), *path = pl_label_log_path(w->folder, "one");
  const size_t length = strlen(whole);
  for (size_t cut = 0; cut < length; cut += 5) {
    size_t lines = 0;
    for (size_t i = 0; i < cut; i++) lines += whole[i] == '\n';
    assert_int_equal(pl_fs_replace(path, whole, cut, NULL), PL_OK);
    edit = open_edit(w, "one");
    assert_int_equal(pl_label_edit_counts(edit).strokes, lines > 0 ? lines - 1 : 0);
    dab(edit, false, 0, 1, 25);
    pl_label_edit_close(edit);
    edit = open_edit(w, "one");
    assert_int_equal(pl_label_edit_counts(edit).strokes, lines > 0 ? lines : 1);
    pl_label_edit_close(edit);
  }
  // A byte that changed within is damage, not a crash.
  for (size_t at = 0; at + 1 < length; at += 11) {
    char *damaged = pl_xstrdup(whole);
    damaged[at] ^= 1;
    assert_int_equal(pl_fs_replace(path, damaged, length, NULL), PL_OK);
    free(damaged);
    pl_error err = {0};
    const pl_status status = pl_label_edit_open(&edit, w->folder, case_of(w, "one"), &err);
    if (status == PL_OK) fail_msg("byte %zu", at);
    assert_int_equal(status, PL_E_FORMAT);
    assert_non_null(strstr(err.message, "damaged"));
  }
  free(whole);
  free(path);
}

static void killed_without_warning(void **state) {
  const label_workspace *w = *state;
  int told[2];
  assert_int_equal(pipe(told), 0);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    pl_label_edit *edit = open_edit(w, "one");
    for (int i = 0; i < 4; i++) dab(edit, i == 3, 2, 5 + 8 * i, 15);
    (void)pl_label_edit_press(edit, (pl_brush){.radius = 2}, 5, 25, NULL);
    (void)pl_label_edit_move(edit, 30, 25, NULL);
    (void)!write(told[1], "x", 1);
    for (;;) (void)pause();
  }
  char byte = 0;
  assert_int_equal(read(told[0], &byte, 1), 1);
  (void)close(told[0]);
  (void)close(told[1]);
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, NULL, 0), child);
  // The lock went with it; the stroke under way is lost, nothing else.
  pl_label_edit *edit = open_edit(w, "one");
  const pl_label_counts c = pl_label_edit_counts(edit);
  assert_int_equal(c.recovered, 3);
  assert_int_equal(c.added, 63);
  assert_int_equal(pl_label_edit_mask(edit)->u8[25 * LABEL_COLS + 20], 0);
  pl_label_edit_close(edit);
}

// No room for the stroke: it is taken back and said, what was there before stays.
static void full_disk(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "one");
  dab(edit, false, 1, 10, 20);
  char *before = read_text(w, "corrections/one.jsonl");
  struct rlimit old, tight = {.rlim_cur = strlen(before) + 20, .rlim_max = RLIM_INFINITY};
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  tight.rlim_max = old.rlim_max;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
  pl_error err = {0};
  assert_int_equal(pl_label_edit_press(edit, (pl_brush){.radius = 3}, 25, 20, &err), PL_OK);
  const pl_status status = pl_label_edit_lift(edit, &err);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  (void)signal(SIGXFSZ, handler);
  assert_true(status == PL_E_IO || status == PL_E_NOSPACE);
  assert_int_equal(pl_label_edit_counts(edit).strokes, 1);
  assert_int_equal(pl_label_edit_counts(edit).added, 9);
  char *after = read_text(w, "corrections/one.jsonl");
  assert_string_equal(before, after);
  dab(edit, false, 3, 25, 20);
  pl_label_edit_close(edit);
  edit = open_edit(w, "one");
  assert_int_equal(pl_label_edit_counts(edit).strokes, 2);
  pl_label_edit_close(edit);
  free(before);
  free(after);
}

static void very_long_strokes(void **state) {
  const label_workspace *w = *state;
  pl_label_edit *edit = open_edit(w, "none");
  assert_int_equal(pl_label_edit_press(edit, (pl_brush){.radius = 0}, 0, 0, NULL), PL_OK);
  for (int i = 0; i < PL_STROKE_POINTS_MAX + 100; i++) {
    assert_int_equal(pl_label_edit_move(edit, 1 + i % 2, i % LABEL_ROWS, NULL), PL_OK);
  }
  assert_int_equal(pl_label_edit_move(edit, 39, 29, NULL), PL_OK);
  assert_int_equal(pl_label_edit_lift(edit, NULL), PL_OK);
  pl_image mask = copy_of(pl_label_edit_mask(edit));
  assert_int_equal(pl_label_edit_counts(edit).strokes, 2);
  pl_label_edit_close(edit);
  edit = open_edit(w, "none");
  assert_true(same(edit, &mask));
  pl_label_edit_close(edit);
  pl_image_clear(&mask);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, make_label_workspace, remove_label_workspace)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH(strokes_are_counted),
      WITH(undo_is_replay),
      WITH(finishing_and_dropping),
      WITH(reverting),
      WITH(only_looking_leaves_nothing),
      WITH(refused_cases),
      WITH(torn_journals),
      WITH(killed_without_warning),
      WITH(full_disk),
      WITH(very_long_strokes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
