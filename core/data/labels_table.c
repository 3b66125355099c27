// corrected-rle.csv: train-rle.csv with some cases' rows replaced.
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/data/csvio.h"
#include "core/data/labels_private.h"
#include "core/data/rle.h"

typedef struct rewriter {
  pl_buf *out;
  const pl_buf *text;
  const label_row *rows;
  size_t count;
  bool *written;  // [count]
  bool started;
  size_t id_column, pixels_column, columns;
  int mask_column;  // has_mask, -1 without
  const char *line_end;
  // Where the row before this one begins, and the row that stands for it: NULL for its own bytes.
  size_t at, line;
  char *instead;  // "" for none
} rewriter;

static int by_row_id(const void *key, const void *row) { return strcmp(key, ((const label_row *)row)->id); }

// The place of line `line`, going on from the one that is known.
static size_t seek(rewriter *w, size_t line) {
  const char *bytes = w->text->data;
  const size_t length = w->text->length;
  size_t at = w->at;
  for (; w->line < line && at < length; w->line++) at = pl_csv_line_end(bytes, length, at);
  return at;
}

// Ends the row before the one that begins at `to`.
static void flush(rewriter *w, size_t to) {
  if (w->instead == NULL) {
    (void)pl_buf_add(w->out, w->text->data + w->at, to - w->at);
  } else {
    (void)pl_buf_add_text(w->out, w->instead);
  }
  free(w->instead);
  w->instead = NULL;
  w->at = to;
}

static const char *field_of(const rewriter *w, const pl_csv_field *fields, size_t count, const label_row *row,
                            size_t i) {
  if (i == w->pixels_column) return row->runs;
  if (i == w->id_column) return row->id;
  if ((int)i == w->mask_column) return pl_rle_is_negative(row->runs) ? "0" : "1";
  return i < count ? fields[i].text : "";
}

// The row of fields with the case's runs. Without fields those of other columns are empty.
static char *new_row(const rewriter *w, const pl_csv_field *fields, size_t count, const label_row *row) {
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  const size_t columns = count > w->columns ? count : w->columns;
  for (size_t i = 0; i < columns; i++) {
    if (i > 0) (void)pl_buf_add_text(&text, ",");
    pl_csv_add_field(&text, field_of(w, fields, count, row, i));
  }
  (void)pl_buf_add_text(&text, w->line_end);
  char *out = pl_xstrdup(text.data);
  pl_buf_clear(&text);
  return out;
}

static pl_status start(rewriter *w, size_t line, const pl_csv_field *fields, size_t count, bool *is_header,
                       pl_error *err) {
  w->started = true;
  const int id = pl_csv_column(fields, count, "ImageId"), pixels = pl_csv_column(fields, count, "EncodedPixels");
  *is_header = id >= 0;
  if (id >= 0 && pixels < 0) return pl_fail(err, PL_E_FORMAT, "line %zu: the header names no EncodedPixels", line);
  w->id_column = id >= 0 ? (size_t)id : 0;
  w->pixels_column = id >= 0 ? (size_t)pixels : 1;
  w->mask_column = id >= 0 ? pl_csv_column(fields, count, "has_mask") : -1;
  w->columns = count > 2 ? count : 2;
  return PL_OK;
}

static pl_status on_row(void *context, size_t line, const pl_csv_field *fields, size_t count, const char *problem,
                        pl_error *err) {
  rewriter *w = context;
  flush(w, seek(w, line));
  if (!w->started) {
    bool is_header = false;
    pl_status status = start(w, line, fields, count, &is_header, err);
    if (status != PL_OK || is_header) return status;
  }
  if (problem != NULL || count <= w->id_column || w->count == 0) return PL_OK;
  const label_row *row = bsearch(fields[w->id_column].text, w->rows, w->count, sizeof *w->rows, by_row_id);
  if (row == NULL) return PL_OK;
  bool *written = &w->written[row - w->rows];
  w->instead = *written ? pl_xstrdup("") : new_row(w, fields, count, row);
  *written = true;
  return PL_OK;
}

pl_status pl_label_rewrite_table(pl_buf *out, const pl_buf *text, const label_row *rows, size_t count, pl_error *err) {
  const char *newline = text->length > 0 ? memchr(text->data, '\n', text->length) : NULL;
  rewriter w = {.out = out,
                .text = text,
                .rows = rows,
                .count = count,
                .written = pl_xcalloc(count + 1, sizeof(bool)),
                .line = 1,
                .line_end = newline != NULL && newline > text->data && newline[-1] == '\r' ? "\r\n" : "\n"};
  pl_status status = pl_csv_parse(text->data, text->length, on_row, &w, err);
  if (status == PL_OK) flush(&w, text->length);
  free(w.instead);
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    if (w.written[i]) continue;
    const char last = out->length > 0 ? out->data[out->length - 1] : '\n';
    if (last != '\n' && last != '\r') (void)pl_buf_add_text(out, w.line_end);
    char *row = new_row(&w, NULL, 0, &rows[i]);
    (void)pl_buf_add_text(out, row);
    free(row);
  }
  free(w.written);
  if (status == PL_OK && out->failed) {
    status = pl_fail(err, PL_E_LIMIT, "the corrected table would be larger than %zu bytes", out->max);
  }
  return status;
}

// ---- Checking

static bool is_replaced(const label_row *rows, size_t count, const char *id) {
  return count > 0 && bsearch(id, rows, count, sizeof *rows, by_row_id) != NULL;
}

static size_t next_kept(const pl_rle_table *t, size_t at, const label_row *rows, size_t count) {
  while (at < t->count && is_replaced(rows, count, t->rows[at].id)) at++;
  return at;
}

static bool same_text(const char *a, const char *b) { return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0; }

pl_status pl_label_check_table(const pl_rle_table *written, const pl_rle_table *original, const label_row *rows,
                               size_t count, pl_error *err) {
  size_t a = next_kept(written, 0, rows, count), b = next_kept(original, 0, rows, count);
  while (a < written->count && b < original->count) {
    const pl_rle_row *x = &written->rows[a], *y = &original->rows[b];
    if (strcmp(x->id, y->id) != 0 || strcmp(x->pixels, y->pixels) != 0 || !same_text(x->further, y->further)) {
      return pl_fail(err, PL_E_INTERNAL,
                     "the corrected table was not written as it should be: line %zu is not line %zu "
                     "of the original",
                     x->line, y->line);
    }
    a = next_kept(written, a + 1, rows, count);
    b = next_kept(original, b + 1, rows, count);
  }
  if (a < written->count || b < original->count || written->problem_count > original->problem_count) {
    return pl_fail(err, PL_E_INTERNAL, "the corrected table was not written as it should be: it has not all rows");
  }
  for (size_t i = 0; i < count; i++) {
    const pl_rle_image *image = pl_rle_table_find(written, rows[i].id);
    if (image == NULL || image->count != 1 ||
        strcmp(written->rows[written->order[image->first]].pixels, rows[i].runs) != 0)
      return pl_fail(err, PL_E_INTERNAL, "the corrected table was not written as it should be: the row of %s",
                     rows[i].id);
  }
  return PL_OK;
}
