// The competition winner's three thresholds (unet_pipeline/Evaluate/MaskBinarizers.py, TripletMaskBinarization): a case
// has a pneumothorax when at least `area` pixels are above `top`; its mask is then every pixel above `bottom`.
//
//   clf = p > top;  m = p > bottom;  m = 0 if sum(clf) < area
//
// Comparisons are strict, as there. Areas are in pixels of the label's size, so 1024 x 1024 on SIIM-ACR.
#pragma once

#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_triplet {
  double top;
  uint64_t area;
  double bottom;
} pl_triplet;

// One threshold of 0.5 and no area: what training's scores stand on.
pl_triplet pl_triplet_half(void);

// The winner's: the best on his validation, 0.75,2000,0.3; on the public leaderboard it was 0.7,600,0.3.
pl_triplet pl_triplet_winner(void);

// "0.75,2000,0.3", or "half" or "winner". PL_E_USAGE: not these three numbers, a threshold outside 0 to 1, or a bottom
// above the top.
pl_status pl_triplet_parse(pl_triplet *out, const char *text, pl_error *err);

// The same as text that pl_triplet_parse reads back to the same numbers.
enum { PL_TRIPLET_TEXT_SIZE = 80 };
void pl_triplet_text(char out[PL_TRIPLET_TEXT_SIZE], const pl_triplet *triplet);

#ifdef __cplusplus
}
#endif
