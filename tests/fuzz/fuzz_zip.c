// Zip archives: any bytes are opened or refused, and what is read from a member is what its directory entry says.
#include <stdlib.h>
#include <string.h>

#include "core/data/archive.h"
#include "tests/fuzz/fuzz.h"

enum { MEMBER_MAX = 1 << 16, READS_MAX = 64 };

static void require(bool holds) {
  if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  pl_archive *archive = NULL;
  if (pl_archive_open_bytes(&archive, bytes, length, NULL) != PL_OK) return 0;
  size_t count = pl_archive_count(archive);
  for (size_t i = 0; i < count && i < READS_MAX; i++) {
    const pl_archive_member *m = pl_archive_at(archive, i);
    require(i == 0 || strcmp(pl_archive_at(archive, i - 1)->name, m->name) <= 0);
    pl_buf out;
    pl_buf_init(&out, MEMBER_MAX);
    pl_status status = pl_archive_read(&out, archive, m->name, NULL);
    require(status != PL_OK || (m->problem == NULL && out.length == m->size));
    require(m->problem == NULL || strstr(m->name, "..") == NULL || status != PL_OK);
    pl_buf_clear(&out);
  }
  pl_archive_close(archive);
  return 0;
}
