#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/image/agreement.h"
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

// The scene's mask as truth, and the same moved right and down as the prediction.
static void make_parts(pl_image *image, pl_image parts[PL_AGREEMENT_PARTS], uint32_t side) {
  pl_image mask = {0}, moved = {0};
  make_scene(image, &mask, side);
  assert_int_equal(pl_image_init(&moved, side, side, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  const uint32_t by = side / 64;
  for (uint32_t y = by; y < side; y++) {
    for (uint32_t x = by; x < side; x++) moved.u8[y * side + x] = mask.u8[(y - by) * side + x - by];
  }
  assert_int_equal(pl_agreement_split(parts, NULL, &mask, &moved, NULL), PL_OK);
  pl_image_clear(&mask);
  pl_image_clear(&moved);
}

static void draw_difference(const char *name, uint32_t size, pl_mask_mode mode) {
  static const pl_colour colours[] = {PL_COLOUR_HIT, PL_COLOUR_FALSE_ALARM, PL_COLOUR_MISSED};
  pl_image image = {0}, parts[PL_AGREEMENT_PARTS] = {0};
  pl_view_layer layers[PL_AGREEMENT_PARTS];
  make_parts(&image, parts, 512);
  for (int i = 0; i < PL_AGREEMENT_PARTS; i++) {
    layers[i] = (pl_view_layer){&parts[i], mode, 0.4, pl_colour_rgb(colours[i])};
  }
  const pl_view_case_options options = pl_view_case_defaults(size, size);
  pl_bitmap bitmap = {0};
  pl_error err = {0};
  if (pl_view_case_layers(&bitmap, &image, layers, PL_AGREEMENT_PARTS, &options, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  assert_golden(&bitmap, name);
  pl_bitmap_clear(&bitmap);
  pl_image_clear(&image);
  for (int i = 0; i < PL_AGREEMENT_PARTS; i++) pl_image_clear(&parts[i]);
}

// A probability that falls off around a point.
static void draw_heat(const char *name, uint32_t size) {
  pl_image image = {0}, mask = {0}, map = {0};
  make_scene(&image, &mask, 256);
  assert_int_equal(pl_image_init(&map, 256, 256, PL_PIXEL_U16, PL_IMAGE_PROBABILITY, NULL), PL_OK);
  for (uint32_t y = 0; y < 256; y++) {
    for (uint32_t x = 0; x < 256; x++) {
      map.u16[256 * y + x] = (uint16_t)lround(65535 * exp(-hypot(x - 80.0, y - 100.0) / 40));
    }
  }
  const pl_view_layer layer = {.plane = &map, .opacity = 0.6};
  const pl_view_case_options options = pl_view_case_defaults(size, size);
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_view_case_layers(&bitmap, &image, &layer, 1, &options, NULL), PL_OK);
  assert_golden(&bitmap, name);
  pl_bitmap_clear(&bitmap);
  pl_image_clear(&map);
  pl_image_clear(&mask);
  pl_image_clear(&image);
}

static void layers_as_before(void **state) {
  (void)state;
  draw_difference("difference_fill_160", 160, PL_MASK_FILL);
  draw_difference("difference_contour_320", 320, PL_MASK_CONTOUR);
  draw_heat("probability_160", 160);
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

// Each layer keeps to its own pixels, later ones cover earlier ones, and what does not fit is refused.
static void layers_are_drawn_in_order(void **state) {
  (void)state;
  pl_image image = grey_image(8, 8, PL_PIXEL_U8), left = grey_image(8, 8, PL_PIXEL_U8);
  pl_image all = grey_image(8, 8, PL_PIXEL_U8), map = grey_image(8, 8, PL_PIXEL_U16);
  for (size_t i = 0; i < 64; i++) {
    left.u8[i] = i % 8 < 4;
    all.u8[i] = 255;
    map.u16[i] = i % 8 == 7 ? 65535 : 0;
  }
  map.meaning = PL_IMAGE_PROBABILITY;
  const pl_view_layer layers[] = {{&all, PL_MASK_FILL, 1, {0, 0, 200}},
                                  {&left, PL_MASK_FILL, 1, {0, 200, 0}},
                                  {&all, PL_MASK_OFF, 1, {200, 0, 0}},
                                  {.plane = &map, .opacity = 1}};
  const pl_view_case_options options = pl_view_case_defaults(8, 8);
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_view_case_layers(&bitmap, &image, layers, 4, &options, NULL), PL_OK);
  assert_true(pl_rgb_equal(bitmap.pixels[3], (pl_rgb){0, 200, 0}));
  assert_true(pl_rgb_equal(bitmap.pixels[4], (pl_rgb){0, 0, 200}));
  assert_true(pl_rgb_equal(bitmap.pixels[7], pl_colour_heat(1)));
  pl_bitmap_clear(&bitmap);
  map.meaning = PL_IMAGE_MASK;  // 16 bits are no mask
  assert_int_equal(pl_view_case_layers(&bitmap, &image, layers, 4, &options, NULL), PL_E_FORMAT);
  assert_null(bitmap.pixels);
  pl_image_clear(&image);
  pl_image_clear(&left);
  pl_image_clear(&all);
  pl_image_clear(&map);
}

// ---- Colours that colour-blind eyes tell apart

enum { EYES = 4 };

// Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB.
static const double eyes[EYES][3][3] = {
    {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
    {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
    {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
    {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
};

static double linear_of(double v) { return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4); }

static double lab_root(double t) { return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116; }

static void lab_of(double lab[3], pl_rgb colour, const double eye[3][3]) {
  const double in[] = {linear_of(colour.r / 255.0), linear_of(colour.g / 255.0), linear_of(colour.b / 255.0)};
  double c[3];
  for (int i = 0; i < 3; i++) {
    c[i] = fmin(1, fmax(0, eye[i][0] * in[0] + eye[i][1] * in[1] + eye[i][2] * in[2]));
  }
  const double x = lab_root((0.4124 * c[0] + 0.3576 * c[1] + 0.1805 * c[2]) / 0.9505);
  const double y = lab_root(0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]);
  const double z = lab_root((0.0193 * c[0] + 0.1192 * c[1] + 0.9505 * c[2]) / 1.089);
  lab[0] = 116 * y - 16, lab[1] = 500 * (x - y), lab[2] = 200 * (y - z);
}

// The smallest CIE 1976 difference over all eyes; about 2 can just be seen.
static double apart(pl_rgb a, pl_rgb b) {
  double least = INFINITY;
  for (int i = 0; i < EYES; i++) {
    double p[3], q[3];
    lab_of(p, a, eyes[i]);
    lab_of(q, b, eyes[i]);
    least = fmin(least, sqrt(pow(p[0] - q[0], 2) + pow(p[1] - q[1], 2) + pow(p[2] - q[2], 2)));
  }
  return least;
}

static void difference_colours_stay_apart(void **state) {
  (void)state;
  static const pl_colour three[] = {PL_COLOUR_HIT, PL_COLOUR_FALSE_ALARM, PL_COLOUR_MISSED};
  for (int i = 0; i < 3; i++) {
    const pl_rgb a = pl_colour_rgb(three[i]), b = pl_colour_rgb(three[(i + 1) % 3]);
    assert_true(apart(a, b) > 40);
    for (int g = 0; g < 256; g += 15) {
      const pl_rgb grey = {(uint8_t)g, (uint8_t)g, (uint8_t)g};
      assert_true(apart(a, grey) > 25);
      // Filled at 0.35 over what a lung or a bone looks like.
      if (g >= 60 && g <= 195) assert_true(apart(pl_rgb_mix(grey, a, 0.35), pl_rgb_mix(grey, b, 0.35)) > 18);
    }
  }
}

static void heat_grows_lighter(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++)
    assert_true(pl_rgb_luma(pl_colour_heat(i / 100.0)) <= pl_rgb_luma(pl_colour_heat((i + 1) / 100.0)));
  assert_true(pl_rgb_equal(pl_colour_heat(-1), pl_colour_heat(0)));
  assert_true(pl_rgb_equal(pl_colour_heat(2), (pl_rgb){0xfd, 0xe7, 0x25}));
}

int run_view_case_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(goldens),
      cmocka_unit_test(shrinking_takes_means),
      cmocka_unit_test(enlarging_repeats_pixels),
      cmocka_unit_test(windows_map_to_grey),
      cmocka_unit_test(areas_are_cut_out),
      cmocka_unit_test(thin_masks_stay_visible),
      cmocka_unit_test(layers_as_before),
      cmocka_unit_test(layers_are_drawn_in_order),
      cmocka_unit_test(difference_colours_stay_apart),
      cmocka_unit_test(heat_grows_lighter),
  };
  return cmocka_run_group_tests_name("view_case", tests, NULL, NULL);
}
