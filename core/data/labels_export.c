// Making what follows from the journals of corrections.
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/data/access.h"
#include "core/data/csvio.h"
#include "core/data/labels_private.h"
#include "core/data/mask_writer.h"
#include "core/data/rle.h"

// An export at work.
typedef struct exporter {
  const char *workspace;
  pl_buf text;  // of train-rle.csv
  pl_rle_table table;
  label_row *rows;       // sorted by id; the runs are owned, the ids are `cases`'
  pl_correction *cases;  // likewise
  size_t count;
} exporter;

static void clear(exporter *e) {
  for (size_t i = 0; i < e->count; i++) {
    free((void *)(uintptr_t)e->rows[i].runs);
    free(e->cases[i].id);
  }
  free(e->rows);
  free(e->cases);
  pl_buf_clear(&e->text);
  pl_rle_table_clear(&e->table);
}

static pl_status read_table(pl_buf *text, pl_rle_table *table, const char *path, pl_error *err) {
  pl_status status = pl_fs_read(text, path, err);
  if (status != PL_OK) return status;
  status = pl_rle_table_parse(table, text->data, text->length, false, err);
  return status == PL_OK ? PL_OK : pl_wrap(err, "%s", path);
}

// ---- The corrected cases

static pl_status add_case(exporter *e, const char *id, const label_state *s, pl_mask_writer *masks, pl_error *err) {
  pl_buf runs;
  pl_buf_init(&runs, PL_CSV_FILE_MAX);
  pl_status status = pl_rle_encode(&runs, &s->base, err);
  if (status == PL_OK) status = pl_mask_writer_put(masks, PL_CORRECTED_MASKS, id, &s->base, err);
  if (status == PL_OK) {
    pl_correction *c = &e->cases[e->count];
    *c = (pl_correction){.id = pl_xstrdup(id), .finished = s->label};
    pl_label_compare(&c->area, &c->original_area, &c->added, &c->removed, &s->base, &s->original);
    e->rows[e->count++] = (label_row){.id = c->id, .runs = pl_xstrdup(runs.data)};
  }
  pl_buf_clear(&runs);
  return status;
}

static pl_status collect(exporter *e, char **ids, size_t count, pl_error *err) {
  pl_mask_writer *masks = NULL;
  char *folder = pl_path_join(e->workspace, PL_CORRECTED_MASKS);
  pl_status status = pl_mask_writer_create(&masks, e->workspace, err);
  if (status == PL_OK) status = pl_fs_make_folders(folder, err);
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    label_state state = {0};
    status = pl_label_state_read(&state, e->workspace, ids[i], &e->table, err);
    if (status == PL_OK && state.corrected) status = add_case(e, ids[i], &state, masks, err);
    pl_label_state_clear(&state);
    if (status != PL_OK) pl_wrap(err, "the correction of %s", ids[i]);
  }
  pl_mask_writer_destroy(masks);
  free(folder);
  return status;
}

// Masks of cases that are corrected no more.
static void remove_masks(const exporter *e) {
  char *folder = pl_path_join(e->workspace, PL_CORRECTED_MASKS), **names = NULL;
  size_t count = 0;
  if (pl_fs_list(&names, &count, folder, NULL) != PL_OK) count = 0;
  for (size_t i = 0; i < count; i++) {
    bool wanted = false;
    for (size_t k = 0; k < e->count && !wanted; k++) {
      const size_t length = strlen(e->cases[k].id);
      wanted = strncmp(names[i], e->cases[k].id, length) == 0 && strcmp(names[i] + length, ".png") == 0;
    }
    char *path = pl_path_join(folder, names[i]);
    if (!wanted) (void)unlink(path);
    free(path);
  }
  if (e->count == 0) (void)rmdir(folder);
  pl_fs_free_names(names, count);
  free(folder);
}

// ---- The files

// What lies on the disk is read and compared with the original and the corrections.
static pl_status check_written(void *context, const char *written, pl_error *err) {
  const exporter *e = context;
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  pl_rle_table table = {0};
  pl_status status = read_table(&text, &table, written, err);
  if (status == PL_OK) status = pl_label_check_table(&table, &e->table, e->rows, e->count, err);
  pl_rle_table_clear(&table);
  pl_buf_clear(&text);
  return status;
}

static json_t *json_of(const pl_correction *c) {
  const pl_label_record *f = &c->finished;
  return json_pack("{s:s,s:I,s:I,s:I,s:I,s:s,s:s,s:s,s:f,s:s,s:s}", "id", c->id, "area", (json_int_t)c->area,
                   "original_area", (json_int_t)c->original_area, "added", (json_int_t)c->added, "removed",
                   (json_int_t)c->removed, "user", f->user, "host", f->host, "tty", f->tty, "time", f->time, "why",
                   f->why, "mask_sha256", f->mask_sha256);
}

