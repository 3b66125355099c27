// Batch norm: statistics, what follows from them, forward and backward.
#include "gpu/kernels/norm.cuh"

size_t pl_gpu_scratch(const pl_gpu_shape *shape) {
  int64_t coefficients = PL_COEFFICIENTS * ((int64_t)shape->n + 1) * shape->c;
  return (size_t)(pl_div_up(pl_partial_count(shape), 2) * 2) * sizeof(double) + (size_t)coefficients * sizeof(float);
}

// ---------------------------------------------------------------------------------------------------------------------
// Statistics. Sums are of x - x's first pixel, so that a mean far from 0 costs no digits.

template <class T, int V>
struct moments_op {
  static constexpr int sums = 2;
  const T *x;
  struct channel {
    float centre[V];
  };
  __device__ channel prepare(int64_t, int32_t c) const {
    channel at;
    pl_load(at.centre, x + c);
    return at;
  }
  __device__ void at(const channel &c, int64_t i, int64_t, float (&sum)[2][V]) const {
    float v[V];
    pl_load(v, x + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
      float centred = v[k] - c.centre[k];
      sum[0][k] += centred;
      sum[1][k] += centred * centred;
    }
  }
};

__device__ static void make_factors(float *factors, int32_t channels, int32_t c, double gamma, double beta, double mean,
                                    double variance, double epsilon) {
  double factor = gamma / sqrt(variance + epsilon);
  factors[c] = (float)factor;
  factors[channels + c] = (float)(beta - mean * factor);
}

template <class T>
struct statistics_op {
  const T *x;
  const float *gamma, *beta;
  double epsilon, count;
  int32_t channels;
  float *mean, *variance, *factors;
  __device__ void finish(int64_t, int32_t c, const double (&sums)[2]) const {
    double shift = sums[0] / count, spread = sums[1] / count - shift * shift;
    double m = (double)pl_to_float(x[c]) + shift, v = spread < 0 ? 0 : spread;
    mean[c] = (float)m;
    variance[c] = (float)v;
    make_factors(factors, channels, c, (double)gamma[c], (double)beta[c], m, v, epsilon);
  }
};

// The same sums by image: the mean of what the factors make of them.
template <class T>
struct squeeze_op {
  const T *x;
  const float *factors;
  double pixels;
  int32_t channels;
  T *squeeze;
  __device__ void finish(int64_t image, int32_t c, const double (&sums)[2]) const {
    double mean = (double)pl_to_float(x[c]) + sums[0] / pixels;
    squeeze[image * channels + c] =
        pl_from_float<T>((float)(mean * (double)factors[c] + (double)factors[channels + c]));
  }
};

void pl_gpu_norm_statistics(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x,
                            const float *gamma, const float *beta, double epsilon, float *mean, float *variance,
                            float *factors, void *squeeze, void *scratch) {
  double *partial = pl_partial_sums(scratch), pixels = (double)shape->h * shape->w;
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const T *in = static_cast<const T *>(x);
    pl_with_width(shape->c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_reduce<V>(stream, shape, moments_op<T, V>{in}, partial);
    });
    pl_finish<2>(stream, shape, false,
                 statistics_op<T>{in, gamma, beta, epsilon, pixels * shape->n, shape->c, mean, variance, factors},
                 partial);
    if (squeeze == nullptr) return;
    pl_finish<2>(stream, shape, true, squeeze_op<T>{in, factors, pixels, shape->c, static_cast<T *>(squeeze)}, partial);
  });
}

__global__ void factors_kernel(int32_t channels, const float *gamma, const float *beta, const float *mean,
                               const float *variance, double epsilon, float *factors) {
  int32_t c = (int32_t)(blockIdx.x * blockDim.x + threadIdx.x);
  if (c >= channels) return;
  make_factors(factors, channels, c, (double)gamma[c], (double)beta[c], (double)mean[c], (double)variance[c], epsilon);
}

void pl_gpu_norm_factors(pl_stream stream, int32_t channels, const float *gamma, const float *beta, const float *mean,
                         const float *variance, double epsilon, float *factors) {
  pl_launch(stream, dim3((unsigned)pl_div_up(channels, PL_THREADS)), PL_THREADS, factors_kernel, channels, gamma, beta,
            mean, variance, epsilon, factors);
}

// ---------------------------------------------------------------------------------------------------------------------
// Forward

template <class T, int V>
struct apply_op {
  const T *x;
  const float *factors;
  int32_t channels;
  bool relu;
  T *y;
  using channel = pl_affine<V>;
  __device__ channel prepare(int64_t, int32_t c) const { return pl_affine_load<V>(factors, channels, c); }
  __device__ void at(const channel &c, int64_t i, int64_t) const {
    float v[V];
    pl_load(v, x + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
      v[k] = fmaf(v[k], c.factor[k], c.offset[k]);
      if (relu) v[k] = pl_relu(v[k]);
    }
    pl_store(y + i, v);
  }
};

