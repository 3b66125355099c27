#include <string.h>

#include "core/base/mem.h"
#include "tests/tools/testing.h"
#include "tests/unit/viewers/golden.h"
#include "tests/unit/viewers/suites.h"
#include "viewers/colormap.h"
#include "viewers/view_case.h"

static void draw_scene(const char *name, uint32_t source, uint32_t size, pl_mask_mode mode) {
  pl_image image = {0}, mask = {0};
  make_scene(&image, &mask, source);
  pl_view_case_options options = pl_view_case_defaults(size, size);
  options.mask_mode = mode;
  pl_bitmap bitmap = {0};
  pl_error err = {0};
  if (pl_view_case(&bitmap, &image, &mask, &options, &err) != PL_OK) fail_msg("%s", err.message);
  assert_golden(&bitmap, name);
  pl_bitmap_clear(&bitmap);
  pl_image_clear(&image);
  pl_image_clear(&mask);
}

static void goldens(void **state) {
  (void)state;
  draw_scene("case_fill_160", 512, 160, PL_MASK_FILL);
  draw_scene("case_contour_160", 512, 160, PL_MASK_CONTOUR);
  draw_scene("case_fill_32", 512, 32, PL_MASK_FILL);
  draw_scene("case_zoom_160", 40, 160, PL_MASK_FILL);
  draw_scene("case_off_100", 128, 100, PL_MASK_OFF);
}

static pl_image grey_image(uint32_t width, uint32_t height, pl_pixel_type type) {
  pl_image image = {0};
  assert_int_equal(pl_image_init(&image, width, height, type, PL_IMAGE_GREY, NULL), PL_OK);
  return image;
}

static pl_bitmap draw(const pl_image *image, const pl_image *mask, const pl_view_case_options *options) {
  pl_bitmap bitmap = {0};
  pl_error err = {0};
  if (pl_view_case(&bitmap, image, mask, options, &err) != PL_OK) fail_msg("%s", err.message);
  return bitmap;
}

static void shrinking_takes_means(void **state) {
  (void)state;
  pl_image image = grey_image(6, 4, PL_PIXEL_U8);
  for (size_t i = 0; i < 24; i++) image.u8[i] = (uint8_t)(10 * i);
  pl_view_case_options options = pl_view_case_defaults(3, 99);
  pl_bitmap bitmap = draw(&image, NULL, &options);
  assert_int_equal(bitmap.width, 3);
  assert_int_equal(bitmap.height, 2);
  assert_int_equal(bitmap.pixels[0].r, 35);  // (0 + 10 + 60 + 70) / 4
  assert_int_equal(bitmap.pixels[5].r, 195);
  pl_bitmap_clear(&bitmap);
  pl_image_clear(&image);
}

static void enlarging_repeats_pixels(void **state) {
  (void)state;
  pl_image image = grey_image(4, 2, PL_PIXEL_U8);
  for (size_t i = 0; i < 8; i++) image.u8[i] = (uint8_t)(30 * i);
  pl_view_case_options options = pl_view_case_defaults(10, 10);  // 2.5 times
  pl_bitmap bitmap = draw(&image, NULL, &options);
  assert_int_equal(bitmap.width, 10);
  assert_int_equal(bitmap.height, 5);
  for (uint32_t y = 0; y < 5; y++) {
    for (uint32_t x = 0; x < 10; x++) {
      uint32_t sx = (uint32_t)((x + 0.5) / 2.5), sy = (uint32_t)((y + 0.5) / 2.5);
      assert_int_equal(bitmap.pixels[y * 10 + x].g, image.u8[sy * 4 + sx]);
    }
  }
  pl_bitmap_clear(&bitmap);
  options.max_zoom = 1;
  bitmap = draw(&image, NULL, &options);
  assert_int_equal(bitmap.width, 4);
  pl_bitmap_clear(&bitmap);
  options.max_zoom = 0;
  options.pixel_aspect = 2;  // pixels twice as high as wide: half as many rows
  bitmap = draw(&image, NULL, &options);
  assert_int_equal(bitmap.width, 10);
  assert_int_equal(bitmap.height, 3);
  pl_bitmap_clear(&bitmap);
  pl_image_clear(&image);
}

