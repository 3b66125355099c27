#include "tui/case_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/rle.h"
#include "core/data/source.h"
#include "core/image/decode.h"
#include "core/image/png_io.h"
#include "core/image/resize.h"
#include "viewers/draw.h"

static const double ruler_steps[] = {200, 100, 50, 20, 10, 5, 2, 1};  // millimetres

pl_case_order pl_case_order_make(const pl_manifest *manifest, const pl_case *c) {
  const bool masked = c->label == PL_LABEL_POSITIVE;
  return (pl_case_order){.number = c->number,
                         .source = pl_xstrdup(c->source),
                         .image_path = pl_case_image_path(manifest, c),
                         .mask_path = masked ? pl_case_mask_path(manifest, c) : NULL,
                         .id = pl_xstrdup(c->id),
                         .rle_path = pl_path_join(manifest->workspace, "train-rle.csv")};
}

void pl_case_order_clear(pl_case_order *order) {
  free(order->source);
  free(order->image_path);
  free(order->mask_path);
  free(order->id);
  free(order->rle_path);
  *order = (pl_case_order){0};
}

// ---- Reading

static pl_status read_original(pl_dicom *out, const pl_case_order *order, pl_error *err) {
  if (order->source[0] == '\0') return pl_fail(err, PL_E_NOTFOUND, "no original is known");
  pl_decoder *decoder = NULL;
  pl_status status = pl_decoder_create(&decoder, NULL, err);
  if (status == PL_OK) status = pl_source_decode(out, order->source, decoder, err);
  pl_decoder_destroy(decoder);
  return status;
}

