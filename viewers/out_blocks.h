// A bitmap as character cells: half blocks where there is colour, a ramp of shades where there is none.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "viewers/bitmap.h"
#include "viewers/caps.h"

#ifdef __cplusplus
extern "C" {
#endif

// One character. The indices belong to the depth that the cells were made for: xterm's 256 colours, or the usual 16;
// they are 0 and meaningless for true colour and mono.
typedef struct pl_cell {
  uint32_t glyph;  // a Unicode code point, one column wide
  pl_rgb fg, bg;   // as the terminal will show it, so at 256 and 16 colours the palette's colour
  uint8_t fg_index, bg_index;
} pl_cell;

// Cell (column, row) is element row*columns + column.
typedef struct pl_cells {
  uint32_t columns, rows;
  pl_colour_depth colours;
  pl_cell *cells;
} pl_cells;

pl_status pl_cells_init(pl_cells *out, uint32_t columns, uint32_t rows, pl_colour_depth colours, pl_error *err);
void pl_cells_clear(pl_cells *cells);  // fine on a zeroed struct

// Turns a bitmap into cells: one column for a pixel, one row for two pixels (an odd last one has black below it). So a
// picture for C x R cells is drawn at C x 2R pixels. Without UTF-8 one row still stands for two pixels, as their mean.
// Without colours, cells with a pixel that is not grey are marked by #, and their `fg` keeps its colour.
// PL_E_LIMIT, PL_E_NOMEM.
pl_status pl_blocks(pl_cells *out, const pl_bitmap *bitmap, pl_colour_depth colours, bool utf8, pl_error *err);

// Appends the cells as text with colour sequences, each row ended by a reset and a newline. False when the buffer's
// maximum was passed.
bool pl_cells_ansi(pl_buf *out, const pl_cells *cells);

// Writes a code point as UTF-8, at most 4 bytes; returns how many. For what is no code point: U+FFFD.
unsigned pl_utf8_put(char out[4], uint32_t code_point);

#ifdef __cplusplus
}
#endif
