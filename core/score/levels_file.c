#include "core/score/levels_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"

#define HEAD "pleura levels 1\n"

enum {
  HEAD_LENGTH = sizeof HEAD - 1,
  KEY_LENGTH = PL_SHA256_HEX_SIZE - 1,
  WORD = 4,
  ENTRY_WORDS = 2 + 2 * PL_LEVELS,  // number, label, areas, hits
  COUNT_AT = HEAD_LENGTH + KEY_LENGTH,
  ENTRIES_AT = COUNT_AT + WORD,
};

static const size_t file_max = ENTRIES_AT + (size_t)PL_LEVELS_CASES_MAX * ENTRY_WORDS * WORD + WORD;

void pl_levels_key(char key[PL_SHA256_HEX_SIZE], const char *recipe, const char *labels_sha256) {
  pl_sha256 hash;
  pl_sha256_init(&hash);
  pl_sha256_add(&hash, recipe, strlen(recipe));
  pl_sha256_add(&hash, "\n", 1);
  pl_sha256_add(&hash, labels_sha256, strlen(labels_sha256));
  pl_sha256_finish(&hash, key);
}

static void put_word(pl_buf *out, uint32_t value) {
  const uint8_t bytes[WORD] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
  (void)pl_buf_add(out, bytes, WORD);
}

static uint32_t get_word(const uint8_t *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

pl_status pl_levels_save(const char *path, const char *key, const pl_levels_entry *entries, size_t count,
                         pl_error *err) {
  if (count > PL_LEVELS_CASES_MAX) return pl_fail(err, PL_E_LIMIT, "%zu cases are too many for %s", count, path);
  pl_buf out;
  pl_buf_init(&out, file_max);
  (void)pl_buf_add_text(&out, HEAD);
  (void)pl_buf_add(&out, key, KEY_LENGTH);
  put_word(&out, (uint32_t)count);
  for (size_t i = 0; i < count; i++) {
    put_word(&out, entries[i].number);
    put_word(&out, entries[i].levels.truth);
    for (int k = 0; k < PL_LEVELS; k++) put_word(&out, entries[i].levels.area[k]);
    for (int k = 0; k < PL_LEVELS; k++) put_word(&out, entries[i].levels.hits[k]);
  }
  put_word(&out, pl_crc32(0, out.data, out.length));
  pl_status status = pl_fs_replace(path, out.data, out.length, err);
  pl_buf_clear(&out);
  return status;
}

// Areas and hits fall with the level, and no hit is outside the area or the label.
static bool is_possible(const pl_levels *l) {
  for (int k = 0; k < PL_LEVELS; k++) {
    if (l->hits[k] > l->area[k] || l->hits[k] > l->truth) return false;
    if (k > 0 && (l->area[k] > l->area[k - 1] || l->hits[k] > l->hits[k - 1])) return false;
  }
  return true;
}

static const uint8_t *get_entry(pl_levels_entry *out, const uint8_t *at) {
  out->number = get_word(at);
  out->levels.truth = get_word(at + WORD);
  at += (size_t)2 * WORD;
  for (int k = 0; k < PL_LEVELS; k++, at += WORD) out->levels.area[k] = get_word(at);
  for (int k = 0; k < PL_LEVELS; k++, at += WORD) out->levels.hits[k] = get_word(at);
  return at;
}

pl_status pl_levels_parse(pl_levels_entry **entries, size_t *count, const void *bytes, size_t length, const char *key,
                          pl_error *err) {
  const uint8_t *data = bytes;
  if (length < ENTRIES_AT + WORD || memcmp(data, HEAD, HEAD_LENGTH) != 0) {
    return pl_fail(err, PL_E_FORMAT, "not a table of thresholds of this version");
  }
  if (memcmp(data + HEAD_LENGTH, key, KEY_LENGTH) != 0) {
    return pl_fail(err, PL_E_NOTFOUND, "the table of thresholds is of other maps or labels");
  }
  const size_t cases = get_word(data + COUNT_AT);
  if (cases > PL_LEVELS_CASES_MAX || length != ENTRIES_AT + cases * ENTRY_WORDS * WORD + WORD) {
    return pl_fail(err, PL_E_FORMAT, "the table of thresholds has %zu bytes, not those of its %zu cases", length,
                   cases);
  }
  if (pl_crc32(0, data, length - WORD) != get_word(data + length - WORD)) {
    return pl_fail(err, PL_E_FORMAT, "the table of thresholds is damaged");
  }
  pl_levels_entry *made = pl_try_alloc((cases + 1) * sizeof *made);
  if (made == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for the thresholds of %zu cases", cases);
  const uint8_t *at = data + ENTRIES_AT;
  for (size_t i = 0; i < cases; i++) {
    at = get_entry(&made[i], at);
    if (is_possible(&made[i].levels)) continue;
    free(made);
    return pl_fail(err, PL_E_FORMAT, "the table of thresholds has counts that cannot be, at case %zu", i + 1);
  }
  *entries = made;
  *count = cases;
  return PL_OK;
}

pl_status pl_levels_load(pl_levels_entry **entries, size_t *count, const char *path, const char *key, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, file_max);
  pl_status status = pl_fs_read(&text, path, err);
  if (status == PL_OK && pl_levels_parse(entries, count, text.data, text.length, key, err) != PL_OK) {
    status = pl_wrap(err, "%s", path);
  }
  pl_buf_clear(&text);
  return status;
}
