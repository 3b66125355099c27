// The picture that every viewer makes and every output takes: 8-bit RGB, before it becomes terminal bytes or a PNG.
#pragma once

#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_BITMAP_SIDE_MAX = 16384 };

typedef struct pl_rgb {
  uint8_t r, g, b;
} pl_rgb;

// Rows lie one after the other without padding.
typedef struct pl_bitmap {
  uint32_t width, height;
  pl_rgb *pixels;
} pl_bitmap;

// Allocates a black bitmap. PL_E_LIMIT for a side of 0 or above the maximum, PL_E_NOMEM.
pl_status pl_bitmap_init(pl_bitmap *out, uint32_t width, uint32_t height, pl_error *err);
void pl_bitmap_clear(pl_bitmap *bitmap);  // fine on a zeroed struct

// A rectangle in pixels; drawing outside the bitmap is cut off.
typedef struct pl_rect {
  int x, y, width, height;
} pl_rect;

// Every pixel in one colour.
void pl_bitmap_fill(pl_bitmap *bitmap, pl_rgb colour);

// Copies `source` into `target` with its upper left corner at (x, y); what lies outside is cut off.
void pl_bitmap_place(pl_bitmap *target, const pl_bitmap *source, int x, int y);

// Writes it as a PNG file, replacing `path` whole (pl_fs_replace).
pl_status pl_bitmap_save(const pl_bitmap *bitmap, const char *path, pl_error *err);

#ifdef __cplusplus
}
#endif
