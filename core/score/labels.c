#include "core/score/labels.h"

#include <stdlib.h>

#include "core/base/fs.h"
#include "core/data/rle.h"

pl_status pl_labels_load(pl_labels *out, const char *workspace, pl_error *err) {
  char *path = pl_path_join(workspace, "train-rle.csv");
  pl_status status = pl_rle_table_load(&out->table, path, false, err);
  free(path);
  return status;
}

void pl_labels_clear(pl_labels *labels) { pl_rle_table_clear(&labels->table); }

static pl_status paint(pl_image *mask, const pl_labels *labels, const pl_case *c, pl_error *err) {
  const pl_rle_image *image = pl_rle_table_find(&labels->table, c->id);
  for (size_t i = 0; image != NULL && i < image->count; i++) {
    const pl_rle_row *row = &labels->table.rows[labels->table.order[image->first + i]];
    if (pl_rle_decode(mask, row->pixels, err) != PL_OK) return pl_wrap(err, "train-rle.csv line %zu", row->line);
  }
  const uint64_t area = pl_mask_area(mask);
  if (area == c->mask_area) return PL_OK;
  return pl_fail(
      err, PL_E_FORMAT,
      "case #%u has a mask of %llu pixels in train-rle.csv and of %llu in cases.csv: import the images again",
      (unsigned)c->number, (unsigned long long)area, (unsigned long long)c->mask_area);
}

pl_status pl_labels_read(pl_image *mask, const pl_labels *labels, const pl_case *c, pl_error *err) {
  if (c->label == PL_LABEL_UNKNOWN) return pl_fail(err, PL_E_NOTFOUND, "case #%u has no label", (unsigned)c->number);
  pl_image made = {0};
  pl_status status = pl_image_init(&made, c->cols, c->rows, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status != PL_OK) return pl_wrap(err, "case #%u", (unsigned)c->number);
  status = paint(&made, labels, c, err);
  if (status != PL_OK) {
    pl_image_clear(&made);
    return status;
  }
  *mask = made;
  return PL_OK;
}
