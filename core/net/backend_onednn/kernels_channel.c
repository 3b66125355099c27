#include <math.h>

#include "core/net/backend_onednn/kernels.h"
#include "core/net/backend_onednn/simd.h"

// A tensor is n*c/b planes of [pixels][b]. Each inner loop is written once for any b and compiled for the usual ones.

PL_INLINE void affine_body(const float *restrict x, const float *restrict a, const float *restrict z, float *restrict y,
                           int64_t pixels, int64_t b, bool relu) {
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t j = 0; j < b; j++) {
      float v = x[p * b + j] * a[j] + z[j];
      y[p * b + j] = relu && v < 0 ? 0 : v;
    }
}

PL_SIMD static void affine_plane(const float *x, const float *a, const float *z, float *y, int64_t pixels, int64_t b,
                                 bool relu) {
  if (b == 1)
    for (int64_t p = 0; p < pixels; p++) {
      float v = x[p] * a[0] + z[0];
      y[p] = relu && v < 0 ? 0 : v;
    }
  else if (b == 8)
    affine_body(x, a, z, y, pixels, 8, relu);
  else if (b == 16)
    affine_body(x, a, z, y, pixels, 16, relu);
  else
    affine_body(x, a, z, y, pixels, b, relu);
}

void pl_kernel_norm_eval(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *gamma = s->data[1], *beta = s->data[2], *mean = s->data[3], *variance = s->data[4];
  float *y = s->data[5], *scale = s->data[6], *shift = scale + s->c;
  int64_t b = s->block, planes = s->c / b, pixels = s->h * s->w, total = s->n * planes;
  for (int64_t c = 0; c < s->c; c++) {
    scale[c] = (float)((double)gamma[c] / sqrt((double)variance[c] + s->a.epsilon));
    shift[c] = (float)((double)beta[c] - (double)mean[c] * (double)scale[c]);
  }
#pragma omp parallel for schedule(static)
  for (int64_t q = 0; q < total; q++) {
    int64_t c = q % planes * b;
    affine_plane(x + q * pixels * b, scale + c, shift + c, y + q * pixels * b, pixels, b, s->relu);
  }
}

void pl_kernel_norm_commit(const pl_step *s, pl_context *context) {
  const float *mean = s->data[0], *variance = s->data[1];
  const double *loss = s->data[2];
  float *running_mean = s->data[3], *running_variance = s->data[4];
  int64_t *batches = s->data[5];
  if (loss[PL_LOSS_FINITE] == 0) return;
  double momentum = s->a.momentum, unbiased = s->count > 1 ? s->count / (s->count - 1) : 1.0;
  for (int64_t c = 0; c < s->c; c++) {
    running_mean[c] = (float)((1 - momentum) * (double)running_mean[c] + momentum * (double)mean[c]);
    running_variance[c] =
        (float)((1 - momentum) * (double)running_variance[c] + momentum * unbiased * (double)variance[c]);
  }
  if (batches) ++*batches;
  context->store->statistics++;
}

// ---------------------------------------------------------------------------------------------------------------------
// Sums over pixels of x, of x times d, or (a, z given) of x*a+z times d. A few hundred pixels are summed in float,
// those sums in double.

enum { RUN = 256 };

typedef struct affine {
  const float *a, *z;  // by channel; NULL for x as it is
} affine;

PL_INLINE float term(float x, const float *d, int64_t i, const affine *f, int64_t j) {
  if (f->a) x = x * f->a[j] + f->z[j];
  return d ? x * d[i] : x;
}

PL_INLINE void sum_body(const float *restrict x, const float *restrict d, const affine *f, float *restrict sums,
                        int64_t pixels, int64_t b) {
  for (int64_t j = 0; j < b; j++) sums[j] = 0;
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t j = 0; j < b; j++) sums[j] += term(x[p * b + j], d, p * b + j, f, j);
}

// One channel: eight sums side by side.
PL_INLINE float sum_single(const float *restrict x, const float *restrict d, const affine *f, int64_t pixels) {
  float sums[8] = {0}, rest = 0;
  int64_t p = 0;
  for (; p + 8 <= pixels; p += 8)
    for (int j = 0; j < 8; j++) sums[j] += term(x[p + j], d, p + j, f, 0);
  for (; p < pixels; p++) rest += term(x[p], d, p, f, 0);
  for (int j = 0; j < 8; j++) rest += sums[j];
  return rest;
}

PL_INLINE void sum_case(const float *x, const float *d, const affine *f, float *sums, int64_t pixels, int64_t b) {
  if (b == 1)
    sums[0] = sum_single(x, d, f, pixels);
  else if (b == 8)
    sum_body(x, d, f, sums, pixels, 8);
  else
    sum_body(x, d, f, sums, pixels, b);
}

