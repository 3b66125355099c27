// The inner loops of winograd.c. winograd_kernels.c is compiled once for each vector length that x86 has, and exports
// one table of these each time. All work on one thread.
//
// Transformed data is in panels of 16 channels, [36][c/16][rows][16], where a row is a tile (or, for weights, a channel
// of the other side) and 36 are the places of a 6x6 tile. `step` is the distance in floats between places.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PL_WINOGRAD_PLACES = 36, PL_WINOGRAD_PANEL = 16, PL_WINOGRAD_OUTPUT = 4 };

// An activation [c/lanes][h][w][lanes] of one image; `plane` is the distance between channel blocks.
typedef struct pl_winograd_image {
  float *data;
  int64_t plane, h, w;
} pl_winograd_image;

// Factors of a multiplication, at one place: c[rows][16] = a * b, over `depth`.
typedef struct pl_winograd_product {
  const float *a, *b;
  float *c;
  int64_t rows, depth;
  int64_t a_panel;  // floats between panels of a
  bool add;         // to what c holds
} pl_winograd_product;

typedef struct pl_winograd_kernels {
  int64_t lanes;  // the activations' block
  int64_t rows;   // tiles that `multiply` likes to have a multiple of

  // v = B' x B of the 6x6 patch whose first pixel is (y, x), for channels [first, first + count) into panels [0, ...)
  // of `rows` rows each. Pixels outside are 0.
  void (*input)(const pl_winograd_image *image, int64_t y, int64_t x, int64_t first, int64_t count, float *v,
                int64_t rows, int64_t step);
  // v = A x A' of the 4x4 patch at (y, x): the gradient of an output tile.
  void (*gradient)(const pl_winograd_image *image, int64_t y, int64_t x, int64_t first, int64_t count, float *v,
                   int64_t rows, int64_t step);
  // y = A' m A, plus bias, then relu, into the image's 4x4 patch at (y, x) as far as that is inside.
  void (*output)(const float *m, int64_t rows, int64_t step, const float *bias, bool relu,
                 const pl_winograd_image *image, int64_t y, int64_t x, int64_t first, int64_t count);

  // u = G w G' of one block of weights, [3*3][lanes i][lanes o]; rows of u are i, or with `backward` o, its 16 channels
  // then i and the filter turned by 180 degrees.
  void (*weights)(const float *w, float *u, int64_t step, bool backward);
  // w = G' u G, the other way round, forward order.
  void (*weights_back)(const float *u, int64_t step, float *w);

  // a is [depth/16][a_panel: rows][16], b is [depth][16].
  void (*multiply)(const pl_winograd_product *p);
  // a is [depth][16], of which the first p->rows columns count as rows; b is [depth][16].
  void (*multiply_transposed)(const pl_winograd_product *p);
} pl_winograd_kernels;

extern const pl_winograd_kernels pl_winograd_avx2, pl_winograd_avx512;
