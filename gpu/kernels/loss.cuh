// What the parts of the loss share. The formulas are those of core/net/backend_ref/ref_loss.c.
#pragma once

#include "gpu/kernels/flat.cuh"

// p = sigmoid(x) and q = 1 - p, both with all their digits.
struct pl_probability {
  float p, q;
};

__device__ inline pl_probability pl_probability_of(float x) {
  float e = expf(-fabsf(x)), d = 1 + e;
  return x < 0 ? pl_probability{e / d, 1 / d} : pl_probability{1 / d, e / d};
}

// The Lovasz terms. pl_lovasz_values writes out[PL_LOSS_LOVASZ] and out[PL_LOSS_LOVASZ_SIGMOID] (0 without weight).
// pl_lovasz_slopes returns the array [n*pixels], within scratch, of their derivatives times their weights, or NULL when
// neither has a weight.
size_t pl_lovasz_scratch(const pl_gpu_loss *loss);
void pl_lovasz_values(pl_stream stream, const pl_gpu_loss *loss, const float *logits, const float *target, double *out,
                      void *scratch);
const float *pl_lovasz_slopes(pl_stream stream, const pl_gpu_loss *loss, const float *logits, const float *target,
                              void *scratch);

// Sorts `segments` runs of `count` (key, value) pairs each by falling margin; pairs of equal keys keep their order.
// Keys and values are in the first of the two arrays before and after. `counts` has pl_sort_counts elements.
typedef struct pl_sort {
  int32_t segments;
  int64_t count;  // below 2^31
  uint32_t *keys[2], *values[2];
  uint32_t *counts;
} pl_sort;

int64_t pl_sort_counts(int32_t segments, int64_t count);
void pl_sort_run(pl_stream stream, const pl_sort *sort);

// The key of a number: keys rise as numbers fall; not a number comes first, as if it were infinite; 0 and -0 are equal.
__device__ inline uint32_t pl_sort_key(float x) {
  union {
    float number;
    uint32_t bits;
  } u;
  u.number = isnan(x) ? INFINITY : x == 0 ? 0 : x;
  return (u.bits >> 31) != 0 ? u.bits : ~(u.bits | 0x80000000u);
}
