// The end of a residual block: out = relu(norm(y) * gate + other), forward and backward.
#include "gpu/kernels/norm.cuh"

template <class T>
struct join_of {
  const T *y, *gate, *identity;
  const float *factors, *identity_factors;
  int32_t channels;
};

template <class T>
static join_of<T> typed(const pl_gpu_join *j) {
  return {static_cast<const T *>(j->y),
          static_cast<const T *>(j->gate),
          static_cast<const T *>(j->identity),
          j->factors,
          j->identity_factors,
          j->shape.c};
}

template <class T, int V>
__device__ inline void load_gate(float (&gate)[V], const join_of<T> &join, int64_t image, int32_t c) {
  if (join.gate != nullptr) return pl_load(gate, join.gate + image * join.channels + c);
#pragma unroll
  for (int k = 0; k < V; k++) gate[k] = 1;
}

template <class T, int V>
struct join_forward_op {
  join_of<T> join;
  T *out;
  struct channel {
    pl_affine<V> norm, other;
    float gate[V];
  };
  __device__ channel prepare(int64_t image, int32_t c) const {
    channel at;
    at.norm = pl_affine_load<V>(join.factors, join.channels, c);
    at.other = pl_affine_load<V>(join.identity_factors, join.channels, c);
    load_gate<T, V>(at.gate, join, image, c);
    return at;
  }
  __device__ void at(const channel &c, int64_t i, int64_t) const {
    float v[V], other[V];
    pl_load(v, join.y + i);
    pl_load(other, join.identity + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
      float norm = fmaf(v[k], c.norm.factor[k], c.norm.offset[k]);
      v[k] = pl_relu(fmaf(norm, c.gate[k], fmaf(other[k], c.other.factor[k], c.other.offset[k])));
    }
    pl_store(out + i, v);
  }
};

