// Runs that are scored or submitted together: one, the runs of several folds, or several networks, each with a weight.
//
// Out of fold, a case is judged by the runs that held it out alone; a test case by all of them. What several runs make
// of a case is averaged by their weights (core/score/maps.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/data/filter.h"
#include "core/data/manifest.h"
#include "core/run/predict.h"
#include "core/run/rundir.h"
#include "core/score/evaluate.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_ENSEMBLE_MAX = 64 };

typedef struct pl_ensemble_member {
  char *folder;  // of the run
  char *maps;    // the folder of its maps
  pl_run_info *info;
  double weight;
} pl_ensemble_member;

typedef struct pl_ensemble {
  pl_manifest manifest;  // of the workspace that all runs are of
  pl_ensemble_member *members;
  size_t count;
} pl_ensemble;

// Words that name runs, as a command line and the workbench have them.
typedef struct pl_ensemble_request {
  // Each names a run as pl_run_find does, a training of all folds (core/run/group.h), which stands for its runs, or one
  // of a run's checkpoints by its path (RUN/ckpt/000120). ":2" behind it is its weight, above 0; 1 when nothing is
  // said. No word at all is the newest run.
  const char *const *words;
  size_t count;
  const char *workspace;  // where names are looked up; NULL: only paths
  const char *weights;    // instead of weights in the words, one for each run: "2,1,1"; NULL: none
} pl_ensemble_request;

// Opens what the words name. *checkpoint becomes the name of the checkpoint that paths name, one for all of them (NULL:
// such paths are then not taken; the caller frees it). PL_E_USAGE: runs of several workspaces, a run twice, more than
// PL_ENSEMBLE_MAX, or weights that do not fit. PL_E_NOTFOUND: also a group whose training has not come to all folds
// yet. Fails as pl_run_find, pl_group_load, pl_run_load, pl_manifest_load. The caller clears *out; on failure it is
// untouched.
pl_status pl_ensemble_open(pl_ensemble *out, char **checkpoint, const pl_ensemble_request *request, pl_error *err);

// The names of the runs, sorted, with spaces between, and with their weights where these differ: "a:2 b:1". The caller
// frees.
char *pl_ensemble_names(const pl_ensemble *ensemble);

void pl_ensemble_clear(pl_ensemble *ensemble);

// PL_E_USAGE when cases, folds or labels changed since a run was made: what it holds out now may have been trained on.
pl_status pl_ensemble_check_folds(const pl_ensemble *ensemble, pl_error *err);

// What changed since any of the runs was made, as pl_tables_changed. Fails as pl_tables_hash.
pl_status pl_ensemble_changed(unsigned *changed, const pl_ensemble *ensemble, pl_error *err);

// How many of the runs were trained on other labels than these.
size_t pl_ensemble_trained_on_others(const pl_ensemble *ensemble, pl_label_choice labels);

// Cases with the runs that judge them, in the manifest's order.
typedef struct pl_ensemble_cases {
  pl_evaluate_case *cases;
  size_t count;
  pl_map_source *sources;  // of all cases, one after the other; folders are borrowed from the ensemble
  bool *judged;            // judged[i * members + m]: case i by member m
} pl_ensemble_cases;

// What each run validates on (its fold, filter and limit), narrowed down by `where` (NULL: not). PL_E_USAGE when
// nothing is left, and as pl_subset_select.
pl_status pl_ensemble_select_valid(pl_ensemble_cases *out, const pl_ensemble *ensemble, const pl_filter *where,
                                   pl_error *err);

// Given cases (rising indices into the manifest), by all runs.
void pl_ensemble_select(pl_ensemble_cases *out, const pl_ensemble *ensemble, const size_t *cases, size_t count);
void pl_ensemble_cases_clear(pl_ensemble_cases *cases);

// PL_E_NOTFOUND when a run has no map of a case that it judges - which run, how many of how many cases - or maps of
// other pictures than the workspace has now.
pl_status pl_ensemble_check_maps(const pl_ensemble *ensemble, const pl_ensemble_cases *cases, pl_error *err);

// Makes the maps that are not there yet, run by run: predicted[m] is what was done for member m. Fails as
// pl_run_predict.
pl_status pl_ensemble_predict(pl_run_predicted *predicted, const pl_ensemble *ensemble, const pl_ensemble_cases *cases,
                              const pl_run_predict_options *options, pl_error *err);

#ifdef __cplusplus
}
#endif
