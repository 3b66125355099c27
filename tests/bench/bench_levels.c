// The tuner of thresholds: how long a fold of 2,590 cases of 1024 x 1024 pixels takes to be rescored for a triplet, to
// be searched, and how long a case takes to be counted. Beside it the same triplet applied to pixels. bench_levels
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/image/probability.h"
#include "core/score/binarize.h"
#include "core/score/levels.h"

enum { CASES = 2590, SIDE = 1024, MAP_SIDE = 512, COUNTED = 20, TRIPLETS = 1000 };

static pl_image make_map(uint64_t seed) {
  pl_image map = {0};
  if (pl_image_init(&map, MAP_SIDE, MAP_SIDE, PL_PIXEL_U16, PL_IMAGE_PROBABILITY, NULL) != PL_OK) exit(1);
  for (size_t i = 0; i < (size_t)MAP_SIDE * MAP_SIDE; i++) map.u16[i] = (uint16_t)(pl_rng_u64(seed, 0, i / 64) >> 48);
  return map;
}

int main(void) {
  const pl_clock clock = pl_clock_system();
  pl_levels *levels = pl_xcalloc(CASES, sizeof *levels);
  pl_image truth = {0};
  if (pl_image_init(&truth, SIDE, SIDE, PL_PIXEL_U8, PL_IMAGE_MASK, NULL) != PL_OK) return 1;
  for (size_t i = 0; i < (size_t)SIDE * SIDE / 8; i++) truth.u8[i] = 255;
  double counting = 0, pixels = 0;
  for (size_t i = 0; i < COUNTED; i++) {
    pl_image map = make_map(i), resized = {0}, mask = {0};
    pl_score_case c;
    const pl_binarizer b = {.triplet = pl_triplet_winner()};
    double start = pl_clock_monotonic(&clock);
    if (pl_levels_count(&levels[i], &map, &truth, NULL) != PL_OK) return 1;
    counting += pl_clock_monotonic(&clock) - start;
    start = pl_clock_monotonic(&clock);
    if (pl_binarize_resize(&resized, &map, SIDE, SIDE, NULL) != PL_OK) return 1;
    if (pl_binarize(&mask, &resized, &b, NULL) != PL_OK || pl_score_masks(&c, &truth, &mask, NULL) != PL_OK) return 1;
    pixels += pl_clock_monotonic(&clock) - start;
    pl_image_clear(&map);
    pl_image_clear(&resized);
    pl_image_clear(&mask);
  }
  for (size_t i = COUNTED; i < CASES; i++) levels[i] = levels[i % COUNTED];
  double start = pl_clock_monotonic(&clock), sum = 0;
  for (uint64_t k = 0; k < TRIPLETS; k++) {
    const pl_level_triplet t = {.top = (int)pl_rng_below(1, k, 0, PL_LEVELS),
                                .bottom = (int)pl_rng_below(1, k, 1, PL_LEVELS),
                                .area = pl_rng_below(1, k, 2, 3000)};
    sum += pl_levels_dice(levels, CASES, &t);
  }
  const double rescoring = (pl_clock_monotonic(&clock) - start) / TRIPLETS;
  const pl_triplet_grid grid = pl_triplet_grid_default((uint64_t)SIDE * SIDE);
  start = pl_clock_monotonic(&clock);
  const pl_level_triplet best = pl_triplet_search(NULL, levels, NULL, CASES, &grid);
  const double searching = pl_clock_monotonic(&clock) - start;
  printf("count a case at all thresholds, from 512 pixels to 1024   %8.3f ms\n", 1e3 * counting / COUNTED);
  printf("apply one triplet to its pixels instead                   %8.3f ms\n", 1e3 * pixels / COUNTED);
  printf("rescore %d cases for a triplet (mean of %d)           %8.3f ms\n", CASES, TRIPLETS, 1e3 * rescoring);
  printf("the same from pixels would take                           %8.0f ms\n", 1e3 * pixels / COUNTED * CASES);
  printf("search 4864 triplets over %d cases                      %8.1f ms\n", CASES, 1e3 * searching);
  fprintf(stderr, "(%g %d)\n", sum, best.top);
  pl_image_clear(&truth);
  free(levels);
  return 0;
}
