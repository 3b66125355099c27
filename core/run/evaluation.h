// Runs judged by what they held out: their maps in RUN/prob against the labels. What `pleura eval`, `triplet` and
// `compare` tell, and what a tuner of thresholds shows.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/data/labels.h"
#include "core/run/ensemble.h"
#include "core/score/levels.h"
#include "core/score/score.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_evaluation {
  pl_ensemble ensemble;
  pl_ensemble_cases cases;
  pl_label_choice labels;
  pl_score_case *scores;  // by case; NULL before pl_evaluation_score
  pl_levels *levels;      // by case; NULL before pl_evaluation_count
  // While maps are looked at, as pl_evaluate_job's; set it after the beginning. May be NULL.
  bool (*progress)(void *context, size_t done, size_t total);
  void *context;
} pl_evaluation;

// What narrows an evaluation down.
typedef struct pl_evaluation_request {
  const pl_filter *where;  // NULL: all that the runs held out
  pl_label_choice labels;
  bool force;  // although cases, folds or labels changed since the runs were made
} pl_evaluation_request;

// Takes over an opened ensemble (also on failure; clear *out in any case) and selects the cases. Fails as
// pl_labels_apply, pl_ensemble_check_folds and pl_ensemble_select_valid. The maps are then to be made
// (pl_ensemble_predict).
pl_status pl_evaluation_begin_take(pl_evaluation *out, pl_ensemble *ensemble, const pl_evaluation_request *request,
                                   pl_error *err);
void pl_evaluation_clear(pl_evaluation *evaluation);

// Scores all cases under these thresholds. Fails as pl_truth_load and pl_evaluate.
pl_status pl_evaluation_score(pl_evaluation *evaluation, const pl_binarizer *binarizer, pl_error *err);

// Counts all cases at all thresholds. What was counted before of the same maps and labels is read from
// RUN/prob/levels.bin, and what is new is added to it; the counts of cases that several runs judge, by the mean of
// their maps, are kept in levels-mean.bin beside that of the first run. A file that is damaged is made anew, and one
// that cannot be written is no failure.
pl_status pl_evaluation_count(pl_evaluation *evaluation, pl_error *err);

// The fold of case i.
int pl_evaluation_fold_of(const pl_evaluation *evaluation, size_t i);

// The scores of the cases of a fold (-1: all), in their order; the caller frees.
pl_score_case *pl_evaluation_fold(size_t *count, const pl_evaluation *evaluation, int fold);

// dice_batch over the cases of a fold (-1: all), in batches of the first run's valid-batch; see pl_score_dice_batches.
// Each fold has batches of its own, as in its training. NAN without cases.
double pl_evaluation_dice_batch(const pl_evaluation *evaluation, int fold);

#ifdef __cplusplus
}
#endif
