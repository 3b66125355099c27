#include "core/net/backend_onednn/kernels.h"
#include "core/net/backend_onednn/simd.h"

// One factor a pixel, the same for all channels. A tensor is n*c/b planes of [pixels][b].

PL_INLINE void scale_body(const float *restrict x, const float *restrict f, float *restrict y, int64_t pixels,
                          int64_t b) {
  for (int64_t p = 0; p < pixels; p++)
    for (int64_t j = 0; j < b; j++) y[p * b + j] = x[p * b + j] * f[p];
}

PL_SIMD static void scale_plane(const float *x, const float *f, float *y, int64_t pixels, int64_t b) {
  if (b == 1)
    scale_body(x, f, y, pixels, 1);
  else if (b == 8)
    scale_body(x, f, y, pixels, 8);
  else if (b == 16)
    scale_body(x, f, y, pixels, 16);
  else
    scale_body(x, f, y, pixels, b);
}

static void scale_image(const float *x, const float *f, float *y, const pl_step *s) {
  int64_t b = s->block, pixels = s->h * s->w, planes = s->c / b;
#pragma omp parallel for schedule(static)
  for (int64_t q = 0; q < s->n * planes; q++)
    scale_plane(x + q * pixels * b, f + q / planes * pixels, y + q * pixels * b, pixels, b);
}

void pl_kernel_scale_pixels(const pl_step *s, pl_context *context) {
  (void)context;
  scale_image(s->data[0], s->data[1], s->data[2], s);
}

// sums[p] += sum over a plane's channels of x * d. Those of a plane are summed in float, the planes in double.
PL_INLINE void sum_body(const float *restrict x, const float *restrict d, double *restrict sums, int64_t pixels,
                        int64_t b) {
  for (int64_t p = 0; p < pixels; p++) {
    float sum = 0;
    for (int64_t j = 0; j < b; j++) sum += x[p * b + j] * d[p * b + j];
    sums[p] += (double)sum;
  }
}

PL_SIMD static void sum_plane(const float *x, const float *d, double *sums, int64_t pixels, int64_t b) {
  if (b == 1)
    sum_body(x, d, sums, pixels, 1);
  else if (b == 8)
    sum_body(x, d, sums, pixels, 8);
  else if (b == 16)
    sum_body(x, d, sums, pixels, 16);
  else
    sum_body(x, d, sums, pixels, b);
}

enum { RUN = 256 };  // pixels that are summed side by side

static void sum_channels(const float *x, const float *d, float *out, const pl_step *s) {
  int64_t b = s->block, pixels = s->h * s->w, planes = s->c / b, runs = (pixels + RUN - 1) / RUN;
#pragma omp parallel for schedule(static)
  for (int64_t r = 0; r < s->n * runs; r++) {
    int64_t image = r / runs, first = r % runs * RUN, count = pixels - first < RUN ? pixels - first : RUN;
    double sums[RUN] = {0};
    for (int64_t q = image * planes; q < (image + 1) * planes; q++) {
      int64_t at = (q * pixels + first) * b;
      sum_plane(x + at, d + at, sums, count, b);
    }
    for (int64_t p = 0; p < count; p++) out[image * pixels + first + p] = (float)sums[p];
  }
}

void pl_kernel_scale_pixels_backward(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *f = s->data[1], *dy = s->data[2];
  float *dx = s->data[3], *df = s->data[4];
  if (dx) scale_image(dy, f, dx, s);
  if (df) sum_channels(x, dy, df, s);
}
