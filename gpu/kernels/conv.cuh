// What the convolutions of our own share: how a problem is cut into tiles and slabs, and the kinds that there are.
//
// A block works on tiles of pixels of one slab: a run of channels that whole groups make up. It copies a tile of its
// input, with the rim that the taps reach, to shared memory, pixel by pixel, 16 bytes (8 channels) at a time, in the
// background while it computes on the tile before. Where a pixel's 16-byte chunks lie is permuted by the pixel, so that
// eight neighbouring pixels' same chunk can be read at once.
#pragma once

#include "gpu/conv_kernels.h"
#include "gpu/kernels/mma.cuh"

constexpr int PL_CONV_THREADS = 128, PL_CONV_WARPS = PL_CONV_THREADS / 32, PL_CONV_WIDTH = 16;

// A tile of the input: `rows` x 16 pixels of the grid, whose taps reach `span` pixels from `low` on, `step` pixels
// apart.
template <int ROWS, int STEP, int SPAN, int LOW, int SLAB>
struct pl_conv_tile {
  static constexpr int step = STEP, span = SPAN, low = LOW, slab = SLAB, chunks = SLAB / 8;
  static constexpr int height = STEP * (ROWS - 1) + SPAN, width = STEP * (PL_CONV_WIDTH - 1) + SPAN;
  static constexpr int pixels = height * width;
  static constexpr size_t bytes = (size_t)pixels * SLAB * 2;
  // Pixels that share their chunks' order, so that 8 pixels in a row (step apart) cover all of the memory's banks.
  static constexpr int shift = (chunks == 8 ? 0 : chunks == 4 ? 1 : 2) + (STEP == 2 ? 1 : 0);

  __device__ static unsigned char *at(unsigned char *tile, int pixel, int chunk) {
    return tile + (pixel * chunks + (chunk ^ (pixel >> shift & (chunks - 1)))) * 16;
  }
  __device__ static int pixel(int row, int column, int tap_row, int tap_column) {
    return (STEP * row + tap_row) * width + STEP * column + tap_column;
  }
};

// An NHWC tensor of 16-bit elements.
struct pl_conv_side {
  int32_t h, w, c;
};

// Starts the copy of a tile whose first pixel of the grid is (row, column); what lies outside the image is 0.
template <class Tile, class T>
__device__ inline void pl_conv_copy_tile(unsigned char *tile, const T *image, const pl_conv_side &side, int32_t row,
                                         int32_t column, int32_t channel) {
  for (int i = (int)threadIdx.x; i < Tile::pixels * Tile::chunks; i += PL_CONV_THREADS) {
    const int pixel = i / Tile::chunks, chunk = i % Tile::chunks;
    const int32_t y = row * Tile::step + Tile::low + pixel / Tile::width;
    const int32_t x = column * Tile::step + Tile::low + pixel % Tile::width;
    const bool inside = y >= 0 && y < side.h && x >= 0 && x < side.w;
    const int64_t from = inside ? ((int64_t)y * side.w + x) * side.c : 0;
    pl_copy_async(Tile::at(tile, pixel, chunk), image + from + channel + chunk * 8, inside);
  }
}

// The grid of tiles over n images of h x w pixels.
struct pl_conv_grid {
  int32_t n, down, across;
  __device__ void place(int32_t tile, int32_t rows, int32_t *image, int32_t *row, int32_t *column) const {
    *image = tile / (down * across);
    *row = tile / across % down * rows;
    *column = tile % across * PL_CONV_WIDTH;
  }
};

static inline pl_conv_grid pl_conv_grid_of(int64_t n, int64_t h, int64_t w, int rows) {
  return {(int32_t)n, (int32_t)pl_div_up(h, rows), (int32_t)pl_div_up(w, PL_CONV_WIDTH)};
}

static inline int32_t pl_conv_tiles(const pl_conv_grid &grid) { return grid.n * grid.down * grid.across; }

// Calls f<T, IN, OUT, SLAB_IN, SLAB_OUT, STRIDE>() for the kind of the problem: channels of a group in and out, and of
// a slab. False when there is none.
template <class T, class F>
bool pl_with_conv_of_type(const pl_dnn_conv *c, F f) {
  const int64_t in = c->ic / c->groups, out = c->oc / c->groups;
  if (c->groups > 1) {
    if (in != out || c->ic % 64 != 0) return false;
    const bool strided = c->stride == 2;
    if (in == 4) return strided ? f.template run<T, 4, 4, 64, 64, 2>() : f.template run<T, 4, 4, 64, 64, 1>();
    if (in == 8) return strided ? f.template run<T, 8, 8, 64, 64, 2>() : f.template run<T, 8, 8, 64, 64, 1>();
    if (in == 16) return strided ? f.template run<T, 16, 16, 64, 64, 2>() : f.template run<T, 16, 16, 64, 64, 1>();
    if (in == 32) return strided ? f.template run<T, 32, 32, 64, 64, 2>() : f.template run<T, 32, 32, 64, 64, 1>();
    return false;
  }
  if (c->stride != 1) return false;
  if (in == 16 && out == 16) return f.template run<T, 16, 16, 16, 16, 1>();
  if (in == 32 && out == 16) return f.template run<T, 32, 16, 32, 16, 1>();
  if (in == 16 && out == 32) return f.template run<T, 16, 32, 16, 32, 1>();
  if (in == 32 && out == 32) return f.template run<T, 32, 32, 32, 32, 1>();
  return false;
}

template <class F>
bool pl_with_conv(const pl_dnn_conv *c, F f) {
  return c->type == PL_GPU_F16 ? pl_with_conv_of_type<pl_half>(c, f) : pl_with_conv_of_type<pl_bf16>(c, f);
}

// conv_gather.cu: forward and backward data. conv_weights.cu: backward weights. conv_single.cu: one output channel.
uint64_t pl_conv_gather_workspace(const pl_dnn_conv *conv);
void pl_conv_gather(pl_stream stream, const pl_dnn_conv *conv, const pl_dnn_args *args);
uint64_t pl_conv_weights_workspace(const pl_dnn_conv *conv);
void pl_conv_weights(pl_stream stream, const pl_dnn_conv *conv, const pl_dnn_args *args);
bool pl_conv_single_supported(const pl_dnn_conv *conv);
uint64_t pl_conv_single_workspace(const pl_dnn_conv *conv);
void pl_conv_single(pl_stream stream, const pl_dnn_conv *conv, const pl_dnn_args *args);
