// The batches that a run takes of one of its subsets: which cases, in what order, with which augmentations. The trainer
// and whoever wants to see what the network sees both go through here.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/loader.h"
#include "core/data/manifest.h"
#include "core/data/sampler.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_feed_options {
  pl_subset subset;   // training batches are shuffled, those of the other subset keep the manifest's order
  int fold;           // held out
  const char *where;  // only cases for which this filter holds; NULL or "" for all. Borrowed while creating
  size_t limit;       // cases of the subset, 0 for all
  uint64_t seed;      // of the run: order and augmentations come from it
  uint32_t size;      // side of the images in pixels
  size_t batch;       // images of a batch; never more than there are
  // Of the training subset only:
  const pl_augment_list *augment;       // NULL for none
  double augment_strength;              // see pl_augment_place
  double sample_rate, sample_rate_end;  // the positive rates of pl_sampler_options
  uint64_t epochs;                      // over which the rate slides
  unsigned workers;
  size_t cache_bytes;
  pl_pack *pack;  // borrowed; NULL for none
} pl_feed_options;

typedef struct pl_feed pl_feed;

// The manifest is borrowed until the feed is destroyed. Fails as pl_subset_select, pl_sampler_create, pl_loader_create.
pl_status pl_feed_create(pl_feed **out, const pl_manifest *manifest, const pl_feed_options *options, pl_error *err);
void pl_feed_destroy(pl_feed *feed);  // takes NULL

// How many images a feed with these options would read in its first epoch, without making one. Fails as
// pl_feed_create, but for what has to do with memory and threads.
pl_status pl_feed_measure(size_t *images, const pl_manifest *manifest, const pl_feed_options *options, pl_error *err);

// Bytes that a feed of so many images has for batches that are read ahead and decoded pictures that are kept.
uint64_t pl_feed_bytes(const pl_feed_options *options, size_t images);

size_t pl_feed_count(const pl_feed *feed, uint64_t epoch);    // images of an epoch
size_t pl_feed_positives(const pl_feed *feed);                // cases of the subset that have a mask
size_t pl_feed_batch(const pl_feed *feed);                    // images of a full batch
size_t pl_feed_batches(const pl_feed *feed, uint64_t epoch);  // of an epoch, the last one may be smaller

// Whether epochs differ in length, as with a sample rate that slides; then all their batches are full. And how many
// batches the shortest one has.
bool pl_feed_varies(const pl_feed *feed);
size_t pl_feed_batches_min(const pl_feed *feed);

// Begins an epoch (training counts them from 1) at its image number `first`. PL_E_USAGE when there are not so many.
pl_status pl_feed_start(pl_feed *feed, uint64_t epoch, size_t first, pl_error *err);

// As pl_loader_next.
pl_status pl_feed_next(pl_feed *feed, const pl_batch **out, pl_error *err);

#ifdef __cplusplus
}
#endif
