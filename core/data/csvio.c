#include "core/data/csvio.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum { ID_BYTES_MAX = 128 };

// What libcsv's callbacks fill: they return nothing, so a row is collected here and handed on after each line.
typedef struct reader {
  struct csv_parser parser;
  pl_buf text;                        // the fields of the row, each with a terminator
  size_t offsets[PL_CSV_FIELDS_MAX];  // where each begins in `text`
  size_t lengths[PL_CSV_FIELDS_MAX];
  size_t count;   // fields seen, also those beyond the maximum
  bool complete;  // the row has ended
} reader;

static void on_field(void *field, size_t length, void *context) {
  reader *r = context;
  if (r->count < PL_CSV_FIELDS_MAX) {
    r->offsets[r->count] = r->text.length;
    r->lengths[r->count] = length;
    (void)pl_buf_add(&r->text, field, length);
    (void)pl_buf_add(&r->text, "", 1);
  }
  r->count++;
}

static void on_row(int end, void *context) {
  (void)end;
  ((reader *)context)->complete = true;
}

static void reset_row(reader *r) {
  pl_buf_reset(&r->text);
  r->count = 0;
  r->complete = false;
}

static pl_status deliver(reader *r, size_t line, const char *problem, pl_csv_row *row, void *context, pl_error *err) {
  pl_csv_field fields[PL_CSV_FIELDS_MAX];
  size_t count = r->count < PL_CSV_FIELDS_MAX ? r->count : PL_CSV_FIELDS_MAX;
  for (size_t i = 0; i < count; i++) {
    fields[i] = (pl_csv_field){.text = r->text.data + r->offsets[i], .length = r->lengths[i]};
  }
  if (r->text.failed) return pl_fail(err, PL_E_LIMIT, "line %zu: the row is too long", line);
  if (problem == NULL && r->count > PL_CSV_FIELDS_MAX) problem = "too many fields";
  pl_status status = row(context, line, fields, count, problem, err);
  reset_row(r);
  return status;
}

size_t pl_csv_line_end(const char *bytes, size_t length, size_t from) {
  while (from < length && bytes[from] != '\n' && bytes[from] != '\r') from++;
  if (from < length && bytes[from] == '\r') {
    from++;
    return from < length && bytes[from] == '\n' ? from + 1 : from;
  }
  return from < length ? from + 1 : from;
}

static bool is_blank(const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (strchr(" \t\r\n", bytes[i]) == NULL || bytes[i] == '\0') return false;
  }
  return true;
}

static void parser_start(reader *r) {
  // Without CSV_STRICT a quote inside an unquoted field is just a character. Fails only for a NULL argument.
  (void)csv_init(&r->parser, CSV_APPEND_NULL);
  csv_set_blk_size(&r->parser, 65536);
}

static pl_status feed(reader *r, const char *bytes, size_t length, pl_error *err) {
  if (csv_parse(&r->parser, bytes, length, on_field, on_row, r) != length) {
    return pl_fail(err, PL_E_NOMEM, "%s", csv_strerror(csv_error(&r->parser)));
  }
  return PL_OK;
}

// Reads the row that begins at *at, over several lines while a quoted field is open, and moves *at and *line behind
// it. When the quote is never closed, only the first line is passed, and `complete` stays false.
static pl_status read_row(reader *r, const char *bytes, size_t length, size_t *at, size_t *line, pl_error *err) {
  size_t end = *at, lines = 0, first_end = pl_csv_line_end(bytes, length, *at);
  while (!r->complete && end < length && lines < PL_CSV_QUOTED_LINES_MAX) {
    size_t begin = end;
    end = pl_csv_line_end(bytes, length, begin);
    lines++;
    pl_status status = feed(r, bytes + begin, end - begin, err);
    // The last line may lack its end.
    if (status == PL_OK && end == length && !r->complete) status = feed(r, "\n", 1, err);
    if (status != PL_OK) return status;
  }
  *at = r->complete ? end : first_end;
  *line += r->complete ? lines : 1;
  return PL_OK;
}

pl_status pl_csv_parse(const char *bytes, size_t length, pl_csv_row *row, void *context, pl_error *err) {
  reader r = {0};
  pl_buf_init(&r.text, PL_CSV_FILE_MAX + 2 * PL_CSV_FIELDS_MAX);
  parser_start(&r);
  size_t at = length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0, line = 1;
  pl_status status = PL_OK;
  while (status == PL_OK && at < length) {
    size_t end = pl_csv_line_end(bytes, length, at), first = line;
    if (is_blank(bytes + at, end - at)) {
      at = end;
      line++;
      continue;
    }
    status = read_row(&r, bytes, length, &at, &line, err);
    if (status != PL_OK) break;
    const char *problem = r.complete ? NULL : "a quote is not closed";
    if (problem != NULL) {
      csv_free(&r.parser);
      parser_start(&r);
    }
    status = deliver(&r, first, problem, row, context, err);
  }
  csv_free(&r.parser);
  pl_buf_clear(&r.text);
  return status;
}

pl_status pl_csv_parse_file(const char *path, pl_csv_row *row, void *context, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PL_CSV_FILE_MAX);
  pl_status status = pl_fs_read(&bytes, path, err);
  if (status == PL_OK) {
    status = pl_csv_parse(bytes.data, bytes.length, row, context, err);
    if (status != PL_OK && status != PL_E_CANCELLED) pl_wrap(err, "%s", path);
  }
  pl_buf_clear(&bytes);
  return status;
}

int pl_csv_column(const pl_csv_field *fields, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++) {
    if (fields[i].length == strlen(name) && strncasecmp(fields[i].text, name, fields[i].length) == 0) return (int)i;
  }
  return -1;
}

void pl_csv_add_field(pl_buf *out, const char *text) {
  size_t length = strlen(text);
  bool edges = length > 0 && (strchr(" \t", text[0]) != NULL || strchr(" \t", text[length - 1]) != NULL);
  if (!edges && strpbrk(text, ",\"\r\n") == NULL) {
    (void)pl_buf_add(out, text, length);
    return;
  }
  char *room = pl_buf_reserve(out, 2 * length + 2);
  if (room == NULL) return;
  out->length += csv_write(room, 2 * length + 2, text, length);
  out->data[out->length] = '\0';
}

const char *pl_id_problem(const char *text, size_t length) {
  if (length == 0) return "the id is empty";
  if (length > ID_BYTES_MAX) return "the id is longer than 128 bytes";
  if (memchr(text, '/', length) != NULL || memchr(text, '\\', length) != NULL) return "the id holds a slash";
  if ((length == 1 && text[0] == '.') || (length == 2 && memcmp(text, "..", 2) == 0)) return "the id is not a name";
  char safe[4 * ID_BYTES_MAX + 1];
  size_t n = pl_safe_text(safe, sizeof safe, text, length);
  if (n != length || memcmp(safe, text, length) != 0) return "the id holds control characters or invalid text";
  return NULL;
}
