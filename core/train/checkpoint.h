// Checkpoints: CKPT/000120/ with weights.safetensors, optimizer.safetensors, state.json, and MANIFEST with their
// hashes, written last. A folder appears under its name complete or not at all; CKPT/best is a link to the best
// epoch's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/filter.h"
#include "core/net/backend.h"
#include "core/train/schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_TOP_MAX = 32 };

// An epoch whose checkpoint is kept for its score.
typedef struct pl_top {
  int64_t step, epoch;
  double score;
} pl_top;

// Where a training is, to the image: with the tensors, the seed and the data, all that its future depends on.
typedef struct pl_checkpoint_state {
  int64_t step;      // optimizer steps done
  int64_t epoch;     // the epoch under way: 0 is the evaluation of the untrained network
  int64_t position;  // images of this epoch's order that were trained on
  double loss_sum;   // of this epoch's batches so far
  double term_sums[PL_LOSS_TERMS];
  int64_t loss_count;
  pl_schedule_state schedule;
  double best;             // the best score so far, NAN before the first
  int64_t best_epoch;      // -1 before the first
  pl_top top[PL_TOP_MAX];  // the best epochs so far, best first
  int32_t top_count;
  int64_t seed;
  // Options that may have changed since the run was made.
  double learning_rate;
  int64_t epochs, early_stopping;
  int64_t previews;  // -1 in checkpoints that do not say
  char preview_cases[PL_FILTER_SIZE];
  char encoder[64];
  char backend[32], device[160];
} pl_checkpoint_state;

typedef struct pl_checkpoint_source {
  const pl_backend_api *api;
  pl_store *store;
  const pl_model *model;
  pl_progress
      progress;  // of saving, in tensors; when it says no, nothing is saved and the save ends with PL_E_CANCELLED
} pl_checkpoint_source;

// Writes FOLDER/STEP (six digits or more) and makes `best` point to it when `best`; then removes all but the newest
// `keep`, the best, and those of state->top. An older checkpoint of the same step is replaced. PL_E_NOSPACE and others
// leave all earlier checkpoints as they were.
pl_status pl_checkpoint_save(const char *folder, const pl_checkpoint_source *source, const pl_checkpoint_state *state,
                             bool best, int64_t keep, pl_error *err);

// Finds the newest valid checkpoint: every hash is checked. The caller frees *path. Damaged ones on the way are told to
// `skipped` (may be NULL) and left alone. PL_E_NOTFOUND when there is none.
typedef void pl_checkpoint_skipped(void *context, const char *path, const char *reason);
pl_status pl_checkpoint_find(char **path, pl_checkpoint_state *state, const char *folder,
                             pl_checkpoint_skipped *skipped, void *context, pl_error *err);

// Checks one checkpoint's hashes and reads its state. PL_E_FORMAT says what is wrong.
pl_status pl_checkpoint_check(pl_checkpoint_state *state, const char *path, pl_error *err);

// Puts a checkpoint's tensors into the store. PL_E_FORMAT when they are another network's.
pl_status pl_checkpoint_load(const pl_checkpoint_source *target, const char *path, pl_error *err);

// The same of its weights alone, for a network that is not trained on (pl_unet.inference).
pl_status pl_checkpoint_load_weights(const pl_checkpoint_source *target, const char *path, pl_error *err);

// Removes what an interrupted save left behind.
pl_status pl_checkpoint_sweep(const char *folder, pl_error *err);

#ifdef __cplusplus
}
#endif
