// From a map of probabilities to a predicted mask, and where it agrees with the true one.
#pragma once

#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

// The largest value that is not above a threshold, where `one` stands for 1: a pixel is inside when its value is
// larger. A value v stands for the double v / one. Thresholds outside 0..1 are taken as the nearer of these.
uint32_t pl_probability_cut(double threshold, uint32_t one);

// The mask that a map predicts for a picture of width x height: the probabilities are brought to that size first
// (pl_image_resize: linear between pixel centres where an axis grows, which is bilinear where both do; exact averages
// where it shrinks), and inside (255) is then what is above the threshold, strictly (v/65535.0 > threshold in
// doubles). So an edge does not follow the
// map's coarser pixels, and scores of it are scores at the size of the label.
// A map of 8 or 16 bits stands for value/255 or value/65535; `threshold` is from 0 to 1. PL_E_FORMAT for another type,
// PL_E_LIMIT, PL_E_NOMEM. The caller clears *out.
pl_status pl_probability_mask(pl_image *out, const pl_image *map, uint32_t width, uint32_t height, double threshold,
                              pl_error *err);

// Pixels of a prediction compared with the truth.
typedef struct pl_agreement {
  uint64_t hit;          // in both (true positive)
  uint64_t false_alarm;  // predicted alone (false positive)
  uint64_t missed;       // true alone (false negative)
} pl_agreement;

// Counts. Masks have 8 bits, what is not 0 is inside; a mask without pixels counts as empty. PL_E_FORMAT when sizes
// differ.
pl_status pl_agreement_count(pl_agreement *out, const pl_image *truth, const pl_image *predicted, pl_error *err);

// 2 TP / (2 TP + FP + FN), 1 when both are empty: the competition's score of one image.
double pl_agreement_dice(const pl_agreement *agreement);

// The three sets as masks of their own, in the order of pl_agreement, which may be NULL. The caller clears them.
// PL_E_FORMAT when sizes differ or `predicted` has no pixels, PL_E_NOMEM.
enum { PL_AGREEMENT_PARTS = 3 };
pl_status pl_agreement_split(pl_image parts[PL_AGREEMENT_PARTS], pl_agreement *counts, const pl_image *truth,
                             const pl_image *predicted, pl_error *err);

#ifdef __cplusplus
}
#endif
