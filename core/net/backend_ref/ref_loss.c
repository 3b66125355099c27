// ComboLoss of the SIIM-ACR winner (unet_pipeline/Losses.py), one row a term, and the sums that dice scores are made
// of.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/net/backend_ref/ref.h"

static const double dice_epsilon = 1e-6, jaccard_epsilon = 1e-3, focal_epsilon = 1e-8, least_loss = 1e-5;

typedef struct batch {
  const double *logits, *target;
  int64_t images, pixels, count;  // pixels of an image, of all
  double both, predicted, targets;
} batch;

// `add_slopes` adds weight times the derivative by each logit. Both are false when memory ran out.
typedef struct term_row {
  bool (*value)(const batch *b, double *value);
  bool (*add_slopes)(const batch *b, double weight, double *slopes);
} term_row;

static const term_row term_rows[PL_LOSS_TERMS];

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static batch batch_of(const pl_ref_call *call) {
  batch b = {.logits = call->in[0], .target = call->in[1]};
  b.count = pl_shape_elements(&call->in_shape[0]);
  b.images = call->in_shape[0].d[0];
  b.pixels = b.count / b.images;
  for (int64_t i = 0; i < b.count; i++) {
    double p = sigmoid(b.logits[i]);
    b.both += p * b.target[i];
    b.predicted += p;
    b.targets += b.target[i];
  }
  return b;
}

// ---- Means over the pixels

static bool bce(const batch *b, double *value) {
  double sum = 0;
  for (int64_t i = 0; i < b->count; i++) {
    double x = b->logits[i];
    sum += fmax(x, 0) - x * b->target[i] + log1p(exp(-fabs(x)));
  }
  *value = sum / (double)b->count;
  return true;
}

static bool bce_slopes(const batch *b, double weight, double *slopes) {
  for (int64_t i = 0; i < b->count; i++) {
    slopes[i] += weight * (sigmoid(b->logits[i]) - b->target[i]) / (double)b->count;
  }
  return true;
}

// What is not a number stays so, as in torch.clamp.
static double clamp_focal(double p) {
  if (p < focal_epsilon) return focal_epsilon;
  return p > 1 - focal_epsilon ? 1 - focal_epsilon : p;
}

// The probability that the network gives to what is the case, both kept away from 0 and 1.
static double focal_probability(double p, double t) {
  double o = clamp_focal(p), target = clamp_focal(t);
  return (1 - target) * (1 - o) + target * o;
}

static bool focal(const batch *b, double *value) {
  double sum = 0;
  for (int64_t i = 0; i < b->count; i++) {
    double right = focal_probability(sigmoid(b->logits[i]), b->target[i]);
    sum += -(1 - right) * (1 - right) * log(right);
  }
  *value = sum / (double)b->count;
  return true;
}

// d focal / d p; 0 where clamping p cut the dependence.
static double focal_slope(double p, double t) {
  if (p < focal_epsilon || p > 1 - focal_epsilon) return 0;
  double right = focal_probability(p, t), wrong = 1 - right;
  return (2 * wrong * log(right) - wrong * wrong / right) * (2 * clamp_focal(t) - 1);
}

static bool focal_slopes(const batch *b, double weight, double *slopes) {
  for (int64_t i = 0; i < b->count; i++) {
    double p = sigmoid(b->logits[i]);
    slopes[i] += weight * focal_slope(p, b->target[i]) / (double)b->count * p * (1 - p);
  }
  return true;
}

// ---- Overlap of the whole batch

static bool dice(const batch *b, double *value) {
  *value = 1 - (2 * b->both + dice_epsilon) / (b->predicted + b->targets + dice_epsilon);
  return true;
}

static bool dice_slopes(const batch *b, double weight, double *slopes) {
  double numerator = 2 * b->both + dice_epsilon, denominator = b->predicted + b->targets + dice_epsilon;
  for (int64_t i = 0; i < b->count; i++) {
    double p = sigmoid(b->logits[i]);
    slopes[i] += weight * -(2 * b->target[i] - numerator / denominator) / denominator * p * (1 - p);
  }
  return true;
}

