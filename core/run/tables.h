// The tables that a run is made of - cases.csv, folds.csv, and the labels - as they were when it was made, and as they
// are now. What differs may have moved cases between what it trained on and what it is judged by.
#pragma once

#include <stddef.h>

#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/data/labels.h"
#include "core/run/rundir.h"

#ifdef __cplusplus
extern "C" {
#endif

// Of a workspace as it is now; "" for a table that is not there.
typedef struct pl_table_hashes {
  char cases[PL_SHA256_HEX_SIZE], folds[PL_SHA256_HEX_SIZE];
  char labels[PL_LABELS_CORRECTED + 1][PL_SHA256_HEX_SIZE];  // by choice
} pl_table_hashes;

// Hashes the files. PL_E_IO when one cannot be read.
pl_status pl_tables_hash(pl_table_hashes *out, const char *workspace, pl_error *err);

// What run.json and group.json keep: `dataset` of the cases, `labels` of the folds and the labels of that choice.
void pl_tables_sums(char dataset[PL_SHA256_HEX_SIZE], char labels[PL_SHA256_HEX_SIZE], const pl_table_hashes *tables,
                    pl_label_choice choice);

// What changed since a run was made; bits.
enum {
  PL_OTHER_CASES = 1,
  PL_OTHER_FOLDS = 2,
  PL_OTHER_LABELS = 4,
  PL_OTHER_FOLDS_OR_LABELS = 8,  // of a run that did not keep the folds' own hash
};
unsigned pl_tables_changed(const pl_run_info *info, const pl_table_hashes *now);

// "cases, folds", with `each` ("other ") before each of them; "" when nothing changed.
void pl_tables_changed_words(char *out, size_t size, unsigned changed, const char *each);

// What a run's scores must not be compared with others without knowing: "scored on corrected labels, other folds"; ""
// for a run on the original labels, the cases and folds as they are now. Where the corrected labels are shown, those
// that are on the original ones say so, too.
void pl_tables_marks(char *out, size_t size, const pl_run_info *info, const pl_table_hashes *now,
                     pl_label_choice shown);

#ifdef __cplusplus
}
#endif
