#include "tui/case_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/labels.h"
#include "core/data/rle.h"
#include "core/data/source.h"
#include "core/image/decode.h"
#include "core/image/png_io.h"
#include "core/image/resize.h"
#include "core/image/spacing.h"
#include "tui/prediction.h"
#include "viewers/colormap.h"
#include "viewers/draw.h"

static const double ruler_steps[] = {200, 100, 50, 20, 10, 5, 2, 1};  // millimetres
static const char *const shows_names[PL_CASE_SHOWS_COUNT];
static const double heat_opacity = 2;  // of a mask's: a heat map has no edge that tells where it is

pl_case_order pl_case_order_make(const pl_manifest *manifest, const pl_case *c, bool other) {
  const bool original = manifest->labels == PL_LABELS_ORIGINAL;
  const pl_label_choice another = original ? PL_LABELS_CORRECTED : PL_LABELS_ORIGINAL;
  const bool masked = c->label == PL_LABEL_POSITIVE;
  return (pl_case_order){.number = c->number,
                         .is_labelled = c->label != PL_LABEL_UNKNOWN,
                         .source = pl_xstrdup(c->source),
                         .image_path = pl_case_image_path(manifest, c),
                         .mask_path = masked ? pl_case_mask_path(manifest, c) : NULL,
                         .id = pl_xstrdup(c->id),
                         .rle_path = pl_label_table_path(manifest->workspace, manifest->labels),
                         .other_path = other ? pl_label_table_path(manifest->workspace, another) : NULL};
}

