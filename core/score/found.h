// WORKSPACE/triplet.json: the thresholds that were chosen for some runs, by `pleura triplet` or on screen Review, and
// on what grounds. `pleura submit` and `pleura eval --triplet found` take them. A JSON object of which these members
// are read here; others may stand beside them: "triplet" ("0.75,2000,0.3"), "runs" (names, sorted, with spaces
// between), "by", "images", "dice".
#pragma once

#include <stddef.h>

#include "core/base/status.h"
#include "core/score/triplet.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PL_FOUND_FILE "triplet.json"

typedef struct pl_found {
  pl_triplet triplet;
  char runs[1024];
  char by[64];  // "pleura triplet"
  long long images;
  double dice;
} pl_found;

// PL_E_NOTFOUND when there is none, PL_E_FORMAT.
pl_status pl_found_load(pl_found *out, const char *workspace, pl_error *err);

// Replaces it with these members alone. PL_E_FORMAT for names that are not UTF-8, and as pl_fs_replace.
pl_status pl_found_save(const pl_found *found, const char *workspace, pl_error *err);

// "found by 'pleura triplet' over 40 images out of fold, dice 0.8512"
void pl_found_words(char *out, size_t size, const pl_found *found);

#ifdef __cplusplus
}
#endif
