// A training batch as the network gets it, for people to look at: the same order, the same draws and the same pixels as
// in a training with these options.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/augment.h"
#include "core/data/manifest.h"
#include "core/image/image.h"
#include "core/run/config.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_BATCH_VIEW_IMAGES = 9 };

// One image after augmentation: the grey levels that are normalised and go into the network, and its target.
typedef struct pl_batch_view_image {
  size_t index;          // of the case in the manifest
  pl_image image, mask;  // 8 bits, side x side; the mask is 0 or 255
} pl_batch_view_image;

typedef struct pl_batch_view {
  uint64_t epoch;
  size_t batch, batches;  // which one of how many, from 1
  size_t batch_images;    // that the batch has
  pl_config config;       // with the size filled in
  size_t count;           // the first images of the batch, at most PL_BATCH_VIEW_IMAGES
  pl_batch_view_image images[PL_BATCH_VIEW_IMAGES];
} pl_batch_view;

// Reads batch `batch` (from 1) of epoch `epoch` (from 1) of a training with these options; a pure function of both, of
// the options and of the workspace. PL_E_USAGE when there is no such epoch or batch, and as pl_run_check_data,
// pl_config_check, pl_feed_create and pl_feed_next. The caller clears *out; on failure it is untouched.
pl_status pl_batch_view_load(pl_batch_view *out, const pl_manifest *manifest, const pl_config *config, uint64_t epoch,
                             size_t batch, pl_error *err);
void pl_batch_view_clear(pl_batch_view *view);  // fine on a zeroed struct

// What PL_OP_AUGMENT makes of one image of a batch and its mask, side x side each, but for the normalisation: that is
// linear, and eyes want grey levels.
void pl_batch_view_apply(pl_image *image, pl_image *mask, const uint8_t *grey, const uint8_t *label, uint32_t side,
                         const pl_augmentation *params);

#ifdef __cplusplus
}
#endif
