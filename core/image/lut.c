#include "core/image/lut.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"

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

static uint16_t look_up(const pl_dicom_lut *table, double value) {
  double at = trunc(value) - table->first;
  if (!(at > 0)) return table->values[0];
  return at < table->count ? table->values[(uint32_t)at] : table->values[table->count - 1];
}

double pl_lut_rescale(const pl_dicom *dicom, uint16_t stored) {
  int32_t value = stored_value(dicom, stored);
  if (dicom->modality_lut.count > 0) return look_up(&dicom->modality_lut, value);
  return value * dicom->rescale_slope + dicom->rescale_intercept;
}

size_t pl_lut_choices(const pl_dicom *dicom) { return (size_t)dicom->voi_lut_count + dicom->window_count; }

pl_window pl_lut_choice(const pl_dicom *dicom, size_t choice) {
  if (choice < dicom->voi_lut_count) return (pl_window){.table = &dicom->voi_luts[choice]};
  const pl_dicom_window *window = &dicom->windows[choice - dicom->voi_lut_count];
  return (pl_window){.function = dicom->voi_function, .centre = window->centre, .width = window->width};
}

const char *pl_lut_choice_name(const pl_dicom *dicom, size_t choice) {
  return choice < dicom->voi_lut_count ? dicom->voi_luts[choice].name
                                       : dicom->windows[choice - dicom->voi_lut_count].name;
}

// Appends "1 NORMAL 40,400; 2 table LUNG" for people: all choices with number, name, and centre and width.
static void describe_choices(pl_buf *out, const pl_dicom *dicom) {
  for (size_t i = 0; i < pl_lut_choices(dicom); i++) {
    const char *text = pl_lut_choice_name(dicom, i);
    pl_window window = pl_lut_choice(dicom, i);
    char name[2 * PL_DICOM_TEXT_SIZE];
    pl_safe_text(name, sizeof name, text, strlen(text));
    pl_buf_printf(out, "%s%zu%s%s", i > 0 ? "; " : "", i + 1, window.table != NULL ? " table" : "",
                  name[0] != '\0' ? " " : "");
    pl_buf_add_text(out, name);
    if (window.table == NULL) pl_buf_printf(out, " %g,%g", window.centre, window.width);
  }
}

pl_status pl_lut_find_choice(size_t *choice, const pl_dicom *dicom, const char *text, pl_error *err) {
  size_t count = pl_lut_choices(dicom);
  uint64_t number = 0;
  if (pl_parse_u64(&number, text, strlen(text)) && number >= 1 && number <= count) {
    *choice = (size_t)number - 1;
    return PL_OK;
  }
  for (size_t i = 0; i < count; i++) {
    if (strcasecmp(pl_lut_choice_name(dicom, i), text) == 0 && text[0] != '\0') {
      *choice = i;
      return PL_OK;
    }
  }
  if (count == 0) return pl_fail(err, PL_E_NOTFOUND, "there is no window '%s': the file has none at all", text);
  pl_buf list;
  pl_buf_init(&list, PL_ERROR_MESSAGE_MAX);
  describe_choices(&list, dicom);
  pl_fail(err, PL_E_NOTFOUND, "there is no window '%s' in the file, but: %s", text, list.data != NULL ? list.data : "");
  pl_buf_clear(&list);
  return PL_E_NOTFOUND;
}

static uint16_t element_at(const pl_image *image, size_t i) {
  return image->type == PL_PIXEL_U8 ? image->u8[i] : image->u16[i];
}

pl_window pl_lut_full_window(const pl_dicom *dicom) {
  const pl_image *image = &dicom->image;
  size_t count = (size_t)image->width * image->height;
  bool *seen = pl_xcalloc(PL_LUT_SIZE, sizeof *seen);
  for (size_t i = 0; i < count; i++) seen[element_at(image, i)] = true;
  double low = INFINITY, high = -INFINITY;
  for (uint32_t i = 0; i < PL_LUT_SIZE; i++) {
    if (!seen[i] || (dicom->has_padding && stored_value(dicom, (uint16_t)i) == dicom->padding)) continue;
    double value = pl_lut_rescale(dicom, (uint16_t)i);
    low = fmin(low, value);
    high = fmax(high, value);
  }
  free(seen);
  if (low > high) low = high = 0;  // nothing but padding
  return (pl_window){.function = PL_VOI_LINEAR_EXACT, .centre = (low + high) / 2, .width = high > low ? high - low : 1};
}

pl_window pl_lut_default_window(const pl_dicom *dicom) {
  return pl_lut_choices(dicom) > 0 ? pl_lut_choice(dicom, 0) : pl_lut_full_window(dicom);
}

double pl_lut_window(const pl_window *window, double x) {
  double c = window->centre, w = window->width;
  if (window->table != NULL) return look_up(window->table, x) * (double)GREY_MAX / ((1 << window->table->bits) - 1);
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

// Fills the table from a plane's element (as 16 bits; for 8-bit planes only the first 256 entries) to 8-bit grey,
// rounded to the nearest. MONOCHROME1 is inverted, so that in the result larger is brighter. `window` NULL takes the
// default.
static void fill(uint8_t lut[PL_LUT_SIZE], const pl_dicom *dicom, const pl_window *window) {
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
  fill(lut, dicom, window);
  size_t count = (size_t)in->width * in->height;
  if (in->type == PL_PIXEL_U8) {
    for (size_t i = 0; i < count; i++) made.u8[i] = lut[in->u8[i]];
  } else {
    for (size_t i = 0; i < count; i++) made.u8[i] = lut[in->u16[i]];
  }
  free(lut);
  *out = made;
  return PL_OK;
}
