#include "core/data/table.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/csvio.h"
#include "core/data/rle.h"
#include "core/image/image.h"

enum { FOLDS_MAX = 1000 };

typedef struct table_reader {
  pl_rle_table *out;
  size_t row_room, damaged_room;
  int id_column, pixels_column, fold_column;  // -1 when missing
  bool is_further[PL_CSV_FIELDS_MAX];         // columns that are not ours
  size_t columns;
  bool started;  // the first row was seen
  bool strict;
} table_reader;

// The fields of the further columns; those that a short row lacks are empty.
static char *further_text(const table_reader *r, const pl_csv_field *fields, size_t count, bool is_header) {
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  for (size_t i = 0; i < r->columns; i++) {
    if (!r->is_further[i]) continue;
    pl_buf_add_text(&text, ",");
    if (!is_header && i < count) pl_csv_add_field(&text, fields[i].text);
    if (is_header && fields != NULL) pl_csv_add_field(&text, fields[i].text);
    if (is_header && fields == NULL) pl_buf_printf(&text, "column %zu", i + 1);
  }
  char *copy = text.length > 0 ? pl_xstrdup(text.data) : NULL;
  pl_buf_clear(&text);
  return copy;
}

static void find_further(table_reader *r, const pl_csv_field *names, size_t count) {
  r->columns = count;
  int mask_column = names != NULL ? pl_csv_column(names, count, "has_mask") : -1;
  for (size_t i = 0; i < count; i++) {
    int column = (int)i;
    r->is_further[i] =
        column != r->id_column && column != r->pixels_column && column != r->fold_column && column != mask_column;
  }
  r->out->further = further_text(r, names, count, true);
}

static pl_status start(table_reader *r, const pl_csv_field *fields, size_t count, bool *is_header, pl_error *err) {
  r->started = true;
  r->id_column = pl_csv_column(fields, count, "ImageId");
  *is_header = r->id_column >= 0;
  if (!*is_header) {
    r->id_column = 0;
    r->pixels_column = 1;
    r->fold_column = -1;
    find_further(r, NULL, count);
    return PL_OK;
  }
  r->pixels_column = pl_csv_column(fields, count, "EncodedPixels");
  r->fold_column = pl_csv_column(fields, count, "kfold");
  if (r->pixels_column < 0) return pl_fail(err, PL_E_FORMAT, "the header names ImageId, but no EncodedPixels");
  find_further(r, fields, count);
  return PL_OK;
}

static pl_status check_row(const table_reader *r, const pl_csv_field *fields, size_t count, const char *problem,
                           uint64_t *fold, pl_error *err) {
  if (problem != NULL) return pl_fail(err, PL_E_FORMAT, "%s", problem);
  if (count <= (size_t)r->id_column) return pl_fail(err, PL_E_FORMAT, "there is no ImageId");
  pl_csv_field id = fields[r->id_column];
  const char *id_problem = pl_id_problem(id.text, id.length);
  if (id_problem != NULL) return pl_fail(err, PL_E_FORMAT, "%s", id_problem);
  if (count <= (size_t)r->pixels_column) return pl_fail(err, PL_E_FORMAT, "there is no EncodedPixels field");
  pl_csv_field pixels = fields[r->pixels_column];
  if (strlen(pixels.text) != pixels.length) return pl_fail(err, PL_E_FORMAT, "the mask holds a 0 byte");
  for (size_t i = r->columns; i < count; i++) {
    if (fields[i].length == 0) continue;
    return pl_fail(err, PL_E_FORMAT, "it has %zu fields, but the table %zu columns", count, r->columns);
  }
  if (r->fold_column >= 0 &&
      (count <= (size_t)r->fold_column ||
       !pl_parse_u64(fold, fields[r->fold_column].text, fields[r->fold_column].length) || *fold >= FOLDS_MAX)) {
    return pl_fail(err, PL_E_FORMAT, "kfold is not a number from 0 to %d", FOLDS_MAX - 1);
  }
  return pl_rle_check(pixels.text, (uint64_t)PL_IMAGE_SIDE_MAX * PL_IMAGE_SIDE_MAX, err);
}

