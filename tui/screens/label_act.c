// The Label screen's commands.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/labels.h"
#include "tui/screens/label_private.h"

static const double window_share = 0.05;

// The screen when a case is open; else it says that there is none.
static pl_label_screen *with_edit(pl_app *app) {
  pl_label_screen *self = pl_label_self(app);
  if (self->edit != NULL) return self;
  pl_app_say(app, self->number != 0 ? "the label is still being read"
                                    : "no label is being corrected; E on screen Case begins");
  return NULL;
}

void pl_label_settle(pl_label_screen *self, pl_status status, const pl_error *err) {
  pl_label_redraw(self, true);
  if (status != PL_OK) pl_app_complain(self->app, err);
}

// ---- The brush

static void set_radius(pl_label_screen *self, int radius) {
  self->brush.radius = radius < 0 ? 0 : radius > PL_BRUSH_RADIUS_MAX ? PL_BRUSH_RADIUS_MAX : radius;
  pl_label_redraw(self, false);
}

// By a quarter, at least by one.
static void change_radius(pl_app *app, int direction) {
  pl_label_screen *self = with_edit(app);
  if (self == NULL) return;
  const int r = self->brush.radius, step = r / 4 > 1 ? r / 4 : 1;
  set_radius(self, r + direction * step);
}

static void smaller(pl_app *app, const char *args) { (void)args, change_radius(app, -1); }

static void larger(pl_app *app, const char *args) { (void)args, change_radius(app, 1); }

static void brush(pl_app *app, const char *args) {
  pl_label_screen *self = with_edit(app);
  uint64_t pixels = 0;
  if (self == NULL) return;
  if (pl_parse_u64(&pixels, args, strlen(args)) && pixels >= 1 && pixels <= 2 * PL_BRUSH_RADIUS_MAX + 1) {
    set_radius(self, (int)(pixels - 1) / 2);
  } else {
    pl_app_say(app, "brush takes its pixels across, 1 to %d, not '%s'", 2 * PL_BRUSH_RADIUS_MAX + 1, args);
    app->message_bad = true;
  }
}

static void eraser(pl_app *app, const char *args) {
  (void)args;
  pl_label_screen *self = with_edit(app);
  if (self == NULL) return;
  self->brush.erase = !self->brush.erase;
  pl_error err = {0};
  pl_status status = PL_OK;
  // A pen that is down goes on as the other one.
  if (self->by_keys) status = pl_label_edit_press(self->edit, self->brush, self->x, self->y, &err);
  pl_label_settle(self, status, &err);
}

// ---- By keys

static void put_pen(pl_app *app, const char *args) {
  (void)args;
  pl_label_screen *self = with_edit(app);
  if (self == NULL) return;
  pl_error err = {0};
  pl_status status = PL_OK;
  self->by_keys = !pl_label_edit_is_down(self->edit);
  if (self->by_keys) {
    status = pl_label_edit_press(self->edit, self->brush, self->x, self->y, &err);
  } else {
    status = pl_label_edit_lift(self->edit, &err);
  }
  pl_label_settle(self, status, &err);
}

// Moves the view when the brush would leave it.
static void follow(pl_label_screen *self) {
  pl_lens_frame frame;
  if (!pl_label_frame_of(&frame, self) || !(self->lens.zoom > 0)) return;
  double across = 1, down = 1;
  pl_label_scale(&across, &down, self);
  const pl_view_area area = pl_lens_area(&self->lens, &frame);
  const double x = ((double)self->x + 0.5) / across, y = ((double)self->y + 0.5) / down, zoom = self->lens.zoom;
  const double dx = x < area.x ? x - area.x : x > area.x + area.width ? x - area.x - area.width : 0;
  const double dy = y < area.y ? y - area.y : y > area.y + area.height ? y - area.y - area.height : 0;
  if (dx != 0 || dy != 0) pl_lens_pan(&self->lens, &frame, dx * zoom, dy * zoom / frame.pixel_aspect);
}

void pl_label_move_to(pl_label_screen *self, int64_t x, int64_t y) {
  const pl_image *mask = pl_label_edit_mask(self->edit);
  self->x = x < 0 ? 0 : x >= mask->width ? (int64_t)mask->width - 1 : x;
  self->y = y < 0 ? 0 : y >= mask->height ? (int64_t)mask->height - 1 : y;
}

