// ComboLoss of the SIIM-ACR winner (unet_pipeline/Losses.py: StableBCELoss, soft_dice_loss, FocalLoss2d) and the sums
// that dice scores are made of.
#include <math.h>
#include <string.h>

#include "core/net/backend_ref/ref.h"

static const double dice_epsilon = 1e-6, focal_epsilon = 1e-8, least_loss = 1e-5;

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static double clamp_focal(double p) { return fmin(fmax(p, focal_epsilon), 1 - focal_epsilon); }

static double stable_bce(double x, double t) { return fmax(x, 0) - x * t + log1p(exp(-fabs(x))); }

// The probability that the network gives to what is the case, both kept away from 0 and 1.
static double focal_probability(double p, double t) {
  double o = clamp_focal(p), target = clamp_focal(t);
  return (1 - target) * (1 - o) + target * o;
}

pl_status pl_ref_combo_loss(const pl_ref_call *call) {
  const double *logits = call->in[0], *target = call->in[1];
  double *loss = call->out[0];
  const pl_attributes *a = &call->node->a;
  int64_t count = pl_shape_elements(&call->in_shape[0]);
  double bce = 0, focal = 0, both = 0, predicted = 0, targets = 0;
  for (int64_t i = 0; i < count; i++) {
    double t = target[i], p = sigmoid(logits[i]), right = focal_probability(p, t);
    bce += stable_bce(logits[i], t);
    focal += -(1 - right) * (1 - right) * log(right);
    both += p * t;
    predicted += p;
    targets += t;
  }
  loss[PL_LOSS_BCE] = bce / (double)count;
  loss[PL_LOSS_DICE] = 1 - (2 * both + dice_epsilon) / (predicted + targets + dice_epsilon);
  loss[PL_LOSS_FOCAL] = focal / (double)count;
  double total =
      a->weight_bce * loss[PL_LOSS_BCE] + a->weight_dice * loss[PL_LOSS_DICE] + a->weight_focal * loss[PL_LOSS_FOCAL];
  loss[PL_LOSS_TOTAL] = total < least_loss ? least_loss : total;
  loss[PL_LOSS_INTERSECTION] = both;
  loss[PL_LOSS_PREDICTED] = predicted;
  loss[PL_LOSS_TARGET] = targets;
  loss[PL_LOSS_FINITE] = isfinite(total) ? 1 : 0;
  return PL_OK;
}

// d focal / d p; 0 where clamping p cut the dependence.
static double focal_slope(double p, double t) {
  if (p < focal_epsilon || p > 1 - focal_epsilon) return 0;
  double right = focal_probability(p, t), wrong = 1 - right;
  return (2 * wrong * log(right) - wrong * wrong / right) * (2 * clamp_focal(t) - 1);
}

pl_status pl_ref_combo_loss_backward(const pl_ref_call *call) {
  const double *logits = call->in[0], *target = call->in[1], *loss = call->in[2];
  double *gradient = call->out[0];
  const pl_attributes *a = &call->node->a;
  int64_t count = pl_shape_elements(&call->in_shape[0]);
  double numerator = 2 * loss[PL_LOSS_INTERSECTION] + dice_epsilon;
  double denominator = loss[PL_LOSS_PREDICTED] + loss[PL_LOSS_TARGET] + dice_epsilon;
  bool clamped =
      a->weight_bce * loss[PL_LOSS_BCE] + a->weight_dice * loss[PL_LOSS_DICE] + a->weight_focal * loss[PL_LOSS_FOCAL] <
      least_loss;
  for (int64_t i = 0; i < count; i++) {
    double t = target[i], p = sigmoid(logits[i]);
    double dice = -(2 * t - numerator / denominator) / denominator;
    double slope = a->weight_bce * (p - t) / (double)count;
    slope += (a->weight_dice * dice + a->weight_focal * focal_slope(p, t) / (double)count) * p * (1 - p);
    gradient[i] = clamped ? 0 : slope;
    if (loss[PL_LOSS_FINITE] == 0) gradient[i] = NAN;
  }
  return PL_OK;
}

pl_status pl_ref_dice_sums(const pl_ref_call *call) {
  const double *logits = call->in[0], *target = call->in[1];
  double *sums = call->out[0];
  int64_t n = call->in_shape[0].d[0], size = pl_shape_elements(&call->in_shape[0]) / n;
  memset(sums, 0, (size_t)(n * PL_DICE_VALUES) * sizeof(double));
  for (int64_t i = 0; i < n; i++, sums += PL_DICE_VALUES) {
    for (int64_t j = i * size; j < (i + 1) * size; j++) {
      double p = sigmoid(logits[j]), hard = logits[j] > 0 ? 1 : 0;
      sums[PL_DICE_INTERSECTION] += p * target[j];
      sums[PL_DICE_PREDICTED] += p;
      sums[PL_DICE_TARGET] += target[j];
      sums[PL_DICE_HARD_INTERSECTION] += hard * target[j];
      sums[PL_DICE_HARD_PREDICTED] += hard;
    }
  }
  return PL_OK;
}
