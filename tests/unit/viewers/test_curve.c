#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "tests/tools/testing.h"
#include "tests/unit/viewers/golden.h"
#include "tests/unit/viewers/suites.h"
#include "viewers/colormap.h"
#include "viewers/view_curve.h"

enum { EPOCHS = 12 };

static void render(const pl_curve_chart *chart, uint32_t width, uint32_t height, const char *name) {
  pl_bitmap bitmap = {0};
  pl_error err = {0};
  if (pl_view_curve(&bitmap, chart, width, height, &err) != PL_OK) fail_msg("%s", err.message);
  if (name != NULL) assert_golden(&bitmap, name);
  pl_bitmap_clear(&bitmap);
}

static void fill_dice(pl_curve_point *batch, pl_curve_point *image, pl_curve_point *positive) {
  for (int i = 0; i < EPOCHS; i++) {
    batch[i] = (pl_curve_point){i, 0.8 - 0.7 / (1 + 0.6 * i)};
    image[i] = (pl_curve_point){i, 0.85 - 0.3 / (1 + 0.5 * i) + 0.02 * (i % 3)};
    positive[i] = (pl_curve_point){i, 0.6 - 0.5 / (1 + 0.4 * i)};
  }
  positive[5].y = NAN;
}

static void dice_golden(void **state) {
  (void)state;
  pl_curve_point points[3][EPOCHS];
  fill_dice(points[0], points[1], points[2]);
  pl_curve_series series[] = {
      {"dice_batch", pl_colour_series(0), points[0], EPOCHS},
      {"dice", pl_colour_series(1), points[1], EPOCHS},
      {"dice_pos", pl_colour_series(2), points[2], EPOCHS},
  };
  const pl_curve_reference nothing = {"nothing", 0.78};
  pl_curve_chart chart = {.title = "validation",
                          .x_label = "epoch",
                          .series = series,
                          .series_count = 3,
                          .references = &nothing,
                          .reference_count = 1};
  render(&chart, 480, 200, "curve_dice");
  render(&chart, 300, 150, "curve_dice_small");
  for (size_t i = 0; i < 3; i++) series[i].count = 1;
  render(&chart, 300, 150, "curve_one_point");
  for (size_t i = 0; i < 3; i++) series[i].count = 0;
  render(&chart, 300, 150, "curve_no_point");
}

static void loss_golden(void **state) {
  (void)state;
  enum { STEPS = 3000 };
  pl_curve_point *steps = pl_xcalloc(STEPS, sizeof *steps);
  for (int i = 0; i < STEPS; i++) steps[i] = (pl_curve_point){i, 2.5 * exp(-i / 400.0) + 0.3 + 0.1 * sin(i * 1.7)};
  steps[1500].y = 1.9;  // a spike of one step among six in its column
  const pl_curve_series series = {"loss", pl_colour_series(0), steps, STEPS};
  pl_curve_chart chart = {.title = "train loss", .x_label = "step", .series = &series, .series_count = 1};
  render(&chart, 480, 200, "curve_loss");
  chart.log_y = true;
  render(&chart, 480, 200, "curve_loss_log");
  free(steps);
}

static bool has_colour(const pl_bitmap *bitmap, pl_rgb colour, uint32_t from, uint32_t to) {
  for (uint32_t y = 24; y < bitmap->height - 20; y++) {
    for (uint32_t x = from; x < to; x++) {
      if (pl_rgb_equal(bitmap->pixels[(size_t)y * bitmap->width + x], colour)) return true;
    }
  }
  return false;
}

