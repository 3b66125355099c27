// Where screens and widgets draw: text in named styles, cut at an area's edge. The only drawing calls of the workbench.
#pragma once

#include <stdbool.h>

#include "tui/layout.h"
#include "viewers/out_blocks.h"

// What a piece of text means; the theme decides what that looks like with 256, 16, 8 or no colours.
typedef enum pl_style {
  PL_STYLE_NORMAL,
  PL_STYLE_DIM,       // less important
  PL_STYLE_STRONG,    // values
  PL_STYLE_LABEL,     // names of values, frames
  PL_STYLE_HEAD,      // head of a table
  PL_STYLE_BAR,       // status and tab bar
  PL_STYLE_BAR_ON,    // the active part of it
  PL_STYLE_SELECTED,  // the selected row
  PL_STYLE_GOOD,
  PL_STYLE_WARN,
  PL_STYLE_BAD,
  PL_STYLE_FILL,  // the done part of a progress bar
  PL_STYLE_KEY,   // a key's name in a hint
  // What pictures of masks show in these colours (viewers/colormap.h), in every theme.
  PL_STYLE_HIT,
  PL_STYLE_FALSE_ALARM,
  PL_STYLE_MISSED,
  PL_STYLE_COUNT,
} pl_style;

struct _win_st;
struct pl_imgslots;

typedef struct pl_canvas {
  struct _win_st *window;
  struct pl_imgslots *slots;
  pl_area area;       // of the whole screen
  bool utf8;          // the locale takes characters beyond ASCII
  bool few_glyphs;    // and the font few of them, as in caps.h
  int colours;        // of the terminal; 0 for monochrome
  pl_cell_size cell;  // pixels
  unsigned long attributes[PL_STYLE_COUNT];
} pl_canvas;

// Fills the attributes as a theme of theme.h says; curses must be running with colours started.
void pl_canvas_theme(pl_canvas *canvas, const char *theme);

// Text in at most `cols` columns from (y, x), elided with "…" or ".." when longer; the rest stays as it is. Returns the
// columns used. Text is UTF-8 and must be safe for terminals already (pl_safe_text).
int pl_canvas_text(const pl_canvas *canvas, int y, int x, int cols, pl_style style, const char *text);
int pl_canvas_printf(const pl_canvas *canvas, int y, int x, int cols, pl_style style, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
// The same with the end of the text shown when it is longer; at the right end of the columns; padded over all of them.
void pl_canvas_tail(const pl_canvas *canvas, int y, int x, int cols, pl_style style, const char *text);
void pl_canvas_right(const pl_canvas *canvas, int y, int x, int cols, pl_style style, const char *text);
void pl_canvas_padded(const pl_canvas *canvas, int y, int x, int cols, pl_style style, const char *text);

// Breaks text at spaces over the area's rows; returns the rows used.
int pl_canvas_wrapped(const pl_canvas *canvas, pl_area area, pl_style style, const char *text);

void pl_canvas_fill(const pl_canvas *canvas, pl_area area, pl_style style);
void pl_canvas_vline(const pl_canvas *canvas, pl_area area, pl_style style);
// Clears the area, draws a frame around it, and writes the title into it. Pictures below it go away.
void pl_canvas_box(const pl_canvas *canvas, pl_area area, const char *title);

// Half blocks or shades, cut at the area.
void pl_canvas_cells(const pl_canvas *canvas, pl_area area, const pl_cells *cells);

// Columns that text takes.
int pl_text_columns(const char *text);
