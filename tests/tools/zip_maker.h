// Zip archives for tests, byte by byte, so that they can be as wrong as wanted (APPNOTE.TXT 4.3).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

typedef struct zip_maker_member {
  const char *name;
  size_t name_length;  // 0 for strlen(name)
  const char *bytes;   // stored as they are
  size_t length;       // 0 for strlen(bytes)
  // What the directory says instead of the truth; 0 leaves the truth.
  uint32_t size, crc, method, flags, unix_mode;
  const struct zip_maker_member *at;  // the directory points to the bytes of this earlier member instead
} zip_maker_member;

// Appends an archive of these members.
void zip_maker_add(pl_buf *out, const zip_maker_member *members, size_t count);
