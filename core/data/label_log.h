// The journal of one case's corrections, WORKSPACE/corrections/ID.jsonl: who opened the case, every stroke, undo and
// redo, and who finished or reverted what, when and why. Append-only, one write() a line, a CRC a line
// (core/base/seal.h); what a case's label is now follows from it and from the case's rows of train-rle.csv alone.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/base/user.h"
#include "core/data/brush.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PL_LABEL_FOLDER "corrections"

enum {
  PL_LABEL_WHY_MAX = 500,        // bytes of a reason
  PL_STROKE_POINTS_MAX = 16384,  // of one stroke
  PL_LABEL_LOG_MAX = 64 << 20,   // bytes of a journal
};

typedef enum pl_label_event {
  PL_LABEL_OPENED,
  PL_LABEL_STROKE,
  PL_LABEL_UNDO,
  PL_LABEL_REDO,
  PL_LABEL_DROPPED,   // the strokes since the last finish are given up
  PL_LABEL_FINISHED,  // they become the label
  PL_LABEL_REVERTED,  // the original is the label again
} pl_label_event;

typedef struct pl_stroke {
  pl_brush brush;
  pl_brush_point *points;  // the brush goes from each to the next; one point is a dab
  size_t count;            // 1 to PL_STROKE_POINTS_MAX
} pl_stroke;

// One line. What is not of its event is zero. Texts are safe to print.
typedef struct pl_label_record {
  pl_label_event event;
  double time;  // seconds since 1970-01-01 UTC
  pl_stroke stroke;
  // Of all but strokes, undo and redo:
  char user[PL_USER_SIZE], host[PL_HOST_SIZE], tty[PL_TTY_SIZE];
  // Of the opening:
  uint32_t width, height;                // the label's own resolution
  char rows_sha256[PL_SHA256_HEX_SIZE];  // of the case's rows of train-rle.csv, see pl_label_hash_rows
  // Of finishing and reverting:
  char why[PL_LABEL_WHY_MAX + 1];
  char mask_sha256[PL_SHA256_HEX_SIZE];  // of the label's plane of 0 and 255, so that replaying it can be checked
  uint64_t area;                         // its pixels
} pl_label_record;

typedef struct pl_label_log {
  pl_label_record *records;
  size_t count;
  size_t length;  // bytes of the file that are whole lines; what follows was torn by a crash and counts as not written
} pl_label_log;

// WORKSPACE/corrections/ID.jsonl; the caller frees.
char *pl_label_log_path(const char *workspace, const char *id);

// Reads a journal; none gives an empty log. PL_E_FORMAT names the line that is damaged, PL_E_LIMIT. The caller clears
// *out; on failure it is untouched.
pl_status pl_label_log_load(pl_label_log *out, const char *path, pl_error *err);
void pl_label_log_clear(pl_label_log *log);

// The same from memory; messages name no file.
pl_status pl_label_log_parse(pl_label_log *out, const char *bytes, size_t length, pl_error *err);

// Opens a journal for appending, making it and its folder, and locks it until it is closed; a torn last line is cut
// off. PL_E_BUSY: somebody else has it open. *log is what it has, as above.
pl_status pl_label_log_open(int *fd, pl_label_log *log, const char *path, pl_error *err);

// Opens and locks an existing journal whatever is in it. PL_E_NOTFOUND, PL_E_BUSY.
pl_status pl_label_log_lock(int *fd, const char *path, pl_error *err);

// Fills in who, from where and when.
void pl_label_sign(pl_label_record *record);

// Appends a record in one write(). What does not fit on the disk is taken back: the journal is as it was.
pl_status pl_label_log_append(int fd, const char *path, const pl_label_record *record, pl_error *err);

// "opened", "stroke", ... Static strings.
const char *pl_label_event_name(pl_label_event event);

#ifdef __cplusplus
}
#endif
