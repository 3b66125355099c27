#include "core/score/bootstrap.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/quantile.h"

enum { SCORES = 5 };

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// Sorts `values`; those that are not numbers are left out.
static pl_interval middle(double *values, size_t count) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (!isnan(values[i])) values[kept++] = values[i];
  }
  if (kept > 1) qsort(values, kept, sizeof *values, by_value);
  return (pl_interval){pl_quantile(values, kept, 0.025), pl_quantile(values, kept, 0.975)};
}

// What a summary needs of a case.
typedef struct outcome {
  double dice;
  bool has, said;
} outcome;

// One draw's dice, dice_pos, dice_neg, precision, recall.
static void draw(double out[SCORES], const outcome *outcomes, size_t count, uint64_t seed, uint64_t number) {
  double sum = 0, positive_sum = 0;
  size_t positives = 0, said = 0, right = 0;
  for (size_t i = 0; i < count; i++) {
    const outcome *o = &outcomes[pl_rng_below(seed, number, i, count)];
    sum += o->dice;
    positive_sum += o->has ? o->dice : 0;
    positives += o->has;
    said += o->said;
    right += o->has && o->said;
  }
  out[0] = sum / (double)count;
  out[1] = positives > 0 ? positive_sum / (double)positives : (double)NAN;
  out[2] = positives < count ? (sum - positive_sum) / (double)(count - positives) : (double)NAN;
  out[3] = said > 0 ? (double)right / (double)said : (double)NAN;
  out[4] = positives > 0 ? (double)right / (double)positives : (double)NAN;
}

pl_score_intervals pl_score_bootstrap(const pl_score_case *cases, size_t count, uint64_t seed) {
  const pl_interval none = {(double)NAN, (double)NAN};
  if (count == 0) return (pl_score_intervals){none, none, none, none, none};
  outcome *outcomes = pl_xcalloc(count, sizeof *outcomes);
  for (size_t i = 0; i < count; i++) {
    outcomes[i] = (outcome){pl_score_dice(&cases[i]), cases[i].truth > 0, cases[i].predicted > 0};
  }
  double *draws = pl_xcalloc((size_t)SCORES * PL_BOOTSTRAP_DRAWS, sizeof *draws);
  for (size_t k = 0; k < PL_BOOTSTRAP_DRAWS; k++) {
    double scores[SCORES];
    draw(scores, outcomes, count, seed, k);
    for (size_t s = 0; s < SCORES; s++) draws[s * PL_BOOTSTRAP_DRAWS + k] = scores[s];
  }
  pl_interval found[SCORES];
  for (size_t s = 0; s < SCORES; s++) found[s] = middle(draws + s * PL_BOOTSTRAP_DRAWS, PL_BOOTSTRAP_DRAWS);
  free(draws);
  free(outcomes);
  return (pl_score_intervals){found[0], found[1], found[2], found[3], found[4]};
}

static double mean_of_draw(const double *values, size_t count, uint64_t seed, uint64_t number) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[pl_rng_below(seed, number, i, count)];
  return sum / (double)count;
}

pl_interval pl_bootstrap_mean(const double *values, size_t count, uint64_t seed) {
  if (count == 0) return (pl_interval){(double)NAN, (double)NAN};
  double draws[PL_BOOTSTRAP_DRAWS];
  for (size_t k = 0; k < PL_BOOTSTRAP_DRAWS; k++) draws[k] = mean_of_draw(values, count, seed, k);
  return middle(draws, PL_BOOTSTRAP_DRAWS);
}

pl_interval pl_bootstrap_difference(const double *a, size_t a_count, const double *b, size_t b_count, uint64_t seed) {
  if (a_count == 0 || b_count == 0) return (pl_interval){(double)NAN, (double)NAN};
  double draws[PL_BOOTSTRAP_DRAWS];
  for (size_t k = 0; k < PL_BOOTSTRAP_DRAWS; k++) {
    draws[k] = mean_of_draw(a, a_count, seed, 2 * k) - mean_of_draw(b, b_count, seed, 2 * k + 1);
  }
  return middle(draws, PL_BOOTSTRAP_DRAWS);
}
