// What a trained network makes of cases: maps of probabilities, by the same network, loader and backend as in training.
//
// Averages are the winner's: the probabilities of several checkpoints, each perhaps also of the mirrored image,
// mirrored back, are added and divided by how many there are.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/manifest.h"
#include "core/data/pack.h"
#include "core/net/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

// Texts are borrowed while creating.
typedef struct pl_predictor_options {
  const char *encoder, *attention;
  uint32_t size;     // side of the images in pixels
  int32_t batch;     // images at a time
  bool flip;         // average with the mirrored image (test-time augmentation)
  unsigned workers;  // threads that read images
  size_t sum_bytes;  // memory for averages over checkpoints; 0 for 256 MiB
  pl_pack *pack;     // borrowed while the predictor lives; NULL for none
} pl_predictor_options;

// Called in the thread of pl_predictor_run. A failure ends the run with that status.
typedef struct pl_predictor_hooks {
  void *context;
  // `count` cases are done: maps[i*size*size ...] are the probabilities of manifest->cases[cases[i]], size x size.
  pl_status (*predicted)(void *context, const size_t *cases, const float *maps, size_t count, pl_error *err);
  // After every batch, in images that have gone through the network of so many that will; may be NULL.
  pl_status (*progress)(void *context, size_t done, size_t total, pl_error *err);
} pl_predictor_hooks;

typedef struct pl_predictor pl_predictor;

// Builds the network without what only training needs, compiles it and reserves its memory. The manifest and the
// backend are borrowed until it is destroyed. Fails as pl_unet_model, pl_unet_graph, pl_loader_create and the backend.
pl_status pl_predictor_create(pl_predictor **out, const pl_backend_api *api, pl_backend *backend,
                              const pl_manifest *manifest, const pl_predictor_options *options, pl_error *err);
void pl_predictor_destroy(pl_predictor *predictor);  // takes NULL

// Predicts cases (indices into the manifest) with the average of checkpoints (folders, core/train/checkpoint.h), in the
// cases' order. PL_E_FORMAT when a checkpoint is of another network, an image cannot be read, or the network gives no
// number.
pl_status pl_predictor_run(pl_predictor *predictor, const char *const *checkpoints, size_t checkpoint_count,
                           const size_t *cases, size_t count, const pl_predictor_hooks *hooks, pl_error *err);

#ifdef __cplusplus
}
#endif
