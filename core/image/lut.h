// From stored values to grey for viewing, in the order of DICOM PS3.3 C.11 and PS3.4 N.2: stored value (masked to Bits
// Stored and signed), rescale, window, presentation. For eyes only: training takes the stored values.
//
// Look-up table sequences (Modality LUT, VOI LUT) are not applied; pl_dicom says whether a file has them.
#pragma once

#include <stdint.h>

#include "core/base/status.h"
#include "core/image/dicom.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_LUT_SIZE = 65536 };

// A window over rescaled values; `width` must be above 0 (for LINEAR, widths below 1 act as 1).
typedef struct pl_window {
  pl_voi_function function;
  double centre, width;
} pl_window;

// The number that a pixel stands for: the low Bits Stored bits below High Bit, sign-extended when signed, times slope
// plus intercept. `stored` is the plane's element as its 16 bits.
double pl_lut_rescale(const pl_dicom *dicom, uint16_t stored);

// The window to begin with: the file's first, else smallest to largest value, Pixel Padding left out, as LINEAR_EXACT
// (the smallest becomes black, the largest white).
pl_window pl_lut_default_window(const pl_dicom *dicom);

// The window over smallest to largest value, whatever the file says.
pl_window pl_lut_full_window(const pl_dicom *dicom);

// One value through a window, 0 to 255, not rounded. With c and w the centre and width (PS3.3 C.11.2.1.2, C.11.2.1.3):
//   LINEAR        x <= c - 0.5 - (w-1)/2: 0;  x > c - 0.5 + (w-1)/2: 255;  else ((x - (c-0.5))/(w-1) + 0.5) * 255
//   LINEAR_EXACT  x <= c - w/2: 0;  x > c + w/2: 255;  else ((x-c)/w + 0.5) * 255
//   SIGMOID       255 / (1 + exp(-4*(x-c)/w))
double pl_lut_window(const pl_window *window, double value);

// Fills the table from a plane's element (as 16 bits; for 8-bit planes only the first 256 entries) to 8-bit grey,
// rounded to the nearest. MONOCHROME1 is inverted, so that in the result larger is brighter. `window` NULL takes the
// default.
void pl_lut_fill(uint8_t lut[PL_LUT_SIZE], const pl_dicom *dicom, const pl_window *window);

// The whole picture through the table, as a new 8-bit PL_IMAGE_GREY plane of the same size that the caller clears.
// PL_E_NOMEM.
pl_status pl_lut_apply(pl_image *out, const pl_dicom *dicom, const pl_window *window, pl_error *err);

#ifdef __cplusplus
}
#endif
