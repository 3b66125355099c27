#include "tui/screens/label.h"

#include <stdlib.h>

#include "core/base/mem.h"
#include "tui/screens/data.h"
#include "tui/screens/label_private.h"

enum { HEADER_ROWS = 2, RADIUS_DEFAULT = 12 };

static const double opacity_default = 0.35;

pl_label_screen *pl_label_self(pl_app *app) { return pl_app_self(app, "label"); }

static bool is_active(const pl_label_screen *self) { return pl_screens[self->app->active] == &pl_screen_label; }

pl_case_layout pl_label_layout_of(const pl_label_screen *self) {
  return pl_layout_case(pl_app_body(self->app), HEADER_ROWS, 1, false);
}

const pl_case_file *pl_label_file(const pl_label_screen *self) {
  const pl_case_file *file = pl_case_view_file(self->view);
  return file != NULL && file->status == PL_OK && file->number == self->number ? file : NULL;
}

bool pl_label_frame_of(pl_lens_frame *out, const pl_label_screen *self) {
  return pl_label_file(self) != NULL &&
         pl_case_view_frame(out, self->view, &self->app->format, pl_label_layout_of(self).pictures[0]);
}

void pl_label_scale(double *x, double *y, const pl_label_screen *self) {
  const pl_image *mask = pl_label_edit_mask(self->edit), *picture = &pl_label_file(self)->dicom.image;
  *x = (double)mask->width / picture->width;
  *y = (double)mask->height / picture->height;
}

void pl_label_redraw(pl_label_screen *self, bool changed) {
  self->app->dirty = true;
  if (self->edit == NULL) return;
  if (changed) {
    self->version++;
    self->counts = pl_label_edit_counts(self->edit);
  }
  const pl_case_layout layout = pl_label_layout_of(self);
  if (!is_active(self) || pl_label_file(self) == NULL || pl_area_empty(layout.pictures[0])) return;
  double across = 1, down = 1;
  pl_label_scale(&across, &down, self);
  const pl_case_drawing how = {.lens = self->lens,
                               .window = self->window,
                               .invert = self->invert,
                               .mask_mode = self->hidden    ? PL_MASK_OFF
                                            : self->contour ? PL_MASK_CONTOUR
                                                            : PL_MASK_FILL,
                               .opacity = self->opacity,
                               .label = pl_label_edit_mask(self->edit),
                               .original = pl_label_edit_original(self->edit),
                               .label_version = self->version,
                               .brush = {.shown = true,
                                         .erase = self->brush.erase,
                                         .x = ((double)self->x + 0.5) / across,
                                         .y = ((double)self->y + 0.5) / down,
                                         .radius = (self->brush.radius + 0.5) / across}};
  pl_case_view_draw(self->view, 0, &how, &self->app->format, layout.pictures[0]);
}

void pl_label_leave(pl_label_screen *self) {
  pl_label_edit_close(self->edit);
  self->edit = NULL;
  self->number = 0;
  self->by_keys = false;
  pl_case_view_forget(self->view);
}

// The picture was read or drawn.
static void ready(void *context) {
  pl_label_screen *self = context;
  const pl_case_file *file = pl_label_file(self);
  self->app->dirty = true;
  if (file == NULL || self->edit == NULL) return;
  if (!self->ready) {
    self->ready = true;
    self->lens = (pl_lens){0};
    self->window = pl_lut_choices(&file->dicom) > 0 ? pl_lut_choice(&file->dicom, 0) : pl_lut_full_window(&file->dicom);
  }
  pl_label_redraw(self, false);
}

// ---- Opening, which reads the whole table of labels: a job's work

typedef struct open_job {
  char *workspace;
  pl_case c;  // what opening takes of it, with an id of its own
  pl_label_edit *edit;
  pl_status status;
  pl_error err;
} open_job;

static void open_work(void *data) {
  open_job *job = data;
  job->status = pl_label_edit_open(&job->edit, job->workspace, &job->c, &job->err);
}

static void open_free(void *data) {
  open_job *job = data;
  pl_label_edit_close(job->edit);
  free(job->workspace);
  free(job->c.id);
  free(job);
}

static void take_edit(pl_label_screen *self, pl_label_edit *edit) {
  const pl_image *mask = pl_label_edit_mask(edit);
  self->edit = edit;
  self->x = mask->width / 2;
  self->y = mask->height / 2;
  self->counts = pl_label_edit_counts(edit);
  self->version++;
  if (self->counts.recovered > 0) {
    pl_app_say(self->app, "%zu strokes that were not finished are here again; D gives them up", self->counts.recovered);
  }
  ready(self);  // its picture may have been read before
}

static void open_done(void *owner, void *data) {
  pl_label_screen *self = owner;
  open_job *job = data;
  self->opening = 0;
  self->app->dirty = true;
  // It may have been left meanwhile.
  if (self->number == job->c.number && job->status == PL_OK) {
    take_edit(self, job->edit);
    job->edit = NULL;
  } else if (self->number == job->c.number) {
    pl_label_leave(self);
    if (is_active(self)) pl_app_back(self->app);
    pl_app_complain(self->app, &job->err);
  }
  open_free(job);
}

static void submit_open(pl_label_screen *self, const pl_case *c) {
  open_job *job = pl_xcalloc(1, sizeof *job);
  job->workspace = pl_xstrdup(self->app->model->workspace);
  job->c = (pl_case){.number = c->number,
                     .id = pl_xstrdup(c->id),
                     .part = c->part,
                     .rows = c->rows,
                     .cols = c->cols,
                     .status = c->status};
  self->opening = c->number;
  pl_jobs_submit(self->app->jobs,
                 &(pl_job){.work = open_work, .done = open_done, .drop = open_free, .owner = self, .data = job});
}

void pl_label_open(pl_app *app, const char *args) {
  pl_label_screen *self = pl_label_self(app);
  pl_error err = {0};
  if (args[0] != '\0' && pl_data_choose(app, args, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  const pl_case *c = pl_data_selected(app);
  if (c == NULL) {
    pl_app_say(app, "no case is selected");
    return;
  }
  if (self->number == c->number) {
    pl_app_open_screen(app, &pl_screen_label);
    return;
  }
  if (self->opening != 0 && self->opening != c->number) {
    pl_app_say(app, "the label of case #%u is still being read", (unsigned)self->opening);
    return;
  }
  pl_label_leave(self);
  self->number = c->number;
  self->ready = false;
  // One that was left while it was read comes back by itself.
  if (self->opening == 0) submit_open(self, c);
  pl_app_open_screen(app, &pl_screen_label);
  pl_case_view_open(self->view, &app->model->manifest, c, false);
}

static void *open_screen(pl_app *app) {
  pl_label_screen *self = pl_xcalloc(1, sizeof *self);
  self->app = app;
  self->brush.radius = RADIUS_DEFAULT;
  self->opacity = opacity_default;
  self->view = pl_case_view_create(app->jobs, ready, self, &app->next_serial);
  return self;
}

static void close_screen(pl_app *app, void *data) {
  pl_label_screen *self = data;
  pl_jobs_cancel(app->jobs, self);
  pl_label_leave(self);
  pl_case_view_destroy(self->view);
  free(self);
}

static void changed(pl_app *app, void *data, unsigned what) {
  (void)app;
  pl_label_screen *self = data;
  if ((what & PL_CHANGED_LAYOUT) != 0) pl_label_redraw(self, false);
}

const pl_screen pl_screen_label = {
    .name = "label",
    .title = "Label",
    .open = open_screen,
    .close = close_screen,
    .changed = changed,
    .draw = pl_label_draw,
    .mouse = pl_label_mouse,
};
