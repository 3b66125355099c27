// Types and orders: casts, NCHW and NHWC, OIHW and KRSC.
#include "gpu/kernels/flat.cuh"

template <class Out, class In>
struct cast_op {
  Out *out;
  const In *in;
  template <int V>
  __device__ void at(int64_t i) const {
    float v[V];
    pl_load(v, in + i);
    pl_store(out + i, v);
  }
};

void pl_gpu_cast(pl_stream stream, pl_gpu_type out_type, void *out, pl_gpu_type in_type, const void *in,
                 int64_t count) {
  pl_with_type(out_type, [&](auto out_zero) {
    pl_with_type(in_type, [&](auto in_zero) {
      using Out = decltype(out_zero);
      using In = decltype(in_zero);
      pl_flat(stream, count, cast_op<Out, In>{static_cast<Out *>(out), static_cast<const In *>(in)});
    });
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// A matrix [rows, columns] of each image to [columns, rows], by tiles that pass through shared memory so that both
// sides are read and written in runs. Columns from `in_columns` to `out_rows` become 0, those beyond `out_rows` are
// left out.

constexpr int TILE = 32, TILE_ROWS = PL_THREADS / TILE;

template <class Out, class In>
__global__ void transpose_kernel(Out *out, const In *in, int64_t rows, int64_t in_columns, int64_t out_rows) {
  float *tile = pl_shared<float>();
  const int32_t x = (int32_t)threadIdx.x % TILE, y = (int32_t)threadIdx.x / TILE;
  const int64_t row = (int64_t)blockIdx.x * TILE, column = (int64_t)blockIdx.y * TILE, image = blockIdx.z;
  for (int32_t i = y; i < TILE; i += TILE_ROWS) {
    bool inside = row + i < rows && column + x < in_columns;
    tile[i * (TILE + 1) + x] = inside ? pl_to_float(in[(image * rows + row + i) * in_columns + column + x]) : 0;
  }
  __syncthreads();
  for (int32_t i = y; i < TILE; i += TILE_ROWS) {
    if (column + i >= out_rows || row + x >= rows) continue;
    out[(image * out_rows + column + i) * rows + row + x] = pl_from_float<Out>(tile[x * (TILE + 1) + i]);
  }
}

template <class Out, class In>
static void transpose(pl_stream stream, Out *out, const In *in, int64_t images, int64_t rows, int64_t in_columns,
                      int64_t out_rows) {
  dim3 grid((unsigned)pl_div_up(rows, TILE), (unsigned)pl_div_up(out_rows, TILE), (unsigned)images);
  pl_launch_shared(stream, grid, PL_THREADS, TILE * (TILE + 1) * sizeof(float), transpose_kernel<Out, In>, out, in,
                   rows, in_columns, out_rows);
}

// The padding of the device's side is on the output's columns here, which the transposition above cannot write.
template <class T>
struct from_nchw_op {
  T *out;
  const float *in;
  int64_t pixels;
  int32_t channels, padded;
  template <int V>
  __device__ void at(int64_t i) const {
    float v[V];
#pragma unroll
    for (int k = 0; k < V; k++) {
      int64_t pixel = (i + k) / padded, c = (i + k) % padded, image = pixel / pixels;
      v[k] = c < channels ? in[(image * channels + c) * pixels + pixel % pixels] : 0;
    }
    pl_store(out + i, v);
  }
};

void pl_gpu_to_nhwc(pl_stream stream, const pl_gpu_shape *shape, int32_t channels, pl_gpu_type type, void *out,
                    const float *in) {
  int64_t pixels = (int64_t)shape->h * shape->w, c = shape->c;
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    T *to = static_cast<T *>(out);
    if (channels == c && c >= TILE / 2 && pixels > 1) {
      // [channels, pixels] to [pixels, channels].
      dim3 grid((unsigned)pl_div_up(c, TILE), (unsigned)pl_div_up(pixels, TILE), (unsigned)shape->n);
      if (grid.y <= 65535) return transpose(stream, to, in, shape->n, c, pixels, pixels);
    }
    pl_flat(stream, shape->n * pixels * c, from_nchw_op<T>{to, in, pixels, channels, shape->c});
  });
}

void pl_gpu_to_nchw(pl_stream stream, const pl_gpu_shape *shape, int32_t channels, pl_gpu_type type, float *out,
                    const void *in) {
  int64_t pixels = (int64_t)shape->h * shape->w;
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    transpose(stream, out, static_cast<const T *>(in), shape->n, pixels, shape->c, channels);
  });
}

// ---------------------------------------------------------------------------------------------------------------------

struct to_krsc_op {
  float *out;
  const float *in;
  pl_gpu_weight weight;
  template <int V>
  __device__ void at(int64_t i) const {
    float v[V];
#pragma unroll
    for (int k = 0; k < V; k++) {
      int64_t c = (i + k) % weight.padded, tap = (i + k) / weight.padded, taps = weight.kernel * weight.kernel;
      int64_t o = tap / taps;
      v[k] = c < weight.i ? in[(o * weight.i + c) * taps + tap % taps] : 0;
    }
    pl_store(out + i, v);
  }
};

struct to_oihw_op {
  float *out;
  const float *in;
  pl_gpu_weight weight;
  template <int V>
  __device__ void at(int64_t i) const {
    float v[V];
#pragma unroll
    for (int k = 0; k < V; k++) {
      int64_t taps = weight.kernel * weight.kernel, tap = (i + k) % taps, oi = (i + k) / taps;
      v[k] = in[(oi / weight.i * taps + tap) * weight.padded + oi % weight.i];
    }
    pl_store(out + i, v);
  }
};

void pl_gpu_weight_to_krsc(pl_stream stream, const pl_gpu_weight *weight, float *out, const float *in) {
  pl_flat(stream, (int64_t)weight->o * weight->kernel * weight->kernel * weight->padded, to_krsc_op{out, in, *weight});
}

void pl_gpu_weight_to_oihw(pl_stream stream, const pl_gpu_weight *weight, float *out, const float *in) {
  pl_flat(stream, (int64_t)weight->o * weight->kernel * weight->kernel * weight->i, to_oihw_op{out, in, *weight});
}
