#include "core/data/brush.h"

#include <assert.h>

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

pl_brush_point pl_brush_clamp(int64_t x, int64_t y) {
  const int64_t low = -PL_BRUSH_MARGIN, high = PL_IMAGE_SIDE_MAX + PL_BRUSH_MARGIN;
  return (pl_brush_point){(int32_t)clamp(x, low, high), (int32_t)clamp(y, low, high)};
}

// Whether pixel (x, y) is within `reach` / 2 of the line from `a` to `b`: 4 d^2 <= reach^2, without a root or a
// quotient. Clamped points differ by less than 2^15, so that the largest product, 4 cross^2, is below 2^63.
static bool covers(pl_brush_point a, pl_brush_point b, int64_t reach, int64_t x, int64_t y) {
  const int64_t dx = b.x - a.x, dy = b.y - a.y, px = x - a.x, py = y - a.y;
  const int64_t along = px * dx + py * dy, length2 = dx * dx + dy * dy;
  if (along <= 0) return 4 * (px * px + py * py) <= reach * reach;
  if (along >= length2) return 4 * ((x - b.x) * (x - b.x) + (y - b.y) * (y - b.y)) <= reach * reach;
  const int64_t cross = px * dy - py * dx;
  return 4 * cross * cross <= length2 * reach * reach;
}

size_t pl_brush_draw(pl_image *mask, pl_brush brush, pl_brush_point from, pl_brush_point to) {
  assert(mask->type == PL_PIXEL_U8 && brush.radius >= 0 && brush.radius <= PL_BRUSH_RADIUS_MAX);
  const int64_t width = mask->width, height = mask->height, r = brush.radius;
  const int64_t left = clamp((from.x < to.x ? from.x : to.x) - r, 0, width);
  const int64_t right = clamp((from.x > to.x ? from.x : to.x) + r + 1, 0, width);
  const int64_t top = clamp((from.y < to.y ? from.y : to.y) - r, 0, height);
  const int64_t bottom = clamp((from.y > to.y ? from.y : to.y) + r + 1, 0, height);
  const uint8_t value = brush.erase ? 0 : 255;
  size_t changed = 0;
  for (int64_t y = top; y < bottom; y++) {
    uint8_t *row = mask->u8 + (size_t)y * mask->width;
    for (int64_t x = left; x < right; x++) {
      if ((row[x] != 0) != brush.erase || !covers(from, to, 2 * r + 1, x, y)) continue;
      row[x] = value;
      changed++;
    }
  }
  return changed;
}
