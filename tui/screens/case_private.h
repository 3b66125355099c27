// Shared by the Case screen's files.
#pragma once

#include "tui/case_view.h"
#include "tui/screens/case.h"

typedef struct pl_case_screen {
  pl_app *app;
  pl_case_view *view;
  uint32_t number;  // of the case whose window is chosen; 0 before the first
  pl_lens lens;
  pl_window window;
  size_t preset;  // which window: the file's, then full, then automatic
  bool by_hand;   // the window was changed since
  bool invert, contour, mask, ruler, side, split, blink, blinked;
  double opacity;
  pl_mouse grabbed;  // where a drag began or came from; button 0 when there is none
} pl_case_screen;

pl_case_screen *pl_case_self(pl_app *app);
pl_case_layout pl_case_layout_of(const pl_case_screen *self);

// Window presets: how many a file has, and the words for one.
size_t pl_case_presets(const pl_case_file *file);
pl_window pl_case_preset(const pl_case_file *file, size_t index);
void pl_case_preset_words(char *out, size_t size, const pl_case_file *file, size_t index);

// How a pane is drawn now: 0 the first, 1 the second.
pl_case_drawing pl_case_drawing_of(const pl_case_screen *self, int pane);
bool pl_case_frame_of(pl_lens_frame *out, const pl_case_screen *self);

// Something about the look changed: draws anew.
void pl_case_redraw(pl_case_screen *self);

void pl_case_mouse(pl_app *app, void *self, const pl_mouse *event);  // case_act.c
void pl_case_draw_side(const pl_case_screen *self, const pl_canvas *canvas, pl_area area, const pl_case *c);
