// Products with one number a channel of an image, or one a pixel: squeeze-and-excite and its relatives.
#include "gpu/kernels/planes.cuh"

template <class T, int V>
struct scale_channels_op {
  const T *x, *s;
  int32_t channels;
  T *y;
  struct channel {
    float s[V];
  };
  __device__ channel prepare(int64_t image, int32_t c) const {
    channel at;
    pl_load(at.s, s + image * channels + c);
    return at;
  }
  __device__ void at(const channel &c, int64_t i, int64_t) const {
    float v[V];
    pl_load(v, x + i);
#pragma unroll
    for (int k = 0; k < V; k++) v[k] *= c.s[k];
    pl_store(y + i, v);
  }
};

void pl_gpu_scale_channels(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x, const void *s,
                           void *y) {
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_with_width(shape->c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_map<V>(
          stream, shape,
          scale_channels_op<T, V>{static_cast<const T *>(x), static_cast<const T *>(s), shape->c, static_cast<T *>(y)});
    });
  });
}

// One pass for both: dx is written on the way (where wanted).
template <class T, int V>
struct scale_channels_backward_op {
  static constexpr int sums = 1;
  const T *x, *s, *dy;
  int32_t channels;
  T *dx;
  struct channel {
    float s[V];
  };
  __device__ channel prepare(int64_t image, int32_t c) const {
    channel at;
    pl_load(at.s, s + image * channels + c);
    return at;
  }
  __device__ void at(const channel &c, int64_t i, int64_t, float (&sum)[1][V]) const {
    float v[V], d[V];
    pl_load(v, x + i);
    pl_load(d, dy + i);
#pragma unroll
    for (int k = 0; k < V; k++) {
      sum[0][k] += d[k] * v[k];
      d[k] *= c.s[k];
    }
    if (dx != nullptr) pl_store(dx + i, d);
  }
};

template <class T>
struct gate_finish_op {
  int32_t channels;
  T *ds;
  __device__ void finish(int64_t image, int32_t c, const double (&sums)[1]) const {
    ds[image * channels + c] = pl_from_float<T>((float)sums[0]);
  }
};

void pl_gpu_scale_channels_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x,
                                    const void *s, const void *dy, void *dx, void *ds, void *scratch) {
  if (ds == nullptr) {
    if (dx != nullptr) pl_gpu_scale_channels(stream, type, shape, dy, s, dx);
    return;
  }
  double *partial = pl_partial_sums(scratch);
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_with_width(shape->c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_reduce<V>(stream, shape,
                   scale_channels_backward_op<T, V>{static_cast<const T *>(x), static_cast<const T *>(s),
                                                    static_cast<const T *>(dy), shape->c, static_cast<T *>(dx)},
                   partial);
    });
    pl_finish<1>(stream, shape, true, gate_finish_op<T>{shape->c, static_cast<T *>(ds)}, partial);
  });
}

// ---------------------------------------------------------------------------------------------------------------------

template <class T, int V>
struct scale_pixels_op {
  const T *x, *s;
  int64_t pixels;
  T *y;
  struct channel {
    int64_t base;
  };
  __device__ channel prepare(int64_t image, int32_t) const { return {image * pixels}; }
  __device__ void at(const channel &c, int64_t i, int64_t pixel) const {
    float v[V], factor = pl_to_float(s[c.base + pixel]);
    pl_load(v, x + i);
#pragma unroll
    for (int k = 0; k < V; k++) v[k] *= factor;
    pl_store(y + i, v);
  }
};

void pl_gpu_scale_pixels(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x, const void *s,
                         void *y) {
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_with_width(shape->c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      pl_map<V>(stream, shape,
                scale_pixels_op<T, V>{static_cast<const T *>(x), static_cast<const T *>(s),
                                      (int64_t)shape->h * shape->w, static_cast<T *>(y)});
    });
  });
}

// A pixel's channels lie before `lanes` neighbouring threads of one warp.
template <class T, int V>
__global__ void scale_pixels_backward_kernel(int64_t pixels, int32_t channels, int32_t lanes, const T *x, const T *s,
                                             const T *dy, T *dx, T *ds) {
  const int32_t lane = (int32_t)threadIdx.x & (lanes - 1), rows = PL_THREADS / lanes;
  const int64_t pixel = (int64_t)blockIdx.x * rows + (int32_t)threadIdx.x / lanes;
  float sum = 0;
  if (pixel < pixels) {
    const float factor = pl_to_float(s[pixel]);
    for (int32_t c = lane * V; c < channels; c += lanes * V) {
      const int64_t i = pixel * channels + c;
      float v[V], d[V];
      pl_load(v, x + i);
      pl_load(d, dy + i);
#pragma unroll
      for (int k = 0; k < V; k++) {
        sum += d[k] * v[k];
        d[k] *= factor;
      }
      if (dx != nullptr) pl_store(dx + i, d);
    }
  }
  for (int32_t distance = lanes / 2; distance > 0; distance /= 2) sum += __shfl_xor_sync(~0u, sum, distance);
  if (lane == 0 && pixel < pixels) ds[pixel] = pl_from_float<T>(sum);
}

void pl_gpu_scale_pixels_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x,
                                  const void *s, const void *dy, void *dx, void *ds) {
  if (ds == nullptr) {
    if (dx != nullptr) pl_gpu_scale_pixels(stream, type, shape, dy, s, dx);
    return;
  }
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_with_width(shape->c % PL_WIDE == 0, [&](auto width) {
      constexpr int V = width;
      int64_t pixels = (int64_t)shape->n * shape->h * shape->w;
      int32_t lanes = 1;
      while (lanes < 32 && lanes * V < shape->c) lanes *= 2;
      pl_launch_shared(stream, dim3((unsigned)pl_div_up(pixels * lanes, PL_THREADS)), PL_THREADS, 0,
                       scale_pixels_backward_kernel<T, V>, pixels, shape->c, lanes, static_cast<const T *>(x),
                       static_cast<const T *>(s), static_cast<const T *>(dy), static_cast<T *>(dx),
                       static_cast<T *>(ds));
    });
  });
}
