#include <math.h>
#include <string.h>

#include "core/net/backend_onednn/kernels.h"
#include "core/net/backend_onednn/simd.h"

// ---------------------------------------------------------------------------------------------------------------------
// Max pool. The index is the place in the window, row by row; it has the layout of y.

enum { POOL_LANES = 16 };

// `lanes` channels of one window; neighbouring pixels are `b` apart.
PL_INLINE void pool_window(const float *restrict plane, float *restrict y, uint8_t *restrict index, const pl_step *s,
                           int64_t oy, int64_t ox, int64_t b, int64_t lanes) {
  int64_t k = s->a.kernel, y0 = oy * s->a.stride - s->a.pad, x0 = ox * s->a.stride - s->a.pad;
  float best[POOL_LANES];
  int32_t place[POOL_LANES];
  for (int64_t j = 0; j < lanes; j++) {
    best[j] = -INFINITY;
    place[j] = -1;
  }
  for (int64_t ky = 0; ky < k; ky++) {
    if (y0 + ky < 0 || y0 + ky >= s->h) continue;
    for (int64_t kx = 0; kx < k; kx++) {
      if (x0 + kx < 0 || x0 + kx >= s->w) continue;
      const float *x = plane + ((y0 + ky) * s->w + x0 + kx) * b;
      int32_t here = (int32_t)(ky * k + kx);
      for (int64_t j = 0; j < lanes; j++) {
        // A NaN wins, as in PyTorch, so that it is seen; the first element wins against the start value.
        int wins = (x[j] > best[j]) | (x[j] != x[j]) | (place[j] < 0);
        best[j] = wins ? x[j] : best[j];
        place[j] = wins ? here : place[j];
      }
    }
  }
  for (int64_t j = 0; j < lanes; j++) {
    y[j] = best[j];
    index[j] = (uint8_t)place[j];
  }
}

PL_SIMD static void pool_plane(const float *plane, float *y, uint8_t *index, const pl_step *s) {
  int64_t b = s->block;
  for (int64_t oy = 0; oy < s->oh; oy++)
    for (int64_t ox = 0; ox < s->ow; ox++) {
      int64_t at = (oy * s->ow + ox) * b;
      if (b == 8) {
        pool_window(plane, y + at, index + at, s, oy, ox, 8, 8);
        continue;
      }
      for (int64_t j = 0; j < b; j += POOL_LANES)
        pool_window(plane + j, y + at + j, index + at + j, s, oy, ox, b, b - j < POOL_LANES ? b - j : POOL_LANES);
    }
}

void pl_kernel_max_pool(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0];
  float *y = s->data[1];
  uint8_t *index = s->data[2];
  int64_t b = s->block, total = s->n * s->c / b, in = s->h * s->w * b, out = s->oh * s->ow * b;
#pragma omp parallel for schedule(static)
  for (int64_t q = 0; q < total; q++) pool_plane(x + q * in, y + q * out, index + q * out, s);
}

PL_INLINE void unpool_window(float *restrict plane, const float *restrict dy, const uint8_t *restrict index,
                             const pl_step *s, int64_t oy, int64_t ox, int64_t b) {
  int64_t k = s->a.kernel, y0 = oy * s->a.stride - s->a.pad, x0 = ox * s->a.stride - s->a.pad;
  for (int64_t ky = 0; ky < k; ky++) {
    if (y0 + ky < 0 || y0 + ky >= s->h) continue;
    for (int64_t kx = 0; kx < k; kx++) {
      if (x0 + kx < 0 || x0 + kx >= s->w) continue;
      float *dx = plane + ((y0 + ky) * s->w + x0 + kx) * b;
      for (int64_t j = 0; j < b; j++) dx[j] += index[j] == ky * k + kx ? dy[j] : 0;
    }
  }
}

PL_SIMD static void unpool_plane(float *plane, const float *dy, const uint8_t *index, const pl_step *s) {
  int64_t b = s->block;
  memset(plane, 0, (size_t)(s->h * s->w * b) * sizeof *plane);
  for (int64_t oy = 0; oy < s->oh; oy++)
    for (int64_t ox = 0; ox < s->ow; ox++) {
      int64_t at = (oy * s->ow + ox) * b;
      if (b == 8)
        unpool_window(plane, dy + at, index + at, s, oy, ox, 8);
      else
        unpool_window(plane, dy + at, index + at, s, oy, ox, b);
    }
}

void pl_kernel_max_pool_backward(const pl_step *s, pl_context *context) {
  (void)context;
  const uint8_t *index = s->data[0];
  const float *dy = s->data[1];
  float *dx = s->data[2];
  int64_t b = s->block, total = s->n * s->c / b, in = s->h * s->w * b, out = s->oh * s->ow * b;
#pragma omp parallel for schedule(static)
  for (int64_t q = 0; q < total; q++) unpool_plane(dx + q * in, dy + q * out, index + q * out, s);
}

