// One line of text being typed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { PL_LINE_SIZE = 256 };

typedef struct pl_line {
  char text[PL_LINE_SIZE];  // UTF-8
  size_t length, cursor;    // bytes
} pl_line;

void pl_line_set(pl_line *line, const char *text);

// Takes a printable character, or Backspace, Del, Left, Right, Home, End, ^A, ^E, ^U, ^W. False for any other key.
bool pl_line_key(pl_line *line, int key);
