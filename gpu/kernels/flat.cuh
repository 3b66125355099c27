// Something at every element of flat arrays (map), and sums over them (reduce).
#pragma once

#include "gpu/kernels/launch.cuh"

// Op has `template <int V> void at(int64_t index) const` for the V elements from `index`, which is a multiple of V.
// What is left behind the last whole vector is done one by one.
template <class Op>
__global__ void pl_flat_kernel(Op op, int64_t count) {
  int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x, vectors = count / PL_WIDE, rest = count % PL_WIDE;
  if (i < vectors) op.template at<PL_WIDE>(i * PL_WIDE);
  if (i < rest) op.template at<1>(vectors * PL_WIDE + i);
}

template <class Op>
void pl_flat(pl_stream stream, int64_t count, const Op &op) {
  if (count <= 0) return;
  int64_t threads = count < PL_WIDE * PL_WIDE ? (int64_t)PL_WIDE : pl_div_up(count, PL_WIDE);
  pl_launch(stream, dim3((unsigned)pl_div_up(threads, PL_THREADS)), PL_THREADS, pl_flat_kernel<Op>, op, count);
}

// ---------------------------------------------------------------------------------------------------------------------
// Sums of K float64. Op has `sums` (K) and `void at(int64_t row, int64_t index, double (&sums)[K]) const`. `rows` rows
// of `count` elements each are summed apart. Partial sums: [rows][blocks][K].

constexpr int64_t PL_FLAT_BLOCKS = 512, PL_FLAT_PIECE = 2048;

static inline int32_t pl_flat_blocks(int64_t count) {
  int64_t blocks = pl_div_up(count, PL_FLAT_PIECE);
  return (int32_t)(blocks < 1 ? 1 : blocks < PL_FLAT_BLOCKS ? blocks : PL_FLAT_BLOCKS);
}

// Adds the block's sums in a fixed tree; thread 0 has them then.
template <int K>
__device__ inline void pl_block_sum(double (&sums)[K]) {
  double *shared = pl_shared<double>();
  const int thread = (int)threadIdx.x;
#pragma unroll
  for (int k = 0; k < K; k++) shared[k * PL_THREADS + thread] = sums[k];
  for (int half = PL_THREADS / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread >= half) continue;
#pragma unroll
    for (int k = 0; k < K; k++) shared[k * PL_THREADS + thread] += shared[k * PL_THREADS + thread + half];
  }
  if (thread != 0) return;
#pragma unroll
  for (int k = 0; k < K; k++) sums[k] = shared[k * PL_THREADS];
}

template <class Op>
__global__ void pl_flat_reduce_kernel(Op op, int64_t count, double *partial) {
  double sums[Op::sums] = {};
  int64_t row = blockIdx.y, stride = (int64_t)gridDim.x * blockDim.x;
#pragma unroll 4
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride) op.at(row, i, sums);
  pl_block_sum(sums);
  if (threadIdx.x != 0) return;
  for (int k = 0; k < Op::sums; k++) partial[(row * gridDim.x + blockIdx.x) * Op::sums + k] = sums[k];
}

// Calls `void finish(int64_t row, const double (&sums)[K]) const` once a row.
template <int K, class Op>
__global__ void pl_flat_finish_kernel(Op op, int32_t blocks, const double *partial) {
  double sums[K] = {};
  int64_t row = blockIdx.x;
  for (int32_t i = (int32_t)threadIdx.x; i < blocks; i += PL_THREADS)
#pragma unroll
    for (int k = 0; k < K; k++) sums[k] += partial[(row * blocks + i) * K + k];
  pl_block_sum(sums);
  if (threadIdx.x == 0) op.finish(row, sums);
}

template <class Op>
void pl_flat_reduce(pl_stream stream, int32_t rows, int64_t count, int32_t blocks, const Op &op, double *partial) {
  constexpr int K = Op::sums;
  pl_launch_shared(stream, dim3((unsigned)blocks, (unsigned)rows), PL_THREADS, K * PL_THREADS * sizeof(double),
                   pl_flat_reduce_kernel<Op>, op, count, partial);
  pl_launch_shared(stream, dim3((unsigned)rows), PL_THREADS, K * PL_THREADS * sizeof(double),
                   pl_flat_finish_kernel<K, Op>, op, blocks, static_cast<const double *>(partial));
}