static void note_problem(table_reader *r, size_t line, pl_csv_field id, const pl_error *why) {
  pl_rle_table *t = r->out;
  if (t->problem_count < PL_TABLE_PROBLEMS_MAX) {
    pl_row_problem *p = &t->problems[t->problem_count];
    p->line = line;
    (void)pl_safe_text(p->id, sizeof p->id, id.text, id.length);
    (void)pl_copy_text(p->message, sizeof p->message, why->message);
  }
  t->problem_count++;
  if (pl_id_problem(id.text, id.length) != NULL) return;
  if (t->damaged_count == r->damaged_room) {
    r->damaged_room = r->damaged_room != 0 ? 2 * r->damaged_room : 16;
    t->damaged = pl_xrealloc(t->damaged, r->damaged_room, sizeof *t->damaged);
  }
  t->damaged[t->damaged_count++] = pl_xstrdup(id.text);
}

// Takes `further`.
static void add_row(table_reader *r, size_t line, const char *id, const char *pixels, int fold, char *further) {
  pl_rle_table *t = r->out;
  if (t->count == r->row_room) {
    r->row_room = r->row_room != 0 ? 2 * r->row_room : 1024;
    t->rows = pl_xrealloc(t->rows, r->row_room, sizeof *t->rows);
  }
  t->rows[t->count++] = (pl_rle_row){.id = pl_xstrdup(id),
                                     .pixels = pl_xstrdup(pixels),
                                     .has_mask = !pl_rle_is_negative(pixels),
                                     .fold = fold,
                                     .line = line,
                                     .further = further};
}

static pl_status on_row(void *context, size_t line, const pl_csv_field *fields, size_t count, const char *problem,
                        pl_error *err) {
  table_reader *r = context;
  if (!r->started) {
    bool is_header = false;
    pl_status status = start(r, fields, count, &is_header, err);
    if (status != PL_OK) {
      pl_wrap(err, "line %zu", line);
      return status;
    }
    if (is_header) return PL_OK;
  }
  uint64_t fold = 0;
  pl_error why = {0};
  if (check_row(r, fields, count, problem, &fold, &why) == PL_OK) {
    add_row(r, line, fields[r->id_column].text, fields[r->pixels_column].text, r->fold_column >= 0 ? (int)fold : -1,
            further_text(r, fields, count, false));
    return PL_OK;
  }
  pl_csv_field id = count > (size_t)r->id_column ? fields[r->id_column] : (pl_csv_field){.text = "", .length = 0};
  if (r->strict) {
    return pl_fail(err, PL_E_FORMAT, "line %zu (%.*s): %s", line, (int)(id.length < 80 ? id.length : 80), id.text,
                   why.message);
  }
  note_problem(r, line, id, &why);
  return PL_OK;
}

// Grouping

typedef struct sort_key {
  const char *id;
  size_t row;
} sort_key;

