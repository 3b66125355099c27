#include "tui/batch_grid.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const char *label_of(const pl_case *c) {
  switch (c->label) {
    case PL_LABEL_POSITIVE: return "positive";
    case PL_LABEL_NEGATIVE: return "negative";
    default: return "no label";
  }
}

void pl_batch_grid_init(pl_batch_grid *grid, const pl_batch_view *view, const pl_manifest *manifest) {
  *grid = (pl_batch_grid){.count = view->count, .columns = (size_t)ceil(sqrt((double)view->count))};
  for (size_t i = 0; i < view->count; i++) {
    const pl_batch_view_image *one = &view->images[i];
    const pl_case *c = &manifest->cases[one->index];
    snprintf(grid->labels[i], sizeof grid->labels[i], "#%" PRIu32 " %s", c->number, label_of(c));
    grid->tiles[i] = (pl_grid_tile){.image = &one->image, .mask = &one->mask, .label = grid->labels[i]};
  }
}

void pl_batch_words(char *out, size_t size, const pl_batch_view *view) {
  const pl_config *c = &view->config;
  char part[48] = "";
  if (view->count < view->batch_images) snprintf(part, sizeof part, "the first %zu of ", view->count);
  snprintf(out, size,
           "batch %zu of %zu, epoch %" PRIu64 ": %s%zu images, %" PRId64 "x%" PRId64 ", fold %" PRId64
           " held out, seed %" PRId64 ", augment %s",
           view->batch, view->batches, view->epoch, part, view->batch_images, c->size, c->size, c->fold, c->seed,
           c->augment);
}
