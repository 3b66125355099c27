// Ops that move or sum pixels: pooling, means, upsampling, concatenation.
#include "gpu/kernels/planes.cuh"

// Calls f with the type and the width as constants.
template <class F>
static void with_type_and_width(pl_gpu_type type, bool wide, F f) {
  pl_with_type(type, [&](auto zero) { pl_with_width(wide, [&](auto width) { f(zero, width); }); });
}

// ---------------------------------------------------------------------------------------------------------------------
// Max pool

// The index of V channels, eight bytes at once.
template <int V>
__device__ inline void store_index(uint8_t *to, const uint8_t (&index)[8]) {
  if constexpr (V == 8) {
    pl_copy8(to, index);
  } else {
    *to = index[0];
  }
}

template <int V>
__device__ inline void load_index(uint8_t (&index)[8], const uint8_t *from) {
  if constexpr (V == 8) {
    pl_copy8(index, from);
  } else {
    index[0] = *from;
  }
}

template <class T, int V>
struct max_pool_op {
  pl_gpu_pool pool;
  const T *x;
  T *y;
  uint8_t *index;
  struct channel {
    int64_t base;
  };
  __device__ channel prepare(int64_t image, int32_t c) const { return {image * pool.in.h * pool.in.w * pool.in.c + c}; }
  __device__ void at(const channel &c, int64_t i, int64_t pixel) const {
    int32_t top = (int32_t)pixel / pool.ow * pool.stride - pool.pad;
    int32_t left = (int32_t)pixel % pool.ow * pool.stride - pool.pad;
    float best[V] = {};
    alignas(8) uint8_t place[8] = {};
    bool first = true;
    for (int32_t ky = 0; ky < pool.kernel; ky++) {
      for (int32_t kx = 0; kx < pool.kernel; kx++) {
        int32_t row = top + ky, column = left + kx;
        if (row < 0 || row >= pool.in.h || column < 0 || column >= pool.in.w) continue;
        float v[V];
        pl_load(v, x + c.base + ((int64_t)row * pool.in.w + column) * pool.in.c);
#pragma unroll
        for (int k = 0; k < V; k++) {
          if (!first && !(v[k] > best[k] || (isnan(v[k]) && !isnan(best[k])))) continue;
          best[k] = v[k];
          place[k] = (uint8_t)(ky * pool.kernel + kx);
        }
        first = false;
      }
    }
    pl_store(y + i, best);
    store_index<V>(index + i, place);
  }
};

void pl_gpu_max_pool(pl_stream stream, pl_gpu_type type, const pl_gpu_pool *pool, const void *x, void *y,
                     uint8_t *index) {
  pl_gpu_shape out = {pool->in.n, pool->oh, pool->ow, pool->in.c};
  with_type_and_width(type, out.c % PL_WIDE == 0, [&](auto zero, auto width) {
    using T = decltype(zero);
    constexpr int V = width;
    pl_map<V>(stream, &out, max_pool_op<T, V>{*pool, static_cast<const T *>(x), static_cast<T *>(y), index});
  });
}

// Each pixel asks the windows that it lies in, row by row, whether it was their maximum.
template <class T, int V>
struct max_pool_backward_op {
  pl_gpu_pool pool;
  const uint8_t *index;
  const T *dy;
  T *dx;
  struct channel {
    int64_t base;
  };
  __device__ channel prepare(int64_t image, int32_t c) const { return {image * pool.oh * pool.ow * pool.in.c + c}; }
  __device__ static int32_t first_window(int32_t position, const pl_gpu_pool &pool) {
    int32_t past = position - pool.kernel + 1;
    return past <= 0 ? 0 : (past + pool.stride - 1) / pool.stride;
  }
  __device__ void at(const channel &c, int64_t i, int64_t pixel) const {
    int32_t y = (int32_t)pixel / pool.in.w + pool.pad, x = (int32_t)pixel % pool.in.w + pool.pad;
    float sum[V] = {};
    for (int32_t oy = first_window(y, pool); oy < pool.oh && oy * pool.stride <= y; oy++) {
      for (int32_t ox = first_window(x, pool); ox < pool.ow && ox * pool.stride <= x; ox++) {
        int64_t from = c.base + ((int64_t)oy * pool.ow + ox) * pool.in.c;
        uint8_t here = (uint8_t)((y - oy * pool.stride) * pool.kernel + x - ox * pool.stride);
        alignas(8) uint8_t place[8];
        float d[V];
        load_index<V>(place, index + from);
        pl_load(d, dy + from);
#pragma unroll
        for (int k = 0; k < V; k++) sum[k] += place[k] == here ? d[k] : 0;
      }
    }
    pl_store(dx + i, sum);
  }
};

