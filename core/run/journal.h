// metrics.jsonl: what happened, one JSON object a line, only ever appended to, one write() per line.
//
// Every line ends with "crc":"XXXXXXXX", the CRC-32 of all bytes of the line before the comma in front of it. A core
// that died may leave a torn last line; resuming ends it, and readers skip it as a gap. A `resume` record supersedes
// all steps and epochs later than the one it names.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/net/loss.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_JOURNAL_LINE_MAX = 4096 };

// One training step (of an optimizer step: with gradient accumulation its last batch).
typedef struct pl_step_record {
  int64_t step, epoch;          // both from 1
  double time;                  // wall clock
  double loss;                  // of the step's batch
  double terms[PL_LOSS_TERMS];  // of that loss, without their weights; NAN for those that have none
  double loss_mean;             // running average of the epoch
  double learning_rate;
  double gradient_norm;
  double images_per_second;
  double active;                // seconds of work so far, pauses and interruptions left out
  double cpu, gpu, gpu_memory;  // busy and used shares, 0 to 1; NAN but in the first step after each reading
} pl_step_record;

// One evaluated epoch; epoch 0 is the untrained network.
typedef struct pl_epoch_record {
  int64_t step, epoch;
  double time;
  double train_loss;                                              // average over the epoch's batches; NAN for epoch 0
  double train_terms[PL_LOSS_TERMS], valid_terms[PL_LOSS_TERMS];  // as in pl_step_record, averaged likewise
  double learning_rate;
  double valid_loss;
  double dice_batch;  // soft dice of each batch, averaged with equal weight
  double dice_image;  // soft dice of each image, averaged
  double dice;        // per image at threshold 0.5, empty against empty = 1
  double dice_pos;    // the same over images with a mask; NAN when there is none
  double nothing;     // what predicting nothing would score as dice
  double images_per_second;
  double active;  // as in pl_step_record
  bool best;      // the best so far by best-by
} pl_epoch_record;

typedef enum pl_message_kind {
  PL_MESSAGE_ACT,  // a command was carried out or refused, a checkpoint written, ...
  PL_MESSAGE_WARN,
  PL_MESSAGE_RESUME,  // `step`, `epoch`: where it goes on
  PL_MESSAGE_END,     // `text`: finished, stopped, failed and why
} pl_message_kind;

typedef struct pl_message_record {
  pl_message_kind kind;
  int64_t step, epoch;
  double time;
  char id[64];                      // of the command that it answers, else ""
  char text[PL_ERROR_MESSAGE_MAX];  // safe to print
} pl_message_record;

// ---- Writing: the core alone.
typedef struct pl_journal pl_journal;

// Opens or creates FOLDER/metrics.jsonl for appending, and ends a torn last line.
pl_status pl_journal_open(pl_journal **out, const char *folder, pl_error *err);
void pl_journal_close(pl_journal *journal);  // takes NULL

// `active` is written as the seconds since this core began; readers add what the run had worked before. NAN leaves
// `active` and the load out.
// When the disk is full the line is kept in memory (the last 4096 of them) and written first by the next call that
// can; a failure other than that is returned.
pl_status pl_journal_step(pl_journal *journal, const pl_step_record *record, pl_error *err);
pl_status pl_journal_epoch(pl_journal *journal, const pl_epoch_record *record, pl_error *err);
pl_status pl_journal_message(pl_journal *journal, const pl_message_record *record, pl_error *err);

// Waits until all lines are on the disk.
pl_status pl_journal_sync(pl_journal *journal, pl_error *err);

// ---- Reading, while it grows.
typedef struct pl_journal_reader pl_journal_reader;

// Fine when the file is not there yet.
pl_journal_reader *pl_journal_reader_create(const char *folder);
void pl_journal_reader_destroy(pl_journal_reader *reader);  // takes NULL

// From now on steps are left out, which is fast: for who wants what is told once an epoch. `active` then counts only
// what evaluated epochs tell.
void pl_journal_reader_leave_steps(pl_journal_reader *reader);

// Reads what was added since the last call. *changed (may be NULL) tells whether anything was. A file that became
// shorter or was replaced is read anew. PL_E_IO; what was read before stays.
pl_status pl_journal_reader_update(pl_journal_reader *reader, bool *changed, pl_error *err);

// The same for at most so many bytes, so that who reads a long journal can look up between its parts.
pl_status pl_journal_reader_part(pl_journal_reader *reader, size_t most, bool *changed, pl_error *err);
// Bytes that an update would read now.
size_t pl_journal_reader_unread(const pl_journal_reader *reader);
// How much of the file had been read after the last part: 0 to 1.
double pl_journal_reader_share(const pl_journal_reader *reader);

// Everything so far, superseded records left out; borrowed until the next update.
typedef struct pl_journal_view {
  const pl_step_record *steps;
  size_t step_count;
  const pl_epoch_record *epochs;
  size_t epoch_count;
  const pl_message_record *messages;  // the last 1000
  size_t message_count;
  size_t gaps;     // lines left out since their CRC or content was wrong
  size_t resumes;  // how often the run was resumed
  bool ended;      // the last record is an `end`
} pl_journal_view;

pl_journal_view pl_journal_reader_view(const pl_journal_reader *reader);

// What had been written by `time` (wall clock): the same records, fewer of them.
pl_journal_view pl_journal_view_until(pl_journal_view view, double time);

const char *pl_message_kind_name(pl_message_kind kind);  // "act", ...

#ifdef __cplusplus
}
#endif
