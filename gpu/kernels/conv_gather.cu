// Forward and backward data of 3x3 convolutions: each output pixel gathers the taps that reach it. Sixteen pixels of a
// row by 8 channels are a matrix product over (tap, channel), 16 of them at a time: two taps of 8 channels where a
// group has 4 or 8, else 16 channels of a tap.
//
// Backward data with stride 1 is forward with the taps turned round and the channels of the weight exchanged. With
// stride 2 the output pixels fall into four phases by whether row and column are odd, and each gathers at most 2x2
// taps.
#include "gpu/kernels/conv.cuh"

namespace {

constexpr int TILES_A_BLOCK = 4;

// IN, OUT: channels of a group on the side that is read, and written. TAPS: 9, or 4 of a phase.
template <class ELEMENT, int IN, int OUT, int SLAB_IN, int SLAB_OUT, int STEP, int TAPS>
struct gather_kind {
  using T = ELEMENT;
  static constexpr int in = IN, out = OUT, slab_in = SLAB_IN, slab_out = SLAB_OUT, taps = TAPS;
  static constexpr int rows = STEP == 2 ? 4 : 8, warp_rows = rows / PL_CONV_WARPS;
  using tile = pl_conv_tile<rows, STEP, TAPS == 9 ? 3 : 2, TAPS == 9 ? -1 : 0, SLAB_IN>;
  static constexpr int chunks = SLAB_OUT / 8;                                // of 8 output channels
  static constexpr int together = IN <= 8 ? 1 : OUT / 8;                     // chunks that read the same inputs
  static constexpr int steps = IN <= 8 ? (TAPS + 1) / 2 : TAPS * (IN / 16);  // products a chunk
  static constexpr int pairs = chunks * steps * 32;                          // of a slab's weights
  static constexpr size_t weight_bytes = (size_t)pairs * sizeof(pl_pair);
  static constexpr size_t staging_bytes = (size_t)PL_CONV_WIDTH * SLAB_OUT * 2;  // a warp's
  static constexpr size_t shared = 2 * tile::bytes + weight_bytes + PL_CONV_WARPS * staging_bytes;

