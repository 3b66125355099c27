#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "tests/tools/testing.h"
#include "tests/unit/viewers/golden.h"
#include "tests/unit/viewers/suites.h"
#include "viewers/view_grid.h"
#include "viewers/view_histogram.h"

enum { SCENES = 9 };

// Nine scenes of growing size, all but every third with a mask.
typedef struct scenes {
  pl_image images[SCENES], masks[SCENES];
  pl_grid_tile tiles[SCENES];
} scenes;

static const char *const labels[SCENES] = {"#1 positive", "#23 positive",   "#456 negative",
                                           "#7 positive", "#89 positive",   "#12047 negative",
                                           "#3 positive", "#4444 positive", "#5 a label that is longer than its place"};

static int make_scenes(void **state) {
  scenes *s = pl_xcalloc(1, sizeof *s);
  for (size_t i = 0; i < SCENES; i++) {
    make_scene(&s->images[i], &s->masks[i], 128);
    for (size_t p = 0; p < pl_image_bytes(&s->images[i]); p++) {
      s->images[i].u8[p] = (uint8_t)(s->images[i].u8[p] * (SCENES + i) / (2 * SCENES));
    }
    s->tiles[i] = (pl_grid_tile){.image = &s->images[i], .mask = i % 3 == 2 ? NULL : &s->masks[i], .label = labels[i]};
  }
  *state = s;
  return 0;
}

static int free_scenes(void **state) {
  scenes *s = *state;
  for (size_t i = 0; i < SCENES; i++) {
    pl_image_clear(&s->images[i]);
    pl_image_clear(&s->masks[i]);
  }
  free(s);
  return 0;
}

static pl_bitmap draw(const scenes *s, size_t count, const pl_view_grid_options *options) {
  pl_bitmap bitmap = {0};
  pl_error err = {0};
  if (pl_view_grid(&bitmap, s->tiles, count, options, &err) != PL_OK) fail_msg("%s", err.message);
  return bitmap;
}

static void goldens(void **state) {
  const scenes *s = *state;
  pl_view_grid_options options = pl_view_grid_defaults(400, 420);
  assert_true(options.opacity == 0.25);
  pl_bitmap bitmap = draw(s, SCENES, &options);
  assert_golden(&bitmap, "grid_9");
  pl_bitmap_clear(&bitmap);
  options.mask_mode = PL_MASK_CONTOUR;
  options.invert = true;
  bitmap = draw(s, 4, &options);
  assert_golden(&bitmap, "grid_4_contour");
  pl_bitmap_clear(&bitmap);
  // For half blocks: 60 columns and 24 rows of cells, pixels a little higher than wide, no room for letters.
  options = pl_view_grid_defaults(60, 48);
  options.pixel_aspect = 1.25;
  bitmap = draw(s, SCENES, &options);
  assert_golden(&bitmap, "grid_small");
  pl_bitmap_clear(&bitmap);
}

static void sizes(void **state) {
  const scenes *s = *state;
  uint32_t width = 0, height = 0;
  pl_view_grid_whole(&width, &height, s->tiles, SCENES, true);
  assert_int_equal(width, 3 * 128 + 2 * 4);
  assert_int_equal(height, 3 * (128 + 13) + 2 * 4);
  const pl_view_grid_options options = pl_view_grid_defaults(width, height);
  pl_bitmap bitmap = draw(s, SCENES, &options);
  assert_int_equal(bitmap.width, width);
  assert_int_equal(bitmap.height, height);
  // Pixel by pixel: the image without a mask is in its place.
  for (uint32_t y = 0; y < 128; y++) {
    for (uint32_t x = 0; x < 128; x++) {
      assert_int_equal(bitmap.pixels[y * width + 2 * 132 + x].g, s->images[2].u8[y * 128 + x]);
    }
  }
  pl_bitmap_clear(&bitmap);
  bitmap = draw(s, 2, &options);
  assert_true(bitmap.width <= width && bitmap.height < bitmap.width);  // side by side
  pl_bitmap_clear(&bitmap);
}

