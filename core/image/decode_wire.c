#include "core/image/decode_wire.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"

static uint32_t flag(bool on, uint32_t bit) { return on ? bit : 0; }

size_t pl_decode_luts(pl_dicom_lut *luts[PL_DECODE_LUTS], pl_dicom *dicom) {
  luts[0] = &dicom->modality_lut;
  for (uint32_t i = 0; i < dicom->voi_lut_count; i++) luts[1 + i] = &dicom->voi_luts[i];
  return 1 + dicom->voi_lut_count;
}

static void pack_lut(pl_decode_lut *out, const pl_dicom_lut *lut) {
  out->count = lut->count;
  out->bits = lut->bits;
  out->first = lut->first;
  memcpy(out->name, lut->name, sizeof out->name);
}

void pl_decode_pack(pl_decode_reply *out, const pl_dicom *dicom) {
  // Padding bytes too: the helper must not send what happened to lie on its stack.
  memset(out, 0, sizeof *out);
  out->magic = PL_DECODE_MAGIC;
  out->status = PL_OK;
  out->flags = flag(dicom->is_signed, PL_DECODE_SIGNED) | flag(dicom->is_monochrome1, PL_DECODE_MONOCHROME1) |
               flag(dicom->has_rescale, PL_DECODE_RESCALE) | flag(dicom->has_modality_lut, PL_DECODE_MODALITY_LUT) |
               flag(dicom->has_voi_lut, PL_DECODE_VOI_LUT) | flag(dicom->has_padding, PL_DECODE_PADDING);
  out->width = dicom->image.width;
  out->height = dicom->image.height;
  out->pixel_type = dicom->image.type;
  out->bits_allocated = dicom->bits_allocated;
  out->bits_stored = dicom->bits_stored;
  out->high_bit = dicom->high_bit;
  out->padding = dicom->padding;
  out->age = dicom->age;
  out->voi_function = dicom->voi_function;
  out->window_count = dicom->window_count;
  out->rescale_slope = dicom->rescale_slope;
  out->rescale_intercept = dicom->rescale_intercept;
  out->row_spacing = dicom->row_spacing;
  out->column_spacing = dicom->column_spacing;
  out->spacing_source = dicom->spacing_source;
  out->identity_removed = dicom->identity_removed;
  out->burned_in = dicom->burned_in;
  memcpy(out->windows, dicom->windows, sizeof out->windows);
  out->voi_lut_count = dicom->voi_lut_count;
  pack_lut(&out->luts[0], &dicom->modality_lut);
  for (uint32_t i = 0; i < dicom->voi_lut_count; i++) pack_lut(&out->luts[1 + i], &dicom->voi_luts[i]);
  out->sex = dicom->sex;
  memcpy(out->view, dicom->view, sizeof out->view);
  memcpy(out->modality, dicom->modality, sizeof out->modality);
  memcpy(out->transfer_syntax, dicom->transfer_syntax, sizeof out->transfer_syntax);
  memcpy(out->patient, dicom->patient, sizeof out->patient);
  memcpy(out->patient_name, dicom->patient_name, sizeof out->patient_name);
  memcpy(out->birth_date, dicom->birth_date, sizeof out->birth_date);
  memcpy(out->study_date, dicom->study_date, sizeof out->study_date);
}

void pl_decode_pack_error(pl_decode_reply *out, const pl_error *err) {
  memset(out, 0, sizeof *out);
  out->magic = PL_DECODE_MAGIC;
  out->status = err->code;
  pl_copy_text(out->message, sizeof out->message, err->message);
}

static bool is_text(const char *text, size_t size) { return memchr(text, '\0', size) != NULL; }

static bool numbers_make_sense(const pl_decode_reply *r) {
  if (r->spacing_source > PL_SPACING_DETECTOR || r->identity_removed > PL_DICOM_YES || r->burned_in > PL_DICOM_YES) {
    return false;
  }
  if (r->pixel_type > PL_PIXEL_S16 || r->voi_function > PL_VOI_SIGMOID || r->window_count > PL_DICOM_WINDOWS_MAX) {
    return false;
  }
  if ((r->bits_allocated != 8 && r->bits_allocated != 16) || r->bits_stored < 1 || r->bits_stored > r->bits_allocated ||
      r->high_bit > UINT16_MAX || r->age < -1) {
    return false;
  }
  bool is_signed = (r->flags & PL_DECODE_SIGNED) != 0;
  if (is_signed != (r->pixel_type == PL_PIXEL_S16)) return false;
  if (!is_signed && (r->bits_allocated == 8) != (r->pixel_type == PL_PIXEL_U8)) return false;
  return isfinite(r->rescale_slope) && r->rescale_slope != 0 && isfinite(r->rescale_intercept) &&
         isfinite(r->row_spacing) && r->row_spacing >= 0 && isfinite(r->column_spacing) && r->column_spacing >= 0;
}

