// Backward weights of 3x3 convolutions: 16 output channels by 8 input channels of a tap are a matrix product over
// pixels, 16 of a row at a time. A block adds up its share of the tiles in registers and writes one partial gradient; a
// second kernel adds these in their order, in float64.
#include "gpu/kernels/conv.cuh"

namespace {

constexpr int BLOCKS = 256;

// A warp has 16 output channels by 16 input channels (two products) of all taps. A slab has `roles` such squares that
// lie in a group; where there are fewer than warps, the warps share out the rows of a tile.
template <class ELEMENT, int IN, int OUT, int SLAB_IN, int SLAB_OUT, int STRIDE>
struct weights_kind {
  using T = ELEMENT;
  static constexpr int in = IN, out = OUT, slab_in = SLAB_IN, slab_out = SLAB_OUT;
  static constexpr int rows = STRIDE == 2 ? 4 : 8;
  using x_tile = pl_conv_tile<rows, STRIDE, 3, -1, SLAB_IN>;
  using y_tile = pl_conv_tile<rows, 1, 1, 0, SLAB_OUT>;
  static constexpr int across = IN <= 16 ? 1 : IN / 16;  // squares side by side
  static constexpr int roles = SLAB_OUT / 16 * across;
  static constexpr int turns = roles <= PL_CONV_WARPS ? 1 : roles / PL_CONV_WARPS;  // squares a warp
  static constexpr int split = roles <= PL_CONV_WARPS ? PL_CONV_WARPS / roles : 1;  // warps a square
  static constexpr size_t shared = 2 * (x_tile::bytes + y_tile::bytes);

  // The first output and input channel of a square within the slab.
  __device__ static int first_out(int role) { return role / across * 16; }
  __device__ static int first_in(int role) { return first_out(role) / OUT * IN + role % across * 16; }
};

struct weights {
  pl_conv_grid grid;
  pl_conv_side x, y;
};

// Adds a row of 16 pixels to the square's sums.
template <class Kind>
__device__ void add_row(unsigned char *x, unsigned char *y, int role, int row, float (&sums)[9][2][4]) {
  using T = typename Kind::T;
  const int thread = (int)threadIdx.x % 32, matrix = thread / 8;
  uint32_t a[4];
  // Matrices: channels 0-7 and 8-15 of pixels 0-7, then of pixels 8-15.
  pl_load_matrices_transposed(a, Kind::y_tile::at(y, Kind::y_tile::pixel(row, thread % 8 + matrix / 2 * 8, 0, 0),
                                                  Kind::first_out(role) / 8 + matrix % 2));
#pragma unroll
  for (int tap = 0; tap < 9; tap++) {
    uint32_t b[4];
    // Pixels 0-7 and 8-15 of channels 0-7, then of channels 8-15.
    const int pixel = Kind::x_tile::pixel(row, thread % 8 + matrix % 2 * 8, tap / 3, tap % 3);
    pl_load_matrices_transposed(b, Kind::x_tile::at(x, pixel, Kind::first_in(role) / 8 + matrix / 2));
    pl_mma<T>(sums[tap][0], a, pl_pair{b[0], b[1]});
    pl_mma<T>(sums[tap][1], a, pl_pair{b[2], b[3]});
  }
}

// What of a square lies within a group goes to the block's partial gradient [oc, 9, IN].
template <class Kind>
__device__ void write_square(float *partial, int32_t slab, int role, const float (&sums)[9][2][4]) {
  const int thread = (int)threadIdx.x % 32;
  for (int i = 0; i < 8; i++) {
    const int32_t out = slab * Kind::slab_out + Kind::first_out(role) + thread / 4 + i % 4 / 2 * 8;
    const int32_t in = slab * Kind::slab_in + Kind::first_in(role) + i / 4 * 8 + thread % 4 * 2 + i % 2;
    if (out / Kind::out != in / Kind::in) continue;
#pragma unroll
    for (int tap = 0; tap < 9; tap++) {
      float sum = 0;
#pragma unroll
      for (int k = 0; k < 8; k++) sum = k == i ? sums[tap][k / 4][k % 4] : sum;
      partial[((int64_t)out * 9 + tap) * Kind::in + in % Kind::in] = sum;
    }
  }
}

template <class Kind>
__device__ void copy_tiles(const weights &g, unsigned char *shared, int32_t tile, int32_t slab,
                           const typename Kind::T *x, const typename Kind::T *y) {
  int32_t image, row, column;
  g.grid.place(tile, Kind::rows, &image, &row, &column);
  x += (int64_t)image * g.x.h * g.x.w * g.x.c;
  y += (int64_t)image * g.y.h * g.y.w * g.y.c;
  pl_conv_copy_tile<typename Kind::x_tile>(shared, x, g.x, row, column, slab * Kind::slab_in);
  pl_conv_copy_tile<typename Kind::y_tile>(shared + Kind::x_tile::bytes, y, g.y, row, column, slab * Kind::slab_out);
}

template <class Kind>
__global__ void __launch_bounds__(PL_CONV_THREADS)
    weights_kernel(weights g, const typename Kind::T *x, const typename Kind::T *y, float *partial, int64_t count) {
  constexpr size_t stage_bytes = Kind::x_tile::bytes + Kind::y_tile::bytes;
  unsigned char *shared = pl_shared<unsigned char>();
  const int warp = (int)threadIdx.x / 32, part = warp % Kind::split;
  const int32_t slab = (int32_t)blockIdx.y, tiles = g.grid.n * g.grid.down * g.grid.across;
  float sums[Kind::turns][9][2][4] = {};
  int stage = 0;
  copy_tiles<Kind>(g, shared, (int32_t)blockIdx.x, slab, x, y);
  pl_copy_async_commit();
  for (int32_t tile = (int32_t)blockIdx.x; tile < tiles; tile += (int32_t)gridDim.x, stage ^= 1) {
    if (tile + (int32_t)gridDim.x < tiles) {
      copy_tiles<Kind>(g, shared + (stage ^ 1) * stage_bytes, tile + (int32_t)gridDim.x, slab, x, y);
    }
    pl_copy_async_commit();
    pl_copy_async_wait<1>();
    __syncthreads();
    unsigned char *x_tile = shared + stage * stage_bytes, *y_tile = x_tile + Kind::x_tile::bytes;
    for (int row = part; row < Kind::rows; row += Kind::split) {
#pragma unroll
      for (int turn = 0; turn < Kind::turns; turn++)
        add_row<Kind>(x_tile, y_tile, warp / Kind::split + turn * PL_CONV_WARPS, row, sums[turn]);
    }
    __syncthreads();
  }
  float *own = partial + ((int64_t)blockIdx.x * Kind::split + part) * count;
#pragma unroll
  for (int turn = 0; turn < Kind::turns; turn++)
    write_square<Kind>(own, slab, warp / Kind::split + turn * PL_CONV_WARPS, sums[turn]);
}

template <class T>
__global__ void finish_kernel(const float *partial, int32_t parts, int64_t count, float alpha, float beta, T *w) {
  const int64_t i = (int64_t)blockIdx.x * PL_THREADS + threadIdx.x;
  if (i >= count) return;
  double sum = 0;
#pragma unroll 8
  for (int32_t part = 0; part < parts; part++) sum += (double)partial[part * count + i];
  float value = alpha * (float)sum;
  if (beta != 0) value += beta * pl_to_float(w[i]);
  w[i] = pl_from_float<T>(value);
}

// ---------------------------------------------------------------------------------------------------------------------

struct weights_of {
  pl_stream stream;
  const pl_dnn_conv *conv;
  const pl_dnn_args *args;  // NULL: only the workspace
  uint64_t *workspace;

