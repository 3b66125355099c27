// Gradients of parameters, their norm, the loss scale, the optimizers.
#include "gpu/kernels/flat.cuh"

template <class T>
struct gather_op {
  const T *in;
  const float *loss_scale;
  bool add;
  float *gradient;
  template <int V>
  __device__ void at(int64_t i) const {
    float v[V], old[V] = {};
    pl_load(v, in + i);
    if (add) pl_load(old, gradient + i);
    const float unscale = pl_unscale(loss_scale);
#pragma unroll
    for (int k = 0; k < V; k++) v[k] = old[k] + v[k] * unscale;
    pl_store(gradient + i, v);
  }
};

void pl_gpu_gather_gradient(pl_stream stream, pl_gpu_type type, int64_t count, const void *in, const float *loss_scale,
                            bool add, float *gradient) {
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_flat(stream, count, gather_op<T>{static_cast<const T *>(in), loss_scale, add, gradient});
  });
}

struct square_op {
  static constexpr int sums = 1;
  const float *gradients;
  double *out;
  __device__ void at(int64_t, int64_t i, double (&sum)[1]) const {
    const double g = (double)gradients[i];
    sum[0] += g * g;
  }
  __device__ void finish(int64_t, const double (&sum)[1]) const {
    out[0] = sqrt(sum[0]);
    out[1] = isfinite(out[0]) ? 1 : 0;
  }
};

void pl_gpu_gradient_norm(pl_stream stream, int64_t count, const float *gradients, double *out, void *scratch) {
  pl_flat_reduce(stream, 1, count, pl_flat_blocks(count), square_op{gradients, out}, static_cast<double *>(scratch));
}

__global__ void loss_scale_kernel(const double *norm, float *loss_scale, int64_t *growth) {
  const float least = 1, most = 16777216;
  if (norm[1] == 0) {
    *growth = 0;
    *loss_scale = *loss_scale / 2 < least ? least : *loss_scale / 2;
    return;
  }
  if (++*growth < PL_GPU_LOSS_SCALE_STEPS) return;
  *growth = 0;
  *loss_scale = *loss_scale * 2 > most ? most : *loss_scale * 2;
}

void pl_gpu_loss_scale_update(pl_stream stream, const double *norm, float *loss_scale, int64_t *growth) {
  pl_launch(stream, dim3(1), 1, loss_scale_kernel, norm, loss_scale, growth);
}

// ---------------------------------------------------------------------------------------------------------------------
// The step. One thread first counts it and works out what all parameters share, in float64.

struct step_factors {
  float clip, rate, decay, beta1, beta2, keep1, keep2, correction, epsilon, momentum;
};

__global__ void step_kernel(pl_attributes a, const double *learning_rate, const double *norm, int64_t *step,
                            step_factors *factors) {
  if (norm[1] == 0) return;
  const double number = (double)++*step, clip = a.clip_norm > 0 ? a.clip_norm / (norm[0] + 1e-6) : 1;
  const bool sgd = a.optimizer == PL_OPTIMIZER_SGD, adamw = a.optimizer == PL_OPTIMIZER_ADAMW;
  const double correction1 = sgd ? 1 : 1 - pow(a.beta1, number), correction2 = sgd ? 1 : 1 - pow(a.beta2, number);
  step_factors f;
  f.clip = (float)(clip < 1 ? clip : 1);
  f.rate = (float)(*learning_rate / correction1);
  f.decay = (float)(adamw ? *learning_rate * a.weight_decay : a.weight_decay);
  f.beta1 = (float)a.beta1;
  f.beta2 = (float)a.beta2;
  f.keep1 = (float)(1 - a.beta1);
  f.keep2 = (float)(1 - a.beta2);
  f.correction = (float)(1 / sqrt(correction2));
  f.epsilon = (float)a.epsilon;
  f.momentum = (float)a.momentum;
  *factors = f;
}

// With both Adams, sqrt(v) / sqrt(1 - beta2^n) is sqrt(v) * correction.
struct adam_of {
  bool decoupled;  // AdamW
  __device__ void operator()(const step_factors &f, float g, float &p, float &m, float &v) const {
    g *= f.clip;
    if (decoupled) {
      p -= f.decay * p;
    } else {
      g += f.decay * p;
    }
    m = f.beta1 * m + f.keep1 * g;
    v = f.beta2 * v + f.keep2 * g * g;
    p -= f.rate * m / (sqrtf(v) * f.correction + f.epsilon);
  }
};

struct sgd_of {
  bool nesterov;
  __device__ void operator()(const step_factors &f, float g, float &p, float &m, float &) const {
    g = g * f.clip + f.decay * p;
    m = f.momentum * m + g;
    p -= f.rate * (nesterov ? g + f.momentum * m : m);
  }
};

template <class T, class F>
struct update_op {
  const double *norm;
  const step_factors *factors;
  const float *gradients;
  float *values, *first, *second;
  T *copy;
  F update;
  template <int V>
  __device__ void at(int64_t i) const {
    if (norm[1] == 0) return;
    const step_factors f = *factors;
    float g[V], p[V], m[V], v[V] = {};
    pl_load(g, gradients + i);
    pl_load(p, values + i);
    pl_load(m, first + i);
    if (second != nullptr) pl_load(v, second + i);
#pragma unroll
    for (int k = 0; k < V; k++) update(f, g[k], p[k], m[k], v[k]);
    pl_store(values + i, p);
    pl_store(first + i, m);
    if (second != nullptr) pl_store(second + i, v);
    if (copy != nullptr) pl_store(copy + i, p);
  }
};

template <class F>
static void run_update(pl_stream stream, const pl_gpu_parameters *p, const double *norm, const step_factors *factors,
                       float *second, F update) {
  pl_with_type(p->copy_type, [&](auto zero) {
    using T = decltype(zero);
    pl_flat(
        stream, p->count,
        update_op<T, F>{norm, factors, p->gradients, p->values, p->first, second, static_cast<T *>(p->copy), update});
  });
}

void pl_gpu_optimizer_step(pl_stream stream, const pl_attributes *attributes, const pl_gpu_parameters *parameters,
                           const double *learning_rate, const double *norm, int64_t *step, void *scratch) {
  step_factors *factors = static_cast<step_factors *>(scratch);
  pl_launch(stream, dim3(1), 1, step_kernel, *attributes, learning_rate, norm, step, factors);
  if (attributes->optimizer == PL_OPTIMIZER_SGD) {
    return run_update(stream, parameters, norm, factors, nullptr, sgd_of{attributes->nesterov});
  }
  run_update(stream, parameters, norm, factors, parameters->second,
             adam_of{attributes->optimizer == PL_OPTIMIZER_ADAMW});
}
