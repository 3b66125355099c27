// Maps of probabilities as files: 16-bit grey PNG, a value is round(p * 65535). What is shown, scored and submitted
// reads these, so that all of them see the same numbers.
#pragma once

#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_PROBABILITY_ONE = 65535 };  // the value that stands for 1

// The 16-bit value of a probability: rounded, halves upwards; below 0 and not a number are 0, above 1 is 65535.
uint16_t pl_probability_value(float probability);

// A map of width*height probabilities as a PL_PIXEL_U16 plane that means PL_IMAGE_PROBABILITY. PL_E_LIMIT, PL_E_NOMEM;
// the caller clears *out.
pl_status pl_probability_take(pl_image *out, const float *probabilities, uint32_t width, uint32_t height,
                              pl_error *err);

// Replaces `path` atomically with such a plane. PL_E_IO, PL_E_NOSPACE and the like; PL_E_USAGE for another kind of
// plane.
pl_status pl_probability_write(const char *path, const pl_image *map, pl_error *err);

// Reads one back. Fails as pl_png_read, and with PL_E_FORMAT when it has fewer than 16 bits. The caller clears
// *out; on failure it is untouched.
pl_status pl_probability_read(pl_image *out, const char *path, pl_error *err);

#ifdef __cplusplus
}
#endif
