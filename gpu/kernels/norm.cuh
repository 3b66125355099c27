// What batch norm's kernels and the block join share.
#pragma once

#include "gpu/kernels/planes.cuh"

// y = x * factor + offset of V channels. Without factors (NULL) it is the identity.
template <int V>
struct pl_affine {
  float factor[V], offset[V];
};

template <int V>
__device__ inline pl_affine<V> pl_affine_load(const float *factors, int32_t channels, int32_t c) {
  pl_affine<V> a;
  if (factors != nullptr) {
    pl_load(a.factor, factors + c);
    pl_load(a.offset, factors + channels + c);
    return a;
  }
#pragma unroll
  for (int k = 0; k < V; k++) {
    a.factor[k] = 1;
    a.offset[k] = 0;
  }
  return a;
}

// The gradient through batch norm, dx = factor*d + slope*(x - mean) + offset: rows of `coefficients` [4, channels].
template <int V>
struct pl_norm_slope {
  float factor[V], slope[V], mean[V], offset[V];
};

template <int V>
__device__ inline pl_norm_slope<V> pl_norm_slope_load(const float *coefficients, int32_t channels, int32_t c) {
  pl_norm_slope<V> s;
  pl_load(s.factor, coefficients + c);
  pl_load(s.slope, coefficients + channels + c);
  pl_load(s.mean, coefficients + 2 * channels + c);
  pl_load(s.offset, coefficients + 3 * channels + c);
  return s;
}

template <int V>
__device__ inline float pl_norm_slope_at(const pl_norm_slope<V> &s, int k, float d, float x) {
  return fmaf(s.factor[k], d, fmaf(s.slope[k], x - s.mean[k], s.offset[k]));
}

// From the sums of d and of d*(x - mean) over `count` elements of channel c: its coefficients, and the gradients of
// gamma and beta.
__device__ inline void pl_norm_gradient(const pl_gpu_norm &norm, double count, int32_t c, double sum, double product,
                                        float *coefficients, int32_t channels) {
  double s = 1 / sqrt((double)norm.variance[c] + norm.epsilon), factor = (double)norm.gamma[c] * s;
  double unscale = (double)pl_unscale(norm.loss_scale);
  float gamma = (float)(s * product * unscale), beta = (float)(sum * unscale);
  norm.gamma_gradient[c] = norm.add ? norm.gamma_gradient[c] + gamma : gamma;
  norm.beta_gradient[c] = norm.add ? norm.beta_gradient[c] + beta : beta;
  coefficients[c] = (float)factor;
  coefficients[channels + c] = (float)(-factor * s * s * product / count);
  coefficients[2 * channels + c] = norm.mean[c];
  coefficients[3 * channels + c] = (float)(-factor * sum / count);
}
