#include "core/score/truth.h"

#include <stdlib.h>

#include "core/data/rle.h"

pl_status pl_truth_load(pl_truth *out, const char *workspace, pl_label_choice choice, pl_error *err) {
  char *path = pl_label_table_path(workspace, choice);
  pl_truth truth = {.name = pl_label_table_name(choice)};
  pl_status status = pl_rle_table_load(&truth.table, path, false, err);
  free(path);
  if (status == PL_OK) *out = truth;
  return status;
}

void pl_truth_clear(pl_truth *truth) { pl_rle_table_clear(&truth->table); }

static pl_status paint(pl_image *mask, const pl_truth *truth, const pl_case *c, pl_error *err) {
  const pl_rle_image *image = pl_rle_table_find(&truth->table, c->id);
  for (size_t i = 0; image != NULL && i < image->count; i++) {
    const pl_rle_row *row = &truth->table.rows[truth->table.order[image->first + i]];
    if (pl_rle_decode(mask, row->pixels, err) != PL_OK) return pl_wrap(err, "%s line %zu", truth->name, row->line);
  }
  const uint64_t area = pl_mask_area(mask);
  if (area == c->mask_area) return PL_OK;
  return pl_fail(
      err, PL_E_FORMAT,
      "case #%u has a mask of %llu pixels in %s, where the workspace's cases say %llu: import the images again",
      (unsigned)c->number, (unsigned long long)area, truth->name, (unsigned long long)c->mask_area);
}

pl_status pl_truth_read(pl_image *mask, const pl_truth *truth, const pl_case *c, pl_error *err) {
  if (c->label == PL_LABEL_UNKNOWN) return pl_fail(err, PL_E_NOTFOUND, "case #%u has no label", (unsigned)c->number);
  pl_image made = {0};
  pl_status status = pl_image_init(&made, c->cols, c->rows, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status != PL_OK) return pl_wrap(err, "case #%u", (unsigned)c->number);
  status = paint(&made, truth, c, err);
  if (status != PL_OK) {
    pl_image_clear(&made);
    return status;
  }
  *mask = made;
  return PL_OK;
}
