// A run once more: at each moment what its folder told then, and nothing of later.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/replay.h"
#include "tests/tools/testing.h"

enum { T0 = 1795435200, STEPS = 4, EPOCHS = 2 };  // 2026-11-23 12:00:00 UTC

// Evaluated untrained at 1; steps of epoch 1 at 2 and 3, paused from 4 to 6, evaluated at 7; steps of epoch 2 at 8 and
// 9, evaluated at 11; finished at 12.
typedef struct run {
  pl_step_record steps[STEPS];
  pl_epoch_record epochs[EPOCHS + 1];
  pl_message_record messages[4];
  pl_run_view view;
} run;

static void fill(run *r, const char *folder) {
  static const double step_times[STEPS] = {2, 3, 8, 9}, epoch_times[EPOCHS + 1] = {1, 7, 11};
  *r = (run){.view = {.folder = folder, .name = "once", .alive = PL_ALIVE_YES}};
  for (int i = 0; i < STEPS; i++) {
    r->steps[i] = (pl_step_record){.step = i + 1,
                                   .epoch = i / 2 + 1,
                                   .time = T0 + step_times[i],
                                   .loss_mean = 1.0 / (i + 1),
                                   .learning_rate = 0.5,
                                   .active = i + 1};
  }
  for (int i = 0; i <= EPOCHS; i++) {
    r->epochs[i] = (pl_epoch_record){
        .step = 2 * i, .epoch = i, .time = T0 + epoch_times[i], .dice_batch = 0.25 * i, .best = i > 0};
  }
  static const char *const texts[] = {"pause (alice)", "resume (alice)", "checkpoint 000004 (best)", "finished"};
  static const double message_times[] = {4, 6, 11.5, 12};
  for (int i = 0; i < 4; i++) {
    r->messages[i] =
        (pl_message_record){.kind = i == 3 ? PL_MESSAGE_END : PL_MESSAGE_ACT, .time = T0 + message_times[i]};
    (void)pl_copy_text(r->messages[i].text, sizeof r->messages[i].text, texts[i]);
  }
  pl_run_state_init(&r->view.state);
  r->view.state.phase = PL_PHASE_FINISHED;
  r->view.state.epochs = EPOCHS;
  r->view.state.epoch = EPOCHS;
  r->view.state.step = STEPS;
  r->view.state.best = 0.5;
  r->view.journal = (pl_journal_view){.steps = r->steps,
                                      .step_count = STEPS,
                                      .epochs = r->epochs,
                                      .epoch_count = EPOCHS + 1,
                                      .messages = r->messages,
                                      .message_count = 4,
                                      .ended = true};
}

static void check(pl_replay *replay, double at, pl_phase phase, size_t steps, size_t epochs, size_t messages,
                  int64_t epoch, size_t lines) {
  pl_replay_go(replay, T0 + at);
  const pl_run_view *v = pl_replay_view(replay);
  if (v->state.phase != phase) fail_msg("at %g it is %s", at, pl_phase_name(v->state.phase));
  assert_int_equal(v->alive, PL_ALIVE_NO);
  assert_int_equal(v->journal.step_count, steps);
  assert_int_equal(v->journal.epoch_count, epochs);
  assert_int_equal(v->journal.message_count, messages);
  assert_int_equal(v->state.epoch, epoch);
  assert_int_equal(v->log_count, lines);
}

static void test_moments(void **state) {
  (void)state;
  char folder[] = "/tmp/pleura-replay-XXXXXX";
  assert_non_null(mkdtemp(folder));
  static const char log[] =
      "2026-11-23 12:00:01 epoch 0\n2026-11-23 12:00:07 epoch 1\nwithout a time\n2026-11-23 12:00:12 finished\n";
  char *path = pl_path_join(folder, "core.log");
  assert_int_equal(pl_fs_replace(path, log, strlen(log), NULL), PL_OK);
  run *r = pl_xcalloc(1, sizeof *r);
  fill(r, folder);
  pl_replay *replay = NULL;
  assert_int_equal(pl_replay_open(&replay, &r->view, NULL), PL_OK);
  assert_true(pl_replay_time(replay) == T0 + 1 && pl_replay_last(replay) == T0 + 12);
  check(replay, 1, PL_PHASE_TRAINING, 0, 1, 0, 0, 1);
  assert_true(isnan(pl_replay_view(replay)->state.best));
  check(replay, 2.5, PL_PHASE_TRAINING, 1, 1, 0, 1, 1);
  assert_int_equal(pl_replay_view(replay)->state.epoch_step, 1);
  assert_int_equal(pl_replay_view(replay)->state.epoch_steps, 2);
  check(replay, 3.5, PL_PHASE_EVALUATING, 2, 1, 0, 1, 1);
  check(replay, 5, PL_PHASE_PAUSED, 2, 1, 1, 1, 1);
  check(replay, 6.5, PL_PHASE_EVALUATING, 2, 1, 2, 1, 1);
  check(replay, 7, PL_PHASE_TRAINING, 2, 2, 2, 1, 3);
  check(replay, 10, PL_PHASE_EVALUATING, 4, 2, 2, 2, 3);
  assert_true(pl_replay_view(replay)->state.best == 0.25 && pl_replay_view(replay)->state.best_epoch == 1);
  assert_true(pl_replay_view(replay)->state.elapsed == 4 && pl_replay_view(replay)->state.eta == 2);
  // Backwards, beyond both ends, and by epochs.
  check(replay, 2, PL_PHASE_TRAINING, 1, 1, 0, 1, 1);
  check(replay, -100, PL_PHASE_TRAINING, 0, 1, 0, 0, 1);
  assert_true(pl_replay_epoch(replay, 1) == T0 + 7 && pl_replay_epoch(replay, -1) == T0 + 1);
  assert_false(pl_replay_is_over(replay));
  check(replay, 100, PL_PHASE_FINISHED, 4, 3, 4, 2, 4);
  assert_true(pl_replay_is_over(replay) && pl_replay_view(replay)->journal.ended);
  assert_true(pl_replay_epoch(replay, -1) == T0 + 11 && pl_replay_epoch(replay, 1) == T0 + 12);
  pl_replay_close(replay);
  free(path);
  free(r);
  assert_int_equal(pl_fs_remove_tree(folder, NULL), PL_OK);
}

static void test_nothing(void **state) {
  (void)state;
  pl_run_view view = {.folder = "/nowhere", .name = "new"};
  pl_replay *replay = NULL;
  pl_error err = {0};
  assert_int_equal(pl_replay_open(&replay, &view, &err), PL_E_NOTFOUND);
  assert_string_equal(err.message, "new has no journal yet");
  assert_null(replay);
  pl_replay_close(NULL);
}

int main(void) {
  if (setenv("TZ", "UTC", 1) != 0) return 1;
  tzset();
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_moments), cmocka_unit_test(test_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
