// What a run held out as it predicts it, counted at all thresholds in the background: what the Review screen's table
// and its tuner of thresholds stand on.
#pragma once

#include "core/data/labels.h"
#include "core/data/manifest.h"
#include "core/score/levels.h"
#include "tui/jobs.h"

typedef struct pl_review_row {
  size_t index;     // of the case in the manifest
  uint32_t number;  // of the case
  pl_levels levels;
  double disagreement;  // 1 - dice of this run's mask and the other's, both at 0.5; NAN while unknown
  pl_score_case exact;  // under the binarizer of pl_review_counter_components, when has_exact
  bool has_exact;
} pl_review_row;

typedef struct pl_review_counter pl_review_counter;

// `ready` is called on the owner's thread when something was counted.
pl_review_counter *pl_review_counter_create(pl_jobs *jobs, void (*ready)(void *context), void *context);
void pl_review_counter_destroy(pl_review_counter *counter);  // takes NULL

// Counts what the run in a folder held out, against the labels of that choice (core/run/evaluation.h; counts are kept
// beside the maps). `other` is a second run's folder for the disagreement, or NULL. What was counted before is given
// up.
void pl_review_counter_open(pl_review_counter *counter, const char *workspace, const char *run, const char *other,
                            pl_label_choice labels);

// The rows in the manifest's order, none while they are counted; borrowed until the next call of open or update.
const pl_review_row *pl_review_counter_rows(const pl_review_counter *counter, size_t *count);
bool pl_review_counter_busy(const pl_review_counter *counter);            // with the counts themselves
const char *pl_review_counter_problem(const pl_review_counter *counter);  // why there are no rows, or ""

// The manifest was read anew: rows of cases that are gone are dropped, the others get their new index.
void pl_review_counter_update(pl_review_counter *counter, const pl_manifest *manifest);

// Scores all rows anew with components of fewer than `least` pixels removed, in the background; `least` 0 gives that
// up. Asked again before it is done, it begins anew.
void pl_review_counter_components(pl_review_counter *counter, const pl_triplet *triplet, uint64_t least);
// Whether every row has its exact counts.
bool pl_review_counter_exact(const pl_review_counter *counter);
