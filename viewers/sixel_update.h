// What has to be sent so that a terminal shows another picture than it does: only what changed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buf.h"
#include "viewers/out_sixel.h"

#ifdef __cplusplus
extern "C" {
#endif

// One complete sixel sequence, to be drawn with its corner at a character cell. Cutting a picture into pieces lets
// other output come between them.
typedef struct pl_sixel_piece {
  pl_rect area;          // in the picture's pixels; x and y lie at a cell's corner
  size_t first, length;  // in the bytes
} pl_sixel_piece;

enum { PL_SIXEL_PIECES_MAX = 64 };

typedef struct pl_sixel_update {
  pl_buf bytes;
  pl_sixel_piece pieces[PL_SIXEL_PIECES_MAX];
  size_t count;  // 0 when nothing changed
} pl_sixel_update;

typedef struct pl_sixel_order {
  const pl_bitmap *now;
  const pl_bitmap *shown;            // what is on the screen, of the same size; NULL for unknown: all is sent
  unsigned cell_width, cell_height;  // pixels
  bool composes;                     // the terminal lays transparent pictures over others; else whole cells are sent
  unsigned piece_rows;               // cells that a piece is high at most; 0 for no limit
  pl_sixel_options options;
} pl_sixel_order;

// How many pixels differ.
size_t pl_sixel_changed(const pl_bitmap *now, const pl_bitmap *shown);

// Fails as pl_sixel_encode. The caller clears *out.
pl_status pl_sixel_update_make(pl_sixel_update *out, const pl_sixel_order *order, pl_error *err);
void pl_sixel_update_clear(pl_sixel_update *update);  // fine on a zeroed struct

#ifdef __cplusplus
}
#endif
