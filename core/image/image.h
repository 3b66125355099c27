// A grey image in memory: one plane and what its numbers mean.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_IMAGE_SIDE_MAX = 16384 };

typedef enum pl_pixel_type {
  PL_PIXEL_U8,
  PL_PIXEL_U16,
  PL_PIXEL_S16,  // signed stored values of a DICOM file; PNG cannot hold them
} pl_pixel_type;

typedef enum pl_image_meaning {
  PL_IMAGE_GREY,          // larger is brighter
  PL_IMAGE_GREY_INVERSE,  // DICOM's MONOCHROME1: larger is darker. Viewers invert, training does not
  PL_IMAGE_MASK,          // 0 outside, 255 inside
  PL_IMAGE_PROBABILITY,   // 0 to the type's maximum stands for 0 to 1
} pl_image_meaning;

// Rows lie one after the other without padding: pixel (x, y) is element y*width + x.
typedef struct pl_image {
  uint32_t width, height;
  pl_pixel_type type;
  pl_image_meaning meaning;
  union {
    void *data;
    uint8_t *u8;
    uint16_t *u16;
    int16_t *s16;
  };
} pl_image;

// Allocates a zeroed plane. PL_E_LIMIT when a side is 0 or above PL_IMAGE_SIDE_MAX, PL_E_NOMEM.
pl_status pl_image_init(pl_image *out, uint32_t width, uint32_t height, pl_pixel_type type, pl_image_meaning meaning,
                        pl_error *err);
void pl_image_clear(pl_image *image);  // frees the plane; fine on a zeroed struct

// Bytes of the plane.
size_t pl_image_bytes(const pl_image *image);

#ifdef __cplusplus
}
#endif
