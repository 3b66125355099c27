#include <string.h>

#include "tests/tools/testing.h"
#include "tests/unit/viewers/golden.h"
#include "tests/unit/viewers/suites.h"
#include "viewers/colormap.h"
#include "viewers/draw.h"

static const pl_rgb white = {255, 255, 255};

static pl_bitmap blank(uint32_t width, uint32_t height) {
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_bitmap_init(&bitmap, width, height, NULL), PL_OK);
  return bitmap;
}

static void bitmaps_have_limits(void **state) {
  (void)state;
  pl_bitmap bitmap = {0};
  pl_error err = {0};
  assert_int_equal(pl_bitmap_init(&bitmap, 0, 5, &err), PL_E_LIMIT);
  assert_int_equal(pl_bitmap_init(&bitmap, 5, PL_BITMAP_SIDE_MAX + 1, &err), PL_E_LIMIT);
  assert_null(bitmap.pixels);
  pl_bitmap_clear(&bitmap);
}

static void placing_is_cut_off(void **state) {
  (void)state;
  pl_bitmap target = blank(4, 3), source = blank(3, 3);
  pl_bitmap_fill(&source, white);
  pl_bitmap_place(&target, &source, -2, 1);
  pl_bitmap_place(&target, &source, 3, -2);
  pl_bitmap_place(&target, &source, 100, 100);
  pl_bitmap_place(&target, &source, -100, 0);
  static const char want[] = "...##...#...";
  for (size_t i = 0; i < 12; i++) assert_int_equal(target.pixels[i].g, want[i] == '#' ? 255 : 0);
  pl_bitmap_clear(&target);
  pl_bitmap_clear(&source);
}

// A horizontal line one pixel thick on pixel centres covers exactly its row; between two rows it covers both by half.
static void lines_are_anti_aliased(void **state) {
  (void)state;
  pl_bitmap bitmap = blank(8, 4);
  pl_rect all = pl_bitmap_rect(&bitmap);
  pl_point on[] = {{0.5, 1.5}, {7.5, 1.5}};
  assert_int_equal(pl_draw_polyline(&bitmap, all, on, 2, 1, white, 1, NULL), PL_OK);
  assert_int_equal(bitmap.pixels[8 + 3].r, 255);
  assert_int_equal(bitmap.pixels[3].r, 0);
  assert_int_equal(bitmap.pixels[16 + 3].r, 0);
  pl_bitmap_fill(&bitmap, (pl_rgb){0});
  pl_point between[] = {{0, 2}, {8, 2}};
  assert_int_equal(pl_draw_polyline(&bitmap, all, between, 2, 1, white, 1, NULL), PL_OK);
  assert_int_equal(bitmap.pixels[8 + 3].r, 128);
  assert_int_equal(bitmap.pixels[16 + 3].r, 128);
  pl_bitmap_clear(&bitmap);
}

static void overlaps_are_drawn_once(void **state) {
  (void)state;
  pl_bitmap bitmap = blank(9, 9);
  pl_point there_and_back[] = {{1.5, 4.5}, {7.5, 4.5}, {1.5, 4.5}};
  assert_int_equal(pl_draw_polyline(&bitmap, pl_bitmap_rect(&bitmap), there_and_back, 3, 1, white, 0.5, NULL), PL_OK);
  assert_int_equal(bitmap.pixels[4 * 9 + 4].r, 128);
  pl_bitmap_clear(&bitmap);
}

