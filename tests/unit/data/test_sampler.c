// Which cases an epoch takes, how many, and in what order.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/sampler.h"
#include "tests/tools/testing.h"

static pl_manifest make_manifest(pl_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    cases[i] = (pl_case){.number = (uint32_t)i + 1,
                         .id = "",
                         .part = PL_PART_TRAIN,
                         .status = PL_CASE_OK,
                         .label = i % 4 == 0 ? PL_LABEL_POSITIVE : PL_LABEL_NEGATIVE,
                         .fold = (int)(i % 5)};
  }
  return (pl_manifest){.workspace = "", .cases = cases, .count = count, .fold_count = 5};
}

static void subsets_leave_out_what_has_no_label(void **state) {
  (void)state;
  pl_case cases[20];
  pl_manifest m = make_manifest(cases, 20);
  cases[3].part = PL_PART_TEST;
  cases[8].status = PL_CASE_UNLABELLED;
  cases[13].status = PL_CASE_BAD;
  cases[12].label = PL_LABEL_UNKNOWN;
  size_t *chosen = NULL, count = 0;
  pl_error err = {0};
  assert_int_equal(pl_subset_select(&chosen, &count, &m, 3, PL_SUBSET_VALID, NULL, &err), PL_OK);
  assert_int_equal(count, 1);  // of 3, 8, 13 and 18
  assert_int_equal(chosen[0], 18);
  free(chosen);
  assert_int_equal(pl_subset_select(&chosen, &count, &m, 3, PL_SUBSET_TRAIN, NULL, &err), PL_OK);
  assert_int_equal(count, 15);
  for (size_t i = 0; i < count; i++) assert_true(chosen[i] % 5 != 3 && chosen[i] != 12);
  free(chosen);
  assert_int_equal(pl_subset_select(&chosen, &count, &m, -1, PL_SUBSET_TRAIN, NULL, &err), PL_OK);
  assert_int_equal(count, 16);
  free(chosen);
  assert_int_equal(pl_subset_select(&chosen, &count, &m, 5, PL_SUBSET_TRAIN, NULL, &err), PL_E_USAGE);
  assert_int_equal(pl_subset_select(&chosen, &count, &m, -1, PL_SUBSET_VALID, NULL, &err), PL_E_USAGE);
}

static void orders_are_permutations(void **state) {
  (void)state;
  pl_case cases[50];
  pl_manifest m = make_manifest(cases, 50);
  size_t all[50], first[50], again[50], at_zero[50] = {0};
  for (size_t i = 0; i < 50; i++) all[i] = i;
  pl_sampler *s = NULL;
  pl_error err = {0};
  assert_int_equal(pl_sampler_create(&s, &m, all, 50, &(pl_sampler_options){.shuffle = true, .seed = 5}, &err), PL_OK);
  assert_int_equal(pl_sampler_length(s, 1), 50);
  for (uint64_t epoch = 0; epoch < 5000; epoch++) {
    bool seen[50] = {false};
    pl_sampler_order(s, epoch, first);
    for (size_t i = 0; i < 50; i++) {
      assert_true(first[i] < 50 && !seen[first[i]]);
      seen[first[i]] = true;
    }
    at_zero[first[0]]++;
  }
  for (size_t i = 0; i < 50; i++) assert_in_range(at_zero[i], 55, 150);  // 100 expected, deviation 10
  pl_sampler_order(s, 17, first);
  pl_sampler_order(s, 18, again);
  assert_memory_not_equal(first, again, sizeof first);
  pl_sampler_order(s, 17, again);
  assert_memory_equal(first, again, sizeof first);
  pl_sampler_destroy(s);
  assert_int_equal(pl_sampler_create(&s, &m, all, 50, &(pl_sampler_options){.seed = 5}, &err), PL_OK);
  pl_sampler_order(s, 3, again);
  assert_memory_equal(all, again, sizeof all);
  pl_sampler_destroy(s);
}

static void positive_rate_is_kept(void **state) {
  (void)state;
  pl_case cases[40];
  pl_manifest m = make_manifest(cases, 40);  // 10 positive, 30 negative
  size_t all[40];
  for (size_t i = 0; i < 40; i++) all[i] = i;
  static const struct {
    double rate;
    size_t length;
  } cases_of_rate[] = {{0.4, 25}, {0.5, 20}, {0.25, 40}, {0.1, 100}, {1, 10}};
  for (size_t k = 0; k < sizeof cases_of_rate / sizeof cases_of_rate[0]; k++) {
    pl_sampler *s = NULL;
    pl_error err = {0};
    pl_sampler_options options = {.shuffle = true, .seed = 2, .positive_rate = cases_of_rate[k].rate};
    assert_int_equal(pl_sampler_create(&s, &m, all, 40, &options, &err), PL_OK);
    assert_int_equal(pl_sampler_length(s, 1), cases_of_rate[k].length);
    size_t order[100], other[100], times[40] = {0};
    pl_sampler_order(s, 0, order);
    pl_sampler_order(s, 1, other);
    for (size_t i = 0; i < cases_of_rate[k].length; i++) times[order[i]]++;
    size_t rounds = (cases_of_rate[k].length - 10) / 30;
    for (size_t i = 0; i < 40; i++) {
      if (i % 4 == 0)
        assert_int_equal(times[i], 1);
      else
        assert_in_range(times[i], rounds, rounds + 1);
    }
    assert_memory_not_equal(order, other, cases_of_rate[k].length * sizeof order[0]);
    pl_sampler_destroy(s);
  }
  pl_sampler *s = NULL;
  pl_error err = {0};
  size_t negatives[2] = {1, 2}, positives[1] = {4};
  pl_sampler_options half = {.positive_rate = 0.5};
  assert_int_equal(pl_sampler_create(&s, &m, negatives, 2, &half, &err), PL_E_USAGE);
  assert_int_equal(pl_sampler_create(&s, &m, positives, 1, &half, &err), PL_E_USAGE);
  assert_int_equal(pl_sampler_create(&s, &m, all, 40, &(pl_sampler_options){.positive_rate = 1.5}, &err), PL_E_USAGE);
  assert_int_equal(pl_sampler_create(&s, &m, all, 0, &(pl_sampler_options){0}, &err), PL_E_USAGE);
}

