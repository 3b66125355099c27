#include <math.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "tui/cli/evaluation.h"

pl_status pl_cli_evaluation_open(pl_cli_evaluation *out, pl_cli_ensemble *args, bool silent, pl_error *err) {
  *out = (pl_cli_evaluation){.labels = args->labels};
  pl_filter where = {.count = 0};
  pl_status status = pl_cli_ensemble_open(&out->ensemble, args, err);
  if (status == PL_OK) status = pl_labels_apply(&out->ensemble.manifest, args->labels, err);
  if (status == PL_OK && !args->force) status = pl_ensemble_check_folds(&out->ensemble, err);
  if (status == PL_OK) status = pl_cli_ensemble_filter(&where, args, err);
  if (status == PL_OK) {
    status = pl_ensemble_select_valid(&out->cases, &out->ensemble, args->where != NULL ? &where : NULL, err);
  }
  return status == PL_OK ? pl_cli_ensemble_predict(args, &out->ensemble, &out->cases, NULL, silent, err) : status;
}

pl_status pl_cli_evaluation_score(pl_cli_evaluation *e, const pl_binarizer *binarizer, bool levels, pl_error *err) {
  pl_truth truth = {.name = NULL};
  pl_status status = pl_truth_load(&truth, e->ensemble.manifest.workspace, e->labels, err);
  if (status != PL_OK) return status;
  free(e->scores);
  e->scores = pl_xcalloc(e->cases.count + 1, sizeof *e->scores);
  if (levels && e->levels == NULL) e->levels = pl_xcalloc(e->cases.count + 1, sizeof *e->levels);
  const pl_evaluate_job job = {.manifest = &e->ensemble.manifest,
                               .truth = &truth,
                               .cases = e->cases.cases,
                               .count = e->cases.count,
                               .binarizer = *binarizer};
  status = pl_evaluate(e->scores, levels ? e->levels : NULL, &job, err);
  pl_truth_clear(&truth);
  return status;
}

void pl_cli_evaluation_clear(pl_cli_evaluation *e) {
  free(e->scores);
  free(e->levels);
  pl_ensemble_cases_clear(&e->cases);
  pl_ensemble_clear(&e->ensemble);
}

static int fold_of(const pl_cli_evaluation *e, size_t i) {
  return e->ensemble.manifest.cases[e->cases.cases[i].index].fold;
}

pl_score_case *pl_cli_evaluation_fold(size_t *count, const pl_cli_evaluation *e, int fold) {
  pl_score_case *scores = pl_xcalloc(e->cases.count + 1, sizeof *scores);
  *count = 0;
  for (size_t i = 0; i < e->cases.count; i++) {
    if (fold < 0 || fold_of(e, i) == fold) scores[(*count)++] = e->scores[i];
  }
  return scores;
}

double pl_cli_evaluation_dice_batch(const pl_cli_evaluation *e, int fold) {
  const size_t batch = (size_t)e->ensemble.members[0].info->config.valid_batch;
  double all = 0;
  size_t batches = 0;
  for (int k = 0; k < e->ensemble.manifest.fold_count; k++) {
    if (fold >= 0 && k != fold) continue;
    size_t count = 0;
    double sum = 0;
    pl_score_case *scores = pl_cli_evaluation_fold(&count, e, k);
    batches += pl_score_dice_batches(&sum, scores, count, batch);
    all += sum;
    free(scores);
  }
  return batches > 0 ? all / (double)batches : (double)NAN;
}