  // Which tap, and which chunk of the slab's input, half `hi` of step s takes for the chunks from `chunk` on.
  __device__ static int tap_of(int s, int hi) { return IN <= 8 ? 2 * s + hi : s / (IN <= 8 ? 1 : IN / 16); }
  __device__ static int input_of(int s, int hi, int chunk) {
    return IN <= 8 ? chunk : chunk * 8 / OUT * (IN / 8) + s % (IN <= 8 ? 1 : IN / 16) * 2 + hi;
  }
};

struct gather {
  pl_conv_grid grid;
  pl_conv_side from, to;
  int32_t spread;   // output pixels are so far apart: 1, or 2 in phases
  bool transposed;  // backward data
  int32_t oc, ic;   // channels of a group of the convolution
  float alpha, beta;
  bool relu;
};

// ---------------------------------------------------------------------------------------------------------------------
// Weights in the order in which threads want them: [phase][slab][chunk][step][thread].

// Along one axis with stride 2, output pixel 2i or, odd, 2i+1 gathers input pixel i and, `next`, i+1.
__device__ int phase_tap(bool odd, bool next) { return odd ? (next ? 0 : 2) : (next ? -1 : 1); }

// The tap of the convolution's weight that gathering tap `tap` is, -1: none.
template <class Kind>
__device__ int weight_tap(const gather &g, int phase, int tap) {
  if (tap >= Kind::taps) return -1;
  if constexpr (Kind::taps == 9) {
    return g.transposed ? 8 - tap : tap;
  } else {
    const int row = phase_tap(phase / 2 != 0, tap / 2 != 0), column = phase_tap(phase % 2 != 0, tap % 2 != 0);
    return row < 0 || column < 0 ? -1 : row * 3 + column;
  }
}

template <class Kind>
__global__ void pack_kernel(gather g, const typename Kind::T *w, pl_pair *packed, int32_t count) {
  using T = typename Kind::T;
  const int32_t i = (int32_t)(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  const int thread = i % 32, step = i / 32 % Kind::steps, chunk = i / 32 / Kind::steps % Kind::chunks;
  const int32_t slabs = g.to.c / Kind::slab_out, slab = i / Kind::pairs % slabs, phase = i / Kind::pairs / slabs;
  const int32_t out = slab * Kind::slab_out + chunk * 8 + thread / 4;
  alignas(8) T values[4];
  for (int k = 0; k < 4; k++) {
    const int hi = k / 2, tap = weight_tap<Kind>(g, phase, Kind::tap_of(step, hi));
    const int together = chunk / Kind::together * Kind::together;
    const int32_t in = slab * Kind::slab_in + Kind::input_of(step, hi, together) * 8 + thread % 4 * 2 + k % 2;
    const bool inside = tap >= 0 && out / Kind::out == in / Kind::in;
    const int32_t oc = g.transposed ? in : out, ic = g.transposed ? out : in;
    values[k] = inside ? w[((int64_t)oc * 9 + tap) * g.ic + ic % g.ic] : pl_from_float<T>(0);
  }
  pl_copy8(&packed[i], values);
}

// ---------------------------------------------------------------------------------------------------------------------

// One pair of results to the warp's staging, rounded once.
template <class Kind>
__device__ void stage(const gather &g, unsigned char *staging, const typename Kind::T *old, bool inside,
                      const typename Kind::T *bias, int pixel, int chunk, float first, float second) {
  using T = typename Kind::T;
  const int part = (int)(threadIdx.x % 4);
  float values[2] = {g.alpha * first, g.alpha * second};
  alignas(4) T pair[2];
  if (g.beta != 0 && inside) {
    pl_copy4(pair, old + part * 2);
    for (int i = 0; i < 2; i++) values[i] += g.beta * pl_to_float(pair[i]);
  }
  for (int i = 0; i < 2; i++) {
    if (bias != nullptr) values[i] += pl_to_float(bias[part * 2 + i]);
    pair[i] = pl_from_float<T>(g.relu ? pl_relu(values[i]) : values[i]);
  }
  const int place = pixel * Kind::chunks + (chunk ^ (pixel & (Kind::chunks - 1)));
  pl_copy4(staging + place * 16 + part * 4, pair);
}

// A warp's row of 16 pixels of the tile.
template <class Kind>
__device__ void gather_row(const gather &g, unsigned char *tile, const pl_pair *weights, unsigned char *staging,
                           int row, const typename Kind::T *bias, typename Kind::T *to, int32_t y, int32_t x) {
  using T = typename Kind::T;
  using tile_of = typename Kind::tile;
  const int thread = (int)threadIdx.x % 32, hi = thread / 16;
  const int32_t valid = y < g.to.h && x < g.to.w ? (g.to.w - x + g.spread - 1) / g.spread : 0;
#pragma unroll 1
  for (int chunk = 0; chunk < Kind::chunks; chunk += Kind::together) {
    float sums[Kind::together][4] = {};
#pragma unroll
    for (int s = 0; s < Kind::steps; s++) {
      int tap = Kind::tap_of(s, hi);
      tap = tap < Kind::taps ? tap : Kind::taps - 1;  // its weights are 0
      const int pixel = tile_of::pixel(row, thread % 16, tap / tile_of::span, tap % tile_of::span);
      uint32_t a[4];
      pl_load_matrices(a, tile_of::at(tile, pixel, Kind::input_of(s, hi, chunk)));
#pragma unroll
      for (int j = 0; j < Kind::together; j++) {
        pl_pair b;
        pl_copy8(&b, &weights[((chunk + j) * Kind::steps + s) * 32 + thread]);
        pl_mma<T>(sums[j], a, b);
      }
    }
#pragma unroll
    for (int j = 0; j < Kind::together; j++) {
      const T *add = bias != nullptr ? bias + (chunk + j) * 8 : nullptr;
      for (int half = 0; half < 2; half++) {
        const int pixel = thread / 4 + half * 8;
        const T *old = to + (int64_t)pixel * g.spread * g.to.c + (chunk + j) * 8;
        stage<Kind>(g, staging, old, pixel < valid, add, pixel, chunk + j, sums[j][2 * half], sums[j][2 * half + 1]);
      }
    }
  }
  __syncwarp();
  for (int i = thread; i < PL_CONV_WIDTH * Kind::chunks; i += 32) {
    const int pixel = i / Kind::chunks, chunk = i % Kind::chunks;
    const int place = pixel * Kind::chunks + (chunk ^ (pixel & (Kind::chunks - 1)));
    if (pixel < valid) pl_copy16(to + (int64_t)pixel * g.spread * g.to.c + chunk * 8, staging + place * 16);
  }
  __syncwarp();
}

template <class Kind>
__global__ void __launch_bounds__(PL_CONV_THREADS)
    gather_kernel(gather g, const typename Kind::T *from, const pl_pair *packed, const typename Kind::T *bias,
                  typename Kind::T *to) {
  using tile = typename Kind::tile;
  unsigned char *tiles = pl_shared<unsigned char>();
  pl_pair *weights = reinterpret_cast<pl_pair *>(tiles + 2 * tile::bytes);
  const int warp = (int)threadIdx.x / 32;
  unsigned char *staging = tiles + 2 * tile::bytes + Kind::weight_bytes + warp * Kind::staging_bytes;
  const int32_t slab = (int32_t)blockIdx.y, phase = (int32_t)blockIdx.z, count = g.grid.n * g.grid.down * g.grid.across;
  const int32_t first = (int32_t)blockIdx.x * TILES_A_BLOCK;
  const int32_t end = first + TILES_A_BLOCK < count ? first + TILES_A_BLOCK : count;
  packed += (int64_t)(phase * (int32_t)gridDim.y + slab) * Kind::pairs;
  for (int i = (int)threadIdx.x; i < Kind::pairs; i += PL_CONV_THREADS) pl_copy8(&weights[i], &packed[i]);
  const int64_t from_image = (int64_t)g.from.h * g.from.w * g.from.c, to_image = (int64_t)g.to.h * g.to.w * g.to.c;
  int32_t image, row, column;
  g.grid.place(first, Kind::rows, &image, &row, &column);
  pl_conv_copy_tile<tile>(tiles, from + image * from_image, g.from, row, column, slab * Kind::slab_in);
  pl_copy_async_commit();
  for (int32_t i = first; i < end; i++) {
    if (i + 1 < end) {
      g.grid.place(i + 1, Kind::rows, &image, &row, &column);
      pl_conv_copy_tile<tile>(tiles + (i + 1 - first) % 2 * tile::bytes, from + image * from_image, g.from, row, column,
                              slab * Kind::slab_in);
    }
    pl_copy_async_commit();
    pl_copy_async_wait<1>();
    __syncthreads();
    g.grid.place(i, Kind::rows, &image, &row, &column);
    for (int r = warp * Kind::warp_rows; r < (warp + 1) * Kind::warp_rows; r++) {
      const int32_t y = (row + r) * g.spread + phase / 2, x = column * g.spread + phase % 2;
      typename Kind::T *pixels = to + image * to_image + ((int64_t)y * g.to.w + x) * g.to.c + slab * Kind::slab_out;
      gather_row<Kind>(g, tiles + (i - first) % 2 * tile::bytes, weights, staging, r,
                       bias != nullptr ? bias + slab * Kind::slab_out : nullptr, pixels, y, x);
    }
    __syncthreads();
  }
}

// ---------------------------------------------------------------------------------------------------------------------

template <class Kind>
uint64_t packed_bytes(const pl_dnn_conv *c) {
  const int64_t channels = c->direction == PL_DNN_FORWARD ? c->oc : c->ic;
  return (uint64_t)(channels / Kind::slab_out * (Kind::taps == 9 ? 1 : 4)) * Kind::weight_bytes;
}

template <class Kind>
void run_gather(pl_stream stream, const pl_dnn_conv *c, const pl_dnn_args *args) {
  using T = typename Kind::T;
  const bool forward = c->direction == PL_DNN_FORWARD;
  const pl_conv_side x = {(int32_t)c->ih, (int32_t)c->iw, (int32_t)c->ic};
  const pl_conv_side y = {(int32_t)c->oh, (int32_t)c->ow, (int32_t)c->oc};
  gather g;
  g.from = forward ? x : y;
  g.to = forward ? y : x;
  g.spread = Kind::taps == 9 ? 1 : 2;
  g.grid = pl_conv_grid_of(c->n, pl_div_up(g.to.h, g.spread), pl_div_up(g.to.w, g.spread), Kind::rows);
  g.transposed = !forward;
  g.oc = (int32_t)(c->oc / c->groups);
  g.ic = (int32_t)(c->ic / c->groups);
  g.alpha = c->alpha;
  g.beta = c->beta;
  g.relu = c->relu;
  pl_pair *packed = static_cast<pl_pair *>(args->workspace);
  const int32_t count = (int32_t)(packed_bytes<Kind>(c) / sizeof(pl_pair));
  pl_launch(stream, dim3((unsigned)pl_div_up(count, PL_THREADS)), PL_THREADS, pack_kernel<Kind>, g,
            static_cast<const T *>(args->w), packed, count);
  const dim3 grid((unsigned)pl_div_up(pl_conv_tiles(g.grid), TILES_A_BLOCK), (unsigned)(g.to.c / Kind::slab_out),
                  (unsigned)(g.spread * g.spread));
  pl_launch_shared(stream, grid, PL_CONV_THREADS, Kind::shared, gather_kernel<Kind>, g,
                   static_cast<const T *>(forward ? args->x : args->y), static_cast<const pl_pair *>(packed),
                   c->bias ? static_cast<const T *>(args->bias) : nullptr,
                   static_cast<T *>(forward ? args->y : args->x));
}

// Picks the kind of the direction; args NULL: only the workspace.
struct gather_of {
  pl_stream stream;
  const pl_dnn_conv *conv;
  const pl_dnn_args *args;
  uint64_t *workspace;

  template <class Kind>
  bool with() const {
    if (args == nullptr) {
      *workspace = packed_bytes<Kind>(conv);
    } else {
      run_gather<Kind>(stream, conv, args);
    }
    return true;
  }
  template <class T, int IN, int OUT, int SLAB_IN, int SLAB_OUT, int STRIDE>
  bool run() const {
    if (conv->direction == PL_DNN_FORWARD) return with<gather_kind<T, IN, OUT, SLAB_IN, SLAB_OUT, STRIDE, 9>>();
    return with<gather_kind<T, OUT, IN, SLAB_OUT, SLAB_IN, 1, STRIDE == 2 ? 4 : 9>>();
  }
};

}  // namespace

uint64_t pl_conv_gather_workspace(const pl_dnn_conv *conv) {
  uint64_t bytes = 0;
  pl_with_conv(conv, gather_of{nullptr, conv, nullptr, &bytes});
  return bytes;
}

void pl_conv_gather(pl_stream stream, const pl_dnn_conv *conv, const pl_dnn_args *args) {
  pl_with_conv(conv, gather_of{stream, conv, args, nullptr});
}
