// The Case screen's commands and its mouse.
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/image/spacing.h"
#include "tui/screens/case_private.h"
#include "tui/screens/data.h"

enum { FULL_BELOW = 100 };  // columns

static const double zoom_step = 1.25, pan_share = 0.1, window_share = 0.05, opacity_step = 0.1;

// The screen when a picture is shown; else it says that there is none.
static pl_case_screen *with_file(pl_app *app, const pl_case_file **file, pl_lens_frame *frame) {
  pl_case_screen *self = pl_case_self(app);
  *file = pl_case_view_file(self->view);
  if (*file != NULL && (*file)->status == PL_OK && pl_case_frame_of(frame, self)) return self;
  pl_app_say(app, "no picture is shown");
  return NULL;
}

void pl_case_open(pl_app *app, const char *args) {
  pl_error err = {0};
  if (args[0] != '\0' && pl_data_choose(app, args, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  pl_app_open_screen(app, &pl_screen_case);
}

void pl_case_enter(pl_app *app, const char *args) {
  pl_case_open(app, args);
  // Half blocks in a narrow window show little enough.
  const bool small = app->format.graphics != PL_GRAPHICS_SIXEL && pl_term_caps(app->term)->columns < FULL_BELOW;
  if (pl_screens[app->active] == &pl_screen_case && small) pl_app_fill(app, true);
}

static void step(pl_app *app, long delta) {
  const pl_case *before = pl_data_selected(app);
  pl_data_step(app, delta);
  if (pl_data_selected(app) == before) {
    pl_app_say(app, delta > 0 ? "that was the last case of the Data screen's table" : "that was the first case");
    return;
  }
  pl_case_open_selected(pl_case_self(app));
}

void pl_case_next(pl_app *app, const char *args) { (void)args, step(app, 1); }

void pl_case_previous(pl_app *app, const char *args) { (void)args, step(app, -1); }

// ---- The mask

void pl_case_mask(pl_app *app, const char *args) {
  (void)args;
  pl_case_screen *self = pl_case_self(app);
  self->mask = !self->mask;
  pl_case_redraw(self);
}

void pl_case_contour(pl_app *app, const char *args) {
  (void)args;
  pl_case_screen *self = pl_case_self(app);
  self->contour = !self->contour || !self->mask;
  self->mask = true;
  pl_case_redraw(self);
}

void pl_case_opacity(pl_app *app, const char *args) {
  pl_case_screen *self = pl_case_self(app);
  double percent = 0;
  if (args[0] == '\0') {
    // Round and round, from faint to solid.
    self->opacity = self->opacity > 0.95 ? opacity_step : fmin(1, self->opacity + opacity_step);
  } else if (pl_parse_double(&percent, args, strlen(args)) && percent >= 0 && percent <= 100) {
    self->opacity = percent / 100;
  } else {
    pl_app_say(app, "opacity takes percent from 0 to 100, not '%s'", args);
    app->message_bad = true;
    return;
  }
  self->mask = true;
  self->contour = false;
  pl_app_say(app, "mask at %.0f %%", 100 * self->opacity);
  pl_case_redraw(self);
}

void pl_case_split(pl_app *app, const char *args) {
  (void)args;
  pl_case_screen *self = pl_case_self(app);
  self->split = !self->split;
  self->blink = false;
  pl_case_redraw(self);
}

void pl_case_blink(pl_app *app, const char *args) {
  (void)args;
  pl_case_screen *self = pl_case_self(app);
  self->blink = !self->blink;
  self->blinked = false;
  self->split = false;
  self->mask = true;
  pl_case_redraw(self);
}

// ---- The window

void pl_case_invert(pl_app *app, const char *args) {
  (void)args;
  pl_case_screen *self = pl_case_self(app);
  self->invert = !self->invert;
  pl_case_redraw(self);
}

static void set_window(pl_case_screen *self, double centre, double width) {
  self->window = (pl_window){.function = PL_VOI_LINEAR_EXACT, .centre = centre, .width = fmax(width, 1)};
  self->by_hand = true;
  pl_case_redraw(self);
}

// A table has neither centre nor width: changing begins with all values.
static void begin_window(pl_case_screen *self, const pl_case_file *file) {
  if (self->window.table != NULL) self->window = pl_lut_full_window(&file->dicom);
}

void pl_case_window(pl_app *app, const char *args) {
  const pl_case_file *file;
  pl_lens_frame frame;
  pl_case_screen *self = with_file(app, &file, &frame);
  if (self == NULL) return;
  const char *comma = strchr(args, ',');
  double centre = 0, width = 0;
  if (args[0] == '\0') {
    self->preset = self->by_hand ? self->preset : (self->preset + 1) % pl_case_presets(file);
    self->window = pl_case_preset(file, self->preset);
    self->by_hand = false;
    pl_case_redraw(self);
  } else if (comma != NULL && pl_parse_double(&centre, args, (size_t)(comma - args)) &&
             pl_parse_double(&width, comma + 1, strlen(comma + 1)) && width > 0) {
    set_window(self, centre, width);
  } else {
    pl_app_say(app, "window takes centre and width, as in 128,200, not '%s'", args);
    app->message_bad = true;
  }
}

// By shares of the whole range of values.
static void change_window(pl_app *app, double centre, double width) {
  const pl_case_file *file;
  pl_lens_frame frame;
  pl_case_screen *self = with_file(app, &file, &frame);
  if (self == NULL) return;
  begin_window(self, file);
  const double range = fmax(file->high - file->low, 1);
  set_window(self, self->window.centre + centre * range, self->window.width + width * range);
}

void pl_case_narrower(pl_app *app, const char *args) { (void)args, change_window(app, 0, -window_share); }

void pl_case_wider(pl_app *app, const char *args) { (void)args, change_window(app, 0, window_share); }

// A higher centre makes the picture darker.
void pl_case_darker(pl_app *app, const char *args) { (void)args, change_window(app, window_share, 0); }

void pl_case_brighter(pl_app *app, const char *args) { (void)args, change_window(app, -window_share, 0); }

// ---- Zoom

static void zoom_to(pl_app *app, double zoom, double factor) {
  const pl_case_file *file;
  pl_lens_frame frame;
  pl_case_screen *self = with_file(app, &file, &frame);
  if (self == NULL) return;
  if (factor > 0) zoom = pl_lens_zoom(&self->lens, &frame) * factor;
  pl_lens_set_zoom(&self->lens, &frame, zoom, frame.width / 2, frame.height / 2);
  pl_case_redraw(self);
}

void pl_case_zoom_in(pl_app *app, const char *args) { (void)args, zoom_to(app, 0, zoom_step); }

void pl_case_zoom_out(pl_app *app, const char *args) { (void)args, zoom_to(app, 0, 1 / zoom_step); }

void pl_case_fit(pl_app *app, const char *args) { (void)args, zoom_to(app, 1e-9, 0); }

void pl_case_actual(pl_app *app, const char *args) { (void)args, zoom_to(app, 1, 0); }

void pl_case_zoom_mask(pl_app *app, const char *args) {
  (void)args;
  const pl_case_file *file;
  pl_lens_frame frame;
  pl_case_screen *self = with_file(app, &file, &frame);
  if (self == NULL) return;
  if (file->mask_area.width <= 0) {
    pl_app_say(app, "this case has no mask to zoom to");
    return;
  }
  pl_lens_show(&self->lens, &frame, file->mask_area);
  pl_case_redraw(self);
}

static void pan(pl_app *app, double x, double y) {
  const pl_case_file *file;
  pl_lens_frame frame;
  pl_case_screen *self = with_file(app, &file, &frame);
  if (self == NULL) return;
  pl_lens_pan(&self->lens, &frame, x * pan_share * frame.width, y * pan_share * frame.height);
  pl_case_redraw(self);
}

void pl_case_left(pl_app *app, const char *args) { (void)args, pan(app, -1, 0); }

void pl_case_right(pl_app *app, const char *args) { (void)args, pan(app, 1, 0); }

void pl_case_up(pl_app *app, const char *args) { (void)args, pan(app, 0, -1); }

void pl_case_down(pl_app *app, const char *args) { (void)args, pan(app, 0, 1); }

// ---- The rest

void pl_case_ruler(pl_app *app, const char *args) {
  const pl_case_file *file;
  pl_lens_frame frame;
  pl_case_screen *self = with_file(app, &file, &frame);
  if (self == NULL) return;
  const pl_spacing_trust trust = pl_spacing_judge(&file->dicom);
  const bool believe = strcmp(args, "file") == 0;
  char why[160];
  if (args[0] != '\0' && !believe) {
    pl_app_say(app, "ruler takes 'file', to believe the file's spacing, not '%s'", args);
    app->message_bad = true;
  } else if (trust == PL_SPACING_UNKNOWN) {
    pl_app_say(app, "the size of a pixel is not known of this picture, so there is no ruler");
  } else if (trust == PL_SPACING_DOUBTFUL && !believe && !self->believe) {
    pl_spacing_explain(why, sizeof why, &file->dicom);
    pl_app_say(app, "no ruler: %s. ':ruler file' believes it", why);
  } else {
    self->ruler = believe || !self->ruler;
    self->believe = believe || (self->believe && self->ruler);
    pl_case_redraw(self);
  }
}

void pl_case_header(pl_app *app, const char *args) {
  (void)args;
  pl_case_screen *self = pl_case_self(app);
  self->side = !self->side;
  if (self->side && pl_area_empty(pl_case_layout_of(self).side)) pl_app_say(app, "the window is too narrow for it");
  pl_case_redraw(self);
}

static void identity_confirmed(pl_app *app) {
  pl_case_screen *self = pl_case_self(app);
  self->identity = self->side = true;
  if (pl_area_empty(pl_case_layout_of(self).side)) pl_app_say(app, "the window is too narrow for it");
  pl_case_redraw(self);
}

void pl_case_identity(pl_app *app, const char *args) {
  (void)args;
  const pl_case_file *file;
  pl_lens_frame frame;
  pl_case_screen *self = with_file(app, &file, &frame);
  if (self == NULL) return;
  if (self->identity) {
    self->identity = false;
    pl_case_redraw(self);
  } else if (!file->is_original) {
    pl_app_say(app, "a prepared PNG knows nobody");
  } else {
    pl_confirm_ask(app, "Show name, id and dates of the person, as the file has them, until another case is opened?",
                   identity_confirmed);
  }
}

void pl_case_full(pl_app *app, const char *args) {
  (void)args;
  pl_app_fill(app, !app->full);
}

static void export_entered(pl_app *app, const char *text) {
  const pl_case_file *file;
  pl_lens_frame frame;
  pl_case_screen *self = with_file(app, &file, &frame);
  if (self == NULL || text[0] == '\0') return;
  // At least at the picture's own resolution.
  const double zoom = pl_lens_zoom(&self->lens, &frame), scale = zoom < 1 ? 1 / zoom : 1;
  // As on the screen: both sides when it is split, the one that is seen when it blinks.
  const int count = self->split ? 2 : 1;
  pl_case_drawing panes[PL_CASE_PANES];
  for (int i = 0; i < count; i++) {
    const bool other = self->blink && self->blinked;
    panes[i] = pl_case_drawing_of(self, other ? PL_CASE_OTHER : pl_case_pane_at(self, i));
  }
  pl_error err = {0};
  if (pl_case_view_export(self->view, panes, count, &frame, scale, text, &err) != PL_OK) {
    pl_app_complain(app, &err);
  } else {
    pl_app_say(app, "written to %s%s", text,
               file->dicom.burned_in == PL_DICOM_YES ? "; the file says that text is burned into its pixels" : "");
  }
}

void pl_case_export(pl_app *app, const char *args) {
  const pl_case_file *file = pl_case_view_file(pl_case_self(app)->view);
  if (args[0] != '\0') {
    export_entered(app, args);
    return;
  }
  char name[64];
  snprintf(name, sizeof name, "case-%u.png", file != NULL ? (unsigned)file->number : 0);
  pl_prompt_open(app, "Write PNG: ", pl_complete_files, name, export_entered);
}

// Left button: window, sideways its width, up and down its centre. Right or middle button: pan. Wheel: zoom at the
// pointer.
void pl_case_mouse(pl_app *app, void *data, const pl_mouse *event) {
  pl_case_screen *self = data;
  const pl_case_file *file = pl_case_view_file(self->view);
  const pl_case_layout layout = pl_case_layout_of(self);
  const pl_caps *caps = pl_term_caps(app->term);
  pl_lens_frame frame;
  if (file == NULL || file->status != PL_OK || !pl_case_frame_of(&frame, self)) return;
  const pl_area at = {event->y, event->x, 1, 1};
  const int pane = self->split && pl_area_inside(at, layout.pictures[1]) ? 1 : 0;
  const bool inside = pl_area_inside(at, layout.pictures[pane]);
  if (event->kind == PL_MOUSE_RELEASE || (event->kind == PL_MOUSE_PRESS && !inside)) {
    self->grabbed = (pl_mouse){0};
    return;
  }
  if (event->kind == PL_MOUSE_PRESS) {
    self->grabbed = *event;
    return;
  }
  // From the terminal's pixels to the picture's, which are half cells where there are blocks.
  const double cell_width = caps->cell_width > 0 ? caps->cell_width : 1;
  const double cell_height = caps->cell_height > 0 ? caps->cell_height : 2;
  const double across = frame.width / (layout.pictures[pane].cols * cell_width);
  const double down = frame.height / (layout.pictures[pane].rows * cell_height);
  if (event->kind != PL_MOUSE_DRAG) {
    if (!inside) return;
    const double x = (event->pixel_x - layout.pictures[pane].x * cell_width) * across;
    const double y = (event->pixel_y - layout.pictures[pane].y * cell_height) * down;
    const double factor = event->kind == PL_MOUSE_WHEEL_UP ? zoom_step : 1 / zoom_step;
    pl_lens_set_zoom(&self->lens, &frame, pl_lens_zoom(&self->lens, &frame) * factor, x, y);
    pl_case_redraw(self);
    return;
  }
  if (self->grabbed.button == 0) return;
  const double dx = event->pixel_x - self->grabbed.pixel_x, dy = event->pixel_y - self->grabbed.pixel_y;
  self->grabbed.pixel_x = event->pixel_x;
  self->grabbed.pixel_y = event->pixel_y;
  if (self->grabbed.button == 1 && !event->shift) {
    const double range = fmax(file->high - file->low, 1);
    begin_window(self, file);
    set_window(self, self->window.centre + range * dy * down / frame.height,
               self->window.width + range * dx * across / frame.width);
  } else {
    pl_lens_pan(&self->lens, &frame, -dx * across, -dy * down);
    pl_case_redraw(self);
  }
}
