// Corrected labels of a workspace. The original, train-rle.csv, is never touched. From it and the journals of
// corrections (core/data/label_log.h) follow, made by pl_labels_export and by nothing else:
//   corrected-rle.csv          the same table with the corrected cases' rows replaced, all other rows byte for byte
//   masks-corrected/ID.png     their masks as the training reads them, beside masks/ID.png
//   corrections/labels.json    which cases these are, who finished them, when and why, and the hashes of both tables
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/base/user.h"
#include "core/data/label_log.h"
#include "core/data/manifest.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PL_LABELS_FILE PL_LABEL_FOLDER "/labels.json"

enum { PL_LABEL_TABLE_MAX = 256 << 20 };  // bytes of a table

// "original", "corrected", and NULL behind them. Static strings.
const char *pl_label_choice_name(size_t choice);
bool pl_label_choice_find(pl_label_choice *out, const char *name);

// The table of that choice, WORKSPACE/train-rle.csv or WORKSPACE/corrected-rle.csv, whether it is there or not; the
// caller frees. pl_label_table_name gives the name alone.
char *pl_label_table_path(const char *workspace, pl_label_choice choice);
const char *pl_label_table_name(pl_label_choice choice);

// The same for reading: the corrected table only while it is what the corrections give, as pl_labels_apply. Of the
// original nothing is checked.
pl_status pl_label_table_find(char **path, const char *workspace, pl_label_choice choice, pl_error *err);

// Gives a manifest's cases the labels of that choice: label, mask_area, status, and where their prepared mask is
// (pl_case_mask_path). For the original it does nothing. PL_E_NOTFOUND: nothing is corrected. PL_E_USAGE: train-rle.csv
// or corrected-rle.csv is not what the last export saw or made, or a mask is missing; 'pleura labels export' is named.
// On failure the manifest is as it was.
pl_status pl_labels_apply(pl_manifest *manifest, pl_label_choice choice, pl_error *err);

// The cases of a workspace with these labels. Fails as pl_manifest_load and pl_labels_apply. The caller clears *out.
pl_status pl_labels_load_manifest(pl_manifest *out, const char *workspace, pl_label_choice choice, pl_error *err);

// One corrected case, as labels.json has it.
typedef struct pl_correction {
  char *id;
  uint64_t area, original_area;  // pixels at the label's own resolution
  uint64_t added, removed;       // pixels against the original
  pl_label_record finished;      // who, when, why
} pl_correction;

typedef struct pl_corrections {
  pl_correction *cases;  // sorted by id
  size_t count;
  char original_sha256[PL_SHA256_HEX_SIZE], corrected_sha256[PL_SHA256_HEX_SIZE];  // of the two tables
} pl_corrections;

// What the last export made; PL_E_NOTFOUND without one, PL_E_FORMAT. The caller clears *out.
pl_status pl_corrections_load(pl_corrections *out, const char *workspace, pl_error *err);
void pl_corrections_clear(pl_corrections *corrections);
const pl_correction *pl_corrections_find(const pl_corrections *corrections, const char *id);  // or NULL

// Whether both tables are what the last export saw and made. PL_E_USAGE says which is not.
pl_status pl_corrections_check(const pl_corrections *corrections, const char *workspace, pl_error *err);

// Gives a manifest's cases these corrections, which pl_corrections_check has found to be as exported. PL_E_USAGE, and
// the manifest is as it was: a mask is missing.
pl_status pl_corrections_apply(pl_manifest *manifest, const pl_corrections *corrections, pl_error *err);

// A case that has a journal, as that is now.
typedef struct pl_label_status {
  char *id;
  bool corrected;                // a finished label other than the original
  size_t strokes;                // drawn since, not finished
  uint64_t area, original_area;  // of the finished label
  uint64_t added, removed;
  pl_label_record finished;  // of a corrected case
  pl_status status;          // PL_OK, or why nothing else is known
  pl_error error;
} pl_label_status;

// All of them, sorted by id; the caller frees with pl_label_statuses_free. None when nothing was ever corrected.
pl_status pl_labels_status(pl_label_status **out, size_t *count, const char *workspace, pl_error *err);
void pl_label_statuses_free(pl_label_status *statuses, size_t count);

// Whether what the last export made is what these statuses give. PL_E_USAGE says what is not, and names the export.
pl_status pl_labels_are_exported(const pl_label_status *statuses, size_t count, const char *workspace, pl_error *err);

// Makes everything above anew from train-rle.csv and the journals. A table is written aside, read back and compared
// with the original and the labels before it replaces the old one. With no corrected case left it removes what an
// earlier export made. *count (may be NULL) is the number of corrected cases. On failure the old table stays, which the
// checks above then compare with. PL_E_BUSY: another export is at work. PL_E_NOTFOUND: no train-rle.csv.
pl_status pl_labels_export(size_t *count, const char *workspace, pl_error *err);

#ifdef __cplusplus
}
#endif
