// Resizing, warping and the view chain.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/image/lut.h"
#include "core/image/resize.h"
#include "core/image/warp.h"
#include "image_fixtures.h"
#include "tests/tools/testing.h"

enum { WIDTH = 61, HEIGHT = 43, HASH_DIGITS = 16 };

static pl_image make(uint32_t width, uint32_t height, pl_pixel_type type, pl_image_meaning meaning) {
  pl_image image;
  assert_int_equal(pl_image_init(&image, width, height, type, meaning, NULL), PL_OK);
  return image;
}

// (3x^2 + 7y + 5xy) mod 256: the picture that the expected numbers below were made from.
static pl_image make_pattern(void) {
  pl_image image = make(WIDTH, HEIGHT, PL_PIXEL_U8, PL_IMAGE_GREY);
  for (size_t y = 0; y < HEIGHT; y++) {
    for (size_t x = 0; x < WIDTH; x++) image.u8[y * WIDTH + x] = (uint8_t)(x * x * 3 + y * 7 + x * y * 5);
  }
  return image;
}

static pl_image make_disc(void) {
  pl_image image = make(WIDTH, HEIGHT, PL_PIXEL_U8, PL_IMAGE_MASK);
  for (int y = 0; y < HEIGHT; y++) {
    for (int x = 0; x < WIDTH; x++) {
      image.u8[y * WIDTH + x] = (x - 30) * (x - 30) + (y - 20) * (y - 20) < 150 ? 255 : 0;
    }
  }
  return image;
}

static void assert_hash(const pl_image *image, const char *expected) {
  char hex[PL_SHA256_HEX_SIZE];
  plane_hash(hex, image);
  hex[HASH_DIGITS] = '\0';
  assert_string_equal(hex, expected);
}

// Exact averages and interpolations in numpy's float64, rounded half up. OpenCV 4.8's INTER_AREA gives the same bytes
// for the first, its 8-bit INTER_LINEAR differs from the second by at most 1.
static void resize_equals_exact_arithmetic(void **state) {
  (void)state;
  const struct {
    uint32_t width, height;
    const char *hash;
  } cases[] = {{30, 20, "6b376a19e96a6116"}, {100, 90, "a9538abf01e79896"}, {30, 90, "f7656c76308207ef"}};
  pl_image image = make_pattern();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_image out;
    assert_int_equal(pl_image_resize(&out, &image, cases[i].width, cases[i].height, NULL), PL_OK);
    assert_hash(&out, cases[i].hash);
    pl_image_clear(&out);
  }
  pl_image same;
  assert_int_equal(pl_image_resize(&same, &image, WIDTH, HEIGHT, NULL), PL_OK);
  assert_memory_equal(same.u8, image.u8, WIDTH * HEIGHT);
  pl_image_clear(&same);
  pl_image_clear(&image);
}

static void shrinking_by_hand(void **state) {
  (void)state;
  // 3 pixels to 2: the middle one is shared. (90*2 + 30)/3 and (30 + 240*2)/3.
  pl_image image = make(3, 1, PL_PIXEL_U16, PL_IMAGE_GREY), out;
  memcpy(image.u16, (uint16_t[]){90, 30, 65535}, 6);
  assert_int_equal(pl_image_resize(&out, &image, 2, 1, NULL), PL_OK);
  assert_int_equal(out.u16[0], 70);
  assert_int_equal(out.u16[1], 43700);
  pl_image_clear(&out);
  pl_image_clear(&image);
  // Signed halves go up: (-3 + 2)/2 = -0.5 -> 0, (-3 - 2)/2 = -2.5 -> -2.
  image = make(4, 1, PL_PIXEL_S16, PL_IMAGE_GREY);
  memcpy(image.s16, (int16_t[]){-3, 2, -3, -2}, 8);
  assert_int_equal(pl_image_resize(&out, &image, 2, 1, NULL), PL_OK);
  assert_int_equal(out.s16[0], 0);
  assert_int_equal(out.s16[1], -2);
  pl_image_clear(&out);
  pl_image_clear(&image);
  // Growing 2 to 4: centres at -0.25, 0.25, 0.75, 1.25.
  image = make(2, 1, PL_PIXEL_U8, PL_IMAGE_PROBABILITY);
  memcpy(image.u8, (uint8_t[]){0, 100}, 2);
  assert_int_equal(pl_image_resize(&out, &image, 4, 2, NULL), PL_OK);
  assert_memory_equal(out.u8, ((uint8_t[]){0, 25, 75, 100, 0, 25, 75, 100}), 8);
  assert_int_equal(out.meaning, PL_IMAGE_PROBABILITY);
  pl_image_clear(&out);
  assert_int_equal(pl_image_resize_nearest(&out, &image, 5, 1, NULL), PL_OK);
  assert_memory_equal(out.u8, ((uint8_t[]){0, 0, 100, 100, 100}), 5);
  pl_image_clear(&out);
  assert_int_equal(pl_image_resize(&out, &image, 0, 5, NULL), PL_E_LIMIT);
  assert_int_equal(pl_image_resize(&out, &image, 5, PL_IMAGE_SIDE_MAX + 1, NULL), PL_E_LIMIT);
  pl_image_clear(&image);
}