static bool jaccard(const batch *b, double *value) {
  *value = 1 - (b->both + jaccard_epsilon) / (b->predicted + b->targets - b->both + jaccard_epsilon);
  return true;
}

static bool jaccard_slopes(const batch *b, double weight, double *slopes) {
  double numerator = b->both + jaccard_epsilon, denominator = b->predicted + b->targets - b->both + jaccard_epsilon;
  for (int64_t i = 0; i < b->count; i++) {
    double p = sigmoid(b->logits[i]), t = b->target[i];
    slopes[i] += weight * -(t - numerator / denominator * (1 - t)) / denominator * p * (1 - p);
  }
  return true;
}

// ---- Lovasz extension of the Jaccard loss (Berman, Triki, Blaschko 2018, algorithm 1)
// The errors of both terms, 1 + margin and sigmoid(margin), rise with margin = x * (1 - 2t): one order serves both.
// Pixels of equal margin keep their order in the image.

typedef struct ranked {
  double rank, margin, target;  // the rank is the margin, and infinite where that is not a number
  int64_t pixel;
} ranked;

static int by_margin(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->rank != y->rank) return x->rank < y->rank ? 1 : -1;
  return x->pixel < y->pixel ? -1 : 1;
}

// Largest error first. NULL when memory ran out.
static ranked *rank_pixels(const batch *b, int64_t first, int64_t count) {
  ranked *pixels = pl_try_alloc((size_t)count * sizeof *pixels);
  if (pixels == NULL) return NULL;
  for (int64_t i = 0; i < count; i++) {
    double t = b->target[first + i], margin = b->logits[first + i] * (1 - 2 * t);
    double rank = isnan(margin) ? (double)INFINITY : margin;
    pixels[i] = (ranked){.rank = rank, .margin = margin, .target = t, .pixel = first + i};
  }
  qsort(pixels, (size_t)count, sizeof *pixels, by_margin);
  return pixels;
}

// Walks down the order; each call gives the step of the Jaccard loss that the next pixel makes. `inverted` takes the
// background for the object.
typedef struct staircase {
  double left, others, height;  // object pixels not passed yet; all that are object or were passed
  bool inverted;
} staircase;

static staircase staircase_of(const ranked *pixels, int64_t count, bool inverted) {
  staircase s = {.inverted = inverted};
  for (int64_t i = 0; i < count; i++) s.left += inverted ? 1 - pixels[i].target : pixels[i].target;
  s.others = s.left;
  return s;
}

static double next_step(staircase *s, double target) {
  double t = s->inverted ? 1 - target : target;
  s->left -= t;
  s->others += 1 - t;
  double height = 1 - s->left / s->others, step = height - s->height;
  s->height = height;
  return step;
}

// What is not a number stays so.
static double hinge(double margin) { return 1 + margin <= 0 ? 0 : 1 + margin; }

static bool lovasz(const batch *b, double *value) {
  *value = 0;
  for (int64_t n = 0; n < b->images; n++) {
    ranked *pixels = rank_pixels(b, n * b->pixels, b->pixels);
    if (pixels == NULL) return false;
    staircase object = staircase_of(pixels, b->pixels, false), background = staircase_of(pixels, b->pixels, true);
    for (int64_t i = 0; i < b->pixels; i++) {
      double steps = next_step(&object, pixels[i].target) + next_step(&background, pixels[i].target);
      *value += hinge(pixels[i].margin) * steps / 2 / (double)b->images;
    }
    free(pixels);
  }
  return true;
}

