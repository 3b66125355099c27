// A question that is answered with y or n.
#pragma once

#include <stdbool.h>

#include "tui/canvas.h"

struct pl_app;

enum { PL_QUESTION_SIZE = 256 };

typedef struct pl_confirm {
  bool open;
  char question[PL_QUESTION_SIZE];
  void (*confirmed)(struct pl_app *app);  // y was pressed
} pl_confirm;

void pl_confirm_ask(struct pl_app *app, const char *question, void (*confirmed)(struct pl_app *app));
void pl_confirm_key(struct pl_app *app, int key);
void pl_confirm_draw(const struct pl_app *app, const pl_canvas *canvas);
