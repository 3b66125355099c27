// How scores are told: as lines of text and as JSON, the same for every command that scores.
#pragma once

#include <stdbool.h>

#include "core/score/bootstrap.h"
#include "core/score/score.h"

struct json_t;

// Lines "dice 0.8567   95 % of 0.8431 to 0.8690" and so on; what is not known is a dash. `dice_batch` is NAN where
// there are no probabilities, and then left out.
void pl_cli_print_scores(const pl_score_summary *scores, const pl_score_intervals *intervals, double dice_batch);

// "0.8567", or "-" when it is not known.
enum { PL_CLI_NUMBER_SIZE = 32 };
const char *pl_cli_number(char out[PL_CLI_NUMBER_SIZE], double value);

// The same as an object; the intervals are arrays of two numbers. Unknown numbers are null. The caller owns it.
struct json_t *pl_cli_scores_json(const pl_score_summary *scores, const pl_score_intervals *intervals,
                                  double dice_batch);
struct json_t *pl_cli_number_json(double value);
struct json_t *pl_cli_interval_json(pl_interval interval);

// Prints an object, with all digits of its numbers, and lets it go.
pl_status pl_cli_print_json(struct json_t *object, pl_error *err);
