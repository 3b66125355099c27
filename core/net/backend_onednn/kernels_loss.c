#include <math.h>
#include <string.h>

#include "core/net/backend_onednn/kernels.h"

// The loss is a sum over every pixel of a batch, so it is computed and summed in double; logits and target are float.

enum { CHUNK = PL_LOSS_CHUNK, SUM_BCE = 0, SUM_FOCAL, SUM_INTERSECTION, SUM_PREDICTED, SUM_TARGET };

static const double focal_epsilon = 1e-8, dice_epsilon = 1e-6, smallest_loss = 1e-5;

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

void pl_kernel_loss(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *t = s->data[1];
  double *out = s->data[2], *partial = s->data[3];
  int64_t total = s->n * s->c * s->h * s->w;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i += CHUNK)
    loss_chunk(x + i, t + i, total - i < CHUNK ? total - i : CHUNK, partial + i / CHUNK * PL_LOSS_SUMS);
  double sums[PL_LOSS_SUMS] = {0};
  for (int64_t i = 0; i < total; i += CHUNK)
    for (int j = 0; j < PL_LOSS_SUMS; j++) sums[j] += partial[i / CHUNK * PL_LOSS_SUMS + j];
  out[PL_LOSS_BCE] = sums[SUM_BCE] / (double)total;
  out[PL_LOSS_FOCAL] = sums[SUM_FOCAL] / (double)total;
  out[PL_LOSS_INTERSECTION] = sums[SUM_INTERSECTION];
  out[PL_LOSS_PREDICTED] = sums[SUM_PREDICTED];
  out[PL_LOSS_TARGET] = sums[SUM_TARGET];
  out[PL_LOSS_DICE] =
      1 - (2 * sums[SUM_INTERSECTION] + dice_epsilon) / (sums[SUM_PREDICTED] + sums[SUM_TARGET] + dice_epsilon);
  double loss = s->a.weight_bce * out[PL_LOSS_BCE] + s->a.weight_dice * out[PL_LOSS_DICE] +
                s->a.weight_focal * out[PL_LOSS_FOCAL];
  out[PL_LOSS_TOTAL] = loss < smallest_loss ? smallest_loss : loss;
  out[PL_LOSS_FINITE] = isfinite(loss) ? 1 : 0;
}

// Gradient of the three means at one pixel.
static float loss_gradient(const pl_step *s, double logit, double target, double count, double numerator,
                           double denominator) {
  double p = sigmoid(logit, NULL), slope = p * (1 - p), tt = clamp(target), o = clamp(p);
  double pt = (1 - tt) * (1 - o) + tt * o;
  double bce = (p - target) / count;
  double dice = -(2 * target * denominator - numerator) / (denominator * denominator) * slope;
  // Where the clamp holds p, nothing flows through it.
  double inside = p >= focal_epsilon && p <= 1 - focal_epsilon ? slope : 0;
  double focal = (2 * (1 - pt) * log(pt) - (1 - pt) * (1 - pt) / pt) * (2 * tt - 1) * inside / count;
  return (float)(s->a.weight_bce * bce + s->a.weight_dice * dice + s->a.weight_focal * focal);
}

void pl_kernel_loss_backward(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *t = s->data[1];
  const double *loss = s->data[2];
  float *dx = s->data[3];
  int64_t total = s->n * s->c * s->h * s->w;
  double numerator = 2 * loss[PL_LOSS_INTERSECTION] + dice_epsilon;
  double denominator = loss[PL_LOSS_PREDICTED] + loss[PL_LOSS_TARGET] + dice_epsilon;
  // The forward clamp: below the smallest loss it is constant.
  double sum = s->a.weight_bce * loss[PL_LOSS_BCE] + s->a.weight_dice * loss[PL_LOSS_DICE] +
               s->a.weight_focal * loss[PL_LOSS_FOCAL];
  bool clamped = sum < smallest_loss, lost = loss[PL_LOSS_FINITE] == 0;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i++)
    dx[i] = lost      ? NAN
            : clamped ? 0
                      : loss_gradient(s, (double)x[i], (double)t[i], (double)total, numerator, denominator);
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
