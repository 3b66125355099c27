// The help overlay: every command of this screen with its keys, filtered by typing.
#pragma once

#include <stdbool.h>

#include "tui/canvas.h"
#include "tui/widgets/line.h"

struct pl_app;

typedef struct pl_help {
  bool open;
  int top;
  pl_line filter;
} pl_help;

void pl_help_open(struct pl_app *app);
void pl_help_key(struct pl_app *app, int key);
void pl_help_draw(const struct pl_app *app, const pl_canvas *canvas);
