// A table of folds with all its columns: read, looked at, changed by hand, and written back. pleura's own layout is
// ImageId,EncodedPixels,has_mask,kfold (one or more rows an image); the competition winner's is fname,fold,exist_labels
// (one row an image, names with ".png"). Any table with such columns will do, in any order and with further ones.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/data/manifest.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_FOLD_NUMBERS_MAX = 1000 };  // folds are numbered 0 to 999

// Where the columns of a folds table are; -1 for one that is missing.
typedef struct pl_folds_columns {
  int id;      // ImageId or fname
  int fold;    // kfold or fold
  int label;   // has_mask or exist_labels
  int pixels;  // EncodedPixels
} pl_folds_columns;

typedef struct pl_folds_row {
  char **fields;  // all of them, as read
  size_t field_count;
  char *id;  // without ".png"
  int fold;
  pl_label label;
} pl_folds_row;

// All rows of one image.
typedef struct pl_folds_image {
  const char *id;       // borrowed from a row
  size_t first, count;  // order[first .. first + count - 1] are its rows, by their folds
  pl_label label;       // positive when one of its rows is
  int fold;             // of its first row in the file
  bool spread;          // its rows are in more than one fold
} pl_folds_image;

typedef struct pl_folds {
  char **header;
  size_t header_count;
  pl_folds_columns columns;
  pl_folds_row *rows;
  size_t count;
  pl_folds_image *images;  // sorted by id
  size_t image_count;
  size_t *order;
  int fold_count;  // 1 + the largest fold
} pl_folds;

// Reads a folds table. Every row counts: PL_E_FORMAT names the line of the first bad one, so that nothing is lost when
// the table is written back. The caller clears *out; on failure it is untouched.
pl_status pl_folds_load(pl_folds *out, const char *path, pl_error *err);
pl_status pl_folds_parse(pl_folds *out, const char *bytes, size_t length, pl_error *err);  // messages name no file
void pl_folds_clear(pl_folds *folds);

// The image of that id (without ".png"), borrowed, or NULL.
pl_folds_image *pl_folds_find(const pl_folds *folds, const char *id);

// Gives the images that a workspace has a label of that one, whatever the table's own column says; the rows keep
// theirs.
void pl_folds_take_labels(pl_folds *folds, const pl_manifest *manifest);

// True when the image's row number k is in the same fold as the one before it: for going over its different folds.
bool pl_folds_seen_before(const pl_folds *folds, const pl_folds_image *image, size_t k);

// Puts all rows of an image into a fold, 0 to PL_FOLD_NUMBERS_MAX - 1.
void pl_folds_move(pl_folds *folds, pl_folds_image *image, int fold);

// Appends the table's text. PL_E_LIMIT when the buffer's maximum is reached.
pl_status pl_folds_write(pl_buf *out, const pl_folds *folds, pl_error *err);

// Replaces `path` atomically with the table: the same columns, rows and values, only the folds as they are now.
pl_status pl_folds_replace(const char *path, const pl_folds *folds, pl_error *err);

#ifdef __cplusplus
}
#endif