static void masks_need_half_of_the_area(void **state) {
  (void)state;
  // Blocks of 2x2 with 0 to 4 pixels inside: two of four is half.
  const uint8_t inside[] = {0, 0, 255, 0, 255, 0, 255, 255, 255, 255,  //
                            0, 0, 0,   0, 0,   1, 255, 0,   255, 255};
  pl_image image = make(10, 2, PL_PIXEL_U8, PL_IMAGE_MASK), out;
  memcpy(image.u8, inside, sizeof inside);
  assert_int_equal(pl_image_resize(&out, &image, 5, 1, NULL), PL_OK);
  assert_memory_equal(out.u8, ((uint8_t[]){0, 0, 255, 255, 255}), 5);
  pl_image_clear(&out);
  pl_image_clear(&image);
  // 3 to 1: one of three is less than half, two are more.
  image = make(3, 1, PL_PIXEL_U8, PL_IMAGE_MASK);
  memcpy(image.u8, (uint8_t[]){255, 0, 0}, 3);
  assert_int_equal(pl_image_resize(&out, &image, 1, 1, NULL), PL_OK);
  assert_int_equal(out.u8[0], 0);
  pl_image_clear(&out);
  image.u8[2] = 255;
  assert_int_equal(pl_image_resize(&out, &image, 1, 1, NULL), PL_OK);
  assert_int_equal(out.u8[0], 255);
  pl_image_clear(&out);
  // Growing keeps 0 and 255.
  assert_int_equal(pl_image_resize(&out, &image, 7, 2, NULL), PL_OK);
  assert_memory_equal(out.u8, ((uint8_t[]){255, 255, 0, 0, 0, 255, 255}), 7);
  pl_image_clear(&out);
  pl_image_clear(&image);
}

