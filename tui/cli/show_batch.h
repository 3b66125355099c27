// The part of `pleura show` that shows a training batch.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "viewers/view_case.h"

enum { PL_SHOW_SETTINGS_MAX = 32 };

// An option of `pleura train`; texts are borrowed. Without a name the text is "OPTION=VALUE".
typedef struct pl_show_setting {
  const char *name, *text;
} pl_show_setting;

typedef struct pl_show_batch {
  bool wanted;
  bool configured;                                 // one of the options below was given
  uint64_t number, epoch;                          // from 1
  const char *run, *preset;                        // NULL where not given
  pl_show_setting settings[PL_SHOW_SETTINGS_MAX];  // in order
  size_t setting_count;
} pl_show_batch;

// How and where.
typedef struct pl_show_how {
  const char *workspace, *output, *graphics;  // the first two may be NULL
  uint32_t size;
  bool invert;
  pl_mask_mode mask_mode;
} pl_show_how;

// Prints the batch, or writes it as PNG.
pl_status pl_show_batch_print(const pl_show_batch *batch, const pl_show_how *how, pl_error *err);
