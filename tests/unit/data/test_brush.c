// The brush: rasters drawn by hand, and every pixel against the distance in floating point.
#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/data/brush.h"
#include "core/data/rle.h"
#include "tests/tools/testing.h"

static pl_image make(uint32_t width, uint32_t height, uint8_t fill) {
  pl_image mask;
  assert_int_equal(pl_image_init(&mask, width, height, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  memset(mask.u8, fill, pl_image_bytes(&mask));
  return mask;
}

// A picture of '#' and '.', row after row.
static void expect(const pl_image *mask, const char *picture) {
  for (uint32_t y = 0; y < mask->height; y++) {
    for (uint32_t x = 0; x < mask->width; x++) {
      const uint8_t want = picture[y * mask->width + x] == '#' ? 255 : 0;
      if (mask->u8[y * mask->width + x] != want) fail_msg("pixel %u,%u is %u", x, y, mask->u8[y * mask->width + x]);
    }
  }
}

static void discs(void **state) {
  (void)state;
  static const struct {
    int radius;
    size_t pixels;
    const char *picture;
  } all[] = {
      {0, 1,
       "........."
       "........."
       "........."
       "........."
       "....#...."
       "........."
       "........."
       "........."
       "........."},
      {1, 9,
       "........."
       "........."
       "........."
       "...###..."
       "...###..."
       "...###..."
       "........."
       "........."
       "........."},
      {2, 21,
       "........."
       "........."
       "...###..."
       "..#####.."
       "..#####.."
       "..#####.."
       "...###..."
       "........."
       "........."},
      {3, 37,
       "........."
       "...###..."
       "..#####.."
       ".#######."
       ".#######."
       ".#######."
       "..#####.."
       "...###..."
       "........."},
      {4, 69,
       "..#####.."
       ".#######."
       "#########"
       "#########"
       "#########"
       "#########"
       "#########"
       ".#######."
       "..#####.."},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    pl_image mask = make(9, 9, 0);
    const pl_brush_point at = {4, 4};
    assert_int_equal(pl_brush_draw(&mask, (pl_brush){.radius = all[i].radius}, at, at), all[i].pixels);
    expect(&mask, all[i].picture);
    // Again changes nothing; the eraser takes exactly this away.
    assert_int_equal(pl_brush_draw(&mask, (pl_brush){.radius = all[i].radius}, at, at), 0);
    assert_int_equal(pl_brush_draw(&mask, (pl_brush){.erase = true, .radius = all[i].radius}, at, at), all[i].pixels);
    assert_int_equal(pl_mask_area(&mask), 0);
    pl_image_clear(&mask);
  }
}

static void lines(void **state) {
  (void)state;
  pl_image mask = make(10, 5, 0);
  assert_int_equal(pl_brush_draw(&mask, (pl_brush){.radius = 0}, (pl_brush_point){1, 2}, (pl_brush_point){7, 2}), 7);
  expect(&mask,
         ".........."
         ".........."
         ".#######.."
         ".........."
         "..........");
  // A diagonal one pixel wide: those whose centres are within half a pixel of the line.
  memset(mask.u8, 0, pl_image_bytes(&mask));
  assert_int_equal(pl_brush_draw(&mask, (pl_brush){.radius = 0}, (pl_brush_point){0, 0}, (pl_brush_point){4, 4}), 5);
  expect(&mask,
         "#........."
         ".#........"
         "..#......."
         "...#......"
         "....#.....");
  // Radius 1 along a slope of one half, backwards.
  memset(mask.u8, 0, pl_image_bytes(&mask));
  (void)pl_brush_draw(&mask, (pl_brush){.radius = 1}, (pl_brush_point){6, 3}, (pl_brush_point){2, 1});
  expect(&mask,
         ".###......"
         ".#####...."
         ".#######.."
         "...#####.."
         ".....###..");
  pl_image_clear(&mask);
}

static void edges(void **state) {
  (void)state;
  pl_image mask = make(6, 4, 255);
  // Half of the eraser is outside.
  assert_int_equal(
      pl_brush_draw(&mask, (pl_brush){.erase = true, .radius = 1}, (pl_brush_point){0, 0}, (pl_brush_point){0, 0}), 4);
  expect(&mask,
         "..####"
         "..####"
         "######"
         "######");
  // All of it; and from far outside to far outside through the middle.
  assert_int_equal(
      pl_brush_draw(&mask, (pl_brush){.erase = true, .radius = 2}, (pl_brush_point){-9, -9}, (pl_brush_point){-9, 40}),
      0);
  const pl_brush_point from = pl_brush_clamp(INT64_MIN, 2), to = pl_brush_clamp(INT64_MAX, 2);
  assert_int_equal(from.x, -PL_BRUSH_MARGIN);
  assert_int_equal(to.x, PL_IMAGE_SIDE_MAX + PL_BRUSH_MARGIN);
  assert_int_equal(pl_brush_draw(&mask, (pl_brush){.erase = true, .radius = 0}, from, to), 6);
  expect(&mask,
         "..####"
         "..####"
         "......"
         "######");
  pl_image_clear(&mask);
}

static double distance(double px, double py, pl_brush_point a, pl_brush_point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
  double t = length2 > 0 ? ((px - a.x) * dx + (py - a.y) * dy) / length2 : 0;
  t = fmin(1, fmax(0, t));
  return hypot(px - a.x - t * dx, py - a.y - t * dy);
}

static void every_pixel(void **state) {
  (void)state;
  for (uint64_t k = 0; k < 300; k++) {
    pl_image mask = make(61, 47, 0);
    const pl_brush brush = {.radius = (int)pl_rng_below(1, k, 0, 12)};
    const pl_brush_point a = {(int32_t)pl_rng_below(1, k, 1, 90) - 15, (int32_t)pl_rng_below(1, k, 2, 80) - 15};
    const pl_brush_point b = {(int32_t)pl_rng_below(1, k, 3, 90) - 15, (int32_t)pl_rng_below(1, k, 4, 80) - 15};
    (void)pl_brush_draw(&mask, brush, a, b);
    for (uint32_t y = 0; y < mask.height; y++) {
      for (uint32_t x = 0; x < mask.width; x++) {
        const double away = distance(x, y, a, b) - (brush.radius + 0.5);
        // On the edge itself only whole numbers decide.
        if (fabs(away) > 1e-9) assert_int_equal(mask.u8[y * mask.width + x] != 0, away < 0);
      }
    }
    pl_image_clear(&mask);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(discs),
      cmocka_unit_test(lines),
      cmocka_unit_test(edges),
      cmocka_unit_test(every_pixel),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
