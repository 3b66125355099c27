// The two shapes that most kernels have: something at every element of an NHWC tensor, knowing its image and channel
// (map), and sums over the pixels of each channel (reduce, then finish).
//
// A block has lanes (a power of two) by rows of threads. A lane keeps V neighbouring channels, so that what depends on
// the channel is loaded once; rows go through the pixels of a chunk. No index is divided.
#pragma once

#include "gpu/kernels/launch.cuh"

typedef struct pl_planes {
  int64_t images, pixels;  // pixels of an image
  int32_t channels, lanes_log2, chunk, chunks;
} pl_planes;

static inline pl_planes pl_planes_of(const pl_gpu_shape *shape, int width, int lanes_log2_max) {
  pl_planes p = {shape->n, (int64_t)shape->h * shape->w, shape->c, 0, 0, 0};
  while (p.lanes_log2 < lanes_log2_max && (int64_t)width << p.lanes_log2 < shape->c) p.lanes_log2++;
  return p;
}

static inline dim3 pl_planes_grid(const pl_planes *p, int width) {
  return dim3((unsigned)p->chunks, (unsigned)pl_div_up(p->channels, (int64_t)width << p->lanes_log2),
              (unsigned)p->images);
}

constexpr int64_t PL_ENOUGH_BLOCKS = 1024;

// The longest runs of pixels a thread, up to `longest`, that still make enough blocks; at least 4.
static inline void pl_planes_cut(pl_planes *p, int width, int64_t longest) {
  for (int64_t run = longest; run >= 4; run /= 2) {
    p->chunk = (int32_t)((PL_THREADS >> p->lanes_log2) * run);
    p->chunks = (int32_t)pl_div_up(p->pixels, p->chunk);
    dim3 grid = pl_planes_grid(p, width);
    if ((int64_t)grid.x * grid.y * grid.z >= PL_ENOUGH_BLOCKS) break;
  }
}

// Where a thread is. `channel` may be beyond the last.
struct pl_place {
  int32_t channel, row, rows;
  int64_t image, first, end;  // pixels of the image
};

template <int V>
__device__ inline pl_place pl_place_of(const pl_planes &p) {
  int32_t lane = (int32_t)threadIdx.x & ((1 << p.lanes_log2) - 1);
  pl_place at;
  at.channel = (((int32_t)blockIdx.y << p.lanes_log2) + lane) * V;
  at.row = (int32_t)threadIdx.x >> p.lanes_log2;
  at.rows = (int32_t)blockDim.x >> p.lanes_log2;
  at.image = blockIdx.z;
  int64_t start = (int64_t)blockIdx.x * p.chunk, end = start + p.chunk;
  at.first = start + at.row;
  at.end = end < p.pixels ? end : p.pixels;
  return at;
}

// ---------------------------------------------------------------------------------------------------------------------
// Map. Op has a type `channel`, `channel prepare(int64_t image, int32_t channel) const`, and
// `void at(const channel &, int64_t index, int64_t pixel) const` for the V elements from `index`, of that pixel of the
// image.

template <int V, class Op>
__global__ void pl_map_kernel(Op op, pl_planes p) {
  pl_place at = pl_place_of<V>(p);
  if (at.channel >= p.channels) return;
  typename Op::channel channel = op.prepare(at.image, at.channel);
  int64_t base = at.image * p.pixels * p.channels + at.channel;
#pragma unroll 4
  for (int64_t pixel = at.first; pixel < at.end; pixel += at.rows) op.at(channel, base + pixel * p.channels, pixel);
}

template <int V, class Op>
void pl_map(pl_stream stream, const pl_gpu_shape *shape, const Op &op) {
  pl_planes p = pl_planes_of(shape, V, 8);
  pl_planes_cut(&p, V, 16);
  pl_launch(stream, pl_planes_grid(&p, V), PL_THREADS, pl_map_kernel<V, Op>, op, p);
}

// ---------------------------------------------------------------------------------------------------------------------
// Reduce. Op has `sums`, how many; a type `channel` and `prepare` as above, and
// `void at(const channel &, int64_t index, int64_t pixel, float (&sums)[Op::sums][V]) const`, which adds to them.
// Partial sums are float64 [images, chunks, sums, channels].

constexpr int PL_SUMS_MAX = 4, PL_REDUCE_LANES_LOG2 = 4;

static inline pl_planes pl_reduce_planes(const pl_gpu_shape *shape) {
  int width = shape->c % PL_WIDE == 0 ? PL_WIDE : 1;
  pl_planes p = pl_planes_of(shape, width, PL_REDUCE_LANES_LOG2);
  pl_planes_cut(&p, width, 32);
  return p;
}

