// The competition's masks as text: "gap length gap length ...", column by column (pixel (x, y) is number x*height + y),
// from 0, each gap counted from the end of the previous run. "-1" stands for an image without a mask. After the
// competition's own mask_functions.py.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

// True for what stands for "no mask": "-1" or nothing, with any spaces around.
bool pl_rle_is_negative(const char *text);

// Checks everything that can be checked without an image: only whole numbers, an even count of them, no run without
// pixels, and an end within `pixels` (pass UINT64_MAX when the size is not known). PL_E_FORMAT says which value.
pl_status pl_rle_check(const char *text, uint64_t pixels, pl_error *err);

// Paints the runs with 255 into an 8-bit mask that keeps what it has, so that decoding all rows of an image one after
// the other gives their union. Negative text paints nothing. PL_E_FORMAT as in pl_rle_check; then nothing is painted.
pl_status pl_rle_decode(pl_image *mask, const char *text, pl_error *err);

// Appends the text of an 8-bit mask (every value above 0 is inside), or "-1" when it is empty. Runs go on from one
// column into the next, so pl_rle_decode gives back exactly this mask. PL_E_LIMIT when the buffer's maximum is reached.
pl_status pl_rle_encode(pl_buf *out, const pl_image *mask, pl_error *err);

// The number of pixels of an 8-bit mask that are above 0.
uint64_t pl_mask_area(const pl_image *mask);

#ifdef __cplusplus
}
#endif
