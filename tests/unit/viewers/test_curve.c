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
      {.label = "dice_batch", .colour = pl_colour_series(0), .points = points[0], .count = EPOCHS},
      {.label = "dice", .colour = pl_colour_series(1), .points = points[1], .count = EPOCHS},
      {.label = "dice_pos", .colour = pl_colour_series(2), .points = points[2], .count = EPOCHS},
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

enum { STEPS = 3000 };

static pl_curve *loss_curve(void) {
  pl_curve *curve = pl_curve_create();
  // With a spike of one step among six in its column.
  for (int i = 0; i < STEPS; i++) {
    pl_curve_append(curve, i, i == 1500 ? 1.9 : 2.5 * exp(-i / 400.0) + 0.3 + 0.1 * sin(i * 1.7));
  }
  return curve;
}

static pl_curve_series series_of(const pl_curve_trace *trace) {
  return (pl_curve_series){.label = "loss",
                           .colour = pl_colour_series(0),
                           .points = trace->line,
                           .count = trace->line_count,
                           .shadow = trace->shadow,
                           .shadow_count = trace->shadow_count,
                           .bands = trace->bands,
                           .band_count = trace->band_count};
}

static void loss_golden(void **state) {
  (void)state;
  pl_curve *curve = loss_curve();
  pl_curve_trace trace = {0};
  pl_curve_trace_make(&trace, curve, &(pl_curve_window){.x_min = 0, .x_max = STEPS - 1, .columns = 480});
  pl_curve_series series = series_of(&trace);
  pl_curve_chart chart = {.title = "train loss", .x_label = "step", .series = &series, .series_count = 1};
  render(&chart, 480, 200, "curve_loss");
  chart.log_y = true;
  render(&chart, 480, 200, "curve_loss_log");
  pl_curve_trace_clear(&trace);
  pl_curve_destroy(curve);
}

