// What predictions score against labels. A case becomes a few pixel counts, and every score is made from these, so that
// an evaluation, a submission and the tuner of thresholds cannot disagree.
//
// Masks are compared at the label's own size: 1024 x 1024 on SIIM-ACR. A network that works at 512 pixels is judged on
// its probabilities resized to that (core/score/binarize.h), as the competition does.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

// One case. True positives are `hits`, false positives predicted - hits, false negatives truth - hits.
typedef struct pl_score_case {
  uint64_t truth, predicted, hits;  // pixels of the label, of the prediction, of both
  // The same two with probabilities instead of a mask, in units of 1/65535: 0 where there are none.
  uint64_t soft_predicted, soft_hits;
} pl_score_case;

// Counts the pixels of two masks of one size. The soft counts are 0. Fails as pl_agreement_count.
pl_status pl_score_masks(pl_score_case *out, const pl_image *truth, const pl_image *predicted, pl_error *err);

// Adds the soft counts of a map of probabilities (PL_PIXEL_U16) of the label's size. PL_E_FORMAT when the sizes differ.
pl_status pl_score_soft(pl_score_case *out, const pl_image *truth, const pl_image *map, pl_error *err);

// 2 hits / (truth + predicted); 1 when both are empty: the competition's score (Dice 1945).
double pl_score_dice(const pl_score_case *c);

// A case has a pneumothorax, or is said to have one, when its mask has a pixel.
typedef struct pl_score_summary {
  size_t cases, positives;                                                  // positives by their label
  size_t true_positives, false_positives, false_negatives, true_negatives;  // of "has a pneumothorax"
  // Means of the cases' dice: over all, over those with a mask, over those without. What predicting nothing would score
  // as `dice`. NAN over no case.
  double dice, dice_pos, dice_neg, nothing;
  double precision, recall;  // of "has a pneumothorax"; NAN when nothing was predicted, when there is no positive
} pl_score_summary;

// Sums are made in the cases' order.
pl_score_summary pl_score_summarise(const pl_score_case *cases, size_t count);

// The competition winner's soft dice as training journals it: over each batch of `batch` cases in their order (the last
// may be smaller), (2 sum(p t) + 1e-6) / (sum(p) + sum(t) + 1e-6); *sum gets their sum, the number of batches is
// returned.
size_t pl_score_dice_batches(double *sum, const pl_score_case *cases, size_t count, size_t batch);

#ifdef __cplusplus
}
#endif
