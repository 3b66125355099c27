#include "tests/screens/console.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "viewers/out_blocks.h"

enum { TEXT, ESCAPE, CSI, CHARSET };

static void complain(console *c, const char *what, unsigned value) {
  if (c->problem[0] == '\0')
    snprintf(c->problem, sizeof c->problem, "%s (%#x), row %d column %d", what, value, c->y, c->x);
}

// Of those that the workbench and its texts have; the kernel's table has more.
static bool in_font(uint32_t glyph) {
  static const uint32_t glyphs[] = {0xb2,   0xb5,   0xb7,   0xd7,   0xf7,   0x2500, 0x2502, 0x250c, 0x2510,
                                    0x2514, 0x2518, 0x2580, 0x2584, 0x2588, 0x258c, 0x2590, 0x2591, 0x2592,
                                    0x2593, 0x25a0, 0x25b2, 0x25bc, 0x2191, 0x2193, 0x2190, 0x2192};
  if (glyph < 0x7f) return true;
  for (size_t i = 0; i < sizeof glyphs / sizeof glyphs[0]; i++) {
    if (glyphs[i] == glyph) return true;
  }
  return false;
}

static void put(console *c, uint32_t glyph) {
  if (!in_font(glyph)) complain(c, "a glyph that the font lacks", glyph);
  if (c->x == CONSOLE_COLUMNS) {  // it wraps with the next character
    c->x = 0;
    c->y++;
  }
  if (c->y >= CONSOLE_ROWS) {
    complain(c, "the screen scrolls", (unsigned)c->y);
    c->y = CONSOLE_ROWS - 1;
  }
  c->cells[c->y][c->x++] = glyph == ' ' ? 0 : glyph;
}

static void clear(console *c, int row, int from, int to) {
  for (int x = from; x < to; x++) c->cells[row][x] = 0;
}

static int at_most(unsigned value, int most) { return value > (unsigned)most ? most : (int)value; }

static void place(console *c, unsigned y, unsigned x) {
  c->y = at_most(y > 0 ? y - 1 : 0, CONSOLE_ROWS - 1);
  c->x = at_most(x > 0 ? x - 1 : 0, CONSOLE_COLUMNS - 1);
}

static void erase_screen(console *c, unsigned part) {
  if (part == 0) clear(c, c->y, c->x, CONSOLE_COLUMNS);
  if (part == 1) clear(c, c->y, 0, c->x + 1);
  const int first = part == 0 ? c->y + 1 : 0, end = part == 1 ? c->y : CONSOLE_ROWS;
  for (int y = first; y < end; y++) clear(c, y, 0, CONSOLE_COLUMNS);
}

static void shift(console *c, int by) {
  uint32_t *row = c->cells[c->y];
  const int from = c->x, count = CONSOLE_COLUMNS - from, step = by > 0 ? by : -by,
            moved = count > step ? count - step : 0;
  memmove(row + from + (by > 0 ? step : 0), row + from + (by > 0 ? 0 : step), (size_t)moved * sizeof *row);
  if (by > 0) clear(c, c->y, from, CONSOLE_COLUMNS - moved);
  if (by < 0) clear(c, c->y, from + moved, CONSOLE_COLUMNS);
}

static void scroll(console *c, int by) {
  const int rows = CONSOLE_ROWS - c->y, step = by > 0 ? by : -by, moved = rows > step ? rows - step : 0;
  memmove(c->cells[c->y + (by > 0 ? step : 0)], c->cells[c->y + (by > 0 ? 0 : step)],
          (size_t)moved * sizeof c->cells[0]);
  const int first = by > 0 ? c->y : c->y + moved;
  for (int y = first; y < first + rows - moved; y++) clear(c, y, 0, CONSOLE_COLUMNS);
}

