#include <math.h>
#include <string.h>

#include "core/net/backend_onednn/kernels.h"

// The loss is a sum over every pixel of a batch, so it is computed and summed in double; logits and target are float.

enum { CHUNK = PL_LOSS_CHUNK, SUM_BCE = 0, SUM_FOCAL, SUM_INTERSECTION, SUM_PREDICTED, SUM_TARGET };

static const double focal_epsilon = 1e-8, dice_epsilon = 1e-6, jaccard_epsilon = 1e-3, smallest_loss = 1e-5;

static double clamp(double v) {
  return v < focal_epsilon ? focal_epsilon : v > 1 - focal_epsilon ? 1 - focal_epsilon : v;
}

// sigmoid(x), and log(1 + exp(-|x|)) by the way.
static double sigmoid(double x, double *softplus) {
  double e = exp(-fabs(x));
  if (softplus) *softplus = log1p(e);
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static void loss_chunk(const float *x, const float *t, int64_t n, double *sums) {
  memset(sums, 0, PL_LOSS_SUMS * sizeof *sums);
  for (int64_t i = 0; i < n; i++) {
    double logit = (double)x[i], target = (double)t[i], softplus;
    double p = sigmoid(logit, &softplus), o = clamp(p), tt = clamp(target);
    double pt = (1 - tt) * (1 - o) + tt * o;
    sums[SUM_BCE] += (logit > 0 ? logit : 0) - logit * target + softplus;
    sums[SUM_FOCAL] -= (1 - pt) * (1 - pt) * log(pt);
    sums[SUM_INTERSECTION] += p * target;
    sums[SUM_PREDICTED] += p;
    sums[SUM_TARGET] += target;
  }
}

// A numerator and a denominator whose ratio, taken from 1, is a term.
typedef struct overlap {
  double numerator, denominator;
} overlap;

static overlap dice_overlap(const double *loss) {
  return (overlap){2 * loss[PL_LOSS_INTERSECTION] + dice_epsilon,
                   loss[PL_LOSS_PREDICTED] + loss[PL_LOSS_TARGET] + dice_epsilon};
}

static overlap jaccard_overlap(const double *loss) {
  double both = loss[PL_LOSS_INTERSECTION];
  return (overlap){both + jaccard_epsilon, loss[PL_LOSS_PREDICTED] + loss[PL_LOSS_TARGET] - both + jaccard_epsilon};
}

static double one_minus(overlap o) { return 1 - o.numerator / o.denominator; }

static double weighted_sum(const double *weights, const double *terms) {
  double sum = 0;
  for (int i = 0; i < PL_LOSS_TERMS; i++)
    if (weights[i] != 0) sum += weights[i] * terms[i];
  return sum;
}

void pl_kernel_loss(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *t = s->data[1];
  const double *weights = s->a.loss_weights;
  double *out = s->data[2], *partial = s->data[3];
  int64_t total = s->n * s->c * s->h * s->w;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i += CHUNK)
    loss_chunk(x + i, t + i, total - i < CHUNK ? total - i : CHUNK, partial + i / CHUNK * PL_LOSS_SUMS);
  double sums[PL_LOSS_SUMS] = {0};
  for (int64_t i = 0; i < total; i += CHUNK)
    for (int j = 0; j < PL_LOSS_SUMS; j++) sums[j] += partial[i / CHUNK * PL_LOSS_SUMS + j];
  out[PL_LOSS_INTERSECTION] = sums[SUM_INTERSECTION];
  out[PL_LOSS_PREDICTED] = sums[SUM_PREDICTED];
  out[PL_LOSS_TARGET] = sums[SUM_TARGET];
  out[PL_LOSS_BCE] = weights[PL_LOSS_BCE] != 0 ? sums[SUM_BCE] / (double)total : 0;
  out[PL_LOSS_FOCAL] = weights[PL_LOSS_FOCAL] != 0 ? sums[SUM_FOCAL] / (double)total : 0;
  out[PL_LOSS_DICE] = weights[PL_LOSS_DICE] != 0 ? one_minus(dice_overlap(out)) : 0;
  out[PL_LOSS_JACCARD] = weights[PL_LOSS_JACCARD] != 0 ? one_minus(jaccard_overlap(out)) : 0;
  out[PL_LOSS_LOVASZ] = weights[PL_LOSS_LOVASZ] != 0 ? pl_lovasz(s, s->data[4]) : 0;
  out[PL_LOSS_LOVASZ_SIGMOID] = weights[PL_LOSS_LOVASZ_SIGMOID] != 0 ? pl_lovasz_sigmoid(s, s->data[4]) : 0;
  double loss = weighted_sum(weights, out);
  out[PL_LOSS_TOTAL] = loss < smallest_loss ? smallest_loss : loss;
  out[PL_LOSS_FINITE] = isfinite(loss) ? 1 : 0;
}

