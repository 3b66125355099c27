#include "viewers/out_blocks.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "viewers/colormap.h"

enum { UPPER_HALF = 0x2580 };

static const uint32_t shades_utf8[] = {' ', 0x2591, 0x2592, 0x2593, 0x2588};
static const char shades_ascii[] = " .:-=+*%@";

// Shades have no hue: what the picture shows in colour (a mask) gets a character that no shade has. Where a difference
// is shown hits and misses have characters of their own, by what mixing with a grey does not change.
static unsigned char mark_of(pl_rgb c) {
  if (c.g > c.r && c.g > c.b) return 'o';                                 // PL_COLOUR_HIT
  if (c.b > c.g && c.b > c.r && c.b - c.g > 2 * (c.g - c.r)) return 'x';  // PL_COLOUR_MISSED
  return '#';
}

pl_status pl_cells_init(pl_cells *out, uint32_t columns, uint32_t rows, pl_colour_depth colours, pl_error *err) {
  if (columns == 0 || rows == 0 || columns > PL_BITMAP_SIDE_MAX || rows > PL_BITMAP_SIDE_MAX) {
    return pl_fail(err, PL_E_LIMIT, "%ux%u cells: sides must be 1 to %d", columns, rows, PL_BITMAP_SIDE_MAX);
  }
  size_t count = (size_t)columns * rows;
  pl_cell *cells = pl_try_alloc(count * sizeof *cells);
  if (cells == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for %ux%u cells", columns, rows);
  memset(cells, 0, count * sizeof *cells);
  for (size_t i = 0; i < count; i++) cells[i].glyph = ' ';
  *out = (pl_cells){.columns = columns, .rows = rows, .colours = colours, .cells = cells};
  return PL_OK;
}

void pl_cells_clear(pl_cells *cells) {
  free(cells->cells);
  *cells = (pl_cells){0};
}

static uint8_t index_of(pl_rgb *shown, pl_rgb colour, pl_colour_depth colours) {
  uint8_t index = 0;
  if (colours == PL_COLOURS_256)
    index = pl_rgb_to_256(colour);
  else if (colours == PL_COLOURS_16)
    index = pl_rgb_to_16(colour);
  *shown = colours == PL_COLOURS_256 || colours == PL_COLOURS_16 ? pl_rgb_from_index(index) : colour;
  return index;
}

static bool is_nearly_grey(pl_rgb c) { return abs(c.r - c.b) <= 24 && abs(c.r - c.g) <= 24; }

// Sixteen colours have four greys. Between them, cells of shade characters: of all pairs and shades the one whose mean
// is nearest. Only for cells that are nearly one grey; elsewhere the edge between the halves matters more.
static bool make_shade(pl_cell *cell, pl_rgb top, pl_rgb bottom) {
  static const uint8_t greys[] = {0, 8, 7, 15};
  pl_rgb mean = pl_rgb_mix(top, bottom, 0.5);
  if (abs(pl_rgb_luma(top) - pl_rgb_luma(bottom)) > 70 || !is_nearly_grey(top) || !is_nearly_grey(bottom)) {
    return false;
  }
  int best = 256, value = pl_rgb_luma(mean);
  for (size_t pair = 0; pair < 3; pair++) {
    pl_rgb dark = pl_rgb_from_index(greys[pair]), light = pl_rgb_from_index(greys[pair + 1]);
    for (int shade = 0; shade <= 4; shade++) {
      int error = abs(dark.r + (light.r - dark.r) * shade / 4 - value);
      if (error >= best) continue;
      best = error;
      *cell = (pl_cell){
          .glyph = shades_utf8[shade], .fg = light, .bg = dark, .fg_index = greys[pair + 1], .bg_index = greys[pair]};
    }
  }
  return true;
}

static pl_cell make_cell(pl_rgb top, pl_rgb bottom, pl_colour_depth colours, bool utf8) {
  pl_rgb mean = pl_rgb_mix(top, bottom, 0.5);
  pl_cell cell = {.glyph = ' '};
  if (colours == PL_COLOURS_MONO) {
    unsigned steps = utf8 ? sizeof shades_utf8 / sizeof shades_utf8[0] : sizeof shades_ascii - 1;
    unsigned step = (unsigned)pl_rgb_luma(mean) * steps / 256;
    cell.glyph = utf8 ? shades_utf8[step] : (unsigned char)shades_ascii[step];
    const bool top_coloured = !pl_rgb_is_grey(top), coloured = top_coloured || !pl_rgb_is_grey(bottom);
    if (coloured) cell.fg = top_coloured ? top : bottom;
    if (coloured) cell.glyph = mark_of(cell.fg);
    return cell;
  }
  if (!utf8) {
    cell.bg_index = index_of(&cell.bg, mean, colours);
    cell.fg = cell.bg;
    cell.fg_index = cell.bg_index;
    return cell;
  }
  if (colours == PL_COLOURS_16 && make_shade(&cell, top, bottom)) return cell;
  cell.fg_index = index_of(&cell.fg, top, colours);
  cell.bg_index = index_of(&cell.bg, bottom, colours);
  // One colour in both halves is a space: shorter, and without the hairline that some fonts leave between cells.
  if (!pl_rgb_equal(cell.fg, cell.bg)) cell.glyph = UPPER_HALF;
  return cell;
}

pl_status pl_blocks(pl_cells *out, const pl_bitmap *bitmap, pl_colour_depth colours, bool utf8, pl_error *err) {
  pl_cells cells = {0};
  pl_status status = pl_cells_init(&cells, bitmap->width, (bitmap->height + 1) / 2, colours, err);
  if (status != PL_OK) return status;
  for (uint32_t row = 0; row < cells.rows; row++) {
    for (uint32_t column = 0; column < cells.columns; column++) {
      size_t top = (size_t)2 * row * bitmap->width + column;
      pl_rgb lower = 2 * row + 1 < bitmap->height ? bitmap->pixels[top + bitmap->width] : (pl_rgb){0};
      cells.cells[(size_t)row * cells.columns + column] = make_cell(bitmap->pixels[top], lower, colours, utf8);
    }
  }
  *out = cells;
  return PL_OK;
}

unsigned pl_utf8_put(char out[4], uint32_t c) {
  if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = 0xfffd;
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  unsigned length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (unsigned i = length; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
  out[0] = (char)(lead[length] | c);
  return length;
}

static void add_colour(pl_buf *out, pl_colour_depth colours, bool background, pl_rgb rgb, uint8_t index) {
  unsigned layer = background ? 10 : 0;
  if (colours == PL_COLOURS_TRUE)
    pl_buf_printf(out, "\x1b[%u;2;%d;%d;%dm", 38 + layer, rgb.r, rgb.g, rgb.b);
  else if (colours == PL_COLOURS_256)
    pl_buf_printf(out, "\x1b[%u;5;%dm", 38 + layer, index);
  else if (colours == PL_COLOURS_16)
    pl_buf_printf(out, "\x1b[%um", (index < 8 ? 30 : 82) + layer + index);
}

static void add_row(pl_buf *out, const pl_cells *cells, const pl_cell *row) {
  const pl_cell *before_fg = NULL, *before_bg = NULL;
  for (uint32_t column = 0; column < cells->columns; column++) {
    const pl_cell *cell = &row[column];
    if (before_bg == NULL || !pl_rgb_equal(cell->bg, before_bg->bg)) {
      add_colour(out, cells->colours, true, cell->bg, cell->bg_index);
    }
    before_bg = cell;
    if (cell->glyph != ' ') {
      if (before_fg == NULL || !pl_rgb_equal(cell->fg, before_fg->fg)) {
        add_colour(out, cells->colours, false, cell->fg, cell->fg_index);
      }
      before_fg = cell;
    }
    char glyph[4];
    pl_buf_add(out, glyph, pl_utf8_put(glyph, cell->glyph));
  }
  pl_buf_add_text(out, cells->colours == PL_COLOURS_MONO ? "\n" : "\x1b[0m\n");
}

bool pl_cells_ansi(pl_buf *out, const pl_cells *cells) {
  for (uint32_t row = 0; row < cells->rows; row++) add_row(out, cells, &cells->cells[(size_t)row * cells->columns]);
  return !out->failed;
}
