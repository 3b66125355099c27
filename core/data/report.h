// What is in a data set, in numbers: counts and the distribution of mask areas. Drawing is up to the viewers.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/data/ceiling.h"
#include "core/data/labels.h"
#include "core/data/leaks.h"
#include "core/data/manifest.h"
#include "core/data/table.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_AGE_BANDS = 10 };  // decades; the last one is 90 and above

// Parts, statuses and labels count cases; a case that is bad or unlabelled is neither positive nor negative.
typedef struct pl_data_counts {
  size_t cases, train, test, positive, negative, unlabelled, bad;
  size_t ages[PL_AGE_BANDS], age_unknown;
  size_t female, male, sex_unknown;
  size_t pa, ap, view_other, view_unknown;
} pl_data_counts;

void pl_data_count(pl_data_counts *out, const pl_manifest *manifest);

typedef struct pl_table_counts {
  size_t rows, bad_rows;
  size_t images, positive;    // images, and those with a mask
  size_t several, most_rows;  // images with more than one row, and the rows of the one that has most
} pl_table_counts;

void pl_table_count(pl_table_counts *out, const pl_rle_table *table);

// ---- Areas

enum { PL_AREA_BINS_MAX = 80, PL_AREA_BINS_PER_DECADE = 8 };

// Areas in pixels. Quantiles and mean are NaN when there is none.
typedef struct pl_area_report {
  size_t count;
  double min, q05, q25, median, q75, q95, max, mean;
  // Bin i holds the areas with edges[i] <= area < edges[i + 1]; edges are 10^(k/8) for whole k, so that bins are
  // equally wide on a logarithmic axis. The first and the last bin are not empty.
  size_t bin_count, bins[PL_AREA_BINS_MAX];
  double edges[PL_AREA_BINS_MAX + 1];
} pl_area_report;

// Areas of 0 are left out. An area is at most PL_IMAGE_SIDE_MAX squared.
void pl_area_count(pl_area_report *out, const uint64_t *areas, size_t count);

// ---- Duplicates

// Cases whose source files are the same, byte for byte: members[first ...] of the report, by number.
typedef struct pl_duplicate_group {
  size_t first, count;
  bool in_both_parts;  // of train and of test
} pl_duplicate_group;

typedef struct pl_duplicates {
  pl_duplicate_group *groups;  // by the number of their first case
  size_t group_count;
  size_t *members;  // indices of the manifest's cases
} pl_duplicates;

// Compares the files' SHA-256 of cases.csv; cases without one are left out. The caller clears.
void pl_duplicates_find(pl_duplicates *out, const pl_manifest *manifest);
void pl_duplicates_clear(pl_duplicates *duplicates);

// ---- Everything

typedef struct pl_report_options {
  const char *workspace;   // or NULL: then `table` alone, all of whose images have width x height pixels
  pl_label_choice labels;  // of the workspace
  const char *table;       // NULL: the workspace's, of these labels
  uint32_t width, height;  // used without a workspace
  const uint32_t *sizes;   // of the ceilings
  size_t size_count;       // at most PL_CEILING_SIZES_MAX
  unsigned threads;
  const char *patients;         // a map as pl_patients_find takes it, or NULL for what the workspace has
  bool skip_pictures;           // do not look for near-duplicates among the pictures
  pl_phash_progress *progress;  // of reading them, or NULL
  void *context;
} pl_report_options;

typedef struct pl_data_report {
  pl_manifest manifest;  // empty without a workspace
  pl_rle_table table;    // empty when the workspace has none
  pl_data_counts counts;
  pl_table_counts table_counts;
  size_t absent;  // images of the table that are no training case of the workspace

  // The masks that were measured: of the workspace's positive cases, else of the table's.
  pl_ceiling_mask *masks;
  const pl_case **cases;  // cases[i] is the case of masks[i]; NULL without a workspace
  pl_ceiling_score *scores;
  size_t mask_count;
  size_t unmeasured;  // positives without a size or a row, or whose rows do not fit into the image
  char why_unmeasured[PL_ERROR_MESSAGE_MAX];  // the first one's reason

  pl_area_report areas;
  pl_ceiling ceilings[PL_CEILING_SIZES_MAX];
  size_t ceiling_count;

  pl_duplicates duplicates;
  bool leaks_known;
  char leaks_problem[PL_ERROR_MESSAGE_MAX];  // why they are unknown
  pl_folds folds;                            // of the workspace
  pl_leak_report leaks;                      // between them
} pl_data_report;

// Reads and measures. A workspace without a table has no ceilings, and its areas are those of cases.csv; one without
// folds.csv has no leaks that could be known. PL_E_NOTFOUND,
// PL_E_FORMAT of the files, PL_E_USAGE, PL_E_NOMEM. The caller clears *out; on failure it is untouched.
pl_status pl_data_report_make(pl_data_report *out, const pl_report_options *options, pl_error *err);
void pl_data_report_clear(pl_data_report *report);

#ifdef __cplusplus
}
#endif
