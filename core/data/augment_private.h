// What the files of the augmentation share: the functions behind the rows of the table of kinds.
#pragma once

#include "core/data/augment.h"

#ifdef __cplusplus
extern "C" {
#endif

// Draw number `draw` of a kind for one image: uniform in +-limit times the place's strength.
double pl_augment_within(const pl_augment_place *place, const char *kind, uint64_t draw, double limit);
// The seed of draws by pixel.
uint64_t pl_augment_noise(const pl_augment_place *place, const char *kind);

// augment_affine.c
void pl_augment_draw_flip(pl_augment_values *out, const pl_augment_place *place);
void pl_augment_draw_rotate(pl_augment_values *out, const pl_augment_place *place);
void pl_augment_draw_shift_scale_rotate(pl_augment_values *out, const pl_augment_place *place);
void pl_augment_do_flip(pl_augmentation *params, const pl_augment_values *values, uint32_t width, uint32_t height);
void pl_augment_do_rotate(pl_augmentation *params, const pl_augment_values *values, uint32_t width, uint32_t height);
void pl_augment_do_shift_scale_rotate(pl_augmentation *params, const pl_augment_values *values, uint32_t width,
                                      uint32_t height);

// augment_levels.c
void pl_augment_draw_contrast(pl_augment_values *out, const pl_augment_place *place);
void pl_augment_draw_gamma(pl_augment_values *out, const pl_augment_place *place);
void pl_augment_draw_brightness(pl_augment_values *out, const pl_augment_place *place);
void pl_augment_do_contrast(uint8_t table[256], const pl_augment_values *values, double mean);
void pl_augment_do_gamma(uint8_t table[256], const pl_augment_values *values, double mean);
void pl_augment_do_brightness(uint8_t table[256], const pl_augment_values *values, double mean);

// augment_field.c
void pl_augment_draw_elastic(pl_augment_values *out, const pl_augment_place *place);
void pl_augment_draw_grid(pl_augment_values *out, const pl_augment_place *place);
void pl_augment_draw_optical(pl_augment_values *out, const pl_augment_place *place);
void pl_augment_do_elastic(pl_augment_field *field, const pl_augment_values *values);
void pl_augment_do_grid(pl_augment_field *field, const pl_augment_values *values);
void pl_augment_do_optical(pl_augment_field *field, const pl_augment_values *values);

#ifdef __cplusplus
}
#endif