// The union of the case's runs. PL_E_NOTFOUND when the table has none of it.
static pl_status read_runs(pl_image *mask, const pl_case_order *order, pl_rle_table *table, uint32_t width,
                           uint32_t height, pl_error *err) {
  pl_status status = table->count == 0 ? pl_rle_table_load(table, order->rle_path, false, err) : PL_OK;
  if (status != PL_OK) return status;
  const pl_rle_image *image = pl_rle_table_find(table, order->id);
  if (image == NULL) return pl_fail(err, PL_E_NOTFOUND, "train-rle.csv has no row of this case");
  status = pl_image_init(mask, width, height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  for (size_t i = 0; i < image->count && status == PL_OK; i++) {
    status = pl_rle_decode(mask, table->rows[table->order[image->first + i]].pixels, err);
  }
  if (status != PL_OK) pl_image_clear(mask);
  return status;
}

// The prepared mask, at the picture's size when that has the same shape.
static pl_status read_prepared_mask(pl_image *out, const char *path, uint32_t width, uint32_t height, pl_error *err) {
  pl_image mask = {0};
  pl_status status = pl_png_read(&mask, path, err);
  if (status != PL_OK) return status;
  const bool same_shape = (uint64_t)mask.width * height == (uint64_t)width * mask.height;
  if (!same_shape) {
    status = pl_fail(err, PL_E_FORMAT, "%s has another shape than the picture", path);
  } else if (mask.width != width) {
    status = pl_image_resize_nearest(out, &mask, width, height, err);
  } else {
    *out = mask;
    mask = (pl_image){0};
  }
  pl_image_clear(&mask);
  if (status == PL_OK) out->meaning = PL_IMAGE_MASK;
  return status;
}

static pl_view_area box_of(const pl_image *mask) {
  uint32_t left = mask->width, right = 0, top = mask->height, bottom = 0;
  for (uint32_t y = 0; y < mask->height; y++) {
    for (uint32_t x = 0; x < mask->width; x++) {
      if (mask->u8[(size_t)y * mask->width + x] == 0) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
    }
  }
  if (left > right) return (pl_view_area){0};
  return (pl_view_area){.x = left, .y = top, .width = right - left + 1, .height = bottom - top + 1};
}

void pl_case_file_read(pl_case_file *out, const pl_case_order *order, pl_rle_table *table) {
  out->number = order->number;
  pl_error reason = {0};
  out->is_original = read_original(&out->dicom, order, &reason) == PL_OK;
  if (!out->is_original) {
    pl_safe_text(out->why, sizeof out->why, reason.message, strlen(reason.message));
    out->dicom = (pl_dicom){.rescale_slope = 1, .age = -1, .bits_stored = 8, .high_bit = 7, .bits_allocated = 8};
    out->status = pl_png_read(&out->dicom.image, order->image_path, &out->error);
    if (out->status != PL_OK) return;
    if (out->dicom.image.type != PL_PIXEL_U8) {
      out->dicom.bits_stored = out->dicom.bits_allocated = 16;
      out->dicom.high_bit = 15;
    }
  }
  const uint32_t width = out->dicom.image.width, height = out->dicom.image.height;
  if (order->mask_path != NULL) {
    pl_error ignored = {0};
    const bool runs = out->is_original && read_runs(&out->mask, order, table, width, height, &ignored) == PL_OK;
    if (!runs) out->status = read_prepared_mask(&out->mask, order->mask_path, width, height, &out->error);
    if (out->status != PL_OK) return;
    out->mask_area = box_of(&out->mask);
  }
  const pl_window full = pl_lut_full_window(&out->dicom);
  out->low = full.centre - full.width / 2;
  out->high = full.centre + full.width / 2;
}

void pl_case_file_clear(pl_case_file *file) {
  pl_dicom_clear(&file->dicom);
  pl_image_clear(&file->mask);
  *file = (pl_case_file){0};
}

// ---- Drawing

// A scale bar in the lower left corner: the longest round length that takes at most a third of the width.
static pl_status draw_ruler(pl_bitmap *bitmap, const pl_case_file *file, double zoom, pl_error *err) {
  const double spacing = file->dicom.column_spacing;
  if (!(spacing > 0) || bitmap->width < 60 || bitmap->height < 40) return PL_OK;
  const double pixels = zoom / spacing;  // of the bitmap, a millimetre
  size_t i = 0;
  const size_t count = sizeof ruler_steps / sizeof ruler_steps[0];
  while (i + 1 < count && ruler_steps[i] * pixels > bitmap->width / 3.0) i++;
  const double length = ruler_steps[i] * pixels;
  if (length > bitmap->width / 2.0) return PL_OK;
  const pl_rect all = pl_bitmap_rect(bitmap);
  const pl_rgb light = {255, 255, 255}, dark = {0, 0, 0};
  const int scale = bitmap->width > 700 ? 2 : 1;
  const double x = 8.5, y = bitmap->height - 8.5, tick = 4.0 * scale;
  const pl_point bar[] = {{x, y - tick}, {x, y}, {x + length, y}, {x + length, y - tick}};
  pl_status status = pl_draw_polyline(bitmap, all, bar, 4, 3.0 * scale, dark, 0.6, err);
  if (status == PL_OK) status = pl_draw_polyline(bitmap, all, bar, 4, 1.2 * scale, light, 1, err);
  char text[32];
  snprintf(text, sizeof text, "%g mm", ruler_steps[i]);
  const int text_y = (int)(y - tick) - PL_FONT_HEIGHT * scale - 2;
  pl_draw_rect(bitmap, (pl_rect){8, text_y - 1, pl_text_width(text, scale) + 4, PL_FONT_HEIGHT * scale + 2}, dark, 0.5);
  pl_draw_text(bitmap, all, 10, text_y, scale, light, text);
  return status;
}

pl_status pl_case_file_draw(pl_bitmap *out, const pl_case_file *file, const pl_case_drawing *how,
                            const pl_lens_frame *frame, pl_error *err) {
  pl_image grey = {0};
  pl_status status = pl_lut_apply(&grey, &file->dicom, &how->window, err);
  if (status != PL_OK) return status;
  pl_view_case_options options = pl_view_case_defaults((uint32_t)frame->width, (uint32_t)frame->height);
  options.pixel_aspect = frame->pixel_aspect;
  options.area = pl_lens_area(&how->lens, frame);
  options.window_centre = 127.5;  // the window is applied already, at full depth
  options.window_width = 255;
  options.invert = how->invert;
  options.mask_mode = how->mask_mode;
  options.opacity = how->opacity;
  status = pl_view_case(out, &grey, file->mask.data != NULL ? &file->mask : NULL, &options, err);
  pl_image_clear(&grey);
  if (status == PL_OK && how->ruler && frame->pixel_aspect < 1.5) {
    status = draw_ruler(out, file, pl_lens_zoom(&how->lens, frame), err);
    if (status != PL_OK) pl_bitmap_clear(out);
  }
  return status;
}
