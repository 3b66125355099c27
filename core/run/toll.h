// The toll of leaks: which of the cases that runs are judged by are known to their training, so that the dice over
// these can be told beside the dice over the others.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/folds.h"
#include "core/data/leaks.h"
#include "core/data/patients.h"
#include "core/run/ensemble.h"

#ifdef __cplusplus
extern "C" {
#endif

// What is known of who is on which image, and which pictures are copies of each other; NULL where it is not.
typedef struct pl_toll_sources {
  const pl_patients *patients;
  const pl_folds *folds;         // of the workspace, with the report that was made of them
  const pl_leak_report *copies;  // its pairs of near-duplicates
} pl_toll_sources;

// For each case whether a run that judges it has trained on its patient (PL_LEAK_PATIENT), or on the same picture: on a
// copy of it under another id, or on the image itself where folds.csv has rows of it in a fold that was trained on
// (PL_LEAK_IMAGE; pleura's own trainings take an image to be in the fold of its first row, others take every row).
// Fails as pl_subset_select.
pl_status pl_toll_mark(uint8_t *kinds, const pl_ensemble *ensemble, const pl_ensemble_cases *cases,
                       const pl_toll_sources *sources, pl_error *err);

#ifdef __cplusplus
}
#endif
