// Kills without warning: at any moment, and inside the writing of a checkpoint. However often, what remains after the
// last resume is what a run has that was left alone, bit for bit. And a full disk is waited for.
//
//   test_kill [N]   N kills, 2 when not given
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/run/journal.h"
#include "tests/faults/training.h"
#include "tests/tools/testing.h"

static int kills = 2;
static double calm_seconds;
static char *calm;

// What must survive: a schedule and a stop with a memory, the best epochs, accumulation, and checkpoints within epochs.
// Few kills are for a quick look: with a frozen encoder a checkpoint has half the bytes.
static char *make_run(const char *name) {
  const char *const values[][2] = {{"scheduler", "plateau"},
                                   {"plateau-patience", "0"},
                                   {"gamma", "0.5"},
                                   {"early-stopping", "3"},
                                   {"keep-best", "2"},
                                   {"loss", "bce:3,dice:1,focal:4,jaccard:1,lovasz:1,lovasz_sigmoid:1"},
                                   {"batch", "3"},
                                   {"accumulation", "2"},
                                   {"clip-norm", "5"},
                                   {"weight-decay", "1e-4"},
                                   {"augment", "winner"},
                                   {"checkpoint-every-steps", "3"},
                                   {"freeze-encoder", kills < 10 ? "on" : "off"},
                                   {NULL, NULL}};
  return training_make(name, values, calm);
}

static double draw(uint64_t stream, int index) { return pl_rng_double(20231124, stream, (uint64_t)index); }

static void sleep_for(double seconds) {
  struct timespec time = {.tv_sec = (time_t)seconds};
  time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
  (void)nanosleep(&time, NULL);
}

// Starts the run or goes on with it and kills it, half of the times while a checkpoint is written. 0 when it ended by
// itself before.
static int disturb(const char *folder, bool resume, int number) {
  char fault[64];
  bool writing = number % 2 == 0;
  // A checkpoint is some 330 operations, of a frozen encoder 270.
  (void)snprintf(fault, sizeof fault, "kill:%d", 1 + (int)(draw(1, number) * 700));
  pid_t core = training_start(folder, resume, writing ? fault : NULL);
  if (!writing) {
    sleep_for(draw(2, number) * calm_seconds / 2);
    (void)kill(core, SIGKILL);
  }
  int end = training_end(core);
  assert_true(end == 0 || end == 1000 + SIGKILL);
  print_message("kill %d %s: %s\n", number + 1, writing ? fault : "at a moment", end == 0 ? "too late" : "killed");
  return end;
}

static void test_kills(void **state) {
  (void)state;
  int done = 0, runs = 0, number = 0;
  while (done < kills) {
    char name[32];
    (void)snprintf(name, sizeof name, "rough-%d", runs++);
    char *rough = make_run(name);
    bool ended = false, begun = false;
    for (; !ended && done < kills; begun = true) {
      ended = disturb(rough, begun, number++) == 0;
      if (!ended) done++;
    }
    if (!ended) assert_int_equal(training_end(training_start(rough, true, NULL)), 0);
    (void)training_compare(calm, rough);
    assert_int_equal(pl_fs_remove_tree(rough, NULL), PL_OK);
    free(rough);
  }
  print_message("%d kills in %d runs: every end is bit-identical\n", done, runs);
}

static bool said(const char *folder, const char *words) {
  pl_journal_reader *reader = pl_journal_reader_create(folder);
  assert_int_equal(pl_journal_reader_update(reader, NULL, NULL), PL_OK);
  pl_journal_view view = pl_journal_reader_view(reader);
  bool found = false;
  for (size_t i = 0; i < view.message_count; i++) found = found || strstr(view.messages[i].text, words) != NULL;
  pl_journal_reader_destroy(reader);
  return found;
}

static void test_full_disk(void **state) {
  (void)state;
  char *full = make_run("full");
  assert_int_equal(training_end(training_start(full, false, "full:400:1")), 0);
  assert_true(said(full, "paused until there is space"));
  assert_int_equal(training_compare(calm, full), 0);
  free(full);
}

static int set_up(void **state) {
  if (training_set_up(state) != 0) return -1;
  calm = make_run("calm");
  pl_clock clock = pl_clock_system();
  double start = pl_clock_monotonic(&clock);
  if (training_end(training_start(calm, false, NULL)) != 0) return -1;
  calm_seconds = pl_clock_monotonic(&clock) - start;
  return 0;
}

static int tear_down(void **state) {
  free(calm);
  return training_tear_down(state);
}

int main(int argc, char **argv) {
  if (argc > 1) kills = (int)strtol(argv[1], NULL, 10);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_kills), cmocka_unit_test(test_full_disk)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
