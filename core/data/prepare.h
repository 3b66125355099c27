// Import: DICOM files and run lengths, or PNG images and masks, become a workspace's images/ID.png, masks/ID.png,
// cases.csv and folds.csv.
//
// Everything is written aside and renamed, so that an import that is killed leaves whole files only; cases.csv comes
// after the pictures it lists are on disk. What is finished is noted in .prepared.csv picture by picture, with the
// hashes of the source, of its rows in the table and of the pictures made: another import of the same files does only
// what is missing, damaged or has changed, and goes on where one that was killed has stopped.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/data/patients.h"
#include "core/data/table.h"
#include "core/image/refusal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_IMPORT_SIZE_DEFAULT = 512,
  PL_IMPORT_SIZE_MIN = 32,
  PL_IMPORT_SIZE_MAX = 4096,
  PL_IMPORT_THREADS_MAX = 256,
};

// How a picture becomes smaller or larger.
typedef enum pl_import_resize {
  PL_IMPORT_RESIZE_AREA,       // pl_image_resize: average of the area; a mask is inside where half of the area is
  PL_IMPORT_RESIZE_REFERENCE,  // pl_image_resize_reference: as the competition winner's prepare_png.py
  PL_IMPORT_RESIZE_NONE,       // the image's own size
} pl_import_resize;

typedef struct pl_import_progress {
  size_t done, total;   // images
  size_t bad;           // of those done
  const char *current;  // path of the image finished last; may hold anything a file name can: pl_safe_text it
} pl_import_progress;

typedef struct pl_import_options {
  const char *workspace;  // folder; becomes a workspace when it is none
  // Kaggle's unpacked folder, or Kaggle's zip archive as it is, or NULL. Parts that are NULL below are looked for in it
  // and in its only subfolder: dicom-images-train, dicom-images-test, train-rle.csv and sample_submission.csv, or as
  // the second stage named them. A folder with none of the image folders is itself the folder of training images. In an
  // archive they may lie at any depth; its members are read one by one and never unpacked to disk.
  const char *folder;
  const char *images, *test_images;  // folders that are searched for *.dcm at any depth
  const char *rle, *sample;          // tables
  // A folder of masks, ID.png for the image ID at any depth, or NULL. With it the images are PNG files too, and there
  // is neither a `folder` nor an `rle`: the table is made from the masks.
  const char *masks;
  pl_import_resize resize;
  bool keep_aspect;        // scale to fit and fill up with black, instead of stretching both sides to `size`
  uint32_t size;           // side of the pictures in pixels, 0 for the default; 0 with RESIZE_NONE
  unsigned threads;        // 0 for one a processor
  bool strict;             // a bad row or image is an error
  const char *executable;  // for the decode helpers (core/image/decode.h), NULL for the running program
  // Both are called from the calling thread only, several times a second; either may be NULL.
  void (*progress)(void *context, const pl_import_progress *progress);
  bool (*cancelled)(void *context);  // true ends the import; what is done is kept
  void *context;
} pl_import_options;

typedef struct pl_import_failure {
  char *path;    // of the image file, or ARCHIVE!/MEMBER, as it is
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
  size_t without_fold;               // labelled training images of the workspace that folds.csv does not have
  size_t other_files;                // files in the folders that are not named .dcm (.png with masks)
  size_t mask_files, bad_masks;      // with masks: files found, and of those not taken, each listed in `failures`
  size_t refused[PL_REFUSAL_COUNT];  // of `bad`: how many for which reason
  size_t other_recipe;  // pictures of the workspace that are not of this import and were made in another way
  bool unconfined;      // this kernel has no seccomp: decoders ran without a system call filter
  bool made_workspace, made_folds;
  bool folds_by_patient;  // of the folds made: the images say who is on them; else they were dealt by image
  char folds_patients[PL_PATIENTS_SOURCE_SIZE];  // where the patients are from, "" when by image
  bool rle_differs;                              // the workspace has another train-rle.csv, which was left as it is
  double seconds;
  // What was used, NULL for nothing.
  char *workspace, *images_folder, *test_folder, *masks_folder, *rle_file, *sample_file;
  pl_import_failure *failures;  // in the order of the files
  size_t failure_count;
  pl_row_problem row_problems[PL_TABLE_PROBLEMS_MAX];  // the first of bad_rows
} pl_import_summary;

// Runs an import. The pictures are 8 bits and size x size, or of the image's own size.
// - AREA and NONE: 8-bit values are taken as they are, deeper ones are stretched from their smallest to their largest
//   value (padding aside) to 0..255. A mask is the union of its image's rows at the image's own size; a pixel of the
//   smaller mask is 255 when at least half of the area that it covers is inside, else 0.
// - REFERENCE: see core/image/resize.h; the mask's rows are added up, so it is grey along its edge.
// With keep_aspect the longer side becomes `size`, the other one round(size*short/long), at least 1; the picture stands
// in the middle (the smaller margin first) on black, the mask on 0.
// Of a PNG mask a pixel is inside when it is brighter than half of its range; the mask must be grey and as large as its
// image, whose label it makes: an empty one is negative, an image without a mask is unlabelled. The masks' run lengths
// become the workspace's train-rle.csv, and replace one there that has no other images.
// MONOCHROME1 is not inverted. Numbers of cases that the workspace has stay; new ones take the free ones in the
// order of the paths. While it works, cases.csv tells every few seconds what is done so far.
// A bad image or row is counted and listed, not an error, unless options->strict.
// PL_E_NOTFOUND: nothing to import; PL_E_USAGE: bad size or thread count, a size with RESIZE_NONE, or masks with what
// does not go with them; PL_E_BUSY: another import is running there; PL_E_CANCELLED; PL_E_NOSPACE and PL_E_IO when the
// workspace cannot be written. *out is valid after failures too (it says what was done so far); the caller clears it.
pl_status pl_import_run(pl_import_summary *out, const pl_import_options *options, pl_error *err);
void pl_import_summary_clear(pl_import_summary *summary);

// Which pictures a workspace has: the SHA-256 over the ids and hashes of the images that imports have made; "" when
// none has. Another import of the same files at another size makes other pictures. Fails as pl_fs_read.
pl_status pl_import_pictures_hash(char out[PL_SHA256_HEX_SIZE], const char *workspace, pl_error *err);

#ifdef __cplusplus
}
#endif
