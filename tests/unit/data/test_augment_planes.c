// What the loader does to the 8-bit planes: grey levels by hand-computed tables, dense warps by their properties and
// against a plain implementation in double precision.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/augment.h"
#include "tests/tools/testing.h"

// Between a warp in fixed point and one in double precision, in grey levels, on a picture without hard edges.
static const double MEAN_TOLERANCE = 0.5, MAX_TOLERANCE = 2;

enum { SIDE = 128, PIXELS = SIDE * SIDE };

static pl_augment_plan plan_of(const char *kind, uint32_t width, uint32_t height, uint32_t image, double strength) {
  pl_augment_plan plan = {.width = width, .height = height, .count = 1};
  plan.steps[0].kind = pl_augment_kind_find(kind);
  assert_non_null(plan.steps[0].kind);
  plan.steps[0].kind->draw(
      &plan.steps[0].values,
      &(pl_augment_place){
          .seed = 9, .epoch = 2, .image = image, .width = width, .height = height, .strength = strength});
  return plan;
}

static void apply(uint8_t *image, uint8_t *mask, const pl_augment_plan *plan) {
  pl_augment_room room = {0};
  assert_int_equal(pl_augment_apply(image, mask, plan, &room, NULL), PL_OK);
  pl_augment_room_clear(&room);
}

static void fill_noise(uint8_t *out, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; i++) out[i] = (uint8_t)pl_rng_below(seed, 0, i, 256);
}

static void fill_smooth(uint8_t *out) {
  for (int i = 0; i < PIXELS; i++) {
    double x = i % SIDE, y = i / SIDE;
    out[i] = (uint8_t)(128 + 60 * sin(x / 9) * cos(y / 11) + 50 * sin((x + 2 * y) / 23));
  }
}

static void strength_0_is_the_identity(void **state) {
  (void)state;
  static const struct { uint32_t width, height; } sizes[] = {{128, 128}, {64, 96}, {101, 37}, {5, 3}, {1, 1}};
  uint8_t image[PIXELS], mask[PIXELS], before[2][PIXELS];
  for (size_t k = 0; k < pl_augment_kind_count; k++) {
    if (strcmp(pl_augment_kinds[k].name, "flip") == 0) continue;  // has no strength
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
      size_t count = (size_t)sizes[s].width * sizes[s].height;
      fill_noise(image, count, 1);
      fill_noise(mask, count, 2);
      memcpy(before[0], image, count);
      memcpy(before[1], mask, count);
      pl_augment_plan plan = plan_of(pl_augment_kinds[k].name, sizes[s].width, sizes[s].height, 4, 0);
      apply(image, mask, &plan);
      pl_augmentation affine = pl_augment_affine(&plan), identity = pl_augment_identity();
      for (int i = 0; i < 6; i++) assert_true(fabs(affine.affine[i] - identity.affine[i]) < 1e-12);
      if (memcmp(image, before[0], count) != 0 || memcmp(mask, before[1], count) != 0) {
        fail_msg("%s changes %ux%u", pl_augment_kinds[k].name, sizes[s].width, sizes[s].height);
      }
    }
  }
}

static void every_kind_changes_the_image(void **state) {
  (void)state;
  uint8_t image[PIXELS], mask[PIXELS], smooth[PIXELS], half[PIXELS];
  fill_smooth(smooth);
  for (int i = 0; i < PIXELS; i++) half[i] = smooth[i] > 128 ? 255 : 0;
  for (size_t k = 0; k < pl_augment_kind_count; k++) {
    const pl_augment_kind *kind = &pl_augment_kinds[k];
    pl_augment_plan plan = plan_of(kind->name, SIDE, SIDE, 1, 1);
    memcpy(image, smooth, PIXELS);
    memcpy(mask, half, PIXELS);
    apply(image, mask, &plan);
    pl_augmentation affine = pl_augment_affine(&plan), identity = pl_augment_identity();
    assert_int_equal(memcmp(&affine, &identity, sizeof affine) != 0, kind->affine != NULL);
    assert_int_equal(memcmp(image, smooth, PIXELS) != 0, kind->affine == NULL);
    assert_int_equal(memcmp(mask, half, PIXELS) != 0, kind->field != NULL);
    for (int i = 0; i < PIXELS; i++) assert_true(mask[i] == 0 || mask[i] == 255);
  }
}

