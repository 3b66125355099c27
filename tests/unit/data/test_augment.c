#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/data/augment.h"
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

static void shift_scale_rotate_is_opencv(void **state) {
  (void)state;
  // cv2.invertAffineTransform of getRotationMatrix2D((64, 48), 30, 0.9) with 0.05*128 and -0.0625*96 added.
  pl_augmentation p = pl_augment_identity();
  pl_augment_shift_scale_rotate(&p, 128, 96, 30, 0.9, 0.05, -0.0625);
  near_all(p.affine,
           (double[]){0.962250448649376, -0.555555555555555, 19.5909017484172, 0.555555555555555, 0.962250448649376,
                      -31.5256299543849},
           6);
}

static pl_augment_plan draw(const char *list, uint64_t seed, uint64_t epoch, uint32_t image, uint32_t repeat) {
  pl_augment_plan plan;
  pl_augment_draw(
      &plan, pl_augment_list_find(list),
      &(pl_augment_place){
          .seed = seed, .epoch = epoch, .image = image, .repeat = repeat, .width = 512, .height = 512, .strength = 1});
  return plan;
}

static bool same(const pl_augment_plan *a, const pl_augment_plan *b) {
  bool equal = a->count == b->count;
  for (size_t i = 0; equal && i < a->count; i++) {
    equal = a->steps[i].kind == b->steps[i].kind &&
            memcmp(&a->steps[i].values, &b->steps[i].values, sizeof a->steps[i].values) == 0;
  }
  return equal;
}

static void draws_depend_on_place_only(void **state) {
  (void)state;
  // Of a list that draws nothing in one image of 2 * 1/0.7^2 * 2; both of a pair must be empty or flips to be equal.
  static const char *const lists[] = {"blog", "winner"};
  for (size_t k = 0; k < 2; k++) {
    size_t equal[4] = {0};
    for (uint32_t i = 1; i <= 400; i++) {
      pl_augment_plan a = draw(lists[k], 7, 3, i, 0), again = draw(lists[k], 7, 3, i, 0);
      pl_augment_plan others[] = {draw(lists[k], 8, 3, i, 0), draw(lists[k], 7, 4, i, 0),
                                  draw(lists[k], 7, 3, i + 1, 0), draw(lists[k], 7, 3, i, 1)};
      assert_true(same(&a, &again));
      for (size_t j = 0; j < 4; j++) equal[j] += same(&a, &others[j]);
    }
    // blog: neither is turned and both or none are flipped, 1/8; winner: 1/2 * (0.7 * 0.7 * 0.5)^2 = 0.03.
    for (size_t j = 0; j < 4; j++) assert_in_range(equal[j], k == 0 ? 25 : 3, k == 0 ? 80 : 30);
  }
}

static void blog_draws_as_it_says(void **state) {
  (void)state;
  enum { COUNT = 20000 };
  size_t flips = 0, turns = 0, both = 0;
  double sum = 0, squares = 0, most = 0;
  for (uint32_t i = 0; i < COUNT; i++) {
    pl_augment_plan plan = draw("blog", 1, i / 500, i % 500, 0);
    pl_augmentation p = pl_augment_affine(&plan);
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

// Per mille of the images that each kind of the winner's list changes, and the limits of its values.
static void winner_draws_as_it_says(void **state) {
  (void)state;
  enum { COUNT = 20000 };
  static const struct {
    const char *kind;
    int per_mille;
    size_t values;
    double low[4], high[4];
  } want[] = {
      {"flip", 500, 0, {0}, {0}},
      {"rotate", 0, 0, {0}, {0}},
      {"contrast", 100, 1, {0.8}, {1.2}},
      {"gamma", 100, 1, {0.8}, {1.2}},
      {"brightness", 100, 1, {-0.2}, {0.2}},
      {"elastic", 100, 4, {-3.6, -3.6, -3.6, -3.6}, {3.6, 3.6, 3.6, 3.6}},
      {"grid", 100, 4, {0.7, 0.7, 0.7, 0.7}, {1.3, 1.3, 1.3, 1.3}},
      {"optical", 100, 1, {-2}, {2}},
      {"shift-scale-rotate", 500, 4, {-45, 0.9, -0.0625, -0.0625}, {45, 1.1, 0.0625, 0.0625}},
  };
  enum { KINDS = sizeof want / sizeof want[0] };
  size_t times[KINDS] = {0};
  double low[KINDS][4] = {{0}}, high[KINDS][4] = {{0}};
  assert_int_equal(KINDS, pl_augment_kind_count);
  for (uint32_t i = 0; i < COUNT; i++) {
    pl_augment_plan plan = draw("winner", 3, 1, i, 0);
    for (size_t s = 0; s < plan.count; s++) {
      size_t k = (size_t)(plan.steps[s].kind - pl_augment_kinds);
      for (size_t v = 0; v < want[k].values; v++) {
        double value = plan.steps[s].values.v[v];
        if (times[k] == 0 || value < low[k][v]) low[k][v] = value;
        if (times[k] == 0 || value > high[k][v]) high[k][v] = value;
      }
      times[k]++;
    }
  }
  for (size_t k = 0; k < KINDS; k++) {
    assert_string_equal(pl_augment_kinds[k].name, want[k].kind);
    double share = 1000.0 * (double)times[k] / COUNT;
    if (fabs(share - want[k].per_mille) > (want[k].per_mille == 0 ? 0 : 12)) {
      fail_msg("%s: %.1f of 1000", want[k].kind, share);
    }
    for (size_t v = 0; v < want[k].values; v++) {
      double slack = 0.01 * (want[k].high[v] - want[k].low[v]);
      if (low[k][v] < want[k].low[v] || low[k][v] > want[k].low[v] + slack || high[k][v] > want[k].high[v] ||
          high[k][v] < want[k].high[v] - slack) {
        fail_msg("%s: value %zu from %g to %g", want[k].kind, v, low[k][v], high[k][v]);
      }
    }
  }
}

static void lists_name_kinds(void **state) {
  (void)state;
  for (size_t i = 0; i < pl_augment_list_count; i++) {
    const pl_augment_list *list = &pl_augment_lists[i];
    assert_ptr_equal(pl_augment_list_find(list->name), list);
    assert_true(list->count <= PL_AUGMENT_STEPS_MAX);
    for (size_t m = 0; m < list->count; m++) {
      assert_non_null(list->members[m].kinds[0]);
      for (size_t k = 0; k < PL_AUGMENT_CHOICES_MAX && list->members[m].kinds[k] != NULL; k++)
        assert_non_null(pl_augment_kind_find(list->members[m].kinds[k]));
    }
  }
  for (size_t i = 0; i < pl_augment_kind_count; i++) {
    const pl_augment_kind *k = &pl_augment_kinds[i];
    assert_int_equal((k->affine != NULL) + (k->levels != NULL) + (k->field != NULL), 1);
  }
  assert_null(pl_augment_list_find("blogs"));
  pl_augment_plan none = draw("none", 1, 1, 1, 0);
  assert_int_equal(none.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rotation_is_opencv),
      cmocka_unit_test(flip_then_rotate_is_composed),
      cmocka_unit_test(shift_scale_rotate_is_opencv),
      cmocka_unit_test(draws_depend_on_place_only),
      cmocka_unit_test(blog_draws_as_it_says),
      cmocka_unit_test(winner_draws_as_it_says),
      cmocka_unit_test(lists_name_kinds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
