// From maps of probabilities to masks. The 16-bit map is the truth for every score: evaluation, tuner and submission
// read the same numbers, so they agree exactly.
//
// A map of another size than the label is resized first, linearly (pl_image_resize, which is OpenCV's INTER_LINEAR
// geometry where it grows and the average of what is covered where it shrinks), and rounded to 16 bits again; then the
// thresholds are applied. Components are removed last.
#pragma once

#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"
#include "core/score/triplet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_binarizer {
  pl_triplet triplet;
  uint64_t min_component;  // components of fewer pixels are removed; 0: none
} pl_binarizer;

// *out is the map at that size, a copy also when it has it. Fails as pl_image_resize; the caller clears *out.
pl_status pl_binarize_resize(pl_image *out, const pl_image *map, uint32_t width, uint32_t height, pl_error *err);

// The mask (8 bits, 0 or 255) of a map, at the map's size. PL_E_NOMEM; the caller clears *out.
pl_status pl_binarize(pl_image *out, const pl_image *map, const pl_binarizer *binarizer, pl_error *err);

// Empties the components of a mask that have fewer than `least` pixels. Pixels that touch at a corner belong together,
// as for cv2.findContours. PL_E_NOMEM.
pl_status pl_mask_remove_small(pl_image *mask, uint64_t least, pl_error *err);

#ifdef __cplusplus
}
#endif
