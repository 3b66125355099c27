#include "core/image/agreement.h"

#include <stdbool.h>
#include <stddef.h>

#include "core/image/probability.h"
#include "core/image/resize.h"

uint32_t pl_probability_cut(double threshold, uint32_t one) {
  if (!(threshold > 0)) return 0;
  if (threshold >= 1) return one;
  uint32_t cut = (uint32_t)(threshold * one);
  // The product was rounded; what counts is the comparison of v / one.
  while (cut > 0 && (double)cut / one > threshold) cut--;
  while ((double)(cut + 1) / one <= threshold) cut++;
  return cut;
}

pl_status pl_probability_mask(pl_image *out, const pl_image *map, uint32_t width, uint32_t height, double threshold,
                              pl_error *err) {
  if (map->type == PL_PIXEL_S16) return pl_fail(err, PL_E_FORMAT, "a map of probabilities has no negative values");
  pl_image resized = {0}, mask = {0};
  pl_image in = *map;
  in.meaning = PL_IMAGE_PROBABILITY;
  pl_status status = PL_OK;
  if (map->width != width || map->height != height) {
    status = pl_image_resize(&resized, &in, width, height, err);
    in = resized;
  }
  if (status == PL_OK) status = pl_image_init(&mask, width, height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status == PL_OK) {
    const size_t count = (size_t)width * height;
    if (in.type == PL_PIXEL_U8) {
      const uint32_t cut = pl_probability_cut(threshold, 255);
      for (size_t i = 0; i < count; i++) mask.u8[i] = in.u8[i] > cut ? 255 : 0;
    } else {
      const uint32_t cut = pl_probability_cut(threshold, PL_PROBABILITY_ONE);
      for (size_t i = 0; i < count; i++) mask.u8[i] = in.u16[i] > cut ? 255 : 0;
    }
    *out = mask;
  }
  pl_image_clear(&resized);
  return status;
}

static pl_status check(const pl_image *truth, const pl_image *predicted, pl_error *err) {
  const bool masks = (truth->data == NULL || truth->type == PL_PIXEL_U8) &&
                     (predicted->data == NULL || predicted->type == PL_PIXEL_U8);
  if (!masks) return pl_fail(err, PL_E_FORMAT, "masks have 8 bits");
  if (truth->data == NULL || predicted->data == NULL) return PL_OK;
  if (truth->width == predicted->width && truth->height == predicted->height) return PL_OK;
  return pl_fail(err, PL_E_FORMAT, "the prediction is %ux%u pixels, the mask %ux%u", predicted->width,
                 predicted->height, truth->width, truth->height);
}

// Pixels that are in both masks.
static uint64_t count_both(const pl_image *one, const pl_image *two) {
  uint64_t sum = 0;
  if (one->data == NULL || two->data == NULL) return 0;
  for (size_t y = 0; y < one->height; y++) {
    const uint8_t *a = one->u8 + y * one->width, *b = two->u8 + y * one->width;
    uint32_t in_row = 0;  // a plain loop for the compiler's vectors
    for (size_t x = 0; x < one->width; x++) in_row += (uint8_t)(a[x] != 0) & (uint8_t)(b[x] != 0);
    sum += in_row;
  }
  return sum;
}

pl_status pl_agreement_count(pl_agreement *out, const pl_image *truth, const pl_image *predicted, pl_error *err) {
  pl_status status = check(truth, predicted, err);
  if (status != PL_OK) return status;
  const uint64_t hit = count_both(truth, predicted);
  *out = (pl_agreement){
      .hit = hit, .false_alarm = count_both(predicted, predicted) - hit, .missed = count_both(truth, truth) - hit};
  return PL_OK;
}

double pl_agreement_dice(const pl_agreement *a) {
  const double sum = 2.0 * (double)a->hit + (double)a->false_alarm + (double)a->missed;
  return sum > 0 ? 2.0 * (double)a->hit / sum : 1.0;
}

// The masks are read once, and the loops are plain for the compiler's vectors.
static void split(uint8_t *restrict hit, uint8_t *restrict extra, uint8_t *restrict missed,
                  const uint8_t *restrict truth, const uint8_t *restrict predicted, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t in_truth = truth[i] != 0 ? 255 : 0, in_predicted = predicted[i] != 0 ? 255 : 0;
    hit[i] = in_truth & in_predicted;
    extra[i] = (uint8_t)(in_predicted & ~in_truth);
    missed[i] = (uint8_t)(in_truth & ~in_predicted);
  }
}

pl_status pl_agreement_split(pl_image parts[PL_AGREEMENT_PARTS], pl_agreement *counts, const pl_image *truth,
                             const pl_image *predicted, pl_error *err) {
  if (predicted->data == NULL) return pl_fail(err, PL_E_FORMAT, "there is no prediction to compare with the mask");
  pl_agreement found;
  pl_status status = pl_agreement_count(&found, truth, predicted, err);
  pl_image made[PL_AGREEMENT_PARTS] = {0};
  for (int i = 0; i < PL_AGREEMENT_PARTS && status == PL_OK; i++) {
    status = pl_image_init(&made[i], predicted->width, predicted->height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  }
  if (status != PL_OK) {
    for (int i = 0; i < PL_AGREEMENT_PARTS; i++) pl_image_clear(&made[i]);
    return status;
  }
  const size_t count = (size_t)predicted->width * predicted->height;
  if (truth->data != NULL) {
    split(made[0].u8, made[1].u8, made[2].u8, truth->u8, predicted->u8, count);
  } else {
    for (size_t i = 0; i < count; i++) made[1].u8[i] = predicted->u8[i] != 0 ? 255 : 0;
  }
  for (int i = 0; i < PL_AGREEMENT_PARTS; i++) parts[i] = made[i];
  if (counts != NULL) *counts = found;
  return PL_OK;
}
