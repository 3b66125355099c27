// Labels from a folder of PNG masks: each becomes the run lengths that the competition's table would have for it, so
// that folds, leaks and whatever else reads that table need not know where a mask came from.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/csvio.h"
#include "core/data/prepare_private.h"
#include "core/data/rle.h"
#include "core/image/png_io.h"

// A training image, and whether its mask was found.
typedef struct masked_image {
  const import_item *item;
  bool has_mask;
} masked_image;

typedef struct mask_walk {
  import_job *job;
  pl_buf *table;
  masked_image *images;  // sorted by id
  size_t image_count;
} mask_walk;

static int by_id(const void *a, const void *b) {
  return strcmp(((const masked_image *)a)->item->id, ((const masked_image *)b)->item->id);
}

static void sort_images(mask_walk *w) {
  import_job *job = w->job;
  w->images = pl_xcalloc(job->count + 1, sizeof *w->images);
  for (size_t i = 0; i < job->count; i++) {
    if (job->items[i].part == PL_PART_TRAIN) w->images[w->image_count++].item = &job->items[i];
  }
  if (w->image_count > 1) qsort(w->images, w->image_count, sizeof *w->images, by_id);
}

static masked_image *find_image(const mask_walk *w, char *id) {
  const import_item item = {.id = id};
  const masked_image key = {.item = &item};
  return w->image_count == 0 ? NULL : bsearch(&key, w->images, w->image_count, sizeof *w->images, by_id);
}

static bool read_header(pl_png_header *out, const char *path) {
  uint8_t first[PL_PNG_HEADER_BYTES];
  FILE *file = fopen(path, "rbe");
  bool read = file != NULL && fread(first, 1, sizeof first, file) == sizeof first;
  if (file != NULL) fclose(file);
  return read && pl_png_read_header(out, first, sizeof first);
}

// The pixels brighter than half of the range, as 0 and 255.
static pl_status threshold(pl_image *mask, pl_error *err) {
  size_t pixels = (size_t)mask->width * mask->height;
  if (mask->type == PL_PIXEL_U8) {
    for (size_t i = 0; i < pixels; i++) mask->u8[i] = mask->u8[i] > UINT8_MAX / 2 ? UINT8_MAX : 0;
    return PL_OK;
  }
  pl_image small = {0};
  pl_status status = pl_image_init(&small, mask->width, mask->height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < pixels; i++) small.u8[i] = mask->u16[i] > UINT16_MAX / 2 ? UINT8_MAX : 0;
  pl_image_clear(mask);
  *mask = small;
  return PL_OK;
}

// A mask that fits its image, from its file.
static pl_status read_mask(pl_image *out, const char *path, const import_item *image, pl_error *err) {
  pl_png_header mine = {0}, theirs = {0};
  if (!read_header(&mine, path)) return pl_fail(err, PL_E_FORMAT, "not a PNG file");
  if (mine.has_colour) {
    return pl_fail(err, PL_E_UNSUPPORTED, "a mask in colour: which colours are inside is not known; make it grey");
  }
  if (read_header(&theirs, image->path) && (mine.width != theirs.width || mine.height != theirs.height)) {
    return pl_fail(err, PL_E_FORMAT, "the mask is %ux%u, its image %ux%u", mine.width, mine.height, theirs.width,
                   theirs.height);
  }
  pl_buf bytes;
  pl_buf_init(&bytes, PL_PNG_FILE_MAX);
  pl_image mask = {0};
  pl_status status = pl_fs_read(&bytes, path, err);
  if (status == PL_OK) status = pl_png_decode(&mask, bytes.data, bytes.length, err);
  pl_buf_clear(&bytes);
  if (status == PL_OK) status = threshold(&mask, err);
  if (status != PL_OK) {
    pl_image_clear(&mask);
    return status;
  }
  *out = mask;
  return PL_OK;
}

static pl_status add_row(mask_walk *w, const char *path, masked_image *image, pl_error *err) {
  if (image->has_mask) return pl_fail(err, PL_E_EXISTS, "the mask of %s is there twice", image->item->id);
  pl_image mask = {0};
  pl_status status = read_mask(&mask, path, image->item, err);
  if (status != PL_OK) return status;
  image->has_mask = true;
  if (w->table->length == 0) pl_buf_add_text(w->table, "ImageId,EncodedPixels\n");
  pl_csv_add_field(w->table, image->item->id);
  pl_buf_add_text(w->table, ",");
  (void)pl_rle_encode(w->table, &mask, err);
  pl_buf_add_text(w->table, "\n");
  pl_image_clear(&mask);
  return PL_OK;
}

static pl_status on_mask(void *context, const char *path, uint64_t size, pl_error *err) {
  (void)size;
  mask_walk *w = context;
  const pl_import_options *o = w->job->options;
  if (o->cancelled != NULL && o->cancelled(o->context)) return pl_fail(err, PL_E_CANCELLED, "stopped in the masks");
  const char *name = pl_path_base(path);
  if (!pl_import_has_ending(name, ".png")) return PL_OK;
  w->job->summary->mask_files++;
  char *id = pl_xprintf("%.*s", (int)(strlen(name) - strlen(".png")), name);
  masked_image *image = find_image(w, id);
  free(id);
  w->job->summary->ids_without_image += image == NULL;
  if (image == NULL) return PL_OK;
  pl_error why = {0};
  pl_status status = add_row(w, path, image, &why);
  if (w->table->failed) return pl_fail(err, PL_E_LIMIT, "the masks are more than %zu bytes as text", w->table->max);
  if (status == PL_OK) return PL_OK;
  w->job->summary->bad_masks++;
  pl_import_add_failure(w->job->summary, path, why.message);
  return o->strict ? pl_fail(err, PL_E_FORMAT, "%s: %s", path, why.message) : PL_OK;
}

pl_status pl_import_encode_masks(pl_buf *table, import_job *job, pl_error *err) {
  mask_walk w = {.job = job, .table = table};
  sort_images(&w);
  pl_status status = pl_fs_walk(job->summary->masks_folder, on_mask, &w, err);
  free(w.images);
  return status;
}
