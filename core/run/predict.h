// What the network of a run makes of cases, as a folder of maps: RUN/prob, which evaluations, the tuner and submissions
// read.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/manifest.h"
#include "core/run/rundir.h"

#ifdef __cplusplus
extern "C" {
#endif

// Which network, and how it is asked. What is not said is as it was for the maps that are there already, else the best
// checkpoint, and each image once.
typedef struct pl_run_recipe {
  const char *checkpoint;  // "best", "last", or the number of a step; NULL: not said
  int64_t top;             // the mean of so many best epochs' checkpoints instead (--keep-best); 0: not said
  int flip;                // 1: averaged with the mirrored image, 0: not, -1: not said
} pl_run_recipe;

typedef struct pl_run_predict_options {
  pl_run_recipe recipe;
  const char *folder;   // for the maps; NULL for RUN/prob
  const char *backend;  // NULL for the run's
  int64_t batch;        // images at a time; 0 for the run's valid-batch
  // After every batch, in images through the network; false ends with PL_E_CANCELLED. May be NULL.
  bool (*progress)(void *context, size_t done, size_t total);
  void *context;
} pl_run_predict_options;

typedef struct pl_run_predicted {
  size_t made, kept;  // maps: made now, there already
  char words[160];    // "the best checkpoint (step 110), also mirrored"
  char device[160];   // that they were made on, "" when none was made
} pl_run_predicted;

// Makes the maps of cases (indices into the manifest of the run's workspace) that are not there yet. Maps of another
// recipe, another checkpoint or other images in that folder are removed first (core/score/maps.h). PL_E_NOTFOUND when
// the run has no such checkpoint; PL_E_CANCELLED, keeping what was made; and as pl_maps_begin, pl_registry_open,
// pl_predictor_create and pl_predictor_run.
pl_status pl_run_predict(pl_run_predicted *out, const char *run, const pl_manifest *manifest, const size_t *cases,
                         size_t count, const pl_run_predict_options *options, pl_error *err);

// RUN/prob; the caller frees.
char *pl_run_maps_folder(const char *run);

// False when a folder's maps were made of other pictures than those that pl_import_pictures_hash tells of; what says
// nothing of its pictures passes.
bool pl_run_maps_are_of(const char *folder, const char *pictures);

#ifdef __cplusplus
}
#endif
