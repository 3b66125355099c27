// A long journal is read by a job, and the model shows the run meanwhile.
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tests/tools/testing.h"
#include "tui/long_journal.h"
#include "tui/model.h"

enum { STEPS = 3000 };

static const off_t endless = (off_t)1 << 38;  // bytes of zeros, which nobody waits for

typedef struct world {
  char root[64];
  char *run;  // folder
  pl_jobs *jobs;
} world;

static int set_up(void **state) {
  world *w = pl_xcalloc(1, sizeof *w);
  (void)snprintf(w->root, sizeof w->root, "/tmp/pleura-long-XXXXXX");
  assert_non_null(mkdtemp(w->root));
  char *runs = pl_path_join(w->root, "runs"), *yaml = pl_path_join(w->root, "pleura.yaml");
  w->run = pl_path_join(runs, "a");
  char *info = pl_path_join(w->run, "run.json");
  assert_int_equal(mkdir(runs, 0777), 0);
  assert_int_equal(mkdir(w->run, 0777), 0);
  assert_int_equal(pl_fs_replace(yaml, "", 0, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(info, "{}", 2, NULL), PL_OK);
  assert_int_equal(pl_jobs_create(&w->jobs, 1, NULL), PL_OK);
  free(runs);
  free(yaml);
  free(info);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  pl_jobs_destroy(w->jobs);
  assert_int_equal(pl_fs_remove_tree(w->root, NULL), PL_OK);
  free(w->run);
  free(w);
  return 0;
}

static void add_steps(const world *w, int64_t from, int64_t until) {
  pl_journal *journal = NULL;
  assert_int_equal(pl_journal_open(&journal, w->run, NULL), PL_OK);
  for (int64_t step = from; step <= until; step++) {
    const pl_step_record record = {.step = step, .epoch = 1, .time = (double)step, .loss = 0.5};
    assert_int_equal(pl_journal_step(journal, &record, NULL), PL_OK);
  }
  pl_journal_close(journal);
}

// A file that takes minutes to read and no room.
static void make_endless(const world *w) {
  char *path = pl_path_join(w->run, "metrics.jsonl");
  const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  assert_true(fd >= 0);
  if (ftruncate(fd, endless) != 0) {
    close(fd);
    free(path);
    printf("skipped: no sparse file of 256 GB in /tmp\n");
    skip();
  }
  close(fd);
  free(path);
}

// A job that keeps the only worker until the gate is opened.
static void hold(void *gate) {
  while (!atomic_load((atomic_bool *)gate)) usleep(1000);
}
static void held(void *owner, void *data) { (void)owner, (void)data; }
static void not_held(void *data) { (void)data; }

static void keep_busy(const world *w, atomic_bool *gate) {
  atomic_init(gate, false);
  pl_jobs_submit(w->jobs, &(pl_job){.work = hold, .done = held, .drop = not_held, .owner = gate, .data = gate});
}

static void wait_for_jobs(const world *w) {
  while (!pl_jobs_idle(w->jobs)) {
    struct pollfd ready = {.fd = pl_jobs_fd(w->jobs), .events = POLLIN};
    (void)poll(&ready, 1, 100);
    (void)pl_jobs_collect(w->jobs);
  }
}

// ---- The job

static void take(void *owner, pl_journal_reader *reader) { *(pl_journal_reader **)owner = reader; }

static void a_job_reads(void **state) {
  const world *w = *state;
  pl_journal_reader *back = NULL;
  add_steps(w, 1, STEPS);
  pl_long_journal *reading = pl_long_journal_read(w->jobs, pl_journal_reader_create(w->run), &back, take);
  const double share = pl_long_journal_share(reading);
  assert_true(share >= 0 && share <= 1);
  assert_null(back);
  wait_for_jobs(w);
  assert_non_null(back);
  assert_int_equal(pl_journal_reader_view(back).step_count, STEPS);
  pl_journal_reader_destroy(back);
}

static void stopped_before_it_began(void **state) {
  const world *w = *state;
  atomic_bool gate;
  pl_journal_reader *back = NULL;
  keep_busy(w, &gate);
  pl_long_journal_stop(pl_long_journal_read(w->jobs, pl_journal_reader_create(w->run), &back, take));
  atomic_store(&gate, true);
  wait_for_jobs(w);
  assert_null(back);
  pl_long_journal_stop(NULL);
}

static void stopped_on_the_way(void **state) {
  const world *w = *state;
  pl_journal_reader *back = NULL;
  make_endless(w);
  pl_long_journal *reading = pl_long_journal_read(w->jobs, pl_journal_reader_create(w->run), &back, take);
  while (!(pl_long_journal_share(reading) > 0)) usleep(1000);
  assert_true(pl_long_journal_share(reading) < 0.5);
  pl_long_journal_stop(reading);
  wait_for_jobs(w);
  assert_null(back);
}

static void the_pool_goes(void **state) {
  world *w = *state;
  pl_journal_reader *back = NULL;
  make_endless(w);
  (void)pl_long_journal_read(w->jobs, pl_journal_reader_create(w->run), &back, take);
  usleep(10000);
  pl_jobs_destroy(w->jobs);
  w->jobs = NULL;
  assert_null(back);
}

// ---- The model

static void remember(void *context, unsigned what) { *(unsigned *)context |= what; }

static pl_tui_model *open_model(const world *w, unsigned *told) {
  pl_tui_model *model = NULL;
  assert_int_equal(pl_tui_model_create(&model, w->root, w->jobs, (pl_tui_model_listener){remember, told}, NULL), PL_OK);
  assert_non_null(model->run);
  return model;
}

static void the_model_waits_for_none(void **state) {
  const world *w = *state;
  atomic_bool gate;
  unsigned told = 0;
  add_steps(w, 1, STEPS);
  keep_busy(w, &gate);
  pl_tui_model *model = open_model(w, &told);
  assert_int_equal(model->run->journal.step_count, 0);
  assert_true(model->journal_share == 0);
  assert_int_equal(pl_tui_model_update(model) & PL_CHANGED_RUN, 0);
  assert_true(model->journal_share == 0);
  add_steps(w, STEPS + 1, STEPS + 10);
  atomic_store(&gate, true);
  wait_for_jobs(w);
  assert_int_equal(told, PL_CHANGED_RUN);
  assert_true(isnan(model->journal_share));
  assert_int_equal(model->run->journal.step_count, STEPS + 10);
  // What is added is little, and read at once.
  add_steps(w, STEPS + 11, STEPS + 20);
  assert_int_equal(pl_tui_model_update(model) & PL_CHANGED_RUN, PL_CHANGED_RUN);
  assert_int_equal(model->run->journal.step_count, STEPS + 20);
  assert_true(isnan(model->journal_share));
  pl_tui_model_destroy(model);
}

static void a_short_journal_is_read_at_once(void **state) {
  const world *w = *state;
  atomic_bool gate;
  unsigned told = 0;
  add_steps(w, 1, 100);
  keep_busy(w, &gate);
  pl_tui_model *model = open_model(w, &told);
  assert_int_equal(model->run->journal.step_count, 100);
  assert_true(isnan(model->journal_share));
  pl_tui_model_destroy(model);
  atomic_store(&gate, true);
  wait_for_jobs(w);
  assert_int_equal(told, 0);
}

static void the_model_tells_how_far_and_goes(void **state) {
  const world *w = *state;
  unsigned told = 0;
  make_endless(w);
  pl_tui_model *model = open_model(w, &told);
  while (!(model->journal_share > 0)) {
    usleep(1000);
    (void)pl_tui_model_update(model);
  }
  assert_int_equal(model->run->journal.step_count, 0);
  pl_tui_model_destroy(model);
  wait_for_jobs(w);
  assert_int_equal(told, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_job_reads, set_up, tear_down),
      cmocka_unit_test_setup_teardown(stopped_before_it_began, set_up, tear_down),
      cmocka_unit_test_setup_teardown(stopped_on_the_way, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_pool_goes, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_model_waits_for_none, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_short_journal_is_read_at_once, set_up, tear_down),
      cmocka_unit_test_setup_teardown(the_model_tells_how_far_and_goes, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
