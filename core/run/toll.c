#include "core/run/toll.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/data/sampler.h"

// What one run trains on.
typedef struct training {
  const char **patients;  // sorted
  size_t patient_count;
  const char **ids;  // sorted
  size_t count;
} training;

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static bool holds(const char *const *sorted, size_t count, const char *text) {
  return count > 0 && text != NULL && bsearch(&text, sorted, count, sizeof *sorted, by_text) != NULL;
}

static pl_status list_training(training *out, const pl_ensemble *e, size_t m, const pl_patients *patients,
                               pl_error *err) {
  const pl_config *config = &e->members[m].info->config;
  pl_filter own = {.count = 0};
  size_t *cases = NULL, count = 0;
  pl_status status = pl_filter_parse(&own, config->where, err);
  if (status == PL_OK) {
    status = pl_subset_select(&cases, &count, &e->manifest, (int)config->fold, PL_SUBSET_TRAIN, &own, err);
  }
  if (status != PL_OK) return status;
  if (config->limit > 0 && count > (size_t)config->limit) count = (size_t)config->limit;
  training t = {.patients = pl_xcalloc(count + 1, sizeof *t.patients), .ids = pl_xcalloc(count + 1, sizeof *t.ids)};
  for (size_t i = 0; i < count; i++) {
    const char *id = e->manifest.cases[cases[i]].id;
    const char *patient = patients != NULL ? pl_patients_of(patients, id) : NULL;
    if (patient != NULL) t.patients[t.patient_count++] = patient;
    t.ids[t.count++] = id;
  }
  free(cases);
  if (t.patient_count > 1) qsort(t.patients, t.patient_count, sizeof *t.patients, by_text);
  if (t.count > 1) qsort(t.ids, t.count, sizeof *t.ids, by_text);
  *out = t;
  return PL_OK;
}

// True when folds.csv has rows of the image in a fold other than the one held out.
static bool has_rows_elsewhere(const pl_folds *folds, const pl_folds_image *image, int64_t fold) {
  for (size_t k = 0; k < image->count; k++) {
    if (folds->rows[folds->order[image->first + k]].fold != fold) return true;
  }
  return false;
}

static bool is_known_picture(const pl_toll_sources *s, const training *t, const char *id, int64_t fold) {
  if (s->folds == NULL) return false;
  const pl_folds_image *image = pl_folds_find(s->folds, id);
  if (image == NULL) return false;
  if (image->spread && has_rows_elsewhere(s->folds, image, fold)) return true;
  const size_t index = (size_t)(image - s->folds->images);
  for (size_t k = 0; s->copies != NULL && k < s->copies->copy_count; k++) {
    const pl_copy_pair *pair = &s->copies->copies[k];
    if (pair->a != index && pair->b != index) continue;
    if (holds(t->ids, t->count, s->folds->images[pair->a == index ? pair->b : pair->a].id)) return true;
  }
  return false;
}

pl_status pl_toll_mark(uint8_t *kinds, const pl_ensemble *e, const pl_ensemble_cases *cases,
                       const pl_toll_sources *sources, pl_error *err) {
  memset(kinds, 0, cases->count);
  for (size_t m = 0; m < e->count; m++) {
    training t = {.count = 0};
    pl_status status = list_training(&t, e, m, sources->patients, err);
    if (status != PL_OK) return status;
    for (size_t i = 0; i < cases->count; i++) {
      if (!cases->judged[i * e->count + m]) continue;
      const char *id = e->manifest.cases[cases->cases[i].index].id;
      const char *patient = sources->patients != NULL ? pl_patients_of(sources->patients, id) : NULL;
      if (holds(t.patients, t.patient_count, patient)) kinds[i] |= PL_LEAK_PATIENT;
      if (is_known_picture(sources, &t, id, e->members[m].info->config.fold)) kinds[i] |= PL_LEAK_IMAGE;
    }
    free(t.patients);
    free(t.ids);
  }
  return PL_OK;
}