// The winner's: all positives, and negatives at a rate of positives from 0.8 to 0.4.
static void the_rate_slides(void **state) {
  (void)state;
  pl_case cases[400];
  pl_manifest m = make_manifest(cases, 400);  // 100 positive, 300 negative
  size_t all[400], order[256];
  for (size_t i = 0; i < 400; i++) all[i] = i;
  pl_sampler *s = NULL;
  pl_error err = {0};
  pl_sampler_options options = {
      .shuffle = true, .seed = 2, .positive_rate = 0.8, .positive_rate_end = 0.4, .epochs = 5, .batch = 8};
  assert_int_equal(pl_sampler_create(&s, &m, all, 400, &options, &err), PL_OK);
  // 100/rate, rounded, filled up to whole batches of 8.
  static const struct {
    uint64_t epoch;
    double rate;
    size_t length;
  } want[] = {{0, 0.8, 128}, {1, 0.8, 128}, {2, 0.7, 144}, {3, 0.6, 168}, {4, 0.5, 200}, {5, 0.4, 256}, {9, 0.4, 256}};
  for (size_t k = 0; k < sizeof want / sizeof want[0]; k++) {
    assert_true(pl_sampler_rate(s, want[k].epoch) > want[k].rate - 1e-12 &&
                pl_sampler_rate(s, want[k].epoch) < want[k].rate + 1e-12);
    assert_int_equal(pl_sampler_length(s, want[k].epoch), want[k].length);
    size_t times[400] = {0}, positives = 0;
    pl_sampler_order(s, want[k].epoch, order);
    for (size_t i = 0; i < want[k].length; i++) {
      positives += order[i] % 4 == 0;
      assert_int_equal(++times[order[i]], 1);  // there are negatives enough for none to come twice
    }
    assert_int_equal(positives, 100);
  }
  assert_int_equal(pl_sampler_length_min(s), 128);
  assert_int_equal(pl_sampler_length_max(s), 256);
  pl_sampler_destroy(s);
  // Upwards, and over a single epoch.
  options = (pl_sampler_options){.positive_rate = 0.4, .positive_rate_end = 0.8, .epochs = 2, .batch = 1};
  assert_int_equal(pl_sampler_create(&s, &m, all, 400, &options, &err), PL_OK);
  assert_int_equal(pl_sampler_length_min(s), 125);
  assert_int_equal(pl_sampler_length_max(s), 250);
  pl_sampler_destroy(s);
  options.epochs = 1;
  assert_int_equal(pl_sampler_create(&s, &m, all, 400, &options, &err), PL_OK);
  assert_int_equal(pl_sampler_length(s, 1), 250);
  pl_sampler_destroy(s);
}

static void bad_rates_are_refused(void **state) {
  (void)state;
  pl_case cases[40];
  pl_manifest m = make_manifest(cases, 40);
  size_t all[40], positives[10];
  for (size_t i = 0; i < 40; i++) all[i] = i;
  for (size_t i = 0; i < 10; i++) positives[i] = 4 * i;
  static const pl_sampler_options bad[] = {
      {.positive_rate = -0.1},
      {.positive_rate = 1e-12},
      {.positive_rate = 0.5, .positive_rate_end = 1.5, .epochs = 3, .batch = 4},
      {.positive_rate = 0.5, .positive_rate_end = 0.4, .epochs = 0, .batch = 4},
      {.positive_rate = 0.5, .positive_rate_end = 0.4, .epochs = 3, .batch = 0},
      {.positive_rate = 0, .positive_rate_end = 0.4, .epochs = 3, .batch = 4},
      {.positive_rate = 0.5, .positive_rate_end = 1e-12, .epochs = 3, .batch = 4},
  };
  pl_sampler *s = NULL;
  pl_error err = {0};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(pl_sampler_create(&s, &m, all, 40, &bad[i], &err), PL_E_USAGE);
    assert_null(s);
  }
  // Only positives: fine as long as nothing is to be filled up with negatives.
  pl_sampler_options only = {.positive_rate = 1};
  assert_int_equal(pl_sampler_create(&s, &m, positives, 10, &only, &err), PL_OK);
  pl_sampler_destroy(s);
  s = NULL;
  only = (pl_sampler_options){.positive_rate = 1, .positive_rate_end = 1, .epochs = 3, .batch = 4};
  assert_int_equal(pl_sampler_create(&s, &m, positives, 10, &only, &err), PL_E_USAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(subsets_leave_out_what_has_no_label),
      cmocka_unit_test(orders_are_permutations),
      cmocka_unit_test(positive_rate_is_kept),
      cmocka_unit_test(the_rate_slides),
      cmocka_unit_test(bad_rates_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
