// Thresholding maps of probabilities, and comparing masks: against numbers worked out by hand.
#include <string.h>

#include "core/image/agreement.h"
#include "core/image/resize.h"
#include "tests/tools/testing.h"

static pl_image plane(uint32_t width, uint32_t height, pl_pixel_type type, pl_image_meaning meaning) {
  pl_image image = {0};
  assert_int_equal(pl_image_init(&image, width, height, type, meaning, NULL), PL_OK);
  return image;
}

static pl_image mask_of(const char *rows, uint32_t width) {
  pl_image mask = plane(width, (uint32_t)strlen(rows) / width, PL_PIXEL_U8, PL_IMAGE_MASK);
  for (size_t i = 0; rows[i] != '\0'; i++) mask.u8[i] = rows[i] == '#' ? 255 : 0;
  return mask;
}

static void assert_mask(const pl_image *mask, const char *rows) {
  for (size_t i = 0; rows[i] != '\0'; i++) assert_int_equal(mask->u8[i], rows[i] == '#' ? 255 : 0);
}

// Strictly above: a probability that equals the threshold is outside, at both depths.
static void thresholds_are_strict(void **state) {
  (void)state;
  pl_image map = plane(4, 1, PL_PIXEL_U16, PL_IMAGE_PROBABILITY), mask = {0};
  const uint16_t values[] = {13106, 13107, 13108, 65535};  // 13107 is 0.2 of 65535
  memcpy(map.u16, values, sizeof values);
  assert_int_equal(pl_probability_mask(&mask, &map, 4, 1, 0.2, NULL), PL_OK);
  assert_int_equal(mask.meaning, PL_IMAGE_MASK);
  assert_mask(&mask, "..##");
  pl_image_clear(&mask);
  assert_int_equal(pl_probability_mask(&mask, &map, 4, 1, 1, NULL), PL_OK);
  assert_mask(&mask, "....");
  pl_image_clear(&mask);
  pl_image_clear(&map);
  map = plane(3, 1, PL_PIXEL_U8, PL_IMAGE_PROBABILITY);
  map.u8[1] = 51, map.u8[2] = 52;  // 51 is 0.2 of 255
  assert_int_equal(pl_probability_mask(&mask, &map, 3, 1, 0.2, NULL), PL_OK);
  assert_mask(&mask, "..#");
  pl_image_clear(&mask);
  pl_image_clear(&map);
  pl_error err = {0};
  map = plane(1, 1, PL_PIXEL_S16, PL_IMAGE_PROBABILITY);
  assert_int_equal(pl_probability_mask(&mask, &map, 1, 1, 0.5, &err), PL_E_FORMAT);
  assert_null(mask.data);
  pl_image_clear(&map);
}

// From 2 to 8 pixels the probabilities are interpolated before the threshold: with 0 and 1 in the two halves they are
// 0, 0, 1/8, 3/8, 5/8, 7/8, 1, 1, so that the edge moves with the threshold by single pixels of the larger size.
static void probabilities_are_resized_before_the_threshold(void **state) {
  (void)state;
  pl_image map = plane(2, 2, PL_PIXEL_U16, PL_IMAGE_PROBABILITY), mask = {0};
  map.u16[1] = map.u16[3] = 65535;
  static const struct {
    double threshold;
    const char *row;
  } want[] = {{0.1, "..######"}, {0.3, "...#####"}, {0.5, "....####"}, {0.7, ".....###"}, {0.9, "......##"}};
  for (size_t k = 0; k < sizeof want / sizeof want[0]; k++) {
    assert_int_equal(pl_probability_mask(&mask, &map, 8, 3, want[k].threshold, NULL), PL_OK);
    assert_int_equal(mask.width, 8);
    assert_int_equal(mask.height, 3);
    for (size_t y = 0; y < 3; y++) {
      for (size_t x = 0; x < 8; x++) assert_int_equal(mask.u8[8 * y + x], want[k].row[x] == '#' ? 255 : 0);
    }
    pl_image_clear(&mask);
  }
  pl_image_clear(&map);
}

// A map that is larger than the picture is averaged: 0.25 + 0.75 over 2 are 0.5, which is not above 0.5.
static void larger_maps_are_averaged(void **state) {
  (void)state;
  pl_image map = plane(4, 1, PL_PIXEL_U16, PL_IMAGE_PROBABILITY), mask = {0};
  const uint16_t values[] = {16384, 49150, 16384, 49154};
  memcpy(map.u16, values, sizeof values);
  assert_int_equal(pl_probability_mask(&mask, &map, 2, 1, 0.5, NULL), PL_OK);
  assert_mask(&mask, ".#");
  pl_image_clear(&mask);
  pl_image_clear(&map);
}

static void agreement_is_counted(void **state) {
  (void)state;
  pl_image truth = mask_of(
      "###."
      "##..",
      4);
  pl_image predicted = mask_of(
      ".###"
      "....",
      4);
  truth.u8[0] = 1;  // inside is whatever is not 0
  pl_agreement a = {0};
  assert_int_equal(pl_agreement_count(&a, &truth, &predicted, NULL), PL_OK);
  assert_int_equal(a.hit, 2);
  assert_int_equal(a.false_alarm, 1);
  assert_int_equal(a.missed, 3);
  assert_float_equal(pl_agreement_dice(&a), 4.0 / 8.0, 1e-15);
  pl_image parts[PL_AGREEMENT_PARTS] = {0};
  pl_agreement again = {0};
  assert_int_equal(pl_agreement_split(parts, &again, &truth, &predicted, NULL), PL_OK);
  assert_memory_equal(&a, &again, sizeof a);
  assert_mask(&parts[0], ".##.....");
  assert_mask(&parts[1], "...#....");
  assert_mask(&parts[2], "#...##..");
  for (int i = 0; i < PL_AGREEMENT_PARTS; i++) pl_image_clear(&parts[i]);
  pl_image_clear(&truth);
  pl_image_clear(&predicted);
}

static void empty_masks_count(void **state) {
  (void)state;
  const pl_image none = {0};
  pl_image some = mask_of("#.#.", 2), empty = mask_of("....", 2), other = mask_of("......", 2);
  pl_agreement a = {.hit = 7};
  assert_int_equal(pl_agreement_count(&a, &none, &empty, NULL), PL_OK);
  assert_int_equal(a.hit + a.false_alarm + a.missed, 0);
  assert_float_equal(pl_agreement_dice(&a), 1, 0);
  assert_int_equal(pl_agreement_count(&a, &none, &some, NULL), PL_OK);
  assert_int_equal(a.false_alarm, 2);
  assert_float_equal(pl_agreement_dice(&a), 0, 0);
  assert_int_equal(pl_agreement_count(&a, &some, &empty, NULL), PL_OK);
  assert_int_equal(a.missed, 2);
  pl_error err = {0};
  pl_image parts[PL_AGREEMENT_PARTS] = {0};
  assert_int_equal(pl_agreement_count(&a, &some, &other, &err), PL_E_FORMAT);
  assert_int_equal(pl_agreement_split(parts, NULL, &some, &other, &err), PL_E_FORMAT);
  assert_int_equal(pl_agreement_split(parts, NULL, &some, &none, &err), PL_E_FORMAT);
  assert_null(parts[0].data);
  pl_image_clear(&some);
  pl_image_clear(&empty);
  pl_image_clear(&other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(thresholds_are_strict),    cmocka_unit_test(probabilities_are_resized_before_the_threshold),
      cmocka_unit_test(larger_maps_are_averaged), cmocka_unit_test(agreement_is_counted),
      cmocka_unit_test(empty_masks_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
