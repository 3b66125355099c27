// What a run recorded, for other programs: CSV and TensorBoard's event files.
#pragma once

#include "core/base/buf.h"
#include "core/data/filter.h"
#include "core/data/manifest.h"
#include "core/run/journal.h"

#ifdef __cplusplus
extern "C" {
#endif

// A header and one row for each epoch or step, `time` as seconds since 1970. Unknown values are empty fields.
void pl_export_epochs(pl_buf *out, const pl_journal_view *view);
void pl_export_steps(pl_buf *out, const pl_journal_view *view);

// The cases that the filter holds for (NULL: all): cases.csv's columns that name no file and no hash, and fold, flag
// and note.
void pl_export_cases(pl_buf *out, const pl_manifest *manifest, const pl_filter *filter);

// A whole event file, which TensorBoard shows as a run when it lies in a folder as "events.out.tfevents.NAME": scalars
// "train/loss" ... of each step, "valid/dice" ... of each epoch, all at their optimizer step. Records as in
// tensorflow/core/lib/io/record_writer.cc, messages as in tensorflow/core/util/event.proto and
// framework/summary.proto. Unknown values are left out.
void pl_export_tfevents(pl_buf *out, const pl_journal_view *view);

// ---- Shared by the forms: the numbers of a record in the order of their columns.
typedef void pl_export_number(void *context, const char *column, const char *tag, double value);

void pl_export_step_numbers(const pl_step_record *record, pl_export_number *number, void *context);
void pl_export_epoch_numbers(const pl_epoch_record *record, pl_export_number *number, void *context);

#ifdef __cplusplus
}
#endif
