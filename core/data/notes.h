// What people remark about cases: notes.csv of a workspace (ImageId,flag,note,user,time). One row a case; written by
// hand, by several people's workbenches, or by scripts.
#pragma once

#include <stddef.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_FLAG_SIZE = 32, PL_NOTE_MAX = 2000 };  // bytes of a flag, with its terminator, and of a note

typedef struct pl_note {
  char *id;
  char flag[PL_FLAG_SIZE];  // one word, such as "check"; "" for none
  char *note;               // never NULL
  char user[64];            // who wrote it last
  char time[24];            // when, "2026-11-25T12:00:00Z"
} pl_note;

typedef struct pl_notes {
  pl_note *notes;  // sorted by id
  size_t count;
} pl_notes;

// Reads them; none when there is no file. PL_E_FORMAT names the line of a header without ImageId, of a case that is
// there twice, or of a flag or note that is too long. The caller clears *out; on failure it is untouched.
pl_status pl_notes_load(pl_notes *out, const char *workspace, pl_error *err);
void pl_notes_clear(pl_notes *notes);

const pl_note *pl_notes_find(const pl_notes *notes, const char *id);  // NULL when there is none

// Sets flag and note of a case (NULL leaves one as it is; a case without either loses its row), remembering who and
// when. Reads the file anew under a lock and replaces it whole, so that nobody's remark is lost. PL_E_USAGE for a flag
// that is not one word, PL_E_LIMIT, and as pl_notes_load and pl_fs_replace.
pl_status pl_notes_set(const char *workspace, const char *id, const char *flag, const char *note, const char *user,
                       double wall, pl_error *err);

#ifdef __cplusplus
}
#endif