static bool lovasz_slopes(const batch *b, double weight, double *slopes) {
  for (int64_t n = 0; n < b->images; n++) {
    ranked *pixels = rank_pixels(b, n * b->pixels, b->pixels);
    if (pixels == NULL) return false;
    staircase object = staircase_of(pixels, b->pixels, false), background = staircase_of(pixels, b->pixels, true);
    for (int64_t i = 0; i < b->pixels; i++) {
      double steps = next_step(&object, pixels[i].target) + next_step(&background, pixels[i].target);
      if (hinge(pixels[i].margin) == 0) continue;
      slopes[pixels[i].pixel] += weight * (1 - 2 * pixels[i].target) * steps / 2 / (double)b->images;
    }
    free(pixels);
  }
  return true;
}

static bool lovasz_sigmoid(const batch *b, double *value) {
  ranked *pixels = rank_pixels(b, 0, b->count);
  if (pixels == NULL) return false;
  staircase object = staircase_of(pixels, b->count, false);
  *value = 0;
  for (int64_t i = 0; i < b->count; i++) *value += sigmoid(pixels[i].margin) * next_step(&object, pixels[i].target);
  free(pixels);
  return true;
}

static bool lovasz_sigmoid_slopes(const batch *b, double weight, double *slopes) {
  ranked *pixels = rank_pixels(b, 0, b->count);
  if (pixels == NULL) return false;
  staircase object = staircase_of(pixels, b->count, false);
  for (int64_t i = 0; i < b->count; i++) {
    double error = sigmoid(pixels[i].margin), step = next_step(&object, pixels[i].target);
    slopes[pixels[i].pixel] += weight * (1 - 2 * pixels[i].target) * error * (1 - error) * step;
  }
  free(pixels);
  return true;
}

// ---------------------------------------------------------------------------------------------------------------------

static double weighted_sum(const pl_attributes *a, const double *terms) {
  double sum = 0;
  for (int i = 0; i < PL_LOSS_TERMS; i++) {
    if (a->loss_weights[i] != 0) sum += a->loss_weights[i] * terms[i];
  }
  return sum;
}

pl_status pl_ref_combo_loss(const pl_ref_call *call) {
  const pl_attributes *a = &call->node->a;
  double *loss = call->out[0];
  batch b = batch_of(call);
  for (int i = 0; i < PL_LOSS_TERMS; i++) {
    loss[i] = 0;
    if (a->loss_weights[i] != 0 && !term_rows[i].value(&b, &loss[i])) return PL_E_NOMEM;
  }
  double total = weighted_sum(a, loss);
  loss[PL_LOSS_TOTAL] = total < least_loss ? least_loss : total;
  loss[PL_LOSS_INTERSECTION] = b.both;
  loss[PL_LOSS_PREDICTED] = b.predicted;
  loss[PL_LOSS_TARGET] = b.targets;
  loss[PL_LOSS_FINITE] = isfinite(total) ? 1 : 0;
  return PL_OK;
}

pl_status pl_ref_combo_loss_backward(const pl_ref_call *call) {
  const pl_attributes *a = &call->node->a;
  const double *loss = call->in[2];
  double *slopes = call->out[0];
  batch b = batch_of(call);
  bool clamped = weighted_sum(a, loss) < least_loss, lost = loss[PL_LOSS_FINITE] == 0;
  for (int64_t i = 0; i < b.count; i++) slopes[i] = lost ? (double)NAN : 0;
  for (int i = 0; i < PL_LOSS_TERMS && !clamped && !lost; i++) {
    if (a->loss_weights[i] != 0 && !term_rows[i].add_slopes(&b, a->loss_weights[i], slopes)) return PL_E_NOMEM;
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

static const term_row term_rows[PL_LOSS_TERMS] = {
    [PL_LOSS_BCE] = {bce, bce_slopes},          [PL_LOSS_DICE] = {dice, dice_slopes},
    [PL_LOSS_FOCAL] = {focal, focal_slopes},    [PL_LOSS_JACCARD] = {jaccard, jaccard_slopes},
    [PL_LOSS_LOVASZ] = {lovasz, lovasz_slopes}, [PL_LOSS_LOVASZ_SIGMOID] = {lovasz_sigmoid, lovasz_sigmoid_slopes},
};
