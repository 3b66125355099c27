// Counts of cases at all thresholds (core/score/levels.h) as a file beside the maps that they were made from, so that a
// tuner opens at once. Little endian: "pleura levels 1\n", the key in hex, the number of cases, for each of them its
// number, the label's pixels, 101 areas and 101 hits; then the CRC-32 of all that.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/score/levels.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_LEVELS_CASES_MAX = 1000000 };

typedef struct pl_levels_entry {
  uint32_t number;  // of the case
  pl_levels levels;
} pl_levels_entry;

// What the counts depend on: how the maps were made (their recipe, core/score/maps.h) and the table of labels (its
// SHA-256).
void pl_levels_key(char key[PL_SHA256_HEX_SIZE], const char *recipe, const char *labels_sha256);

// Replaces the file atomically. PL_E_LIMIT for more than PL_LEVELS_CASES_MAX cases, and as pl_fs_replace.
pl_status pl_levels_save(const char *path, const char *key, const pl_levels_entry *entries, size_t count,
                         pl_error *err);

// Reads it back; the caller frees *entries. PL_E_NOTFOUND when there is no file or it has another key, PL_E_FORMAT when
// it is damaged or counts what cannot be.
pl_status pl_levels_load(pl_levels_entry **entries, size_t *count, const char *path, const char *key, pl_error *err);

// The same from memory.
pl_status pl_levels_parse(pl_levels_entry **entries, size_t *count, const void *bytes, size_t length, const char *key,
                          pl_error *err);

#ifdef __cplusplus
}
#endif
