// Labels to score against: masks at the size of the images that they were drawn on, from the workspace's train-rle.csv,
// or from corrected-rle.csv (core/data/labels.h). The masks that training reads are the network's, at the prepared
// size.
#pragma once

#include "core/base/status.h"
#include "core/data/labels.h"
#include "core/data/manifest.h"
#include "core/data/table.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_truth {
  pl_rle_table table;
  const char *name;  // of its file
} pl_truth;

// Reads the table of that choice. The manifest whose cases are asked for has been given the same labels
// (pl_labels_apply). Fails as pl_rle_table_load. The caller clears *out; on failure it is untouched.
pl_status pl_truth_load(pl_truth *out, const char *workspace, pl_label_choice choice, pl_error *err);
void pl_truth_clear(pl_truth *truth);  // fine on a zeroed struct

// The union of a case's rows as an 8-bit mask of the source image's size; empty for a negative case. PL_E_NOTFOUND when
// the case has no label, PL_E_FORMAT when the table and the case disagree. Safe to call from several threads. The
// caller clears *mask; on failure it is untouched.
pl_status pl_truth_read(pl_image *mask, const pl_truth *truth, const pl_case *c, pl_error *err);

#ifdef __cplusplus
}
#endif
