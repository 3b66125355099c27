// Mouse events as terminals report them in the SGR encodings 1006 (cells) and 1016 (pixels). Curses 6.4 does not know
// the second, so the sequences are read here.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tui/layout.h"

typedef enum pl_mouse_kind {
  PL_MOUSE_PRESS,
  PL_MOUSE_DRAG,  // moved while a button is down
  PL_MOUSE_RELEASE,
  PL_MOUSE_WHEEL_UP,
  PL_MOUSE_WHEEL_DOWN,
} pl_mouse_kind;

typedef struct pl_mouse {
  pl_mouse_kind kind;
  int button;  // 1 left, 2 middle, 3 right; 0 of the wheel
  bool shift, alt, control;
  int y, x;                 // cell, from 0
  double pixel_y, pixel_x;  // from the window's corner; the cell's centre where the terminal does not tell pixels
} pl_mouse;

// Reads one whole report, "ESC [ < b ; x ; y M" or "... m". `pixels` says that x and y are pixels, then the cell's size
// must be known. False when it is none, or one that means nothing to us (moves without a button, further buttons).
bool pl_mouse_parse(pl_mouse *out, const char *bytes, size_t length, bool pixels, pl_cell_size cell);