// scikit-image 0.19.3 on scipy 1.10.1, written by OpenCV 4.6: resize(a, (height, width))*255 through cv2.imwrite; for
// the mask resize(255.0*counts, ...) as it is. No pixel lies on a half, so the bytes are the same.
static void reference_resize_equals_skimage(void **state) {
  (void)state;
  const struct {
    uint32_t width, height;
    pl_pixel_type type;
    int scale, offset;
    const char *hash;
  } cases[] = {
      {30, 20, PL_PIXEL_U8, 1, 0, "a4652f5968d3a5a6"},     {100, 90, PL_PIXEL_U8, 1, 0, "19c2097b3e152ec2"},
      {30, 90, PL_PIXEL_U8, 1, 0, "315af8a08abe035d"},     {WIDTH, HEIGHT, PL_PIXEL_U8, 1, 0, "d626721ec86ec75a"},
      {7, 5, PL_PIXEL_U8, 1, 0, "56aa88dca1009753"},       {1, 1, PL_PIXEL_U8, 1, 0, "620bfdaa346b088f"},
      {30, 20, PL_PIXEL_U16, 257, -3, "8bfc7253bb7f8456"}, {30, 20, PL_PIXEL_S16, 1, -128, "b9b4408cefd803b7"},
  };
  pl_image pattern = make_pattern(), out;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_image in = make(WIDTH, HEIGHT, cases[i].type, PL_IMAGE_GREY);
    for (size_t k = 0; k < (size_t)WIDTH * HEIGHT; k++) {
      int value = pattern.u8[k] * cases[i].scale + cases[i].offset;
      if (cases[i].type == PL_PIXEL_U8)
        in.u8[k] = (uint8_t)value;
      else
        in.u16[k] = (uint16_t)value;
    }
    unsigned bits = cases[i].type == PL_PIXEL_U16 ? 16 : 8;
    assert_int_equal(pl_image_resize_reference(&out, &in, bits, cases[i].width, cases[i].height, NULL), PL_OK);
    assert_int_equal(out.type, PL_PIXEL_U8);
    assert_hash(&out, cases[i].hash);
    pl_image_clear(&out);
    pl_image_clear(&in);
  }
  pl_image_clear(&pattern);
  pl_image counts = make(WIDTH, HEIGHT, PL_PIXEL_U16, PL_IMAGE_MASK);
  for (size_t y = 0; y < HEIGHT; y++) {
    for (size_t x = 0; x < WIDTH; x++) counts.u16[y * WIDTH + x] = (uint16_t)((x / 9 + y / 7) % 3);
  }
  assert_int_equal(pl_mask_resize_reference(&out, &counts, 30, 20, NULL), PL_OK);
  assert_int_equal(out.meaning, PL_IMAGE_MASK);
  assert_memory_equal(out.u8 + 3 * 30, ((uint8_t[]){217, 217, 217, 217, 255, 255, 255, 255}), 8);
  assert_hash(&out, "8da33c46e71e499e");
  pl_image_clear(&out);
  assert_int_equal(pl_mask_resize_reference(&out, &counts, 64, 64, NULL), PL_OK);
  assert_hash(&out, "deb297c868d05f3c");
  pl_image_clear(&out);
  assert_int_equal(pl_mask_resize_reference(&out, &counts, 0, 5, NULL), PL_E_LIMIT);
  pl_image_clear(&counts);
}

static void warp_equals_opencv(void **state) {
  (void)state;
  // OpenCV 4.8.1: warpAffine(..., WARP_INVERSE_MAP, BORDER_REFLECT_101), linear for the picture and nearest for the
  // disc; hashes of the planes and row 20, columns 10 to 17 of the picture.
  const struct {
    double map[6];
    const char *linear, *nearest;
    uint8_t samples[8];
  } cases[] = {
      {{1, 0, 2.5, 0, 1, -1.25}, "d3dcc6a481a19952", "5875ec97409283a8", {109, 56, 106, 130, 96, 163, 205, 157}},
      {{-1, 0, 60, 0, 1, 0}, "8cc1acc40865e710", "3e59963eb8f45b9f", {96, 211, 76, 203, 80, 219, 108, 3}},
      {{0.97, 0.21, -3.3, -0.19, 0.93, 6.7},
       "cb797d9a6853b414",
       "edac54736e54930e",
       {143, 202, 148, 93, 96, 126, 125, 64}},
      {{3.1, 0.2, -40, 0.1, 2.7, -50}, "cae9cd3bb8657a3a", "507c73b6a5347460", {235, 95, 72, 183, 147, 147, 116, 95}},
      {{0.21, -0.05, 20.3, 0.04, 0.19, 11.9},
       "35c0436edc3830ed",
       "988445a6fddc43f0",
       {129, 167, 196, 220, 207, 191, 178, 166}},
  };
  pl_image image = make_pattern(), disc = make_disc(), out = make(WIDTH, HEIGHT, PL_PIXEL_U8, PL_IMAGE_GREY);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_warp_linear(out.u8, WIDTH, HEIGHT, image.u8, WIDTH, HEIGHT, cases[i].map);
    assert_memory_equal(out.u8 + 20 * WIDTH + 10, cases[i].samples, 8);
    assert_hash(&out, cases[i].linear);
    pl_warp_nearest(out.u8, WIDTH, HEIGHT, disc.u8, WIDTH, HEIGHT, cases[i].map);
    assert_hash(&out, cases[i].nearest);
  }
  pl_image_clear(&out);
  out = make(30, 50, PL_PIXEL_U8, PL_IMAGE_GREY);
  pl_warp_linear(out.u8, 30, 50, image.u8, WIDTH, HEIGHT, cases[2].map);
  assert_hash(&out, "5314491fb6d91585");
  pl_image_clear(&out);
  pl_image_clear(&disc);
  pl_image_clear(&image);
}

