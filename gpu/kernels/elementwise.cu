// Element by element, and bias.
#include "gpu/kernels/flat.cuh"
#include "gpu/kernels/planes.cuh"

// What a pair of elements, or one (b is then 0), becomes.
struct relu_of {
  __device__ float operator()(float x, float) const { return pl_relu(x); }
};

struct relu_backward_of {
  __device__ float operator()(float y, float dy) const { return y > 0 ? dy : 0; }
};

struct sum_of {
  bool relu;
  __device__ float operator()(float a, float b) const { return relu ? pl_relu(a + b) : a + b; }
};

struct sigmoid_of {
  __device__ float operator()(float x, float) const { return pl_logistic(x); }
};

struct sigmoid_backward_of {
  __device__ float operator()(float y, float dy) const { return dy * y * (1 - y); }
};

template <class T, class F>
struct pair_op {
  const T *a, *b;
  T *out;
  F f;
  template <int V>
  __device__ void at(int64_t i) const {
    float x[V], y[V] = {};
    pl_load(x, a + i);
    if (b != nullptr) pl_load(y, b + i);
#pragma unroll
    for (int k = 0; k < V; k++) x[k] = f(x[k], y[k]);
    pl_store(out + i, x);
  }
};

template <class F>
static void run_pairs(pl_stream stream, pl_gpu_type type, int64_t count, const void *a, const void *b, void *out, F f) {
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_flat(stream, count,
            pair_op<T, F>{static_cast<const T *>(a), static_cast<const T *>(b), static_cast<T *>(out), f});
  });
}

void pl_gpu_relu(pl_stream stream, pl_gpu_type type, int64_t count, const void *x, void *y) {
  run_pairs(stream, type, count, x, nullptr, y, relu_of{});
}

void pl_gpu_relu_backward(pl_stream stream, pl_gpu_type type, int64_t count, const void *y, const void *dy, void *dx) {
  run_pairs(stream, type, count, y, dy, dx, relu_backward_of{});
}

void pl_gpu_add(pl_stream stream, pl_gpu_type type, int64_t count, const void *a, const void *b, bool relu, void *y) {
  run_pairs(stream, type, count, a, b, y, sum_of{relu});
}

void pl_gpu_sigmoid(pl_stream stream, pl_gpu_type type, int64_t count, const void *x, void *y) {
  run_pairs(stream, type, count, x, nullptr, y, sigmoid_of{});
}

void pl_gpu_sigmoid_backward(pl_stream stream, pl_gpu_type type, int64_t count, const void *y, const void *dy,
                             void *dx) {
  run_pairs(stream, type, count, y, dy, dx, sigmoid_backward_of{});
}

// ---------------------------------------------------------------------------------------------------------------------
// Bias

template <class T, int V>
struct add_bias_op {
  const T *x;
  const float *bias;
  T *y;
  bool relu;
  struct channel {
    float bias[V];
  };
  __device__ channel prepare(int64_t, int32_t c) const {
    channel at;
    pl_load(at.bias, bias + c);
    return at;
  }
  __device__ void at(const channel &c, int64_t i, int64_t) const {
    float v[V];
    pl_load(v, x + i);
#pragma unroll
    for (int k = 0; k < V; k++) v[k] = relu ? pl_relu(v[k] + c.bias[k]) : v[k] + c.bias[k];
    pl_store(y + i, v);
  }
};

void pl_gpu_add_bias(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x, const float *bias,
                     bool relu, void *y) {
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_with_width(shape->c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_map<V>(stream, shape, add_bias_op<T, V>{static_cast<const T *>(x), bias, static_cast<T *>(y), relu});
    });
  });
}

struct bias_gradient_op {
  const float *loss_scale;
  bool add;
  float *gradient;
  __device__ void finish(int64_t, int32_t c, const double (&sums)[1]) const {
    float sum = (float)(sums[0] * (double)pl_unscale(loss_scale));
    gradient[c] = add ? gradient[c] + sum : sum;
  }
};

void pl_gpu_bias_gradient(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *dy,
                          const float *loss_scale, bool add, float *gradient, void *scratch) {
  double *partial = pl_partial_sums(scratch);
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_with_width(shape->c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_reduce<V>(stream, shape, pl_sum_op<T, V>{static_cast<const T *>(dy)}, partial);
    });
  });
  pl_finish<1>(stream, shape, false, bias_gradient_op{loss_scale, add, gradient}, partial);
}