static void levels_are_hand_computed(void **state) {
  (void)state;
  static const struct {
    const char *kind;
    double value;
    uint8_t in[3], want[3];
  } cases[] = {
      {"contrast", 1.2, {0, 100, 250}, {0, 120, 255}},
      {"contrast", 0.85, {1, 101, 255}, {1, 86, 217}},  // 0.85, 85.85, 216.75
      // 255*(v/255)^(1/gamma): 64 gives 45.34 and 80.75, 128 gives 107.76 and 143.60
      {"gamma", 0.8, {0, 64, 128}, {0, 45, 108}},
      {"gamma", 1.2, {64, 128, 255}, {81, 144, 255}},
      {"brightness", 0.2, {0, 50, 100}, {10, 60, 110}},  // the mean is 50
      {"brightness", -0.15, {0, 50, 100}, {0, 43, 93}},  // 42.5 and 92.5 round up
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_augment_plan plan = plan_of(cases[i].kind, 3, 1, 1, 1);
    plan.steps[0].values.v[0] = cases[i].value;
    uint8_t image[3], mask[3] = {255, 0, 255};
    memcpy(image, cases[i].in, 3);
    apply(image, mask, &plan);
    for (int p = 0; p < 3; p++) {
      if (image[p] != cases[i].want[p]) fail_msg("%s, %d becomes %d", cases[i].kind, cases[i].in[p], image[p]);
    }
    assert_memory_equal(mask, ((uint8_t[]){255, 0, 255}), 3);
  }
}

static pl_augment_field make_field(uint32_t width, uint32_t height) {
  size_t pixels = (size_t)width * height;
  float *planes = pl_xcalloc(3 * pixels + width + 64, sizeof *planes);
  return (pl_augment_field){
      .width = width, .height = height, .x = planes, .y = planes + pixels, .spare = planes + 2 * pixels};
}

static void near_field(const pl_augment_field *f, uint32_t x, uint32_t y, double want_x, double want_y) {
  double got_x = f->x[y * f->width + x], got_y = f->y[y * f->width + x];
  if (fabs(got_x - want_x) > 1e-4 || fabs(got_y - want_y) > 1e-4)
    fail_msg("(%u,%u) is from (%.5f,%.5f)", x, y, got_x, got_y);
}

static void grid_and_optical_are_hand_computed(void **state) {
  (void)state;
  pl_augment_field f = make_field(50, 20);
  pl_augment_values grid = {.v = {1.2, 0.8, 1, 0.7, 1.3, 1, 1, 0.9, 1.1, 1}};
  pl_augment_kind_find("grid")->field(&f, &grid);
  // Cells are 10 wide and 4 high; they begin at 0 12 20 30 37 and 0 4 8 11.6 16.
  near_field(&f, 0, 0, 0, 0);
  near_field(&f, 5, 2, 6, 2);
  near_field(&f, 13, 9, 12 + 3 * 0.8, 8 + 1 * 0.9);
  near_field(&f, 39, 15, 30 + 9 * 0.7, 11.6 + 3 * 1.1);
  near_field(&f, 49, 19, 37 + 9 * 1.3, 16 + 3);
  pl_augment_values optical = {.v = {-1.5}};
  pl_augment_kind_find("optical")->field(&f, &optical);
  // The middle is (24.5, 9.5); at (44, 9) r^2 = (19.5^2 + 0.5^2)/50^2 = 0.1522 and the factor 0.736953.
  near_field(&f, 44, 9, 24.5 + 19.5 * 0.73695274, 9.5 - 0.5 * 0.73695274);
  near_field(&f, 5, 10, 24.5 - 19.5 * 0.73695274, 9.5 + 0.5 * 0.73695274);
  free(f.x);
}

// Uniform noise in +-1 has deviation 0.577, a gaussian with sigma 6 leaves 1/(2 sqrt(pi) 6) of it, times alpha 120:
// 3.26 pixels. Neighbours must go almost the same way.
static void elastic_displaces_smoothly(void **state) {
  (void)state;
  pl_augment_field f = make_field(512, 256);
  pl_augment_plan plan = plan_of("elastic", 512, 256, 3, 1);
  memset(plan.steps[0].values.v, 0, 6 * sizeof(double));  // without its affine part
  plan.steps[0].kind->field(&f, &plan.steps[0].values);
  double squares[2] = {0}, step = 0, both = 0;
  for (uint32_t y = 0; y < 256; y++) {
    for (uint32_t x = 0; x < 512; x++) {
      double dx = (double)f.x[y * 512 + x] - x, dy = (double)f.y[y * 512 + x] - y;
      squares[0] += dx * dx;
      squares[1] += dy * dy;
      both += dx * dy;
      if (x > 0) step = fmax(step, fabs((double)f.x[y * 512 + x] - (double)f.x[y * 512 + x - 1] - 1));
    }
  }
  for (int i = 0; i < 2; i++) {
    double deviation = sqrt(squares[i] / (512 * 256));
    if (fabs(deviation - 3.26) > 0.3) fail_msg("deviation %.3f", deviation);
  }
  assert_true(fabs(both) / sqrt(squares[0] * squares[1]) < 0.1);  // x and y have noise of their own
  assert_true(step < 3);
  free(f.x);
}

