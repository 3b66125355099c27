#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "tui/screens/case_private.h"
#include "tui/screens/data.h"

static const double opacity_default = 0.25, threshold_default = 0.5;

pl_case_screen *pl_case_self(pl_app *app) { return pl_app_self(app, "case"); }

static bool is_active(const pl_case_screen *self) { return pl_screens[self->app->active] == &pl_screen_case; }

// The case whose file was read last, as the workspace has it now; NULL for none.
static const pl_case *shown_case(const pl_case_screen *self) {
  const pl_case_file *file = pl_case_view_file(self->view);
  const pl_manifest *manifest = &self->app->model->manifest;
  for (size_t i = 0; file != NULL && i < manifest->count; i++) {
    if (manifest->cases[i].number == file->number) return &manifest->cases[i];
  }
  return NULL;
}

pl_case_layout pl_case_layout_of(const pl_case_screen *self) {
  const bool corrected = pl_case_correction(self, shown_case(self)) != NULL;
  const int header = self->app->full ? 1 : 2 + (self->shows != PL_CASE_TRUTH) + corrected;
  return pl_layout_case(pl_app_body(self->app), header, self->split ? 2 : 1, self->side);
}

bool pl_case_frame_of(pl_lens_frame *out, const pl_case_screen *self) {
  return pl_case_view_frame(out, self->view, &self->app->format, pl_case_layout_of(self).pictures[0]);
}

// ---- Windows: what the file offers, then those that every file has

size_t pl_case_presets(const pl_case_file *file) { return pl_lut_choices(&file->dicom) + PL_CASE_WINDOWS; }

pl_window pl_case_preset(const pl_case_file *file, size_t index) {
  const size_t own = pl_lut_choices(&file->dicom);
  return index < own ? pl_lut_choice(&file->dicom, index) : file->windows[index - own];
}

void pl_case_preset_words(char *out, size_t size, const pl_case_file *file, size_t index) {
  const size_t own = pl_lut_choices(&file->dicom);
  char name[48] = "";
  if (index < own) {
    const char *text = pl_lut_choice_name(&file->dicom, index);
    pl_safe_text(name, sizeof name, text, strlen(text));
    snprintf(out, size, "%s%sthe file's %zu of %zu", name, name[0] != '\0' ? ", " : "", index + 1, own);
  } else {
    static const char *const names[PL_CASE_WINDOWS] = {"all values", "automatic", "lungs", "bones"};
    snprintf(out, size, "%s", names[index - own]);
  }
}

// ---- Pictures

pl_case_drawing pl_case_drawing_of(const pl_case_screen *self, pl_case_pane pane) {
  const bool predicted = self->shows != PL_CASE_TRUTH, has = pl_case_has_prediction(self);
  pl_case_drawing out = {.lens = self->lens,
                         .window = self->window,
                         .invert = self->invert,
                         .epoch = pl_case_epoch(self),
                         .threshold = self->threshold,
                         .mask_mode = !self->mask     ? PL_MASK_OFF
                                      : self->contour ? PL_MASK_CONTOUR
                                                      : PL_MASK_FILL,
                         .opacity = self->opacity,
                         .ruler = self->ruler,
                         .believe = self->believe,
                         .legend = self->app->format.graphics == PL_GRAPHICS_SIXEL};
  if (pane == PL_CASE_MAIN) {
    if (has) out.shows = self->shows;
    if (predicted && !has) out.mask_mode = PL_MASK_OFF;  // rather nothing than the truth in the prediction's place
  } else if (!predicted && pl_case_view_file(self->view)->has_other) {
    out.other_label = true;
  } else if (!predicted) {
    out.mask_mode = PL_MASK_OFF;
  } else if (self->predictions.has_pinned && has) {
    out.shows = self->shows;
    out.epoch = self->predictions.pinned;
  }
  return out;
}

pl_case_pane pl_case_pane_at(const pl_case_screen *self, int place) {
  // What a prediction is compared with stands left of it.
  const bool swapped = self->split && self->shows != PL_CASE_TRUTH;
  return (place == 0) == swapped ? PL_CASE_OTHER : PL_CASE_MAIN;
}

void pl_case_redraw(pl_case_screen *self) {
  const pl_case_file *file = pl_case_view_file(self->view);
  self->app->dirty = true;
  if (file == NULL || file->status != PL_OK || !is_active(self)) return;
  const pl_case_layout layout = pl_case_layout_of(self);
  const int panes = self->split || self->blink ? 2 : 1;
  for (int i = 0; i < panes; i++) {
    const pl_area area = layout.pictures[self->split ? i : 0];
    const pl_case_pane pane = pl_case_pane_at(self, i);
    const pl_case_drawing how = pl_case_drawing_of(self, pane);
    if (!pl_area_empty(area)) pl_case_view_draw(self->view, (int)pane, &how, &self->app->format, area);
  }
}