static bool texts_make_sense(const pl_decode_reply *r) {
  for (uint32_t i = 0; i < r->window_count; i++) {
    const pl_dicom_window *window = &r->windows[i];
    if (!isfinite(window->centre) || !isfinite(window->width) || window->width <= 0) return false;
    if (!is_text(window->name, sizeof window->name)) return false;
  }
  return is_text(r->view, sizeof r->view) && is_text(r->modality, sizeof r->modality) &&
         is_text(r->transfer_syntax, sizeof r->transfer_syntax) && is_text(r->patient, sizeof r->patient) &&
         is_text(r->patient_name, sizeof r->patient_name) && is_text(r->birth_date, sizeof r->birth_date) &&
         is_text(r->study_date, sizeof r->study_date);
}

static bool luts_make_sense(const pl_decode_reply *r) {
  if (r->voi_lut_count > PL_DICOM_LUTS_MAX) return false;
  for (uint32_t i = 0; i <= r->voi_lut_count; i++) {
    const pl_decode_lut *lut = &r->luts[i];
    if (lut->count == 0 && i == 0) continue;
    if (lut->count < 1 || lut->count > PL_DICOM_LUT_ENTRIES_MAX || lut->bits < 8 || lut->bits > 16) return false;
    if (lut->first < INT16_MIN || lut->first > UINT16_MAX || !is_text(lut->name, sizeof lut->name)) return false;
  }
  return true;
}

static void unpack_luts(pl_dicom *out, const pl_decode_reply *r) {
  pl_dicom_lut *luts[PL_DECODE_LUTS];
  out->voi_lut_count = r->voi_lut_count;
  size_t count = pl_decode_luts(luts, out);
  for (size_t i = 0; i < count; i++) {
    *luts[i] = (pl_dicom_lut){.count = r->luts[i].count, .first = r->luts[i].first, .bits = r->luts[i].bits};
    if (r->luts[i].count == 0) continue;
    memcpy(luts[i]->name, r->luts[i].name, sizeof luts[i]->name);
    luts[i]->values = pl_xcalloc(luts[i]->count, sizeof *luts[i]->values);
  }
}

bool pl_decode_is_refusal(const pl_decode_reply *reply) {
  return reply->magic == PL_DECODE_MAGIC && reply->status < PL_OK && reply->status >= PL_E_INTERNAL &&
         is_text(reply->message, sizeof reply->message);
}

pl_status pl_decode_unpack(pl_dicom *out, const pl_decode_reply *r, pl_error *err) {
  if (pl_decode_is_refusal(r)) return pl_fail(err, (pl_status)r->status, "%s", r->message);
  if (r->magic != PL_DECODE_MAGIC || r->status != PL_OK || !numbers_make_sense(r) || !texts_make_sense(r) ||
      !luts_make_sense(r)) {
    return pl_fail(err, PL_E_FORMAT, "the decoder's answer makes no sense");
  }
  bool monochrome1 = (r->flags & PL_DECODE_MONOCHROME1) != 0;
  pl_dicom dicom = {
      .bits_allocated = (uint16_t)r->bits_allocated,
      .bits_stored = (uint16_t)r->bits_stored,
      .high_bit = (uint16_t)r->high_bit,
      .is_signed = (r->flags & PL_DECODE_SIGNED) != 0,
      .is_monochrome1 = monochrome1,
      .has_rescale = (r->flags & PL_DECODE_RESCALE) != 0,
      .has_modality_lut = (r->flags & PL_DECODE_MODALITY_LUT) != 0,
      .has_voi_lut = (r->flags & PL_DECODE_VOI_LUT) != 0,
      .has_padding = (r->flags & PL_DECODE_PADDING) != 0,
      .rescale_slope = r->rescale_slope,
      .rescale_intercept = r->rescale_intercept,
      .padding = r->padding,
      .voi_function = (pl_voi_function)r->voi_function,
      .window_count = r->window_count,
      .age = r->age,
      .sex = r->sex == 'M' || r->sex == 'F' || r->sex == 'O' ? r->sex : '\0',
      .row_spacing = r->row_spacing,
      .column_spacing = r->column_spacing,
      .spacing_source = (pl_spacing_source)r->spacing_source,
      .identity_removed = (pl_dicom_answer)r->identity_removed,
      .burned_in = (pl_dicom_answer)r->burned_in,
  };
  pl_status status = pl_image_init(&dicom.image, r->width, r->height, (pl_pixel_type)r->pixel_type,
                                   monochrome1 ? PL_IMAGE_GREY_INVERSE : PL_IMAGE_GREY, err);
  if (status != PL_OK) return status;
  unpack_luts(&dicom, r);
  memcpy(dicom.windows, r->windows, r->window_count * sizeof r->windows[0]);
  memcpy(dicom.view, r->view, sizeof dicom.view);
  memcpy(dicom.modality, r->modality, sizeof dicom.modality);
  memcpy(dicom.transfer_syntax, r->transfer_syntax, sizeof dicom.transfer_syntax);
  memcpy(dicom.patient, r->patient, sizeof dicom.patient);
  memcpy(dicom.patient_name, r->patient_name, sizeof dicom.patient_name);
  memcpy(dicom.birth_date, r->birth_date, sizeof dicom.birth_date);
  memcpy(dicom.study_date, r->study_date, sizeof dicom.study_date);
  *out = dicom;
  return PL_OK;
}
