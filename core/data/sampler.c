#include "core/data/sampler.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"

struct pl_sampler {
  pl_sampler_options options;
  size_t *cases;  // with a positive rate: the positives first
  size_t count, positives;
};

pl_status pl_subset_select(size_t **cases, size_t *count, const pl_manifest *manifest, int fold, pl_subset subset,
                           const pl_filter *where, pl_error *err) {
  if (fold < -1 || (fold >= 0 && fold >= manifest->fold_count)) {
    return pl_fail(err, PL_E_USAGE, "there is no fold %d: folds.csv has %d, counted from 0", fold,
                   manifest->fold_count);
  }
  size_t *chosen = pl_xcalloc(manifest->count + 1, sizeof *chosen), found = 0;
  for (size_t i = 0; i < manifest->count; i++) {
    const pl_case *c = &manifest->cases[i];
    if (c->part != PL_PART_TRAIN || c->status != PL_CASE_OK || c->label == PL_LABEL_UNKNOWN) continue;
    if (where != NULL && !pl_filter_holds(where, c)) continue;
    bool held_out = fold >= 0 && c->fold == fold;
    if (held_out == (subset == PL_SUBSET_VALID)) chosen[found++] = i;
  }
  if (found == 0) {
    free(chosen);
    const bool narrowed = where != NULL && where->count > 0;
    return pl_fail(err, PL_E_USAGE, "no labelled cases to %s with fold %d held out%s%s",
                   subset == PL_SUBSET_VALID ? "validate on" : "train on", fold, narrowed ? ", where " : "",
                   narrowed ? where->text : "");
  }
  *cases = chosen;
  *count = found;
  return PL_OK;
}

static bool is_positive(const pl_manifest *manifest, size_t index) {
  return manifest->cases[index].label == PL_LABEL_POSITIVE;
}

static bool slides(const pl_sampler *s) { return s->options.positive_rate_end > 0; }

double pl_sampler_rate(const pl_sampler *s, uint64_t epoch) {
  const pl_sampler_options *o = &s->options;
  if (!slides(s) || epoch <= 1 || o->epochs <= 1) return o->positive_rate;
  if (epoch >= o->epochs) return o->positive_rate_end;
  double way = (double)(epoch - 1) / (double)(o->epochs - 1);
  return o->positive_rate + (o->positive_rate_end - o->positive_rate) * way;
}

static double negatives_at(const pl_sampler *s, double rate) { return (double)s->positives * (1 - rate) / rate + 0.5; }

size_t pl_sampler_length(const pl_sampler *s, uint64_t epoch) {
  double rate = pl_sampler_rate(s, epoch);
  if (rate <= 0) return s->count;
  size_t length = s->positives + (size_t)negatives_at(s, rate);
  size_t batch = slides(s) ? (size_t)s->options.batch : 1;
  return (length + batch - 1) / batch * batch;
}

// The rate moves in one direction, and so do the lengths.
size_t pl_sampler_length_min(const pl_sampler *s) {
  size_t first = pl_sampler_length(s, 1), last = pl_sampler_length(s, s->options.epochs);
  return first < last ? first : last;
}

size_t pl_sampler_length_max(const pl_sampler *s) {
  size_t first = pl_sampler_length(s, 1), last = pl_sampler_length(s, s->options.epochs);
  return first > last ? first : last;
}

static pl_status check_rate(const pl_sampler *s, double rate, pl_error *err) {
  if (s->positives == 0)
    return pl_fail(err, PL_E_USAGE, "a positive rate of %g needs positive cases: there are none", rate);
  double negatives = negatives_at(s, rate);
  if (negatives > 1e9)
    return pl_fail(err, PL_E_USAGE, "a positive rate of %g makes epochs of %.3g cases", rate, negatives);
  // A sliding rate fills up batches with negatives, also where it is 1.
  if ((negatives >= 1 || slides(s)) && s->positives == s->count) {
    return pl_fail(err, PL_E_USAGE, "a positive rate of %g needs negative cases: there are none", rate);
  }
  return PL_OK;
}

