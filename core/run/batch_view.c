#include "core/run/batch_view.h"

#include <inttypes.h>

#include "core/data/feed.h"
#include "core/image/warp.h"
#include "core/net/augment_math.h"
#include "core/run/rundir.h"

void pl_batch_view_apply(pl_image *image, pl_image *mask, const uint8_t *grey, const uint8_t *label, uint32_t side,
                         const pl_augmentation *params) {
  pl_warp_linear(image->u8, side, side, grey, side, side, params->affine);
  pl_warp_nearest(mask->u8, side, side, label, side, side, params->affine);
  for (size_t i = 0; i < (size_t)side * side; i++) {
    image->u8[i] = pl_augment_grey(image->u8[i], params->gain, params->bias);
    mask->u8[i] = pl_augment_is_set(mask->u8[i]) ? 255 : 0;
  }
}

static pl_status take(pl_batch_view *view, const pl_batch *batch, pl_error *err) {
  const uint32_t side = (uint32_t)view->config.size;
  const size_t plane = (size_t)side * side;
  const size_t count = batch->count < PL_BATCH_VIEW_IMAGES ? batch->count : PL_BATCH_VIEW_IMAGES;
  view->batch_images = batch->count;
  for (size_t i = 0; i < count; i++) {
    pl_batch_view_image *one = &view->images[view->count++];
    one->index = batch->cases[i];
    pl_status status = pl_image_init(&one->image, side, side, PL_PIXEL_U8, PL_IMAGE_GREY, err);
    if (status == PL_OK) status = pl_image_init(&one->mask, side, side, PL_PIXEL_U8, PL_IMAGE_MASK, err);
    if (status != PL_OK) return status;
    pl_batch_view_apply(&one->image, &one->mask, batch->image + i * plane, batch->mask + i * plane, side,
                        &batch->augmentations[i]);
  }
  return PL_OK;
}

static pl_status read_batch(pl_batch_view *view, pl_feed *feed, pl_error *err) {
  view->batches = pl_feed_batches(feed, view->epoch);
  if (view->batch < 1 || view->batch > view->batches) {
    return pl_fail(err, PL_E_USAGE, "there is no batch %zu: an epoch of %zu images has batches 1 to %zu, of %zu each",
                   view->batch, pl_feed_count(feed, view->epoch), view->batches, pl_feed_batch(feed));
  }
  const pl_batch *batch = NULL;
  pl_status status = pl_feed_start(feed, view->epoch, (view->batch - 1) * pl_feed_batch(feed), err);
  if (status == PL_OK) status = pl_feed_next(feed, &batch, err);
  return status == PL_OK ? take(view, batch, err) : status;
}

pl_status pl_batch_view_load(pl_batch_view *out, const pl_manifest *manifest, const pl_config *config, uint64_t epoch,
                             size_t batch, pl_error *err) {
  pl_batch_view view = {.epoch = epoch, .batch = batch, .config = *config};
  if (epoch < 1) return pl_fail(err, PL_E_USAGE, "epochs are counted from 1: epoch 0 trains on nothing");
  pl_status status = pl_config_check(config, err);
  if (status == PL_OK) status = pl_run_check_data(&view.config, manifest, err);
  if (status != PL_OK) return status;
  pl_feed_options options = pl_config_feed(&view.config);
  options.cache_bytes = 0;  // one batch is not read twice
  pl_feed *feed = NULL;
  status = pl_feed_create(&feed, manifest, &options, err);
  if (status == PL_OK) status = read_batch(&view, feed, err);
  pl_feed_destroy(feed);
  if (status != PL_OK) {
    pl_batch_view_clear(&view);
    return status;
  }
  *out = view;
  return PL_OK;
}

void pl_batch_view_clear(pl_batch_view *view) {
  for (size_t i = 0; i < view->count; i++) {
    pl_image_clear(&view->images[i].image);
    pl_image_clear(&view->images[i].mask);
  }
  *view = (pl_batch_view){0};
}
