// Import: DICOM files and run lengths become a workspace's images/ID.png, masks/ID.png, cases.csv and folds.csv.
//
// Everything is written aside and renamed, so that an import that is killed leaves whole files only; cases.csv comes
// after the pictures it lists are on disk. Another import of the same files does only what is missing or has changed.
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
  PL_IMPORT_SIZE_DEFAULT = 512,
  PL_IMPORT_SIZE_MIN = 32,
  PL_IMPORT_SIZE_MAX = 4096,
  PL_IMPORT_THREADS_MAX = 256,
};

typedef struct pl_import_progress {
  size_t done, total;   // images
  size_t bad;           // of those done
  const char *current;  // path of the image finished last; may hold anything a file name can: pl_safe_text it
} pl_import_progress;

typedef struct pl_import_options {
  const char *workspace;  // folder; becomes a workspace when it is none
  // Kaggle's unpacked folder, or NULL. Parts that are NULL below are looked for in it and in its only subfolder:
  // dicom-images-train, dicom-images-test, train-rle.csv and sample_submission.csv, or as the second stage named them.
  // A folder with none of the image folders is itself the folder of training images.
  const char *folder;
  const char *images, *test_images;  // folders that are searched for *.dcm at any depth
  const char *rle, *sample;          // tables
  uint32_t size;                     // side of the pictures in pixels, 0 for the default
  unsigned threads;                  // 0 for one a processor
  bool strict;                       // a bad row or image is an error
  const char *executable;            // for the decode helpers (core/image/decode.h), NULL for the running program
  // Both are called from the calling thread only, several times a second; either may be NULL.
  void (*progress)(void *context, const pl_import_progress *progress);
  bool (*cancelled)(void *context);  // true ends the import; what is done is kept
  void *context;
} pl_import_options;

typedef struct pl_import_failure {
  char *path;    // of the image file, as it is
  char *reason;  // safe to print
} pl_import_failure;

typedef struct pl_import_summary {
  size_t images, train, test;                    // image files found, and of which part they are
  size_t positives, negatives;                   // training images with a label
  size_t unlabelled;                             // training images without a row, or with a damaged one
  size_t unchanged;                              // were in the workspace already
  size_t bad;                                    // could not be imported, each listed in `failures`
  size_t masks;                                  // mask pictures in which there is something
  size_t rows, bad_rows;                         // of the RLE table
  size_t rows_without_image, ids_without_image;  // rows whose image was not found: not an error
  size_t sample_ids, sample_without_image;       // of the sample submission
  size_t without_fold;  // labelled training images of the workspace that folds.csv does not have
  size_t other_files;   // files in the folders that are not named .dcm
  bool made_workspace, made_folds;
  bool rle_differs;  // the workspace has another train-rle.csv, which was left as it is
  double seconds;
  char *workspace, *images_folder, *test_folder, *rle_file, *sample_file;  // what was used, NULL for nothing
  pl_import_failure *failures;                                             // in the order of the files
  size_t failure_count;
  pl_row_problem row_problems[PL_TABLE_PROBLEMS_MAX];  // the first of bad_rows
} pl_import_summary;

// Runs an import. The pictures are size x size, 8 bits: deeper images are stretched from their smallest to their
// largest value (padding aside) to 0..255; MONOCHROME1 is not inverted. A mask is the union of its image's rows at the
// image's own size, reduced by area and cut at one half. Numbers of cases that the workspace has stay; new ones follow
// in the order of the paths. A bad image or row is counted and listed, not an error, unless options->strict.
// PL_E_NOTFOUND: nothing to import; PL_E_USAGE: bad size or thread count; PL_E_BUSY: another import is running there;
// PL_E_CANCELLED; PL_E_NOSPACE and PL_E_IO when the workspace cannot be written. *out is valid after failures too (it
// says what was done so far); the caller clears it.
pl_status pl_import_run(pl_import_summary *out, const pl_import_options *options, pl_error *err);
void pl_import_summary_clear(pl_import_summary *summary);

#ifdef __cplusplus
}
#endif
