// A run can be stopped in every phase, however slow that is, and says where it is meanwhile.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/run/inbox.h"
#include "core/run/journal.h"
#include "core/run/state.h"
#include "tests/faults/training.h"
#include "tests/tools/testing.h"

enum { PATIENCE_MS = 120000, LOOK_MS = 20 };

static char *make(const char *name) {
  const char *build = getenv("PLEURA_BUILD");
  char *plugin = pl_xprintf("%s/plugins/libplugin_slow.so", build != NULL ? build : "build");
  char *path = realpath(plugin, NULL);
  assert_non_null(path);
  const char *const values[][2] = {{"plugin", path}, {"backend", "slow"}, {"choices", "fixed"}, {NULL, NULL}};
  char *folder = training_make(name, values, NULL);
  free(plugin);
  free(path);
  return folder;
}

static void wait_for(const char *folder, pl_phase phase, bool counted) {
  pl_run_state state;
  for (int i = 0; i < PATIENCE_MS / LOOK_MS; i++) {
    if (pl_run_state_load(&state, folder, NULL) == PL_OK) {
      int64_t total = phase == PL_PHASE_EVALUATING ? state.epoch_steps : state.phase_total;
      if (state.phase == phase && (!counted || total > 0)) return;
    }
    (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
  }
  fail_msg("%s was never said to be %s", folder, pl_phase_name(phase));
}

static size_t steps_of(const char *folder, const char *answer) {
  pl_journal_reader *r = pl_journal_reader_create(folder);
  assert_int_equal(pl_journal_reader_update(r, NULL, NULL), PL_OK);
  const pl_journal_view view = pl_journal_reader_view(r);
  bool answered = answer[0] == '\0';
  for (size_t i = 0; i < view.message_count; i++) answered |= strcmp(view.messages[i].id, answer) == 0;
  assert_true(answered);
  assert_true(view.ended);
  const size_t steps = view.step_count;
  pl_journal_reader_destroy(r);
  return steps;
}

static void expect_stopped(const char *folder) {
  pl_run_state state;
  assert_int_equal(pl_run_state_load(&state, folder, NULL), PL_OK);
  assert_int_equal(state.phase, PL_PHASE_STOPPED);
}

static size_t checkpoints_of(const char *folder) {
  char *path = pl_path_join(folder, "ckpt"), **names = NULL;
  size_t count = 0, found = 0;
  assert_int_equal(pl_fs_list(&names, &count, path, NULL), PL_OK);
  for (size_t i = 0; i < count; i++) found += names[i][0] == '0';
  pl_fs_free_names(names, count);
  free(path);
  return found;
}

// Stops a run in a phase, by command or by signal; returns its folder.
static char *stop_in(const char *name, const char *slow, const char *fault, pl_phase phase, bool counted, int signal) {
  char *folder = make(name);
  assert_int_equal(setenv("PLEURA_SLOW", slow, 1), 0);
  const pid_t core = training_start(folder, false, fault);
  wait_for(folder, phase, counted);
  pl_command stop = {.kind = PL_COMMAND_STOP};
  if (signal == 0) {
    assert_int_equal(pl_inbox_send(&stop, folder, NULL), PL_OK);
  } else {
    assert_int_equal(kill(core, signal), 0);
  }
  assert_int_equal(training_end(core), signal == 0 ? 0 : 6);
  expect_stopped(folder);
  // A run that stops before its training has begun never takes a step.
  if (phase != PL_PHASE_SAVING) assert_int_equal(steps_of(folder, stop.id), 0);
  return folder;
}

static void reading(void **state) {
  (void)state;
  training_pack();
  free(stop_in("reading", "", "slow:300", PL_PHASE_READING, true, 0));
  free(stop_in("reading-signal", "", "slow:300", PL_PHASE_READING, true, SIGTERM));
}

static void planning(void **state) {
  (void)state;
  free(stop_in("planning", "planning", NULL, PL_PHASE_PLANNING, false, 0));
}

static void tuning(void **state) {
  (void)state;
  char *folder = stop_in("tuning", "tuning", NULL, PL_PHASE_TUNING, true, 0);
  assert_int_equal(checkpoints_of(folder), 0);
  // And goes on as if nothing had been.
  assert_int_equal(setenv("PLEURA_SLOW", "running", 1), 0);
  const pid_t core = training_start(folder, true, NULL);
  wait_for(folder, PL_PHASE_EVALUATING, true);
  assert_int_equal(kill(core, SIGTERM), 0);
  assert_int_equal(training_end(core), 6);
  assert_int_equal(checkpoints_of(folder), 1);
  free(folder);
  free(stop_in("tuning-signal", "tuning", NULL, PL_PHASE_TUNING, true, SIGTERM));
}

// The stop waits for the checkpoint that is being written, and takes that one.
static void saving(void **state) {
  (void)state;
  char *folder = stop_in("saving", "saving", NULL, PL_PHASE_SAVING, true, 0);
  assert_int_equal(checkpoints_of(folder), 1);
  free(folder);
}

// Ctrl-C twice does not wait for it.
static void saving_is_given_up(void **state) {
  (void)state;
  char *folder = make("given-up");
  assert_int_equal(setenv("PLEURA_SLOW", "saving", 1), 0);
  const pid_t core = training_start(folder, false, NULL);
  wait_for(folder, PL_PHASE_SAVING, true);
  assert_int_equal(kill(core, SIGINT), 0);
  // Two of a kind that wait are one, so the second is sent until it was one of its own.
  int status = 0;
  for (pid_t ended = 0; ended == 0; ended = waitpid(core, &status, WNOHANG)) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 500 * 1000000L}, NULL);
    (void)kill(core, SIGINT);
  }
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 130);
  expect_stopped(folder);
  assert_int_equal(checkpoints_of(folder), 0);
  free(folder);
}

// What cannot be done yet is refused, and said so.
static void commands_before_the_beginning(void **state) {
  (void)state;
  char *folder = make("early");
  assert_int_equal(setenv("PLEURA_SLOW", "tuning", 1), 0);
  const pid_t core = training_start(folder, false, NULL);
  wait_for(folder, PL_PHASE_TUNING, false);
  pl_command set = {.kind = PL_COMMAND_SET, .option = "epochs", .value = "9"}, save = {.kind = PL_COMMAND_CHECKPOINT};
  pl_command stop = {.kind = PL_COMMAND_STOP};
  assert_int_equal(pl_inbox_send(&set, folder, NULL), PL_OK);
  assert_int_equal(pl_inbox_send(&save, folder, NULL), PL_OK);
  assert_int_equal(pl_inbox_send(&stop, folder, NULL), PL_OK);
  assert_int_equal(training_end(core), 0);
  pl_journal_reader *r = pl_journal_reader_create(folder);
  assert_int_equal(pl_journal_reader_update(r, NULL, NULL), PL_OK);
  const pl_journal_view view = pl_journal_reader_view(r);
  size_t refused = 0;
  for (size_t i = 0; i < view.message_count; i++) {
    refused += strstr(view.messages[i].text, "refused: the training has not begun yet") != NULL;
  }
  assert_int_equal(refused, 2);
  pl_journal_reader_destroy(r);
  free(folder);
}

int main(int argc, char **argv) {
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reading), cmocka_unit_test(planning),           cmocka_unit_test(tuning),
      cmocka_unit_test(saving),  cmocka_unit_test(saving_is_given_up), cmocka_unit_test(commands_before_the_beginning),
  };
  return cmocka_run_group_tests(tests, training_set_up, training_tear_down);
}
