#include "viewers/bitmap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/image/png_io.h"

pl_status pl_bitmap_init(pl_bitmap *out, uint32_t width, uint32_t height, pl_error *err) {
  if (width == 0 || height == 0 || width > PL_BITMAP_SIDE_MAX || height > PL_BITMAP_SIDE_MAX) {
    return pl_fail(err, PL_E_LIMIT, "picture of %ux%u pixels: sides must be 1 to %d", width, height,
                   PL_BITMAP_SIDE_MAX);
  }
  size_t bytes = (size_t)width * height * sizeof(pl_rgb);
  pl_rgb *pixels = pl_try_alloc(bytes);
  if (pixels == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for a picture of %ux%u pixels", width, height);
  memset(pixels, 0, bytes);
  *out = (pl_bitmap){.width = width, .height = height, .pixels = pixels};
  return PL_OK;
}

_Static_assert(sizeof(pl_rgb) == 3, "rows of pl_rgb are rows of bytes");

void pl_bitmap_clear(pl_bitmap *bitmap) {
  free(bitmap->pixels);
  *bitmap = (pl_bitmap){0};
}

void pl_bitmap_fill(pl_bitmap *bitmap, pl_rgb colour) {
  size_t count = (size_t)bitmap->width * bitmap->height;
  for (size_t i = 0; i < count; i++) bitmap->pixels[i] = colour;
}

void pl_bitmap_place(pl_bitmap *target, const pl_bitmap *source, int x, int y) {
  int64_t left = x < 0 ? 0 : x, top = y < 0 ? 0 : y;
  int64_t right = (int64_t)x + source->width, bottom = (int64_t)y + source->height;
  if (right > target->width) right = target->width;
  if (bottom > target->height) bottom = target->height;
  if (left >= right) return;
  for (int64_t row = top; row < bottom; row++) {
    memcpy(&target->pixels[row * target->width + left], &source->pixels[(row - y) * source->width + (left - x)],
           (size_t)(right - left) * sizeof(pl_rgb));
  }
}

// One channel of one new pixel: the mean of the rectangle [x0, x1) x [y0, y1) of the source, edges in proportion.
static pl_rgb area_mean(const pl_bitmap *source, double x0, double x1, double y0, double y1) {
  double sum[3] = {0}, weights = 0;
  uint32_t column_end = (uint32_t)fmin(ceil(x1), source->width), row_end = (uint32_t)fmin(ceil(y1), source->height);
  for (uint32_t row = (uint32_t)y0; row < row_end; row++) {
    double wy = fmin(y1, row + 1.0) - fmax(y0, row);
    for (uint32_t column = (uint32_t)x0; column < column_end; column++) {
      double w = wy * (fmin(x1, column + 1.0) - fmax(x0, column));
      pl_rgb p = source->pixels[(size_t)row * source->width + column];
      sum[0] += w * p.r;
      sum[1] += w * p.g;
      sum[2] += w * p.b;
      weights += w;
    }
  }
  if (weights <= 0) return (pl_rgb){0};
  return (pl_rgb){(uint8_t)lround(sum[0] / weights), (uint8_t)lround(sum[1] / weights),
                  (uint8_t)lround(sum[2] / weights)};
}

pl_status pl_bitmap_resize(pl_bitmap *out, const pl_bitmap *source, uint32_t width, uint32_t height, pl_error *err) {
  pl_bitmap bitmap = {0};
  pl_status status = pl_bitmap_init(&bitmap, width, height, err);
  if (status != PL_OK) return status;
  double sx = (double)source->width / width, sy = (double)source->height / height;
  for (uint32_t row = 0; row < height; row++) {
    for (uint32_t column = 0; column < width; column++) {
      bitmap.pixels[(size_t)row * width + column] =
          area_mean(source, column * sx, (column + 1) * sx, row * sy, (row + 1) * sy);
    }
  }
  *out = bitmap;
  return PL_OK;
}

pl_status pl_bitmap_to_png(pl_buf *out, const pl_bitmap *bitmap, pl_error *err) {
  return pl_png_encode_rgb(out, bitmap->width, bitmap->height, &bitmap->pixels->r, PL_PNG_DEFAULT, err);
}

pl_status pl_bitmap_save(const pl_bitmap *bitmap, const char *path, pl_error *err) {
  return pl_png_write_rgb(path, bitmap->width, bitmap->height, &bitmap->pixels->r, PL_PNG_DEFAULT, err);
}