// By the brush's radius, or by one pixel.
static void step(pl_app *app, int dx, int dy, bool fine) {
  pl_label_screen *self = with_edit(app);
  if (self == NULL) return;
  const int by = fine || self->brush.radius < 1 ? 1 : self->brush.radius;
  pl_label_move_to(self, self->x + dx * by, self->y + dy * by);
  pl_error err = {0};
  const bool down = pl_label_edit_is_down(self->edit);
  const pl_status status = down ? pl_label_edit_move(self->edit, self->x, self->y, &err) : PL_OK;
  follow(self);
  pl_label_redraw(self, down);
  if (status != PL_OK) pl_app_complain(app, &err);
}

static void left(pl_app *app, const char *args) { (void)args, step(app, -1, 0, false); }

static void right(pl_app *app, const char *args) { (void)args, step(app, 1, 0, false); }

static void up(pl_app *app, const char *args) { (void)args, step(app, 0, -1, false); }

static void down(pl_app *app, const char *args) { (void)args, step(app, 0, 1, false); }

static void fine_left(pl_app *app, const char *args) { (void)args, step(app, -1, 0, true); }

static void fine_right(pl_app *app, const char *args) { (void)args, step(app, 1, 0, true); }

static void fine_up(pl_app *app, const char *args) { (void)args, step(app, 0, -1, true); }

static void fine_down(pl_app *app, const char *args) { (void)args, step(app, 0, 1, true); }

static void go(pl_app *app, const char *args) {
  pl_label_screen *self = with_edit(app);
  int64_t x = 0, y = 0;
  if (self == NULL) return;
  const char *comma = strchr(args, ',');
  if (comma == NULL || !pl_parse_i64(&x, args, (size_t)(comma - args)) ||
      !pl_parse_i64(&y, comma + 1, strlen(comma + 1))) {
    pl_app_say(app, "go takes a pixel of the label, as in 300,410, not '%s'", args);
    app->message_bad = true;
    return;
  }
  pl_label_move_to(self, x, y);
  step(app, 0, 0, true);
}

// ---- Back and forth, and to the end

static void undo(pl_app *app, const char *args) {
  (void)args;
  pl_label_screen *self = with_edit(app);
  if (self == NULL) return;
  pl_error err = {0};
  bool done = false;
  self->by_keys = false;
  const pl_status status = pl_label_edit_undo(self->edit, &done, &err);
  pl_label_settle(self, status, &err);
  if (status == PL_OK && !done) pl_app_say(app, "there is no stroke to undo");
}

static void redo(pl_app *app, const char *args) {
  (void)args;
  pl_label_screen *self = with_edit(app);
  if (self == NULL) return;
  pl_error err = {0};
  bool done = false;
  self->by_keys = false;
  const pl_status status = pl_label_edit_redo(self->edit, &done, &err);
  pl_label_settle(self, status, &err);
  if (status == PL_OK && !done) pl_app_say(app, "there is no stroke to do again");
}

typedef struct export_job {
  char *workspace;
  size_t count;
  pl_status status;
  pl_error error;
} export_job;

static void export_work(void *data) {
  export_job *job = data;
  job->status = pl_labels_export(&job->count, job->workspace, &job->error);
}

static void export_drop(void *data) {
  export_job *job = data;
  free(job->workspace);
  free(job);
}

static void export_done(void *owner, void *data) {
  pl_label_screen *self = owner;
  export_job *job = data;
  self->exporting = false;
  if (job->status != PL_OK) {
    pl_app_complain(self->app, &job->error);
  } else {
    // The other screens show it at once.
    pl_app_tell(self->app, pl_tui_model_update(self->app->model));
    pl_app_say(self->app, "%zu corrected label%s in corrected-rle.csv, for --labels corrected", job->count,
               job->count == 1 ? "" : "s");
  }
  export_drop(job);
}

static void start_export(pl_label_screen *self) {
  export_job *job = pl_xcalloc(1, sizeof *job);
  job->workspace = pl_xstrdup(self->app->model->workspace);
  self->exporting = true;
  pl_jobs_submit(self->app->jobs,
                 &(pl_job){.work = export_work, .done = export_done, .drop = export_drop, .owner = self, .data = job});
}

static void why_entered(pl_app *app, const char *text) {
  pl_label_screen *self = with_edit(app);
  if (self == NULL) return;
  pl_error err = {0};
  self->by_keys = false;
  if (pl_label_edit_finish(self->edit, text, &err) != PL_OK) {
    pl_label_settle(self, err.code, &err);
    return;
  }
  pl_label_leave(self);
  start_export(self);
  pl_app_back(app);
  pl_app_say(app, "finished; corrected-rle.csv is being written ...");
}