  template <class T, int IN, int OUT, int SLAB_IN, int SLAB_OUT, int STRIDE>
  bool run() const {
    using Kind = weights_kind<T, IN, OUT, SLAB_IN, SLAB_OUT, STRIDE>;
    const pl_dnn_conv &c = *conv;
    weights g;
    g.grid = pl_conv_grid_of(c.n, c.oh, c.ow, Kind::rows);
    g.x = {(int32_t)c.ih, (int32_t)c.iw, (int32_t)c.ic};
    g.y = {(int32_t)c.oh, (int32_t)c.ow, (int32_t)c.oc};
    const int64_t slabs = c.oc / SLAB_OUT, count = c.oc * 9 * IN, tiles = pl_conv_tiles(g.grid);
    const int64_t wanted = BLOCKS / slabs > 1 ? BLOCKS / slabs : 1, blocks = tiles < wanted ? tiles : wanted;
    const int64_t parts = blocks * Kind::split;
    if (args == nullptr) {
      *workspace = (uint64_t)(parts * count) * sizeof(float);
      return true;
    }
    float *partial = static_cast<float *>(args->workspace);
    pl_launch_shared(stream, dim3((unsigned)blocks, (unsigned)slabs), PL_CONV_THREADS, Kind::shared,
                     weights_kernel<Kind>, g, static_cast<const T *>(args->x), static_cast<const T *>(args->y), partial,
                     count);
    pl_launch(stream, dim3((unsigned)pl_div_up(count, PL_THREADS)), PL_THREADS, finish_kernel<T>,
              static_cast<const float *>(partial), (int32_t)parts, count, c.alpha, c.beta, static_cast<T *>(args->w));
    return true;
  }
};

}  // namespace

uint64_t pl_conv_weights_workspace(const pl_dnn_conv *conv) {
  uint64_t bytes = 0;
  pl_with_conv(conv, weights_of{nullptr, conv, nullptr, &bytes});
  return bytes;
}

void pl_conv_weights(pl_stream stream, const pl_dnn_conv *conv, const pl_dnn_args *args) {
  pl_with_conv(conv, weights_of{stream, conv, args, nullptr});
}
