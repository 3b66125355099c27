// Scores of an evaluation, from the sums that the network's programs deliver.
#pragma once

#include <stdint.h>

#include "core/net/loss.h"

#ifdef __cplusplus
extern "C" {
#endif

// Unknown (no batch, no image with a mask) is NAN.
typedef struct pl_scores {
  double loss;                  // average over batches, every batch equal
  double terms[PL_LOSS_TERMS];  // of the loss, without their weights, averaged likewise
  double dice_batch;            // soft dice of each batch, averaged with equal weight (the reference's dice_metric)
  double dice_image;            // soft dice of each image, averaged (dice_metric with per_image)
  double dice;                  // dice of each image at threshold 0.5, empty against empty 1, averaged
  double dice_pos;              // the same over images that have a mask
  double nothing;               // what predicting nothing scores as `dice`: the share of images without a mask
} pl_scores;

typedef struct pl_metrics {
  double loss_sum, term_sums[PL_LOSS_TERMS], batch_sum, image_sum, dice_sum, positive_sum;
  int64_t batches, images, positives;
} pl_metrics;

// Starts from {0}. `loss` has PL_LOSS_VALUES elements; `sums` one row of PL_DICE_VALUES for each of `count` images.
// `dice` (may be NULL) gets each image's dice.
void pl_metrics_add(pl_metrics *metrics, const double *loss, const double *sums, int32_t count, double *dice);

pl_scores pl_metrics_result(const pl_metrics *metrics);

// (2 I + 1e-6) / (P + T + 1e-6) of sums over the whole batch: soft_dice_loss's score in the reference.
double pl_dice_soft(double intersection, double predicted, double target);

// 2 I / (P + T) of pixel counts; 1 when both are empty (the competition's score).
double pl_dice_hard(double intersection, double predicted, double target);

#ifdef __cplusplus
}
#endif
