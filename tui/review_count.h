// What runs held out as they predict it, counted at all thresholds in the background: what the Review screen's table
// and its tuner of thresholds stand on. The runs are one, a training of all folds, or several with weights, named and
// scored as `pleura eval` does.
#pragma once

#include "core/data/labels.h"
#include "core/data/manifest.h"
#include "core/run/ensemble.h"
#include "core/score/levels.h"
#include "tui/jobs.h"

typedef struct pl_review_row {
  size_t index;                  // of the case in the manifest
  uint32_t number;               // of the case
  const pl_map_source *sources;  // whose mean is its map; borrowed as the rows are
  size_t source_count;
  pl_levels levels;
  double disagreement;  // see pl_review_counter_open; NAN while unknown
  pl_score_case exact;  // under the binarizer of pl_review_counter_components, when has_exact
  bool has_exact;
} pl_review_row;

enum { PL_REVIEW_WARNING_SIZE = 320 };

// What is reviewed; plain data.
typedef struct pl_review_info {
  char *names;        // of the runs (pl_ensemble_names); "" while unknown
  size_t runs, most;  // runs; how many of them judge the same case, at most
  // Why the scores may be too good, or are on other labels than a run was trained on, and what to do; "" for nothing.
  char warning[PL_REVIEW_WARNING_SIZE];
} pl_review_info;

// What to review. Both lines have words as `pleura eval` takes them, quoted as for a shell (tui/shellwords.h).
typedef struct pl_review_request {
  const char *workspace;
  const char *runs;
  const char *against;  // other runs for the disagreement; NULL for none
  pl_label_choice labels;
} pl_review_request;

// Opens the runs that a line names, which tells at once what is wrong with it; a line without words is the newest run.
// Fails as pl_ensemble_open, and PL_E_USAGE for a quote that is not closed. The caller clears *out.
pl_status pl_review_open_runs(pl_ensemble *out, const char *workspace, const char *line, pl_error *err);

typedef struct pl_review_counter pl_review_counter;

// `ready` is called on the owner's thread when something was counted.
pl_review_counter *pl_review_counter_create(pl_jobs *jobs, void (*ready)(void *context), void *context);
void pl_review_counter_destroy(pl_review_counter *counter);  // takes NULL

// Counts what the runs held out (core/run/evaluation.h; counts are kept beside the maps), against the labels. A case's
// disagreement is 1 - dice of two masks at 0.5: of these runs and the others where there are others, else the mean over
// each two of the runs that judge it. What was counted before is given up.
void pl_review_counter_open(pl_review_counter *counter, const pl_review_request *request);

// The rows in the manifest's order, none while they are counted; borrowed until the next call of open or update.
const pl_review_row *pl_review_counter_rows(const pl_review_counter *counter, size_t *count);
const pl_review_info *pl_review_counter_info(const pl_review_counter *counter);
bool pl_review_counter_busy(const pl_review_counter *counter);            // with the counts themselves
const char *pl_review_counter_problem(const pl_review_counter *counter);  // why there are no rows, or ""

// How many maps were looked at, of how many; both 0 before the first.
void pl_review_counter_progress(const pl_review_counter *counter, size_t *done, size_t *total);

// The manifest was read anew: rows of cases that are gone are dropped, the others get their new index.
void pl_review_counter_update(pl_review_counter *counter, const pl_manifest *manifest);

// Scores all rows anew with components of fewer than `least` pixels removed, in the background; `least` 0 gives that
// up. Asked again before it is done, it begins anew.
void pl_review_counter_components(pl_review_counter *counter, const pl_triplet *triplet, uint64_t least);
// Whether every row has its exact counts.
bool pl_review_counter_exact(const pl_review_counter *counter);
