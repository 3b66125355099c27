// What a training would take, found out without allocating it: its programs are compiled by a backend that only plans.
#pragma once

#include <stdint.h>

#include "core/base/status.h"
#include "core/net/backend.h"
#include "core/train/trainer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_train_plan {
  int64_t parameters;  // numbers that the network learns, or would if they were not frozen
  // Bytes in single precision. The gradients and moments are those of what is learned.
  uint64_t weights, gradients, moments, buffers;
  int64_t largest;          // elements of the largest tensor
  pl_memory memory;         // what the backend allocates, in its own types
  int64_t batches;          // of an epoch's training
  double train_operations;  // floating-point operations of the convolutions, each way, of an image in training
  double valid_operations;  // of one in an evaluation
} pl_train_plan;

// Plans a training of `train` images an epoch that evaluates `valid` (both at least 1). `backend` was opened with its
// option `plan`. Fails as pl_trainer_create does for options; PL_E_UNSUPPORTED and PL_E_USAGE from the backend.
pl_status pl_train_plan_make(pl_train_plan *out, const pl_backend_api *api, pl_backend *backend,
                             const pl_trainer_options *options, int64_t train, int64_t valid, pl_error *err);

// Floating-point operations of a graph's convolutions, a multiplication and an addition counted as two. A convolution
// that is computed in another way counts as if it were computed directly.
double pl_train_plan_operations(const pl_graph *graph);

#ifdef __cplusplus
}
#endif
