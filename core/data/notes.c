#include "core/data/notes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "core/data/csvio.h"

enum { NOTES_FILE_MAX = 64 << 20, ID_MAX = 128 };

typedef enum column { ID, FLAG, NOTE, USER, TIME, COLUMNS } column;

static const char *const column_names[COLUMNS] = {"ImageId", "flag", "note", "user", "time"};

typedef struct reader {
  pl_notes *out;
  int columns[COLUMNS];
  bool headed;
} reader;

// ---- Reading

static pl_status read_header(reader *r, size_t line, const pl_csv_field *fields, size_t count, pl_error *err) {
  for (int i = 0; i < COLUMNS; i++) r->columns[i] = pl_csv_column(fields, count, column_names[i]);
  r->headed = true;
  if (r->columns[ID] >= 0) return PL_OK;
  return pl_fail(err, PL_E_FORMAT, "line %zu: the header must name ImageId, and may name flag, note, user, time", line);
}

static const char *field_of(const reader *r, column which, const pl_csv_field *fields, size_t count, size_t *length) {
  const int at = r->columns[which];
  *length = at >= 0 && (size_t)at < count ? fields[at].length : 0;
  return *length > 0 ? fields[at].text : "";
}

static pl_status on_row(void *context, size_t line, const pl_csv_field *fields, size_t count, const char *problem,
                        pl_error *err) {
  reader *r = context;
  if (problem != NULL) return pl_fail(err, PL_E_FORMAT, "line %zu: %s", line, problem);
  if (!r->headed) return read_header(r, line, fields, count, err);
  size_t lengths[COLUMNS];
  const char *texts[COLUMNS];
  for (int i = 0; i < COLUMNS; i++) texts[i] = field_of(r, (column)i, fields, count, &lengths[i]);
  const char *wrong = pl_id_problem(texts[ID], lengths[ID]);
  if (wrong != NULL) return pl_fail(err, PL_E_FORMAT, "line %zu: ImageId: %s", line, wrong);
  if (lengths[FLAG] >= PL_FLAG_SIZE || lengths[NOTE] > PL_NOTE_MAX) {
    return pl_fail(err, PL_E_FORMAT, "line %zu: a flag has at most %d bytes, a note %d", line, PL_FLAG_SIZE - 1,
                   PL_NOTE_MAX);
  }
  pl_notes *notes = r->out;
  notes->notes = pl_xrealloc(notes->notes, notes->count + 1, sizeof *notes->notes);
  pl_note *note = &notes->notes[notes->count++];
  *note = (pl_note){.id = pl_xstrdup(texts[ID])};
  // Safe to show from here on.
  char safe[4 * PL_NOTE_MAX + 1];
  (void)pl_safe_text(safe, sizeof safe, texts[NOTE], lengths[NOTE]);
  note->note = pl_xstrdup(safe);
  (void)pl_safe_text(note->flag, sizeof note->flag, texts[FLAG], lengths[FLAG]);
  (void)pl_safe_text(note->user, sizeof note->user, texts[USER], lengths[USER]);
  (void)pl_safe_text(note->time, sizeof note->time, texts[TIME], lengths[TIME]);
  return PL_OK;
}

static int by_id(const void *a, const void *b) { return strcmp(((const pl_note *)a)->id, ((const pl_note *)b)->id); }

pl_status pl_notes_load(pl_notes *out, const char *workspace, pl_error *err) {
  pl_notes notes = {0};
  reader r = {.out = &notes};
  char *path = pl_path_join(workspace, "notes.csv");
  pl_status status = PL_OK;
  if (access(path, F_OK) == 0 || errno != ENOENT) status = pl_csv_parse_file(path, on_row, &r, err);
  if (notes.count > 1) qsort(notes.notes, notes.count, sizeof *notes.notes, by_id);
  for (size_t i = 1; i < notes.count && status == PL_OK; i++) {
    if (strcmp(notes.notes[i].id, notes.notes[i - 1].id) != 0) continue;
    status = pl_fail(err, PL_E_FORMAT, "%s: the case %s is there twice", path, notes.notes[i].id);
  }
  free(path);
  if (status == PL_OK) {
    *out = notes;
  } else {
    pl_notes_clear(&notes);
  }
  return status;
}

