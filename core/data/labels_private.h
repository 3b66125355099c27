// What the files of label correction share.
#pragma once

#include "core/base/buf.h"
#include "core/data/label_log.h"
#include "core/data/labels.h"
#include "core/data/table.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

// The label of a case in train-rle.csv: the union of its rows, and their hash (each row's runs and a line end, in the
// order of the file). Without a row it is empty. PL_E_FORMAT when one of its rows is damaged or reaches outside. The
// caller clears *out.
pl_status pl_label_original(pl_image *out, char rows_sha256[PL_SHA256_HEX_SIZE], const pl_rle_table *table,
                            const char *id, uint32_t width, uint32_t height, pl_error *err);

// ---- label_state.c: what follows from a journal.

// A label while it is edited: `base` is what was finished last, `mask` is that with the first `done` strokes.
typedef struct label_state {
  pl_image original, base, mask;
  pl_stroke *strokes;  // since the last finish; those from `done` on are undone
  size_t count, done, room;
  bool corrected;         // `base` is not the original
  pl_label_record label;  // the finish that made it so, when it is corrected
} label_state;

// Takes `original`.
pl_status pl_label_state_init(label_state *out, pl_image *original, pl_error *err);
void pl_label_state_clear(label_state *state);

// Does what a record says; a stroke's points are taken from it. PL_E_FORMAT for what cannot be: an undo without a
// stroke, a label with another hash than the record's.
pl_status pl_label_state_apply(label_state *state, pl_label_record *record, pl_error *err);

// All records of a log, whose openings must be of these rows and this size: PL_E_USAGE when train-rle.csv has other
// rows of the case now, PL_E_FORMAT. Strokes are taken from the log.
pl_status pl_label_state_replay(label_state *state, pl_label_log *log, const char *rows_sha256, pl_error *err);

// Draws `mask` anew from `base` and the strokes.
void pl_label_state_redraw(label_state *state);

// Pixels of a mask and of the original, and those that only one of them has.
void pl_label_compare(uint64_t *area, uint64_t *original_area, uint64_t *added, uint64_t *removed, const pl_image *mask,
                      const pl_image *original);

void pl_label_hash_mask(char hex[PL_SHA256_HEX_SIZE], const pl_image *mask);

// Opens the journal of a case without locking it and replays it: *out is the case's state, of the size that the journal
// says. PL_E_NOTFOUND: it is empty or not there. As pl_label_state_replay.
pl_status pl_label_state_read(label_state *out, const char *workspace, const char *id, const pl_rle_table *table,
                              pl_error *err);

// Ids of the cases that have a journal with anything in it, sorted; free with pl_fs_free_names.
pl_status pl_label_list(char ***ids, size_t *count, const char *workspace, pl_error *err);

// ---- labels_table.c

// One case whose rows are replaced.
typedef struct label_row {
  const char *id;
  const char *runs;  // in the competition's format, "-1" without a mask
} label_row;

// Appends `text`, a table as core/data/table.h reads it, with the rows of these cases (sorted by id) replaced by one
// row each, where their first one stood; those of cases that have none come last. Every other byte is kept.
pl_status pl_label_rewrite_table(pl_buf *out, const pl_buf *text, const label_row *rows, size_t count, pl_error *err);

// Whether `written` says of these cases what it should and of all others, row by row, what `original` says.
// PL_E_INTERNAL names the first difference.
pl_status pl_label_check_table(const pl_rle_table *written, const pl_rle_table *original, const label_row *rows,
                               size_t count, pl_error *err);

#ifdef __cplusplus
}
#endif
