// Comma-separated values (RFC 4180 as real files bend it), read by libcsv: byte order mark, CRLF, CR or LF, spaces
// around the fields and a missing last line end are all fine.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buf.h"
#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_CSV_FIELDS_MAX = 64,        // further fields of a row are counted as an error of that row
  PL_CSV_QUOTED_LINES_MAX = 16,  // a quoted field over more lines is a stray quote
  PL_CSV_FILE_MAX = 256 << 20,   // bytes of a file that we are willing to read
};

// One field, not terminated by `length` only: text[length] is 0, but text may hold 0 bytes from a hostile file.
typedef struct pl_csv_field {
  const char *text;
  size_t length;
} pl_csv_field;

// Called for every row that is not empty, with the number of the line where it begins (from 1). `problem` is NULL, or
// says why the row could not be read; `fields` then holds what there is. A failure ends the parse with its status.
typedef pl_status pl_csv_row(void *context, size_t line, const pl_csv_field *fields, size_t count, const char *problem,
                             pl_error *err);

// Parses a whole file in memory. After a stray quote it goes on with the next line, so that one bad row costs one row.
pl_status pl_csv_parse(const char *bytes, size_t length, pl_csv_row *row, void *context, pl_error *err);

// Reads a file of at most PL_CSV_FILE_MAX bytes and parses it; failures name the file.
pl_status pl_csv_parse_file(const char *path, pl_csv_row *row, void *context, pl_error *err);

// The place behind the line that begins at `from`, with its CR, LF or CRLF: how the lines above are counted.
size_t pl_csv_line_end(const char *bytes, size_t length, size_t from);

// The column of that name in a header row, ignoring case, or -1.
int pl_csv_column(const pl_csv_field *fields, size_t count, const char *name);

// Adds one field, quoted only when it must be; the caller adds commas and line ends.
void pl_csv_add_field(pl_buf *out, const char *text);

// NULL when `text` can name a file of a workspace, else the reason why not: an id is 1 to 128 bytes without '/',
// control characters, invalid UTF-8 or direction marks, and neither "." nor "..".
const char *pl_id_problem(const char *text, size_t length);

#ifdef __cplusplus
}
#endif