static void warp_keeps_and_mirrors(void **state) {
  (void)state;
  pl_image image = make_pattern(), out = make(WIDTH, HEIGHT, PL_PIXEL_U8, PL_IMAGE_GREY),
           far = make(WIDTH, HEIGHT, PL_PIXEL_U8, PL_IMAGE_GREY);
  pl_warp_linear(out.u8, WIDTH, HEIGHT, image.u8, WIDTH, HEIGHT, (double[]){1, 0, 0, 0, 1, 0});
  assert_memory_equal(out.u8, image.u8, WIDTH * HEIGHT);
  // Whole periods of the mirroring, 2*60 and 2*42 pixels, change nothing.
  pl_warp_linear(out.u8, WIDTH, HEIGHT, image.u8, WIDTH, HEIGHT, (double[]){1, 0, 0.25, 0, 1, 0.5});
  pl_warp_linear(far.u8, WIDTH, HEIGHT, image.u8, WIDTH, HEIGHT,
                 (double[]){1, 0, 0.25 - 120 * 1000, 0, 1, 0.5 + 84 * 1000});
  assert_memory_equal(out.u8, far.u8, WIDTH * HEIGHT);
  // One pixel is its own mirror image, and nonsense maps stay inside the plane.
  const double wild[][6] = {{NAN, NAN, NAN, NAN, NAN, NAN}, {1e300, -1e300, INFINITY, 1e12, -1e12, -INFINITY}};
  for (size_t i = 0; i < 2; i++) {
    pl_warp_linear(out.u8, WIDTH, HEIGHT, image.u8, WIDTH, HEIGHT, wild[i]);
    pl_warp_nearest(out.u8, WIDTH, HEIGHT, image.u8, WIDTH, HEIGHT, wild[i]);
    pl_warp_linear(out.u8, 3, 1, image.u8 + 5, 1, 1, wild[i]);
    assert_int_equal(out.u8[2], image.u8[5]);
  }
  pl_image_clear(&far);
  pl_image_clear(&out);
  pl_image_clear(&image);
}

static pl_dicom make_dicom(pl_pixel_type type, uint16_t stored) {
  return (pl_dicom){.image = make(4, 1, type, PL_IMAGE_GREY),
                    .bits_allocated = type == PL_PIXEL_U8 ? 8 : 16,
                    .bits_stored = stored,
                    .high_bit = (uint16_t)(stored - 1),
                    .is_signed = type == PL_PIXEL_S16,
                    .rescale_slope = 1};
}

static void windows_follow_the_standard(void **state) {
  (void)state;
  // PS3.3 C.11.2.1.2.1's own examples: centre 2048 width 4096 and centre 2048 width 1, scaled to 0..255.
  pl_window w = {.function = PL_VOI_LINEAR, .centre = 2048, .width = 4096};
  assert_true(pl_lut_window(&w, 0) == 0 && pl_lut_window(&w, 4095) == 255);
  assert_true(fabs(pl_lut_window(&w, 2047.5) - 127.5) < 1e-9);
  assert_true(fabs(pl_lut_window(&w, 1000) - 1000.0 / 4095 * 255) < 1e-9);
  w = (pl_window){.function = PL_VOI_LINEAR, .centre = 2048, .width = 1};
  assert_true(pl_lut_window(&w, 2047) == 0 && pl_lut_window(&w, 2048) == 255);
  w = (pl_window){.function = PL_VOI_LINEAR, .centre = 0, .width = 100};
  assert_true(pl_lut_window(&w, -50) == 0 && pl_lut_window(&w, 49.5) == 255);
  w = (pl_window){.function = PL_VOI_LINEAR_EXACT, .centre = 0, .width = 100};
  assert_true(pl_lut_window(&w, -50) == 0 && pl_lut_window(&w, 50) == 255);
  assert_true(fabs(pl_lut_window(&w, 20) - 0.7 * 255) < 1e-9);
  w = (pl_window){.function = PL_VOI_SIGMOID, .centre = 40, .width = 400};
  assert_true(fabs(pl_lut_window(&w, 40) - 127.5) < 1e-9);
  assert_true(fabs(pl_lut_window(&w, 140) - 255 / (1 + exp(-1))) < 1e-9);
}

