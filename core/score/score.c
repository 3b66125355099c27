#include "core/score/score.h"

#include <math.h>
#include <stdbool.h>

#include "core/image/agreement.h"
#include "core/image/probability.h"
#include "core/train/metrics.h"

pl_status pl_score_masks(pl_score_case *out, const pl_image *truth, const pl_image *predicted, pl_error *err) {
  pl_agreement a;
  pl_status status = pl_agreement_count(&a, truth, predicted, err);
  if (status == PL_OK) {
    *out = (pl_score_case){.truth = a.hit + a.missed, .predicted = a.hit + a.false_alarm, .hits = a.hit};
  }
  return status;
}

pl_status pl_score_soft(pl_score_case *out, const pl_image *truth, const pl_image *map, pl_error *err) {
  if (truth->width != map->width || truth->height != map->height) {
    return pl_fail(err, PL_E_FORMAT, "the label is %ux%u pixels, the map %ux%u", truth->width, truth->height,
                   map->width, map->height);
  }
  out->soft_predicted = out->soft_hits = 0;
  for (size_t y = 0; y < truth->height; y++) {
    const uint8_t *a = truth->u8 + y * truth->width;
    const uint16_t *p = map->u16 + y * truth->width;
    uint32_t sum = 0, hits = 0;  // a row has at most 16384 pixels of 65535
    for (size_t x = 0; x < truth->width; x++) {
      sum += p[x];
      hits += a[x] != 0 ? p[x] : 0U;
    }
    out->soft_predicted += sum;
    out->soft_hits += hits;
  }
  return PL_OK;
}

double pl_score_dice(const pl_score_case *c) {
  return pl_dice_hard((double)c->hits, (double)c->predicted, (double)c->truth);
}

static double ratio(double sum, size_t count) { return count > 0 ? sum / (double)count : (double)NAN; }

pl_score_summary pl_score_summarise(const pl_score_case *cases, size_t count) {
  pl_score_summary s = {.cases = count};
  double sum = 0, positive_sum = 0, negative_sum = 0;
  for (size_t i = 0; i < count; i++) {
    const bool has = cases[i].truth > 0, said = cases[i].predicted > 0;
    const double dice = pl_score_dice(&cases[i]);
    sum += dice;
    *(has ? &positive_sum : &negative_sum) += dice;
    s.positives += has;
    s.true_positives += has && said;
    s.false_positives += !has && said;
    s.false_negatives += has && !said;
    s.true_negatives += !has && !said;
  }
  s.dice = ratio(sum, count);
  s.dice_pos = ratio(positive_sum, s.positives);
  s.dice_neg = ratio(negative_sum, count - s.positives);
  s.nothing = ratio((double)(count - s.positives), count);
  s.precision = ratio((double)s.true_positives, s.true_positives + s.false_positives);
  s.recall = ratio((double)s.true_positives, s.positives);
  return s;
}

size_t pl_score_dice_batches(double *sum, const pl_score_case *cases, size_t count, size_t batch) {
  size_t batches = 0;
  *sum = 0;
  for (size_t first = 0; first < count; first += batch, batches++) {
    uint64_t hits = 0, predicted = 0, truth = 0;
    for (size_t i = first; i < count && i < first + batch; i++) {
      hits += cases[i].soft_hits;
      predicted += cases[i].soft_predicted;
      truth += cases[i].truth;
    }
    *sum += pl_dice_soft((double)hits / PL_PROBABILITY_ONE, (double)predicted / PL_PROBABILITY_ONE, (double)truth);
  }
  return batches;
}
