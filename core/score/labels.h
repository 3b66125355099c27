// Labels to score against: masks at the size of the images that they were drawn on, from the workspace's train-rle.csv.
// (masks/ID.png are the network's, at the prepared size.)
#pragma once

#include "core/base/status.h"
#include "core/data/manifest.h"
#include "core/data/table.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_labels {
  pl_rle_table table;
} pl_labels;

// Reads WORKSPACE/train-rle.csv. Fails as pl_rle_table_load. The caller clears *out; on failure it is untouched.
pl_status pl_labels_load(pl_labels *out, const char *workspace, pl_error *err);
void pl_labels_clear(pl_labels *labels);  // fine on a zeroed struct

// The union of a case's rows as an 8-bit mask of the source image's size; empty for a negative case. PL_E_NOTFOUND when
// the case has no label, PL_E_FORMAT when the table and cases.csv disagree. Safe to call from several threads. The
// caller clears *mask; on failure it is untouched.
pl_status pl_labels_read(pl_image *mask, const pl_labels *labels, const pl_case *c, pl_error *err);

#ifdef __cplusplus
}
#endif
