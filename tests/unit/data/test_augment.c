#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/data/augment.h"
#include "core/data/sampler.h"
#include "tests/tools/testing.h"

static void near_all(const double *got, const double *want, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (fabs(got[i] - want[i]) > 1e-9) fail_msg("value %zu is %.12g, should be %.12g", i, got[i], want[i]);
  }
}

static void rotation_is_opencv(void **state) {
  (void)state;
  // cv2.invertAffineTransform(cv2.getRotationMatrix2D((w/2, h/2), degrees, 1)) of OpenCV 4.
  static const struct {
    uint32_t width, height;
    double degrees, want[6];
  } cases[] = {
      {.width = 512,
       .height = 512,
       .degrees = 10,
       .want = {0.984807753012208, -0.17364817766693, 48.3431487116089, 0.17364817766693, 0.984807753012208,
                -40.5647182538595}},
      {.width = 512,
       .height = 512,
       .degrees = -7.25,
       .want = {0.992004949679715, 0.12619896913583, -30.2602032167795, -0.12619896913583, 0.992004949679715,
                34.3536689807654}},
      {.width = 101,
       .height = 64,
       .degrees = 3.5,
       .want = {0.998134798421867, -0.0610485395348569, 2.04774594481114, 0.0610485395348569, 0.998134798421867,
                -3.02326479601002}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_augmentation p = pl_augment_identity();
    pl_augment_rotate(&p, cases[i].width, cases[i].height, cases[i].degrees);
    near_all(p.affine, cases[i].want, 6);
    assert_true(p.gain == 1 && p.bias == 0);
  }
}

static void flip_then_rotate_is_composed(void **state) {
  (void)state;
  pl_augmentation p = pl_augment_identity();
  pl_augment_flip(&p, 100);
  near_all(p.affine, (double[]){-1, 0, 99, 0, 1, 0}, 6);
  pl_augment_rotate(&p, 100, 60, 90);
  // A turn by 90 degrees about (50, 30) takes result (x, y) to (50 - (y - 30), 30 + (x - 50)) = (80 - y, x - 20); the
  // mirror takes that to (99 - (80 - y), x - 20).
  near_all(p.affine, (double[]){0, 1, 19, 1, 0, -20}, 6);
}

static void draws_depend_on_place_only(void **state) {
  (void)state;
  pl_augment_place place = {.seed = 7, .epoch = 3, .position = 11, .width = 64, .height = 64};
  pl_augmentation a = pl_augment_draw(&place), b = pl_augment_draw(&place);
  assert_memory_equal(&a, &b, sizeof a);
  size_t equal_epoch = 0, equal_seed = 0;
  for (uint64_t i = 0; i < 200; i++) {
    place = (pl_augment_place){.seed = 7, .epoch = 3, .position = i, .width = 64, .height = 64};
    a = pl_augment_draw(&place);
    place.epoch = 4;
    b = pl_augment_draw(&place);
    equal_epoch += memcmp(a.affine, b.affine, sizeof a.affine) == 0;
    place = (pl_augment_place){.seed = 8, .epoch = 3, .position = i, .width = 64, .height = 64};
    b = pl_augment_draw(&place);
    equal_seed += memcmp(a.affine, b.affine, sizeof a.affine) == 0;
  }
  // Equal only when neither is turned and both or none are mirrored: one in eight.
  assert_in_range(equal_epoch, 8, 50);
  assert_in_range(equal_seed, 8, 50);
}

static void draws_have_the_right_distribution(void **state) {
  (void)state;
  enum { COUNT = 20000 };
  size_t flips = 0, turns = 0, both = 0;
  double sum = 0, squares = 0, most = 0;
  for (uint64_t i = 0; i < COUNT; i++) {
    pl_augmentation p = pl_augment_draw(
        &(pl_augment_place){.seed = 1, .epoch = i / 500, .position = i % 500, .width = 512, .height = 512});
    bool flipped = p.affine[0] < 0, turned = p.affine[3] != 0;
    flips += flipped;
    turns += turned;
    both += flipped && turned;
    double degrees = asin(p.affine[3]) * 180 / 3.14159265358979323846;
    if (turned) {
      sum += degrees;
      squares += degrees * degrees;
      if (fabs(degrees) > most) most = fabs(degrees);
    }
  }
  assert_in_range(flips, COUNT * 48 / 100, COUNT * 52 / 100);
  assert_in_range(turns, COUNT * 48 / 100, COUNT * 52 / 100);
  assert_in_range(both, COUNT * 23 / 100, COUNT * 27 / 100);
  assert_true(fabs(sum / (double)turns) < 0.25);
  assert_true(fabs(squares / (double)turns - 100.0 / 3) < 1.5);  // variance of a uniform draw from +-10
  assert_true(most <= 10 && most > 9.9);
}

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
  assert_int_equal(pl_subset_select(&chosen, &count, &m, 3, PL_SUBSET_VALID, &err), PL_OK);
  assert_int_equal(count, 1);  // of 3, 8, 13 and 18
  assert_int_equal(chosen[0], 18);
  free(chosen);
  assert_int_equal(pl_subset_select(&chosen, &count, &m, 3, PL_SUBSET_TRAIN, &err), PL_OK);
  assert_int_equal(count, 15);
  for (size_t i = 0; i < count; i++) assert_true(chosen[i] % 5 != 3 && chosen[i] != 12);
  free(chosen);
  assert_int_equal(pl_subset_select(&chosen, &count, &m, -1, PL_SUBSET_TRAIN, &err), PL_OK);
  assert_int_equal(count, 16);
  free(chosen);
  assert_int_equal(pl_subset_select(&chosen, &count, &m, 5, PL_SUBSET_TRAIN, &err), PL_E_USAGE);
  assert_int_equal(pl_subset_select(&chosen, &count, &m, -1, PL_SUBSET_VALID, &err), PL_E_USAGE);
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
  assert_int_equal(pl_sampler_length(s), 50);
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
    assert_int_equal(pl_sampler_length(s), cases_of_rate[k].length);
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rotation_is_opencv),
      cmocka_unit_test(flip_then_rotate_is_composed),
      cmocka_unit_test(draws_depend_on_place_only),
      cmocka_unit_test(draws_have_the_right_distribution),
      cmocka_unit_test(subsets_leave_out_what_has_no_label),
      cmocka_unit_test(orders_are_permutations),
      cmocka_unit_test(positive_rate_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
