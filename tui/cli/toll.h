// The toll of leaks beside an evaluation.
#pragma once

#include <stdint.h>

#include "core/base/status.h"
#include "tui/cli/ensemble.h"

struct json_t;

typedef struct pl_cli_toll {
  uint8_t *kinds;  // by case of the evaluation: PL_LEAK_PATIENT, PL_LEAK_IMAGE
  double *dice;    // of the leaky ones, then of the others
  size_t count, leaky, patients, images;
  bool patients_known, copies_known;
  char patients_source[192], copies_source[192];  // where it is known from, or why it is not
} pl_cli_toll;

// Looks for leaks into the runs' training; `patients` names a map or is NULL. What cannot be known is no failure.
pl_status pl_cli_toll_find(pl_cli_toll *out, const pl_evaluation *evaluation, const char *patients, pl_error *err);
void pl_cli_toll_clear(pl_cli_toll *toll);

// "patient", "image", "image patient" or "" of case i, for tables.
const char *pl_cli_toll_word(const pl_cli_toll *toll, size_t i);

void pl_cli_print_toll(const pl_cli_toll *toll);
struct json_t *pl_cli_toll_json(const pl_cli_toll *toll);
