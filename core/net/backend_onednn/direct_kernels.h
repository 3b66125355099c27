// The inner loops of direct.c, compiled once for each vector length like those of winograd_kernels.h. All are 3x3 with
// stride 1 and padding 1; `lanes` is the block of activations [h][w][lanes]. All work on one thread and one image.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct pl_direct_kernels {
  int64_t lanes;

  // Groups of four channels, one block of channels, output rows [first, end). `weights` are [9][4][lanes]: of the tap
  // and the group's input channel, for each output channel. `bias` is NULL or [lanes].
  void (*quads)(const float *x, const float *weights, const float *bias, bool relu, float *y, int64_t h, int64_t w,
                int64_t first, int64_t end);
  // gradient [3][4][lanes] of the taps in row `ky`, added to.
  void (*quads_gradient)(const float *x, const float *dy, int ky, float *gradient, int64_t h, int64_t w);

  // To one output channel from `blocks` blocks that are `plane` apart, row y of the output. `weights` are
  // [blocks][9][lanes].
  void (*single)(const float *x, int64_t blocks, int64_t plane, const float *weights, float bias, bool relu, float *out,
                 int64_t h, int64_t w, int64_t y);
  // dx of one block, row y, from dy; `weights` are [9][lanes] as in the forward pass.
  void (*single_back)(const float *dy, const float *weights, float *dx, int64_t h, int64_t w, int64_t y);
  // gradient [3][lanes] of one block and the taps in row `ky`, added to.
  void (*single_gradient)(const float *x, const float *dy, int ky, float *gradient, int64_t h, int64_t w);
} pl_direct_kernels;

extern const pl_direct_kernels pl_direct_avx2, pl_direct_avx512;
