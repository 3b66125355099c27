#include "core/score/evaluate.h"

#include <stdatomic.h>

static pl_status score_map(pl_score_case *score, pl_levels *levels, const pl_image *map, const pl_image *truth,
                           const pl_binarizer *binarizer, pl_error *err) {
  pl_status status = levels != NULL ? pl_levels_count(levels, map, truth, err) : PL_OK;
  if (status != PL_OK || score == NULL) return status;
  pl_image mask = {0};
  status = pl_binarize(&mask, map, binarizer, err);
  if (status == PL_OK) status = pl_score_masks(score, truth, &mask, err);
  if (status == PL_OK) status = pl_score_soft(score, truth, map, err);
  pl_image_clear(&mask);
  return status;
}

static pl_status evaluate_case(pl_score_case *score, pl_levels *levels, const pl_evaluate_job *job, size_t i,
                               pl_error *err) {
  const pl_evaluate_case *one = &job->cases[i];
  const pl_case *c = &job->manifest->cases[one->index];
  pl_image truth = {0}, map = {0};
  pl_status status = pl_truth_read(&truth, job->truth, c, err);
  if (status == PL_OK) {
    status = pl_maps_read(&map, one->sources, one->source_count, c->id, truth.width, truth.height, err);
  }
  if (status == PL_OK) status = score_map(score, levels, &map, &truth, &job->binarizer, err);
  pl_image_clear(&truth);
  pl_image_clear(&map);
  return status;
}

pl_status pl_evaluate(pl_score_case *scores, pl_levels *levels, const pl_evaluate_job *job, pl_error *err) {
  pl_status first = PL_OK;
  size_t done = 0;
  atomic_bool over = false;
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < job->count; i++) {
    if (atomic_load(&over)) continue;
    pl_error problem = {0};
    pl_status status =
        evaluate_case(scores != NULL ? &scores[i] : NULL, levels != NULL ? &levels[i] : NULL, job, i, &problem);
#pragma omp critical
    {
      if (status == PL_OK && job->progress != NULL && !job->progress(job->context, ++done, job->count)) {
        status = pl_fail(&problem, PL_E_CANCELLED, "stopped");
      }
      if (status != PL_OK && first == PL_OK) {
        first = status;
        if (err != NULL) *err = problem;
        atomic_store(&over, true);
      }
    }
  }
  return first;
}
