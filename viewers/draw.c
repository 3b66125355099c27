#include "viewers/draw.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "viewers/colormap.h"
#include "viewers/font.h"

pl_rect pl_bitmap_rect(const pl_bitmap *bitmap) {
  return (pl_rect){.width = (int)bitmap->width, .height = (int)bitmap->height};
}

static int min_int(int a, int b) { return a < b ? a : b; }
static int max_int(int a, int b) { return a > b ? a : b; }

pl_rect pl_rect_intersect(pl_rect a, pl_rect b) {
  int x = max_int(a.x, b.x), y = max_int(a.y, b.y);
  int right = min_int(a.x + a.width, b.x + b.width), bottom = min_int(a.y + a.height, b.y + b.height);
  return (pl_rect){.x = x, .y = y, .width = max_int(0, right - x), .height = max_int(0, bottom - y)};
}

static pl_rgb *pixel_at(pl_bitmap *bitmap, int x, int y) {
  return &bitmap->pixels[(size_t)y * bitmap->width + (size_t)x];
}

void pl_draw_rect(pl_bitmap *bitmap, pl_rect rect, pl_rgb colour, double opacity) {
  pl_rect r = pl_rect_intersect(rect, pl_bitmap_rect(bitmap));
  for (int y = r.y; y < r.y + r.height; y++) {
    for (int x = r.x; x < r.x + r.width; x++) {
      pl_rgb *p = pixel_at(bitmap, x, y);
      *p = pl_rgb_mix(*p, colour, opacity);
    }
  }
}

