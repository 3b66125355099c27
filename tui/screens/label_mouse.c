// The Label screen's mouse: left paints, right erases, middle moves the view, the wheel zooms at the pointer.
#include <math.h>

#include "tui/screens/label_private.h"

// The point of the picture's pixels under an event; `frame` is what the lens looks through.
static void window_point(double *x, double *y, const pl_label_screen *self, const pl_lens_frame *frame,
                         const pl_mouse *event) {
  const pl_area area = pl_label_layout_of(self).pictures[0];
  const pl_caps *caps = pl_term_caps(self->app->term);
  // From the terminal's pixels to the picture's, which are half cells where there are blocks.
  const double cell_width = caps->cell_width > 0 ? caps->cell_width : 1;
  const double cell_height = caps->cell_height > 0 ? caps->cell_height : 2;
  *x = (event->pixel_x - area.x * cell_width) * frame->width / (area.cols * cell_width);
  *y = (event->pixel_y - area.y * cell_height) * frame->height / (area.rows * cell_height);
}

static void label_point(int64_t *x, int64_t *y, const pl_label_screen *self, const pl_lens_frame *frame,
                        const pl_mouse *event) {
  double wx = 0, wy = 0, ix = 0, iy = 0, across = 1, down_ = 1;
  window_point(&wx, &wy, self, frame, event);
  pl_lens_to_image(&ix, &iy, &self->lens, frame, wx, wy);
  pl_label_scale(&across, &down_, self);
  *x = (int64_t)floor(ix * across);
  *y = (int64_t)floor(iy * down_);
}

static void paint(pl_label_screen *self, const pl_lens_frame *frame, const pl_mouse *event) {
  int64_t x = 0, y = 0;
  label_point(&x, &y, self, frame, event);
  pl_error err = {0};
  pl_status status = PL_OK;
  if (event->kind == PL_MOUSE_PRESS) {
    const pl_brush brush_now = {.erase = self->brush.erase != (event->button == 3), .radius = self->brush.radius};
    self->by_keys = false;
    status = pl_label_edit_press(self->edit, brush_now, x, y, &err);
  } else {
    status = pl_label_edit_move(self->edit, x, y, &err);
    if (status == PL_OK && event->kind == PL_MOUSE_RELEASE) status = pl_label_edit_lift(self->edit, &err);
  }
  pl_label_move_to(self, x, y);
  pl_label_settle(self, status, &err);
}

static void pan(pl_label_screen *self, const pl_lens_frame *frame, const pl_mouse *event) {
  double x = 0, y = 0, from_x = 0, from_y = 0;
  window_point(&x, &y, self, frame, event);
  window_point(&from_x, &from_y, self, frame, &self->grabbed);
  pl_lens_pan(&self->lens, frame, from_x - x, from_y - y);
  self->grabbed = *event;
  pl_label_redraw(self, false);
}

static void zoom_at(pl_label_screen *self, const pl_lens_frame *frame, const pl_mouse *event) {
  double x = 0, y = 0;
  window_point(&x, &y, self, frame, event);
  const double factor = event->kind == PL_MOUSE_WHEEL_UP ? PL_LABEL_ZOOM_STEP : 1 / PL_LABEL_ZOOM_STEP;
  pl_lens_set_zoom(&self->lens, frame, pl_lens_zoom(&self->lens, frame) * factor, x, y);
  pl_label_redraw(self, false);
}

void pl_label_mouse(pl_app *app, void *data, const pl_mouse *event) {
  (void)app;
  pl_label_screen *self = data;
  pl_lens_frame frame;
  if (self->edit == NULL || !pl_label_frame_of(&frame, self)) return;
  const pl_area at = {event->y, event->x, 1, 1};
  const bool inside = pl_area_inside(at, pl_label_layout_of(self).pictures[0]);
  const bool wheel = event->kind == PL_MOUSE_WHEEL_UP || event->kind == PL_MOUSE_WHEEL_DOWN;
  if (wheel) {
    if (inside) zoom_at(self, &frame, event);
  } else if (event->kind == PL_MOUSE_PRESS && !inside) {
    return;
  } else if (event->button == 2) {
    if (event->kind == PL_MOUSE_DRAG && self->grabbed.button == 2) pan(self, &frame, event);
    self->grabbed = event->kind == PL_MOUSE_RELEASE ? (pl_mouse){0} : *event;
  } else if (event->kind == PL_MOUSE_PRESS || pl_label_edit_is_down(self->edit)) {
    paint(self, &frame, event);
  }
}
