#include "core/image/agreement.h"

#include <stdbool.h>

#include "core/image/resize.h"

// The largest value v of 0..one with v/one <= threshold, in doubles.
static uint32_t cut_of(double threshold, uint32_t one) {
  uint32_t cut = (uint32_t)(threshold * one);
  while (cut < one && (double)(cut + 1) / one <= threshold) cut++;
  while (cut > 0 && (double)cut / one > threshold) cut--;
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
      const uint32_t cut = cut_of(threshold, 255);
      for (size_t i = 0; i < count; i++) mask.u8[i] = in.u8[i] > cut ? 255 : 0;
    } else {
      const uint32_t cut = cut_of(threshold, 65535);
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

pl_status pl_agreement_count(pl_agreement *out, const pl_image *truth, const pl_image *predicted, pl_error *err) {
  pl_status status = check(truth, predicted, err);
  if (status != PL_OK) return status;
  const pl_image *any = truth->data != NULL ? truth : predicted;
  const size_t count = any->data != NULL ? (size_t)any->width * any->height : 0;
  size_t sets[4] = {0};
  for (size_t i = 0; i < count; i++) {
    const bool in_truth = truth->data != NULL && truth->u8[i] != 0;
    const bool in_predicted = predicted->data != NULL && predicted->u8[i] != 0;
    sets[2 * in_truth + in_predicted]++;
  }
  *out = (pl_agreement){.hit = sets[3], .false_alarm = sets[1], .missed = sets[2]};
  return PL_OK;
}

double pl_agreement_dice(const pl_agreement *a) {
  const double sum = 2.0 * (double)a->hit + (double)a->false_alarm + (double)a->missed;
  return sum > 0 ? 2.0 * (double)a->hit / sum : 1.0;
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
  for (size_t i = 0; i < count; i++) {
    const unsigned in_truth = truth->data != NULL && truth->u8[i] != 0 ? 255 : 0;
    const unsigned in_predicted = predicted->u8[i] != 0 ? 255 : 0;
    made[0].u8[i] = (uint8_t)(in_truth & in_predicted);
    made[1].u8[i] = (uint8_t)(~in_truth & in_predicted);
    made[2].u8[i] = (uint8_t)(in_truth & ~in_predicted);
  }
  for (int i = 0; i < PL_AGREEMENT_PARTS; i++) parts[i] = made[i];
  if (counts != NULL) *counts = found;
  return PL_OK;
}
