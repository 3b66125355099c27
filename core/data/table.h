// The competition's tables: train-rle.csv (ImageId, EncodedPixels; one or more rows an image) and folds.csv, which adds
// has_mask and kfold.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_TABLE_PROBLEMS_MAX = 20 };

// One good row, in the order of the file.
typedef struct pl_rle_row {
  char *id;
  char *pixels;  // the run lengths as written; see core/data/rle.h
  bool has_mask;
  int fold;       // of a kfold column, -1 without one
  size_t line;    // in the file, from 1
  char *further;  // the fields of its further columns as CSV, each with a comma in front; NULL without such columns
} pl_rle_row;

// All rows of one image.
typedef struct pl_rle_image {
  const char *id;       // borrowed from a row
  size_t first, count;  // order[first .. first + count - 1] are its rows, in the order of the file
  bool has_mask;        // one of its rows has
} pl_rle_image;

// A row that was left out, and why. Both texts are safe to print.
typedef struct pl_row_problem {
  size_t line;
  char id[132];  // "" when it could not be read
  char message[PL_ERROR_MESSAGE_MAX];
} pl_row_problem;

typedef struct pl_rle_table {
  pl_rle_row *rows;
  size_t count;
  pl_rle_image *images;  // sorted by id, so independent of the order of the rows
  size_t image_count;
  size_t *order;
  size_t problem_count;  // rows left out; the first of them are in `problems`
  pl_row_problem problems[PL_TABLE_PROBLEMS_MAX];
  char **damaged;  // sorted ids of rows left out: what is left of such an image's mask is not its mask
  size_t damaged_count;
  char
      *further;  // the names of columns other than ours, as in a row; NULL without. "column 3" where there is no header
} pl_rle_table;

// Reads such a table, with or without a header ("ImageId, EncodedPixels", with further columns anywhere, which are
// kept), byte order mark, CRLF or a last line end. A row with a hostile id, without an EncodedPixels field, with
// broken run lengths or with more fields than there are columns is left out and noted in `problems`; with `strict` it
// is PL_E_FORMAT instead. Also PL_E_FORMAT when no good row is left, or as core/base/fs.h. The caller clears *out; on
// failure it is untouched.
pl_status pl_rle_table_load(pl_rle_table *out, const char *path, bool strict, pl_error *err);

// The same from memory; messages name no file.
pl_status pl_rle_table_parse(pl_rle_table *out, const char *bytes, size_t length, bool strict, pl_error *err);

void pl_rle_table_clear(pl_rle_table *table);

// The image of that id, borrowed, or NULL.
const pl_rle_image *pl_rle_table_find(const pl_rle_table *table, const char *id);

// True when a row of that id was left out.
bool pl_rle_table_is_damaged(const pl_rle_table *table, const char *id);

// Replaces `path` atomically with ImageId, EncodedPixels, has_mask, kfold and the table's further columns: its rows in
// their order, folds[i] being the fold of row i.
pl_status pl_folds_save(const char *path, const pl_rle_table *table, const int *folds, pl_error *err);

#ifdef __cplusplus
}
#endif
