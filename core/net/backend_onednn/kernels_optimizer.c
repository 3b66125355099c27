#include <math.h>

#include "core/net/backend_onednn/kernels.h"
#include "core/net/backend_onednn/simd.h"

enum { CHUNK = PL_FLAT_CHUNK };

static int64_t chunk_length(int64_t start, int64_t total) { return total - start < CHUNK ? total - start : CHUNK; }

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

// One step's numbers, in the type of the arithmetic.
typedef struct update_factors {
  float scale, decay, shrink, beta1, beta2, step_size, root_correction, epsilon, momentum, lead, follow;
} update_factors;

PL_SIMD static void adam_chunk(float *restrict p, const float *restrict g, float *restrict m, float *restrict v,
                               int64_t n, const update_factors *factors) {
  const update_factors f = *factors;
  for (int64_t i = 0; i < n; i++) {
    float gradient = g[i] * f.scale + f.decay * p[i];
    m[i] = f.beta1 * m[i] + (1.0f - f.beta1) * gradient;
    v[i] = f.beta2 * v[i] + (1.0f - f.beta2) * gradient * gradient;
    p[i] -= f.step_size * m[i] / (sqrtf(v[i]) * f.root_correction + f.epsilon);
  }
}

PL_SIMD static void adamw_chunk(float *restrict p, const float *restrict g, float *restrict m, float *restrict v,
                                int64_t n, const update_factors *factors) {
  const update_factors f = *factors;
  for (int64_t i = 0; i < n; i++) {
    float gradient = g[i] * f.scale;
    m[i] = f.beta1 * m[i] + (1.0f - f.beta1) * gradient;
    v[i] = f.beta2 * v[i] + (1.0f - f.beta2) * gradient * gradient;
    p[i] = p[i] * f.shrink - f.step_size * m[i] / (sqrtf(v[i]) * f.root_correction + f.epsilon);
  }
}

PL_SIMD static void sgd_chunk(float *restrict p, const float *restrict g, float *restrict momentum, int64_t n,
                              const update_factors *factors) {
  const update_factors f = *factors;
  for (int64_t i = 0; i < n; i++) {
    float gradient = g[i] * f.scale + f.decay * p[i];
    momentum[i] = f.momentum * momentum[i] + gradient;
    p[i] -= f.step_size * (f.lead * gradient + f.follow * momentum[i]);
  }
}

static update_factors factors_of(const pl_attributes *a, double norm, double rate, double number) {
  double clip = a->clip_norm > 0 ? a->clip_norm / (norm + 1e-6) : 1.0;
  bool adam = a->optimizer != PL_OPTIMIZER_SGD;
  return (update_factors){
      .scale = (float)(clip < 1 ? clip : 1.0),
      .decay = (float)a->weight_decay,
      .shrink = (float)(1 - rate * a->weight_decay),
      .beta1 = (float)a->beta1,
      .beta2 = (float)a->beta2,
      .step_size = (float)(adam ? rate / (1 - pow(a->beta1, number)) : rate),
      .root_correction = (float)(adam ? 1 / sqrt(1 - pow(a->beta2, number)) : 0),
      .epsilon = (float)a->epsilon,
      .momentum = (float)a->momentum,
      // Nesterov looks ahead of the momentum; the plain form takes it as it is.
      .lead = a->nesterov ? 1.0f : 0.0f,
      .follow = a->nesterov ? (float)a->momentum : 1.0f,
  };
}

void pl_kernel_optimizer_step(const pl_step *s, pl_context *context) {
  const double *norm = s->data[0];
  pl_store *store = context->store;
  int64_t *counter = s->data[1];
  if (norm[1] == 0) return;
  update_factors f = factors_of(&s->a, norm[0], context->learning_rate, (double)++*counter);
  pl_optimizer kind = s->a.optimizer;
  float *p = store->flat[PL_FLAT_PARAMETER], *m = store->flat[PL_FLAT_FIRST], *v = store->flat[PL_FLAT_SECOND];
  const float *g = store->flat[PL_FLAT_GRADIENT];
  int64_t total = (int64_t)store->flat_elements[PL_FLAT_PARAMETER];
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < total; i += CHUNK) {
    int64_t n = chunk_length(i, total);
    if (kind == PL_OPTIMIZER_SGD)
      sgd_chunk(p + i, g + i, m + i, n, &f);
    else if (kind == PL_OPTIMIZER_ADAMW)
      adamw_chunk(p + i, g + i, m + i, v + i, n, &f);
    else
      adam_chunk(p + i, g + i, m + i, v + i, n, &f);
  }
  store->version++;
}
