#include "tui/cli/toll.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/run/toll.h"
#include "core/score/bootstrap.h"
#include "tui/cli/score_words.h"

enum { SEED = 1 };

// The dice of the leaky cases in front, of the others behind.
static void sort_dice(pl_cli_toll *t, const pl_evaluation *e) {
  t->dice = pl_xcalloc(t->count + 1, sizeof *t->dice);
  for (size_t i = 0; i < t->count; i++) {
    t->patients += (t->kinds[i] & PL_LEAK_PATIENT) != 0;
    t->images += (t->kinds[i] & PL_LEAK_IMAGE) != 0;
    if (t->kinds[i] != 0) t->dice[t->leaky++] = pl_score_dice(&e->scores[i]);
  }
  size_t clean = t->leaky;
  for (size_t i = 0; i < t->count; i++) {
    if (t->kinds[i] == 0) t->dice[clean++] = pl_score_dice(&e->scores[i]);
  }
}

// Pictures are compared only when their hashes were kept before: reading all of them takes minutes.
static pl_status find_copies(pl_leak_report *report, const pl_folds *folds, const pl_manifest *manifest,
                             const char *patients, pl_cli_toll *toll, pl_error *err) {
  char *hashes = pl_path_join(manifest->workspace, "phash.csv");
  const bool hashed = pl_fs_is_file(hashes);
  free(hashes);
  const pl_leak_sources sources = {.patients = patients, .manifest = manifest, .skip_pictures = !hashed};
  pl_status status = pl_leaks_find(report, folds, &sources, err);
  if (status != PL_OK) return status;
  toll->copies_known = report->copies_known;
  (void)snprintf(toll->copies_source, sizeof toll->copies_source, "%.190s",
                 report->copies_known ? ""
                 : hashed             ? report->copies_problem
                                      : "pictures were not compared; 'pleura leaks' does it");
  return PL_OK;
}

pl_status pl_cli_toll_find(pl_cli_toll *out, const pl_evaluation *e, const char *map, pl_error *err) {
  const pl_manifest *manifest = &e->ensemble.manifest;
  pl_cli_toll toll = {.count = e->cases.count, .kinds = pl_xcalloc(e->cases.count + 1, 1)};
  pl_patients patients = {.count = 0};
  pl_folds folds = {.count = 0};
  pl_leak_report report = {.fold_count = 0};
  pl_error why = {0};
  char *path = pl_path_join(manifest->workspace, "folds.csv");
  pl_status status = pl_patients_find(&patients, map, manifest, &why);
  toll.patients_known = status == PL_OK;
  (void)snprintf(toll.patients_source, sizeof toll.patients_source, "%.190s",
                 toll.patients_known ? patients.source : why.message);
  if (status != PL_OK && map != NULL) {
    if (err != NULL) *err = why;
  } else {
    status = pl_folds_load(&folds, path, err);
  }
  if (status == PL_OK) status = find_copies(&report, &folds, manifest, map, &toll, err);
  const pl_toll_sources sources = {.patients = toll.patients_known ? &patients : NULL,
                                   .folds = &folds,
                                   .copies = toll.copies_known ? &report : NULL};
  if (status == PL_OK) status = pl_toll_mark(toll.kinds, &e->ensemble, &e->cases, &sources, err);
  if (status == PL_OK) sort_dice(&toll, e);
  pl_leak_report_clear(&report);
  pl_folds_clear(&folds);
  pl_patients_clear(&patients);
  free(path);
  if (status != PL_OK) {
    pl_cli_toll_clear(&toll);
    return status;
  }
  *out = toll;
  return PL_OK;
}

void pl_cli_toll_clear(pl_cli_toll *toll) {
  free(toll->kinds);
  free(toll->dice);
  *toll = (pl_cli_toll){.kinds = NULL};
}

const char *pl_cli_toll_word(const pl_cli_toll *toll, size_t i) {
  switch (toll->kinds[i]) {
    case 0: return "";
    case PL_LEAK_PATIENT: return "patient";
    case PL_LEAK_IMAGE: return "image";
    default: return "image patient";
  }
}

static double mean(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return count > 0 ? sum / (double)count : (double)NAN;
}

typedef struct toll_numbers {
  double leaky, clean;
  pl_interval difference;
} toll_numbers;

static toll_numbers numbers_of(const pl_cli_toll *t) {
  const double *clean = t->dice + t->leaky;
  const size_t count = t->count - t->leaky;
  return (toll_numbers){mean(t->dice, t->leaky), mean(clean, count),
                        pl_bootstrap_difference(t->dice, t->leaky, clean, count, SEED)};
}

void pl_cli_print_toll(const pl_cli_toll *t) {
  const toll_numbers n = numbers_of(t);
  char leaky[PL_CLI_NUMBER_SIZE], clean[PL_CLI_NUMBER_SIZE];
  if (t->leaky == 0) {
    printf("leak toll   none of the %zu images is known to training\n", t->count);
  } else {
    printf("leak toll   dice %s on %zu images that training knows (%zu by their patient, %zu as pictures)\n",
           pl_cli_number(leaky, n.leaky), t->leaky, t->patients, t->images);
    printf("            dice %s on the other %zu\n", pl_cli_number(clean, n.clean), t->count - t->leaky);
  }
  if (!isnan(n.difference.low)) {
    printf("            difference %+.4f, 95 %% from %+.4f to %+.4f\n", n.leaky - n.clean, n.difference.low,
           n.difference.high);
  }
  if (t->patients_known) {
    printf("            patients by %s\n", t->patients_source);
  } else {
    printf("            patients unknown: %s\n", t->patients_source);
  }
  if (!t->copies_known) printf("            copies unknown: %s\n", t->copies_source);
}

json_t *pl_cli_toll_json(const pl_cli_toll *t) {
  const toll_numbers n = numbers_of(t);
  return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:s, s:b}", "images", (json_int_t)t->leaky, "clean_images",
                   (json_int_t)(t->count - t->leaky), "by_patient",
                   t->patients_known ? json_integer((json_int_t)t->patients) : json_null(), "by_picture",
                   json_integer((json_int_t)t->images), "dice", pl_cli_number_json(n.leaky), "clean_dice",
                   pl_cli_number_json(n.clean), "difference_95", pl_cli_interval_json(n.difference), "patients_known",
                   (int)t->patients_known, "patients_source", t->patients_source, "copies_known", (int)t->copies_known);
}
