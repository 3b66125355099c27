// An evaluation of runs, out of fold: what `pleura eval`, `pleura triplet` and `pleura compare` start from.
#pragma once

#include "core/run/ensemble.h"
#include "core/score/levels.h"
#include "core/score/score.h"
#include "tui/cli/ensemble.h"

typedef struct pl_cli_evaluation {
  pl_ensemble ensemble;
  pl_ensemble_cases cases;
  pl_label_choice labels;
  pl_score_case *scores;  // by case
  pl_levels *levels;      // likewise; NULL unless asked for
} pl_cli_evaluation;

// Opens the runs, makes the maps that are missing, and scores their validation cases. `binarizer` gives the thresholds;
// its triplet is read from --triplet's text by the caller, who needs the ensemble for that: so opening and scoring are
// two steps. The caller clears, also after a failure.
pl_status pl_cli_evaluation_open(pl_cli_evaluation *out, pl_cli_ensemble *args, bool silent, pl_error *err);
pl_status pl_cli_evaluation_score(pl_cli_evaluation *evaluation, const pl_binarizer *binarizer, bool levels,
                                  pl_error *err);
void pl_cli_evaluation_clear(pl_cli_evaluation *evaluation);

// dice_batch over the cases of a fold (-1: all), in batches of the judging runs' valid-batch; see
// pl_score_dice_batches. Each fold has batches of its own.
double pl_cli_evaluation_dice_batch(const pl_cli_evaluation *evaluation, int fold);

// The scores of the cases of a fold, in their order; the caller frees.
pl_score_case *pl_cli_evaluation_fold(size_t *count, const pl_cli_evaluation *evaluation, int fold);
