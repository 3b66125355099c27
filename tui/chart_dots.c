#include "tui/chart_dots.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "viewers/colormap.h"

enum { BRAILLE = 0x2800 };

void pl_dots_init(pl_dots *dots, int columns, int rows, bool outline) {
  *dots = (pl_dots){.columns = columns, .rows = rows, .outline = outline};
  dots->cells = pl_xcalloc((size_t)columns * (size_t)rows, sizeof *dots->cells);
}

void pl_dots_clear(pl_dots *dots) {
  free(dots->cells);
  *dots = (pl_dots){0};
}

static void set(pl_dots *dots, int x, int y, pl_dots_layer layer, pl_rgb colour) {
  // Unicode numbers the dots of the upper three rows column by column, and the fourth row after them.
  static const uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  if (x < 0 || y < 0 || x >= 2 * dots->columns || y >= 4 * dots->rows) return;
  pl_dots_cell *cell = &dots->cells[(size_t)(y / 4) * (size_t)dots->columns + (size_t)(x / 2)];
  if (cell->layer > layer) return;
  if (cell->layer < layer) cell->dots = 0;
  cell->dots |= bits[y % 4][x % 2];
  cell->layer = (uint8_t)layer;
  cell->colour = colour;
}

void pl_dots_line(pl_dots *dots, double x0, double y0, double x1, double y1, pl_dots_layer layer, pl_rgb colour) {
  if (layer == PL_DOTS_FAINT && dots->outline) {
    set(dots, (int)lround(x0), (int)lround(y0), layer, colour);
    set(dots, (int)lround(x1), (int)lround(y1), layer, colour);
    return;
  }
  const double length = fmax(fabs(x1 - x0), fabs(y1 - y0));
  const int steps = (int)ceil(length);
  for (int i = 0; i <= steps; i++) {
    const double t = steps > 0 ? (double)i / steps : 0;
    set(dots, (int)lround(x0 + t * (x1 - x0)), (int)lround(y0 + t * (y1 - y0)), layer, colour);
  }
}

void pl_dots_put(pl_cells *cells, int column, int row, uint32_t glyph, pl_rgb colour) {
  if (column < 0 || row < 0 || column >= (int)cells->columns || row >= (int)cells->rows) return;
  pl_cell *cell = &cells->cells[(size_t)row * cells->columns + (size_t)column];
  cell->glyph = glyph;
  cell->fg = colour;
  cell->fg_index = cells->colours == PL_COLOURS_256 ? pl_rgb_to_256(colour) : 0;
}

void pl_dots_place(pl_cells *cells, const pl_dots *dots, int column, int row) {
  for (int y = 0; y < dots->rows; y++) {
    for (int x = 0; x < dots->columns; x++) {
      const pl_dots_cell *cell = &dots->cells[(size_t)y * (size_t)dots->columns + (size_t)x];
      // Without colours all lines are alike; grey is what such cells show as it is.
      const pl_rgb colour = dots->outline ? pl_colour_rgb(PL_COLOUR_TEXT_STRONG) : cell->colour;
      if (cell->dots != 0) pl_dots_put(cells, column + x, row + y, (uint32_t)(BRAILLE + cell->dots), colour);
    }
  }
}
