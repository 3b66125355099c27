#include "core/score/levels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/image/agreement.h"
#include "core/image/probability.h"
#include "core/score/binarize.h"

static double threshold_of(int level) { return (double)level / (PL_LEVELS - 1); }

// How many of the levels a value is above, for each of the 65536 values; fits a byte.
static uint8_t *make_ranks(void) {
  uint8_t *ranks = pl_xcalloc(PL_PROBABILITY_ONE + 1, 1), rank = 0;
  for (uint32_t v = 0; v <= PL_PROBABILITY_ONE; v++) {
    while (rank < PL_LEVELS && v > pl_probability_cut(threshold_of(rank), PL_PROBABILITY_ONE)) rank++;
    ranks[v] = rank;
  }
  return ranks;
}

static void count_pixels(pl_levels *out, const pl_image *map, const pl_image *truth) {
  uint32_t all[PL_LEVELS + 1] = {0}, hits[PL_LEVELS + 1] = {0};
  uint8_t *ranks = make_ranks();
  const size_t pixels = (size_t)truth->width * truth->height;
  for (size_t i = 0; i < pixels; i++) {
    const uint8_t rank = ranks[map->u16[i]];
    all[rank]++;
    hits[rank] += truth->u8[i] != 0;
  }
  free(ranks);
  memset(out, 0, sizeof *out);
  for (int rank = 0; rank <= PL_LEVELS; rank++) out->truth += hits[rank];
  uint32_t above = 0, inside = 0;
  for (int k = PL_LEVELS - 1; k >= 0; k--) {
    above += all[k + 1];
    inside += hits[k + 1];
    out->area[k] = above;
    out->hits[k] = inside;
  }
}

pl_status pl_levels_count(pl_levels *out, const pl_image *map, const pl_image *truth, pl_error *err) {
  if (map->width == truth->width && map->height == truth->height) {
    count_pixels(out, map, truth);
    return PL_OK;
  }
  pl_image resized = {0};
  pl_status status = pl_binarize_resize(&resized, map, truth->width, truth->height, err);
  if (status == PL_OK) count_pixels(out, &resized, truth);
  pl_image_clear(&resized);
  return status;
}

pl_score_case pl_levels_case(const pl_levels *l, const pl_level_triplet *t) {
  pl_score_case c = {.truth = l->truth};
  if (l->area[t->top] < t->area) return c;
  c.predicted = l->area[t->bottom];
  c.hits = l->hits[t->bottom];
  return c;
}

double pl_levels_dice(const pl_levels *cases, size_t count, const pl_level_triplet *triplet) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    const pl_score_case c = pl_levels_case(&cases[i], triplet);
    sum += pl_score_dice(&c);
  }
  return count > 0 ? sum / (double)count : (double)NAN;
}

pl_triplet pl_level_triplet_values(const pl_level_triplet *t) {
  return (pl_triplet){.top = threshold_of(t->top), .area = t->area, .bottom = threshold_of(t->bottom)};
}

static bool find_level(int *out, double value) {
  const int level = (int)(value * (PL_LEVELS - 1) + 0.5);
  if (level < 0 || level >= PL_LEVELS || threshold_of(level) != value) return false;
  *out = level;
  return true;
}

bool pl_level_triplet_of(pl_level_triplet *out, const pl_triplet *t) {
  pl_level_triplet found = {.area = t->area};
  if (!find_level(&found.top, t->top) || !find_level(&found.bottom, t->bottom)) return false;
  *out = found;
  return true;
}

pl_triplet_grid pl_triplet_grid_default(uint64_t pixels) {
  const uint64_t step = (200 * pixels + (1 << 19)) >> 20;  // of 1024 x 1024 pixels
  return (pl_triplet_grid){.top_first = 20,
                           .top_last = 95,
                           .top_step = 5,
                           .bottom_first = 5,
                           .bottom_last = 95,
                           .bottom_step = 5,
                           .area_last = 15 * (step > 0 ? step : 1),
                           .area_step = step > 0 ? step : 1};
}

double pl_levels_uncertainty(const pl_levels *l) {
  const uint32_t wide = l->area[25], sure = l->area[75];
  return wide > 0 ? (double)(wide - sure) / wide : 0;
}

// A case's dice at every bottom of the grid, and when nothing is predicted: scored once, used for all tops and areas.
static double *score_bottoms(const pl_levels *cases, size_t count, const pl_triplet_grid *g, size_t bottoms) {
  double *dice = pl_xcalloc(count * (bottoms + 1) + 1, sizeof *dice);
  for (size_t i = 0; i < count; i++) {
    double *row = dice + i * (bottoms + 1);
    const pl_score_case nothing = {.truth = cases[i].truth};
    row[0] = pl_score_dice(&nothing);
    for (size_t b = 0; b < bottoms; b++) {
      const int level = g->bottom_first + (int)b * g->bottom_step;
      const pl_score_case c = {
          .truth = cases[i].truth, .predicted = cases[i].area[level], .hits = cases[i].hits[level]};
      row[b + 1] = pl_score_dice(&c);
    }
  }
  return dice;
}

pl_level_triplet pl_triplet_search(double *dice, const pl_levels *cases, const bool *use, size_t count,
                                   const pl_triplet_grid *g) {
  const size_t bottoms = (size_t)((g->bottom_last - g->bottom_first) / g->bottom_step + 1);
  double *rows = score_bottoms(cases, count, g, bottoms), *sums = pl_xcalloc(bottoms, sizeof *sums), best = -1;
  pl_level_triplet found = {.top = g->top_first, .bottom = g->bottom_first, .area = g->area_first};
  size_t used = 0;
  for (size_t i = 0; i < count; i++) used += use == NULL || use[i];
  for (int top = g->top_first; top <= g->top_last; top += g->top_step) {
    for (uint64_t area = g->area_first; area <= g->area_last; area += g->area_step) {
      memset(sums, 0, bottoms * sizeof *sums);
      for (size_t i = 0; i < count; i++) {
        if (use != NULL && !use[i]) continue;
        const double *row = rows + i * (bottoms + 1);
        const bool said = cases[i].area[top] >= area;
        for (size_t b = 0; b < bottoms; b++) sums[b] += row[said ? b + 1 : 0];
      }
      for (size_t b = 0; b < bottoms; b++) {
        const int bottom = g->bottom_first + (int)b * g->bottom_step;
        if (bottom > top || sums[b] <= best) continue;
        best = sums[b];
        found = (pl_level_triplet){.top = top, .bottom = bottom, .area = area};
      }
    }
  }
  free(rows);
  free(sums);
  if (dice != NULL) *dice = used > 0 ? best / (double)used : (double)NAN;
  return found;
}
