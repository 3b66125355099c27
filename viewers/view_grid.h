// Several radiographs side by side, each with its mask and a label: a batch at a glance.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/image/image.h"
#include "viewers/bitmap.h"
#include "viewers/view_case.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_GRID_MAX = 256 };

typedef struct pl_grid_tile {
  const pl_image *image, *mask;  // borrowed, as for pl_view_case; `mask` may be NULL
  const char *label;             // below the image; may be NULL
  const pl_view_layer *layers;   // over the image, instead of the mask when there are any; borrowed
  size_t layer_count;
  bool marked;  // with a frame around it
} pl_grid_tile;

typedef struct pl_view_grid_options {
  uint32_t fit_width, fit_height;  // the bitmap is at most this large
  double pixel_aspect;             // as in pl_view_case_options
  uint32_t columns;                // 0 makes the grid about square
  bool labels;                     // draw them where an image is wide enough to read one below it
  pl_mask_mode mask_mode;
  double opacity;
  bool invert;
} pl_view_grid_options;

// Labels, masks filled at 0.25, at most width x height pixels.
pl_view_grid_options pl_view_grid_defaults(uint32_t width, uint32_t height);

// The number of columns with which square images become largest in that room.
uint32_t pl_view_grid_columns(size_t count, uint32_t width, uint32_t height, double pixel_aspect);

// The size at which every pixel of the largest image is one pixel of the bitmap.
void pl_view_grid_whole(uint32_t *width, uint32_t *height, const pl_grid_tile *tiles, size_t count, bool labels);

// Draws `count` tiles (1 to PL_GRID_MAX) row by row, in as many columns as make the grid about square: 9 are 3 x 3, 4
// are 2 x 2. All places have the size of the largest image; the bitmap is as large as they need. PL_E_LIMIT when there
// is no room, and as pl_view_case.
pl_status pl_view_grid(pl_bitmap *out, const pl_grid_tile *tiles, size_t count, const pl_view_grid_options *options,
                       pl_error *err);

#ifdef __cplusplus
}
#endif
