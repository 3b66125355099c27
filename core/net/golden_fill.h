// The fill rule of the PyTorch reference (golden.json, "rule"): weights and batches as a function of a seed, the same
// bits in Python and here.
#pragma once

#include <stdint.h>

#include "core/net/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

// Fills data[] with tensor `index` of the model's state dict (not for i64 tensors, which are 0).
void pl_golden_tensor(float *data, const pl_model *model, int32_t index, uint64_t seed);

// The batch of a step: x [n,3,h,w] and target [n,1,h,w].
void pl_golden_batch(float *x, float *target, uint64_t seed, int step, int n, int h, int w);

#ifdef __cplusplus
}
#endif
