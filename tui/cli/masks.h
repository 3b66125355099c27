// The options --triplet and --min-component of the subcommands that make masks of probabilities.
#pragma once

#include <argp.h>

#include "core/run/ensemble.h"
#include "core/score/binarize.h"

// Zero to start with, but for `otherwise`.
typedef struct pl_cli_masks {
  const char *otherwise;  // what no --triplet means: "half" or "found"
  const char *triplet;
  uint64_t min_component;
} pl_cli_masks;

// How the masks are made, and where the triplet came from.
typedef struct pl_cli_masks_rule {
  pl_binarizer binarizer;
  char triplet[PL_TRIPLET_TEXT_SIZE];
  char words[200];
} pl_cli_masks_rule;

// A child parser: its input is a pl_cli_masks.
extern const struct argp pl_cli_masks_argp;

// --triplet is numbers, "half", "winner", or "found": what `pleura triplet` found for these runs. Found by default is
// the winner's where nothing was found. Fails as pl_triplet_parse and pl_found_load; PL_E_NOTFOUND: found for other
// runs.
pl_status pl_cli_masks_choose(pl_cli_masks_rule *out, const pl_cli_masks *masks, const pl_ensemble *ensemble,
                              pl_error *err);

// Prints the lines "triplet" and, when parts are removed, "parts".
void pl_cli_masks_print(const pl_cli_masks_rule *rule);