// A file was read, or a picture is there.
static void ready(void *context) {
  pl_case_screen *self = context;
  const pl_case_file *file = pl_case_view_file(self->view);
  self->app->dirty = true;
  if (file == NULL || file->status != PL_OK) return;
  if (file->number != self->number) {
    // Another case begins with the whole picture in its own window; what was chosen stays, where it has that too.
    self->number = file->number;
    self->lens = (pl_lens){0};
    if (self->preset >= pl_case_presets(file)) self->preset = 0;
    self->window = pl_case_preset(file, self->preset);
    self->by_hand = false;
    self->identity = false;
    if (self->shows != PL_CASE_TRUTH) pl_case_find_predictions(self);
  }
  pl_case_redraw(self);
}

void pl_case_open_selected(pl_case_screen *self) {
  if (!is_active(self) || self->app->model->manifest.count == 0) return;
  const pl_case *c = pl_data_selected(self->app);
  pl_case_view_open(self->view, &self->app->model->manifest, c, pl_case_correction(self, c) != NULL);
}

// ---- The screen

static void *open_screen(pl_app *app) {
  pl_case_screen *self = pl_xcalloc(1, sizeof *self);
  self->app = app;
  self->mask = self->ruler = true;
  self->opacity = opacity_default;
  self->threshold = threshold_default;
  self->predictions.newest = true;
  self->view = pl_case_view_create(app->jobs, ready, self, &app->next_serial);
  return self;
}

static void close_screen(pl_app *app, void *data) {
  (void)app;
  pl_case_screen *self = data;
  pl_case_clear_predictions(self);
  pl_case_view_destroy(self->view);
  free(self);
}

static void changed(pl_app *app, void *data, unsigned what) {
  pl_case_screen *self = data;
  const bool remarked = (what & PL_CHANGED_NOTES) != 0 && (what & PL_CHANGED_LABELS) == 0;
  if ((what & PL_CHANGED_CASES) != 0 && !remarked) {
    pl_case_view_forget(self->view);
    self->number = 0;
  }
  if ((what & (PL_CHANGED_CASES | PL_CHANGED_LAYOUT)) != 0) pl_case_open_selected(self);
  if (is_active(self) && !self->warned) {
    self->warned = true;
    pl_app_say(app, "Not for diagnosis: a terminal has few greys and no calibrated screen.");
  }
  const bool may_be_newer = (what & (PL_CHANGED_RUNS | PL_CHANGED_TIME | PL_CHANGED_LAYOUT)) != 0;
  const bool is_newer =
      may_be_newer && self->shows != PL_CASE_TRUTH && is_active(self) && pl_case_find_predictions(self);
  if (is_newer || (what & (PL_CHANGED_CASES | PL_CHANGED_LAYOUT)) != 0) pl_case_redraw(self);
  if ((what & PL_CHANGED_TIME) != 0 && self->blink && is_active(self)) {
    self->blinked = !self->blinked;
    self->app->dirty = true;
  }
}

static const char *mask_words(const pl_case_screen *self, const pl_case *c, const pl_case_file *file) {
  if (self->shows != PL_CASE_TRUTH && !pl_case_has_prediction(self)) return "nothing over it";
  if (self->shows != PL_CASE_TRUTH) return !self->mask ? "hidden" : self->contour ? "outlined" : "filled";
  if (c->label != PL_LABEL_POSITIVE || file->mask.data == NULL) return "no mask";
  if (self->blink) return "blinking";
  return !self->mask ? "mask hidden" : self->contour ? "mask outlined" : "mask filled";
}

// What the picture is and how it is shown.
static void draw_state(const pl_case_screen *self, const pl_canvas *canvas, pl_area row, const pl_case *c,
                       const pl_case_file *file) {
  char window[96], zoom[32] = "";
  pl_lens_frame frame;
  if (self->by_hand) {
    snprintf(window, sizeof window, "by hand");
  } else {
    pl_case_preset_words(window, sizeof window, file, self->preset);
  }
  if (pl_case_frame_of(&frame, self)) {
    snprintf(zoom, sizeof zoom, "%.0f %%%s  ", 100 * pl_lens_zoom(&self->lens, &frame),
             self->lens.zoom > 0 ? "" : " (fits)");
  }
  int x = row.x + 1;
  const int right = row.x + row.cols;
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "%s  ",
                        file->is_original ? "original" : "prepared PNG");
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "%" PRIu32 "x%" PRIu32 "  %s",
                        file->dicom.image.width, file->dicom.image.height, zoom);
  if (self->window.table != NULL) {
    x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_LABEL, "table (%s)  ", window);
  } else {
    x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_LABEL, "window %.6g/%.6g (%s)  ", self->window.centre,
                          self->window.width, window);
  }
  pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_DIM, "%s%s", mask_words(self, c, file),
                   self->invert ? ", inverted" : "");
}