static double pixel(const uint8_t *in, long x, long y) {
  long period = 2 * (SIDE - 1);
  x = labs(x % period);
  y = labs(y % period);
  return in[(y < SIDE ? y : period - y) * SIDE + (x < SIDE ? x : period - x)];
}

static double bilinear(const uint8_t *in, double x, double y) {
  double left = floor(x), top = floor(y), fx = x - left, fy = y - top;
  long ix = (long)left, iy = (long)top;
  return (pixel(in, ix, iy) * (1 - fx) + pixel(in, ix + 1, iy) * fx) * (1 - fy) +
         (pixel(in, ix, iy + 1) * (1 - fx) + pixel(in, ix + 1, iy + 1) * fx) * fy;
}

static const char *const fields[] = {"elastic", "grid", "optical"};

static void warps_are_those_of_the_field(void **state) {
  (void)state;
  uint8_t image[PIXELS], mask[PIXELS], smooth[PIXELS];
  fill_smooth(smooth);
  pl_augment_field f = make_field(SIDE, SIDE);
  for (size_t k = 0; k < 3; k++) {
    for (uint32_t number = 1; number <= 10; number++) {
      pl_augment_plan plan = plan_of(fields[k], SIDE, SIDE, number, 1);
      memcpy(image, smooth, PIXELS);
      memset(mask, 0, PIXELS);
      apply(image, mask, &plan);
      plan.steps[0].kind->field(&f, &plan.steps[0].values);
      double sum = 0, most = 0;
      for (int i = 0; i < PIXELS; i++) {
        double difference = fabs(image[i] - bilinear(smooth, f.x[i], f.y[i]));
        sum += difference;
        most = fmax(most, difference);
      }
      if (sum / PIXELS > MEAN_TOLERANCE || most > MAX_TOLERANCE) {
        fail_msg("%s, image %u: mean %.3f, most %.2f", fields[k], number, sum / PIXELS, most);
      }
    }
  }
  free(f.x);
}

// A disc in the image and the same disc as its mask stay the same disc: at a threshold of one half they may differ only
// along the edge, by rounding.
static void image_and_mask_move_together(void **state) {
  (void)state;
  uint8_t image[PIXELS], mask[PIXELS], disc[PIXELS];
  for (int i = 0; i < PIXELS; i++) {
    int x = i % SIDE - 50, y = i / SIDE - 70;
    disc[i] = x * x + y * y < 30 * 30 ? 255 : 0;
  }
  for (uint32_t number = 1; number <= 60; number++) {
    pl_augment_plan plan = plan_of(fields[number % 3], SIDE, SIDE, number, number % 3 == 2 ? 0.4 : 1);
    memcpy(image, disc, PIXELS);
    memcpy(mask, disc, PIXELS);
    apply(image, mask, &plan);
    int differ = 0, moved = 0;
    for (int i = 0; i < PIXELS; i++) {
      differ += (image[i] > 127) != (mask[i] > 127);
      moved += disc[i] != mask[i];
    }
    if (differ > 45) fail_msg("%s, image %u: %d pixels differ, %d moved", fields[number % 3], number, differ, moved);
  }
}

// What an earlier image left in the room does not matter, nor its size.
static void rooms_carry_nothing_over(void **state) {
  (void)state;
  uint8_t image[2][PIXELS], mask[2][PIXELS];
  pl_augment_room room = {0};
  for (uint32_t number = 1; number <= 12; number++) {
    uint32_t width = number % 4 == 0 ? 96 : SIDE;
    pl_augment_plan plan = plan_of(fields[number % 3], width, SIDE, number, 1);
    for (int i = 0; i < 2; i++) {
      fill_noise(image[i], PIXELS, number);
      fill_noise(mask[i], PIXELS, number + 100);
    }
    apply(image[0], mask[0], &plan);
    assert_int_equal(pl_augment_apply(image[1], mask[1], &plan, &room, NULL), PL_OK);
    assert_memory_equal(image[0], image[1], PIXELS);
    assert_memory_equal(mask[0], mask[1], PIXELS);
  }
  pl_augment_room_clear(&room);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(strength_0_is_the_identity),   cmocka_unit_test(every_kind_changes_the_image),
      cmocka_unit_test(levels_are_hand_computed),     cmocka_unit_test(grid_and_optical_are_hand_computed),
      cmocka_unit_test(elastic_displaces_smoothly),   cmocka_unit_test(warps_are_those_of_the_field),
      cmocka_unit_test(image_and_mask_move_together), cmocka_unit_test(rooms_carry_nothing_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