static void finish(console *c, char final) {
  const unsigned first = c->parameters[0], some = first > 0 ? first : 1;
  c->state = TEXT;
  if (c->begun == '?') {
    if (strchr("hlcmn", final) == NULL) complain(c, "CSI ? with an end that it does not know", (unsigned char) final);
    return;
  }
  switch (final) {
    case 'A': c->y -= at_most(some, c->y); break;
    case 'B':
    case 'e': c->y += at_most(some, CONSOLE_ROWS - 1 - c->y); break;
    case 'C':
    case 'a': c->x += at_most(some, CONSOLE_COLUMNS - 1 - c->x); break;
    case 'D': c->x -= at_most(some, c->x); break;
    case 'G':
    case '`': place(c, (unsigned)c->y + 1, first); break;
    case 'd': place(c, first, (unsigned)c->x + 1); break;
    case 'H':
    case 'f': place(c, first, c->parameters[1]); break;
    case 'J': erase_screen(c, first); break;
    case 'K': clear(c, c->y, first == 0 ? c->x : 0, first == 1 ? c->x + 1 : CONSOLE_COLUMNS); break;
    case 'X': clear(c, c->y, c->x, c->x + at_most(some, CONSOLE_COLUMNS - c->x)); break;
    case '@': shift(c, at_most(some, CONSOLE_COLUMNS)); break;
    case 'P': shift(c, -at_most(some, CONSOLE_COLUMNS)); break;
    case 'L': scroll(c, at_most(some, CONSOLE_ROWS)); break;
    case 'M': scroll(c, -at_most(some, CONSOLE_ROWS)); break;
    case 'r': place(c, 1, 1); break;
    case 'c':
    case 'g':
    case 'h':
    case 'l':
    case 'm':
    case 'n':
    case 'q': break;
    default: complain(c, "CSI with an end that it does not know", (unsigned char) final);
  }
}

static void feed_csi(console *c, char byte) {
  if (byte == '?' && c->count == 0 && c->begun == '\0') {
    c->begun = '?';
  } else if (byte >= '0' && byte <= '9') {
    c->parameters[c->count] = 10 * c->parameters[c->count] % 100000 + (unsigned)(byte - '0');
  } else if (byte == ';') {
    if (++c->count == CONSOLE_PARAMETERS) complain(c, "too many parameters", CONSOLE_PARAMETERS);
    c->count %= CONSOLE_PARAMETERS;
  } else {
    finish(c, byte);
  }
}

static void feed_escape(console *c, char byte) {
  c->state = TEXT;
  switch (byte) {
    case '[':
      c->state = CSI;
      c->begun = '\0';
      c->count = 0;
      memset(c->parameters, 0, sizeof c->parameters);
      break;
    case '(':
    case ')':
    case '%': c->state = CHARSET; break;
    case '7':
      c->saved_y = c->y;
      c->saved_x = c->x;
      break;
    case '8':
      c->y = c->saved_y;
      c->x = c->saved_x;
      break;
    case 'M': complain(c, "the screen scrolls back", 'M'); break;
    case '=':
    case '>':
    case '\\': break;  // the last is unknown, and shown as nothing
    default: complain(c, "ESC with a byte that it does not know", (unsigned char)byte);
  }
}

static void feed_text(console *c, unsigned char byte) {
  if (byte >= 0xc0) {
    c->left = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
    c->character = byte & (0x3fu >> c->left);
  } else if (byte >= 0x80) {
    if (c->left == 0) complain(c, "a byte that continues nothing", byte);
    c->character = c->character << 6 | (byte & 0x3fu);
    if (c->left > 0 && --c->left == 0) put(c, c->character);
  } else {
    put(c, byte);
  }
}

void console_feed(console *c, const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    switch (bytes[i]) {
      case '\0':
      case '\a':
      case '\x0e':
      case '\x0f': continue;
      case '\b':
        if (c->x > 0) c->x--;
        continue;
      case '\r': c->x = 0; continue;
      case '\n':
        if (c->y < CONSOLE_ROWS - 1) c->y++;
        continue;
      case '\x1b': c->state = ESCAPE; continue;
      default: break;
    }
    if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f) complain(c, "a control character", (unsigned char)bytes[i]);
    switch (c->state) {
      case ESCAPE: feed_escape(c, bytes[i]); break;
      case CSI: feed_csi(c, bytes[i]); break;
      case CHARSET: c->state = TEXT; break;
      default: feed_text(c, (unsigned char)bytes[i]);
    }
  }
}

void console_row(char out[4 * CONSOLE_COLUMNS + 1], const console *c, int row) {
  size_t used = 0, end = 0;
  for (int x = 0; x < CONSOLE_COLUMNS; x++) {
    const uint32_t glyph = c->cells[row][x];
    used += pl_utf8_put(out + used, glyph != 0 ? glyph : ' ');
    if (glyph != 0) end = used;
  }
  out[end] = '\0';
}
