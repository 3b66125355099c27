#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/prepare_private.h"
#include "core/data/rle.h"
#include "core/image/png_io.h"
#include "core/image/resize.h"

// Counts up when the same source would give other pixels, so that pictures of older versions are made again.
enum { RECIPE_VERSION = 1 };

static const char *const rule_names[3];

void pl_import_recipe(import_job *job) {
  const pl_import_options *o = job->options;
  if (o->resize == PL_IMPORT_RESIZE_NONE) {
    snprintf(job->recipe, sizeof job->recipe, "%d none", RECIPE_VERSION);
  } else {
    snprintf(job->recipe, sizeof job->recipe, "%d %s %u%s", RECIPE_VERSION, rule_names[o->resize], job->size,
             o->keep_aspect ? " aspect" : "");
  }
}

// Files

// Writes a picture aside and renames it. Not synced here: one sync of the file system for the whole import, before
// cases.csv names the pictures, costs a hundredth of one for each; until then the hash tells a torn picture.
static pl_status write_png(char hash[PL_SHA256_HEX_SIZE], const char *workspace, const char *folder, const char *id,
                           const pl_image *image, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PL_PNG_FILE_MAX);
  pl_status status = pl_png_encode(&bytes, image, PL_PNG_FAST, err);
  char *path = pl_xprintf("%s/%s/%s.png", workspace, folder, id), *aside = pl_xprintf("%s.part", path);
  if (status == PL_OK) {
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) status = pl_fail_errno(err, errno, "cannot create %s", aside);
    for (size_t at = 0; status == PL_OK && at < bytes.length;) {
      ssize_t n = write(fd, bytes.data + at, bytes.length - at);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0)
        status = pl_fail_errno(err, errno, "cannot write %s", path);
      else
        at += (size_t)n;
    }
    if (fd >= 0 && close(fd) != 0 && status == PL_OK) status = pl_fail_errno(err, errno, "cannot write %s", path);
    if (status == PL_OK && rename(aside, path) != 0) status = pl_fail_errno(err, errno, "cannot write %s", path);
    if (status != PL_OK && fd >= 0) unlink(aside);
  }
  if (status == PL_OK) pl_sha256_bytes(hash, bytes.data, bytes.length);
  free(path);
  free(aside);
  pl_buf_clear(&bytes);
  return status;
}

bool pl_import_is_whole(const import_job *job, const char *folder, const char *id, const char *hash) {
  char *path = pl_xprintf("%s/%s/%s.png", job->workspace, folder, id), hex[PL_SHA256_HEX_SIZE];
  bool same = hash[0] != '\0' && pl_sha256_file(hex, path, NULL) == PL_OK && strcmp(hex, hash) == 0;
  free(path);
  return same;
}

void pl_import_remove_mask(const import_job *job, const char *id) {
  char *path = pl_xprintf("%s/masks/%s.png", job->workspace, id);
  unlink(path);
  free(path);
}

// Size

// The size that a picture of width x height is resized to, and that of the canvas it then stands on.
typedef struct frame {
  uint32_t width, height, canvas_width, canvas_height;
} frame;

static uint32_t scaled(uint32_t side, uint32_t longest, uint32_t size) {
  uint64_t value = (2 * (uint64_t)side * size + longest) / (2 * (uint64_t)longest);
  return value > 0 ? (uint32_t)value : 1;
}

static frame frame_for(const import_job *job, uint32_t width, uint32_t height) {
  if (job->options->resize == PL_IMPORT_RESIZE_NONE) return (frame){width, height, width, height};
  frame f = {job->size, job->size, job->size, job->size};
  if (job->options->keep_aspect) {
    uint32_t longest = width > height ? width : height;
    f.width = scaled(width, longest, job->size);
    f.height = scaled(height, longest, job->size);
  }
  return f;
}