void pl_case_order_clear(pl_case_order *order) {
  free(order->source);
  free(order->image_path);
  free(order->mask_path);
  free(order->id);
  free(order->rle_path);
  free(order->other_path);
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

// The union of a case's runs in the table at `path`, which `*table` has unless it is empty. PL_E_NOTFOUND when there
// are none.
static pl_status read_runs(pl_image *mask, const char *id, const char *path, pl_rle_table *table, uint32_t width,
                           uint32_t height, pl_error *err) {
  pl_status status = table->count == 0 ? pl_rle_table_load(table, path, false, err) : PL_OK;
  if (status != PL_OK) return status;
  const pl_rle_image *image = pl_rle_table_find(table, id);
  if (image == NULL) return pl_fail(err, PL_E_NOTFOUND, "%s has no row of this case", path);
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

// The label that is not shown. Without the original's size, or a row, there is none to compare with.
static void read_other(pl_case_file *out, const pl_case_order *order) {
  pl_rle_table table = {0};
  const uint32_t width = out->dicom.image.width, height = out->dicom.image.height;
  if (order->other_path == NULL || !out->is_original) return;
  const pl_status status = read_runs(&out->other, order->id, order->other_path, &table, width, height, NULL);
  out->has_other = status == PL_OK || status == PL_E_NOTFOUND;
  pl_rle_table_clear(&table);
}

// The picture's values by how often they are there: 65536 bins, in rising order of the stored value.
typedef struct histogram {
  const pl_dicom *dicom;
  size_t *bins, total;
} histogram;

enum { BINS = 65536, SIGNED_ORIGIN = 32768 };

static histogram count_values(const pl_dicom *dicom) {
  const pl_image *image = &dicom->image;
  histogram h = {.dicom = dicom, .bins = pl_xcalloc(BINS, sizeof *h.bins)};
  const size_t count = (size_t)image->width * image->height;
  for (size_t i = 0; i < count; i++) {
    const int value = image->type == PL_PIXEL_U8    ? image->u8[i]
                      : image->type == PL_PIXEL_U16 ? image->u16[i]
                                                    : image->s16[i];
    if (dicom->has_padding && value == dicom->padding) continue;
    h.bins[value + (image->type == PL_PIXEL_S16 ? SIGNED_ORIGIN : 0)]++;
    h.total++;
  }
  return h;
}

// The value below which that share of the pixels lies, counted from the darkest one.
static double value_at(const histogram *h, double share) {
  const pl_dicom *dicom = h->dicom;
  const bool is_dark_high = dicom->is_monochrome1 != (dicom->rescale_slope < 0);
  const double wanted = (is_dark_high ? 1 - share : share) * (double)h->total;
  size_t below = 0;
  int bin = 0;
  while (bin < BINS - 1 && (double)(below + h->bins[bin]) < wanted) below += h->bins[bin++];
  return pl_lut_rescale(dicom, (uint16_t)(dicom->image.type == PL_PIXEL_S16 ? bin - SIGNED_ORIGIN : bin));
}

static pl_window window_between(const histogram *h, double from, double to) {
  const double a = value_at(h, from), b = value_at(h, to);
  return (pl_window){.function = PL_VOI_LINEAR_EXACT, .centre = (a + b) / 2, .width = fmax(fabs(b - a), 1)};
}

static void find_windows(pl_case_file *file) {
  histogram h = count_values(&file->dicom);
  file->windows[PL_CASE_ALL] = pl_lut_full_window(&file->dicom);
  file->windows[PL_CASE_AUTOMATIC] = window_between(&h, 0.005, 0.995);
  file->windows[PL_CASE_LUNGS] = window_between(&h, 0.005, 0.7);
  file->windows[PL_CASE_BONES] = window_between(&h, 0.3, 0.995);
  free(h.bins);
}

void pl_case_file_read(pl_case_file *out, const pl_case_order *order, pl_rle_table *table) {
  out->number = order->number;
  out->id = pl_xstrdup(order->id);
  out->is_labelled = order->is_labelled;
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
    const bool runs =
        out->is_original && read_runs(&out->mask, order->id, order->rle_path, table, width, height, &ignored) == PL_OK;
    if (!runs) out->status = read_prepared_mask(&out->mask, order->mask_path, width, height, &out->error);
    if (out->status != PL_OK) return;
    out->mask_area = box_of(&out->mask);
  }
  read_other(out, order);
  find_windows(out);
  const pl_window full = out->windows[PL_CASE_ALL];
  out->low = full.centre - full.width / 2;
  out->high = full.centre + full.width / 2;
}

void pl_case_file_clear(pl_case_file *file) {
  pl_dicom_clear(&file->dicom);
  pl_image_clear(&file->mask);
  pl_image_clear(&file->other);
  free(file->id);
  *file = (pl_case_file){0};
}

pl_status pl_case_map_read(pl_case_map *out, const pl_case_file *file, const char *run, int64_t epoch, pl_error *err) {
  pl_image map = {0};
  pl_status status = pl_prediction_load(&map, run, epoch, file->id, err);
  if (status != PL_OK) return status;
  pl_case_map made = {.width = map.width, .height = map.height};
  status = pl_image_resize(&made.map, &map, file->dicom.image.width, file->dicom.image.height, err);
  pl_image_clear(&map);
  if (status == PL_OK) *out = made;
  return status;
}

void pl_case_map_clear(pl_case_map *map) {
  pl_image_clear(&map->map);
  *map = (pl_case_map){0};
}

// ---- Drawing

// A scale bar in the lower left corner: the longest round length that takes at most a third of the width.
static pl_status draw_ruler(pl_bitmap *bitmap, const pl_case_file *file, double zoom, bool believe, pl_error *err) {
  const double spacing = file->dicom.column_spacing;
  const pl_spacing_trust trust = pl_spacing_judge(&file->dicom);
  if (trust == PL_SPACING_UNKNOWN || (trust == PL_SPACING_DOUBTFUL && !believe)) return PL_OK;
  if (bitmap->width < 60 || bitmap->height < 40) return PL_OK;
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
  snprintf(text, sizeof text, "%g mm%s", ruler_steps[i], trust == PL_SPACING_DOUBTFUL ? " by the file" : "");
  const int text_y = (int)(y - tick) - PL_FONT_HEIGHT * scale - 2;
  pl_draw_rect(bitmap, (pl_rect){8, text_y - 1, pl_text_width(text, scale) + 4, PL_FONT_HEIGHT * scale + 2}, dark, 0.5);
  pl_draw_text(bitmap, all, 10, text_y, scale, light, text);
  return status;
}

// ---- What lies over the picture

const char *pl_case_shows_name(pl_case_shows shows) { return shows_names[shows]; }

bool pl_case_shows_parse(pl_case_shows *out, const char *name) {
  for (int i = 0; i < PL_CASE_SHOWS_COUNT; i++) {
    if (strcmp(name, shows_names[i]) != 0) continue;
    *out = (pl_case_shows)i;
    return true;
  }
  return false;
}

// The planes that layers show, owned, and the layers.
typedef struct overlay {
  pl_image predicted, parts[PL_AGREEMENT_PARTS];
  pl_view_layer layers[PL_AGREEMENT_PARTS];
  size_t count;
} overlay;

static const pl_colour part_colours[PL_AGREEMENT_PARTS] = {PL_COLOUR_HIT, PL_COLOUR_FALSE_ALARM, PL_COLOUR_MISSED};

static void overlay_clear(overlay *o) {
  pl_image_clear(&o->predicted);
  for (int i = 0; i < PL_AGREEMENT_PARTS; i++) pl_image_clear(&o->parts[i]);
}

static void add_layer(overlay *o, const pl_image *plane, pl_colour colour, const pl_case_drawing *how) {
  o->layers[o->count++] =
      (pl_view_layer){.plane = plane, .mode = how->mask_mode, .opacity = how->opacity, .colour = pl_colour_rgb(colour)};
}

static pl_status overlay_predicted(overlay *o, pl_case_result *result, const pl_case_file *file, const pl_case_map *map,
                                   const pl_case_drawing *how, pl_error *err) {
  const uint32_t width = file->dicom.image.width, height = file->dicom.image.height;
  pl_status status = pl_probability_mask(&o->predicted, &map->map, width, height, how->threshold, err);
  if (status != PL_OK) return status;
  pl_agreement a = {0};
  if (how->shows == PL_CASE_DIFFERENCE && file->is_labelled) {
    status = pl_agreement_split(o->parts, &a, &file->mask, &o->predicted, err);
    for (int i = 0; i < PL_AGREEMENT_PARTS; i++) add_layer(o, &o->parts[i], part_colours[i], how);
  } else {
    status = pl_agreement_count(&a, &file->mask, &o->predicted, err);
    if (how->shows == PL_CASE_PROBABILITY) {
      add_layer(o, &map->map, PL_COLOUR_SKY, how);
      o->layers[0].opacity = fmin(1, heat_opacity * how->opacity);
    } else {
      add_layer(o, &o->predicted, PL_COLOUR_SKY, how);
    }
  }
  result->width = map->width;
  result->height = map->height;
  result->predicted = a.hit + a.false_alarm;
  result->compared = file->is_labelled;
  result->agreement = a;
  return status;
}

pl_status pl_case_file_compare(pl_case_result *out, const pl_case_file *file, const pl_case_map *map, double threshold,
                               pl_error *err) {
  const pl_case_drawing how = {.shows = PL_CASE_PREDICTION, .threshold = threshold};
  overlay over = {.count = 0};
  pl_case_result result = {.status = PL_OK};
  const pl_status status = overlay_predicted(&over, &result, file, map, &how, err);
  overlay_clear(&over);
  if (status == PL_OK) *out = result;
  return status;
}

// A plane of the label at the size of the picture, when that was prepared smaller than the label is.
static pl_status fit_label(const pl_image **out, pl_image *room, const pl_image *label, const pl_image *picture,
                           pl_error *err) {
  *out = label;
  if (label->width == picture->width && label->height == picture->height) return PL_OK;
  *out = room;
  pl_status status = pl_image_resize_nearest(room, label, picture->width, picture->height, err);
  if (status == PL_OK) room->meaning = PL_IMAGE_MASK;
  return status;
}

// The label as it is now, and the original one's outline.
static pl_status overlay_label(overlay *o, const pl_case_file *file, const pl_case_drawing *how, pl_error *err) {
  const pl_image *label = NULL, *original = NULL;
  pl_status status = fit_label(&label, &o->predicted, how->label, &file->dicom.image, err);
  if (status == PL_OK && how->original != NULL) {
    status = fit_label(&original, &o->parts[0], how->original, &file->dicom.image, err);
  }
  if (status != PL_OK) return status;
  if (original != NULL) add_layer(o, original, PL_COLOUR_SKY, how);
  if (original != NULL && how->mask_mode == PL_MASK_FILL) o->layers[0].mode = PL_MASK_CONTOUR;
  add_layer(o, label, PL_COLOUR_ORANGE, how);
  return PL_OK;
}

static pl_status overlay_make(overlay *o, pl_case_result *result, const pl_case_file *file, const pl_case_map *map,
                              const pl_case_drawing *how, pl_error *err) {
  if (how->shows != PL_CASE_TRUTH) {
    if (map == NULL) return pl_fail(err, PL_E_NOTFOUND, "there is no prediction of this case");
    return overlay_predicted(o, result, file, map, how, err);
  }
  if (how->label != NULL) return overlay_label(o, file, how, err);
  const pl_image *mask = how->other_label ? &file->other : &file->mask;
  if (mask->data != NULL) add_layer(o, mask, how->other_label ? PL_COLOUR_SKY : PL_COLOUR_ORANGE, how);
  return PL_OK;
}

// A ring where the brush would paint.
static pl_status draw_brush(pl_bitmap *bitmap, const pl_case_drawing *how, const pl_lens_frame *frame, pl_error *err) {
  enum { POINTS = 49 };
  pl_point ring[POINTS];
  double x = 0, y = 0;
  const pl_view_area area = pl_lens_area(&how->lens, frame);
  const double across = bitmap->width / area.width, down = bitmap->height / area.height;
  x = (how->brush.x - area.x) * across;
  y = (how->brush.y - area.y) * down;
  for (int i = 0; i < POINTS; i++) {
    const double angle = 2 * M_PI * i / (POINTS - 1), radius = how->brush.radius;
    ring[i] = (pl_point){x + fmax(radius * across, 1.5) * cos(angle), y + fmax(radius * down, 1.5) * sin(angle)};
  }
  const pl_rect all = pl_bitmap_rect(bitmap);
  const pl_rgb light = {255, 255, 255}, dark = {0, 0, 0};
  pl_status status = pl_draw_polyline(bitmap, all, ring, POINTS, 2.6, dark, 0.6, err);
  // The eraser's ring is broken.
  for (int i = 0; i + 2 < POINTS && status == PL_OK && how->brush.erase; i += 6) {
    status = pl_draw_polyline(bitmap, all, ring + i, 3, 1.2, light, 1, err);
  }
  if (status == PL_OK && !how->brush.erase) status = pl_draw_polyline(bitmap, all, ring, POINTS, 1.2, light, 1, err);
  return status;
}

// What the three colours mean, in the lower right corner.
static void draw_legend(pl_bitmap *bitmap) {
  static const char *const words[PL_AGREEMENT_PARTS] = {"hit", "false alarm", "missed"};
  enum { PAD = 4, SWATCH = 8 };
  const int scale = bitmap->width > 700 ? 2 : 1, row = (PL_FONT_HEIGHT + 2) * scale;
  const int width = pl_text_width(words[1], scale) + (SWATCH + 3 * PAD) * scale;
  const int height = PL_AGREEMENT_PARTS * row + 2 * PAD;
  if ((int)bitmap->width < 2 * width || (int)bitmap->height < 3 * height) return;
  const int left = (int)bitmap->width - width - PAD, top = (int)bitmap->height - height - PAD;
  pl_draw_rect(bitmap, (pl_rect){left, top, width, height}, (pl_rgb){0, 0, 0}, 0.6);
  for (int i = 0; i < PL_AGREEMENT_PARTS; i++) {
    const int y = top + PAD + i * row;
    const pl_rect swatch = {left + PAD * scale, y + scale, SWATCH * scale, SWATCH * scale};
    pl_draw_rect(bitmap, swatch, pl_colour_rgb(part_colours[i]), 1);
    pl_draw_text(bitmap, pl_bitmap_rect(bitmap), swatch.x + (SWATCH + PAD) * scale, y, scale, (pl_rgb){255, 255, 255},
                 words[i]);
  }
}

pl_status pl_case_file_draw(pl_bitmap *out, pl_case_result *result, const pl_case_file *file, const pl_case_map *map,
                            const pl_case_drawing *how, const pl_lens_frame *frame, pl_error *err) {
  pl_image grey = {0};
  pl_bitmap bitmap = {0};
  overlay over = {.count = 0};
  pl_view_case_options options = pl_view_case_defaults((uint32_t)frame->width, (uint32_t)frame->height);
  options.pixel_aspect = frame->pixel_aspect;
  options.area = pl_lens_area(&how->lens, frame);
  options.window_centre = 127.5;  // the window is applied already, at full depth
  options.window_width = 255;
  options.invert = how->invert;
  *result = (pl_case_result){.status = PL_OK};
  pl_status status = pl_lut_apply(&grey, &file->dicom, &how->window, err);
  if (status == PL_OK) status = overlay_make(&over, result, file, map, how, err);
  if (status == PL_OK) status = pl_view_case_layers(&bitmap, &grey, over.layers, over.count, &options, err);
  const bool has_square_pixels = frame->pixel_aspect < 1.5;
  if (status == PL_OK && how->ruler && has_square_pixels) {
    status = draw_ruler(&bitmap, file, pl_lens_zoom(&how->lens, frame), how->believe, err);
  }
  if (status == PL_OK && how->brush.shown) status = draw_brush(&bitmap, how, frame, err);
  const bool in_colours = how->shows == PL_CASE_DIFFERENCE && result->compared && how->mask_mode != PL_MASK_OFF;
  if (status == PL_OK && how->legend && in_colours) draw_legend(&bitmap);
  overlay_clear(&over);
  pl_image_clear(&grey);
  if (status != PL_OK) {
    pl_bitmap_clear(&bitmap);
    return status;
  }
  *out = bitmap;
  return PL_OK;
}

static const char *const shows_names[PL_CASE_SHOWS_COUNT] = {
    [PL_CASE_TRUTH] = "truth",
    [PL_CASE_PREDICTION] = "prediction",
    [PL_CASE_DIFFERENCE] = "difference",
    [PL_CASE_PROBABILITY] = "probability",
};
