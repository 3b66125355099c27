// Bitmaps in the form that a terminal takes: as they are where it has sixel, else as character cells.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tui/layout.h"
#include "viewers/bitmap.h"
#include "viewers/caps.h"
#include "viewers/out_blocks.h"

// Plain data; made by jobs. Sixel is made from the bitmap only when it is sent (imgslot.h): then it is known what the
// terminal shows already and how fast it takes more.
typedef struct pl_picture {
  uint64_t serial;         // differs between pictures; 0 for none
  uint32_t width, height;  // pixels, or half-block pixels
  pl_bitmap bitmap;        // for sixel, else empty
  pl_cells cells;
} pl_picture;

// How pictures are made for a terminal; plain data that jobs may copy.
typedef struct pl_picture_format {
  pl_graphics graphics;
  pl_caps caps;
  pl_colour_depth colours;  // for cells: 256 or mono
} pl_picture_format;

// Whether a picture made for one is right for the other.
bool pl_picture_format_equal(const pl_picture_format *a, const pl_picture_format *b);

// The pixels that a picture for the area must have, so that it fills it without reaching beyond; false when there is no
// room or no graphics. *pixel_aspect is the height of a pixel over its width.
bool pl_picture_size(uint32_t *width, uint32_t *height, double *pixel_aspect, const pl_picture_format *format,
                     pl_area area);

// Makes a picture of the bitmap; safe on any thread. `serial` is the caller's. The caller clears *out.
pl_status pl_picture_make(pl_picture *out, const pl_bitmap *bitmap, const pl_picture_format *format, uint64_t serial,
                          pl_error *err);
// The same with the bitmap in the middle of a picture of width x height pixels, the rest of which is black.
pl_status pl_picture_make_centred(pl_picture *out, const pl_bitmap *bitmap, uint32_t width, uint32_t height,
                                  const pl_picture_format *format, uint64_t serial, pl_error *err);
void pl_picture_clear(pl_picture *picture);

bool pl_picture_is_sixel(const pl_picture *picture);
