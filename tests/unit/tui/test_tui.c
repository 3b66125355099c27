// The parts of the workbench that need no terminal.
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/mem.h"
#include "tests/tools/testing.h"
#include "tui/caselist.h"
#include "tui/jobs.h"
#include "tui/keymap.h"
#include "tui/layout.h"
#include "tui/widgets/line.h"
#include "tui/words.h"

// ---- Layout: inside the screen, no overlap, over many sizes

static void check_areas(const pl_area *areas, size_t count, pl_area outer) {
  for (size_t i = 0; i < count; i++) {
    assert_true(areas[i].rows >= 0 && areas[i].cols >= 0);
    assert_true(pl_area_inside(areas[i], outer));
    for (size_t j = i + 1; j < count; j++) assert_false(pl_area_overlap(areas[i], areas[j]));
  }
}

static void check_train(pl_area body, int charts) {
  for (int large = 0; large < 2; large++) {
    const pl_train_layout train = pl_layout_train(body, charts, large != 0);
    pl_area parts[4 + 2 * PL_LAYOUT_CHARTS_MAX] = {train.header, train.bars, train.table, train.log};
    memcpy(parts + 4, train.charts, sizeof train.charts);
    memcpy(parts + 4 + PL_LAYOUT_CHARTS_MAX, train.borders, sizeof train.borders);
    check_areas(parts, sizeof parts / sizeof parts[0], body);
    assert_true(train.chart_count <= charts && train.chart_count <= PL_LAYOUT_CHARTS_MAX);
    for (int i = 0; i < PL_LAYOUT_CHARTS_MAX; i++) {
      assert_int_equal(pl_area_empty(train.charts[i]), i >= train.chart_count);
      if (i >= train.chart_count) continue;
      assert_true(train.charts[i].rows >= PL_PICTURE_MIN_ROWS && train.charts[i].cols >= PL_PICTURE_MIN_COLS);
      assert_int_equal(train.borders[i].x, train.charts[i].x + train.charts[i].cols);
      assert_int_equal(train.borders[i].rows, train.charts[i].rows);
    }
  }
}

