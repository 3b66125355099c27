// Folds for cross validation, stratified on whether there is a mask.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/table.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_FOLDS_DEFAULT = 5,
  PL_FOLDS_MAX = 100,
  PL_SPLIT_SEED_DEFAULT = 42,
};

// The functions below write the fold, 0 .. fold_count-1, of every row of the table into folds[table->count].
// PL_E_USAGE when fold_count is below 2, above PL_FOLDS_MAX, or above the number of images (rows).

// All rows of an image get the same fold. The folds' numbers of images differ by at most 1, and so do those of images
// with a mask. Depends on the ids, their labels and the seed only, not on the order of the rows. With `present` (one
// flag per table->images, or NULL for all) this balance holds among the images present and among the others, so that
// a part of the data has even folds too.
pl_status pl_split_by_image(int *folds, const pl_rle_table *table, const bool *present, int fold_count, uint64_t seed,
                            pl_error *err);

// Exactly what scikit-learn's StratifiedKFold(n_splits=fold_count, shuffle=False) gives for the rows in their order
// with has_mask as the class (sklearn/model_selection/_split.py, 0.22 and later). One image may land in several folds.
// Like there, PL_E_USAGE when both classes have fewer rows than folds.
pl_status pl_split_by_row(int *folds, const pl_rle_table *table, int fold_count, pl_error *err);

// What one fold holds. An image with rows in several folds counts in each of them.
typedef struct pl_fold_size {
  size_t rows, images, positives;  // positives: images with a mask
} pl_fold_size;

// Counts sizes[fold_count]; returns the number of images that have rows in more than one fold.
size_t pl_split_count(pl_fold_size *sizes, const pl_rle_table *table, const int *folds, int fold_count);

#ifdef __cplusplus
}
#endif
