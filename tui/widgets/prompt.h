// The line at the bottom in which commands, searches and filters are typed.
#pragma once

#include <stdbool.h>

#include "tui/canvas.h"
#include "tui/complete.h"
#include "tui/widgets/line.h"

struct pl_app;

typedef struct pl_prompt {
  bool open;
  char label[24];  // what stands before the text: ":", "/" ...
  pl_line line;
  void (*entered)(struct pl_app *app, const char *text);  // Enter was pressed
  pl_completer *complete;                                 // of the last word; NULL for none
  pl_candidates candidates;                               // what that word could become
  size_t word;    // where it begins, in the text that had been typed when completion began
  size_t chosen;  // which candidate stands there, plus 1; 0 while not completing
} pl_prompt;

void pl_prompt_open(struct pl_app *app, const char *label, pl_completer *complete, const char *text,
                    void (*entered)(struct pl_app *app, const char *text));
void pl_prompt_close(struct pl_app *app);
void pl_prompt_key(struct pl_app *app, int key);
void pl_prompt_draw(const struct pl_app *app, const pl_canvas *canvas, pl_area area);
