#include "core/run/evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/access.h"
#include "core/score/levels_file.h"
#include "core/score/truth.h"

pl_status pl_evaluation_begin_take(pl_evaluation *out, pl_ensemble *ensemble, const pl_evaluation_request *request,
                                   pl_error *err) {
  *out = (pl_evaluation){.ensemble = *ensemble, .labels = request->labels};
  *ensemble = (pl_ensemble){.count = 0};
  pl_status status = pl_labels_apply(&out->ensemble.manifest, request->labels, err);
  if (status == PL_OK && !request->force) status = pl_ensemble_check_folds(&out->ensemble, err);
  return status == PL_OK ? pl_ensemble_select_valid(&out->cases, &out->ensemble, request->where, err) : status;
}

void pl_evaluation_clear(pl_evaluation *e) {
  free(e->scores);
  free(e->levels);
  pl_ensemble_cases_clear(&e->cases);
  pl_ensemble_clear(&e->ensemble);
  *e = (pl_evaluation){.scores = NULL};
}

pl_status pl_evaluation_score(pl_evaluation *e, const pl_binarizer *binarizer, pl_error *err) {
  pl_truth truth = {.name = NULL};
  pl_status status = pl_truth_load(&truth, e->ensemble.manifest.workspace, e->labels, err);
  if (status != PL_OK) return status;
  free(e->scores);
  e->scores = pl_xcalloc(e->cases.count + 1, sizeof *e->scores);
  const pl_evaluate_job job = {.manifest = &e->ensemble.manifest,
                               .truth = &truth,
                               .cases = e->cases.cases,
                               .count = e->cases.count,
                               .binarizer = *binarizer,
                               .progress = e->progress,
                               .context = e->context};
  status = pl_evaluate(e->scores, NULL, &job, err);
  pl_truth_clear(&truth);
  return status;
}

// ---- Counts at all thresholds

// A file of counts.
typedef struct counts_file {
  char *path, key[PL_SHA256_HEX_SIZE];
  pl_levels_entry *entries;  // sorted by number
  size_t count;
} counts_file;

static int by_number(const void *a, const void *b) {
  const uint32_t x = ((const pl_levels_entry *)a)->number, y = ((const pl_levels_entry *)b)->number;
  return (x > y) - (x < y);
}

// How the maps were made that the member's cases are judged by, or (NULL) those of several members; NULL when a run
// does not say. The caller frees.
static char *recipe_of(const pl_evaluation *e, const pl_ensemble_member *member) {
  char *recipe = NULL;
  if (member != NULL) return pl_maps_recipe(&recipe, member->maps, NULL) == PL_OK ? recipe : NULL;
  pl_buf all;
  pl_buf_init(&all, 1 << 20);
  bool known = true;
  for (size_t m = 0; m < e->ensemble.count && known; m++) {
    known = pl_maps_recipe(&recipe, e->ensemble.members[m].maps, NULL) == PL_OK;
    if (!known) continue;
    (void)pl_buf_printf(&all, "%.17g %s\n", e->ensemble.members[m].weight, recipe);
    free(recipe);
  }
  if (known && !all.failed) return all.data;
  pl_buf_clear(&all);
  return NULL;
}

// Opens the file of those counts; false when there is nothing that they could be kept by.
static bool open_file(counts_file *f, const pl_evaluation *e, const pl_ensemble_member *member,
                      const char *labels_sha256) {
  char *recipe = recipe_of(e, member);
  *f = (counts_file){.path = NULL};
  if (recipe == NULL) return false;
  pl_levels_key(f->key, recipe, labels_sha256);
  free(recipe);
  f->path = member != NULL ? pl_path_join(member->maps, "levels.bin")
                           : pl_path_join(e->ensemble.members[0].maps, "levels-mean.bin");
  if (pl_levels_load(&f->entries, &f->count, f->path, f->key, NULL) != PL_OK) f->count = 0;
  if (f->count > 1) qsort(f->entries, f->count, sizeof *f->entries, by_number);
  return true;
}

static bool find_counts(pl_levels *out, const counts_file *f, uint32_t number) {
  const pl_levels_entry key = {.number = number};
  const pl_levels_entry *found =
      f->count > 0 ? bsearch(&key, f->entries, f->count, sizeof *f->entries, by_number) : NULL;
  if (found == NULL) return false;
  *out = found->levels;
  return true;
}

// Writes what was there and the counts of `cases` (of the evaluation) besides, where this user may. It only saves time.
static void add_counts(const counts_file *f, const pl_evaluation *e, const size_t *cases, size_t count) {
  if (pl_access_check(f->path, pl_access_nothing, NULL) != PL_OK) return;
  pl_levels_entry *all = pl_try_alloc((f->count + count + 1) * sizeof *all);
  if (all == NULL) return;
  if (f->count > 0) memcpy(all, f->entries, f->count * sizeof *all);
  for (size_t i = 0; i < count; i++) {
    const pl_case *c = &e->ensemble.manifest.cases[e->cases.cases[cases[i]].index];
    all[f->count + i] = (pl_levels_entry){c->number, e->levels[cases[i]]};
  }
  (void)pl_levels_save(f->path, f->key, all, f->count + count, NULL);
  free(all);
}