// ---------------------------------------------------------------------------------------------------------------------
// Upsampling

PL_INLINE void double_row(const float *restrict x, float *restrict y, int64_t w, int64_t b) {
  for (int64_t i = 0; i < w; i++)
    for (int64_t j = 0; j < b; j++) y[2 * i * b + j] = y[(2 * i + 1) * b + j] = x[i * b + j];
}

PL_SIMD static void double_plane(const float *x, float *y, int64_t h, int64_t w, int64_t b) {
  for (int64_t i = 0; i < h; i++) {
    float *row = y + 2 * i * 2 * w * b;
    if (b == 8)
      double_row(x + i * w * b, row, w, 8);
    else if (b == 16)
      double_row(x + i * w * b, row, w, 16);
    else
      double_row(x + i * w * b, row, w, b);
    memcpy(row + 2 * w * b, row, (size_t)(2 * w * b) * sizeof *row);
  }
}

// `h` and `w` are the small side's, here and below.
static void double_planes(const float *x, float *y, int64_t planes, int64_t h, int64_t w, int64_t b) {
  int64_t in = h * w * b;
#pragma omp parallel for schedule(static)
  for (int64_t q = 0; q < planes; q++) double_plane(x + q * in, y + q * in * 4, h, w, b);
}

void pl_kernel_upsample(const pl_step *s, pl_context *context) {
  (void)context;
  double_planes(s->data[0], s->data[1], s->n * s->c / s->block, s->h, s->w, s->block);
}

PL_INLINE void halve_row(const float *restrict dy, float *restrict dx, int64_t w, int64_t b) {
  const float *below = dy + 2 * w * b;
  for (int64_t i = 0; i < w; i++)
    for (int64_t j = 0; j < b; j++)
      dx[i * b + j] = dy[2 * i * b + j] + dy[(2 * i + 1) * b + j] + (below[2 * i * b + j] + below[(2 * i + 1) * b + j]);
}

PL_SIMD static void halve_plane(const float *dy, float *dx, int64_t h, int64_t w, int64_t b) {
  for (int64_t i = 0; i < h; i++) {
    const float *row = dy + 2 * i * 2 * w * b;
    if (b == 8)
      halve_row(row, dx + i * w * b, w, 8);
    else if (b == 16)
      halve_row(row, dx + i * w * b, w, 16);
    else
      halve_row(row, dx + i * w * b, w, b);
  }
}

static void halve_planes(const float *dy, float *dx, int64_t planes, int64_t h, int64_t w, int64_t b) {
  int64_t in = h * w * b;
#pragma omp parallel for schedule(static)
  for (int64_t q = 0; q < planes; q++) halve_plane(dy + q * in * 4, dx + q * in, h, w, b);
}

void pl_kernel_upsample_backward(const pl_step *s, pl_context *context) {
  (void)context;
  halve_planes(s->data[0], s->data[1], s->n * s->c / s->block, s->h, s->w, s->block);
}

// ---------------------------------------------------------------------------------------------------------------------
// Concatenation: the block divides both parts, so whole planes are copied.

static void copy(float *to, const float *from, int64_t elements) {
  enum { PIECE = 65536 };
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < elements; i += PIECE) {
    int64_t n = elements - i < PIECE ? elements - i : PIECE;
    memcpy(to + i, from + i, (size_t)n * sizeof *to);
  }
}

void pl_kernel_concat(const pl_step *s, pl_context *context) {
  (void)context;
  const float *a = s->data[0], *b = s->data[1];
  float *y = s->data[2];
  int64_t na = s->c * s->h * s->w, nb = s->c2 * s->h * s->w;
  for (int64_t i = 0; i < s->n; i++) {
    if (s->doubled)
      double_planes(a + i * na / 4, y + i * (na + nb), s->c / s->block, s->h / 2, s->w / 2, s->block);
    else
      copy(y + i * (na + nb), a + i * na, na);
    copy(y + i * (na + nb) + na, b + i * nb, nb);
  }
}

void pl_kernel_concat_backward(const pl_step *s, pl_context *context) {
  (void)context;
  const float *dy = s->data[0];
  float *da = s->data[1], *db = s->data[2];
  int64_t na = s->c * s->h * s->w, nb = s->c2 * s->h * s->w;
  for (int64_t i = 0; i < s->n; i++) {
    if (da && s->doubled)
      halve_planes(dy + i * (na + nb), da + i * na / 4, s->c / s->block, s->h / 2, s->w / 2, s->block);
    else if (da)
      copy(da + i * na, dy + i * (na + nb), na);
    if (db) copy(db + i * nb, dy + i * (na + nb) + na, nb);
  }
}
