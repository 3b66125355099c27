// What a training would take, in words for the screen.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/run/config.h"

enum { PL_TRAINING_PLAN_LINES = 4, PL_TRAINING_PLAN_LINE = 240 };

// Plain data, made by jobs. Texts are safe to print.
typedef struct pl_training_plan {
  char lines[PL_TRAINING_PLAN_LINES][PL_TRAINING_PLAN_LINE];  // time, memory, disk, device
  char summary[PL_TRAINING_PLAN_LINE];                        // all of it in one line
  char unused_gpu[PL_ERROR_MESSAGE_MAX];                      // why a GPU that is there is not used, ""
  char refusal[PL_ERROR_MESSAGE_MAX];                         // why it cannot be done, "" when it can
  int64_t batch;                                              // of the options, or the one that fits
  int64_t largest_batch;  // when there is too little memory: the largest one that fits, 0 for none; else -1
} pl_training_plan;

extern const char *const pl_training_plan_labels[PL_TRAINING_PLAN_LINES];

// Takes up to a few seconds; safe on any thread. Fails as pl_manifest_load and pl_run_plan_make.
pl_status pl_training_plan_make(pl_training_plan *out, const pl_config *config, const char *workspace, pl_error *err);