void pl_notes_clear(pl_notes *notes) {
  for (size_t i = 0; i < notes->count; i++) {
    free(notes->notes[i].id);
    free(notes->notes[i].note);
  }
  free(notes->notes);
  *notes = (pl_notes){0};
}

const pl_note *pl_notes_find(const pl_notes *notes, const char *id) {
  char *key_id = pl_xstrdup(id);
  const pl_note key = {.id = key_id};
  const pl_note *found =
      notes->count > 0 ? bsearch(&key, notes->notes, notes->count, sizeof *notes->notes, by_id) : NULL;
  free(key_id);
  return found;
}

// ---- Writing

static void add_row(pl_buf *text, const char *id, const char *flag, const char *note, const char *user,
                    const char *time) {
  const char *const fields[COLUMNS] = {[ID] = id, [FLAG] = flag, [NOTE] = note, [USER] = user, [TIME] = time};
  if (flag[0] == '\0' && note[0] == '\0') return;
  for (int i = 0; i < COLUMNS; i++) {
    if (i > 0) (void)pl_buf_add_text(text, ",");
    pl_csv_add_field(text, fields[i]);
  }
  (void)pl_buf_add_text(text, "\n");
}

static void time_text(char out[24], double wall) {
  const time_t seconds = (time_t)wall;
  struct tm parts;
  out[0] = '\0';
  if (gmtime_r(&seconds, &parts) != NULL) (void)strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static pl_status check(const char *id, const char *flag, const char *note, pl_error *err) {
  const char *wrong = pl_id_problem(id, strlen(id));
  if (wrong != NULL) return pl_fail(err, PL_E_USAGE, "ImageId: %s", wrong);
  if (flag != NULL && (strlen(flag) >= PL_FLAG_SIZE || strpbrk(flag, " \t,\"\n\r") != NULL)) {
    return pl_fail(err, PL_E_USAGE, "a flag is one word of at most %d bytes, not '%.40s'", PL_FLAG_SIZE - 1, flag);
  }
  if (note != NULL && strlen(note) > PL_NOTE_MAX) {
    return pl_fail(err, PL_E_LIMIT, "the note has %zu bytes; there is room for %d", strlen(note), PL_NOTE_MAX);
  }
  return PL_OK;
}

static pl_status rewrite(const char *workspace, const char *id, const char *flag, const char *note, const char *user,
                         double wall, pl_error *err) {
  pl_notes notes = {0};
  pl_status status = pl_notes_load(&notes, workspace, err);
  if (status != PL_OK) return status;
  const pl_note *old = pl_notes_find(&notes, id);
  char now[24];
  time_text(now, wall);
  pl_buf text;
  pl_buf_init(&text, NOTES_FILE_MAX);
  (void)pl_buf_add_text(&text, "ImageId,flag,note,user,time\n");
  const char *new_flag = flag != NULL ? flag : old != NULL ? old->flag : "";
  const char *new_note = note != NULL ? note : old != NULL ? old->note : "";
  bool written = false;
  for (size_t i = 0; i < notes.count; i++) {
    const pl_note *one = &notes.notes[i];
    if (!written && strcmp(one->id, id) >= 0) {
      add_row(&text, id, new_flag, new_note, user, now);
      written = true;
    }
    if (one != old) add_row(&text, one->id, one->flag, one->note, one->user, one->time);
  }
  if (!written) add_row(&text, id, new_flag, new_note, user, now);
  char *path = pl_path_join(workspace, "notes.csv");
  status = text.failed ? pl_fail(err, PL_E_LIMIT, "%s would be larger than %d bytes", path, NOTES_FILE_MAX)
                       : pl_fs_replace(path, text.data, text.length, err);
  free(path);
  pl_buf_clear(&text);
  pl_notes_clear(&notes);
  return status;
}

pl_status pl_notes_set(const char *workspace, const char *id, const char *flag, const char *note, const char *user,
                       double wall, pl_error *err) {
  pl_status status = check(id, flag, note, err);
  if (status == PL_OK) status = pl_access_check(workspace, pl_access_nothing, err);
  if (status != PL_OK) return status;
  // A file of its own is locked, since the notes' is replaced.
  char *lock = pl_path_join(workspace, ".notes.lock");
  int fd = -1;
  status = pl_lock_wait(&fd, lock, err);
  if (status == PL_OK) status = rewrite(workspace, id, flag, note, user, wall, err);
  if (fd >= 0) (void)close(fd);
  free(lock);
  return status;
}