static int by_id_and_row(const void *a, const void *b) {
  const sort_key *x = a, *y = b;
  int order = strcmp(x->id, y->id);
  return order != 0 ? order : (x->row > y->row) - (x->row < y->row);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void group_rows(pl_rle_table *t) {
  sort_key *keys = pl_xcalloc(t->count, sizeof *keys);
  for (size_t i = 0; i < t->count; i++) keys[i] = (sort_key){.id = t->rows[i].id, .row = i};
  qsort(keys, t->count, sizeof *keys, by_id_and_row);
  t->order = pl_xcalloc(t->count, sizeof *t->order);
  t->images = pl_xcalloc(t->count, sizeof *t->images);
  for (size_t i = 0; i < t->count; i++) {
    t->order[i] = keys[i].row;
    if (i == 0 || strcmp(keys[i].id, keys[i - 1].id) != 0) {
      t->images[t->image_count++] = (pl_rle_image){.id = keys[i].id, .first = i};
    }
    pl_rle_image *image = &t->images[t->image_count - 1];
    image->count++;
    image->has_mask |= t->rows[keys[i].row].has_mask;
  }
  free(keys);
  if (t->damaged_count > 1) qsort(t->damaged, t->damaged_count, sizeof *t->damaged, by_text);
}

pl_status pl_rle_table_parse(pl_rle_table *out, const char *bytes, size_t length, bool strict, pl_error *err) {
  pl_rle_table table = {0};
  table_reader reader = {.out = &table, .strict = strict};
  pl_status status = pl_csv_parse(bytes, length, on_row, &reader, err);
  if (status == PL_OK && table.count == 0) {
    if (table.problem_count > 0) {
      status = pl_fail(err, PL_E_FORMAT, "none of its %zu rows is good; line %zu: %s", table.problem_count,
                       table.problems[0].line, table.problems[0].message);
    } else {
      status = pl_fail(err, PL_E_FORMAT, "the table has no rows");
    }
  }
  if (status != PL_OK) {
    pl_rle_table_clear(&table);
    return status;
  }
  group_rows(&table);
  *out = table;
  return PL_OK;
}

pl_status pl_rle_table_load(pl_rle_table *out, const char *path, bool strict, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PL_CSV_FILE_MAX);
  pl_status status = pl_fs_read(&bytes, path, err);
  if (status == PL_OK) {
    status = pl_rle_table_parse(out, bytes.data, bytes.length, strict, err);
    if (status != PL_OK) pl_wrap(err, "%s", path);
  }
  pl_buf_clear(&bytes);
  return status;
}

void pl_rle_table_clear(pl_rle_table *table) {
  for (size_t i = 0; i < table->count; i++) {
    free(table->rows[i].id);
    free(table->rows[i].pixels);
    free(table->rows[i].further);
  }
  for (size_t i = 0; i < table->damaged_count; i++) free(table->damaged[i]);
  free(table->rows);
  free(table->images);
  free(table->order);
  free(table->damaged);
  free(table->further);
  *table = (pl_rle_table){0};
}

static int by_image_id(const void *key, const void *image) { return strcmp(key, ((const pl_rle_image *)image)->id); }

const pl_rle_image *pl_rle_table_find(const pl_rle_table *table, const char *id) {
  if (table->image_count == 0) return NULL;
  return bsearch(id, table->images, table->image_count, sizeof *table->images, by_image_id);
}

bool pl_rle_table_is_damaged(const pl_rle_table *table, const char *id) {
  if (table->damaged_count == 0) return false;
  return bsearch(&id, table->damaged, table->damaged_count, sizeof *table->damaged, by_text) != NULL;
}

pl_status pl_folds_save(const char *path, const pl_rle_table *table, const int *folds, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  pl_buf_printf(&text, "ImageId,EncodedPixels,has_mask,kfold%s\n", table->further != NULL ? table->further : "");
  for (size_t i = 0; i < table->count; i++) {
    const pl_rle_row *row = &table->rows[i];
    pl_csv_add_field(&text, row->id);
    pl_buf_add_text(&text, ",");
    pl_csv_add_field(&text, row->has_mask ? row->pixels : "-1");
    pl_buf_printf(&text, ",%d,%d", row->has_mask ? 1 : 0, folds[i]);
    if (row->further != NULL) pl_buf_add_text(&text, row->further);
    pl_buf_add_text(&text, "\n");
  }
  pl_status status = text.failed ? pl_fail(err, PL_E_LIMIT, "%s would be larger than %d bytes", path, PL_CSV_FILE_MAX)
                                 : pl_fs_replace(path, text.data, text.length, err);
  pl_buf_clear(&text);
  return status;
}