static pl_status write_index(const exporter *e, const pl_buf *corrected, pl_error *err) {
  char original_sha256[PL_SHA256_HEX_SIZE], corrected_sha256[PL_SHA256_HEX_SIZE];
  pl_sha256_bytes(original_sha256, e->text.data, e->text.length);
  pl_sha256_bytes(corrected_sha256, corrected->data, corrected->length);
  json_t *cases = json_array();
  for (size_t i = 0; i < e->count; i++) (void)json_array_append_new(cases, json_of(&e->cases[i]));
  json_t *o = json_pack("{s:i,s:s,s:s,s:o}", "format", 1, "original_sha256", original_sha256, "corrected_sha256",
                        corrected_sha256, "cases", cases);
  char *text = json_dumps(o, JSON_INDENT(1)), *path = pl_path_join(e->workspace, PL_LABELS_FILE);
  pl_status status = text == NULL ? pl_fail(err, PL_E_INTERNAL, "%s cannot be written as JSON", path)
                                  : pl_fs_replace(path, text, strlen(text), err);
  json_decref(o);
  free(text);
  free(path);
  return status;
}

static pl_status write_files(exporter *e, pl_error *err) {
  pl_buf corrected;
  pl_buf_init(&corrected, PL_CSV_FILE_MAX);
  char *path = pl_label_table_path(e->workspace, PL_LABELS_CORRECTED);
  pl_status status = pl_label_rewrite_table(&corrected, &e->text, e->rows, e->count, err);
  if (status == PL_OK) status = pl_fs_replace_checked(path, corrected.data, corrected.length, check_written, e, err);
  // Last, so that it never promises what is not there.
  if (status == PL_OK) status = write_index(e, &corrected, err);
  free(path);
  pl_buf_clear(&corrected);
  return status;
}

// Nothing is corrected any more. The index goes first: without it nothing else counts.
static pl_status remove_files(const exporter *e, pl_error *err) {
  char *index = pl_path_join(e->workspace, PL_LABELS_FILE),
       *table = pl_label_table_path(e->workspace, PL_LABELS_CORRECTED);
  pl_status status = pl_fs_remove_tree(index, err);
  if (status == PL_OK) status = pl_fs_remove_tree(table, err);
  free(index);
  free(table);
  return status;
}

static pl_status export_locked(exporter *e, pl_error *err) {
  char **ids = NULL, *path = pl_label_table_path(e->workspace, PL_LABELS_ORIGINAL);
  size_t count = 0;
  pl_status status = read_table(&e->text, &e->table, path, err);
  free(path);
  if (status == PL_OK) status = pl_label_list(&ids, &count, e->workspace, err);
  if (status != PL_OK) return status;
  e->rows = pl_xcalloc(count + 1, sizeof *e->rows);
  e->cases = pl_xcalloc(count + 1, sizeof *e->cases);
  status = collect(e, ids, count, err);
  pl_fs_free_names(ids, count);
  if (status == PL_OK) status = e->count > 0 ? write_files(e, err) : remove_files(e, err);
  if (status == PL_OK) remove_masks(e);
  return status;
}

pl_status pl_labels_export(size_t *count, const char *workspace, pl_error *err) {
  exporter e = {.workspace = workspace};
  pl_buf_init(&e.text, PL_CSV_FILE_MAX);
  char *folder = pl_path_join(workspace, PL_LABEL_FOLDER), *lock = pl_path_join(folder, ".export.lock");
  pl_status status = pl_access_check(workspace, pl_access_nothing, err);
  if (status == PL_OK) status = pl_fs_make_folders(folder, err);
  int fd = -1;
  if (status == PL_OK) status = pl_lock_take(&fd, lock, err);
  if (status == PL_E_BUSY) {
    status = pl_fail(err, PL_E_BUSY, "another pleura is writing the corrected labels; try again in a moment");
  }
  if (status == PL_OK) status = export_locked(&e, err);
  if (status == PL_OK && count != NULL) *count = e.count;
  if (fd >= 0) (void)close(fd);
  clear(&e);
  free(folder);
  free(lock);
  return status;
}

// ---- How it stands

static void read_status(pl_label_status *out, const exporter *e) {
  label_state s = {0};
  out->status = pl_label_state_read(&s, e->workspace, out->id, &e->table, &out->error);
  if (out->status != PL_OK) return;
  out->corrected = s.corrected;
  out->strokes = s.done;
  out->finished = s.label;
  pl_label_compare(&out->area, &out->original_area, &out->added, &out->removed, &s.base, &s.original);
  pl_label_state_clear(&s);
}

pl_status pl_labels_status(pl_label_status **out, size_t *count, const char *workspace, pl_error *err) {
  exporter e = {.workspace = workspace};
  pl_buf_init(&e.text, PL_CSV_FILE_MAX);
  char **ids = NULL;
  size_t found = 0;
  pl_status status = pl_label_list(&ids, &found, workspace, err);
  if (status == PL_OK && found > 0) {
    char *path = pl_label_table_path(workspace, PL_LABELS_ORIGINAL);
    status = read_table(&e.text, &e.table, path, err);
    free(path);
  }
  if (status == PL_OK) {
    pl_label_status *all = pl_xcalloc(found + 1, sizeof *all);
    for (size_t i = 0; i < found; i++) {
      all[i].id = pl_xstrdup(ids[i]);
      read_status(&all[i], &e);
    }
    *out = all;
    *count = found;
  }
  pl_fs_free_names(ids, found);
  clear(&e);
  return status;
}

void pl_label_statuses_free(pl_label_status *statuses, size_t count) {
  for (size_t i = 0; i < count; i++) free(statuses[i].id);
  free(statuses);
}
