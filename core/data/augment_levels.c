// Changes of the grey levels, as look-up tables. The formulas are those of albumentations 0.3.1
// (augmentations/functional.py: brightness_contrast_adjust, gamma_transform), with the result rounded where it is
// truncated there, so that strength 0 changes nothing and no image becomes half a level darker.
#include <math.h>

#include "core/data/augment_private.h"

static const double CONTRAST_LIMIT = 0.2, GAMMA_LIMIT = 0.2, BRIGHTNESS_LIMIT = 0.2;

static uint8_t to_level(double value) {
  if (!(value > 0)) return 0;
  return value < 255 ? (uint8_t)(value + 0.5) : 255;
}

// v: factor of the grey level
void pl_augment_draw_contrast(pl_augment_values *out, const pl_augment_place *place) {
  out->v[0] = 1 + pl_augment_within(place, "contrast", 0, CONTRAST_LIMIT);
}

void pl_augment_do_contrast(uint8_t table[256], const pl_augment_values *values, double mean) {
  (void)mean;
  for (int i = 0; i < 256; i++) table[i] = to_level(i * values->v[0]);
}

// v: gamma; the exponent is its inverse
void pl_augment_draw_gamma(pl_augment_values *out, const pl_augment_place *place) {
  out->v[0] = 1 + pl_augment_within(place, "gamma", 0, GAMMA_LIMIT);
}

void pl_augment_do_gamma(uint8_t table[256], const pl_augment_values *values, double mean) {
  (void)mean;
  for (int i = 0; i < 256; i++) table[i] = to_level(pow(i / 255.0, 1 / values->v[0]) * 255);
}

// v: part of the image's mean that is added
void pl_augment_draw_brightness(pl_augment_values *out, const pl_augment_place *place) {
  out->v[0] = pl_augment_within(place, "brightness", 0, BRIGHTNESS_LIMIT);
}

void pl_augment_do_brightness(uint8_t table[256], const pl_augment_values *values, double mean) {
  for (int i = 0; i < 256; i++) table[i] = to_level(i + values->v[0] * mean);
}