static void stored_values_are_masked_signed_and_rescaled(void **state) {
  (void)state;
  pl_dicom dicom = make_dicom(PL_PIXEL_U16, 12);
  assert_true(pl_lut_rescale(&dicom, 0xf123) == 0x123);
  dicom.high_bit = 15;
  assert_true(pl_lut_rescale(&dicom, 0xf123) == 0xf12);
  pl_image_clear(&dicom.image);
  dicom = make_dicom(PL_PIXEL_S16, 12);
  dicom.rescale_slope = 2;
  dicom.rescale_intercept = -1024;
  assert_true(pl_lut_rescale(&dicom, 0x0fff) == -1026);
  assert_true(pl_lut_rescale(&dicom, 0x0800) == -4096 - 1024);
  assert_true(pl_lut_rescale(&dicom, 0x07ff) == 4094 - 1024);
  pl_image_clear(&dicom.image);
}

static void assert_view(const pl_dicom *dicom, const pl_window *window, const uint8_t expected[4]) {
  pl_image out;
  assert_int_equal(pl_lut_apply(&out, dicom, window, NULL), PL_OK);
  assert_int_equal(out.meaning, PL_IMAGE_GREY);
  assert_memory_equal(out.u8, expected, 4);
  pl_image_clear(&out);
}

static void pictures_become_grey(void **state) {
  (void)state;
  pl_dicom dicom = make_dicom(PL_PIXEL_S16, 16);
  memcpy(dicom.image.s16, (int16_t[]){-1000, -500, 0, 1000}, 8);
  assert_view(&dicom, NULL, (uint8_t[]){0, 64, 128, 255});  // 63.75, 127.5
  dicom.rescale_slope = -3;                                 // turns order round; the range goes with it
  assert_view(&dicom, NULL, (uint8_t[]){255, 191, 128, 0});
  dicom.rescale_slope = 1;
  dicom.has_padding = true;
  dicom.padding = -1000;
  assert_view(&dicom, NULL, (uint8_t[]){0, 0, 85, 255});
  dicom.image.meaning = PL_IMAGE_GREY_INVERSE;
  assert_view(&dicom, NULL, (uint8_t[]){255, 255, 170, 0});
  dicom.image.meaning = PL_IMAGE_GREY;
  dicom.window_count = 1;
  dicom.windows[0] = (pl_dicom_window){.centre = 0.5, .width = 1001};
  assert_view(&dicom, NULL, (uint8_t[]){0, 0, 128, 255});
  assert_view(&dicom, &(pl_window){.function = PL_VOI_LINEAR_EXACT, .centre = -500, .width = 1000},
              (uint8_t[]){0, 128, 255, 255});
  dicom.voi_function = PL_VOI_SIGMOID;
  assert_int_equal(pl_lut_default_window(&dicom).function, PL_VOI_SIGMOID);
  pl_image_clear(&dicom.image);

  dicom = make_dicom(PL_PIXEL_U8, 8);
  memset(dicom.image.u8, 9, 4);
  assert_view(&dicom, NULL, (uint8_t[]){128, 128, 128, 128});  // a flat picture is in the middle
  pl_image_clear(&dicom.image);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(resize_equals_exact_arithmetic),
      cmocka_unit_test(shrinking_by_hand),
      cmocka_unit_test(masks_need_half_of_the_area),
      cmocka_unit_test(reference_resize_equals_skimage),
      cmocka_unit_test(warp_equals_opencv),
      cmocka_unit_test(warp_keeps_and_mirrors),
      cmocka_unit_test(windows_follow_the_standard),
      cmocka_unit_test(stored_values_are_masked_signed_and_rescaled),
      cmocka_unit_test(pictures_become_grey),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
