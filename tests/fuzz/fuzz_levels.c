// The tuner's file: any bytes are read or refused; what is read can be scored, and is the same when written and read
// again.
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/score/levels_file.h"
#include "tests/fuzz/fuzz.h"

enum { KEY_AT = 16, LENGTH_MIN = 88 };

static void require(bool holds) {
  if (!holds) __builtin_trap();
}

static void check(const uint8_t *bytes, size_t length, const char *key) {
  pl_levels_entry *entries = NULL;
  size_t count = 0;
  if (pl_levels_parse(&entries, &count, bytes, length, key, NULL) != PL_OK) return;
  for (size_t i = 0; i < count; i++) {
    for (int top = 0; top < PL_LEVELS; top += 20) {
      const pl_level_triplet t = {.top = top, .bottom = top / 2, .area = entries[i].levels.area[PL_LEVELS / 2]};
      const double dice = pl_levels_dice(&entries[i].levels, 1, &t);
      require(dice >= 0 && dice <= 1);
    }
  }
  free(entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char key[PL_SHA256_HEX_SIZE] = "";
  if (length >= LENGTH_MIN) memcpy(key, bytes + KEY_AT, PL_SHA256_HEX_SIZE - 1);
  if (length < LENGTH_MIN) return 0;
  check(bytes, length, key);
  // The same with its checksum put right, so that the counts behind it are reached.
  uint8_t *copy = malloc(length);
  if (copy == NULL) return 0;
  memcpy(copy, bytes, length);
  const uint32_t crc = pl_crc32(0, copy, length - 4);
  for (size_t i = 0; i < 4; i++) copy[length - 4 + i] = (uint8_t)(crc >> (8 * i));
  check(copy, length, key);
  free(copy);
  return 0;
}