static void refusals(void **state) {
  const scenes *s = *state;
  pl_bitmap bitmap = {0};
  pl_view_grid_options options = pl_view_grid_defaults(400, 400);
  assert_int_equal(pl_view_grid(&bitmap, s->tiles, 0, &options, NULL), PL_E_LIMIT);
  options.fit_width = 4;
  assert_int_equal(pl_view_grid(&bitmap, s->tiles, SCENES, &options, NULL), PL_E_LIMIT);
  assert_null(bitmap.pixels);
}

static void histograms(void **state) {
  (void)state;
  static const double edges[] = {10, 31.6, 100, 316, 1000, 3160, 10000, 31600, 100000};
  static const size_t bins[] = {1, 0, 12, 340, 900, 777, 150, 20};
  static const pl_histogram_mark marks[] = {{"5 %", 300}, {"25 %", 390}, {"median", 2000}, {"far away", 1e9}};
  pl_histogram_chart chart = {.title = "areas",
                              .x_label = "pixels",
                              .edges = edges,
                              .bins = bins,
                              .bin_count = 8,
                              .log_x = true,
                              .marks = marks,
                              .mark_count = 4};
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_view_histogram(&bitmap, &chart, 480, 240, NULL), PL_OK);
  assert_golden(&bitmap, "histogram_log");
  pl_bitmap_clear(&bitmap);
  chart = (pl_histogram_chart){.edges = (double[]){0, 1, 2, 3}, .bins = (size_t[]){1, 2, 1}, .bin_count = 3};
  assert_int_equal(pl_view_histogram(&bitmap, &chart, 120, 80, NULL), PL_OK);
  assert_golden(&bitmap, "histogram_small");
  pl_bitmap_clear(&bitmap);
  chart.bin_count = 0;
  assert_int_equal(pl_view_histogram(&bitmap, &chart, 200, 80, NULL), PL_OK);
  assert_golden(&bitmap, "histogram_empty");
  pl_bitmap_clear(&bitmap);
  assert_int_equal(pl_view_histogram(&bitmap, &chart, 59, 80, NULL), PL_E_LIMIT);
}

// In a strip the columns follow the room, tiles may have layers of their own, and one is marked.
static void strips(void **state) {
  const scenes *s = *state;
  assert_int_equal(pl_view_grid_columns(8, 800, 400, 1), 4);
  assert_int_equal(pl_view_grid_columns(8, 800, 100, 1), 8);
  assert_int_equal(pl_view_grid_columns(8, 100, 800, 1), 1);
  assert_int_equal(pl_view_grid_columns(8, 79, 30, 1), 4);  // 15 pixels a side in two rows
  assert_int_equal(pl_view_grid_columns(8, 79, 15, 2), 4);  // the same room in pixels that are higher than wide
  assert_int_equal(pl_view_grid_columns(1, 10, 10, 1), 1);
  pl_view_grid_options options = pl_view_grid_defaults(480, 160);
  options.columns = 4;
  scenes copy = *s;
  const pl_view_layer layers[] = {{&s->masks[1], PL_MASK_FILL, 0.4, {0, 0, 255}},
                                  {&s->masks[0], PL_MASK_CONTOUR, 1, {255, 0, 0}}};
  copy.tiles[1].layers = layers;
  copy.tiles[1].layer_count = 2;
  copy.tiles[2].marked = true;
  pl_bitmap bitmap = draw(&copy, 4, &options);
  assert_golden(&bitmap, "grid_strip");
  pl_bitmap_clear(&bitmap);
}

int run_grid_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(goldens), cmocka_unit_test(sizes),      cmocka_unit_test(refusals),
      cmocka_unit_test(strips),  cmocka_unit_test(histograms),
  };
  return cmocka_run_group_tests(tests, make_scenes, free_scenes);
}
