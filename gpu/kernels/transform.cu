// Weights of rewritten convolutions, and their gradients. A block takes a tile of output channels by input channels
// through shared memory, because the two sides have them the other way round.
#include "gpu/kernels/flat.cuh"

constexpr int TILE = 32, TILE_ROWS = PL_THREADS / TILE, TAPS3 = 9, TAPS4 = 16;

// Whether A = {{0,0,1},{0,1,1},{1,1,0},{1,0,0}} has a 1 at tap t of four and r of three.
__device__ static bool meets(int t, int r) { return t + r == 2 || t + r == 3; }

__device__ static float *tile_at(float *tile, int tap, int o, int c) {
  return tile + (tap * TILE + o) * (TILE + 1) + c;
}

template <class T>
__global__ void upsample_weight_kernel(pl_gpu_slice slice, const float *w, T *out) {
  float *tile = pl_shared<float>();
  const int x = (int)threadIdx.x % TILE, y = (int)threadIdx.x / TILE;
  const int32_t o = (int32_t)blockIdx.x * TILE, c = (int32_t)blockIdx.y * TILE;
  for (int i = y; i < TILE; i += TILE_ROWS) {
    bool inside = o + i < slice.o && c + x < slice.channels;
    for (int tap = 0; tap < TAPS3; tap++) {
      int64_t from = ((int64_t)(o + i) * TAPS3 + tap) * slice.i + slice.first + c + x;
      *tile_at(tile, tap, i, x) = inside ? w[from] : 0;
    }
  }
  __syncthreads();
  for (int i = y; i < TILE; i += TILE_ROWS) {
    if (c + i >= slice.channels || o + x >= slice.o) continue;
    for (int tap = 0; tap < TAPS4; tap++) {
      float sum = 0;
      for (int t = 0; t < TAPS3; t++) {
        if (meets(tap / 4, t / 3) && meets(tap % 4, t % 3)) sum += *tile_at(tile, t, x, i);
      }
      out[((int64_t)(c + i) * TAPS4 + tap) * slice.o + o + x] = pl_from_float<T>(sum);
    }
  }
}

template <class T>
__global__ void upsample_gradient_kernel(pl_gpu_slice slice, const T *in, const float *loss_scale, bool add,
                                         float *gradient) {
  float *tile = pl_shared<float>();
  const int x = (int)threadIdx.x % TILE, y = (int)threadIdx.x / TILE;
  const int32_t o = (int32_t)blockIdx.x * TILE, c = (int32_t)blockIdx.y * TILE;
  const float unscale = pl_unscale(loss_scale);
  for (int i = y; i < TILE; i += TILE_ROWS) {
    bool inside = c + i < slice.channels && o + x < slice.o;
    for (int tap = 0; tap < TAPS4; tap++) {
      int64_t from = ((int64_t)(c + i) * TAPS4 + tap) * slice.o + o + x;
      *tile_at(tile, tap, x, i) = inside ? pl_to_float(in[from]) : 0;
    }
  }
  __syncthreads();
  for (int i = y; i < TILE; i += TILE_ROWS) {
    if (o + i >= slice.o || c + x >= slice.channels) continue;
    for (int tap = 0; tap < TAPS3; tap++) {
      float sum = 0;
      for (int t = 0; t < TAPS4; t++) {
        if (meets(t / 4, tap / 3) && meets(t % 4, tap % 3)) sum += *tile_at(tile, t, i, x);
      }
      float *to = &gradient[((int64_t)(o + i) * TAPS3 + tap) * slice.i + slice.first + c + x];
      *to = add ? *to + sum * unscale : sum * unscale;
    }
  }
}

static dim3 tiles_of(const pl_gpu_slice *slice) {
  return dim3((unsigned)pl_div_up(slice->o, TILE), (unsigned)pl_div_up(slice->channels, TILE));
}

static size_t tile_bytes(int taps) { return (size_t)taps * TILE * (TILE + 1) * sizeof(float); }

void pl_gpu_upsample_weight(pl_stream stream, const pl_gpu_slice *slice, const float *w, pl_gpu_type type, void *out) {
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_launch_shared(stream, tiles_of(slice), PL_THREADS, tile_bytes(TAPS3), upsample_weight_kernel<T>, *slice, w,
                     static_cast<T *>(out));
  });
}

void pl_gpu_upsample_weight_gradient(pl_stream stream, const pl_gpu_slice *slice, pl_gpu_type type, const void *in,
                                     const float *loss_scale, bool add, float *gradient) {
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_launch_shared(stream, tiles_of(slice), PL_THREADS, tile_bytes(TAPS4), upsample_gradient_kernel<T>, *slice,
                     static_cast<const T *>(in), loss_scale, add, gradient);
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// A run of input channels

// The element of the master weight that element i of the run is.
__device__ static int64_t in_master(const pl_gpu_slice &slice, int64_t i) {
  return i / slice.channels * slice.i + slice.first + i % slice.channels;
}

template <class T>
struct slice_op {
  pl_gpu_slice slice;
  const float *w;
  T *out;
  template <int V>
  __device__ void at(int64_t i) const {
    float v[V];
#pragma unroll
    for (int k = 0; k < V; k++) v[k] = w[in_master(slice, i + k)];
    pl_store(out + i, v);
  }
};

template <class T>
struct slice_gradient_op {
  pl_gpu_slice slice;
  const T *in;
  const float *loss_scale;
  bool add;
  float *gradient;
  template <int V>
  __device__ void at(int64_t i) const {
    float v[V];
    pl_load(v, in + i);
    const float unscale = pl_unscale(loss_scale);
#pragma unroll
    for (int k = 0; k < V; k++) {
      float *to = &gradient[in_master(slice, i + k)];
      *to = add ? *to + v[k] * unscale : v[k] * unscale;
    }
  }
};

static int64_t slice_count(const pl_gpu_slice *slice) { return (int64_t)slice->o * TAPS3 * slice->channels; }

void pl_gpu_slice_weight(pl_stream stream, const pl_gpu_slice *slice, const float *w, pl_gpu_type type, void *out) {
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_flat(stream, slice_count(slice), slice_op<T>{*slice, w, static_cast<T *>(out)});
  });
}

void pl_gpu_slice_weight_gradient(pl_stream stream, const pl_gpu_slice *slice, pl_gpu_type type, const void *in,
                                  const float *loss_scale, bool add, float *gradient) {
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_flat(stream, slice_count(slice),
            slice_gradient_op<T>{*slice, static_cast<const T *>(in), loss_scale, add, gradient});
  });
}
