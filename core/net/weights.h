// Weights in and out of a store: initialisation, and safetensors files (https://github.com/huggingface/safetensors:
// u64 length, JSON header, bytes).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/net/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

// Fills a new store for a fresh run: parameters and buffers by their `init` (element j of tensor i is a function of
// (seed, i, j)), counters 0. Gradients and moments are 0 already.
pl_status pl_weights_initialise(const pl_backend_api *api, pl_store *store, const pl_model *model, uint64_t seed,
                                pl_error *err);

typedef enum pl_weights_set {
  PL_WEIGHTS_STATE_DICT,  // parameters and buffers, as float32 and int64: loads in PyTorch with strict=True
  PL_WEIGHTS_EXACT,       // the same tensors in the store's own types, for checkpoints
  PL_WEIGHTS_OPTIMIZER,   // moments and optimizer state, in the store's own types
} pl_weights_set;

// Writes a set as one safetensors file: aside, fsync, rename. `sha256` (may be NULL) gets its content hash.
pl_status pl_weights_save(const char *path, const pl_backend_api *api, pl_store *store, const pl_model *model,
                          pl_weights_set set, char *sha256, pl_error *err);

// The same, telling how many of the model's tensors were looked at. PL_E_CANCELLED leaves no file.
pl_status pl_weights_save_told(const char *path, const pl_backend_api *api, pl_store *store, const pl_model *model,
                               pl_weights_set set, char *sha256, const pl_progress *progress, pl_error *err);

enum { PL_WEIGHTS_LEFT_NAMES = 3 };

// What a load took and left.
typedef struct pl_weights_report {
  size_t taken, taken_encoder;  // tensors of the network; of them the encoder's
  size_t missing;               // of the network that are not in the file; not strict: counters are not missed
  size_t left;                  // of the file that the network does not have, such as a classifier's
  char first_missing[PL_NAME_MAX], left_names[PL_WEIGHTS_LEFT_NAMES][PL_NAME_MAX];
} pl_weights_report;

// "took 122 encoder tensors; left 2 (fc.bias, fc.weight); decoder and head start random".
void pl_weights_describe(char *out, size_t size, const pl_weights_report *report);

// Reads a set. Strict: every tensor of the set must be there with its shape, and nothing else. Not strict: what fits by
// name and shape is taken (names may lack the "encoder." prefix) and the report says the rest; but the encoder's
// tensors must all be there and no further ones of its stages, else the file is of another encoder (PL_E_FORMAT). The
// whole file is checked before the first tensor is touched: bounds, overlaps, duplicates, types; a hostile file is
// refused. `report` may be NULL.
pl_status pl_weights_load(const char *path, const pl_backend_api *api, pl_store *store, const pl_model *model,
                          pl_weights_set set, bool strict, pl_weights_report *report, pl_error *err);

// Copies a checkpoint's tensors as PL_WEIGHTS_STATE_DICT has them (float64 becomes float32, rounded to the nearest),
// for segmentation_models.pytorch: its load_state_dict takes them with strict=True. The file appears whole or not at
// all. `sha256` and `count` (may be NULL) get its hash and how many tensors it has. PL_E_FORMAT as pl_safetensors_open.
pl_status pl_weights_export(const char *from, const char *to, size_t *count, char *sha256, pl_error *err);

#define PL_WEIGHTS_RANDOM "random"  // instead of a file's name: none, whatever has been fetched

// "random, expect a much lower dice", and how to get an encoder's ImageNet weights; NULL leaves that out.
void pl_weights_describe_random(char *out, size_t size, const char *encoder);

// What a load that is not strict would take and leave, or why it would fail, without a store.
pl_status pl_weights_inspect(const char *path, const pl_model *model, pl_weights_report *report, pl_error *err);

// Where an encoder's downloaded ImageNet weights are kept: ENCODER.safetensors in pleura/weights below XDG_CACHE_HOME,
// or ~/.cache. NULL when neither is set. The caller frees it.
char *pl_weights_cache_path(const char *encoder);

#ifdef __cplusplus
}
#endif
