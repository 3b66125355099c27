#include <math.h>

#include "core/net/backend_onednn/kernels.h"
#include "core/net/backend_onednn/simd.h"

// Chunks keep a thread's piece in the first-level cache's reach and fix the order of sums.
enum { CHUNK = PL_FLAT_CHUNK };

static int64_t elements(const pl_step *s) { return s->n * s->c * s->h * s->w; }

PL_SIMD static void add_chunk(const float *restrict a, const float *restrict b, float *restrict y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

PL_SIMD static void add_relu_chunk(const float *restrict a, const float *restrict b, float *restrict y, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float v = a[i] + b[i];
    y[i] = v < 0 ? 0 : v;
  }
}

PL_SIMD static void relu_chunk(const float *restrict x, float *restrict y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

PL_SIMD static void relu_backward_chunk(const float *restrict y, const float *restrict dy, float *restrict dx,
                                        int64_t n) {
  for (int64_t i = 0; i < n; i++) dx[i] = y[i] > 0 ? dy[i] : 0;
}

PL_SIMD static void accumulate_chunk(const float *restrict x, float *restrict y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

static int64_t chunk_length(int64_t start, int64_t total) { return total - start < CHUNK ? total - start : CHUNK; }

void pl_kernel_add(const pl_step *s, pl_context *context) {
  (void)context;
  const float *a = s->data[0], *b = s->data[1];
  float *y = s->data[2];
  int64_t total = elements(s);
  bool relu = s->relu;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i += CHUNK) {
    if (relu)
      add_relu_chunk(a + i, b + i, y + i, chunk_length(i, total));
    else
      add_chunk(a + i, b + i, y + i, chunk_length(i, total));
  }
}

void pl_kernel_relu(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0];
  float *y = s->data[1];
  int64_t total = elements(s);
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i += CHUNK) relu_chunk(x + i, y + i, chunk_length(i, total));
}

void pl_kernel_relu_backward(const pl_step *s, pl_context *context) {
  (void)context;
  const float *y = s->data[0], *dy = s->data[1];
  float *dx = s->data[2];
  int64_t total = elements(s);
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i += CHUNK) relu_backward_chunk(y + i, dy + i, dx + i, chunk_length(i, total));
}

void pl_kernel_sigmoid(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0];
  float *y = s->data[1];
  int64_t total = elements(s);
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i++) y[i] = 1.0f / (1.0f + expf(-x[i]));
}

void pl_kernel_sigmoid_backward(const pl_step *s, pl_context *context) {
  (void)context;
  const float *y = s->data[0], *dy = s->data[1];
  float *dx = s->data[2];
  int64_t total = elements(s);
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i++) dx[i] = dy[i] * y[i] * (1.0f - y[i]);
}

void pl_kernel_accumulate(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0];
  float *y = s->data[1];
  int64_t total = (int64_t)s->count;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i += CHUNK) accumulate_chunk(x + i, y + i, chunk_length(i, total));
}
