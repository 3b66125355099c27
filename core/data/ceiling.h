// The resolution ceiling: how well true masks survive the way down to a training size and back up. It is the score of a
// network that answers with its training masks exactly.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/table.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_CEILING_SIZES_MAX = 8, PL_CEILING_THREADS_MAX = 64, PL_CEILING_WORST = 10 };

// A mask to measure: an image of a table, at the size that its run lengths are meant for.
typedef struct pl_ceiling_mask {
  const pl_rle_image *image;
  uint32_t width, height;
} pl_ceiling_mask;

// What became of one mask at one size. Dice is 2|A n B| / (|A| + |B|) with the true mask; NaN for an empty mask.
typedef struct pl_ceiling_score {
  uint64_t area;  // of the true mask, the union of its rows
  double dice;    // back up by linear interpolation, inside from 0.5: as a submission scales probabilities
  double dice_nearest;
  bool vanished;  // nothing is left after the way down or after the way back
} pl_ceiling_score;

// Takes every mask down to each of the sizes (square, as the loader makes them; by import's area rule for masks, see
// core/image/resize.h) and back to its own size. scores[i * size_count + k] is mask i at sizes[k]. The result does not
// depend on the number of threads (1 to PL_CEILING_THREADS_MAX). PL_E_FORMAT names the row whose runs do not fit into
// the image, PL_E_LIMIT, PL_E_NOMEM.
pl_status pl_ceiling_measure(pl_ceiling_score *scores, const pl_rle_table *table, const pl_ceiling_mask *masks,
                             size_t count, const uint32_t *sizes, size_t size_count, unsigned threads, pl_error *err);

// All masks at one size. Means and quantiles are NaN when there is none.
typedef struct pl_ceiling {
  uint32_t size;
  size_t count;  // masks that are not empty
  double mean, q05, min, mean_nearest;
  size_t vanished;
  size_t worst_count, worst[PL_CEILING_WORST];  // indices of the masks with the lowest dice, lowest first
} pl_ceiling;

// `k` is the place of `size` among the measured sizes.
void pl_ceiling_summarise(pl_ceiling *out, const pl_ceiling_score *scores, size_t count, uint32_t size, size_t k,
                          size_t size_count);

#ifdef __cplusplus
}
#endif
