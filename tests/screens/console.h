// What a Linux console makes of a program's output, after drivers/tty/vt/vt.c and cp437.uni of the kernel: old kernels
// print the rest of a sequence that they do not know, and a glyph that the font lacks is a block.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CONSOLE_ROWS = 25, CONSOLE_COLUMNS = 80, CONSOLE_PARAMETERS = 16 };

// Zeroed is ready.
typedef struct console {
  uint32_t cells[CONSOLE_ROWS][CONSOLE_COLUMNS];  // 0 for blank
  int y, x, saved_y, saved_x;
  int state, left;  // bytes of a character still to come
  uint32_t character;
  char begun;  // the sequence's private mark, or the byte behind ESC
  unsigned parameters[CONSOLE_PARAMETERS];
  size_t count;
  char problem[128];  // the first thing that it does not know; "" for none
} console;

void console_feed(console *c, const char *bytes, size_t length);
// A row as UTF-8, without blanks at its end.
void console_row(char out[4 * CONSOLE_COLUMNS + 1], const console *c, int row);
