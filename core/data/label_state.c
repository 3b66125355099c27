// What follows from a journal of corrections.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/csvio.h"
#include "core/data/labels_private.h"
#include "core/data/rle.h"

// ---- The original

static void add_row_hash(pl_sha256 *hash, const char *runs) {
  pl_sha256_add(hash, runs, strlen(runs));
  pl_sha256_add(hash, "\n", 1);
}

pl_status pl_label_original(pl_image *out, char rows_sha256[PL_SHA256_HEX_SIZE], const pl_rle_table *table,
                            const char *id, uint32_t width, uint32_t height, pl_error *err) {
  if (pl_rle_table_is_damaged(table, id)) {
    return pl_fail(err, PL_E_FORMAT, "a row of %s in train-rle.csv is damaged, so its original label is not known", id);
  }
  pl_image mask = {0};
  pl_status status = pl_image_init(&mask, width, height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status != PL_OK) return status;
  const pl_rle_image *rows = pl_rle_table_find(table, id);
  pl_sha256 hash;
  pl_sha256_init(&hash);
  for (size_t i = 0; rows != NULL && i < rows->count && status == PL_OK; i++) {
    const pl_rle_row *row = &table->rows[table->order[rows->first + i]];
    add_row_hash(&hash, row->pixels);
    status = pl_rle_decode(&mask, row->pixels, err);
    if (status != PL_OK) pl_wrap(err, "train-rle.csv line %zu", row->line);
  }
  pl_sha256_finish(&hash, rows_sha256);
  if (status == PL_OK) {
    *out = mask;
  } else {
    pl_image_clear(&mask);
  }
  return status;
}

// ---- The state

static pl_status copy_of(pl_image *out, const pl_image *in, pl_error *err) {
  pl_status status = pl_image_init(out, in->width, in->height, in->type, in->meaning, err);
  if (status == PL_OK) memcpy(out->u8, in->u8, pl_image_bytes(in));
  return status;
}

static bool same(const pl_image *a, const pl_image *b) { return memcmp(a->u8, b->u8, pl_image_bytes(a)) == 0; }

static void forget_strokes(label_state *s, size_t from) {
  for (size_t i = from; i < s->count; i++) free(s->strokes[i].points);
  s->count = from;
  if (s->done > from) s->done = from;
}

pl_status pl_label_state_init(label_state *out, pl_image *original, pl_error *err) {
  label_state s = {.original = *original};
  *original = (pl_image){0};
  pl_status status = copy_of(&s.base, &s.original, err);
  if (status == PL_OK) status = copy_of(&s.mask, &s.original, err);
  if (status == PL_OK) {
    *out = s;
  } else {
    pl_label_state_clear(&s);
  }
  return status;
}

void pl_label_state_clear(label_state *s) {
  forget_strokes(s, 0);
  free(s->strokes);
  pl_image_clear(&s->original);
  pl_image_clear(&s->base);
  pl_image_clear(&s->mask);
  *s = (label_state){0};
}

static void draw_stroke(pl_image *mask, const pl_stroke *stroke) {
  const pl_brush_point *p = stroke->points;
  for (size_t i = 0; i < stroke->count; i++) (void)pl_brush_draw(mask, stroke->brush, p[i > 0 ? i - 1 : 0], p[i]);
}

void pl_label_state_redraw(label_state *s) {
  memcpy(s->mask.u8, s->base.u8, pl_image_bytes(&s->base));
  for (size_t i = 0; i < s->done; i++) draw_stroke(&s->mask, &s->strokes[i]);
}

static void add_stroke(label_state *s, pl_stroke *stroke) {
  forget_strokes(s, s->done);
  if (s->count == s->room) {
    s->room = s->room != 0 ? 2 * s->room : 32;
    s->strokes = pl_xrealloc(s->strokes, s->room, sizeof *s->strokes);
  }
  s->strokes[s->count++] = *stroke;
  *stroke = (pl_stroke){0};
  draw_stroke(&s->mask, &s->strokes[s->done++]);
}

void pl_label_compare(uint64_t *area, uint64_t *original_area, uint64_t *added, uint64_t *removed, const pl_image *mask,
                      const pl_image *original) {
  uint64_t now = 0, before = 0, both = 0;
  const size_t pixels = pl_image_bytes(mask);
  for (size_t i = 0; i < pixels; i++) {
    const unsigned a = mask->u8[i] != 0, b = original->u8[i] != 0;
    now += a;
    before += b;
    both += a & b;
  }
  *area = now;
  *original_area = before;
  *added = now - both;
  *removed = before - both;
}

void pl_label_hash_mask(char hex[PL_SHA256_HEX_SIZE], const pl_image *mask) {
  pl_sha256_bytes(hex, mask->u8, pl_image_bytes(mask));
}

