// The competition's submissions: scored against a table of labels, and written. Rows are ImageId,EncodedPixels; an
// image's mask is the union of its rows; -1 is an empty mask. See core/data/rle.h for the codes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/table.h"
#include "core/image/image.h"
#include "core/score/score.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- Scoring.
typedef struct pl_submission_score {
  pl_score_case *cases;  // of the images that both have, sorted by id
  const char **ids;      // of these, borrowed from the table of labels
  size_t count;
  size_t unknown;  // images of the submission that the table lacks: left out
  size_t missing;  // images of the table that the submission lacks: left out too
  size_t damaged;  // images with rows of the table that cannot be read: left out
} pl_submission_score;

// Scores a submission against labels whose codes are of width x height pixels. PL_E_NOTFOUND when no image is in both,
// PL_E_FORMAT with the file's line when codes go beyond the image. `submission` and `labels` are names for messages.
// The caller clears *out; on failure it is untouched.
typedef struct pl_submission_tables {
  const pl_rle_table *submission, *labels;
  const char *submission_name, *labels_name;
  uint32_t width, height;
} pl_submission_tables;
pl_status pl_submission_score_tables(pl_submission_score *out, const pl_submission_tables *tables, pl_error *err);
void pl_submission_score_clear(pl_submission_score *score);

// ---- Writing.
typedef struct pl_submission pl_submission;

// One mask for each image of a sample submission, whose rows are what is asked for. The sample is borrowed.
pl_submission *pl_submission_create(const pl_rle_table *sample);
void pl_submission_destroy(pl_submission *submission);  // takes NULL

// The mask of sample->images[index]; a second one replaces the first. PL_E_LIMIT when its codes are too long.
pl_status pl_submission_put(pl_submission *submission, size_t index, const pl_image *mask, pl_error *err);

size_t pl_submission_positives(const pl_submission *submission);  // images put whose mask is not empty

// Replaces `path` with a row for each row of the sample, in its order. An image that has several rows there gets its
// whole mask in each of them, which is the same mask whether they are united or one of them is taken. Before anything
// is replaced the text is read back: rows, ids and every pixel of every mask must be what was put. PL_E_USAGE when an
// image has no mask yet, PL_E_INTERNAL when the text is not what was meant, and as pl_fs_replace.
pl_status pl_submission_write(const pl_submission *submission, const char *path, pl_error *err);

#ifdef __cplusplus
}
#endif