// Both axes logarithmic, smoothed over the band of what is there, with the cursor on the spike.
static void smooth_golden(void **state) {
  (void)state;
  pl_curve *curve = loss_curve();
  pl_curve_smooth(curve, 0.97);
  pl_curve_trace trace = {0};
  pl_curve_trace_make(&trace, curve, &(pl_curve_window){1, STEPS - 1, true, 480});
  pl_curve_series series = series_of(&trace);
  series.value_set = true;
  series.value = 1.9;
  pl_curve_chart chart = {.title = "train loss",
                          .x_label = "step",
                          .series = &series,
                          .series_count = 1,
                          .x_range_set = true,
                          .x_min = 1,
                          .x_max = STEPS - 1,
                          .log_x = true,
                          .log_y = true,
                          .cursor_set = true,
                          .cursor_x = 1500};
  render(&chart, 480, 200, "curve_loss_log_log");
  pl_curve_trace_clear(&trace);
  // A few values: the line, and what it was made from as its shadow. An hour is 1 on the axis.
  pl_curve_trace_make(&trace, curve, &(pl_curve_window){1480, 1540, false, 480});
  series = series_of(&trace);
  chart = (pl_curve_chart){.title = "train loss", .x_label = "minutes", .x_unit = 60, .series = &series};
  chart.series_count = 1;
  chart.x_range_set = true, chart.x_min = 1480, chart.x_max = 1540;
  render(&chart, 480, 200, "curve_loss_zoomed");
  pl_curve_trace_clear(&trace);
  pl_curve_destroy(curve);
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
  const pl_curve_series series = {.label = "x", .colour = {255, 0, 0}, .points = points, .count = 7};
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
    const pl_curve_band bands[] = {{0, -1e300, 1e300}, {1, NAN, 2}, {1e300, 0, 1}};
    const pl_curve_series series = {.label = "a rather long label that does not fit anywhere at all in a small chart",
                                    .colour = {9, 9, 9},
                                    .points = points,
                                    .count = count,
                                    .shadow = points,
                                    .shadow_count = count,
                                    .bands = bands,
                                    .band_count = 3};
    pl_curve_chart chart = {.title = "title",
                            .x_label = "a long label of the axis",
                            .series = &series,
                            .series_count = 1,
                            .references = references,
                            .reference_count = 3};
    for (int axes = 0; axes < 4; axes++) {
      chart.log_y = axes % 2 != 0;
      chart.log_x = axes / 2 != 0;
      chart.cursor_set = true;
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

// ---- pl_curve: against what looking at every value gives

static double value_at(size_t i) {
  return i % 97 == 5 ? (double)NAN : sin((double)i * 0.37) + (double)(i % 1013) / 100;
}

static void columns_tell_all_values(void **state) {
  (void)state;
  enum { COUNT = 70000, COLUMNS = 37 };
  pl_curve *curve = pl_curve_create();
  double *smooth = pl_xcalloc(COUNT, sizeof *smooth), moment = 0, decay = 1;
  pl_curve_smooth(curve, 0.9);
  for (size_t i = 0; i < COUNT; i++) {
    pl_curve_append(curve, (double)i, value_at(i));
    smooth[i] = (double)NAN;
    if (isnan(value_at(i))) continue;
    moment = 0.9 * moment + 0.1 * value_at(i);
    decay *= 0.9;
    smooth[i] = moment / (1 - decay);
  }
  for (int part = 0; part < 40; part++) {
    const pl_curve_window w = {.x_min = part * 700, .x_max = COUNT - 1 - part * 991, .columns = COLUMNS};
    pl_curve_trace trace = {0};
    pl_curve_trace_make(&trace, curve, &w);
    assert_int_equal(trace.band_count, COLUMNS);
    assert_int_equal(trace.line_count, COLUMNS);
    size_t i = (size_t)w.x_min;
    for (size_t column = 0; column < COLUMNS; column++) {
      const double end = w.x_min + (w.x_max - w.x_min) * (double)(column + 1) / COLUMNS;
      double low = INFINITY, high = -INFINITY, sum = 0, known = 0;
      for (; (double)i < end || (column + 1 == COLUMNS && (double)i == w.x_max); i++) {
        if (isnan(value_at(i))) continue;
        low = fmin(low, value_at(i)), high = fmax(high, value_at(i));
        sum += smooth[i], known++;
      }
      assert_true(trace.bands[column].low == low && trace.bands[column].high == high);
      assert_true(fabs(trace.line[column].y - sum / known) < 1e-9);
    }
    pl_curve_trace_clear(&trace);
  }
  free(smooth);
  pl_curve_destroy(curve);
}

static void smoothing_is_debiased(void **state) {
  (void)state;
  pl_curve *curve = pl_curve_create();
  const double values[] = {4, NAN, 8, 6};
  for (int i = 0; i < 4; i++) pl_curve_append(curve, i, values[i]);
  pl_curve_smooth(curve, 0.5);
  const double want[] = {4, NAN, (0.25 * 4 + 0.5 * 8) / 0.75, (0.125 * 4 + 0.25 * 8 + 0.5 * 6) / 0.875};
  pl_curve_trace trace = {0};
  pl_curve_trace_make(&trace, curve, &(pl_curve_window){.x_max = 3, .columns = 10});
  assert_int_equal(trace.line_count, 4);
  assert_int_equal(trace.shadow_count, 4);
  for (int i = 0; i < 4; i++) {
    assert_true(isnan(want[i]) ? isnan(trace.line[i].y) : fabs(trace.line[i].y - want[i]) < 1e-12);
    assert_true(isnan(want[i]) ? isnan(trace.shadow[i].y) : trace.shadow[i].y == values[i]);
  }
  pl_curve_trace_clear(&trace);
  // Changed back it is as if nothing had been smoothed, and a weight of 1 would never move.
  pl_curve_smooth(curve, 1);
  pl_curve_point raw, smooth;
  assert_true(pl_curve_at(&raw, &smooth, curve, 9));
  assert_true(raw.y == 6 && fabs(smooth.y - 6) < 0.1 && smooth.y != 6);
  pl_curve_smooth(curve, -3);
  assert_true(pl_curve_at(&raw, &smooth, curve, 9) && smooth.y == 6);
  pl_curve_destroy(curve);
}

static void the_nearest_known_value(void **state) {
  (void)state;
  pl_curve *curve = pl_curve_create();
  pl_curve_point raw, smooth;
  double first = 0, last = 0;
  assert_false(pl_curve_at(&raw, &smooth, curve, 1));
  assert_false(pl_curve_extent(&first, &last, curve, false));
  pl_curve_append(curve, -2, 1);
  assert_false(pl_curve_extent(&first, &last, curve, true));
  pl_curve_append(curve, 10, NAN);
  pl_curve_append(curve, 20, 3);
  pl_curve_append(curve, 15, 4);  // a clock that was set back
  assert_true(pl_curve_at(&raw, &smooth, curve, 10) && raw.x == 20 && raw.y == 3);
  assert_true(pl_curve_at(&raw, &smooth, curve, 8) && raw.y == 1);
  assert_true(pl_curve_at(&raw, &smooth, curve, 1e9) && raw.x == 20 && raw.y == 4);
  assert_true(pl_curve_extent(&first, &last, curve, true) && first == 10 && last == 20);
  pl_curve_clear(curve);
  assert_int_equal(pl_curve_count(curve), 0);
  pl_curve_append(curve, 5, 6);
  assert_true(pl_curve_at(&raw, &smooth, curve, 0) && raw.y == 6);
  pl_curve_destroy(curve);
}

int run_curve_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dice_golden),
      cmocka_unit_test(loss_golden),
      cmocka_unit_test(smooth_golden),
      cmocka_unit_test(unknown_is_a_gap),
      cmocka_unit_test(odd_values_are_survived),
      cmocka_unit_test(ticks_are_round),
      cmocka_unit_test(columns_tell_all_values),
      cmocka_unit_test(smoothing_is_debiased),
      cmocka_unit_test(the_nearest_known_value),
  };
  return cmocka_run_group_tests_name("view_curve", tests, NULL, NULL);
}
