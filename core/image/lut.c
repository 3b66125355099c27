#include "core/image/lut.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/base/mem.h"

enum { GREY_MAX = 255, WORD_BITS = 16, BYTE_VALUES = 256 };

// The stored value itself. A plane of 16 bits may carry other things above High Bit, and 8-bit signed values are
// already extended to 16.
static int32_t stored_value(const pl_dicom *dicom, uint16_t stored) {
  int bits = dicom->bits_stored, shift = dicom->high_bit + 1 - bits;
  if (bits < 1 || bits > WORD_BITS) bits = WORD_BITS;
  if (shift < 0 || shift + bits > WORD_BITS) shift = 0;
  int32_t value = (stored >> shift) & ((1 << bits) - 1);
  if (dicom->is_signed && (value & (1 << (bits - 1))) != 0) value -= 1 << bits;
  return value;
}

double pl_lut_rescale(const pl_dicom *dicom, uint16_t stored) {
  return stored_value(dicom, stored) * dicom->rescale_slope + dicom->rescale_intercept;
}

static uint16_t element_at(const pl_image *image, size_t i) {
  return image->type == PL_PIXEL_U8 ? image->u8[i] : image->u16[i];
}

pl_window pl_lut_full_window(const pl_dicom *dicom) {
  const pl_image *image = &dicom->image;
  size_t count = (size_t)image->width * image->height;
  bool *seen = pl_xcalloc(PL_LUT_SIZE, sizeof *seen);
  for (size_t i = 0; i < count; i++) seen[element_at(image, i)] = true;
  int32_t low = INT32_MAX, high = INT32_MIN;
  for (uint32_t i = 0; i < PL_LUT_SIZE; i++) {
    int32_t value = stored_value(dicom, (uint16_t)i);
    if (!seen[i] || (dicom->has_padding && value == dicom->padding)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  free(seen);
  if (low > high) low = high = 0;  // nothing but padding
  double slope = dicom->rescale_slope, width = fabs((high - low) * slope);
  return (pl_window){.function = PL_VOI_LINEAR_EXACT,
                     .centre = (low + high) / 2.0 * slope + dicom->rescale_intercept,
                     .width = width > 0 ? width : 1};
}

pl_window pl_lut_default_window(const pl_dicom *dicom) {
  if (dicom->window_count == 0) return pl_lut_full_window(dicom);
  return (pl_window){
      .function = dicom->voi_function, .centre = dicom->windows[0].centre, .width = dicom->windows[0].width};
}

double pl_lut_window(const pl_window *window, double x) {
  double c = window->centre, w = window->width;
  switch (window->function) {
    case PL_VOI_LINEAR:
      w = fmax(w, 1);
      if (x <= c - 0.5 - (w - 1) / 2) return 0;
      if (x > c - 0.5 + (w - 1) / 2) return GREY_MAX;
      return ((x - (c - 0.5)) / (w - 1) + 0.5) * GREY_MAX;
    case PL_VOI_LINEAR_EXACT:
      if (x <= c - w / 2) return 0;
      if (x > c + w / 2) return GREY_MAX;
      return ((x - c) / w + 0.5) * GREY_MAX;
    case PL_VOI_SIGMOID: return GREY_MAX / (1 + exp(-4 * (x - c) / w));
  }
  return 0;
}

void pl_lut_fill(uint8_t lut[PL_LUT_SIZE], const pl_dicom *dicom, const pl_window *window) {
  pl_window chosen = window != NULL ? *window : pl_lut_default_window(dicom);
  uint32_t count = dicom->image.type == PL_PIXEL_U8 ? BYTE_VALUES : PL_LUT_SIZE;
  for (uint32_t i = 0; i < count; i++) {
    double grey = pl_lut_window(&chosen, pl_lut_rescale(dicom, (uint16_t)i));
    uint8_t rounded = (uint8_t)floor(fmax(0, fmin(grey, GREY_MAX)) + 0.5);
    lut[i] = dicom->image.meaning == PL_IMAGE_GREY_INVERSE ? (uint8_t)(GREY_MAX - rounded) : rounded;
  }
}

pl_status pl_lut_apply(pl_image *out, const pl_dicom *dicom, const pl_window *window, pl_error *err) {
  const pl_image *in = &dicom->image;
  pl_image made;
  pl_status status = pl_image_init(&made, in->width, in->height, PL_PIXEL_U8, PL_IMAGE_GREY, err);
  if (status != PL_OK) return status;
  uint8_t *lut = pl_xmalloc(PL_LUT_SIZE);
  pl_lut_fill(lut, dicom, window);
  size_t count = (size_t)in->width * in->height;
  for (size_t i = 0; i < count; i++) made.u8[i] = lut[element_at(in, i)];
  free(lut);
  *out = made;
  return PL_OK;
}