// Far outside, huge, and with an empty clip: nothing is written outside (the sanitizer looks on) and nothing hangs.
static void everything_is_clipped(void **state) {
  (void)state;
  pl_bitmap bitmap = blank(10, 10);
  pl_rect clip = {.x = 3, .y = 3, .width = 4, .height = 4};
  pl_point wild[] = {{-1e6, -1e6}, {1e6, 1e6}, {5, -1e6}, {5, 1e6}};
  assert_int_equal(pl_draw_polyline(&bitmap, clip, wild, 4, 3, white, 1, NULL), PL_OK);
  pl_draw_dot(&bitmap, clip, (pl_point){5, 5}, 1000, white);
  pl_draw_text(&bitmap, clip, -20, 2, 3, white, "Wgq\xff~");
  pl_draw_dashes(&bitmap, clip, 50, 3, 3, white);
  pl_draw_rect(&bitmap, (pl_rect){.x = 20, .y = 20, .width = 5, .height = 5}, white, 1);
  pl_draw_polyline(&bitmap, (pl_rect){.x = 50, .y = 0, .width = 4, .height = 4}, wild, 4, 3, white, 1, NULL);
  for (int y = 0; y < 10; y++) {
    for (int x = 0; x < 10; x++) {
      bool inside = x >= 3 && x < 7 && y >= 3 && y < 7;
      assert_int_equal(bitmap.pixels[y * 10 + x].r, inside ? 255 : 0);
    }
  }
  pl_bitmap_clear(&bitmap);
}

static void text_golden(void **state) {
  (void)state;
  pl_bitmap bitmap = blank(224, 120);
  pl_rect all = pl_bitmap_rect(&bitmap);
  char line[33] = "";
  for (int row = 0; row < 3; row++) {
    for (int i = 0; i < 32; i++) line[i] = (char)(32 + 32 * row + i);
    pl_draw_text(&bitmap, all, 4, 4 + 12 * row, 1, white, line);
  }
  pl_draw_text(&bitmap, all, 4, 44, 2, white, "dice 0.78 #12 gjpqy");
  pl_draw_text(&bitmap, all, 4, 72, 3, white, "Loss 3%");
  pl_point wave[] = {{10, 112}, {60, 102}, {110, 116}, {160, 104}, {215, 112}};
  pl_draw_polyline(&bitmap, all, wave, 5, 2, pl_colour_rgb(PL_COLOUR_SKY), 1, NULL);
  for (size_t i = 0; i < 5; i++) pl_draw_dot(&bitmap, all, wave[i], 2.5, pl_colour_rgb(PL_COLOUR_ORANGE));
  assert_golden(&bitmap, "draw");
  pl_bitmap_clear(&bitmap);
  assert_int_equal(pl_text_width("abc", 2), 36);
}

static void colours_of_terminals(void **state) {
  (void)state;
  assert_int_equal(pl_rgb_to_256((pl_rgb){0, 0, 0}), 16);
  assert_int_equal(pl_rgb_to_256((pl_rgb){255, 255, 255}), 231);
  assert_int_equal(pl_rgb_to_256((pl_rgb){128, 128, 128}), 244);
  assert_int_equal(pl_rgb_to_256((pl_rgb){255, 0, 0}), 196);
  assert_int_equal(pl_rgb_to_256((pl_rgb){95, 135, 175}), 67);
  for (int i = 16; i < 256; i++) {  // every entry is its own nearest, or one that looks the same
    pl_rgb c = pl_rgb_from_index((uint8_t)i);
    assert_true(pl_rgb_equal(pl_rgb_from_index(pl_rgb_to_256(c)), c));
  }
  for (int i = 0; i < 16; i++) assert_int_equal(pl_rgb_to_16(pl_rgb_from_index((uint8_t)i)), i);
  assert_true(pl_rgb_equal(pl_rgb_mix((pl_rgb){0, 0, 0}, white, 0.25), (pl_rgb){64, 64, 64}));
  assert_true(pl_rgb_equal(pl_rgb_mix(white, (pl_rgb){0, 0, 0}, 7), (pl_rgb){0, 0, 0}));
}

int run_draw_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bitmaps_have_limits),    cmocka_unit_test(placing_is_cut_off),
      cmocka_unit_test(lines_are_anti_aliased), cmocka_unit_test(overlaps_are_drawn_once),
      cmocka_unit_test(everything_is_clipped),  cmocka_unit_test(text_golden),
      cmocka_unit_test(colours_of_terminals),
  };
  return cmocka_run_group_tests_name("draw", tests, NULL, NULL);
}
