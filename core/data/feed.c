#include "core/data/feed.h"

#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/rng.h"

enum { PREFETCH = 3 };

struct pl_feed {
  pl_sampler *sampler;
  pl_loader *loader;
  size_t *order;  // of the epoch under way; room for the longest
  size_t positives, batch;
  const pl_augment_list *augment;
  double strength;
  uint64_t seed;
};

static pl_status make_sampler(pl_sampler **out, size_t *positives, const pl_manifest *manifest,
                              const pl_feed_options *o, pl_error *err) {
  size_t *cases = NULL, count = 0;
  pl_filter where = {.count = 0};
  pl_status status = o->where != NULL ? pl_filter_parse(&where, o->where, err) : PL_OK;
  if (status == PL_OK) status = pl_subset_select(&cases, &count, manifest, o->fold, o->subset, &where, err);
  if (status != PL_OK) return status;
  if (o->limit > 0 && count > o->limit) count = o->limit;
  for (size_t i = 0; i < count; i++) *positives += manifest->cases[cases[i]].label == PL_LABEL_POSITIVE;
  bool training = o->subset == PL_SUBSET_TRAIN;
  pl_sampler_options sampling = {.shuffle = training,
                                 .seed = pl_rng_derive(o->seed, "shuffle"),
                                 .positive_rate = training ? o->sample_rate : 0,
                                 .positive_rate_end = training ? o->sample_rate_end : 0,
                                 .epochs = o->epochs,
                                 .batch = o->batch};
  status = pl_sampler_create(out, manifest, cases, count, &sampling, err);
  free(cases);
  return status;
}

uint64_t pl_feed_bytes(const pl_feed_options *o, size_t images) {
  uint64_t plane = (uint64_t)o->size * o->size, batch = images < o->batch ? images : o->batch;
  uint64_t kept = 2 * plane * images;
  return PREFETCH * batch * 2 * plane + (kept < o->cache_bytes ? kept : o->cache_bytes);
}

pl_status pl_feed_measure(size_t *images, const pl_manifest *manifest, const pl_feed_options *options, pl_error *err) {
  pl_sampler *sampler = NULL;
  size_t positives = 0;
  pl_status status = make_sampler(&sampler, &positives, manifest, options, err);
  if (status == PL_OK) *images = pl_sampler_length(sampler, 1);
  pl_sampler_destroy(sampler);
  return status;
}

static pl_status open(pl_feed *feed, const pl_manifest *manifest, const pl_feed_options *o, pl_error *err) {
  pl_status status = make_sampler(&feed->sampler, &feed->positives, manifest, o, err);
  if (status != PL_OK) return status;
  bool training = o->subset == PL_SUBSET_TRAIN;
  size_t longest = pl_sampler_length_max(feed->sampler);
  feed->batch = longest < o->batch ? longest : o->batch;
  feed->order = pl_xcalloc(longest, sizeof *feed->order);
  feed->augment = training ? o->augment : NULL;
  feed->strength = o->augment_strength;
  feed->seed = pl_rng_derive(o->seed, "augment");
  pl_loader_options reading = {.size = o->size,
                               .batch = feed->batch,
                               .workers = o->workers,
                               .prefetch = PREFETCH,
                               .cache_bytes = o->cache_bytes,
                               .pack = o->pack};
  return pl_loader_create(&feed->loader, manifest, &reading, err);
}

pl_status pl_feed_create(pl_feed **out, const pl_manifest *manifest, const pl_feed_options *options, pl_error *err) {
  pl_feed *feed = pl_xcalloc(1, sizeof *feed);
  pl_status status = open(feed, manifest, options, err);
  if (status != PL_OK) {
    pl_feed_destroy(feed);
    return status;
  }
  *out = feed;
  return PL_OK;
}

void pl_feed_destroy(pl_feed *feed) {
  if (feed == NULL) return;
  pl_loader_destroy(feed->loader);
  pl_sampler_destroy(feed->sampler);
  free(feed->order);
  free(feed);
}

size_t pl_feed_count(const pl_feed *feed, uint64_t epoch) { return pl_sampler_length(feed->sampler, epoch); }
size_t pl_feed_positives(const pl_feed *feed) { return feed->positives; }
size_t pl_feed_batch(const pl_feed *feed) { return feed->batch; }

static size_t batches_of(const pl_feed *feed, size_t images) { return (images + feed->batch - 1) / feed->batch; }

size_t pl_feed_batches(const pl_feed *feed, uint64_t epoch) { return batches_of(feed, pl_feed_count(feed, epoch)); }
size_t pl_feed_batches_min(const pl_feed *feed) { return batches_of(feed, pl_sampler_length_min(feed->sampler)); }

bool pl_feed_varies(const pl_feed *feed) {
  return pl_sampler_length_min(feed->sampler) != pl_sampler_length_max(feed->sampler);
}

pl_status pl_feed_start(pl_feed *feed, uint64_t epoch, size_t first, pl_error *err) {
  pl_sampler_order(feed->sampler, epoch, feed->order);
  pl_loader_pass pass = {.order = feed->order,
                         .count = pl_feed_count(feed, epoch),
                         .first = first,
                         .augment = feed->augment,
                         .strength = feed->strength,
                         .seed = feed->seed,
                         .epoch = epoch};
  return pl_loader_start(feed->loader, &pass, err);
}

pl_status pl_feed_next(pl_feed *feed, const pl_batch **out, pl_error *err) {
  return pl_loader_next(feed->loader, out, err);
}
