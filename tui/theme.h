// What the styles look like, with many colours, with 16 or 8, and with none.
#pragma once

#include "tui/canvas.h"

// Names of the themes, NULL behind the last: "dark" (the default), "colour-blind" (blue and orange instead of green and
// red), "16" (never more than the 16 basic colours), "mono".
extern const char *const pl_theme_names[];

// What a theme makes of a style on a terminal with that many colours: a pair (-1 is the terminal's own) and attributes.
typedef struct pl_theme_look {
  bool coloured;
  short fg, bg;
  unsigned long attributes;
} pl_theme_look;

// `name` "" or unknown is the default.
pl_theme_look pl_theme(const char *name, pl_style style, int colours);