static void test_layout(void **state) {
  (void)state;
  static const pl_cell_size cells[] = {{0, 0}, {6, 13}, {10, 20}, {7, 14}, {19, 12}, {1, 40}};
  for (int rows = 0; rows <= 120; rows++) {
    for (int cols = 0; cols <= 260; cols += rows % 3 + 1) {
      const pl_area screen = {0, 0, rows, cols};
      const pl_frame_layout frame = pl_layout_frame(rows, cols);
      assert_int_equal(frame.too_small, rows < PL_SCREEN_MIN_ROWS || cols < PL_SCREEN_MIN_COLS);
      const pl_area outer[] = {frame.tabs, frame.body, frame.status, frame.prompt};
      check_areas(outer, 4, screen);
      const pl_frame_layout full = pl_layout_full(rows, cols);
      assert_int_equal(full.too_small, frame.too_small);
      check_areas((const pl_area[]){full.tabs, full.body, full.status, full.prompt}, 4, screen);
      if (!full.too_small) assert_int_equal(full.body.rows + full.prompt.rows, rows);
      if (frame.too_small) continue;
      for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        const pl_data_layout data = pl_layout_data(frame.body, cells[i]);
        const pl_area parts[] = {data.table, data.picture, data.border, data.caption};
        check_areas(parts, 4, frame.body);
        assert_false(pl_area_empty(data.table));
        if (pl_area_empty(data.picture)) continue;
        assert_true(data.picture.rows >= PL_PICTURE_MIN_ROWS && data.picture.cols >= PL_PICTURE_MIN_COLS);
        // The column right of a picture is a border: without it ncurses erases the picture.
        assert_int_equal(data.border.x, data.picture.x + data.picture.cols);
        assert_true(data.border.y <= data.picture.y && data.border.rows >= data.picture.rows);
      }
      for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        const pl_batch_layout batch = pl_layout_batch(frame.body, cells[i]);
        const pl_area parts[] = {batch.header, batch.picture, batch.border, batch.list};
        check_areas(parts, 4, frame.body);
        assert_false(pl_area_empty(batch.list));
        if (pl_area_empty(batch.picture)) continue;
        assert_true(batch.picture.rows >= PL_PICTURE_MIN_ROWS && batch.picture.cols >= PL_PICTURE_MIN_COLS);
        assert_int_equal(batch.border.x, batch.picture.x + batch.picture.cols);
        assert_int_equal(batch.border.rows, batch.picture.rows);
      }
      for (int size = 0; size < PL_THUMB_SIZES; size++) {
        const pl_thumbs_layout thumbs = pl_layout_thumbs(frame.body, cells[(size_t)size % 6], size, 100);
        assert_true(thumbs.rows * thumbs.columns <= 100);
        for (int i = 0; i < thumbs.rows * thumbs.columns; i += 1 + i / 3) {
          const pl_thumb_place place = pl_layout_thumb(&thumbs, i);
          check_areas((const pl_area[]){place.picture, place.border, place.caption}, 3, frame.body);
          assert_int_equal(place.border.x, place.picture.x + place.picture.cols);
          if (i == 0) continue;
          const pl_thumb_place before = pl_layout_thumb(&thumbs, i - 1);
          assert_false(pl_area_overlap(place.picture, before.picture));
          assert_false(pl_area_overlap(place.picture, before.border));
          assert_false(pl_area_overlap(place.picture, before.caption));
        }
      }
      for (int panes = 1; panes <= 2; panes++) {
        const pl_review_layout review = pl_layout_review(frame.body, panes - 1, 5 + panes, panes);
        const pl_area places[] = {review.header,      review.table,      review.histogram,  review.pictures[0],
                                  review.pictures[1], review.borders[0], review.borders[1], review.caption};
        check_areas(places, 8, frame.body);
        for (int i = 0; i < panes && !pl_area_empty(review.pictures[i]); i++) {
          assert_int_equal(review.borders[i].x, review.pictures[i].x + review.pictures[i].cols);
        }
        const pl_case_layout one = pl_layout_case(frame.body, rows % 4, panes, cols % 2 == 0);
        const pl_area parts[] = {one.header,     one.pictures[0], one.pictures[1],
                                 one.borders[0], one.borders[1],  one.side};
        check_areas(parts, 6, frame.body);
        for (int i = 0; i < panes && !pl_area_empty(one.pictures[i]); i++) {
          assert_true(one.pictures[i].rows >= PL_PICTURE_MIN_ROWS && one.pictures[i].cols >= PL_PICTURE_MIN_COLS);
          assert_int_equal(one.borders[i].x, one.pictures[i].x + one.pictures[i].cols);
        }
      }
      const pl_runs_layout runs = pl_layout_runs(frame.body);
      check_areas((const pl_area[]){runs.table, runs.options, runs.chart, runs.border}, 4, frame.body);
      assert_true(runs.table.rows >= 3);
      for (int charts = 0; charts <= PL_LAYOUT_CHARTS_MAX + 1; charts++) check_train(frame.body, charts);
    }
  }
}

// A radiograph is square: where the width allows it, so is its place, to within one cell.
static void test_layout_square(void **state) {
  (void)state;
  const pl_frame_layout frame = pl_layout_frame(50, 200);
  const pl_data_layout data = pl_layout_data(frame.body, (pl_cell_size){10, 20});
  assert_int_equal(data.picture.rows, 44);
  assert_int_equal(data.picture.cols, 88);
  const pl_frame_layout narrow = pl_layout_frame(50, 80);
  const pl_data_layout tall = pl_layout_data(narrow.body, (pl_cell_size){10, 20});
  assert_int_equal(tall.picture.cols, 38);
  assert_int_equal(tall.picture.rows, 19);
}

// ---- Keys

