#include "core/data/folds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/access.h"
#include "core/data/csvio.h"
#include "core/data/patients.h"
#include "core/data/rle.h"

typedef struct folds_reader {
  pl_folds *out;
  size_t room;
} folds_reader;

static int find_column(const pl_csv_field *fields, size_t count, const char *ours, const char *winners) {
  const int column = pl_csv_column(fields, count, ours);
  return column >= 0 ? column : pl_csv_column(fields, count, winners);
}

static pl_status find_columns(pl_folds_columns *out, const pl_csv_field *fields, size_t count, pl_error *err) {
  const pl_folds_columns columns = {.id = find_column(fields, count, "ImageId", "fname"),
                                    .fold = find_column(fields, count, "kfold", "fold"),
                                    .label = find_column(fields, count, "has_mask", "exist_labels"),
                                    .pixels = pl_csv_column(fields, count, "EncodedPixels")};
  if (columns.id < 0 || columns.fold < 0) {
    return pl_fail(err, PL_E_FORMAT, "the header must name ImageId and kfold (or fname and fold)");
  }
  *out = columns;
  return PL_OK;
}

// *id leaves out ".png".
static pl_status read_place(pl_csv_field *id, int *fold, const pl_folds_columns *columns, const pl_csv_field *fields,
                            size_t count, pl_error *err) {
  uint64_t number = 0;
  if (count <= (size_t)columns->id) return pl_fail(err, PL_E_FORMAT, "there is no ImageId");
  if (count <= (size_t)columns->fold ||
      !pl_parse_u64(&number, fields[columns->fold].text, fields[columns->fold].length) ||
      number >= PL_FOLD_NUMBERS_MAX) {
    return pl_fail(err, PL_E_FORMAT, "kfold is not a number from 0 to %d", PL_FOLD_NUMBERS_MAX - 1);
  }
  *id = fields[columns->id];
  id->length = pl_id_length_without_png(id->text, id->length);
  *fold = (int)number;
  return PL_OK;
}

// What the row says about a mask: its label column, else its run lengths.
static pl_status read_label(pl_label *out, const pl_folds_columns *columns, const pl_csv_field *fields, size_t count,
                            pl_error *err) {
  *out = PL_LABEL_UNKNOWN;
  if (columns->label >= 0 && (size_t)columns->label < count && fields[columns->label].length > 0) {
    // As whole numbers, as pandas writes numbers that were once missing, or as it writes truth values.
    static const char *const words[2][3] = {{"0", "0.0", "False"}, {"1", "1.0", "True"}};
    for (int value = 0; value < 2; value++) {
      for (int i = 0; i < 3; i++) {
        if (strcasecmp(fields[columns->label].text, words[value][i]) == 0) *out = (pl_label)value;
      }
    }
    if (*out == PL_LABEL_UNKNOWN) return pl_fail(err, PL_E_FORMAT, "has_mask is neither 0 nor 1");
  } else if (columns->pixels >= 0 && (size_t)columns->pixels < count) {
    *out = pl_rle_is_negative(fields[columns->pixels].text) ? PL_LABEL_NEGATIVE : PL_LABEL_POSITIVE;
  }
  return PL_OK;
}

static pl_status copy_fields(char ***out, const pl_csv_field *fields, size_t count, pl_error *err) {
  for (size_t i = 0; i < count; i++) {
    if (memchr(fields[i].text, '\0', fields[i].length) != NULL) {
      return pl_fail(err, PL_E_FORMAT, "a field holds a 0 byte");
    }
  }
  *out = pl_xcalloc(count > 0 ? count : 1, sizeof **out);
  for (size_t i = 0; i < count; i++) (*out)[i] = pl_xstrdup(fields[i].text);
  return PL_OK;
}

static pl_status read_row(pl_folds_row *out, const pl_folds *folds, const pl_csv_field *fields, size_t count,
                          pl_error *err) {
  pl_csv_field id = {0};
  pl_folds_row row = {.field_count = count};
  pl_status status = read_place(&id, &row.fold, &folds->columns, fields, count, err);
  if (status != PL_OK) return status;
  const char *problem = pl_id_problem(id.text, id.length);
  if (problem != NULL) return pl_fail(err, PL_E_FORMAT, "%s", problem);
  status = read_label(&row.label, &folds->columns, fields, count, err);
  if (status == PL_OK) status = copy_fields(&row.fields, fields, count, err);
  if (status != PL_OK) return status;
  row.id = pl_xstrdup(id.text);
  row.id[id.length] = '\0';
  *out = row;
  return PL_OK;
}

static pl_status on_row(void *context, size_t line, const pl_csv_field *fields, size_t count, const char *problem,
                        pl_error *err) {
  folds_reader *r = context;
  pl_folds *folds = r->out;
  pl_status status = PL_OK;
  if (problem != NULL) return pl_fail(err, PL_E_FORMAT, "line %zu: %s", line, problem);
  if (folds->header == NULL) {
    status = find_columns(&folds->columns, fields, count, err);
    if (status == PL_OK) status = copy_fields(&folds->header, fields, count, err);
    if (status == PL_OK) folds->header_count = count;
  } else {
    if (folds->count == r->room) {
      r->room = r->room != 0 ? 2 * r->room : 1024;
      folds->rows = pl_xrealloc(folds->rows, r->room, sizeof *folds->rows);
    }
    status = read_row(&folds->rows[folds->count], folds, fields, count, err);
    if (status == PL_OK) folds->count++;
  }
  if (status != PL_OK) pl_wrap(err, "line %zu", line);
  return status;
}

typedef struct sort_key {
  const char *id;
  int fold;
  size_t row;
} sort_key;

