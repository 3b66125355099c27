// A training that is hung up on, terminated and killed, and resumed each time, ends with the same losses and the same
// weights, bit for bit, as one that was left alone.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "tests/faults/training.h"
#include "tests/tools/testing.h"

static void test_resume(void **state) {
  (void)state;
  // Epochs of 2, 3 and 4 batches, in which negatives come twice.
  static const char *const values[][2] = {
      {"milestones", "1,2"}, {"augment", "winner"}, {"sample-rate", "0.8"}, {"sample-rate-end", "0.4"}, {NULL, NULL}};
  char *calm = training_make("calm", values, NULL);
  assert_int_equal(training_end(training_start(calm, false, NULL)), 0);
  char *rough = training_make("rough", values, calm);
  // Trained already: only --resume goes on.
  assert_int_not_equal(training_end(training_start(calm, false, NULL)), 0);

  pid_t core = training_start(rough, false, NULL);
  training_wait(rough, core, 1);
  assert_int_equal(training_end(training_start(rough, true, NULL)), pl_status_exit_code(PL_E_BUSY));
  assert_int_equal(kill(core, SIGHUP), 0);
  training_wait(rough, core, 2);
  assert_int_equal(kill(core, SIGTERM), 0);
  assert_int_equal(training_end(core), 6);

  core = training_start(rough, true, NULL);
  training_wait(rough, core, training_steps(rough) + 1);
  (void)nanosleep(&(struct timespec){.tv_nsec = (long)(getpid() % 300) * 1000 * 1000}, NULL);
  assert_int_equal(kill(core, SIGKILL), 0);
  assert_int_equal(training_end(core), 1000 + SIGKILL);
  char *journal = pl_path_join(rough, "metrics.jsonl");
  int fd = open(journal, O_WRONLY | O_APPEND);
  assert_int_equal(write(fd, "{\"kind\":\"st", 11), 11);  // and in the middle of a line
  close(fd);
  free(journal);

  assert_int_equal(training_end(training_start(rough, true, NULL)), 0);
  assert_int_equal(training_compare(calm, rough), 2);
  free(calm);
  free(rough);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_resume)};
  return cmocka_run_group_tests(tests, training_set_up, training_tear_down);
}