static void test_keys(void **state) {
  (void)state;
  assert_int_equal(pl_key_parse("j", 1), 'j');
  assert_int_equal(pl_key_parse("PgDn", 4), PL_KEY_PAGE_DOWN);
  assert_int_equal(pl_key_parse("^L", 2), 12);
  assert_int_equal(pl_key_parse("F10", 3), PL_KEY_F1 + 9);
  assert_int_equal(pl_key_parse("F13", 3), PL_KEY_NONE);
  assert_int_equal(pl_key_parse("F", 1), 'F');
  assert_int_equal(pl_key_parse("\xc3\xa9", 2), 0xe9);
  assert_int_equal(pl_key_parse("\xc3", 1), PL_KEY_NONE);
  assert_int_equal(pl_key_parse("jj", 2), PL_KEY_NONE);
  assert_true(pl_keys_contain("j Down", PL_KEY_DOWN));
  assert_false(pl_keys_contain("j Down", 'D'));
  assert_false(pl_keys_contain(NULL, 'j'));
  // Every key's name is read back as that key.
  for (int key = 1; key <= PL_KEY_F12; key++) {
    if (key >= 0x80 && key < PL_KEY_UP) continue;
    if ((key > 26 && key < 32 && key != PL_KEY_ESCAPE) || key == 127) continue;
    char name[PL_KEY_NAME_SIZE];
    pl_key_name(name, key);
    assert_int_equal(pl_key_parse(name, strlen(name)), key);
  }
}

static void test_line(void **state) {
  (void)state;
  pl_line line = {0};
  for (const char *p = "abc"; *p != '\0'; p++) assert_true(pl_line_key(&line, *p));
  assert_true(pl_line_key(&line, PL_KEY_LEFT));
  assert_true(pl_line_key(&line, 0xe9));
  assert_string_equal(line.text,
                      "ab\xc3\xa9"
                      "c");
  assert_true(pl_line_key(&line, PL_KEY_BACKSPACE));
  assert_string_equal(line.text, "abc");
  assert_false(pl_line_key(&line, 0x9b));  // C1 controls never get in
  assert_false(pl_line_key(&line, PL_KEY_UP));
  assert_true(pl_line_key(&line, 21));
  assert_string_equal(line.text, "c");
  for (int i = 0; i < 2 * PL_LINE_SIZE; i++) pl_line_key(&line, 0x1f600);
  assert_true(line.length < PL_LINE_SIZE && strlen(line.text) == line.length);
}

// ---- Cases

static char id_a[] = "1.2.100", id_b[] = "1.2.200", id_c[] = "1.2.312";

static pl_case cases[] = {
    {.number = 1, .id = id_a, .part = PL_PART_TRAIN, .label = PL_LABEL_POSITIVE, .mask_area = 50, .fold = 1},
    {.number = 2, .id = id_b, .part = PL_PART_TRAIN, .label = PL_LABEL_NEGATIVE, .fold = 0},
    {.number = 12, .id = id_c, .part = PL_PART_TEST, .label = PL_LABEL_UNKNOWN, .fold = -1},
};
static const pl_manifest manifest = {.cases = cases, .count = 3};

static void check_order(const pl_caselist *list, size_t count, const size_t *expected) {
  assert_int_equal(list->count, count);
  for (size_t i = 0; i < count; i++) assert_int_equal(list->order[i], expected[i]);
}

// By every column: what is not known comes last whichever way round, equal ones stay in the numbers' order.
static void test_sort_columns(void **state) {
  (void)state;
  pl_case more[] = {
      {.number = 1, .id = id_c, .age = 61, .sex = 'M', .view = "PA", .fold = -1, .note = (char[]){"b"}},
      {.number = 2, .id = id_a, .age = -1, .sex = 0, .view = "", .fold = 3},
      {.number = 3, .id = id_b, .age = 8, .sex = 'F', .view = "AP", .fold = 3, .flag = (char[]){"c"}},
      {.number = 4, .id = id_b, .age = 61, .sex = 'M', .view = "AP", .fold = 0, .flag = (char[]){"a"}},
  };
  const pl_manifest all = {.cases = more, .count = 4};
  static const struct {
    pl_case_sort sort;
    size_t up[4], down[4];
  } wanted[] = {
      {PL_CASE_BY_AGE, {2, 0, 3, 1}, {0, 3, 2, 1}},   {PL_CASE_BY_SEX, {2, 0, 3, 1}, {0, 3, 2, 1}},
      {PL_CASE_BY_VIEW, {2, 3, 0, 1}, {0, 2, 3, 1}},  {PL_CASE_BY_FOLD, {3, 1, 2, 0}, {1, 2, 3, 0}},
      {PL_CASE_BY_NOTES, {3, 2, 0, 1}, {0, 2, 3, 1}}, {PL_CASE_BY_ID, {1, 2, 3, 0}, {0, 2, 3, 1}},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    pl_caselist list = {.sort = wanted[i].sort};
    pl_caselist_update(&list, &all);
    check_order(&list, 4, wanted[i].up);
    list.descending = true;
    pl_caselist_update(&list, &all);
    check_order(&list, 4, wanted[i].down);
    pl_caselist_clear(&list);
  }
}

