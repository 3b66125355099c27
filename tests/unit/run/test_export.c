// What a journal gives for other programs: CSV with every digit, and event files whose records check.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/run/export.h"
#include "tests/tools/testing.h"

enum { TEXT_MAX = 1 << 20 };

static pl_journal_view two_epochs(void) {
  static pl_step_record steps[2];
  static pl_epoch_record epochs[2];
  for (int i = 0; i < 2; i++) {
    steps[i] = (pl_step_record){.step = i + 1,
                                .epoch = 1,
                                .time = 1000 + i,
                                .loss = 0.1 + i,
                                .learning_rate = 1e-4,
                                .cpu = NAN,
                                .gpu = NAN,
                                .gpu_memory = NAN};
    epochs[i] = (pl_epoch_record){
        .step = 2 * i, .epoch = i, .time = 999 + 3 * i, .dice = 0.3 + i, .train_loss = NAN, .best = i == 1};
    for (int t = 0; t < PL_LOSS_TERMS; t++) {
      steps[i].terms[t] = t == 0 ? 0.25 : (double)NAN;
      epochs[i].train_terms[t] = epochs[i].valid_terms[t] = NAN;
    }
  }
  return (pl_journal_view){.steps = steps, .step_count = 2, .epochs = epochs, .epoch_count = 2};
}

static void test_csv(void **state) {
  (void)state;
  const pl_journal_view view = two_epochs();
  pl_buf out;
  pl_buf_init(&out, TEXT_MAX);
  pl_export_steps(&out, &view);
  assert_string_equal(out.data,
                      "step,epoch,time,loss,bce,dice,focal,jaccard,lovasz,lovasz_sigmoid,loss_mean,learning_rate,"
                      "gradient_norm,images_per_second,active,cpu,gpu,gpu_memory\n"
                      "1,1,1000,0.10000000000000001,0.25,,,,,,0,0.0001,0,0,0,,,\n"
                      "2,1,1001,1.1000000000000001,0.25,,,,,,0,0.0001,0,0,0,,,\n");
  pl_buf_reset(&out);
  pl_export_epochs(&out, &view);
  assert_non_null(strstr(out.data, "\n0,0,999,,,,,,,,0,,,,,,,0,0,0,0.29999999999999999,0,0,0,0,0\n"));
  assert_non_null(strstr(out.data, "\n1,2,1002,,,,,,,,0,,,,,,,0,0,0,1.3,0,0,0,0,1\n"));
  pl_buf_clear(&out);
}

// Another way to the same CRC-32C than the writer's: by division, bit by bit from the top.
static uint32_t crc32c(const unsigned char *bytes, size_t length) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < length; i++) {
    for (int b = 0; b < 8; b++) {
      const uint32_t bit = ((uint32_t)bytes[i] >> b & 1) ^ (crc >> 31);
      crc = crc << 1 ^ (bit != 0 ? 0x1edc6f41u : 0);
    }
  }
  uint32_t turned = 0;
  for (int b = 0; b < 32; b++) turned |= (crc >> b & 1) << (31 - b);
  return ~turned;
}

static uint32_t little(const unsigned char *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void assert_masked(uint32_t masked, const unsigned char *bytes, size_t length) {
  const uint32_t rotated = masked - 0xa282ead8u;
  assert_int_equal(rotated << 15 | rotated >> 17, crc32c(bytes, length));
}

static void test_tfevents(void **state) {
  (void)state;
  assert_int_equal(crc32c((const unsigned char *)"123456789", 9), 0xe3069283u);  // the check value of RFC 3720's CRC
  const pl_journal_view view = two_epochs();
  pl_buf out;
  pl_buf_init(&out, TEXT_MAX);
  pl_export_tfevents(&out, &view);
  const unsigned char *bytes = (const unsigned char *)out.data;
  size_t at = 0, records = 0;
  const char *const first_tags[] = {"brain.Event:2", "valid/loss", "train/loss", "train/loss", "valid/loss"};
  while (at < out.length) {
    const size_t length = little(bytes + at);
    assert_in_range(length, 10, out.length - at - 16);
    assert_masked(little(bytes + at + 8), bytes + at, 8);
    assert_masked(little(bytes + at + 12 + length), bytes + at + 12, length);
    assert_int_equal(bytes[at + 12], 1 << 3 | 1);  // wall_time, a double, comes first
    assert_true(records < 5);
    assert_non_null(memmem(bytes + at + 12, length, first_tags[records], strlen(first_tags[records])));
    at += length + 16;
    records++;
  }
  assert_int_equal(at, out.length);
  assert_int_equal(records, 5);
  // tag "train/bce" and 0.25 as a float, as the protocol buffers say it
  static const char scalar[] = "\x0a\x09train/bce\x15\x00\x00\x80\x3e";
  assert_non_null(memmem(bytes, out.length, scalar, sizeof scalar - 1));
  assert_null(memmem(bytes, out.length, "load/gpu", 8));  // unknown
  pl_buf_clear(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_csv), cmocka_unit_test(test_tfevents)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
