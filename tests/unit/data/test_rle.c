#include "core/data/rle.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "tests/tools/testing.h"

static pl_image new_mask(uint32_t width, uint32_t height) {
  pl_image mask = {0};
  assert_int_equal(pl_image_init(&mask, width, height, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  return mask;
}

// Encodes, decodes into a fresh mask, and compares.
static void assert_round_trip(const pl_image *mask) {
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  assert_int_equal(pl_rle_encode(&text, mask, NULL), PL_OK);
  pl_image back = new_mask(mask->width, mask->height);
  pl_error err = {0};
  if (pl_rle_decode(&back, text.data, &err) != PL_OK) fail_msg("%s", err.message);
  size_t pixels = (size_t)mask->width * mask->height;
  for (size_t i = 0; i < pixels; i++) assert_int_equal(back.u8[i], mask->u8[i] != 0 ? 255 : 0);
  assert_int_equal(pl_rle_is_negative(text.data), pl_mask_area(mask) == 0);
  pl_image_clear(&back);
  pl_buf_clear(&text);
}

static void test_round_trip_random(void **state) {
  (void)state;
  for (uint64_t round = 0; round < 400; round++) {
    uint32_t width = (uint32_t)pl_rng_below(1, round, 0, 17) + 1, height = (uint32_t)pl_rng_below(1, round, 1, 17) + 1;
    double density = pl_rng_double(1, round, 2);
    pl_image mask = new_mask(width, height);
    for (uint32_t i = 0; i < width * height; i++) mask.u8[i] = pl_rng_double(2, round, i) < density ? 255 : 0;
    assert_round_trip(&mask);
    pl_image_clear(&mask);
  }
}

static void test_round_trip_edges(void **state) {
  (void)state;
  pl_image mask = new_mask(7, 5);
  assert_round_trip(&mask);
  for (size_t i = 0; i < 35; i++) {
    memset(mask.u8, 0, 35);
    mask.u8[i] = 1;
    assert_round_trip(&mask);
    memset(mask.u8, 255, 35);
    assert_round_trip(&mask);
    mask.u8[i] = 0;
    assert_round_trip(&mask);
  }
  pl_image_clear(&mask);
}

static void assert_encoded(const pl_image *mask, const char *expected) {
  pl_buf text;
  pl_buf_init(&text, 1024);
  assert_int_equal(pl_rle_encode(&text, mask, NULL), PL_OK);
  assert_string_equal(text.data, expected);
  pl_buf_clear(&text);
}

static void test_by_hand(void **state) {
  (void)state;
  pl_image mask = new_mask(3, 2);
  assert_encoded(&mask, "-1");
  // Columns are (0,1), (2,3), (4,5): gap 1, two pixels into the second column, gap 2, the last pixel.
  assert_int_equal(pl_rle_decode(&mask, "1 2 2 1", NULL), PL_OK);
  const uint8_t expected[6] = {0, 255, 0, 255, 0, 255};
  assert_memory_equal(mask.u8, expected, 6);
  assert_int_equal(pl_mask_area(&mask), 3);
  assert_encoded(&mask, "1 2 2 1");
  // A second row that overlaps the first: the union.
  assert_int_equal(pl_rle_decode(&mask, " 2 2\r\n", NULL), PL_OK);
  assert_int_equal(pl_mask_area(&mask), 4);
  assert_encoded(&mask, "1 3 1 1");
  assert_int_equal(pl_rle_decode(&mask, "0 6", NULL), PL_OK);
  assert_int_equal(pl_mask_area(&mask), 6);
  assert_encoded(&mask, "0 6");
  pl_image_clear(&mask);
}

static void test_negative(void **state) {
  (void)state;
  static const char *const negative[] = {"-1", " -1", "-1 ", "", "  ", "\t-1\r\n"};
  static const char *const positive[] = {"-1 1", "1", "0 1", "-", "-2", "--1", "1 -1"};
  for (size_t i = 0; i < 6; i++) assert_true(pl_rle_is_negative(negative[i]));
  for (size_t i = 0; i < 7; i++) assert_false(pl_rle_is_negative(positive[i]));
  pl_image mask = new_mask(2, 2);
  for (size_t i = 0; i < 6; i++) assert_int_equal(pl_rle_decode(&mask, negative[i], NULL), PL_OK);
  assert_int_equal(pl_mask_area(&mask), 0);
  pl_image_clear(&mask);
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *says;
  } cases[] = {
      {"0 7", "value 1 of the mask ends behind the image's 6 pixels"},
      {"6 1", "ends behind"},
      {"0 1 5 1", "value 3 of the mask ends behind"},
      {"1000000000 1", "ends behind"},
      {"18446744073709551615 1", "ends behind"},
      {"1 18446744073709551615", "ends behind"},
      {"18446744073709551616 1", "value 1 of the mask is '18446744073709551616'"},
      {"1", "odd count of values (1)"},
      {"0 1 1", "odd count of values (3)"},
      {"0 x", "value 2 of the mask is 'x'"},
      {"0 1.0", "'1.0'"},
      {"0 -1", "'-1'"},
      {"-1 1", "'-1'"},
      {"+1 1", "'+1'"},
      {"0x1 1", "'0x1'"},
      {"1,2", "'1,2'"},
      {"0 0", "length 0"},
  };
  pl_image mask = new_mask(3, 2);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_error err = {0};
    assert_int_equal(pl_rle_decode(&mask, cases[i].text, &err), PL_E_FORMAT);
    if (strstr(err.message, cases[i].says) == NULL) fail_msg("'%s' gives '%s'", cases[i].text, err.message);
    assert_int_equal(pl_mask_area(&mask), 0);
  }
  assert_int_equal(pl_rle_check("1000000000 1", UINT64_MAX, NULL), PL_OK);
  pl_image_clear(&mask);
  pl_image deep = {0};
  assert_int_equal(pl_image_init(&deep, 2, 2, PL_PIXEL_U16, PL_IMAGE_MASK, NULL), PL_OK);
  assert_int_equal(pl_rle_decode(&deep, "0 1", NULL), PL_E_USAGE);
  pl_image_clear(&deep);
}

static void test_encode_limit(void **state) {
  (void)state;
  pl_image mask = new_mask(8, 8);
  for (size_t i = 0; i < 64; i += 2) mask.u8[i] = 255;
  pl_buf text;
  pl_buf_init(&text, 10);
  assert_int_equal(pl_rle_encode(&text, &mask, NULL), PL_E_LIMIT);
  pl_buf_clear(&text);
  pl_image_clear(&mask);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip_random), cmocka_unit_test(test_round_trip_edges),
      cmocka_unit_test(test_by_hand),           cmocka_unit_test(test_negative),
      cmocka_unit_test(test_refused),           cmocka_unit_test(test_encode_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
