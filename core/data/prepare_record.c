// What an import has done, picture by picture, in an append-only file of the workspace: one line a picture, written
// when the picture is in place. An import that was killed is taken up from it, and another import of the same files
// finds out from it what it need not do again. A line counts only with its own checksum, and a picture only with the
// hash that its line gives; so neither a torn line nor a torn picture is ever believed.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/csvio.h"
#include "core/data/prepare_private.h"

enum { RECORD_FIELDS = 17, CRC_DIGITS = 8, LINE_MAX_BYTES = 4096 };

static const char *const header;
static const char *const file_name;

static void clear_record(import_record *r) {
  free(r->recipe);
  free(r->entry.id);
  free(r->entry.patient);
  *r = (import_record){0};
}

void pl_import_records_clear(import_records *records) {
  for (size_t i = 0; i < records->count; i++) clear_record(&records->items[i]);
  free(records->items);
  *records = (import_records){0};
}

// Writing

// A line's fields without checksum and line end.
static void add_fields(pl_buf *out, const import_record *r) {
  const pl_case *c = &r->entry;
  pl_csv_add_field(out, r->recipe);
  pl_buf_add_text(out, ",");
  pl_csv_add_field(out, c->id);
  pl_buf_printf(out, ",%s,%s,%u,%u,%s,%d,%llu,%d,%.1s,", pl_part_name(c->part), c->sha256, c->rows, c->cols,
                pl_case_status_name(c->status), (int)c->label, (unsigned long long)c->mask_area, c->age,
                c->sex != '\0' ? &c->sex : "");
  pl_csv_add_field(out, c->view);
  pl_buf_add_text(out, ",");
  pl_csv_add_field(out, c->patient);
  pl_buf_printf(out, ",%s,%s,%s,%d", r->labels, r->image_hash, r->mask_hash, r->mask_is_empty ? 1 : 0);
}

static void add_line(pl_buf *out, const import_record *r) {
  size_t start = out->length;
  add_fields(out, r);
  uint32_t crc = out->failed ? 0 : pl_crc32(0, out->data + start, out->length - start);
  pl_buf_printf(out, ",%08x\n", crc);
}

pl_status pl_import_record_append(int fd, const import_record *record, pl_error *err) {
  pl_buf line;
  pl_buf_init(&line, LINE_MAX_BYTES);
  add_line(&line, record);
  pl_status status = PL_OK;
  // One write: with O_APPEND the lines of several threads never mix.
  if (line.failed) {
    status = pl_fail(err, PL_E_LIMIT, "the record of %s is too long", record->entry.id);
  } else {
    ssize_t n = write(fd, line.data, line.length);
    if (n < 0) status = pl_fail_errno(err, errno, "cannot write %s", file_name);
    if (n >= 0 && (size_t)n < line.length) status = pl_fail(err, PL_E_NOSPACE, "cannot write %s: disk full", file_name);
  }
  pl_buf_clear(&line);
  return status;
}

pl_status pl_import_records_save(const import_records *records, const char *workspace, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  pl_buf_add_text(&text, header);
  for (size_t i = 0; i < records->count; i++) add_line(&text, &records->items[i]);
  char *path = pl_path_join(workspace, file_name);
  pl_status status = text.failed ? pl_fail(err, PL_E_LIMIT, "%s would be larger than %d bytes", path, PL_CSV_FILE_MAX)
                                 : pl_fs_replace(path, text.data, text.length, err);
  free(path);
  pl_buf_clear(&text);
  return status;
}

pl_status pl_import_records_open(int *fd, const char *workspace, pl_error *err) {
  char *path = pl_path_join(workspace, file_name);
  int opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  pl_status status = opened < 0 ? pl_fail_errno(err, errno, "cannot open %s for writing", path) : PL_OK;
  if (status == PL_OK) *fd = opened;
  free(path);
  return status;
}

// Reading

static bool number(uint64_t *out, pl_csv_field field, uint64_t max) {
  return pl_parse_u64(out, field.text, field.length) && *out <= max;
}

static bool hash(char *out, pl_csv_field field, size_t digits) {
  if (field.length != digits || strspn(field.text, "0123456789abcdef") != digits) return field.length == 0;
  memcpy(out, field.text, digits + 1);
  return true;
}

static bool read_numbers(import_record *r, const pl_csv_field *f) {
  pl_case *c = &r->entry;
  uint64_t rows = 0, cols = 0, area = 0, empty = 0;
  int64_t label = 0, age = 0;
  if (!number(&rows, f[4], UINT32_MAX) || !number(&cols, f[5], UINT32_MAX) || !number(&area, f[8], UINT64_MAX) ||
      !number(&empty, f[16], 1) || !pl_parse_i64(&label, f[7].text, f[7].length) || label < -1 || label > 1 ||
      !pl_parse_i64(&age, f[9].text, f[9].length) || age < -1 || age > 150) {
    return false;
  }
  c->rows = (uint32_t)rows;
  c->cols = (uint32_t)cols;
  c->mask_area = area;
  c->label = (pl_label)label;
  c->age = (int)age;
  r->mask_is_empty = empty != 0;
  return true;
}