// Counts the cases (of the evaluation) from their maps.
static pl_status count_maps(pl_evaluation *e, const pl_truth *truth, const size_t *cases, size_t count, pl_error *err) {
  pl_evaluate_case *some = pl_xcalloc(count + 1, sizeof *some);
  pl_levels *levels = pl_xcalloc(count + 1, sizeof *levels);
  for (size_t i = 0; i < count; i++) some[i] = e->cases.cases[cases[i]];
  const pl_evaluate_job job = {.manifest = &e->ensemble.manifest,
                               .truth = truth,
                               .cases = some,
                               .count = count,
                               .progress = e->progress,
                               .context = e->context};
  pl_status status = pl_evaluate(NULL, levels, &job, err);
  for (size_t i = 0; i < count && status == PL_OK; i++) e->levels[cases[i]] = levels[i];
  free(some);
  free(levels);
  return status;
}

static bool is_judged_by(const pl_evaluate_case *c, const pl_ensemble_member *member) {
  if (member == NULL) return c->source_count > 1;
  return c->source_count == 1 && strcmp(c->sources[0].folder, member->maps) == 0;
}

// Of the cases that only this member judges, or (NULL) of those that several do.
static pl_status count_of(pl_evaluation *e, const pl_ensemble_member *member, const pl_truth *truth,
                          const char *labels_sha256, pl_error *err) {
  counts_file file = {.path = NULL};
  const bool kept = open_file(&file, e, member, labels_sha256);
  size_t *missing = pl_xcalloc(e->cases.count + 1, sizeof *missing), count = 0;
  for (size_t i = 0; i < e->cases.count; i++) {
    const pl_evaluate_case *one = &e->cases.cases[i];
    if (!is_judged_by(one, member)) continue;
    if (kept && find_counts(&e->levels[i], &file, e->ensemble.manifest.cases[one->index].number)) continue;
    missing[count++] = i;
  }
  pl_status status = count > 0 ? count_maps(e, truth, missing, count, err) : PL_OK;
  if (status == PL_OK && kept && count > 0) add_counts(&file, e, missing, count);
  free(missing);
  free(file.path);
  free(file.entries);
  return status;
}

pl_status pl_evaluation_count(pl_evaluation *e, pl_error *err) {
  const char *workspace = e->ensemble.manifest.workspace;
  char *table = pl_label_table_path(workspace, e->labels), labels[PL_SHA256_HEX_SIZE], cases[PL_SHA256_HEX_SIZE],
       folds[PL_SHA256_HEX_SIZE];
  pl_truth truth = {.name = NULL};
  pl_status status = pl_sha256_file(labels, table, err);
  if (status == PL_OK) status = pl_run_hash_dataset(cases, folds, workspace, e->labels, err);
  if (status == PL_OK) status = pl_truth_load(&truth, workspace, e->labels, err);
  if (e->levels == NULL) e->levels = pl_xcalloc(e->cases.count + 1, sizeof *e->levels);
  for (size_t m = 0; m < e->ensemble.count && status == PL_OK; m++) {
    status = count_of(e, &e->ensemble.members[m], &truth, labels, err);
  }
  // Which runs judge a case together depends on the folds too.
  if (status == PL_OK && e->ensemble.count > 1) status = count_of(e, NULL, &truth, folds, err);
  pl_truth_clear(&truth);
  free(table);
  return status;
}

// ---- By fold

int pl_evaluation_fold_of(const pl_evaluation *e, size_t i) {
  return e->ensemble.manifest.cases[e->cases.cases[i].index].fold;
}

pl_score_case *pl_evaluation_fold(size_t *count, const pl_evaluation *e, int fold) {
  pl_score_case *scores = pl_xcalloc(e->cases.count + 1, sizeof *scores);
  *count = 0;
  for (size_t i = 0; i < e->cases.count; i++) {
    if (fold < 0 || pl_evaluation_fold_of(e, i) == fold) scores[(*count)++] = e->scores[i];
  }
  return scores;
}

double pl_evaluation_dice_batch(const pl_evaluation *e, int fold) {
  const size_t batch = (size_t)e->ensemble.members[0].info->config.valid_batch;
  double all = 0;
  size_t batches = 0;
  for (int k = 0; k < e->ensemble.manifest.fold_count; k++) {
    if (fold >= 0 && k != fold) continue;
    size_t count = 0;
    double sum = 0;
    pl_score_case *scores = pl_evaluation_fold(&count, e, k);
    batches += pl_score_dice_batches(&sum, scores, count, batch);
    all += sum;
    free(scores);
  }
  return batches > 0 ? all / (double)batches : (double)NAN;
}
