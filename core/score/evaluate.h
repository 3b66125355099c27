// Maps against labels, case by case, on all processors.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/data/manifest.h"
#include "core/score/binarize.h"
#include "core/score/levels.h"
#include "core/score/maps.h"
#include "core/score/score.h"
#include "core/score/truth.h"

#ifdef __cplusplus
extern "C" {
#endif

// A case of the manifest, and the folders whose maps of it are averaged.
typedef struct pl_evaluate_case {
  size_t index;
  const pl_map_source *sources;
  size_t source_count;
} pl_evaluate_case;

typedef struct pl_evaluate_job {
  const pl_manifest *manifest;
  const pl_truth *truth;
  const pl_evaluate_case *cases;
  size_t count;
  pl_binarizer binarizer;
  // From any thread, one at a time; false ends with PL_E_CANCELLED. May be NULL.
  bool (*progress)(void *context, size_t done, size_t total);
  void *context;
} pl_evaluate_job;

// Scores every case at its label's size: scores[i] and levels[i], of which one may be NULL. Fails as pl_maps_read,
// pl_truth_read and pl_binarize, naming the case.
pl_status pl_evaluate(pl_score_case *scores, pl_levels *levels, const pl_evaluate_job *job, pl_error *err);

#ifdef __cplusplus
}
#endif
