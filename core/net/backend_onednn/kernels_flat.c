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

// ---------------------------------------------------------------------------------------------------------------------
// Optimizer

// Eight running sums, so that the additions do not wait for each other.
PL_SIMD static double square_sum(const float *x, int64_t n) {
  double sums[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) sums[j] += (double)x[i + j] * (double)x[i + j];
  double total = 0;
  for (int j = 0; j < 8; j++) total += sums[j];
  for (; i < n; i++) total += (double)x[i] * (double)x[i];
  return total;
}

void pl_kernel_gradient_norm(const pl_step *s, pl_context *context) {
  const float *g = context->store->flat[PL_FLAT_GRADIENT];
  int64_t total = (int64_t)context->store->flat_elements[PL_FLAT_GRADIENT];
  double *partial = s->data[1], *out = s->data[0];
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i += CHUNK) partial[i / CHUNK] = square_sum(g + i, chunk_length(i, total));
  double sum = 0;
  for (int64_t i = 0; i < total; i += CHUNK) sum += partial[i / CHUNK];
  out[0] = sqrt(sum);
  out[1] = isfinite(out[0]) ? 1 : 0;
}

typedef struct adam_factors {
  float scale, decay, beta1, beta2, step_size, root_correction, epsilon;
} adam_factors;

PL_SIMD static void adam_chunk(float *restrict p, const float *restrict g, float *restrict m, float *restrict v,
                               int64_t n, const adam_factors *factors) {
  const adam_factors f = *factors;
  for (int64_t i = 0; i < n; i++) {
    float gradient = g[i] * f.scale + f.decay * p[i];
    m[i] = f.beta1 * m[i] + (1.0f - f.beta1) * gradient;
    v[i] = f.beta2 * v[i] + (1.0f - f.beta2) * gradient * gradient;
    p[i] -= f.step_size * m[i] / (sqrtf(v[i]) * f.root_correction + f.epsilon);
  }
}

void pl_kernel_adam(const pl_step *s, pl_context *context) {
  const double *norm = s->data[0];
  pl_store *store = context->store;
  int64_t *counter = s->data[1];
  if (norm[1] == 0) return;
  double t = (double)++*counter;
  double clip = s->a.clip_norm > 0 ? s->a.clip_norm / (norm[0] + 1e-6) : 1.0;
  adam_factors f = {
      .scale = (float)(clip < 1 ? clip : 1.0),
      .decay = (float)s->a.weight_decay,
      .beta1 = (float)s->a.beta1,
      .beta2 = (float)s->a.beta2,
      .step_size = (float)(context->learning_rate / (1 - pow(s->a.beta1, t))),
      .root_correction = (float)(1 / sqrt(1 - pow(s->a.beta2, t))),
      .epsilon = (float)s->a.epsilon,
  };
  float *p = store->flat[PL_FLAT_PARAMETER], *m = store->flat[PL_FLAT_FIRST], *v = store->flat[PL_FLAT_SECOND];
  const float *g = store->flat[PL_FLAT_GRADIENT];
  int64_t total = (int64_t)store->flat_elements[PL_FLAT_PARAMETER];
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i += CHUNK) adam_chunk(p + i, g + i, m + i, v + i, chunk_length(i, total), &f);
  store->version++;
}