static void test_sort(void **state) {
  (void)state;
  pl_caselist list = {.sort = PL_CASE_BY_AREA};
  pl_caselist_update(&list, &manifest);
  check_order(&list, 3, (const size_t[]){1, 0, 2});
  list.descending = true;
  pl_caselist_update(&list, &manifest);
  check_order(&list, 3, (const size_t[]){0, 1, 2});  // unknown stays last
  list.sort = PL_CASE_BY_FOLD;
  list.descending = false;
  pl_caselist_update(&list, &manifest);
  check_order(&list, 3, (const size_t[]){1, 0, 2});
  pl_caselist_clear(&list);
}

static void test_filter(void **state) {
  (void)state;
  pl_caselist list = {0};
  pl_error err = {0};
  assert_int_equal(pl_filter_parse(&list.filter, " positive fold=1", &err), PL_OK);
  pl_caselist_update(&list, &manifest);
  check_order(&list, 1, (const size_t[]){0});
  assert_int_equal(pl_filter_parse(&list.filter, "part=test", &err), PL_OK);
  pl_caselist_update(&list, &manifest);
  check_order(&list, 1, (const size_t[]){2});
  // An unknown area is not 0.
  assert_int_equal(pl_filter_parse(&list.filter, "area<10", &err), PL_OK);
  pl_caselist_update(&list, &manifest);
  check_order(&list, 1, (const size_t[]){1});
  assert_int_equal(pl_filter_parse(&list.filter, "fold=x", &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "at 'x'"));
  assert_string_equal(list.filter.text, "area<10");
  pl_caselist_clear(&list);
}

static void test_search(void **state) {
  (void)state;
  pl_caselist list = {0};
  size_t row = 99;
  pl_caselist_update(&list, &manifest);
  assert_true(pl_caselist_search(&row, &list, &manifest, "12", 0));
  assert_int_equal(row, 2);  // the number, and also the ending of its id
  assert_true(pl_caselist_search(&row, &list, &manifest, "#2", 0));
  assert_int_equal(row, 1);
  assert_true(pl_caselist_search(&row, &list, &manifest, "00", 1));
  assert_int_equal(row, 1);
  assert_true(pl_caselist_search(&row, &list, &manifest, "00", 2));
  assert_int_equal(row, 0);  // goes round
  assert_false(pl_caselist_search(&row, &list, &manifest, "999", 0));
  pl_caselist_clear(&list);
}

// ---- Jobs

typedef struct counted {
  int *done, *dropped;
  atomic_int *gate;
} counted;

static void counted_work(void *data) {
  counted *c = data;
  while (c->gate != NULL && atomic_load(c->gate) == 0) poll(NULL, 0, 1);
}

static void counted_done(void *owner, void *data) {
  (void)owner;
  counted *c = data;
  (*c->done)++;
  free(c);
}

static void counted_drop(void *data) {
  counted *c = data;
  (*c->dropped)++;
  free(c);
}

static void submit(pl_jobs *jobs, void *owner, int *done, int *dropped, atomic_int *gate) {
  counted *c = pl_xcalloc(1, sizeof *c);
  *c = (counted){done, dropped, gate};
  pl_jobs_submit(jobs, &(pl_job){counted_work, counted_done, counted_drop, owner, c, false});
}

static void drain(pl_jobs *jobs) {
  while (!pl_jobs_idle(jobs)) {
    struct pollfd ready = {.fd = pl_jobs_fd(jobs), .events = POLLIN};
    poll(&ready, 1, 10);
    pl_jobs_collect(jobs);
  }
}