// Nothing is drawn where a value is unknown: neither a line across the gap nor a 0.
static void unknown_is_a_gap(void **state) {
  (void)state;
  const pl_curve_point points[] = {{0, 5}, {1, 6}, {2, NAN}, {3, INFINITY}, {4, NAN}, {5, 5}, {6, 6}};
  const pl_curve_series series = {"x", {255, 0, 0}, points, 7};
  pl_curve_chart chart = {.series = &series, .series_count = 1};
  pl_curve_range range = pl_curve_find_range(&chart);
  assert_true(range.known && range.y_min > 4 && range.y_max < 7 && range.x_min == 0 && range.x_max == 6);
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_view_curve(&bitmap, &chart, 320, 160, NULL), PL_OK);
  assert_true(has_colour(&bitmap, series.colour, 20, 70));
  assert_false(has_colour(&bitmap, series.colour, 100, 250));
  assert_true(has_colour(&bitmap, series.colour, 260, 310));
  pl_bitmap_clear(&bitmap);
}

static void odd_values_are_survived(void **state) {
  (void)state;
  const pl_curve_point points[] = {{0, 1e300}, {1, -1e300}, {2, 0}, {3, 1e-300}, {1e300, 2}, {NAN, NAN}, {4, 1e100}};
  const pl_curve_reference references[] = {{"inf", INFINITY}, {"nan", NAN}, {"zero", 0}};
  for (size_t count = 0; count <= 7; count++) {
    const pl_curve_series series = {
        "a rather long label that does not fit anywhere at all in a small chart", {9, 9, 9}, points, count};
    pl_curve_chart chart = {.title = "title",
                            .x_label = "a long label of the axis",
                            .series = &series,
                            .series_count = 1,
                            .references = references,
                            .reference_count = 3};
    for (int log_y = 0; log_y < 2; log_y++) {
      chart.log_y = log_y != 0;
      render(&chart, 60, 40, NULL);
      render(&chart, 61, 300, NULL);
      chart.y_range_set = chart.x_range_set = true;
      render(&chart, 400, 41, NULL);
      chart.y_range_set = chart.x_range_set = false;
    }
  }
  pl_bitmap bitmap = {0};
  const pl_curve_chart empty = {0};
  assert_int_equal(pl_view_curve(&bitmap, &empty, 59, 40, NULL), PL_E_LIMIT);
  render(&empty, 60, 40, NULL);
}

static void ticks_are_round(void **state) {
  (void)state;
  double ticks[10];
  assert_int_equal(pl_curve_ticks(ticks, 6, 0, 1, false), 6);
  for (int i = 0; i < 6; i++) assert_true(fabs(ticks[i] - 0.2 * i) < 1e-12);
  assert_int_equal(pl_curve_ticks(ticks, 5, 3.2, 17.9, false), 3);
  assert_true(ticks[0] == 5 && ticks[1] == 10 && ticks[2] == 15);
  assert_int_equal(pl_curve_ticks(ticks, 10, 0.001, 10, true), 5);
  assert_true(fabs(ticks[0] - 0.001) < 1e-12 && fabs(ticks[4] - 10) < 1e-9);
  assert_int_equal(pl_curve_ticks(ticks, 10, 0.3, 2.4, true), 3);
  assert_true(fabs(ticks[0] - 0.5) < 1e-12 && ticks[1] == 1 && ticks[2] == 2);
  assert_int_equal(pl_curve_ticks(ticks, 10, 1, 1, false), 0);
  assert_int_equal(pl_curve_ticks(ticks, 10, 0, INFINITY, false), 0);
  static const struct {
    double value, step;
    const char *want;
  } texts[] = {{0.2, 0.2, "0.2"},    {0, 0.05, "0.00"},     {1500, 500, "1500"},     {250000, 50000, "250k"},
               {1.5e6, 5e5, "1.5M"}, {2e-6, 1e-6, "2e-06"}, {0.123456, 0, "0.1235"}, {1, 0.25, "1.0"}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    char text[32];
    pl_curve_format(text, sizeof text, texts[i].value, texts[i].step);
    assert_string_equal(text, texts[i].want);
  }
}

int run_curve_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dice_golden),      cmocka_unit_test(loss_golden),
      cmocka_unit_test(unknown_is_a_gap), cmocka_unit_test(odd_values_are_survived),
      cmocka_unit_test(ticks_are_round),
  };
  return cmocka_run_group_tests_name("view_curve", tests, NULL, NULL);
}
