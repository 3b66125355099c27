// What is in several folds at once, so that a validation sees what was trained on: rows of one image, images of one
// patient, and pictures that are copies of one another.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/folds.h"
#include "core/data/manifest.h"
#include "core/data/patients.h"
#include "core/data/phash.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_LEAK_IMAGE = 1,    // its rows are in several folds
  PL_LEAK_PATIENT = 2,  // its patient is in several folds
  PL_LEAK_COPY = 4,     // a near-duplicate is in another fold
};

enum { PL_COPIES_MAX = 10000 };  // pairs; when there are more the search ends

// A patient who is in several folds, be it with one image that has rows in several. Patients are told by their images,
// never by name.
typedef struct pl_patient_leak {
  size_t first, count;  // members[first ...] of the report: indices of folds->images
  size_t fold_count;    // in how many folds
} pl_patient_leak;

// Two images in different folds whose pictures are near-duplicates.
typedef struct pl_copy_pair {
  size_t a, b;  // indices of folds->images, a < b
  unsigned distance;
} pl_copy_pair;

// One fold. An image with rows in several folds counts in each of them.
typedef struct pl_fold_report {
  size_t rows, images, positives, unlabelled;
  size_t measured;     // positives whose mask area is known from the cases
  uint64_t mask_area;  // pixels, the sum over these
  size_t leaks;        // images with a leak of any kind
} pl_fold_report;

typedef struct pl_leak_report {
  pl_fold_report *folds;  // by number
  size_t fold_count;
  uint8_t *image_leaks;  // by index of folds->images: bits of PL_LEAK_...
  size_t spread_images;  // images with rows in several folds

  bool patients_known;
  char patients_source[PL_PATIENTS_SOURCE_SIZE];  // where the patients are from
  char patients_problem[PL_ERROR_MESSAGE_MAX];    // why they are unknown
  size_t patient_count, without_patient;          // of the folds' images
  pl_patient_leak *patients;                      // in several folds, most images first
  size_t patient_leaks;
  size_t *members;

  bool copies_known;
  char copies_problem[PL_ERROR_MESSAGE_MAX];  // why they are unknown
  size_t pictures, unreadable;                // that were compared, that could not be read
  pl_copy_pair *copies;
  size_t copy_count;
  bool copies_cut;  // there are more than PL_COPIES_MAX
} pl_leak_report;

typedef struct pl_leak_sources {
  const char *patients;         // path of a map (--patients); NULL: what the workspace has
  const pl_manifest *manifest;  // NULL without a workspace: no areas, no pictures
  bool skip_pictures;           // do not read them
  pl_phash_progress *progress;  // as in pl_phash_workspace
  void *context;
} pl_leak_sources;

// Looks for leaks in a table of folds. What cannot be known is no failure: `..._known` is false and says why. Fails
// when a map that was named cannot be read or has none of the images, and with PL_E_CANCELLED. The caller
// clears *out.
pl_status pl_leaks_find(pl_leak_report *out, const pl_folds *folds, const pl_leak_sources *sources, pl_error *err);
void pl_leak_report_clear(pl_leak_report *report);

// True when something was found. False does not mean that there is nothing: see `..._known`.
bool pl_leaks_any(const pl_leak_report *report);

#ifdef __cplusplus
}
#endif
