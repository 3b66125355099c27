// 3x3 convolutions to one channel, as the segmentation head's: too little work for tensor cores, so that plain loops
// keep up with the memory.
#include "gpu/kernels/conv.cuh"
#include "gpu/kernels/planes.cuh"

namespace {

struct single {
  pl_gpu_shape x;
  float alpha, beta;
  bool relu;
};

single single_of(const pl_dnn_conv *c) {
  return {{(int32_t)c->n, (int32_t)c->ih, (int32_t)c->iw, (int32_t)c->ic}, c->alpha, c->beta, c->relu};
}

// The pixel that tap `tap` of the pixel reads, relative to the image; -1 outside. `direction` -1 turns the taps round.
__device__ int64_t neighbour(const pl_gpu_shape &x, int32_t row, int32_t column, int tap, int direction) {
  const int32_t y = row + direction * (tap / 3 - 1), z = column + direction * (tap % 3 - 1);
  return y >= 0 && y < x.h && z >= 0 && z < x.w ? (int64_t)y * x.w + z : -1;
}

template <class T>
__global__ void forward_kernel(single s, const T *x, const T *w, const T *bias, T *y) {
  const int64_t area = (int64_t)s.x.h * s.x.w, pixel = (int64_t)blockIdx.x * PL_THREADS + threadIdx.x;
  if (pixel >= area) return;
  const int32_t row = (int32_t)pixel / s.x.w, column = (int32_t)pixel % s.x.w;
  x += (int64_t)blockIdx.y * area * s.x.c;
  y += (int64_t)blockIdx.y * area;
  float sum = 0;
#pragma unroll
  for (int tap = 0; tap < 9; tap++) {
    const int64_t from = neighbour(s.x, row, column, tap, 1);
    if (from < 0) continue;
    for (int32_t c = 0; c < s.x.c; c += PL_WIDE) {
      float v[PL_WIDE], k[PL_WIDE];
      pl_load(v, x + from * s.x.c + c);
      pl_load(k, w + tap * s.x.c + c);
#pragma unroll
      for (int i = 0; i < PL_WIDE; i++) sum = fmaf(v[i], k[i], sum);
    }
  }
  sum *= s.alpha;
  if (s.beta != 0) sum += s.beta * pl_to_float(y[pixel]);
  if (bias != nullptr) sum += pl_to_float(*bias);
  y[pixel] = pl_from_float<T>(s.relu ? pl_relu(sum) : sum);
}

// An Op of pl_map over x.
template <class T>
struct data_op {
  single s;
  const T *y, *w;
  T *x;
  struct channel {
    int64_t base;
    int32_t c;
  };
  __device__ channel prepare(int64_t image, int32_t c) const { return {image * s.x.h * s.x.w, c}; }
  __device__ void at(const channel &at, int64_t index, int64_t pixel) const {
    const int32_t row = (int32_t)pixel / s.x.w, column = (int32_t)pixel % s.x.w;
    float sum[PL_WIDE] = {}, old[PL_WIDE];
#pragma unroll
    for (int tap = 0; tap < 9; tap++) {
      const int64_t from = neighbour(s.x, row, column, tap, -1);
      if (from < 0) continue;
      const float d = pl_to_float(y[at.base + from]);
      float k[PL_WIDE];
      pl_load(k, w + tap * s.x.c + at.c);
#pragma unroll
      for (int i = 0; i < PL_WIDE; i++) sum[i] = fmaf(d, k[i], sum[i]);
    }
    if (s.beta != 0) pl_load(old, x + index);
#pragma unroll
    for (int i = 0; i < PL_WIDE; i++) sum[i] = s.alpha * sum[i] + (s.beta != 0 ? s.beta * old[i] : 0);
    pl_store(x + index, sum);
  }
};

// An Op of pl_reduce over x: a pixel meets, at tap t, the output pixel that reads it there.
template <class T>
struct weights_op {
  static constexpr int sums = 9;
  single s;
  const T *x, *y;
  struct channel {
    int64_t base;
  };
  __device__ channel prepare(int64_t image, int32_t) const { return {image * s.x.h * s.x.w}; }
  __device__ void at(const channel &at, int64_t index, int64_t pixel, float (&sum)[9][PL_WIDE]) const {
    const int32_t row = (int32_t)pixel / s.x.w, column = (int32_t)pixel % s.x.w;
    float v[PL_WIDE];
    pl_load(v, x + index);
#pragma unroll
    for (int tap = 0; tap < 9; tap++) {
      const int64_t to = neighbour(s.x, row, column, tap, -1);
      const float d = to < 0 ? 0 : pl_to_float(y[at.base + to]);
#pragma unroll
      for (int i = 0; i < PL_WIDE; i++) sum[tap][i] = fmaf(d, v[i], sum[tap][i]);
    }
  }
};

template <class T>
struct weights_finish_op {
  single s;
  T *w;
  __device__ void finish(int64_t, int32_t c, const double (&sums)[9]) const {
    for (int tap = 0; tap < 9; tap++) {
      T *to = &w[tap * s.x.c + c];
      const float sum = s.alpha * (float)sums[tap];
      *to = pl_from_float<T>(s.beta != 0 ? sum + s.beta * pl_to_float(*to) : sum);
    }
  }
};

}  // namespace

bool pl_conv_single_supported(const pl_dnn_conv *c) {
  return c->groups == 1 && c->oc == 1 && c->stride == 1 && c->ic % PL_WIDE == 0 && c->n <= 4096;
}

uint64_t pl_conv_single_workspace(const pl_dnn_conv *conv) {
  if (conv->direction != PL_DNN_BACKWARD_WEIGHTS) return 0;
  const single s = single_of(conv);
  return (uint64_t)(pl_partial_count(&s.x) / PL_SUMS_MAX * 9) * sizeof(double);
}

void pl_conv_single(pl_stream stream, const pl_dnn_conv *conv, const pl_dnn_args *args) {
  const single s = single_of(conv);
  pl_with_type(conv->type, [&](auto zero) {
    using T = decltype(zero);
    T *x = static_cast<T *>(args->x), *w = static_cast<T *>(args->w), *y = static_cast<T *>(args->y);
    const T *bias = conv->bias ? static_cast<const T *>(args->bias) : nullptr;
    if (conv->direction == PL_DNN_FORWARD) {
      const dim3 grid((unsigned)pl_div_up((int64_t)s.x.h * s.x.w, PL_THREADS), (unsigned)s.x.n);
      pl_launch(stream, grid, PL_THREADS, forward_kernel<T>, s, static_cast<const T *>(x), static_cast<const T *>(w),
                bias, y);
    } else if (conv->direction == PL_DNN_BACKWARD_DATA) {
      pl_map<PL_WIDE>(stream, &s.x, data_op<T>{s, y, w, x});
    } else {
      double *partial = static_cast<double *>(args->workspace);
      pl_reduce<PL_WIDE>(stream, &s.x, weights_op<T>{s, x, y}, partial);
      pl_finish<9>(stream, &s.x, false, weights_finish_op<T>{s, w}, partial);
    }
  });
}
