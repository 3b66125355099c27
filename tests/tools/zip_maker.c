#include "tests/tools/zip_maker.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/mem.h"

enum {
  LOCAL_SIGNATURE = 0x04034b50,
  CENTRAL_SIGNATURE = 0x02014b50,
  END_SIGNATURE = 0x06054b50,
  VERSION_NEEDED = 20,
  MADE_ON_UNIX = 3 << 8 | VERSION_NEEDED,
};

static void add_number(pl_buf *out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) (void)pl_buf_add(out, &(char){(char)(value >> 8 * i)}, 1);
}

static size_t name_length(const zip_maker_member *m) { return m->name_length != 0 ? m->name_length : strlen(m->name); }
static size_t length_of(const zip_maker_member *m) { return m->length != 0 ? m->length : strlen(m->bytes); }

// The fields that local and central headers share: version needed to extra length.
static void add_common(pl_buf *out, const zip_maker_member *m) {
  uint32_t length = (uint32_t)length_of(m);
  add_number(out, VERSION_NEEDED, 2);
  add_number(out, m->flags, 2);
  add_number(out, m->method, 2);
  add_number(out, 0, 4);  // time and date
  add_number(out, m->crc != 0 ? m->crc : pl_crc32(0, m->bytes, length), 4);
  add_number(out, length, 4);
  add_number(out, m->size != 0 ? m->size : length, 4);
  add_number(out, (uint32_t)name_length(m), 2);
  add_number(out, 0, 2);
}

static void add_central(pl_buf *out, const zip_maker_member *m, uint32_t offset) {
  add_number(out, CENTRAL_SIGNATURE, 4);
  add_number(out, MADE_ON_UNIX, 2);
  add_common(out, m);
  add_number(out, 0, 6);  // comment, disk, internal attributes
  add_number(out, m->unix_mode << 16, 4);
  add_number(out, offset, 4);
  (void)pl_buf_add(out, m->name, name_length(m));
}

void zip_maker_add(pl_buf *out, const zip_maker_member *members, size_t count) {
  uint32_t *offsets = pl_xcalloc(count, sizeof *offsets), start = (uint32_t)out->length;
  for (size_t i = 0; i < count; i++) {
    const zip_maker_member *m = &members[i];
    if (m->at != NULL) {
      offsets[i] = offsets[m->at - members];
      continue;
    }
    offsets[i] = (uint32_t)out->length - start;
    add_number(out, LOCAL_SIGNATURE, 4);
    add_common(out, m);
    (void)pl_buf_add(out, m->name, name_length(m));
    (void)pl_buf_add(out, m->bytes, length_of(m));
  }
  uint32_t directory = (uint32_t)out->length - start;
  for (size_t i = 0; i < count; i++) add_central(out, &members[i], offsets[i]);
  add_number(out, END_SIGNATURE, 4);
  uint32_t length = (uint32_t)out->length - start - 4 - directory;
  add_number(out, 0, 4);  // disks
  add_number(out, (uint32_t)count, 2);
  add_number(out, (uint32_t)count, 2);
  add_number(out, length, 4);
  add_number(out, directory, 4);
  add_number(out, 0, 2);
  free(offsets);
}
