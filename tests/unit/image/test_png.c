#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/image/png_io.h"
#include "core/image/probability.h"
#include "image_fixtures.h"
#include "tests/tools/testing.h"

static void fill(pl_image *image) {
  for (size_t i = 0; i < (size_t)image->width * image->height; i++) {
    if (image->type == PL_PIXEL_U8) {
      image->u8[i] = (uint8_t)(i * 37 + i / 7);
    } else {
      image->u16[i] = (uint16_t)(i * 7919 + i / 3);
    }
  }
}

static void round_trip(pl_pixel_type type, int level) {
  pl_error err = {0};
  pl_image image, again;
  assert_int_equal(pl_image_init(&image, 61, 43, type, PL_IMAGE_GREY, &err), PL_OK);
  fill(&image);
  char *path = scratch_path("round.png");
  assert_int_equal(pl_png_write(path, &image, level, &err), PL_OK);
  assert_int_equal(pl_png_read(&again, path, &err), PL_OK);
  assert_int_equal(again.type, type);
  assert_int_equal(again.width, 61);
  assert_int_equal(again.height, 43);
  assert_memory_equal(again.data, image.data, pl_image_bytes(&image));
  pl_image_clear(&again);
  pl_image_clear(&image);
  free(path);
}

static void what_is_written_is_read_back(void **state) {
  (void)state;
  const int levels[] = {0, PL_PNG_FAST, PL_PNG_DEFAULT, 9};
  for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
    round_trip(PL_PIXEL_U8, levels[i]);
    round_trip(PL_PIXEL_U16, levels[i]);
  }
}

static void only_pixels_are_written(void **state) {
  (void)state;
  pl_error err = {0};
  pl_image image;
  pl_buf out;
  pl_buf_init(&out, 1 << 20);
  assert_int_equal(pl_image_init(&image, 8, 8, PL_PIXEL_U8, PL_IMAGE_GREY, &err), PL_OK);
  assert_int_equal(pl_png_encode(&out, &image, PL_PNG_DEFAULT, &err), PL_OK);
  // Signature, then IHDR, IDAT and IEND and nothing else.
  size_t at = 8;
  const char *expected[] = {"IHDR", "IDAT", "IEND"};
  for (size_t i = 0; i < 3; i++) {
    const uint8_t *p = (const uint8_t *)out.data + at;
    assert_memory_equal(p + 4, expected[i], 4);
    at += 12 + ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
  }
  assert_int_equal(at, out.length);
  pl_buf_clear(&out);
  pl_image_clear(&image);
}

static void colour_becomes_luma(void **state) {
  (void)state;
  pl_error err = {0};
  // Expected by hand from (4899 R + 9617 G + 1868 B + 8192) / 16384.
  const uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 77, 77, 77, 10, 200, 30, 255, 255, 255};
  const uint8_t grey[] = {76, 150, 29, 77, 124, 255};
  pl_buf out;
  pl_buf_init(&out, 1 << 20);
  assert_int_equal(pl_png_encode_rgb(&out, 3, 2, rgb, PL_PNG_FAST, &err), PL_OK);
  pl_image image;
  assert_int_equal(pl_png_decode(&image, out.data, out.length, &err), PL_OK);
  assert_memory_equal(image.u8, grey, sizeof grey);
  pl_image_clear(&image);
  char *path = scratch_path("rgb.png");
  assert_int_equal(pl_png_write_rgb(path, 3, 2, rgb, PL_PNG_FAST, &err), PL_OK);
  assert_int_equal(pl_png_read(&image, path, &err), PL_OK);
  assert_memory_equal(image.u8, grey, sizeof grey);
  pl_image_clear(&image);
  free(path);
  pl_buf_clear(&out);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  pl_error err = {0};
  pl_image image;
  assert_int_equal(pl_image_init(&image, 64, 64, PL_PIXEL_S16, PL_IMAGE_GREY, &err), PL_OK);
  pl_buf out;
  pl_buf_init(&out, 40);
  assert_int_equal(pl_png_encode(&out, &image, 6, &err), PL_E_UNSUPPORTED);
  image.type = PL_PIXEL_U8;
  assert_int_equal(pl_png_encode(&out, &image, 6, &err), PL_E_LIMIT);
  pl_buf_clear(&out);
  image.type = PL_PIXEL_U16;
  // A folder that does not exist: no file appears and the path is named.
  assert_int_not_equal(pl_png_write("/nonexistent/x.png", &image, 6, &err), PL_OK);
  assert_non_null(strstr(err.message, "/nonexistent/x.png"));
  pl_image_clear(&image);
}

