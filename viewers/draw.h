// Drawing on bitmaps: rectangles, anti-aliased lines, dots, text. Everything is cut off at the bitmap and at `clip`.
#pragma once

#include <stddef.h>

#include "viewers/bitmap.h"

#ifdef __cplusplus
extern "C" {
#endif

// A point in pixels; (0.5, 0.5) is the centre of the upper left pixel.
typedef struct pl_point {
  double x, y;
} pl_point;

// The whole bitmap as a rectangle, for `clip`.
pl_rect pl_bitmap_rect(const pl_bitmap *bitmap);
pl_rect pl_rect_intersect(pl_rect a, pl_rect b);  // width or height 0 when they do not meet

// Mixes `colour` into the rectangle with that opacity (0 to 1).
void pl_draw_rect(pl_bitmap *bitmap, pl_rect rect, pl_rgb colour, double opacity);

// A line through `count` points, `width` pixels thick with round ends and joints, anti-aliased by distance; where it
// overlaps itself it is not drawn twice. One point is a dot. Points must be finite. PL_E_NOMEM.
pl_status pl_draw_polyline(pl_bitmap *bitmap, pl_rect clip, const pl_point *points, size_t count, double width,
                           pl_rgb colour, double opacity, pl_error *err);

// A horizontal dashed line, one pixel thick.
void pl_draw_dashes(pl_bitmap *bitmap, pl_rect clip, int y, int on, int off, pl_rgb colour);

// A filled circle, anti-aliased.
void pl_draw_dot(pl_bitmap *bitmap, pl_rect clip, pl_point centre, double radius, pl_rgb colour);

// ---- Text: printable ASCII in an own font of 6x10 cells; any other byte is drawn as a box. Scale 1 or more; at an
// even scale the corners are smoothed.
enum { PL_FONT_WIDTH = 6, PL_FONT_HEIGHT = 10, PL_FONT_ASCENT = 7 };

// (x, y) is the upper left corner of the first cell. `scale` 1 to 8.
void pl_draw_text(pl_bitmap *bitmap, pl_rect clip, int x, int y, int scale, pl_rgb colour, const char *text);
int pl_text_width(const char *text, int scale);

#ifdef __cplusplus
}
#endif