static void finish(pl_app *app, const char *args) {
  pl_label_screen *self = with_edit(app);
  if (self == NULL) return;
  if (args[0] != '\0') {
    why_entered(app, args);
  } else if (self->counts.strokes == 0 && !pl_label_edit_is_down(self->edit)) {
    pl_app_say(app, "nothing was drawn; q leaves");
  } else {
    pl_prompt_open(app, "Why: ", NULL, "", why_entered);
  }
}

static void dropped(pl_app *app) {
  pl_label_screen *self = with_edit(app);
  if (self == NULL) return;
  pl_error err = {0};
  if (pl_label_edit_drop(self->edit, &err) != PL_OK) {
    pl_label_settle(self, err.code, &err);
    return;
  }
  pl_label_leave(self);
  pl_app_back(app);
  pl_app_say(app, "the strokes were given up; the label is as it was");
}

static void leave(pl_app *app, const char *args) {
  (void)args;
  pl_label_screen *self = pl_label_self(app);
  pl_error err = {0};
  if (self->edit != NULL && pl_label_edit_lift(self->edit, &err) != PL_OK) {
    pl_label_settle(self, err.code, &err);
    return;
  }
  const size_t strokes = self->edit != NULL ? pl_label_edit_counts(self->edit).strokes : 0;
  pl_label_leave(self);
  pl_app_back(app);
  if (strokes > 0) pl_app_say(app, "%zu strokes are kept, not finished; E goes on with them", strokes);
}

static void drop(pl_app *app, const char *args) {
  pl_label_screen *self = pl_label_self(app);
  if (self->edit == NULL || (self->counts.strokes + self->counts.undone == 0 && !pl_label_edit_is_down(self->edit))) {
    leave(app, args);
    return;
  }
  char question[PL_QUESTION_SIZE];
  snprintf(question, sizeof question,
           "Give up the %zu strokes since the label was last finished? (q leaves and keeps them.)",
           self->counts.strokes + self->counts.undone);
  pl_confirm_ask(app, question, dropped);
}

// ---- The view

static void zoom_to(pl_app *app, double zoom, double factor) {
  pl_label_screen *self = with_edit(app);
  pl_lens_frame frame;
  if (self == NULL || !pl_label_frame_of(&frame, self)) return;
  double across = 1, down_ = 1;
  pl_label_scale(&across, &down_, self);
  if (factor > 0) zoom = pl_lens_zoom(&self->lens, &frame) * factor;
  pl_lens_set_zoom(&self->lens, &frame, zoom, frame.width / 2, frame.height / 2);
  // Larger, the brush stays in view.
  if (factor > 1 || zoom == 1) {
    self->lens.x = ((double)self->x + 0.5) / across;
    self->lens.y = ((double)self->y + 0.5) / down_;
    pl_lens_pan(&self->lens, &frame, 0, 0);
  }
  pl_label_redraw(self, false);
}

static void zoom_in(pl_app *app, const char *args) { (void)args, zoom_to(app, 0, PL_LABEL_ZOOM_STEP); }

static void zoom_out(pl_app *app, const char *args) { (void)args, zoom_to(app, 0, 1 / PL_LABEL_ZOOM_STEP); }

static void fit(pl_app *app, const char *args) { (void)args, zoom_to(app, 1e-9, 0); }

static void actual(pl_app *app, const char *args) { (void)args, zoom_to(app, 1, 0); }

static void mask(pl_app *app, const char *args) {
  (void)args;
  pl_label_screen *self = pl_label_self(app);
  self->hidden = !self->hidden;
  pl_label_redraw(self, false);
}

static void contour(pl_app *app, const char *args) {
  (void)args;
  pl_label_screen *self = pl_label_self(app);
  self->contour = !self->contour || self->hidden;
  self->hidden = false;
  pl_label_redraw(self, false);
}

static void invert(pl_app *app, const char *args) {
  (void)args;
  pl_label_screen *self = pl_label_self(app);
  self->invert = !self->invert;
  pl_label_redraw(self, false);
}

// By shares of the whole range of values.
static void change_window(pl_app *app, double centre, double width) {
  pl_label_screen *self = with_edit(app);
  const pl_case_file *file = self != NULL ? pl_label_file(self) : NULL;
  if (file == NULL) return;
  if (self->window.table != NULL) self->window = pl_lut_full_window(&file->dicom);
  const double range = fmax(file->high - file->low, 1);
  self->window = (pl_window){.function = PL_VOI_LINEAR_EXACT,
                             .centre = self->window.centre + centre * range,
                             .width = fmax(self->window.width + width * range, 1)};
  pl_label_redraw(self, false);
}

