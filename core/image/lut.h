// From stored values to grey for viewing, in the order of DICOM PS3.3 C.11 and PS3.4 N.2: stored value (masked to Bits
// Stored and signed), modality LUT or rescale, VOI LUT or window, presentation. For eyes only: training takes the
// stored values.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/image/dicom.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_LUT_SIZE = 65536 };

// A way from values (after modality LUT or rescale) to grey: a table, or else a window, whose `width` must be above 0
// (for LINEAR, widths below 1 act as 1).
typedef struct pl_window {
  pl_voi_function function;
  double centre, width;
  const pl_dicom_lut *table;  // a VOI LUT, borrowed from the pl_dicom; NULL for a window
} pl_window;

// The number that a pixel stands for: the low Bits Stored bits below High Bit, sign-extended when signed, through the
// modality LUT when there is one, else times slope plus intercept. `stored` is the plane's element as its 16 bits.
double pl_lut_rescale(const pl_dicom *dicom, uint16_t stored);

// What a file offers to choose from: its VOI LUTs, then its windows, in their order. `choice` counts from 0.
size_t pl_lut_choices(const pl_dicom *dicom);
pl_window pl_lut_choice(const pl_dicom *dicom, size_t choice);
const char *pl_lut_choice_name(const pl_dicom *dicom, size_t choice);  // as in the file, "" without; borrowed

// Finds the choice that `text` names: its number from 1, or its name, ignoring case. PL_E_NOTFOUND lists what there is.
pl_status pl_lut_find_choice(size_t *choice, const pl_dicom *dicom, const char *text, pl_error *err);

// The choice to begin with: the file's first, as pydicom's apply_voi_lut takes it, else the full window.
pl_window pl_lut_default_window(const pl_dicom *dicom);

// The window over smallest to largest value, Pixel Padding left out, as LINEAR_EXACT (the smallest becomes black, the
// largest white), whatever the file says.
pl_window pl_lut_full_window(const pl_dicom *dicom);

// One value through a window, 0 to 255, not rounded. With c and w the centre and width (PS3.3 C.11.2.1.2, C.11.2.1.3):
//   LINEAR        x <= c - 0.5 - (w-1)/2: 0;  x > c - 0.5 + (w-1)/2: 255;  else ((x - (c-0.5))/(w-1) + 0.5) * 255
//   LINEAR_EXACT  x <= c - w/2: 0;  x > c + w/2: 255;  else ((x-c)/w + 0.5) * 255
//   SIGMOID       255 / (1 + exp(-4*(x-c)/w))
// Through a table (C.11.2.1.1): the entry of x rounded towards 0, the first or last one beyond its ends, times
// 255/(2^bits - 1).
double pl_lut_window(const pl_window *window, double value);

// The whole picture through the table, as a new 8-bit PL_IMAGE_GREY plane of the same size that the caller clears.
// PL_E_NOMEM.
pl_status pl_lut_apply(pl_image *out, const pl_dicom *dicom, const pl_window *window, pl_error *err);

#ifdef __cplusplus
}
#endif
