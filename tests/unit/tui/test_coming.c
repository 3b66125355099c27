// What the workbench tells who comes back, and who is not looking.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/run/journal.h"
#include "tests/tools/testing.h"
#include "tui/notify.h"
#include "tui/visit.h"

enum { DAY = 86400 };
static const double now = 1795435200.0 + 12 * 3600;  // 2026-11-24 00:00 UTC

static void test_words(void **state) {
  (void)state;
  pl_epoch_record epochs[4];
  for (int i = 0; i < 4; i++)
    epochs[i] = (pl_epoch_record){.epoch = i, .time = now - 4000 + 1000 * i, .dice = 0.6 + 0.05 * i};
  pl_message_record messages[] = {{.kind = PL_MESSAGE_WARN, .time = now - 3500},
                                  {.kind = PL_MESSAGE_WARN, .time = now - 10},
                                  {.kind = PL_MESSAGE_ACT, .time = now - 10}};
  pl_run_view view = {.name = "a"};
  view.journal = (pl_journal_view){.epochs = epochs, .epoch_count = 4, .messages = messages, .message_count = 3};
  char words[256];
  pl_visit_words(words, sizeof words, &view, now - 3500, now);
  assert_string_equal(words, "since yesterday 23:01: epochs 1 to 3, dice 0.6000 -> 0.7500, 1 warning");
  pl_visit_words(words, sizeof words, &view, now - 1500, now);
  assert_string_equal(words, "since yesterday 23:35: epoch 3, dice 0.7000 -> 0.7500, 1 warning");
  pl_visit_words(words, sizeof words, &view, now - 2 * DAY, now);
  assert_string_equal(words, "since 2026-11-22 00:00: epochs 0 to 3, dice 0.6000 -> 0.7500, 2 warnings");
  pl_visit_words(words, sizeof words, &view, now - 100, now);
  assert_string_equal(words, "since yesterday 23:58: 1 warning");
  pl_visit_words(words, sizeof words, &view, now, now);
  assert_string_equal(words, "");
  pl_visit_words(words, sizeof words, &view, (double)NAN, now);
  assert_string_equal(words, "");
  pl_visit_words(words, sizeof words, NULL, 0, now);
  assert_string_equal(words, "");
}

static void test_visits(void **state) {
  (void)state;
  char root[] = "/tmp/pleura-visit-XXXXXX";
  assert_non_null(mkdtemp(root));
  assert_int_equal(setenv("XDG_STATE_HOME", root, 1), 0);
  assert_true(isnan(pl_visit_last("/w")));
  pl_visit_note("/w", 1000.25);
  assert_true(pl_visit_last("/w") == 1000.25);
  assert_true(isnan(pl_visit_last("/other")));
  pl_visit_note("/w", 2000);
  assert_true(pl_visit_last("/w") == 2000);
  assert_int_equal(pl_fs_remove_tree(root, NULL), PL_OK);
  assert_int_equal(setenv("XDG_STATE_HOME", "/proc/nowhere", 1), 0);
  pl_visit_note("/w", 1);  // cannot be written: nothing happens
  assert_true(isnan(pl_visit_last("/w")));
}

static void test_bell(void **state) {
  (void)state;
  char bytes[256];
  assert_int_equal(unsetenv("PLEURA_BELL"), 0);
  assert_int_equal(pl_notify_bytes(bytes, sizeof bytes, "dumb", "x"), 0);
  assert_int_equal(pl_notify_bytes(bytes, sizeof bytes, NULL, "x"), 0);
  assert_int_equal(pl_notify_bytes(bytes, sizeof bytes, "linux", "x"), 1);
  assert_int_equal(pl_notify_bytes(bytes, sizeof bytes, "linux-16color", "x"), 1);
  const char *expected = "\033]9;pleura: a finished\a\a";
  assert_int_equal(pl_notify_bytes(bytes, sizeof bytes, "xterm-256color", "a finished"), strlen(expected));
  assert_string_equal(bytes, expected);
  assert_true(pl_notify_bytes(bytes, sizeof bytes, "xterm", "a\033]0;evil\a") > 0);
  assert_null(strchr(bytes + 1, '\033'));
  assert_int_equal(setenv("PLEURA_BELL", "off", 1), 0);
  assert_int_equal(pl_notify_bytes(bytes, sizeof bytes, "xterm", "x"), 0);
}

static void test_until(void **state) {
  (void)state;
  pl_step_record steps[] = {{.time = 1}, {.time = 2}, {.time = 3}};
  pl_epoch_record epochs[] = {{.time = 0.5}, {.time = 3.5}};
  pl_message_record messages[] = {{.time = 4}};
  const pl_journal_view all = {.steps = steps,
                               .step_count = 3,
                               .epochs = epochs,
                               .epoch_count = 2,
                               .messages = messages,
                               .message_count = 1,
                               .ended = true};
  pl_journal_view v = pl_journal_view_until(all, 2);
  assert_true(v.step_count == 2 && v.epoch_count == 1 && v.message_count == 0 && !v.ended);
  v = pl_journal_view_until(all, 4);
  assert_true(v.step_count == 3 && v.epoch_count == 2 && v.message_count == 1 && v.ended);
  v = pl_journal_view_until(all, 0);
  assert_true(v.step_count == 0 && v.epoch_count == 0);
}

int main(void) {
  if (setenv("TZ", "UTC", 1) != 0) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_visits),
                                     cmocka_unit_test(test_bell), cmocka_unit_test(test_until)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
