#include "tui/mouse.h"

enum { SHIFT = 4, ALT = 8, CONTROL = 16, MOTION = 32, WHEEL = 64, MORE = 128, NUMBER_MAX = 100000 };

// A number and the character behind it; NULL when there is none.
static const char *read_number(int *out, const char *at, const char *end, char behind) {
  const char *start = at;
  int value = 0;
  for (; at < end && *at >= '0' && *at <= '9' && value < NUMBER_MAX; at++) value = 10 * value + (*at - '0');
  if (at == start || at == end || (behind != '\0' && *at != behind)) return NULL;
  *out = value;
  return at + 1;
}

bool pl_mouse_parse(pl_mouse *out, const char *bytes, size_t length, bool pixels, pl_cell_size cell) {
  const char *end = bytes + length, *at = bytes + 3;
  int code = 0, x = 0, y = 0;
  if (length < 9 || bytes[0] != '\x1b' || bytes[1] != '[' || bytes[2] != '<') return false;
  at = read_number(&code, at, end, ';');
  if (at != NULL) at = read_number(&x, at, end, ';');
  if (at != NULL) at = read_number(&y, at, end, '\0');
  if (at != end || (at[-1] != 'M' && at[-1] != 'm') || (code & MORE) != 0) return false;
  pl_mouse mouse = {.shift = (code & SHIFT) != 0, .alt = (code & ALT) != 0, .control = (code & CONTROL) != 0};
  const int low = code & 3;
  if ((code & WHEEL) != 0) {
    if (low > 1) return false;  // sideways
    mouse.kind = low == 0 ? PL_MOUSE_WHEEL_UP : PL_MOUSE_WHEEL_DOWN;
  } else {
    if (low == 3) return false;  // a move without a button
    mouse.button = low + 1;
    mouse.kind = at[-1] == 'm' ? PL_MOUSE_RELEASE : (code & MOTION) != 0 ? PL_MOUSE_DRAG : PL_MOUSE_PRESS;
  }
  const double width = cell.width > 0 ? cell.width : 1, height = cell.height > 0 ? cell.height : 2;
  // Both count from 1.
  x = x > 0 ? x - 1 : 0;
  y = y > 0 ? y - 1 : 0;
  mouse.pixel_x = pixels ? x : (x + 0.5) * width;
  mouse.pixel_y = pixels ? y : (y + 0.5) * height;
  mouse.x = pixels ? (int)(x / width) : x;
  mouse.y = pixels ? (int)(y / height) : y;
  *out = mouse;
  return true;
}