static void windows_map_to_grey(void **state) {
  (void)state;
  pl_image image = grey_image(5, 1, PL_PIXEL_S16);
  static const int16_t values[] = {-1000, -100, 0, 100, 3000};
  memcpy(image.s16, values, sizeof values);
  pl_view_case_options options = pl_view_case_defaults(5, 5);
  options.window_centre = 0;
  options.window_width = 200;
  pl_bitmap bitmap = draw(&image, NULL, &options);
  static const uint8_t want[] = {0, 0, 128, 255, 255};
  for (size_t i = 0; i < 5; i++) assert_int_equal(bitmap.pixels[i].b, want[i]);
  pl_bitmap_clear(&bitmap);
  image.meaning = PL_IMAGE_GREY_INVERSE;
  bitmap = draw(&image, NULL, &options);
  assert_int_equal(bitmap.pixels[0].r, 255);
  pl_bitmap_clear(&bitmap);
  options.invert = true;  // twice is as before
  bitmap = draw(&image, NULL, &options);
  assert_int_equal(bitmap.pixels[0].r, 0);
  pl_bitmap_clear(&bitmap);
  double centre = 0, width = 0;
  pl_view_auto_window(&centre, &width, &image);
  assert_true(centre == 1000 && width == 4000);
  pl_image_clear(&image);
}

static void areas_are_cut_out(void **state) {
  (void)state;
  pl_image image = grey_image(8, 8, PL_PIXEL_U8);
  for (size_t i = 0; i < 64; i++) image.u8[i] = (uint8_t)i;
  pl_view_case_options options = pl_view_case_defaults(2, 2);
  options.area = (pl_view_area){.x = 6, .y = 4, .width = 2, .height = 2};
  pl_bitmap bitmap = draw(&image, NULL, &options);
  assert_int_equal(bitmap.pixels[0].r, 4 * 8 + 6);
  assert_int_equal(bitmap.pixels[3].r, 5 * 8 + 7);
  pl_bitmap_clear(&bitmap);
  pl_error err = {0};
  options.area.x = 6.5;
  assert_int_equal(pl_view_case(&bitmap, &image, NULL, &options, &err), PL_E_USAGE);
  pl_image mask = grey_image(8, 7, PL_PIXEL_U8);
  options.area.x = 6;
  assert_int_equal(pl_view_case(&bitmap, &image, &mask, &options, &err), PL_E_FORMAT);
  pl_image_clear(&mask);
  pl_image_clear(&image);
}

// A line of mask one pixel wide in 1024 stays visible in 32 pixels, and stays one pixel wide.
static void thin_masks_stay_visible(void **state) {
  (void)state;
  pl_image image = grey_image(1024, 1024, PL_PIXEL_U8), mask = grey_image(1024, 1024, PL_PIXEL_U8);
  for (size_t y = 100; y < 900; y++) mask.u8[y * 1024 + 500] = 1;
  pl_view_case_options options = pl_view_case_defaults(32, 32);
  options.mask_mode = PL_MASK_CONTOUR;
  pl_bitmap bitmap = draw(&image, &mask, &options);
  for (size_t y = 4; y < 28; y++) {
    assert_true(pl_rgb_equal(bitmap.pixels[y * 32 + 15], pl_colour_rgb(PL_COLOUR_ORANGE)));
    assert_int_equal(bitmap.pixels[y * 32 + 14].r, 0);
    assert_int_equal(bitmap.pixels[y * 32 + 16].r, 0);
  }
  pl_bitmap_clear(&bitmap);
  pl_image_clear(&mask);
  pl_image_clear(&image);
}

int run_view_case_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(goldens),
      cmocka_unit_test(shrinking_takes_means),
      cmocka_unit_test(enlarging_repeats_pixels),
      cmocka_unit_test(windows_map_to_grey),
      cmocka_unit_test(areas_are_cut_out),
      cmocka_unit_test(thin_masks_stay_visible),
  };
  return cmocka_run_group_tests_name("view_case", tests, NULL, NULL);
}
