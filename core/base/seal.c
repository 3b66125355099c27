#include "core/base/seal.h"

#include <stdint.h>
#include <string.h>

#include "core/base/hash.h"

enum { SEAL_LENGTH = 18 };  // ,"crc":"XXXXXXXX"}

void pl_seal(pl_buf *line) {
  const uint32_t crc = line->failed ? 0 : pl_crc32(0, line->data, line->length);
  (void)pl_buf_printf(line, ",\"crc\":\"%08x\"}\n", (unsigned)crc);
}

bool pl_seal_is_there(const char *line, size_t length) {
  if (length < SEAL_LENGTH) return false;
  const char *seal = line + length - SEAL_LENGTH;
  return memcmp(seal, ",\"crc\":\"", 8) == 0 && memcmp(seal + 16, "\"}", 2) == 0;
}

// The CRC that the digits give; -1 when one is not a hex digit.
static int64_t read_crc(const char *digits) {
  int64_t crc = 0;
  for (int i = 0; i < 8; i++) {
    const char *known = "0123456789abcdef", *at = digits[i] != '\0' ? strchr(known, digits[i]) : NULL;
    if (at == NULL) return -1;
    crc = 16 * crc + (at - known);
  }
  return crc;
}

bool pl_seal_holds(const char *line, size_t length) {
  return pl_seal_is_there(line, length) &&
         read_crc(line + length - SEAL_LENGTH + 8) == (int64_t)pl_crc32(0, line, length - SEAL_LENGTH);
}
