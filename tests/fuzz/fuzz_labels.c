// Corrected labels. A first byte 'j': a journal, whose lines get their CRC here, is read or refused, and replayed. Any
// other: a table is written with the rows of two cases replaced; with none replaced it is the same bytes, and a table
// without a bad row passes the check that an export makes.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/seal.h"
#include "core/data/labels_private.h"
#include "core/data/rle.h"
#include "tests/fuzz/fuzz.h"

enum { WIDTH = 32, HEIGHT = 24, TEXT_MAX = 1 << 22, ROWS = 2 };

static void require(bool holds) {
  if (!holds) __builtin_trap();
}

// Each line without its closing brace is sealed.
static void seal_lines(pl_buf *out, const char *bytes, size_t length) {
  for (size_t at = 0; at < length;) {
    const char *end = memchr(bytes + at, '\n', length - at);
    const size_t line = end != NULL ? (size_t)(end - bytes) - at : length - at;
    pl_buf one;
    pl_buf_init(&one, TEXT_MAX);
    (void)pl_buf_add(&one, bytes + at, line);
    pl_seal(&one);
    if (!one.failed && one.data != NULL) (void)pl_buf_add(out, one.data, one.length);
    pl_buf_clear(&one);
    at += line + 1;
  }
}

static void replay(const char *bytes, size_t length) {
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  seal_lines(&text, bytes, length);
  pl_label_log log = {0};
  if (text.data != NULL && pl_label_log_parse(&log, text.data, text.length, NULL) == PL_OK) {
    require(log.length == text.length);
    pl_image original = {0};
    label_state state = {0};
    require(pl_image_init(&original, WIDTH, HEIGHT, PL_PIXEL_U8, PL_IMAGE_MASK, NULL) == PL_OK);
    require(pl_label_state_init(&state, &original, NULL) == PL_OK);
    for (size_t i = 0; i < log.count; i++) {
      if (pl_label_state_apply(&state, &log.records[i], NULL) != PL_OK) break;
      require(state.done <= state.count);
      const uint64_t area = pl_mask_area(&state.mask);
      pl_label_state_redraw(&state);
      require(pl_mask_area(&state.mask) == area);
    }
    pl_label_state_clear(&state);
  }
  pl_label_log_clear(&log);
  pl_buf_clear(&text);
}

static void check_written(const pl_buf *text, const label_row *rows, const pl_buf *written) {
  pl_rle_table before = {0}, after = {0};
  if (pl_rle_table_parse(&before, text->data, text->length, true, NULL) == PL_OK) {
    require(pl_rle_table_parse(&after, written->data, written->length, true, NULL) == PL_OK);
    require(pl_label_check_table(&after, &before, rows, ROWS, NULL) == PL_OK);
    pl_rle_table_clear(&after);
  }
  pl_rle_table_clear(&before);
}

static void rewrite(const char *bytes, size_t length) {
  static const label_row rows[ROWS] = {{"a", "1 2"}, {"b", "-1"}};
  pl_buf text, same, written;
  pl_buf_init(&text, TEXT_MAX);
  pl_buf_init(&same, TEXT_MAX);
  pl_buf_init(&written, TEXT_MAX);
  (void)pl_buf_add(&text, bytes, length);
  if (pl_label_rewrite_table(&same, &text, rows, 0, NULL) == PL_OK) {
    require(same.length == length && memcmp(same.data, bytes, length) == 0);
  }
  if (pl_label_rewrite_table(&written, &text, rows, ROWS, NULL) == PL_OK) check_written(&text, rows, &written);
  pl_buf_clear(&written);
  pl_buf_clear(&same);
  pl_buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  if (length < 2 || length > TEXT_MAX / 4) return 0;
  if (bytes[0] == 'j') {
    replay((const char *)bytes + 1, length - 1);
  } else {
    rewrite((const char *)bytes + 1, length - 1);
  }
  return 0;
}