// Puts the positives first.
static void order_by_label(pl_sampler *s, const pl_manifest *manifest) {
  size_t *ordered = pl_xcalloc(s->count, sizeof *ordered), at = 0;
  for (size_t i = 0; i < s->count; i++) {
    if (is_positive(manifest, s->cases[i])) ordered[at++] = s->cases[i];
  }
  s->positives = at;
  for (size_t i = 0; i < s->count; i++) {
    if (!is_positive(manifest, s->cases[i])) ordered[at++] = s->cases[i];
  }
  free(s->cases);
  s->cases = ordered;
}

static pl_status check_options(const pl_sampler_options *o, pl_error *err) {
  const double rates[] = {o->positive_rate, o->positive_rate_end};
  for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
    if (!(rates[i] >= 0 && rates[i] <= 1)) {
      return pl_fail(err, PL_E_USAGE, "positive rate %g: must be 0 (off) to 1", rates[i]);
    }
  }
  if (o->positive_rate_end > 0 && o->positive_rate == 0) {
    return pl_fail(err, PL_E_USAGE, "a positive rate that ends at %g needs one to begin with", o->positive_rate_end);
  }
  if (o->positive_rate_end > 0 && (o->epochs < 1 || o->batch < 1)) {
    return pl_fail(err, PL_E_USAGE, "a positive rate that slides needs epochs and a batch size");
  }
  return PL_OK;
}

pl_status pl_sampler_create(pl_sampler **out, const pl_manifest *manifest, const size_t *cases, size_t count,
                            const pl_sampler_options *options, pl_error *err) {
  if (count == 0) return pl_fail(err, PL_E_USAGE, "no cases to go through");
  pl_status status = check_options(options, err);
  if (status != PL_OK) return status;
  pl_sampler *s = pl_xcalloc(1, sizeof *s);
  *s = (pl_sampler){.options = *options, .count = count};
  s->cases = pl_xcalloc(count, sizeof *s->cases);
  memcpy(s->cases, cases, count * sizeof *cases);
  if (options->positive_rate > 0) {
    order_by_label(s, manifest);
    status = check_rate(s, options->positive_rate, err);
    if (status == PL_OK && slides(s)) status = check_rate(s, options->positive_rate_end, err);
  }
  if (status != PL_OK) {
    pl_sampler_destroy(s);
    return status;
  }
  *out = s;
  return PL_OK;
}

void pl_sampler_destroy(pl_sampler *sampler) {
  if (sampler == NULL) return;
  free(sampler->cases);
  free(sampler);
}

// Fisher and Yates, from the end.
static void shuffle(size_t *values, size_t count, uint64_t seed, uint64_t epoch) {
  for (size_t i = count; i > 1; i--) {
    size_t j = (size_t)pl_rng_below(seed, epoch, i, i), kept = values[i - 1];
    values[i - 1] = values[j];
    values[j] = kept;
  }
}

// The epoch's negatives: whole rounds through all of them, then a part of one more.
static void take_negatives(const pl_sampler *s, uint64_t epoch, size_t *out, size_t wanted) {
  size_t count = s->count - s->positives;
  size_t *round = pl_xcalloc(count + 1, sizeof *round);
  memcpy(round, s->cases + s->positives, count * sizeof *round);
  uint64_t seed = pl_rng_derive(s->options.seed, "negatives");
  for (size_t taken = 0; taken < wanted; taken++) {
    if (taken % count == 0) shuffle(round, count, seed + taken / count, epoch);
    out[taken] = round[taken % count];
  }
  free(round);
}

void pl_sampler_order(const pl_sampler *sampler, uint64_t epoch, size_t *order) {
  size_t length = pl_sampler_length(sampler, epoch);
  if (sampler->options.positive_rate > 0) {
    memcpy(order, sampler->cases, sampler->positives * sizeof *order);
    size_t wanted = length - sampler->positives;
    if (wanted > 0) take_negatives(sampler, epoch, order + sampler->positives, wanted);
  } else {
    memcpy(order, sampler->cases, sampler->count * sizeof *order);
  }
  if (sampler->options.shuffle) {
    shuffle(order, length, pl_rng_derive(sampler->options.seed, "shuffle"), epoch);
  }
}
