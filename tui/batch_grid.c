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

void pl_batch_grid_init(pl_batch_grid *grid, const pl_preview *preview, const pl_manifest *manifest) {
  *grid = (pl_batch_grid){.count = preview->count, .columns = (size_t)ceil(sqrt((double)preview->count))};
  for (size_t i = 0; i < preview->count; i++) {
    const pl_preview_image *one = &preview->images[i];
    const pl_case *c = &manifest->cases[one->index];
    snprintf(grid->labels[i], sizeof grid->labels[i], "#%" PRIu32 " %s", c->number, label_of(c));
    grid->tiles[i] = (pl_grid_tile){.image = &one->image, .mask = &one->mask, .label = grid->labels[i]};
  }
}

void pl_batch_words(char *out, size_t size, const pl_preview *preview) {
  const pl_config *c = &preview->config;
  char part[48] = "";
  if (preview->count < preview->batch_images) snprintf(part, sizeof part, "the first %zu of ", preview->count);
  snprintf(out, size,
           "batch %zu of %zu, epoch %" PRIu64 ": %s%zu images, %" PRId64 "x%" PRId64 ", fold %" PRId64
           " held out, seed %" PRId64 ", augment %s",
           preview->batch, preview->batches, preview->epoch, part, preview->batch_images, c->size, c->size, c->fold,
           c->seed, c->augment);
}