void pl_gpu_max_pool_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_pool *pool, const uint8_t *index,
                              const void *dy, void *dx) {
  with_type_and_width(type, pool->in.c % PL_WIDE == 0, [&](auto zero, auto width) {
    using T = decltype(zero);
    constexpr int V = width;
    pl_map<V>(stream, &pool->in,
              max_pool_backward_op<T, V>{*pool, index, static_cast<const T *>(dy), static_cast<T *>(dx)});
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Mean over h and w

template <class T>
struct mean_finish_op {
  double pixels;
  int32_t channels;
  T *y;
  __device__ void finish(int64_t image, int32_t c, const double (&sums)[1]) const {
    y[image * channels + c] = pl_from_float<T>((float)(sums[0] / pixels));
  }
};

void pl_gpu_mean_hw(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x, void *y,
                    void *scratch) {
  double *partial = pl_partial_sums(scratch), pixels = (double)shape->h * shape->w;
  with_type_and_width(type, shape->c % PL_WIDE == 0, [&](auto zero, auto width) {
    using T = decltype(zero);
    constexpr int V = width;
    pl_reduce<V>(stream, shape, pl_sum_op<T, V>{static_cast<const T *>(x)}, partial);
    pl_finish<1>(stream, shape, true, mean_finish_op<T>{pixels, shape->c, static_cast<T *>(y)}, partial);
  });
}

template <class T, int V>
struct mean_backward_op {
  const T *dy;
  float pixels;
  int32_t channels;
  T *dx;
  struct channel {
    float d[V];
  };
  __device__ channel prepare(int64_t image, int32_t c) const {
    channel at;
    pl_load(at.d, dy + image * channels + c);
#pragma unroll
    for (int k = 0; k < V; k++) at.d[k] /= pixels;
    return at;
  }
  __device__ void at(const channel &c, int64_t i, int64_t) const { pl_store(dx + i, c.d); }
};

void pl_gpu_mean_hw_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *dy, void *dx) {
  with_type_and_width(type, shape->c % PL_WIDE == 0, [&](auto zero, auto width) {
    using T = decltype(zero);
    constexpr int V = width;
    pl_map<V>(stream, shape,
              mean_backward_op<T, V>{static_cast<const T *>(dy), (float)((double)shape->h * shape->w), shape->c,
                                     static_cast<T *>(dx)});
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Upsampling and concatenation are one: a tensor's pixels go to a run of channels of a wider tensor, each to one pixel
// there or, upsampled, to four.

// The wider tensor, as the small one's image and channel see it.
typedef struct run_of {
  int32_t width, channels, offset;  // the small side's width; the wider tensor's channels, and where the run begins
  bool upsample;
} run_of;

struct run_start {
  int64_t base;
};

__device__ static run_start start_of_run(const run_of &run, int64_t pixels, int64_t image, int32_t c) {
  return {image * pixels * (run.upsample ? 4 : 1) * run.channels + run.offset + c};
}

// Where the pixel goes; *row is the way to the next row of the wider tensor.
__device__ static int64_t place_in_run(const run_of &run, const run_start &start, int64_t pixel, int64_t *row) {
  *row = 2 * (int64_t)run.width * run.channels;
  if (!run.upsample) return start.base + pixel * run.channels;
  int32_t y = (int32_t)pixel / run.width, x = (int32_t)pixel % run.width;
  return start.base + 2 * y * *row + 2 * (int64_t)x * run.channels;
}

template <class T, int V>
struct spread_op {
  run_of run;
  int64_t pixels;
  const T *x;
  T *y;
  using channel = run_start;
  __device__ channel prepare(int64_t image, int32_t c) const { return start_of_run(run, pixels, image, c); }
  __device__ void at(const channel &c, int64_t i, int64_t pixel) const {
    int64_t row, to = place_in_run(run, c, pixel, &row);
    float v[V];
    pl_load(v, x + i);
    pl_store(y + to, v);
    if (!run.upsample) return;
    pl_store(y + to + run.channels, v);
    pl_store(y + to + row, v);
    pl_store(y + to + row + run.channels, v);
  }
};

template <class T, int V>
struct collect_op {
  run_of run;
  int64_t pixels;
  const T *dy;
  T *dx;
  using channel = run_start;
  __device__ channel prepare(int64_t image, int32_t c) const { return start_of_run(run, pixels, image, c); }
  __device__ void at(const channel &c, int64_t i, int64_t pixel) const {
    int64_t row, from = place_in_run(run, c, pixel, &row);
    float d[4][V];
    pl_load(d[0], dy + from);
    if (run.upsample) {
      pl_load(d[1], dy + from + run.channels);
      pl_load(d[2], dy + from + row);
      pl_load(d[3], dy + from + row + run.channels);
#pragma unroll
      for (int k = 0; k < V; k++) d[0][k] = (d[0][k] + d[1][k]) + (d[2][k] + d[3][k]);
    }
    pl_store(dx + i, d[0]);
  }
};

static void spread(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, run_of run, bool wide, const void *x,
                   void *y) {
  with_type_and_width(type, wide, [&](auto zero, auto width) {
    using T = decltype(zero);
    constexpr int V = width;
    pl_map<V>(stream, shape,
              spread_op<T, V>{run, (int64_t)shape->h * shape->w, static_cast<const T *>(x), static_cast<T *>(y)});
  });
}

static void collect(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, run_of run, bool wide,
                    const void *dy, void *dx) {
  with_type_and_width(type, wide, [&](auto zero, auto width) {
    using T = decltype(zero);
    constexpr int V = width;
    pl_map<V>(stream, shape,
              collect_op<T, V>{run, (int64_t)shape->h * shape->w, static_cast<const T *>(dy), static_cast<T *>(dx)});
  });
}

void pl_gpu_upsample2(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x, void *y) {
  spread(stream, type, shape, {shape->w, shape->c, 0, true}, shape->c % PL_WIDE == 0, x, y);
}

void pl_gpu_upsample2_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *dy,
                               void *dx) {
  collect(stream, type, shape, {shape->w, shape->c, 0, true}, shape->c % PL_WIDE == 0, dy, dx);
}

// b's shape beside a's.
static pl_gpu_shape second_shape(const pl_gpu_shape *shape, int32_t channels, bool upsample) {
  int32_t factor = upsample ? 2 : 1;
  return {shape->n, shape->h * factor, shape->w * factor, channels};
}

void pl_gpu_concat(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, int32_t b_channels, bool upsample,
                   const void *a, const void *b, void *y) {
  const int32_t channels = shape->c + b_channels;
  const bool wide = shape->c % PL_WIDE == 0 && b_channels % PL_WIDE == 0;
  const pl_gpu_shape second = second_shape(shape, b_channels, upsample);
  spread(stream, type, shape, {shape->w, channels, 0, upsample}, wide, a, y);
  spread(stream, type, &second, {second.w, channels, shape->c, false}, wide, b, y);
}

void pl_gpu_concat_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, int32_t b_channels,
                            bool upsample, const void *dy, void *da, void *db) {
  const int32_t channels = shape->c + b_channels;
  const bool wide = shape->c % PL_WIDE == 0 && b_channels % PL_WIDE == 0;
  const pl_gpu_shape second = second_shape(shape, b_channels, upsample);
  if (da != nullptr) collect(stream, type, shape, {shape->w, channels, 0, upsample}, wide, dy, da);
  if (db != nullptr) collect(stream, type, &second, {second.w, channels, shape->c, false}, wide, dy, db);
}
