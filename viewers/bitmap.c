#include "viewers/bitmap.h"

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

pl_status pl_bitmap_save(const pl_bitmap *bitmap, const char *path, pl_error *err) {
  return pl_png_write_rgb(path, bitmap->width, bitmap->height, &bitmap->pixels->r, PL_PNG_DEFAULT, err);
}