void pl_gpu_norm_apply(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x,
                       const float *factors, bool relu, void *y) {
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_with_width(shape->c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_map<V>(stream, shape, apply_op<T, V>{static_cast<const T *>(x), factors, shape->c, relu, static_cast<T *>(y)});
    });
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Backward. With d the gradient where the relu was open, N = n*h*w:
// dx = gamma*s * (d - sum(d)/N - (x-mean)*s * sum(d*(x-mean)*s)/N), s = 1 / sqrt(variance + epsilon).

template <class T, int V>
struct backward_sums_op {
  static constexpr int sums = 2;
  const T *x, *dy;
  const float *mean, *factors;
  int32_t channels;
  struct channel {
    float mean[V];
    pl_affine<V> affine;
  };
  __device__ channel prepare(int64_t, int32_t c) const {
    channel at;
    pl_load(at.mean, mean + c);
    at.affine = pl_affine_load<V>(factors, channels, c);
    return at;
  }
  __device__ void at(const channel &c, int64_t i, int64_t, float (&sum)[2][V]) const {
    float v[V], d[V];
    pl_load(v, x + i);
    pl_load(d, dy + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
      if (factors != nullptr && !(fmaf(v[k], c.affine.factor[k], c.affine.offset[k]) > 0)) d[k] = 0;
      sum[0][k] += d[k];
      sum[1][k] += d[k] * (v[k] - c.mean[k]);
    }
  }
};

struct backward_finish_op {
  pl_gpu_norm norm;
  double count;
  int32_t channels;
  float *coefficients;
  __device__ void finish(int64_t, int32_t c, const double (&sums)[2]) const {
    pl_norm_gradient(norm, count, c, sums[0], sums[1], coefficients, channels);
  }
};

template <class T, int V>
struct backward_op {
  const T *x, *dy;
  const float *coefficients, *factors;
  int32_t channels;
  T *dx;
  struct channel {
    pl_norm_slope<V> slope;
    pl_affine<V> affine;
  };
  __device__ channel prepare(int64_t, int32_t c) const {
    return {pl_norm_slope_load<V>(coefficients, channels, c), pl_affine_load<V>(factors, channels, c)};
  }
  __device__ void at(const channel &c, int64_t i, int64_t) const {
    float v[V], d[V];
    pl_load(v, x + i);
    pl_load(d, dy + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
      if (factors != nullptr && !(fmaf(v[k], c.affine.factor[k], c.affine.offset[k]) > 0)) d[k] = 0;
      d[k] = pl_norm_slope_at(c.slope, k, d[k], v[k]);
    }
    pl_store(dx + i, d);
  }
};

void pl_gpu_norm_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const pl_gpu_norm *norm,
                          const void *x, const void *dy, const float *factors, void *dx, void *scratch) {
  double *partial = pl_partial_sums(scratch);
  float *coefficients = pl_coefficients(shape, scratch);
  const int32_t channels = shape->c;
  double count = (double)shape->n * shape->h * shape->w;
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const T *in = static_cast<const T *>(x), *gradient = static_cast<const T *>(dy);
    pl_with_width(channels % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_reduce<V>(stream, shape, backward_sums_op<T, V>{in, gradient, norm->mean, factors, channels}, partial);
      pl_finish<2>(stream, shape, false, backward_finish_op{*norm, count, channels, coefficients}, partial);
      pl_map<V>(stream, shape, backward_op<T, V>{in, gradient, coefficients, factors, channels, static_cast<T *>(dx)});
    });
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Commit: a block for each batch norm; the launch carries a table of them.

constexpr int32_t COMMITS = 24;  // 24 rows are within the 4096 bytes that every device takes as a kernel's arguments

struct commit_table {
  pl_gpu_commit rows[COMMITS];
};

__global__ void commit_kernel(commit_table table, const double *loss) {
  if (loss[PL_LOSS_FINITE] == 0) return;
  const pl_gpu_commit &row = table.rows[blockIdx.x];
  double count = (double)row.count, unbiased = row.count > 1 ? count / (count - 1) : 1, keep = 1 - row.momentum;
  for (int32_t c = (int32_t)threadIdx.x; c < row.channels; c += PL_THREADS) {
    row.running_mean[c] = (float)(keep * (double)row.running_mean[c] + row.momentum * (double)row.mean[c]);
    row.running_variance[c] =
        (float)(keep * (double)row.running_variance[c] + row.momentum * (double)row.variance[c] * unbiased);
  }
  if (threadIdx.x == 0) *row.batches += 1;
}

void pl_gpu_norm_commit(pl_stream stream, const pl_gpu_commit *commits, int32_t count, const double *loss) {
  for (int32_t first = 0; first < count; first += COMMITS) {
    commit_table table = {};
    int32_t rows = count - first < COMMITS ? count - first : COMMITS;
    for (int32_t i = 0; i < rows; i++) table.rows[i] = commits[first + i];
    pl_launch(stream, dim3((unsigned)rows), PL_THREADS, commit_kernel, table, loss);
  }
}