// The block's sums: [sums][V][threads] floats are shared; the first threads add a column each, row by row.
template <int V, class Op>
__global__ void pl_reduce_kernel(Op op, pl_planes p, double *partial) {
  float *shared = pl_shared<float>();
  pl_place at = pl_place_of<V>(p);
  float sums[Op::sums][V];
#pragma unroll
  for (int k = 0; k < Op::sums; k++)
#pragma unroll
    for (int v = 0; v < V; v++) sums[k][v] = 0;
  if (at.channel < p.channels) {
    typename Op::channel channel = op.prepare(at.image, at.channel);
    int64_t base = at.image * p.pixels * p.channels + at.channel;
#pragma unroll 4
    for (int64_t pixel = at.first; pixel < at.end; pixel += at.rows)
      op.at(channel, base + pixel * p.channels, pixel, sums);
  }
#pragma unroll
  for (int k = 0; k < Op::sums; k++)
#pragma unroll
    for (int v = 0; v < V; v++) shared[(k * V + v) * PL_THREADS + (int)threadIdx.x] = sums[k][v];
  __syncthreads();
  const int32_t lanes = 1 << p.lanes_log2;
  for (int32_t i = (int32_t)threadIdx.x; i < Op::sums * V * lanes; i += PL_THREADS) {
    int32_t lane = i & (lanes - 1), kv = i >> p.lanes_log2, k = kv / V;
    int32_t channel = (((int32_t)blockIdx.y << p.lanes_log2) + lane) * V + kv % V;
    if (channel >= p.channels) continue;
    double sum = 0;
    for (int32_t row = 0; row < at.rows; row++) sum += shared[kv * PL_THREADS + (row << p.lanes_log2) + lane];
    partial[((at.image * p.chunks + blockIdx.x) * Op::sums + k) * p.channels + channel] = sum;
  }
}

// Finish: adds the chunks of a channel, of each image (grid.y images) or of all (grid.y 1), and calls
// `void finish(int64_t image, int32_t channel, const double (&sums)[K]) const` once for each. A block has 32 channels
// by 8 rows that take turns at the chunks.
constexpr int PL_FINISH_CHANNELS = 32, PL_FINISH_ROWS = PL_THREADS / PL_FINISH_CHANNELS;

template <int K, class Op>
__global__ void pl_finish_kernel(Op op, const double *partial, int32_t channels, int64_t chunks) {
  double *shared = pl_shared<double>();
  int32_t lane = (int32_t)threadIdx.x % PL_FINISH_CHANNELS, row = (int32_t)threadIdx.x / PL_FINISH_CHANNELS;
  int32_t channel = (int32_t)blockIdx.x * PL_FINISH_CHANNELS + lane;
  int64_t image = blockIdx.y;
  double sums[K] = {};
  if (channel < channels) {
#pragma unroll 4
    for (int64_t chunk = row; chunk < chunks; chunk += PL_FINISH_ROWS)
#pragma unroll
      for (int k = 0; k < K; k++) sums[k] += partial[((image * chunks + chunk) * K + k) * channels + channel];
  }
#pragma unroll
  for (int k = 0; k < K; k++) shared[k * PL_THREADS + (int)threadIdx.x] = sums[k];
  __syncthreads();
  if (row != 0 || channel >= channels) return;
  for (int r = 1; r < PL_FINISH_ROWS; r++)
#pragma unroll
    for (int k = 0; k < K; k++) sums[k] += shared[k * PL_THREADS + r * PL_FINISH_CHANNELS + lane];
  op.finish(image, channel, sums);
}

template <int V, class Op>
void pl_reduce(pl_stream stream, const pl_gpu_shape *shape, const Op &op, double *partial) {
  pl_planes p = pl_reduce_planes(shape);
  pl_launch_shared(stream, pl_planes_grid(&p, V), PL_THREADS, Op::sums * V * PL_THREADS * sizeof(float),
                   pl_reduce_kernel<V, Op>, op, p, partial);
}

// After pl_reduce with K sums and the same shape.
template <int K, class Op>
void pl_finish(pl_stream stream, const pl_gpu_shape *shape, bool each_image, const Op &op, const double *partial) {
  pl_planes p = pl_reduce_planes(shape);
  dim3 grid((unsigned)pl_div_up(p.channels, PL_FINISH_CHANNELS), each_image ? (unsigned)p.images : 1u, 1u);
  pl_launch_shared(stream, grid, PL_THREADS, K * PL_THREADS * sizeof(double), pl_finish_kernel<K, Op>, op, partial,
                   p.channels, each_image ? (int64_t)p.chunks : p.chunks * p.images);
}

// The plain sum, an Op of pl_reduce.
template <class T, int V>
struct pl_sum_op {
  static constexpr int sums = 1;
  const T *x;
  struct channel {};
  __device__ channel prepare(int64_t, int32_t) const { return {}; }
  __device__ void at(const channel &, int64_t i, int64_t, float (&sum)[1][V]) const {
    float v[V];
    pl_load(v, x + i);
#pragma unroll
    for (int k = 0; k < V; k++) sum[0][k] += v[k];
  }
};

// A scratch of pl_gpu_scratch bytes holds partial sums, then this many floats a channel of each image, and as many once
// more.
constexpr int64_t PL_COEFFICIENTS = 8;

static inline int64_t pl_partial_count(const pl_gpu_shape *shape) {
  pl_planes p = pl_reduce_planes(shape);
  return p.images * p.chunks * PL_SUMS_MAX * p.channels;
}

static inline double *pl_partial_sums(void *scratch) { return static_cast<double *>(scratch); }

static inline float *pl_coefficients(const pl_gpu_shape *shape, void *scratch) {
  return reinterpret_cast<float *>(pl_partial_sums(scratch) + pl_div_up(pl_partial_count(shape), 2) * 2);
}