static bool read_record(import_record *r, const pl_csv_field *f) {
  pl_case *c = &r->entry;
  if (pl_id_problem(f[1].text, f[1].length) != NULL) return false;
  c->part = strcmp(f[2].text, pl_part_name(PL_PART_TEST)) == 0 ? PL_PART_TEST : PL_PART_TRAIN;
  c->status =
      strcmp(f[6].text, pl_case_status_name(PL_CASE_OK)) == 0 ? PL_CASE_OK : PL_CASE_UNLABELLED;  // bad is not recorded
  c->fold = -1;
  if (!hash(c->sha256, f[3], PL_SHA256_HEX_SIZE - 1) || !hash(r->labels, f[13], PL_SHA256_HEX_SIZE - 1) ||
      !hash(r->image_hash, f[14], PL_SHA256_HEX_SIZE - 1) || !hash(r->mask_hash, f[15], PL_SHA256_HEX_SIZE - 1) ||
      f[10].length > 1 || f[11].length >= sizeof c->view || !read_numbers(r, f)) {
    return false;
  }
  c->sex = f[10].text[0];
  memcpy(c->view, f[11].text, f[11].length + 1);
  r->recipe = pl_xstrdup(f[0].text);
  c->id = pl_xstrdup(f[1].text);
  c->patient = pl_xstrdup(f[12].text);
  return true;
}

static pl_status on_record(void *context, size_t line, const pl_csv_field *fields, size_t count, const char *problem,
                           pl_error *err) {
  (void)err;
  import_records *records = context;
  if (problem != NULL || count != RECORD_FIELDS + 1) return PL_OK;
  import_record r = {.line = line};
  if (!read_record(&r, fields)) return PL_OK;
  if (records->count == records->room) {
    records->room = records->room != 0 ? 2 * records->room : 1024;
    records->items = pl_xrealloc(records->items, records->room, sizeof *records->items);
  }
  records->items[records->count++] = r;
  return PL_OK;
}

// True when the line's last field is the checksum of what stands before it.
static bool is_whole(const char *line, size_t length) {
  if (length < CRC_DIGITS + 2 || line[length - CRC_DIGITS - 1] != ',') return false;
  char expected[CRC_DIGITS + 1];
  pl_buf text;
  pl_buf_init(&text, sizeof expected);
  pl_buf_printf(&text, "%08x", pl_crc32(0, line, length - CRC_DIGITS - 1));
  bool same = text.length == CRC_DIGITS && memcmp(text.data, line + length - CRC_DIGITS, CRC_DIGITS) == 0;
  pl_buf_clear(&text);
  return same;
}

static int by_id_then_line(const void *a, const void *b) {
  const import_record *x = a, *y = b;
  int order = strcmp(x->entry.id, y->entry.id);
  return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

// Sorts by id and keeps the last record of each.
static void keep_last(import_records *records) {
  if (records->count > 1) qsort(records->items, records->count, sizeof *records->items, by_id_then_line);
  size_t kept = 0;
  for (size_t i = 0; i < records->count; i++) {
    bool last = i + 1 == records->count || strcmp(records->items[i].entry.id, records->items[i + 1].entry.id) != 0;
    if (last)
      records->items[kept++] = records->items[i];
    else
      clear_record(&records->items[i]);
  }
  records->count = kept;
}

pl_status pl_import_records_load(import_records *out, const char *workspace, pl_error *err) {
  char *path = pl_path_join(workspace, file_name);
  pl_buf bytes, good;
  pl_buf_init(&bytes, PL_CSV_FILE_MAX);
  pl_buf_init(&good, PL_CSV_FILE_MAX);
  import_records records = {0};
  pl_error why = {0};
  pl_status status = pl_fs_read(&bytes, path, &why);
  for (size_t at = 0; status == PL_OK && at < bytes.length;) {
    const char *line = bytes.data + at, *end = memchr(line, '\n', bytes.length - at);
    size_t length = end != NULL ? (size_t)(end - line) : bytes.length - at;
    if (end != NULL && is_whole(line, length)) pl_buf_add(&good, line, length + 1);
    at += length + 1;
  }
  if (status == PL_OK && good.length > 0) status = pl_csv_parse(good.data, good.length, on_record, &records, &why);
  if (status == PL_E_NOTFOUND || status == PL_E_LIMIT) status = PL_OK;  // then everything is done again
  free(path);
  pl_buf_clear(&bytes);
  pl_buf_clear(&good);
  if (status != PL_OK) {
    pl_import_records_clear(&records);
    if (err != NULL) *err = why;
    return status;
  }
  keep_last(&records);
  *out = records;
  return PL_OK;
}

static int by_record_id(const void *key, const void *record) {
  return strcmp(key, ((const import_record *)record)->entry.id);
}

const import_record *pl_import_records_find(const import_records *records, const char *id) {
  if (records->count == 0) return NULL;
  return bsearch(id, records->items, records->count, sizeof *records->items, by_record_id);
}

pl_status pl_import_pictures_hash(char out[PL_SHA256_HEX_SIZE], const char *workspace, pl_error *err) {
  import_records records = {0};
  const pl_status status = pl_import_records_load(&records, workspace, err);
  if (status != PL_OK) return status;
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  for (size_t i = 0; i < records.count; i++) {
    pl_buf_printf(&text, "%s %s\n", records.items[i].entry.id, records.items[i].image_hash);
  }
  out[0] = '\0';
  if (text.length > 0) pl_sha256_bytes(out, text.data, text.length);
  pl_buf_clear(&text);
  pl_import_records_clear(&records);
  return PL_OK;
}

static const char *const header =
    "recipe,ImageId,part,sha256,rows,cols,status,label,mask_area,age,sex,view,patient,labels,image,mask,mask_is_empty,"
    "crc32\n";
static const char *const file_name = ".prepared.csv";
