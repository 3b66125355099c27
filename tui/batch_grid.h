// A batch to look at, as tiles and words: for `pleura show --batch` and for the Batch screen.
#pragma once

#include <stddef.h>

#include "core/run/batch_view.h"
#include "viewers/view_grid.h"

typedef struct pl_batch_grid {
  size_t count, columns;
  pl_grid_tile tiles[PL_BATCH_VIEW_IMAGES];  // borrow the view's images and the labels below
  char labels[PL_BATCH_VIEW_IMAGES][32];     // "#12 positive"
} pl_batch_grid;

// Points into itself: do not copy. `view` and the manifest it was loaded with are borrowed.
void pl_batch_grid_init(pl_batch_grid *grid, const pl_batch_view *view, const pl_manifest *manifest);

// "batch 2 of 40, epoch 1: the first 9 of 16 images, 512x512, fold 0 held out, seed 42, augment blog".
void pl_batch_words(char *out, size_t size, const pl_batch_view *view);
