// The picture that every viewer makes and every output takes: 8-bit RGB, before it becomes terminal bytes or a PNG.
#pragma once

#include <stdint.h>

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

#ifdef __cplusplus
}
#endif