// `mask` becomes the label.
static pl_status settle(label_state *s, const pl_label_record *record, pl_error *err) {
  char hex[PL_SHA256_HEX_SIZE];
  pl_label_hash_mask(hex, &s->mask);
  if (strcmp(hex, record->mask_sha256) != 0) {
    return pl_fail(err, PL_E_FORMAT, "the strokes do not give the label that %s finished", record->user);
  }
  memcpy(s->base.u8, s->mask.u8, pl_image_bytes(&s->base));
  forget_strokes(s, 0);
  s->corrected = !same(&s->base, &s->original);
  s->label = s->corrected ? *record : (pl_label_record){0};
  return PL_OK;
}

pl_status pl_label_state_apply(label_state *s, pl_label_record *record, pl_error *err) {
  switch (record->event) {
    case PL_LABEL_OPENED: break;
    case PL_LABEL_STROKE: add_stroke(s, &record->stroke); break;
    case PL_LABEL_UNDO:
      if (s->done == 0) return pl_fail(err, PL_E_FORMAT, "there is nothing to undo");
      s->done--;
      pl_label_state_redraw(s);
      break;
    case PL_LABEL_REDO:
      if (s->done == s->count) return pl_fail(err, PL_E_FORMAT, "there is nothing to redo");
      draw_stroke(&s->mask, &s->strokes[s->done++]);
      break;
    case PL_LABEL_DROPPED:
      forget_strokes(s, 0);
      pl_label_state_redraw(s);
      break;
    case PL_LABEL_FINISHED: return settle(s, record, err);
    case PL_LABEL_REVERTED:
      forget_strokes(s, 0);
      memcpy(s->mask.u8, s->original.u8, pl_image_bytes(&s->mask));
      return settle(s, record, err);
  }
  return PL_OK;
}

pl_status pl_label_state_replay(label_state *s, pl_label_log *log, const char *rows_sha256, pl_error *err) {
  for (size_t i = 0; i < log->count; i++) {
    pl_label_record *r = &log->records[i];
    if (r->event == PL_LABEL_OPENED && (r->width != s->mask.width || r->height != s->mask.height)) {
      return pl_fail(err, PL_E_USAGE, "it was corrected at %ux%u pixels, but the image has %ux%u now", r->width,
                     r->height, s->mask.width, s->mask.height);
    }
    if (r->event == PL_LABEL_OPENED && strcmp(r->rows_sha256, rows_sha256) != 0) {
      return pl_fail(err, PL_E_USAGE,
                     "its rows of train-rle.csv are not those that %s corrected; put that table back, or give the "
                     "correction up with 'pleura labels revert --set-aside'",
                     r->user);
    }
    pl_status status = pl_label_state_apply(s, r, err);
    if (status != PL_OK) return pl_wrap(err, "record %zu of its journal", i + 1);
  }
  return PL_OK;
}

// ---- Journals of a workspace

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

pl_status pl_label_state_read(label_state *out, const char *workspace, const char *id, const pl_rle_table *table,
                              pl_error *err) {
  char *path = pl_label_log_path(workspace, id), rows_sha256[PL_SHA256_HEX_SIZE];
  pl_label_log log = {0};
  pl_image original = {0};
  label_state state = {0};
  pl_status status = pl_label_log_load(&log, path, err);
  if (status == PL_OK && log.count == 0) status = pl_fail(err, PL_E_NOTFOUND, "there is nothing in %s", path);
  if (status == PL_OK) {
    const pl_label_record *first = &log.records[0];
    status = pl_label_original(&original, rows_sha256, table, id, first->width, first->height, err);
  }
  if (status == PL_OK) status = pl_label_state_init(&state, &original, err);
  if (status == PL_OK) status = pl_label_state_replay(&state, &log, rows_sha256, err);
  pl_image_clear(&original);
  pl_label_log_clear(&log);
  free(path);
  if (status == PL_OK) {
    *out = state;
  } else {
    pl_label_state_clear(&state);
  }
  return status;
}

pl_status pl_label_list(char ***ids, size_t *count, const char *workspace, pl_error *err) {
  static const char ending[] = ".jsonl";
  char *folder = pl_path_join(workspace, PL_LABEL_FOLDER), **names = NULL;
  size_t found = 0, kept = 0;
  pl_status status = pl_fs_is_folder(folder) ? pl_fs_list(&names, &found, folder, err) : PL_OK;
  for (size_t i = 0; i < found; i++) {
    char *path = pl_path_join(folder, names[i]);
    const size_t length = strlen(names[i]), stem = length > sizeof ending - 1 ? length - (sizeof ending - 1) : 0;
    struct stat info;
    const bool good = stem > 0 && strcmp(names[i] + stem, ending) == 0 && pl_id_problem(names[i], stem) == NULL &&
                      stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
    free(path);
    if (!good) {
      free(names[i]);
      continue;
    }
    names[i][stem] = '\0';
    names[kept++] = names[i];
  }
  free(folder);
  if (status != PL_OK) return status;
  if (kept > 1) qsort(names, kept, sizeof *names, by_text);
  *ids = names;
  *count = kept;
  return PL_OK;
}