PL_SIMD static void sum_run(const float *x, const float *d, const affine *f, float *sums, int64_t pixels, int64_t b) {
  if (d && f->a)
    sum_case(x, d, f, sums, pixels, b);
  else if (d)
    sum_case(x, d, &(affine){NULL, NULL}, sums, pixels, b);
  else
    sum_case(x, NULL, &(affine){NULL, NULL}, sums, pixels, b);
}

// out[c] = scale * that sum. `b` is at most PL_LANES: wider blocks come in strips.
enum { PL_LANES = 64 };

static void sum_plane(const float *x, const float *d, const affine *f, float *out, int64_t pixels, int64_t b,
                      double scale) {
  if (b <= PL_LANES) {
    double totals[PL_LANES] = {0};
    float sums[PL_LANES];
    for (int64_t p = 0; p < pixels; p += RUN) {
      int64_t n = pixels - p < RUN ? pixels - p : RUN;
      sum_run(x + p * b, d ? d + p * b : NULL, f, sums, n, b);
      for (int64_t j = 0; j < b; j++) totals[j] += (double)sums[j];
    }
    for (int64_t j = 0; j < b; j++) out[j] = (float)(totals[j] * scale);
    return;
  }
  for (int64_t j0 = 0; j0 < b; j0 += PL_LANES) {
    int64_t lanes = b - j0 < PL_LANES ? b - j0 : PL_LANES;
    double totals[PL_LANES] = {0};
    for (int64_t p = 0; p < pixels; p++)
      for (int64_t j = 0; j < lanes; j++) {
        int64_t i = p * b + j0 + j;
        totals[j] += (double)term(x[i], d, i, f, j0 + j);
      }
    for (int64_t j = 0; j < lanes; j++) out[j0 + j] = (float)(totals[j] * scale);
  }
}

void pl_kernel_mean(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0];
  float *y = s->data[1];
  int64_t b = s->block, pixels = s->h * s->w, total = s->n * s->c / b;
#pragma omp parallel for schedule(static)
  for (int64_t q = 0; q < total; q++)
    sum_plane(x + q * pixels * b, NULL, &(affine){NULL, NULL}, y + q * b, pixels, b, 1.0 / (double)pixels);
}

PL_SIMD static void fill_plane(const float *restrict v, float scale, float *restrict y, int64_t pixels, int64_t b) {
  if (b == 1)
    for (int64_t p = 0; p < pixels; p++) y[p] = v[0] * scale;
  else if (b == 8)
    for (int64_t p = 0; p < pixels; p++)
      for (int64_t j = 0; j < 8; j++) y[p * 8 + j] = v[j] * scale;
  else
    for (int64_t p = 0; p < pixels; p++)
      for (int64_t j = 0; j < b; j++) y[p * b + j] = v[j] * scale;
}

void pl_kernel_mean_backward(const pl_step *s, pl_context *context) {
  (void)context;
  const float *dy = s->data[0];
  float *dx = s->data[1];
  int64_t b = s->block, pixels = s->h * s->w, total = s->n * s->c / b;
#pragma omp parallel for schedule(static)
  for (int64_t q = 0; q < total; q++)
    fill_plane(dy + q * b, (float)(1.0 / (double)pixels), dx + q * pixels * b, pixels, b);
}

PL_INLINE void scale_body(const float *restrict x, const float *restrict f, float *restrict y, int64_t pixels,
                          int64_t b) {
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t j = 0; j < b; j++) y[p * b + j] = x[p * b + j] * f[j];
}

PL_SIMD static void scale_plane(const float *x, const float *f, float *y, int64_t pixels, int64_t b) {
  if (b == 1)
    for (int64_t p = 0; p < pixels; p++) y[p] = x[p] * f[0];
  else if (b == 8)
    scale_body(x, f, y, pixels, 8);
  else if (b == 16)
    scale_body(x, f, y, pixels, 16);
  else
    scale_body(x, f, y, pixels, b);
}

void pl_kernel_scale(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *f = s->data[1];
  float *y = s->data[2];
  int64_t b = s->block, pixels = s->h * s->w, total = s->n * s->c / b;
#pragma omp parallel for schedule(static)
  for (int64_t q = 0; q < total; q++) scale_plane(x + q * pixels * b, f + q * b, y + q * pixels * b, pixels, b);
}

void pl_kernel_scale_backward(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *f = s->data[1], *dy = s->data[2];
  float *dx = s->data[3], *df = s->data[4];
  const float *factors = s->data[5];
  int64_t b = s->block, pixels = s->h * s->w, total = s->n * s->c / b;
#pragma omp parallel for schedule(static)
  for (int64_t q = 0; q < total; q++) {
    int64_t at = q * pixels * b, c = q % (s->c / b) * b;
    affine norm = {factors ? factors + c : NULL, factors ? factors + s->c + c : NULL};
    if (dx) scale_plane(dy + at, f + q * b, dx + at, pixels, b);
    if (df) sum_plane(x + at, dy + at, &norm, df + q * b, pixels, b, 1.0);
  }
}