// Puts the picture into the middle of the canvas; takes `image` and gives back another plane when it is smaller.
static pl_status place(pl_image *image, const frame *f, pl_error *err) {
  if (f->width == f->canvas_width && f->height == f->canvas_height) return PL_OK;
  pl_image canvas;
  pl_status status = pl_image_init(&canvas, f->canvas_width, f->canvas_height, PL_PIXEL_U8, image->meaning, err);
  if (status != PL_OK) return status;
  // What is black depends on the meaning.
  if (image->meaning == PL_IMAGE_GREY_INVERSE) memset(canvas.u8, UINT8_MAX, pl_image_bytes(&canvas));
  size_t left = (f->canvas_width - f->width) / 2, top = (f->canvas_height - f->height) / 2;
  for (size_t y = 0; y < f->height; y++) {
    memcpy(canvas.u8 + (top + y) * f->canvas_width + left, image->u8 + y * f->width, f->width);
  }
  pl_image_clear(image);
  *image = canvas;
  return PL_OK;
}

// Images

static int32_t value_at(const pl_image *image, size_t i) {
  if (image->type == PL_PIXEL_U8) return image->u8[i];
  return image->type == PL_PIXEL_U16 ? image->u16[i] : image->s16[i];
}

// The plane as 8 bits; an 8-bit plane is moved, not copied.
static pl_status to_8_bits(pl_image *out, pl_dicom *dicom, pl_error *err) {
  pl_image *in = &dicom->image;
  if (in->type == PL_PIXEL_U8) {
    *out = *in;
    in->data = NULL;
    return PL_OK;
  }
  size_t pixels = (size_t)in->width * in->height;
  int32_t low = INT32_MAX, high = INT32_MIN;
  for (size_t i = 0; i < pixels; i++) {
    int32_t v = value_at(in, i);
    if (dicom->has_padding && v == dicom->padding) continue;
    if (v < low) low = v;
    if (v > high) high = v;
  }
  pl_status status = pl_image_init(out, in->width, in->height, PL_PIXEL_U8, in->meaning, err);
  if (status != PL_OK) return status;
  int32_t range = high > low ? high - low : 1;
  for (size_t i = 0; i < pixels && low <= high; i++) {
    int32_t v = value_at(in, i) - low;
    if (v < 0) v = 0;
    if (v > range) v = range;
    out->u8[i] = (uint8_t)((v * 255 + range / 2) / range);
  }
  return PL_OK;
}

pl_status pl_import_write_image(const import_job *job, import_item *item, pl_dicom *dicom, pl_error *err) {
  frame f = frame_for(job, dicom->image.width, dicom->image.height);
  pl_image full = {0}, small = {0};
  pl_status status = PL_OK;
  if (job->options->resize == PL_IMPORT_RESIZE_REFERENCE) {
    status = pl_image_resize_reference(&small, &dicom->image, dicom->bits_allocated, f.width, f.height, err);
  } else {
    status = to_8_bits(&full, dicom, err);
    if (status == PL_OK) status = pl_image_resize(&small, &full, f.width, f.height, err);
  }
  if (status == PL_OK) status = place(&small, &f, err);
  if (status == PL_OK) status = write_png(item->image_hash, job->workspace, "images", item->id, &small, err);
  pl_image_clear(&small);
  pl_image_clear(&full);
  return status;
}

// Masks

static pl_status decode_row(pl_image *out, const import_job *job, const pl_rle_image *rows, size_t k, pl_error *err) {
  const pl_rle_row *row = &job->table.rows[job->table.order[rows->first + k]];
  pl_status status = pl_rle_decode(out, row->pixels, err);
  if (status != PL_OK) pl_wrap(err, "%s line %zu", job->summary->rle_file, row->line);
  return status;
}

