// The runs on a command line, and how their networks are asked: for all commands that score or submit.
#pragma once

#include <argp.h>
#include <stdbool.h>

#include "core/base/status.h"
#include "core/run/ensemble.h"
#include "core/run/evaluation.h"
#include "tui/cli/label_choice.h"

typedef struct pl_cli_ensemble {
  const char *names[PL_ENSEMBLE_MAX];
  size_t count;
  const char *workspace, *weights, *backend, *where;
  pl_run_recipe recipe;
  int64_t batch;
  pl_cli_label_choice labels;
  bool force, quiet;
  const char *keeps;  // a file of the workspace that the command will write; NULL for none
  char *checkpoint;   // from a path such as RUN/ckpt/000120; owned
} pl_cli_ensemble;

void pl_cli_ensemble_clear(pl_cli_ensemble *args);

// A child parser: its input is a pl_cli_ensemble, which it makes empty first. It takes the options, and the words as
// those of a pl_ensemble_request.
extern const struct argp pl_cli_ensemble_argp;

pl_status pl_cli_ensemble_open(pl_ensemble *out, pl_cli_ensemble *args, pl_error *err);

// Makes the maps that are missing, with a bar of how far it is on stderr, and prints a line on each run's maps unless
// `silent`. Fails as pl_ensemble_predict.
pl_status pl_cli_ensemble_predict(const pl_cli_ensemble *args, const pl_ensemble *ensemble,
                                  const pl_ensemble_cases *cases, const char *folder, bool silent, pl_error *err);

// Opens the runs for an evaluation of what they held out, and makes the maps that are missing as above; scoring is
// left. The caller clears *out in any case.
pl_status pl_cli_ensemble_evaluate(pl_evaluation *out, pl_cli_ensemble *args, bool silent, pl_error *err);

// Gives the ensemble's cases the labels of --labels, for commands that evaluate nothing. Fails as pl_labels_apply.
pl_status pl_cli_ensemble_take_labels(pl_ensemble *ensemble, const pl_cli_ensemble *args, pl_error *err);

// --where as a filter; *filter stays as it is without.
pl_status pl_cli_ensemble_filter(pl_filter *filter, const pl_cli_ensemble *args, pl_error *err);
