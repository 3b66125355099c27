// A round brush on a mask: which pixels a stroke covers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_BRUSH_RADIUS_MAX = 256,
  PL_BRUSH_MARGIN = 1024,  // how far outside of the largest mask a point may lie
};

typedef struct pl_brush {
  bool erase;  // takes pixels away instead of adding them
  int radius;  // 0 to PL_BRUSH_RADIUS_MAX; the brush is 2 * radius + 1 pixels across
} pl_brush;

typedef struct pl_brush_point {
  int32_t x, y;  // a pixel, counted from the mask's upper left one; see pl_brush_clamp
} pl_brush_point;

// The point, moved to within PL_BRUSH_MARGIN of where a mask can have pixels.
pl_brush_point pl_brush_clamp(int64_t x, int64_t y);

// Draws the brush from one pixel to another, both included: every pixel of the mask whose centre is no farther than
// radius + 1/2 from the line between their centres becomes 255, or 0 with the eraser. Two equal points give a disc.
// Exact, in whole numbers. Returns how many pixels changed.
size_t pl_brush_draw(pl_image *mask, pl_brush brush, pl_brush_point from, pl_brush_point to);

#ifdef __cplusplus
}
#endif
