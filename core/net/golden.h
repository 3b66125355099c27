// A case of the PyTorch reference (golden.json, "rule"), computed by a backend: weights and batches are a function of
// two seeds, and so losses, gradients and logits can be compared across programs.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/net/backend.h"
#include "core/net/model.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_GOLDEN_FIRST_LOGITS = 8, PL_GOLDEN_PIXELS_MAX = 1 << 26 };

typedef struct pl_golden_case {
  pl_unet unet;
  uint64_t seed_weights, seed_data;
  int32_t batch, height, width;
  bool fresh_batches;   // each step has its own batch; else all have that of step 0
  const char *weights;  // a state dict to start from, instead of what seed_weights gives; NULL for none
} pl_golden_case;

// A case that has been set up. `api` and the backend are borrowed.
typedef struct pl_golden {
  pl_golden_case what;
  const pl_backend_api *api;
  pl_model model;
  pl_store *store;
  pl_program *step, *evaluate;
  bool doubles;  // the backend computes in them, and so logits are not rounded
} pl_golden;

// Builds the network, fills its weights, compiles a training step (Adam, learning rate 1e-4) and an evaluation.
// PL_E_USAGE, PL_E_NOTFOUND, PL_E_NOMEM, PL_E_UNSUPPORTED; weights are loaded strictly. The caller clears `out`, also
// after a failure.
pl_status pl_golden_init(pl_golden *out, const pl_backend_api *api, pl_backend *backend, const pl_golden_case *what,
                         pl_error *err);
void pl_golden_clear(pl_golden *golden);

// Logits of a batch: batch*height*width.
size_t pl_golden_pixels(const pl_golden *golden);

// One training step on batch `step`. `logits` (pl_golden_pixels of them, may be NULL) are those before the update.
pl_status pl_golden_step(pl_golden *golden, int step, double loss[PL_LOSS_VALUES], double *logits, pl_error *err);

// Inference on batch 0, with running statistics.
pl_status pl_golden_evaluate(pl_golden *golden, double *logits, pl_error *err);

// The l2 norm of a tensor of the model, such as a gradient after a step. NAN when it cannot be read.
double pl_golden_norm(pl_golden *golden, int32_t tensor);

#ifdef __cplusplus
}
#endif
