// Shared by the Label screen's files.
#pragma once

#include "core/data/label_edit.h"
#include "tui/case_view.h"
#include "tui/screens/label.h"

static const double PL_LABEL_ZOOM_STEP = 1.25;

typedef struct pl_label_screen {
  pl_app *app;
  pl_case_view *view;
  pl_label_edit *edit;  // NULL while no case is open, or it is still being read
  uint32_t number;      // of that case; 0 for none
  uint32_t opening;     // of the case that a job reads; 0 for none
  uint64_t version;     // counts the changes of its mask
  pl_label_counts counts;
  bool ready;  // its picture has been read: lens and window are its
  pl_lens lens;
  pl_window window;
  bool invert, contour, hidden;
  pl_brush brush;
  double opacity;
  int64_t x, y;      // the brush, in pixels of the label
  bool by_keys;      // the pen was put down by a key
  pl_mouse grabbed;  // where panning came from; button 0 when there is none
  bool exporting;    // a job writes corrected-rle.csv
} pl_label_screen;

pl_label_screen *pl_label_self(pl_app *app);
pl_case_layout pl_label_layout_of(const pl_label_screen *self);
// The picture, and what the lens looks through; false when nothing can be drawn.
const pl_case_file *pl_label_file(const pl_label_screen *self);
bool pl_label_frame_of(pl_lens_frame *out, const pl_label_screen *self);
// Pixels of the label in one of the picture, across and down.
void pl_label_scale(double *x, double *y, const pl_label_screen *self);

// Draws anew; `changed` when the mask did.
void pl_label_redraw(pl_label_screen *self, bool changed);
// Leaves the case; what was not finished stays in its journal.
void pl_label_leave(pl_label_screen *self);

void pl_label_mouse(pl_app *app, void *self, const pl_mouse *event);  // label_mouse.c

// label_act.c. Complains when something went wrong, and shows the mask as it is now.
void pl_label_settle(pl_label_screen *self, pl_status status, const pl_error *err);
// Puts the brush at a pixel of the label, or at its border.
void pl_label_move_to(pl_label_screen *self, int64_t x, int64_t y);

// label_draw.c
void pl_label_draw(const pl_app *app, const void *self, const pl_canvas *canvas, pl_area body);