static void draw_title(const pl_case_screen *self, const pl_canvas *canvas, pl_area row, const pl_case *c) {
  const pl_case *selected = pl_data_selected(self->app);
  const char *label = c->label == PL_LABEL_POSITIVE   ? "positive"
                      : c->label == PL_LABEL_NEGATIVE ? "negative"
                                                      : "no label";
  int x = row.x + 1;
  const int right = row.x + row.cols;
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_STRONG, "#%" PRIu32 "  ", c->number);
  x += pl_canvas_printf(canvas, row.y, x, right - x, c->label == PL_LABEL_POSITIVE ? PL_STYLE_WARN : PL_STYLE_NORMAL,
                        "%s  ", label);
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "%s  ", pl_part_name(c->part));
  if (c->fold >= 0) x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "fold %d  ", c->fold);
  if (c->label == PL_LABEL_POSITIVE) {
    x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "mask %" PRIu64 " px  ", c->mask_area);
  }
  if (selected != NULL && selected->number != c->number) {
    pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_DIM, "(#%" PRIu32 " is being read)", selected->number);
  }
}

static void draw_pictures(const pl_case_screen *self, const pl_canvas *canvas, const pl_case_layout *layout) {
  const int panes = self->split ? 2 : 1;
  for (int i = 0; i < panes; i++) {
    const pl_area area = layout->pictures[i];
    if (pl_area_empty(area)) continue;
    pl_canvas_vline(canvas, layout->borders[i], PL_STYLE_DIM);
    const bool other = self->blink && self->blinked;
    const int pane = other ? PL_CASE_OTHER : (int)pl_case_pane_at(self, i);
    const pl_case_result *result = pl_case_view_result(self->view, pane);
    const pl_picture *picture = pl_case_view_picture(self->view, pane);
    if (result->status != PL_OK) {
      char safe[PL_ERROR_MESSAGE_MAX];
      pl_safe_text(safe, sizeof safe, result->error.message, strlen(result->error.message));
      pl_canvas_wrapped(canvas, pl_layout_centre(area, 4, area.cols - 4), PL_STYLE_BAD, safe);
    } else if (picture != NULL) {
      pl_imgslots_want(canvas->slots, canvas, area, picture);
    }
  }
}

static void draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body) {
  const pl_case_screen *self = data;
  const pl_case_file *file = pl_case_view_file(self->view);
  const pl_case *c = shown_case(self);
  const pl_case_layout layout = pl_case_layout_of(self);
  const pl_area message = pl_layout_centre(body, 3, body.cols - 4 < 70 ? body.cols - 4 : 70);
  if (app->model->manifest.count == 0) {
    pl_canvas_wrapped(canvas, message, PL_STYLE_NORMAL, "There is no case to show yet. :import FOLDER brings some.");
    return;
  }
  if (c == NULL) {
    const bool none = pl_data_selected(self->app) == NULL;
    pl_canvas_wrapped(canvas, message, PL_STYLE_DIM, none ? "No case fits the Data screen's filter." : "Reading ...");
    return;
  }
  const pl_area first = {layout.header.y, layout.header.x, 1, layout.header.cols};
  // Alone on the screen the picture has one line, and says on it what matters most.
  if (app->full && file->status == PL_OK && self->shows != PL_CASE_TRUTH) {
    pl_case_draw_prediction(self, canvas, first);
  } else {
    draw_title(self, canvas, first, c);
  }
  // There is no status line to say so.
  if (app->full && app->model->manifest.labels == PL_LABELS_CORRECTED) {
    pl_canvas_right(canvas, first.y, first.x, first.cols - 1, PL_STYLE_WARN, "  corrected labels");
  }
  if (file->status != PL_OK) {
    char safe[PL_ERROR_MESSAGE_MAX];
    pl_safe_text(safe, sizeof safe, file->error.message, strlen(file->error.message));
    pl_canvas_wrapped(canvas, message, PL_STYLE_BAD, safe);
    return;
  }
  if (layout.header.rows > 1) {
    draw_state(self, canvas, (pl_area){layout.header.y + 1, layout.header.x, 1, layout.header.cols}, c, file);
  }
  pl_area line = {layout.header.y + 2, layout.header.x, 1, layout.header.cols};
  if (layout.header.rows > 2 && self->shows != PL_CASE_TRUTH) {
    pl_case_draw_prediction(self, canvas, line);
    line.y++;
  }
  if (line.y < layout.header.y + layout.header.rows) pl_case_draw_correction(self, canvas, line, c);
  if (!pl_area_empty(layout.side)) pl_case_draw_side(self, canvas, layout.side, c);
  if (app->format.graphics == PL_GRAPHICS_NONE) {
    pl_canvas_wrapped(canvas, message, PL_STYLE_DIM, "This terminal shows no pictures.");
  } else {
    draw_pictures(self, canvas, &layout);
  }
}

const pl_screen pl_screen_case = {
    .name = "case",
    .title = "Case",
    .digit = "2",
    .open = open_screen,
    .close = close_screen,
    .changed = changed,
    .draw = draw,
    .mouse = pl_case_mouse,
};
