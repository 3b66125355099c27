// Which cases a pass takes and in what order. An order is a pure function of (seed, epoch), and a place in it is a
// number, so that a resumed run goes on exactly where it was.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/filter.h"
#include "core/data/manifest.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pl_subset {
  PL_SUBSET_TRAIN,  // labelled training cases whose fold is not the one held out
  PL_SUBSET_VALID,  // labelled training cases whose fold it is
} pl_subset;

// The indices into manifest->cases that belong to a subset, in the manifest's order; the caller frees *cases (never
// NULL). Cases that are unlabelled, damaged or of the test part are in none. `fold` -1 holds nothing out: all train.
// `where` narrows it down further; NULL does not. PL_E_USAGE: the manifest has no such fold, or nothing is left.
pl_status pl_subset_select(size_t **cases, size_t *count, const pl_manifest *manifest, int fold, pl_subset subset,
                           const pl_filter *where, pl_error *err);

typedef struct pl_sampler_options {
  bool shuffle;  // false: the order given, in every epoch (validation)
  uint64_t seed;
  // 0: every case once an epoch. Else the share of positive cases, up to 1: all positives once, and so many negatives
  // as that leaves room for, drawn anew every epoch, each once before one comes twice (the SIIM-ACR winner's
  // PneumoSampler draws them with replacement).
  double positive_rate;
  // 0: the rate stays. Else it slides, in equal steps from positive_rate in epoch 1 to this one in epoch `epochs`, and
  // stays there; epochs then differ in length, so each takes as many negatives more as fill up its last batch.
  double positive_rate_end;
  uint64_t epochs, batch;  // of a sliding rate, at least 1
} pl_sampler_options;

typedef struct pl_sampler pl_sampler;

// Copies what it needs; the manifest may go. PL_E_USAGE: no cases, a rate outside 0 to 1, a last rate without a first
// one, or a rate without positive cases (or, below 1, without negative ones).
pl_status pl_sampler_create(pl_sampler **out, const pl_manifest *manifest, const size_t *cases, size_t count,
                            const pl_sampler_options *options, pl_error *err);
void pl_sampler_destroy(pl_sampler *sampler);

// Cases of an epoch, counted from 1, and of the shortest and the longest one. Nothing is dropped: unless the rate
// slides, a last batch may be smaller.
size_t pl_sampler_length(const pl_sampler *sampler, uint64_t epoch);
size_t pl_sampler_length_min(const pl_sampler *sampler);
size_t pl_sampler_length_max(const pl_sampler *sampler);

// The share of positives that an epoch is planned with; 0 when every case comes once.
double pl_sampler_rate(const pl_sampler *sampler, uint64_t epoch);

// Writes the epoch's pl_sampler_length() indices into manifest->cases.
void pl_sampler_order(const pl_sampler *sampler, uint64_t epoch, size_t *order);

#ifdef __cplusplus
}
#endif
