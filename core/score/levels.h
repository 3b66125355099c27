// The table behind the tuner of thresholds: for each case, at each of the thresholds 0.00, 0.01, ... 1.00, how many
// pixels of its map are above, and how many of these are in the label, at the label's size. A triplet of such
// thresholds is scored from these counts alone, without looking at a pixel, and exactly as an evaluation scores it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"
#include "core/score/score.h"
#include "core/score/triplet.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_LEVELS = 101 };  // level k is the threshold k / 100.0

// One case.
typedef struct pl_levels {
  uint32_t truth;                             // pixels of the label
  uint32_t area[PL_LEVELS], hits[PL_LEVELS];  // pixels above the level, and those of them in the label
} pl_levels;

// A triplet on these levels.
typedef struct pl_level_triplet {
  int top, bottom;  // levels
  uint64_t area;
} pl_level_triplet;

// Counts a map against a label. The map is resized to the label's size as core/score/binarize.h says. Fails as that.
pl_status pl_levels_count(pl_levels *out, const pl_image *map, const pl_image *truth, pl_error *err);

// A case's counts under a triplet, as pl_binarize and pl_score_masks give them; the soft counts are 0.
pl_score_case pl_levels_case(const pl_levels *levels, const pl_level_triplet *triplet);

// The mean dice of `count` cases under a triplet, equal to pl_score_summarise's to the last bit. NAN of none.
double pl_levels_dice(const pl_levels *cases, size_t count, const pl_level_triplet *triplet);

pl_triplet pl_level_triplet_values(const pl_level_triplet *triplet);

// The level triplet of these values; false when a threshold is not one of the 101.
bool pl_level_triplet_of(pl_level_triplet *out, const pl_triplet *triplet);

// How undecided a map is about where the edge lies: the pixels between 0.25 and 0.75, over all above 0.25; 0 for a map
// that is everywhere below. Needs no label, so it can say which case to look at next.
double pl_levels_uncertainty(const pl_levels *levels);

// ---- Grid search.
typedef struct pl_triplet_grid {
  int top_first, top_last, top_step;  // levels, inclusive
  int bottom_first, bottom_last, bottom_step;
  uint64_t area_first, area_last, area_step;
} pl_triplet_grid;

// Tops 0.20 to 0.95 and bottoms 0.05 to 0.95 by 0.05, areas 0 to 3000 by 200 pixels of 1024 x 1024, scaled to labels of
// `pixels` pixels.
pl_triplet_grid pl_triplet_grid_default(uint64_t pixels);

// The triplet with the highest mean dice over the cases for which use[i] (NULL: all), its score in *dice (may be NULL).
// Bottoms above the top are left out. Of equal ones the first: by rising top, then area, then bottom.
pl_level_triplet pl_triplet_search(double *dice, const pl_levels *cases, const bool *use, size_t count,
                                   const pl_triplet_grid *grid);

#ifdef __cplusplus
}
#endif
