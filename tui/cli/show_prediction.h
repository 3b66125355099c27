// The part of `pleura show` that shows what a run predicts about a case, as the viewer does.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "tui/case_file.h"
#include "tui/cli/show_batch.h"
#include "tui/cli/show_subject.h"

typedef struct pl_show_prediction {
  bool wanted;
  const char *run;  // NULL for the latest
  bool has_epoch;   // else the newest, or the evaluation where no epoch has the case
  int64_t epoch;    // prediction.h
  pl_case_shows shows;
  double threshold;
} pl_show_prediction;

// Prints the case that the source names, or writes it as PNG to how->output. With a filter it is every case that fits
// and has a prediction, and how->output is a folder for ID.png each.
pl_status pl_show_prediction_print(const pl_show_prediction *what, const pl_show_source *source, const char *filter,
                                   const pl_show_how *how, pl_error *err);
