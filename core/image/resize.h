// Changing the size of a plane. The arithmetic is in integers, so every machine gives the same bytes.
#pragma once

#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

// Resizes `in` to width x height; each axis is treated by itself, so one may shrink while the other grows.
//
// Pictures and probabilities: where an axis shrinks, an output pixel is the average of the input pixels that it covers,
// each weighted by the share that is covered (the box filter, exact). Where it grows, it is interpolated linearly
// between the centres of the two nearest input pixels, the edge pixels going on beyond the edge; this is OpenCV's
// INTER_LINEAR geometry, x_in = (x + 0.5)*in/out - 0.5. One rounding at the end, to the nearest, halves up.
//
// Masks (PL_IMAGE_MASK): where an axis shrinks, an output pixel is inside (255) when at least half of the area that it
// covers is inside, that is not 0; where it grows, it is the input pixel that its centre falls in. Masks stay 0 or 255.
//
// All pixel types; type and meaning are kept. PL_E_LIMIT for a side of 0 or above PL_IMAGE_SIDE_MAX, PL_E_NOMEM. The
// caller clears *out; on failure it is untouched.
pl_status pl_image_resize(pl_image *out, const pl_image *in, uint32_t width, uint32_t height, pl_error *err);

// Resizes by taking for every output pixel the input pixel that its centre falls in: floor((2x + 1)*in / (2*out)). For
// looking at single pixels.
pl_status pl_image_resize_nearest(pl_image *out, const pl_image *in, uint32_t width, uint32_t height, pl_error *err);

#ifdef __cplusplus
}
#endif
