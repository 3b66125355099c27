// Shared by the Case screen's files.
#pragma once

#include "core/run/previews.h"
#include "tui/case_view.h"
#include "tui/screens/case.h"

// The predictions that there are of the case that is shown.
typedef struct pl_case_predictions {
  char *chosen;  // folder of the run that was named; NULL takes the workbench's
  char *run;     // folder of the one that was looked at last; NULL for none
  pl_previews previews;
  int64_t planned;  // epochs of the run, -1 when unknown
  int64_t *epochs;  // prediction.h
  size_t count, at;
  int64_t wanted;   // the epoch that is shown when `newest` is false, or the one before it
  bool newest;      // the newest epoch, also when there is a newer one
  bool has_pinned;  // an epoch to compare with
  int64_t pinned;
  char problem[PL_ERROR_MESSAGE_MAX];  // why there is none, ""
} pl_case_predictions;

typedef struct pl_case_screen {
  pl_app *app;
  pl_case_view *view;
  uint32_t number;  // of the case whose window is chosen; 0 before the first
  pl_lens lens;
  pl_window window;
  size_t preset;  // which window: the file's, then full, then automatic
  bool by_hand;   // the window was changed since
  bool invert, contour, mask, ruler, side, split, blink, blinked;
  bool believe;   // the spacing, though it is doubtful
  bool identity;  // of this case is shown
  bool warned;    // that this is not for diagnosis
  double opacity;
  pl_case_shows shows;
  double threshold;
  pl_case_predictions predictions;
  pl_mouse grabbed;  // where a drag began or came from; button 0 when there is none
} pl_case_screen;

pl_case_screen *pl_case_self(pl_app *app);
pl_case_layout pl_case_layout_of(const pl_case_screen *self);

// Reads the case that is selected on screen Data, when this screen is shown.
void pl_case_open_selected(pl_case_screen *self);

// case_label.c: the finished correction of a case's label, whichever labels are shown; NULL without one or a case.
const pl_correction *pl_case_correction(const pl_case_screen *self, const pl_case *c);
// A line about it.
void pl_case_draw_correction(const pl_case_screen *self, const pl_canvas *canvas, pl_area row, const pl_case *c);

// Window presets: how many a file has, and the words for one.
size_t pl_case_presets(const pl_case_file *file);
pl_window pl_case_preset(const pl_case_file *file, size_t index);
void pl_case_preset_words(char *out, size_t size, const pl_case_file *file, size_t index);

// What there is to draw: what the screen is about, and what it is compared with when it is split or blinks. That is the
// epoch that was pinned, else the truth; for the truth of a corrected case its other label, else the picture without
// it.
typedef enum pl_case_pane { PL_CASE_MAIN, PL_CASE_OTHER } pl_case_pane;
pl_case_drawing pl_case_drawing_of(const pl_case_screen *self, pl_case_pane pane);
// Which of the two is at that place of the split screen: 0 is left.
pl_case_pane pl_case_pane_at(const pl_case_screen *self, int place);
bool pl_case_frame_of(pl_lens_frame *out, const pl_case_screen *self);

// Something about the look changed: draws anew.
void pl_case_redraw(pl_case_screen *self);

void pl_case_mouse(pl_app *app, void *self, const pl_mouse *event);  // case_act.c

// case_predict.c: what is predicted of the case that is shown, looked up anew; true when something changed.
bool pl_case_find_predictions(pl_case_screen *self);
void pl_case_clear_predictions(pl_case_screen *self);
bool pl_case_has_prediction(const pl_case_screen *self);
int64_t pl_case_epoch(const pl_case_screen *self);  // that is shown
// A line about what is shown of a prediction.
void pl_case_draw_prediction(const pl_case_screen *self, const pl_canvas *canvas, pl_area row);

void pl_case_draw_side(const pl_case_screen *self, const pl_canvas *canvas, pl_area area, const pl_case *c);
