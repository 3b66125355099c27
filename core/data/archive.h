// Zip archives, read member by member into memory: nothing is ever unpacked to disk, so no name can lead anywhere.
//
// An archive comes from outside. Its directory is checked as a whole when it is opened, each member before it is read,
// and what is unpacked is bounded by what the directory says and by the caller's buffer.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_ARCHIVE_MEMBERS_MAX = 1 << 20,
  PL_ARCHIVE_RATIO_MAX = 200,        // unpacked to packed bytes, of a member and of the whole ...
  PL_ARCHIVE_RATIO_FREE = 64 << 20,  // ... where more bytes than these are unpacked
  PL_ARCHIVE_NAME_MAX = 1024,        // bytes
};

typedef struct pl_archive pl_archive;

typedef struct pl_archive_member {
  const char *name;     // borrowed from the archive; may hold anything: pl_safe_text it
  uint64_t size;        // unpacked bytes, as the directory says
  bool is_folder;       // nothing but a name
  const char *problem;  // why it is refused, or NULL: a name that leads out of a folder or is there twice, a link,
                        // encrypted, packed in an unusual way, or out of proportion to its packed bytes. Static text
} pl_archive_member;

// True when the file begins as a zip archive does.
bool pl_archive_is(const char *path);

// Opens an archive for reading by one thread at a time. PL_E_FORMAT when it is none, is cut off, or its members lie on
// top of each other; PL_E_LIMIT with too many members or when the whole is out of proportion; PL_E_NOTFOUND, PL_E_IO.
pl_status pl_archive_open(pl_archive **out, const char *path, pl_error *err);

// The same from memory, which must stay as it is until the archive is closed. Messages name no file.
pl_status pl_archive_open_bytes(pl_archive **out, const void *bytes, size_t length, pl_error *err);

void pl_archive_close(pl_archive *archive);  // takes NULL

size_t pl_archive_count(const pl_archive *archive);

// Members in byte order of their names, i from 0 to the count less 1; borrowed.
const pl_archive_member *pl_archive_at(const pl_archive *archive, size_t i);

// Appends a member's bytes. Its length and checksum are those that the directory gives, or it is PL_E_FORMAT. Also
// PL_E_NOTFOUND, PL_E_UNSUPPORTED for a refused one, PL_E_LIMIT beyond the buffer's maximum. Messages name no member.
pl_status pl_archive_read(pl_buf *out, pl_archive *archive, const char *name, pl_error *err);

#ifdef __cplusplus
}
#endif
