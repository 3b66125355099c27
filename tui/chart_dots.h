// Lines made of braille characters: a raster of two by four dots a cell, with a colour for each cell.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "viewers/out_blocks.h"

// What is drawn over what: a cell that a line reaches forgets what was faint in it; two lines share it.
typedef enum pl_dots_layer { PL_DOTS_NONE, PL_DOTS_FAINT, PL_DOTS_LINE } pl_dots_layer;

typedef struct pl_dots_cell {
  uint8_t dots;  // bits as in Unicode's braille patterns
  uint8_t layer;
  pl_rgb colour;
} pl_dots_cell;

// Dot (0, 0) is the upper left one.
typedef struct pl_dots {
  int columns, rows;  // cells
  bool outline;       // of what is faint only the ends are drawn: without colours it would hide the lines
  pl_dots_cell *cells;
} pl_dots;

void pl_dots_init(pl_dots *dots, int columns, int rows, bool outline);
void pl_dots_clear(pl_dots *dots);

// From dot to dot, both included; what lies outside is cut off.
void pl_dots_line(pl_dots *dots, double x0, double y0, double x1, double y1, pl_dots_layer layer, pl_rgb colour);

// Puts the dots into cells with their upper left corner there; cells without dots stay as they are.
void pl_dots_place(pl_cells *cells, const pl_dots *dots, int column, int row);

// One character, with its colour as these cells have it; outside nothing happens.
void pl_dots_put(pl_cells *cells, int column, int row, uint32_t glyph, pl_rgb colour);