// How many rows each pixel lies in.
static pl_status count_rows(pl_image *counts, const import_job *job, const pl_rle_image *rows, uint32_t width,
                            uint32_t height, pl_error *err) {
  pl_image one = {0};
  pl_status status = pl_image_init(counts, width, height, PL_PIXEL_U16, PL_IMAGE_MASK, err);
  if (status == PL_OK) status = pl_image_init(&one, width, height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  size_t pixels = (size_t)width * height;
  for (size_t k = 0; status == PL_OK && k < rows->count; k++) {
    memset(one.u8, 0, pixels);
    status = decode_row(&one, job, rows, k, err);
    for (size_t i = 0; status == PL_OK && i < pixels; i++) {
      counts->u16[i] = (uint16_t)(counts->u16[i] + (one.u8[i] != 0 && counts->u16[i] < UINT16_MAX));
    }
  }
  pl_image_clear(&one);
  if (status != PL_OK) pl_image_clear(counts);
  return status;
}

static pl_status union_of_rows(pl_image *mask, const import_job *job, const pl_rle_image *rows, uint32_t width,
                               uint32_t height, pl_error *err) {
  pl_status status = pl_image_init(mask, width, height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  for (size_t k = 0; status == PL_OK && k < rows->count; k++) status = decode_row(mask, job, rows, k, err);
  if (status != PL_OK) pl_image_clear(mask);
  return status;
}

static uint64_t area_of(const pl_image *mask) {
  size_t pixels = (size_t)mask->width * mask->height;
  uint64_t area = 0;
  for (size_t i = 0; i < pixels; i++) area += value_at(mask, i) != 0;
  return area;
}

static pl_status make_mask(pl_image *out, const import_job *job, import_item *item, const pl_rle_image *rows,
                           const frame *f, pl_error *err) {
  pl_case *c = &item->entry;
  c->mask_area = 0;
  if (rows == NULL) return pl_image_init(out, f->width, f->height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  bool reference = job->options->resize == PL_IMPORT_RESIZE_REFERENCE;
  pl_image full = {0};
  pl_status status = reference ? count_rows(&full, job, rows, c->cols, c->rows, err)
                               : union_of_rows(&full, job, rows, c->cols, c->rows, err);
  if (status != PL_OK) return status;
  c->mask_area = area_of(&full);
  status = reference ? pl_mask_resize_reference(out, &full, f->width, f->height, err)
                     : pl_image_resize(out, &full, f->width, f->height, err);
  pl_image_clear(&full);
  return status;
}

pl_status pl_import_shrink_mask(pl_image *out, const import_job *job, const pl_image *mask, pl_error *err) {
  const frame f = frame_for(job, mask->width, mask->height);
  pl_image counts = {0};
  pl_status status = PL_OK;
  if (job->options->resize == PL_IMPORT_RESIZE_REFERENCE) {
    // As one row of runs.
    status = pl_image_init(&counts, mask->width, mask->height, PL_PIXEL_U16, PL_IMAGE_MASK, err);
    for (size_t i = 0; status == PL_OK && i < pl_image_bytes(mask); i++) counts.u16[i] = mask->u8[i] != 0;
    if (status == PL_OK) status = pl_mask_resize_reference(out, &counts, f.width, f.height, err);
    pl_image_clear(&counts);
  } else {
    status = pl_image_resize(out, mask, f.width, f.height, err);
  }
  if (status != PL_OK) return status;
  status = place(out, &f, err);
  if (status != PL_OK) pl_image_clear(out);
  return status;
}

bool pl_import_read_recipe(pl_import_options *options, uint32_t *size, const char *recipe) {
  char rule[16] = "", further[16] = "";
  int version = 0;
  unsigned side = 0;
  const int read = sscanf(recipe, "%d %15s %u %15s", &version, rule, &side, further);
  if (read < 2 || version != RECIPE_VERSION) return false;
  for (size_t i = 0; i < sizeof rule_names / sizeof rule_names[0]; i++) {
    if (strcmp(rule, rule_names[i]) == 0) options->resize = (pl_import_resize)i;
  }
  options->keep_aspect = strcmp(further, "aspect") == 0;
  *size = side;
  return strcmp(rule, rule_names[options->resize]) == 0 && (side > 0 || options->resize == PL_IMPORT_RESIZE_NONE);
}

pl_status pl_import_write_mask(const import_job *job, import_item *item, const pl_rle_image *rows, pl_error *err) {
  frame f = frame_for(job, item->entry.cols, item->entry.rows);
  pl_image small = {0};
  pl_status status = make_mask(&small, job, item, rows, &f, err);
  if (status != PL_OK) return status;
  status = place(&small, &f, err);
  item->mask_is_empty = area_of(&small) == 0;
  if (status == PL_OK) status = write_png(item->mask_hash, job->workspace, "masks", item->id, &small, err);
  pl_image_clear(&small);
  return status;
}

static const char *const rule_names[3] = {
    [PL_IMPORT_RESIZE_AREA] = "area",
    [PL_IMPORT_RESIZE_REFERENCE] = "reference",
    [PL_IMPORT_RESIZE_NONE] = "none",
};