// How far p lies from the segment a-b.
static double segment_distance(pl_point p, pl_point a, pl_point b) {
  double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  double t = length > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / length : 0;
  t = fmin(1, fmax(0, t));
  return hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

// The part of rows [*first, *last) that a segment can touch in the pixel column at x, so that a long steep line does
// not visit every pixel of its bounding box.
static void column_span(int *first, int *last, int x, pl_point a, pl_point b, double reach, pl_rect clip) {
  double low = fmin(a.y, b.y), high = fmax(a.y, b.y);
  double dx = b.x - a.x;
  if (fabs(dx) > 1e-9) {
    double y0 = a.y + (x - reach - a.x) / dx * (b.y - a.y), y1 = a.y + (x + 1 + reach - a.x) / dx * (b.y - a.y);
    low = fmax(low, fmin(y0, y1));
    high = fmin(high, fmax(y0, y1));
  }
  *first = (int)fmax(clip.y, floor(fmin(low, 1e9) - reach));
  *last = (int)fmin(clip.y + clip.height, ceil(fmax(high, -1e9) + reach));
}

static void cover_segment(uint8_t *coverage, pl_rect clip, pl_point a, pl_point b, double width) {
  double reach = width / 2 + 0.5;
  int left = (int)fmax(clip.x, floor(fmin(a.x, b.x) - reach));
  int right = (int)fmin(clip.x + clip.width, ceil(fmax(a.x, b.x) + reach));
  for (int x = left; x < right; x++) {
    int first = 0, last = 0;
    column_span(&first, &last, x, a, b, reach, clip);
    for (int y = first; y < last; y++) {
      double d = segment_distance((pl_point){x + 0.5, y + 0.5}, a, b);
      double alpha = fmin(1, reach - d);
      if (alpha <= 0) continue;
      uint8_t *c = &coverage[(size_t)(y - clip.y) * (size_t)clip.width + (size_t)(x - clip.x)];
      uint8_t value = (uint8_t)lround(alpha * 255);
      if (value > *c) *c = value;
    }
  }
}

static void blend_coverage(pl_bitmap *bitmap, pl_rect clip, const uint8_t *coverage, pl_rgb colour, double opacity) {
  for (int y = 0; y < clip.height; y++) {
    for (int x = 0; x < clip.width; x++) {
      uint8_t c = coverage[(size_t)y * (size_t)clip.width + (size_t)x];
      if (c == 0) continue;
      pl_rgb *p = pixel_at(bitmap, clip.x + x, clip.y + y);
      *p = pl_rgb_mix(*p, colour, opacity * c / 255.0);
    }
  }
}

pl_status pl_draw_polyline(pl_bitmap *bitmap, pl_rect clip, const pl_point *points, size_t count, double width,
                           pl_rgb colour, double opacity, pl_error *err) {
  clip = pl_rect_intersect(clip, pl_bitmap_rect(bitmap));
  if (count == 0 || clip.width == 0 || clip.height == 0) return PL_OK;
  size_t size = (size_t)clip.width * (size_t)clip.height;
  uint8_t *coverage = pl_try_alloc(size);
  if (coverage == NULL)
    return pl_fail(err, PL_E_NOMEM, "no memory to draw a line on %dx%d pixels", clip.width, clip.height);
  memset(coverage, 0, size);
  if (count == 1) cover_segment(coverage, clip, points[0], points[0], width);
  for (size_t i = 1; i < count; i++) cover_segment(coverage, clip, points[i - 1], points[i], width);
  blend_coverage(bitmap, clip, coverage, colour, opacity);
  free(coverage);
  return PL_OK;
}

void pl_draw_dashes(pl_bitmap *bitmap, pl_rect clip, int y, int on, int off, pl_rgb colour) {
  for (int x = clip.x; x < clip.x + clip.width; x += on + off) {
    pl_rect dash = {.x = x, .y = y, .width = on, .height = 1};
    pl_draw_rect(bitmap, pl_rect_intersect(dash, clip), colour, 1);
  }
}

void pl_draw_dot(pl_bitmap *bitmap, pl_rect clip, pl_point centre, double radius, pl_rgb colour) {
  clip = pl_rect_intersect(clip, pl_bitmap_rect(bitmap));
  int left = (int)fmax(clip.x, floor(centre.x - radius - 1)),
      right = (int)fmin(clip.x + clip.width, ceil(centre.x + radius + 1));
  int top = (int)fmax(clip.y, floor(centre.y - radius - 1)),
      bottom = (int)fmin(clip.y + clip.height, ceil(centre.y + radius + 1));
  for (int y = top; y < bottom; y++) {
    for (int x = left; x < right; x++) {
      double alpha = radius + 0.5 - hypot(x + 0.5 - centre.x, y + 0.5 - centre.y);
      if (alpha <= 0) continue;
      pl_rgb *p = pixel_at(bitmap, x, y);
      *p = pl_rgb_mix(*p, colour, fmin(1, alpha));
    }
  }
}

static bool glyph_bit(const uint8_t *rows, int x, int y) {
  return x >= 0 && y >= 0 && x < PL_FONT_COLUMNS && y < PL_FONT_ROWS && (rows[y] >> (PL_FONT_COLUMNS - 1 - x) & 1);
}

// The quarter (right, low) of a glyph pixel at double size. A corner is filled, or cut, where the two neighbours at
// that corner agree and the opposite ones do not: diagonals lose their stairs, straight strokes stay as they are.
static bool glyph_quarter(const uint8_t *rows, int x, int y, int right, int low) {
  bool self = glyph_bit(rows, x, y);
  int dx = right ? 1 : -1, dy = low ? 1 : -1;
  bool side = glyph_bit(rows, x + dx, y), above = glyph_bit(rows, x, y + dy);
  bool other_side = glyph_bit(rows, x - dx, y), other_above = glyph_bit(rows, x, y - dy);
  if (side == above && side != other_above && above != other_side) return side;
  return self;
}

static void draw_glyph(pl_bitmap *bitmap, pl_rect clip, int x, int y, int scale, pl_rgb colour, const uint8_t *rows) {
  bool smooth = scale % 2 == 0;
  int parts = smooth ? 2 : 1, side = scale / parts;
  for (int row = 0; row < PL_FONT_ROWS * parts; row++) {
    for (int column = 0; column < PL_FONT_COLUMNS * parts; column++) {
      bool on = smooth ? glyph_quarter(rows, column / 2, row / 2, column & 1, row & 1) : glyph_bit(rows, column, row);
      if (!on) continue;
      pl_rect dot = {.x = x + column * side, .y = y + row * side, .width = side, .height = side};
      pl_draw_rect(bitmap, pl_rect_intersect(dot, clip), colour, 1);
    }
  }
}

void pl_draw_text(pl_bitmap *bitmap, pl_rect clip, int x, int y, int scale, pl_rgb colour, const char *text) {
  scale = min_int(8, max_int(1, scale));
  for (; *text != '\0' && x < clip.x + clip.width; text++, x += PL_FONT_WIDTH * scale) {
    unsigned char c = (unsigned char)*text;
    size_t glyph = c >= 32 && c < 127 ? c - 32u : PL_FONT_GLYPHS - 1;
    draw_glyph(bitmap, clip, x, y, scale, colour, pl_font[glyph]);
  }
}

int pl_text_width(const char *text, int scale) {
  size_t length = strnlen(text, PL_BITMAP_SIDE_MAX);
  return (int)length * PL_FONT_WIDTH * min_int(8, max_int(1, scale));
}