static void every_truncation_and_flip_is_refused(void **state) {
  (void)state;
  pl_error err = {0};
  pl_image image, untouched = {.width = 99};
  assert_int_equal(pl_image_init(&image, 17, 13, PL_PIXEL_U8, PL_IMAGE_GREY, &err), PL_OK);
  fill(&image);
  pl_buf out;
  pl_buf_init(&out, 1 << 20);
  assert_int_equal(pl_png_encode(&out, &image, 6, &err), PL_OK);
  for (size_t n = 0; n < out.length; n++) {
    assert_int_equal(pl_png_decode(&untouched, out.data, n, &err), PL_E_FORMAT);
    assert_int_equal(untouched.width, 99);
  }
  // Every byte is under the signature's, the structure's or a checksum's eye.
  for (size_t n = 0; n < out.length; n++) {
    out.data[n] ^= 0x10;
    assert_int_not_equal(pl_png_decode(&untouched, out.data, out.length, &err), PL_OK);
    out.data[n] ^= 0x10;
  }
  pl_buf_clear(&out);
  pl_image_clear(&image);
}

static void header_with_huge_sides_is_refused(void **state) {
  (void)state;
  // A valid IHDR of 20000 x 1 (checksum from zlib's crc32).
  uint8_t header[] = {0x89, 'P',  'N',  'G', 13, 10, 26, 10, 0, 0, 0, 13, 'I', 'H', 'D', 'R', 0,
                      0,    0x4e, 0x20, 0,   0,  0,  1,  8,  0, 0, 0, 0,  0,   0,   0,   0};
  uint32_t crc = pl_crc32(0, header + 12, 17);
  for (int i = 0; i < 4; i++) header[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
  pl_error err = {0};
  pl_image image;
  assert_int_equal(pl_png_decode(&image, header, sizeof header, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "16384"));
}

// Files of PngSuite whose names begin with x are corrupt on purpose; all others decode.
typedef struct suite_count {
  int good, bad;
} suite_count;

static pl_status visit_suite(void *context, const char *path, uint64_t size, pl_error *err) {
  (void)size;
  (void)err;
  suite_count *count = context;
  if (strstr(path, ".png") == NULL) return PL_OK;
  pl_error why = {0};
  pl_image image = {0};
  pl_status status = pl_png_read(&image, path, &why);
  bool corrupt = pl_path_base(path)[0] == 'x';
  if (corrupt) {
    assert_int_not_equal(status, PL_OK);
    assert_non_null(strstr(why.message, pl_path_base(path)));
    count->bad++;
  } else {
    if (status != PL_OK) print_error("%s\n", why.message);
    assert_int_equal(status, PL_OK);
    count->good++;
  }
  pl_image_clear(&image);
  return PL_OK;
}

static void png_suite(void **state) {
  (void)state;
  char *suite = data_path("pngsuite");
  if (suite == NULL) {
    print_message("skipped: no PngSuite under PLEURA_DATA\n");
    skip();
  }
  suite_count count = {0};
  assert_int_equal(pl_fs_walk(suite, visit_suite, &count, NULL), PL_OK);
  assert_int_equal(count.good, 161);
  assert_int_equal(count.bad, 14);
  free(suite);
}

static void probabilities_are_rounded_and_kept(void **state) {
  (void)state;
  const float given[] = {0.0f,  1.0f, 0.5f, 1.0f / 65535, 0.4999f / 65535, 0.75f,
                         -0.5f, 2.0f, NAN,  INFINITY,     1e-30f,          0.3f};
  const uint16_t expected[] = {0, 65535, 32768, 1, 0, 49151, 0, 65535, 0, 65535, 0, 19661};
  pl_error err = {0};
  pl_image map, again;
  assert_int_equal(pl_probability_take(&map, given, 4, 3, &err), PL_OK);
  assert_int_equal(map.meaning, PL_IMAGE_PROBABILITY);
  assert_memory_equal(map.u16, expected, sizeof expected);
  char *path = scratch_path("map.png");
  assert_int_equal(pl_probability_write(path, &map, &err), PL_OK);
  assert_int_equal(pl_probability_read(&again, path, &err), PL_OK);
  assert_int_equal(again.meaning, PL_IMAGE_PROBABILITY);
  assert_memory_equal(again.u16, expected, sizeof expected);
  pl_image_clear(&again);
  // Neither an 8-bit file nor another kind of plane is one.
  pl_image grey;
  assert_int_equal(pl_image_init(&grey, 4, 3, PL_PIXEL_U8, PL_IMAGE_GREY, &err), PL_OK);
  assert_int_equal(pl_probability_write(path, &grey, &err), PL_E_USAGE);
  assert_int_equal(pl_png_write(path, &grey, PL_PNG_FAST, &err), PL_OK);
  assert_int_equal(pl_probability_read(&again, path, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "16 bits"));
  pl_image_clear(&grey);
  pl_image_clear(&map);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read_back),
      cmocka_unit_test(only_pixels_are_written),
      cmocka_unit_test(colour_becomes_luma),
      cmocka_unit_test(what_does_not_fit_is_refused),
      cmocka_unit_test(every_truncation_and_flip_is_refused),
      cmocka_unit_test(header_with_huge_sides_is_refused),
      cmocka_unit_test(probabilities_are_rounded_and_kept),
      cmocka_unit_test(png_suite),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  scratch_remove();
  return failed;
}
