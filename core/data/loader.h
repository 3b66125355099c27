// Batches of prepared images and masks, read ahead by worker threads. Which batch comes when, and what is in it, does
// not depend on the number of workers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/augment.h"
#include "core/data/manifest.h"
#include "core/data/pack.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_LOADER_WORKERS_MAX = 256 };

typedef struct pl_loader_options {
  uint32_t size;       // width and height of the planes; prepared images of another size are resized
  size_t batch;        // images of a batch; the last one of a pass may have fewer
  unsigned workers;    // threads, 1 to PL_LOADER_WORKERS_MAX
  size_t prefetch;     // batches that may be ready or in work, the delivered one included; at least 2
  size_t cache_bytes;  // decoded planes that are kept for the next pass; 0: none
  pl_pack *pack;       // of the same manifest, borrowed; pictures that it has are taken from there. NULL: none
} pl_loader_options;

typedef struct pl_batch {
  size_t count;  // images in this batch
  // Everything of the augmentations is done but what is in `augmentations`, which is the backend's part.
  const uint8_t *image;                  // [count][1][size][size]
  const uint8_t *mask;                   // [count][1][size][size], 0 or 255
  const pl_augmentation *augmentations;  // [count]
  const size_t *cases;                   // [count] indices into manifest->cases
  uint64_t position;                     // of its first image in the pass
} pl_batch;

// One pass over cases.
typedef struct pl_loader_pass {
  const size_t *order;  // indices into manifest->cases; copied
  size_t count;
  size_t first;                    // position to begin at: where a resumed run goes on
  const pl_augment_list *augment;  // NULL: identity for every image
  double strength;                 // of the augmentations, see pl_augment_place
  uint64_t seed, epoch;            // of the augmentations
} pl_loader_pass;

typedef struct pl_loader pl_loader;

// Starts the workers. The manifest is borrowed until the loader is destroyed and must not change. All of a loader's
// functions are for one thread.
// PL_E_USAGE: an option out of range. PL_E_NOMEM: the batches. PL_E_LIMIT: no thread could be started.
pl_status pl_loader_create(pl_loader **out, const pl_manifest *manifest, const pl_loader_options *options,
                           pl_error *err);
void pl_loader_destroy(pl_loader *loader);  // stops and joins the workers

// Begins a pass; one that is under way is dropped. PL_E_USAGE: an index outside the manifest.
pl_status pl_loader_start(pl_loader *loader, const pl_loader_pass *pass, pl_error *err);

// Waits for the next batch; *out is NULL after the last one. The batch is borrowed until the next call of a function of
// this loader. A file that is missing or damaged is an error that names the case and the file, delivered when its batch
// would be; the pass is over then.
pl_status pl_loader_next(pl_loader *loader, const pl_batch **out, pl_error *err);

// Reads one case's planes, size*size bytes each, as the loader does. The mask of a case that is not positive (of the
// test part too) and has no mask file is empty. Messages name the case and the file.
pl_status pl_loader_read(uint8_t *image, uint8_t *mask, const pl_manifest *manifest, size_t index, uint32_t size,
                         pl_error *err);

#ifdef __cplusplus
}
#endif