static void narrower(pl_app *app, const char *args) { (void)args, change_window(app, 0, -window_share); }

static void wider(pl_app *app, const char *args) { (void)args, change_window(app, 0, window_share); }

static void darker(pl_app *app, const char *args) { (void)args, change_window(app, window_share, 0); }

static void brighter(pl_app *app, const char *args) { (void)args, change_window(app, -window_share, 0); }

// ---- The table

static const pl_cmd cmds[] = {
    {.name = "pen",
     .screen = "label",
     .keys = "Space",
     .hint = "Pen",
     .help = "put the pen down, or lift it",
     .run = put_pen},
    {.name = "brush-smaller",
     .screen = "label",
     .keys = "[",
     .hint = "Brush",
     .help = "a smaller brush",
     .run = smaller},
    {.name = "brush-larger", .screen = "label", .keys = "]", .help = "a larger brush", .run = larger},
    {.name = "brush", .screen = "label", .args = "PX", .help = "a brush of so many pixels across", .run = brush},
    {.name = "eraser",
     .screen = "label",
     .keys = "x",
     .hint = "Eraser",
     .help = "brush or eraser; the mouse's right button is the other one",
     .run = eraser},
    {.name = "undo", .screen = "label", .keys = "u", .hint = "Undo", .help = "take the last stroke back", .run = undo},
    {.name = "redo", .screen = "label", .keys = "^R", .hint = "Redo", .help = "do it again", .run = redo},
    {.name = "finish",
     .screen = "label",
     .keys = "Enter",
     .args = "WHY",
     .hint = "Finish",
     .help = "this is the label now; asks why",
     .shell = "labels",
     .run = finish},
    {.name = "drop",
     .screen = "label",
     .keys = "D",
     .hint = "Drop",
     .help = "give the strokes up that were not finished; asks first",
     .run = drop},
    {.name = "back",
     .screen = "label",
     .keys = "q Esc",
     .help = "leave; strokes that are not finished are kept",
     .run = leave},
    {.name = "left", .screen = "label", .keys = "h Left", .help = "move the brush by its radius", .run = left},
    {.name = "down", .screen = "label", .keys = "j Down", .help = "move the brush by its radius", .run = down},
    {.name = "up", .screen = "label", .keys = "k Up", .help = "move the brush by its radius", .run = up},
    {.name = "right", .screen = "label", .keys = "l Right", .help = "move the brush by its radius", .run = right},
    {.name = "fine-left", .screen = "label", .keys = "H", .help = "move the brush by one pixel", .run = fine_left},
    {.name = "fine-down", .screen = "label", .keys = "J", .help = "move the brush by one pixel", .run = fine_down},
    {.name = "fine-up", .screen = "label", .keys = "K", .help = "move the brush by one pixel", .run = fine_up},
    {.name = "fine-right", .screen = "label", .keys = "L", .help = "move the brush by one pixel", .run = fine_right},
    {.name = "go", .screen = "label", .args = "X,Y", .help = "put the brush at this pixel of the label", .run = go},
    {.name = "zoom-in", .screen = "label", .keys = "+", .hint = "Zoom", .help = "larger", .run = zoom_in},
    {.name = "zoom-out", .screen = "label", .keys = "-", .help = "smaller", .run = zoom_out},
    {.name = "fit", .screen = "label", .keys = "0", .help = "the whole picture", .run = fit},
    {.name = "actual",
     .screen = "label",
     .keys = "=",
     .help = "one pixel of the picture a pixel of the screen",
     .run = actual},
    {.name = "mask", .screen = "label", .keys = "m", .hint = "Mask", .help = "the label on and off", .run = mask},
    {.name = "contour", .screen = "label", .keys = "c", .help = "the label as an outline or filled", .run = contour},
    {.name = "invert", .screen = "label", .keys = "i", .help = "black on white and back", .run = invert},
    {.name = "narrower", .screen = "label", .keys = "<", .help = "a narrower window: more contrast", .run = narrower},
    {.name = "wider", .screen = "label", .keys = ">", .help = "a wider window", .run = wider},
    {.name = "darker", .screen = "label", .keys = "{", .help = "a higher centre: darker", .run = darker},
    {.name = "brighter", .screen = "label", .keys = "}", .help = "a lower centre: brighter", .run = brighter},
};

const pl_cmd_table pl_label_cmds = {cmds, sizeof cmds / sizeof cmds[0]};
