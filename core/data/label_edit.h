// Correcting the label of one case with a brush, at the label's own resolution. Whatever is done is in the case's
// journal before the function returns, so that a crash costs the stroke under way at most; opening the case again goes
// on with what was drawn and not finished.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/brush.h"
#include "core/data/manifest.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_label_edit pl_label_edit;

// Opens a training case for correcting and locks it. PL_E_BUSY names who else has it open; PL_E_USAGE: a test image,
// one without a known size, or train-rle.csv has other rows of it than were corrected; PL_E_FORMAT: damaged;
// PL_E_NOTFOUND: no train-rle.csv.
pl_status pl_label_edit_open(pl_label_edit **out, const char *workspace, const pl_case *c, pl_error *err);

// Leaves the case; takes NULL. What was not finished stays in the journal.
void pl_label_edit_close(pl_label_edit *edit);

// The mask as it is now (0 and 255), and the original one. Borrowed; the first changes with every stroke.
const pl_image *pl_label_edit_mask(const pl_label_edit *edit);
const pl_image *pl_label_edit_original(const pl_label_edit *edit);

typedef struct pl_label_counts {
  uint64_t area, original_area;  // pixels
  uint64_t added, removed;       // pixels against the original
  size_t strokes, undone;        // since the last finish
  size_t recovered;              // of those, how many an earlier session left
} pl_label_counts;

pl_label_counts pl_label_edit_counts(const pl_label_edit *edit);

// A stroke: put the brush down, move it, lift it. Points are pixels of the mask and may lie outside. Nothing is written
// before the brush is lifted, and nothing at all when no pixel changed. When writing fails the stroke is taken back.
// Moving without the brush down does nothing; putting it down again lifts it first.
pl_status pl_label_edit_press(pl_label_edit *edit, pl_brush brush, int64_t x, int64_t y, pl_error *err);
pl_status pl_label_edit_move(pl_label_edit *edit, int64_t x, int64_t y, pl_error *err);
pl_status pl_label_edit_lift(pl_label_edit *edit, pl_error *err);
bool pl_label_edit_is_down(const pl_label_edit *edit);

// The last stroke, or the last undone one. *done is false when there is none.
pl_status pl_label_edit_undo(pl_label_edit *edit, bool *done, pl_error *err);
pl_status pl_label_edit_redo(pl_label_edit *edit, bool *done, pl_error *err);

// The mask becomes the case's label, because of `why`; pl_labels_export then writes it. PL_E_USAGE: no reason is given,
// or nothing was drawn; PL_E_LIMIT: it has more than PL_LABEL_WHY_MAX bytes.
pl_status pl_label_edit_finish(pl_label_edit *edit, const char *why, pl_error *err);

// Gives up what was drawn since the last finish.
pl_status pl_label_edit_drop(pl_label_edit *edit, pl_error *err);

// The original becomes the label again, because of `why`. As pl_label_edit_finish; PL_E_USAGE: it is that already.
pl_status pl_label_edit_revert(pl_label_edit *edit, const char *why, pl_error *err);

// Renames a case's journal to one that counts no more, "ID.jsonl.1", for when it does not fit the table any more or is
// damaged. PL_E_NOTFOUND: there is none. PL_E_BUSY.
pl_status pl_label_set_aside(const char *workspace, const char *id, pl_error *err);

#ifdef __cplusplus
}
#endif