// The pixelwise terms' derivative at one logit.
static float slope_of(const double *weights, double logit, double target, double count, overlap d, overlap j) {
  double p = sigmoid(logit, NULL), slope = p * (1 - p), tt = clamp(target), o = clamp(p);
  double pt = (1 - tt) * (1 - o) + tt * o;
  double bce = (p - target) / count;
  double dice = -(2 * target * d.denominator - d.numerator) / (d.denominator * d.denominator) * slope;
  double jaccard = -(target - j.numerator / j.denominator * (1 - target)) / j.denominator * slope;
  // Where the clamp holds p, nothing flows through it.
  double inside = p >= focal_epsilon && p <= 1 - focal_epsilon ? slope : 0;
  double focal = (2 * (1 - pt) * log(pt) - (1 - pt) * (1 - pt) / pt) * (2 * tt - 1) * inside / count;
  return (float)(weights[PL_LOSS_BCE] * bce + weights[PL_LOSS_DICE] * dice + weights[PL_LOSS_FOCAL] * focal +
                 weights[PL_LOSS_JACCARD] * jaccard);
}

void pl_kernel_loss_backward(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *t = s->data[1];
  const double *loss = s->data[2], *weights = s->a.loss_weights;
  float *dx = s->data[3];
  int64_t total = s->n * s->c * s->h * s->w;
  overlap d = dice_overlap(loss), j = jaccard_overlap(loss);
  // The forward clamp: below the smallest loss it is constant.
  bool clamped = weighted_sum(weights, loss) < smallest_loss, lost = loss[PL_LOSS_FINITE] == 0;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i++)
    dx[i] = lost ? NAN : clamped ? 0 : slope_of(weights, (double)x[i], (double)t[i], (double)total, d, j);
  if (lost || clamped) return;
  if (weights[PL_LOSS_LOVASZ] != 0) pl_lovasz_backward(s, s->data[4], weights[PL_LOSS_LOVASZ], dx);
  if (weights[PL_LOSS_LOVASZ_SIGMOID] != 0) {
    pl_lovasz_sigmoid_backward(s, s->data[4], weights[PL_LOSS_LOVASZ_SIGMOID], dx);
  }
}

static void dice_image(const float *x, const float *t, int64_t pixels, double *out) {
  memset(out, 0, PL_DICE_VALUES * sizeof *out);
  for (int64_t i = 0; i < pixels; i++) {
    double p = sigmoid((double)x[i], NULL), target = (double)t[i];
    double hard = x[i] > 0 ? 1 : 0;
    out[PL_DICE_INTERSECTION] += p * target;
    out[PL_DICE_PREDICTED] += p;
    out[PL_DICE_TARGET] += target;
    out[PL_DICE_HARD_INTERSECTION] += hard * target;
    out[PL_DICE_HARD_PREDICTED] += hard;
  }
}

void pl_kernel_dice_sums(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *t = s->data[1];
  double *out = s->data[2], *partial = s->data[3];
  int64_t pixels = s->c * s->h * s->w, chunks = (pixels + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(static)
  for (int64_t k = 0; k < s->n * chunks; k++) {
    int64_t i = k / chunks, at = k % chunks * CHUNK, n = pixels - at < CHUNK ? pixels - at : CHUNK;
    dice_image(x + i * pixels + at, t + i * pixels + at, n, partial + k * PL_DICE_VALUES);
  }
  memset(out, 0, (size_t)s->n * PL_DICE_VALUES * sizeof *out);
  for (int64_t k = 0; k < s->n * chunks; k++)
    for (int j = 0; j < PL_DICE_VALUES; j++) out[k / chunks * PL_DICE_VALUES + j] += partial[k * PL_DICE_VALUES + j];
}