static int by_id_and_fold(const void *a, const void *b) {
  const sort_key *x = a, *y = b;
  const int order = strcmp(x->id, y->id);
  if (order != 0) return order;
  if (x->fold != y->fold) return x->fold < y->fold ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

static void group_rows(pl_folds *folds) {
  sort_key *keys = pl_xcalloc(folds->count, sizeof *keys);
  for (size_t i = 0; i < folds->count; i++) {
    keys[i] = (sort_key){.id = folds->rows[i].id, .fold = folds->rows[i].fold, .row = i};
  }
  qsort(keys, folds->count, sizeof *keys, by_id_and_fold);
  folds->order = pl_xcalloc(folds->count, sizeof *folds->order);
  folds->images = pl_xcalloc(folds->count, sizeof *folds->images);
  size_t first_row = 0;  // of the image, in the file
  for (size_t i = 0; i < folds->count; i++) {
    const pl_folds_row *row = &folds->rows[keys[i].row];
    folds->order[i] = keys[i].row;
    if (i == 0 || strcmp(keys[i].id, keys[i - 1].id) != 0) {
      folds->images[folds->image_count++] =
          (pl_folds_image){.id = row->id, .first = i, .label = row->label, .fold = row->fold};
      first_row = keys[i].row;
    }
    pl_folds_image *image = &folds->images[folds->image_count - 1];
    image->count++;
    if (row->label > image->label) image->label = row->label;
    image->spread |= row->fold != folds->rows[first_row].fold;
    if (keys[i].row < first_row) {
      first_row = keys[i].row;
      image->fold = row->fold;
    }
    if (row->fold >= folds->fold_count) folds->fold_count = row->fold + 1;
  }
  free(keys);
}

pl_status pl_folds_parse(pl_folds *out, const char *bytes, size_t length, pl_error *err) {
  pl_folds folds = {0};
  folds_reader reader = {.out = &folds};
  pl_status status = pl_csv_parse(bytes, length, on_row, &reader, err);
  if (status == PL_OK && folds.count == 0) status = pl_fail(err, PL_E_FORMAT, "the table has no rows");
  if (status != PL_OK) {
    pl_folds_clear(&folds);
    return status;
  }
  group_rows(&folds);
  *out = folds;
  return PL_OK;
}

pl_status pl_folds_load(pl_folds *out, const char *path, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PL_CSV_FILE_MAX);
  pl_status status = pl_fs_read(&bytes, path, err);
  if (status == PL_OK) {
    status = pl_folds_parse(out, bytes.data != NULL ? bytes.data : "", bytes.length, err);
    if (status != PL_OK) pl_wrap(err, "%s", path);
  }
  pl_buf_clear(&bytes);
  return status;
}

static void free_fields(char **fields, size_t count) {
  for (size_t i = 0; fields != NULL && i < count; i++) free(fields[i]);
  free(fields);
}

void pl_folds_clear(pl_folds *folds) {
  free_fields(folds->header, folds->header_count);
  for (size_t i = 0; i < folds->count; i++) {
    free_fields(folds->rows[i].fields, folds->rows[i].field_count);
    free(folds->rows[i].id);
  }
  free(folds->rows);
  free(folds->images);
  free(folds->order);
  *folds = (pl_folds){0};
}

static int by_key(const void *key, const void *image) { return strcmp(key, ((const pl_folds_image *)image)->id); }

pl_folds_image *pl_folds_find(const pl_folds *folds, const char *id) {
  if (folds->image_count == 0) return NULL;
  return bsearch(id, folds->images, folds->image_count, sizeof *folds->images, by_key);
}

void pl_folds_take_labels(pl_folds *folds, const pl_manifest *manifest) {
  for (size_t i = 0; i < manifest->count; i++) {
    const pl_case *c = &manifest->cases[i];
    pl_folds_image *image = c->label != PL_LABEL_UNKNOWN ? pl_folds_find(folds, c->id) : NULL;
    if (image != NULL) image->label = c->label;
  }
}

bool pl_folds_seen_before(const pl_folds *folds, const pl_folds_image *image, size_t k) {
  const size_t *rows = &folds->order[image->first];
  return k > 0 && folds->rows[rows[k]].fold == folds->rows[rows[k - 1]].fold;
}

void pl_folds_move(pl_folds *folds, pl_folds_image *image, int fold) {
  for (size_t k = 0; k < image->count; k++) {
    pl_folds_row *row = &folds->rows[folds->order[image->first + k]];
    row->fold = fold;
    char **field = &row->fields[folds->columns.fold];
    free(*field);
    *field = pl_xprintf("%d", fold);
  }
  image->fold = fold;
  image->spread = false;
  if (fold >= folds->fold_count) folds->fold_count = fold + 1;
}

static void add_line(pl_buf *out, char **fields, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (i > 0) pl_buf_add_text(out, ",");
    pl_csv_add_field(out, fields[i]);
  }
  pl_buf_add_text(out, "\n");
}

pl_status pl_folds_write(pl_buf *out, const pl_folds *folds, pl_error *err) {
  add_line(out, folds->header, folds->header_count);
  for (size_t i = 0; i < folds->count; i++) add_line(out, folds->rows[i].fields, folds->rows[i].field_count);
  return out->failed ? pl_fail(err, PL_E_LIMIT, "the table of folds would be larger than %zu bytes", out->max) : PL_OK;
}

pl_status pl_folds_replace(const char *path, const pl_folds *folds, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  pl_status status = pl_folds_write(&text, folds, err);
  if (status == PL_OK) status = pl_access_check(path, pl_access_output, err);
  if (status == PL_OK) status = pl_fs_replace(path, text.data, text.length, err);
  pl_buf_clear(&text);
  return status;
}
