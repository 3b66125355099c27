// Compiled with -DPL_LANES=8 for AVX2 and with 16 for AVX-512.
#include "core/net/backend_onednn/direct_kernels.h"

#include "core/net/backend_onednn/simd.h"

enum { LANES = PL_LANES, QUAD = 4 };

typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef int32_t mask __attribute__((vector_size(LANES * sizeof(int32_t)), aligned(sizeof(int32_t)), may_alias));

PL_INLINE vec load(const float *p) { return *(const vec *)p; }
PL_INLINE void store(float *p, vec v) { *(vec *)p = v; }
PL_INLINE vec splat(float v) { return v - (vec){0}; }
PL_INLINE vec not_negative(vec v) { return (vec)((mask)v & ~(mask)(v < 0)); }  // keeps NaN

// Every four lanes get their j-th one.
PL_INLINE vec quad(vec v, int j) {
#ifdef __clang__  // has no shuffle by places that are not constants
  vec out;
  for (int i = 0; i < LANES; i++) out[i] = v[i / QUAD * QUAD + j];
  return out;
#else
  mask places;
  for (int i = 0; i < LANES; i++) places[i] = i / QUAD * QUAD + j;
  return __builtin_shuffle(v, places);
#endif
}

PL_INLINE float total(vec v) {
  float sum = 0;
  for (int i = 0; i < LANES; i++) sum += v[i];
  return sum;
}

// The three rows that output row y reads, of pixels that are `step` floats apart; NULL outside.
PL_INLINE void find_rows(const float *x, int64_t step, int64_t h, int64_t w, int64_t y, const float *rows[3]) {
  for (int64_t k = 0; k < 3; k++) rows[k] = y + k - 1 >= 0 && y + k - 1 < h ? x + (y + k - 1) * w * step : 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Groups of four channels

// Output pixel x from taps [from, to] of each row. The sums of the four input channels do not wait for each other.
PL_INLINE vec quads_pixel(const float *const rows[3], const float *weights, int64_t x, int from, int to) {
  vec sums[QUAD] = {{0}};
  for (int ky = 0; ky < 3; ky++) {
    if (!rows[ky]) continue;
    for (int kx = from; kx <= to; kx++) {
      vec v = load(rows[ky] + (x + kx - 1) * LANES);
#pragma GCC unroll 4
      for (int j = 0; j < QUAD; j++) sums[j] += quad(v, j) * load(weights + ((ky * 3 + kx) * QUAD + j) * LANES);
    }
  }
  return sums[0] + sums[1] + (sums[2] + sums[3]);
}

static void quads(const float *x, const float *weights, const float *bias, bool relu, float *y, int64_t h, int64_t w,
                  int64_t first, int64_t end) {
  vec shift = bias ? load(bias) : (vec){0};
  for (int64_t row = first; row < end; row++) {
    const float *rows[3];
    find_rows(x, LANES, h, w, row, rows);
    for (int64_t i = 0; i < w; i++) {
      vec v = i > 0 && i + 1 < w ? quads_pixel(rows, weights, i, 0, 2)
                                 : quads_pixel(rows, weights, i, i == 0, i + 1 < w ? 2 : 1);
      v += shift;
      store(y + (row * w + i) * LANES, relu ? not_negative(v) : v);
    }
  }
}

// Adds one tap's products over a row: dy pixel i with x pixel i + shift.
PL_INLINE void quads_tap(const float *x, const float *dy, int64_t w, int64_t shift, float *gradient) {
  vec sums[QUAD] = {{0}};
  for (int64_t i = shift < 0 ? 1 : 0; i < (shift > 0 ? w - 1 : w); i++) {
    vec v = load(x + (i + shift) * LANES), d = load(dy + i * LANES);
#pragma GCC unroll 4
    for (int j = 0; j < QUAD; j++) sums[j] += quad(v, j) * d;
  }
  for (int j = 0; j < QUAD; j++) store(gradient + j * LANES, load(gradient + j * LANES) + sums[j]);
}

static void quads_gradient(const float *x, const float *dy, int ky, float *gradient, int64_t h, int64_t w) {
  for (int64_t row = 0; row < h; row++) {
    int64_t from = row + ky - 1;
    if (from < 0 || from >= h) continue;
    for (int kx = 0; kx < 3; kx++)
      quads_tap(x + from * w * LANES, dy + row * w * LANES, w, kx - 1, gradient + kx * QUAD * LANES);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// One output channel

PL_INLINE vec single_pixel(const float *const rows[3], const float *weights, int64_t x, int from, int to) {
  vec sums[3] = {{0}};
  for (int ky = 0; ky < 3; ky++) {
    if (!rows[ky]) continue;
    for (int kx = from; kx <= to; kx++)
      sums[kx] += load(rows[ky] + (x + kx - 1) * LANES) * load(weights + (ky * 3 + kx) * LANES);
  }
  return sums[0] + sums[1] + sums[2];
}

static void single(const float *x, int64_t blocks, int64_t plane, const float *weights, float bias, bool relu,
                   float *out, int64_t h, int64_t w, int64_t y) {
  for (int64_t i = 0; i < w; i++) {
    vec sum = {0};
    for (int64_t b = 0; b < blocks; b++) {
      const float *rows[3];
      find_rows(x + b * plane, LANES, h, w, y, rows);
      const float *taps = weights + b * 9 * LANES;
      sum += i > 0 && i + 1 < w ? single_pixel(rows, taps, i, 0, 2)
                                : single_pixel(rows, taps, i, i == 0, i + 1 < w ? 2 : 1);
    }
    float v = bias + total(sum);
    out[i] = relu && v < 0 ? 0 : v;
  }
}

static void single_back(const float *dy, const float *weights, float *dx, int64_t h, int64_t w, int64_t y) {
  const float *rows[3];
  find_rows(dy, 1, h, w, y, rows);
  for (int64_t i = 0; i < w; i++) {
    vec sums[3] = {{0}};
    for (int ky = 0; ky < 3; ky++) {
      if (!rows[ky]) continue;
      for (int kx = i == 0; kx <= (i + 1 < w ? 2 : 1); kx++)
        sums[kx] += splat(rows[ky][i + kx - 1]) * load(weights + (8 - ky * 3 - kx) * LANES);
    }
    store(dx + (y * w + i) * LANES, sums[0] + sums[1] + sums[2]);
  }
}

static void single_gradient(const float *x, const float *dy, int ky, float *gradient, int64_t h, int64_t w) {
  for (int64_t row = 0; row < h; row++) {
    int64_t from = row + ky - 1;
    if (from < 0 || from >= h) continue;
    const float *in = x + from * w * LANES, *d = dy + row * w;
    vec sums[3] = {{0}};
    for (int64_t i = 0; i < w; i++) {
      vec v = load(in + i * LANES);
      sums[1] += v * splat(d[i]);
      if (i + 1 < w) sums[0] += v * splat(d[i + 1]);
      if (i > 0) sums[2] += v * splat(d[i - 1]);
    }
    for (int kx = 0; kx < 3; kx++) store(gradient + kx * LANES, load(gradient + kx * LANES) + sums[kx]);
  }
}

#if PL_LANES == 8
const pl_direct_kernels pl_direct_avx2 = {
#else
const pl_direct_kernels pl_direct_avx512 = {
#endif
    .lanes = LANES,
    .quads = quads,
    .quads_gradient = quads_gradient,
    .single = single,
    .single_back = single_back,
    .single_gradient = single_gradient,
};
