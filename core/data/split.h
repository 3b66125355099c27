// Folds for cross validation, stratified on whether there is a mask.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/patients.h"
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

// All images of a patient get the same fold. The measure of a split is how much its folds differ: the largest fold's
// number of images less the smallest one's, and the same for images with a mask; with `present` also both among the
// images present. Patients are dealt and exchanged until no exchange of two of them lowers the sum of squares, so folds
// with many patients of one image differ by 1 or 2 (on the SIIM set's 6,171 patients in 5 folds by 1); one patient
// with more images than a fold should have cannot be cut up. Depends on the ids, labels, seed and on who belongs to
// whom only, neither on the order of the rows nor on what patients are called. An image that the map lacks is a
// patient of its own. Also PL_E_USAGE when the map has none of the images, or there are fewer patients than folds.
pl_status pl_split_by_patient(int *folds, const pl_rle_table *table, const pl_patients *patients, const bool *present,
                              int fold_count, uint64_t seed, pl_error *err);

// Exactly what scikit-learn's StratifiedKFold(n_splits=fold_count, shuffle=False) gives for the rows in their order
// with has_mask as the class (sklearn/model_selection/_split.py, 0.22 and later). One image may land in several folds.
// Like there, PL_E_USAGE when both classes have fewer rows than folds.
pl_status pl_split_by_row(int *folds, const pl_rle_table *table, int fold_count, pl_error *err);

typedef enum pl_split_by { PL_SPLIT_BY_PATIENT, PL_SPLIT_BY_IMAGE, PL_SPLIT_BY_ROW, PL_SPLIT_BY_COUNT } pl_split_by;

typedef struct pl_split_options {
  pl_split_by by;
  int fold_count;
  uint64_t seed;         // not for rows
  const char *patients;  // path of a map; NULL: what the workspace has
} pl_split_options;

// "patient", "image", "row"; the name of a kind, static, and the kind of a name (false when there is none).
const char *pl_split_by_name(pl_split_by by);
bool pl_split_by_find(pl_split_by *out, const char *name);

// The split that the options ask for. With a manifest (NULL: none) its cases are the images present, and its patients
// are taken when no map is named (see pl_patients_find). `source`, of the size of pl_patients.source, says where the
// patients are from, "" when there was no need of them. Fails as the functions above and pl_patients_find.
pl_status pl_split_make(int *folds, char source[PL_PATIENTS_SOURCE_SIZE], const pl_rle_table *table,
                        const pl_manifest *manifest, const pl_split_options *options, pl_error *err);

// What one fold holds. An image with rows in several folds counts in each of them.
typedef struct pl_fold_size {
  size_t rows, images, positives;  // positives: images with a mask
} pl_fold_size;

// Counts sizes[fold_count]; returns the number of images that have rows in more than one fold.
size_t pl_split_count(pl_fold_size *sizes, const pl_rle_table *table, const int *folds, int fold_count);

#ifdef __cplusplus
}
#endif
