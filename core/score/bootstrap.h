// Confidence intervals by the bootstrap: cases are drawn with replacement, the score is made of each draw, and the
// interval holds the middle 95 % of these scores (the percentile method; Efron and Tibshirani, An Introduction to the
// Bootstrap, 1993, chapter 13). The draws are a function of the seed, so the same cases give the same interval.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/score/score.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_BOOTSTRAP_DRAWS = 2000 };

// NAN and NAN where there is nothing to draw from.
typedef struct pl_interval {
  double low, high;
} pl_interval;

typedef struct pl_score_intervals {
  pl_interval dice, dice_pos, dice_neg, precision, recall;
} pl_score_intervals;

// Of pl_score_summarise. A draw of which a score is not known (no positive, nothing predicted) does not count for it.
pl_score_intervals pl_score_bootstrap(const pl_score_case *cases, size_t count, uint64_t seed);

// Of the mean of values: of differences case by case it is the paired bootstrap.
pl_interval pl_bootstrap_mean(const double *values, size_t count, uint64_t seed);

// Of the difference of two means, mean(a) - mean(b), each drawn from its own cases.
pl_interval pl_bootstrap_difference(const double *a, size_t a_count, const double *b, size_t b_count, uint64_t seed);

#ifdef __cplusplus
}
#endif