static void test_jobs(void **state) {
  (void)state;
  pl_jobs *jobs = NULL;
  assert_int_equal(pl_jobs_create(&jobs, 2, NULL), PL_OK);
  int done = 0, dropped = 0, other = 0, a = 0, b = 0;
  for (int i = 0; i < 100; i++) submit(jobs, &a, &done, &dropped, NULL);
  drain(jobs);
  assert_int_equal(done, 100);
  assert_int_equal(dropped, 0);

  // Both threads are held up; what one owner cancels is dropped, running or not, and another owner's arrives.
  atomic_int gate = 0;
  done = 0;
  submit(jobs, &a, &done, &dropped, &gate);
  submit(jobs, &a, &done, &dropped, &gate);
  submit(jobs, &a, &done, &dropped, &gate);
  submit(jobs, &b, &other, &dropped, &gate);
  poll(NULL, 0, 20);
  pl_jobs_cancel(jobs, &a);
  submit(jobs, &a, &done, &dropped, &gate);  // a new generation
  atomic_store(&gate, 1);
  drain(jobs);
  assert_int_equal(done, 1);
  assert_int_equal(other, 1);
  assert_int_equal(dropped, 3);

  // Destroying drops the rest; every job was delivered or dropped once.
  dropped = done = 0;
  for (int i = 0; i < 10; i++) submit(jobs, &a, &done, &dropped, NULL);
  pl_jobs_destroy(jobs);
  assert_int_equal(done + dropped, 10);
}

static void note_nice(void *data) { *(int *)data = getpriority(PRIO_PROCESS, 0); }
static void forget_nice(void *owner, void *data) { (void)owner, (void)data; }
static void drop_nice(void *data) { (void)data; }

// A long job behind the others holds up none of them, has a thread of its own that steps back, and can be cancelled.
static void test_jobs_behind(void **state) {
  (void)state;
  pl_jobs *jobs = NULL;
  assert_int_equal(pl_jobs_create(&jobs, 1, NULL), PL_OK);
  int done = 0, dropped = 0, other = 0, a = 0, b = 0, front = 100, back = 100;
  atomic_int gate = 0;
  counted *held[2];
  for (int i = 0; i < 2; i++) {
    held[i] = pl_xcalloc(1, sizeof *held[i]);
    *held[i] = (counted){&done, &dropped, &gate};
    pl_jobs_submit(jobs, &(pl_job){counted_work, counted_done, counted_drop, &a, held[i], true});
  }
  submit(jobs, &b, &other, &dropped, NULL);
  for (int i = 0; i < 500 && other == 0; i++) {
    poll(NULL, 0, 10);
    pl_jobs_collect(jobs);
  }
  assert_int_equal(other, 1);
  assert_int_equal(done, 0);
  assert_false(pl_jobs_idle(jobs));
  pl_jobs_cancel(jobs, &a);
  assert_int_equal(dropped, 1);  // the one that waited
  atomic_store(&gate, 1);
  drain(jobs);
  assert_int_equal(done, 0);
  assert_int_equal(dropped, 2);
  pl_jobs_submit(jobs, &(pl_job){note_nice, forget_nice, drop_nice, &a, &front, false});
  pl_jobs_submit(jobs, &(pl_job){note_nice, forget_nice, drop_nice, &a, &back, true});
  drain(jobs);
  assert_true(back > front || front >= 10);
  pl_jobs_destroy(jobs);
}

static void test_words(void **state) {
  (void)state;
  char text[32];
  pl_words_duration(text, sizeof text, 59.4);
  assert_string_equal(text, "59 s");
  pl_words_duration(text, sizeof text, 59.6);
  assert_string_equal(text, "1:00 min");
  pl_words_duration(text, sizeof text, 7260.0);
  assert_string_equal(text, "2:01 h");
  pl_words_duration(text, sizeof text, -1.0);
  assert_string_equal(text, "-");
  pl_words_score(text, sizeof text, 0.0 / 0.0);
  assert_string_equal(text, "-");
  pl_words_score(text, sizeof text, 0.78125);
  assert_string_equal(text, "0.7812");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_layout),      cmocka_unit_test(test_layout_square), cmocka_unit_test(test_keys),
      cmocka_unit_test(test_line),        cmocka_unit_test(test_sort),          cmocka_unit_test(test_sort_columns),
      cmocka_unit_test(test_filter),      cmocka_unit_test(test_search),        cmocka_unit_test(test_jobs),
      cmocka_unit_test(test_jobs_behind), cmocka_unit_test(test_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