void pl_gpu_join_forward(pl_stream stream, const pl_gpu_join *join, void *out) {
  pl_with_type(join->type, [&](auto zero) {
    using T = decltype(zero);
    pl_with_width(join->shape.c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_map<V>(stream, &join->shape, join_forward_op<T, V>{typed<T>(join), static_cast<T *>(out)});
    });
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// First pass. Sums over the pixels of an image, of dz, dz*(y-mean), y-mean and dz*(identity-mean): float64 [n,4,c].

enum { SUM_D, SUM_DY, SUM_Y, SUM_DI, SUMS };

size_t pl_gpu_join_sums(const pl_gpu_shape *shape) {
  return (size_t)shape->n * (size_t)shape->c * SUMS * sizeof(double);
}

template <class T, int V>
struct join_sums_op {
  static constexpr int sums = SUMS;
  join_of<T> join;
  const T *out, *dout;
  const float *mean, *identity_mean;
  struct channel {
    float mean[V], identity_mean[V];
  };
  __device__ channel prepare(int64_t, int32_t c) const {
    channel at = {};
    pl_load(at.mean, mean + c);
    if (identity_mean != nullptr) pl_load(at.identity_mean, identity_mean + c);
    return at;
  }
  __device__ void at(const channel &c, int64_t i, int64_t, float (&sum)[SUMS][V]) const {
    float o[V], d[V], v[V], other[V] = {};
    pl_load(o, out + i);
    pl_load(d, dout + i);
    pl_load(v, join.y + i);
    if (identity_mean != nullptr) pl_load(other, join.identity + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
      if (!(o[k] > 0)) d[k] = 0;
      float centred = v[k] - c.mean[k];
      sum[SUM_D][k] += d[k];
      sum[SUM_DY][k] += d[k] * centred;
      sum[SUM_Y][k] += centred;
      sum[SUM_DI][k] += d[k] * (other[k] - c.identity_mean[k]);
    }
  }
};

// sum of dz*norm(y) = factor * sum of dz*(y-mean) + (factor*mean + offset) * sum of dz.
template <class T>
struct join_sums_finish_op {
  const float *factors, *mean;
  int32_t channels;
  T *gate_gradient;
  double *result;
  __device__ void finish(int64_t image, int32_t c, const double (&sums)[SUMS]) const {
    for (int k = 0; k < SUMS; k++) result[(image * SUMS + k) * channels + c] = sums[k];
    if (gate_gradient == nullptr) return;
    double factor = (double)factors[c], at_mean = factor * (double)mean[c] + (double)factors[channels + c];
    gate_gradient[image * channels + c] = pl_from_float<T>((float)(factor * sums[SUM_DY] + at_mean * sums[SUM_D]));
  }
};

void pl_gpu_join_backward_sums(pl_stream stream, const pl_gpu_join *join, const void *out, const void *dout,
                               const float *mean, const float *identity_mean, void *gate_gradient, void *sums,
                               void *scratch) {
  double *partial = pl_partial_sums(scratch);
  pl_with_type(join->type, [&](auto zero) {
    using T = decltype(zero);
    pl_with_width(join->shape.c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_reduce<V>(stream, &join->shape,
                   join_sums_op<T, V>{typed<T>(join), static_cast<const T *>(out), static_cast<const T *>(dout), mean,
                                      identity_mean},
                   partial);
    });
    pl_finish<SUMS>(stream, &join->shape, true,
                    join_sums_finish_op<T>{join->factors, mean, join->shape.c, static_cast<T *>(gate_gradient),
                                           static_cast<double *>(sums)},
                    partial);
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Second pass. norm(y)'s gradient is d = dz*gate + m with m the squeeze's share of a pixel, so that
// dy = factor*d + slope*(y-mean) + offset = (factor*gate) * dz + slope*(y-mean) + (factor*m + offset).

// Coefficients: [4,c] of the norm, [4,c] of the identity's, then m [n,c].
template <class T>
__global__ void join_coefficients_kernel(pl_gpu_norm norm, pl_gpu_norm identity_norm, bool has_identity_norm,
                                         pl_gpu_shape shape, const T *gate, const T *squeeze_gradient,
                                         const double *sums, float *coefficients) {
  const int32_t c = (int32_t)(blockIdx.x * blockDim.x + threadIdx.x), channels = shape.c;
  if (c >= channels) return;
  const double pixels = (double)shape.h * shape.w, count = pixels * shape.n;
  double sum = 0, product = 0, identity_sum = 0, identity_product = 0;
  for (int64_t n = 0; n < shape.n; n++) {
    const double *of_image = sums + n * SUMS * channels + c;
    double g = gate != nullptr ? (double)pl_to_float(gate[n * channels + c]) : 1;
    float m = squeeze_gradient != nullptr ? pl_to_float(squeeze_gradient[n * channels + c]) / (float)pixels : 0;
    sum += g * of_image[SUM_D * channels] + pixels * (double)m;
    product += g * of_image[SUM_DY * channels] + (double)m * of_image[SUM_Y * channels];
    identity_sum += of_image[SUM_D * channels];
    identity_product += of_image[SUM_DI * channels];
    coefficients[(8 + n) * channels + c] = m;
  }
  pl_norm_gradient(norm, count, c, sum, product, coefficients, channels);
  if (!has_identity_norm) return;
  pl_norm_gradient(identity_norm, count, c, identity_sum, identity_product, coefficients + 4 * channels, channels);
}

template <class T, int V>
struct join_backward_op {
  join_of<T> join;
  const T *out, *dout;
  const float *coefficients;
  bool has_identity_norm;
  T *dy, *identity_gradient;
  struct channel {
    pl_norm_slope<V> norm, identity;
    float gate[V], squeeze[V];
  };
  __device__ channel prepare(int64_t image, int32_t c) const {
    channel at = {};
    at.norm = pl_norm_slope_load<V>(coefficients, join.channels, c);
    if (has_identity_norm) at.identity = pl_norm_slope_load<V>(coefficients + 4 * join.channels, join.channels, c);
    load_gate<T, V>(at.gate, join, image, c);
    pl_load(at.squeeze, coefficients + (8 + image) * join.channels + c);
    return at;
  }
  __device__ void at(const channel &c, int64_t i, int64_t) const {
    float o[V], d[V], v[V], other[V] = {};
    pl_load(o, out + i);
    pl_load(d, dout + i);
    pl_load(v, join.y + i);
    if (has_identity_norm) pl_load(other, join.identity + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
      float dz = o[k] > 0 ? d[k] : 0;
      v[k] = pl_norm_slope_at(c.norm, k, fmaf(dz, c.gate[k], c.squeeze[k]), v[k]);
      d[k] = has_identity_norm ? pl_norm_slope_at(c.identity, k, dz, other[k]) : dz;
    }
    pl_store(dy + i, v);
    pl_store(identity_gradient + i, d);
  }
};

void pl_gpu_join_backward(pl_stream stream, const pl_gpu_join *join, const pl_gpu_norm *norm,
                          const pl_gpu_norm *identity_norm, const void *out, const void *dout,
                          const void *squeeze_gradient, const void *sums, void *dy, void *identity_gradient,
                          void *scratch) {
  float *coefficients = pl_coefficients(&join->shape, scratch);
  const pl_gpu_norm none = {};
  const bool has_identity_norm = identity_norm != nullptr;
  pl_with_type(join->type, [&](auto zero) {
    using T = decltype(zero);
    pl_launch(stream, dim3((unsigned)pl_div_up(join->shape.c, PL_THREADS)), PL_THREADS, join_coefficients_kernel<T>,
              *norm, has_identity_norm ? *identity_norm : none, has_identity_norm, join->shape,
              static_cast<const T *>(join->gate), static_cast<const T *>(squeeze_gradient),
              static_cast<const double *>(sums), coefficients);
    pl_with_width(join->shape.c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_map<V>(stream, &join->shape,
                join_backward_op<T, V>{typed<T>(join), static_cast<const T *>(out), static_cast<const T *>(dout),
                                       coefficients, has_identity_norm, static_cast<T *>(dy),
                                       static_cast<T *>(identity_gradient)});
    });
  });
}
