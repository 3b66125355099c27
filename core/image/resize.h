// Changing the size of a plane. The arithmetic is in integers, so every machine gives the same bytes, except for the
// reference rule, which is in double precision like what it repeats.
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

// Resizes a picture as the competition winner's prepare_png.py does, to 8 bits, whatever the input has: scikit-image's
// transform.resize(values, (height, width)) with its defaults, times 255, rounded and saturated as OpenCV writes it
// (skimage/transform/_warps.py 0.19, scipy/ndimage). That is, with f = in/out for each axis:
//   1. values to floating point: unsigned v/(2^bits - 1), signed max(-1, v/(2^(bits-1) - 1)), `bits` being 8 or 16,
//      those of the file's type (not Bits Stored, so 12-bit pictures come out dark, as they do there);
//   2. where f > 1, a gaussian with sigma (f - 1)/2, cut at 4 sigma, the edge mirrored without repeating it;
//   3. linear interpolation at (x + 0.5)*f - 0.5, the edge mirrored likewise; held between the smallest and the largest
//      value of the input;
//   4. times 255, to the nearest integer, halves to even, held in 0..255.
// The sums are made in the same order in double precision, so pixels differ only where one lies on a half. The meaning
// is kept. PL_E_LIMIT, PL_E_NOMEM as above. The caller clears *out; on failure it is untouched.
pl_status pl_image_resize_reference(pl_image *out, const pl_image *in, unsigned bits, uint32_t width, uint32_t height,
                                    pl_error *err);

// The same for a mask: `counts` (any pixel type) says in how many of its rows each pixel lies. Each counts 255, the sum
// is resized by steps 2 and 3, and step 4 goes without the multiplication: so the mask is grey along its edge, and a
// pixel in two rows weighs twice there.
pl_status pl_mask_resize_reference(pl_image *out, const pl_image *counts, uint32_t width, uint32_t height,
                                   pl_error *err);

#ifdef __cplusplus
}
#endif
