#include "tui/widgets/line.h"

#include <string.h>

#include "core/base/str.h"
#include "tui/keymap.h"
#include "viewers/out_blocks.h"

enum { CTRL_A = 1, CTRL_E = 5, CTRL_U = 21, CTRL_W = 23 };

void pl_line_set(pl_line *line, const char *text) {
  pl_copy_text(line->text, sizeof line->text, text);
  line->length = line->cursor = strlen(line->text);
}

static bool inside_character(const pl_line *line, size_t at) {
  return at < line->length && ((unsigned char)line->text[at] & 0xc0) == 0x80;
}

static size_t before(const pl_line *line, size_t at) {
  if (at > 0) at--;
  while (at > 0 && inside_character(line, at)) at--;
  return at;
}

static size_t after(const pl_line *line, size_t at) {
  if (at < line->length) at++;
  while (inside_character(line, at)) at++;
  return at;
}

static void cut(pl_line *line, size_t from, size_t to) {
  memmove(line->text + from, line->text + to, line->length - to + 1);
  line->length -= to - from;
  line->cursor = from;
}

static void insert(pl_line *line, int key) {
  char bytes[4];
  const size_t count = pl_utf8_put(bytes, (uint32_t)key);
  if (line->length + count >= sizeof line->text) return;
  memmove(line->text + line->cursor + count, line->text + line->cursor, line->length - line->cursor + 1);
  memcpy(line->text + line->cursor, bytes, count);
  line->length += count;
  line->cursor += count;
}

bool pl_line_key(pl_line *line, int key) {
  size_t word = line->cursor;
  switch (key) {
    case PL_KEY_BACKSPACE: cut(line, before(line, line->cursor), line->cursor); return true;
    case PL_KEY_DELETE: cut(line, line->cursor, after(line, line->cursor)); return true;
    case PL_KEY_LEFT: line->cursor = before(line, line->cursor); return true;
    case PL_KEY_RIGHT: line->cursor = after(line, line->cursor); return true;
    case PL_KEY_HOME:
    case CTRL_A: line->cursor = 0; return true;
    case PL_KEY_END:
    case CTRL_E: line->cursor = line->length; return true;
    case CTRL_U: cut(line, 0, line->cursor); return true;
    case CTRL_W:
      while (word > 0 && line->text[word - 1] == ' ') word--;
      while (word > 0 && line->text[word - 1] != ' ') word--;
      cut(line, word, line->cursor);
      return true;
    default: break;
  }
  // Control characters, C1 ones too, never enter a line.
  if (key < 32 || (key >= 127 && key < 160) || key > 0x10ffff) return false;
  insert(line, key);
  return true;
}
