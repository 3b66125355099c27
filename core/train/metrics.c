#include "core/train/metrics.h"

#include <math.h>
#include <stddef.h>

#include "core/net/graph.h"

double pl_dice_soft(double intersection, double predicted, double target) {
  const double eps = 1e-6;
  return (2.0 * intersection + eps) / (predicted + target + eps);
}

double pl_dice_hard(double intersection, double predicted, double target) {
  return predicted + target > 0 ? 2.0 * intersection / (predicted + target) : 1.0;
}

void pl_metrics_add(pl_metrics *metrics, const double *loss, const double *sums, int32_t count, double *dice) {
  double intersection = 0, predicted = 0, target = 0;
  for (int32_t i = 0; i < count; i++) {
    const double *row = sums + (size_t)i * PL_DICE_VALUES;
    intersection += row[PL_DICE_INTERSECTION];
    predicted += row[PL_DICE_PREDICTED];
    target += row[PL_DICE_TARGET];
    double score = pl_dice_hard(row[PL_DICE_HARD_INTERSECTION], row[PL_DICE_HARD_PREDICTED], row[PL_DICE_TARGET]);
    metrics->dice_sum += score;
    metrics->image_sum += pl_dice_soft(row[PL_DICE_INTERSECTION], row[PL_DICE_PREDICTED], row[PL_DICE_TARGET]);
    if (row[PL_DICE_TARGET] > 0) {
      metrics->positive_sum += score;
      metrics->positives++;
    }
    if (dice != NULL) dice[i] = score;
  }
  metrics->loss_sum += loss[PL_LOSS_TOTAL];
  for (int i = 0; i < PL_LOSS_TERMS; i++) metrics->term_sums[i] += loss[i];
  metrics->batch_sum += pl_dice_soft(intersection, predicted, target);
  metrics->batches++;
  metrics->images += count;
}

static double ratio(double sum, int64_t count) { return count > 0 ? sum / (double)count : (double)NAN; }

pl_scores pl_metrics_result(const pl_metrics *m) {
  pl_scores scores = {.loss = ratio(m->loss_sum, m->batches),
                      .dice_batch = ratio(m->batch_sum, m->batches),
                      .dice_image = ratio(m->image_sum, m->images),
                      .dice = ratio(m->dice_sum, m->images),
                      .dice_pos = ratio(m->positive_sum, m->positives),
                      .nothing = ratio((double)(m->images - m->positives), m->images)};
  for (int i = 0; i < PL_LOSS_TERMS; i++) scores.terms[i] = ratio(m->term_sums[i], m->batches);
  return scores;
}
