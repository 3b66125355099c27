// Keys as numbers and as the words that people, scripts and the command table write.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// A key is a Unicode code point (control keys are 1 to 26, Escape 27), or one of these.
enum {
  PL_KEY_NONE = 0,
  PL_KEY_TAB = 9,
  PL_KEY_ENTER = 13,
  PL_KEY_ESCAPE = 27,
  PL_KEY_UP = 0x110000,
  PL_KEY_DOWN,
  PL_KEY_LEFT,
  PL_KEY_RIGHT,
  PL_KEY_HOME,
  PL_KEY_END,
  PL_KEY_PAGE_UP,
  PL_KEY_PAGE_DOWN,
  PL_KEY_BACKTAB,
  PL_KEY_BACKSPACE,
  PL_KEY_DELETE,
  PL_KEY_F1,  // F1 to F12 follow one another
  PL_KEY_F12 = PL_KEY_F1 + 11,
};

enum { PL_KEY_NAME_SIZE = 16 };

// The key that text[0..length) names: one character, ^A to ^Z, or a word such as Down, PgUp, Enter, Space, F1.
// PL_KEY_NONE when it names none.
int pl_key_parse(const char *text, size_t length);

// Its name, as pl_key_parse reads it.
void pl_key_name(char out[PL_KEY_NAME_SIZE], int key);

// True when `keys`, names separated by spaces, holds `key`.
bool pl_keys_contain(const char *keys, int key);
