#include "tui/screens/batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/run/rundir.h"
#include "tui/batch_grid.h"
#include "tui/screens/train.h"

enum { WORDS_SIZE = 320, SOURCE_SIZE = 96 };

// What is shown, and how.
typedef struct batch_request {
  pl_config config;
  uint64_t epoch;
  size_t batch;
  bool mask, contour, invert;
  pl_area area;
} batch_request;

// What came of it.
typedef struct batch_answer {
  pl_status status;
  pl_error error;
  pl_picture picture;
  pl_area area;  // that the picture was made for
  char words[WORDS_SIZE];
  size_t count, columns, batches;
  char labels[PL_BATCH_VIEW_IMAGES][32];
} batch_answer;

typedef struct batch_screen {
  pl_app *app;
  bool chosen;  // `request.config` is set
  char source[SOURCE_SIZE];
  batch_request request;
  bool busy, wanted_again;
  bool answered;  // `answer` holds the last batch, or why there is none
  batch_answer answer;
} batch_screen;

// Everything that a job needs and gives, by value.
typedef struct batch_job {
  batch_screen *self;  // the owner; not touched by the worker
  char *workspace;
  batch_request request;
  pl_picture_format format;
  uint64_t serial;
  batch_answer answer;
} batch_job;

static batch_screen *screen_of(pl_app *app) { return pl_app_self(app, "batch"); }

static bool is_active(const pl_app *app) { return pl_screens[app->active] == &pl_screen_batch; }

static pl_batch_layout layout_of(const pl_app *app) {
  const pl_caps *caps = pl_term_caps(app->term);
  return pl_layout_batch(pl_app_body(app), (pl_cell_size){(int)caps->cell_width, (int)caps->cell_height});
}

// ---- On a worker

static pl_status draw_grid(pl_bitmap *out, const batch_job *job, const pl_batch_grid *grid, pl_error *err) {
  const batch_request *r = &job->request;
  uint32_t width = 0, height = 0;
  double aspect = 1;
  if (!pl_picture_size(&width, &height, &aspect, &job->format, r->area)) {
    return pl_fail(err, PL_E_LIMIT, "there is no room for a picture");
  }
  pl_view_grid_options options = pl_view_grid_defaults(width, height);
  options.pixel_aspect = aspect;
  options.labels = job->format.graphics == PL_GRAPHICS_SIXEL;
  options.mask_mode = !r->mask ? PL_MASK_OFF : r->contour ? PL_MASK_CONTOUR : PL_MASK_FILL;
  options.invert = r->invert;
  pl_bitmap drawn = {0};
  pl_status status = pl_view_grid(&drawn, grid->tiles, grid->count, &options, err);
  if (status == PL_OK) status = pl_bitmap_init(out, width, height, err);
  // One size for all batches, so that each picture covers the one before.
  if (status == PL_OK) pl_bitmap_place(out, &drawn, 0, 0);
  pl_bitmap_clear(&drawn);
  return status;
}

static pl_status make_picture(batch_job *job, const pl_batch_view *view, const pl_manifest *manifest, pl_error *err) {
  batch_answer *a = &job->answer;
  pl_batch_grid grid;
  pl_batch_grid_init(&grid, view, manifest);
  pl_batch_words(a->words, sizeof a->words, view);
  a->count = grid.count;
  a->columns = grid.columns;
  a->batches = view->batches;
  memcpy(a->labels, grid.labels, sizeof a->labels);
  if (job->format.graphics == PL_GRAPHICS_NONE || pl_area_empty(job->request.area)) return PL_OK;
  pl_bitmap bitmap = {0};
  pl_status status = draw_grid(&bitmap, job, &grid, err);
  if (status == PL_OK) status = pl_picture_make(&a->picture, &bitmap, &job->format, job->serial, err);
  a->area = job->request.area;
  pl_bitmap_clear(&bitmap);
  return status;
}

// The manifest is read anew: the workbench's own may be replaced meanwhile.
static void work(void *data) {
  batch_job *job = data;
  batch_answer *a = &job->answer;
  pl_manifest manifest = {0};
  pl_batch_view *view = pl_xcalloc(1, sizeof *view);
  a->status = pl_run_load_manifest(&manifest, job->workspace, &job->request.config, &a->error);
  if (a->status == PL_OK) {
    a->status =
        pl_batch_view_load(view, &manifest, &job->request.config, job->request.epoch, job->request.batch, &a->error);
  }
  if (a->status == PL_OK) a->status = make_picture(job, view, &manifest, &a->error);
  pl_batch_view_clear(view);
  free(view);
  pl_manifest_clear(&manifest);
}

// ---- On the owner's thread

static void job_free(batch_job *job) {
  pl_picture_clear(&job->answer.picture);
  free(job->workspace);
  free(job);
}

static void drop(void *data) { job_free(data); }

static void ask(batch_screen *self);

static void done(void *owner, void *data) {
  batch_screen *self = owner;
  batch_job *job = data;
  self->busy = false;
  pl_picture_clear(&self->answer.picture);
  self->answer = job->answer;
  self->answered = true;
  job->answer.picture = (pl_picture){0};
  job_free(job);
  self->app->dirty = true;
  if (self->wanted_again) ask(self);
}

// Asks for the batch; while one is being made, for the newest wish after it.
static void ask(batch_screen *self) {
  pl_app *app = self->app;
  if (!self->chosen || app->model->workspace == NULL) return;
  self->wanted_again = self->busy;
  if (self->busy) return;
  self->busy = true;
  self->request.area = layout_of(app).picture;
  batch_job *job = pl_xcalloc(1, sizeof *job);
  *job = (batch_job){.self = self,
                     .workspace = pl_xstrdup(app->model->workspace),
                     .request = self->request,
                     .format = app->format,
                     .serial = ++app->next_serial};
  pl_jobs_submit(app->jobs, &(pl_job){.work = work, .done = done, .drop = drop, .owner = self, .data = job});
}

static void *open_screen(pl_app *app) {
  batch_screen *self = pl_xcalloc(1, sizeof *self);
  self->app = app;
  self->request = (batch_request){.epoch = 1, .batch = 1, .mask = true};
  return self;
}

static void close_screen(pl_app *app, void *data) {
  batch_screen *self = data;
  pl_jobs_cancel(app->jobs, self);
  pl_picture_clear(&self->answer.picture);
  free(self);
}

// The options of what is on the Train screen when the wish came from there, else those of a new training.
static void choose(batch_screen *self, bool from_train) {
  pl_app *app = self->app;
  const pl_run_view *run = NULL;
  const pl_config *config = from_train ? pl_train_options(app, &run) : NULL;
  pl_error err = {0};
  self->chosen = true;
  self->answered = false;
  self->request.epoch = 1;
  if (config != NULL) {
    self->request.config = *config;
  } else if (pl_tui_model_config(&self->request.config, app->model, &err) != PL_OK) {
    pl_app_complain(app, &err);
    pl_config_defaults(&self->request.config);
  }
  snprintf(self->source, sizeof self->source, "as a new training will get it");
  if (run != NULL) {
    snprintf(self->source, sizeof self->source, "as the run %.64s gets it", run->name);
    if (run->state.epoch > 1) self->request.epoch = (uint64_t)run->state.epoch;
  }
  if (self->request.epoch > (uint64_t)self->request.config.epochs) {
    self->request.epoch = (uint64_t)self->request.config.epochs;
  }
}

static void changed(pl_app *app, void *data, unsigned what) {
  batch_screen *self = data;
  if ((what & PL_CHANGED_CASES) != 0) {
    self->chosen = false;
    self->answered = false;
    self->request.batch = 1;
  }
  if (!is_active(app) || (what & (PL_CHANGED_CASES | PL_CHANGED_LAYOUT)) == 0) return;
  if (!self->chosen) choose(self, false);
  ask(self);
}

// ---- Drawing

static void draw_list(const batch_answer *a, const pl_canvas *canvas, pl_area area) {
  int y = area.y;
  for (size_t i = 0; i < a->count && y < area.y + area.rows; i++) {
    if (i > 0 && i % a->columns == 0) y++;
    if (y >= area.y + area.rows) break;
    const bool positive = strstr(a->labels[i], "positive") != NULL;
    pl_canvas_text(canvas, y++, area.x, area.cols, positive ? PL_STYLE_WARN : PL_STYLE_NORMAL, a->labels[i]);
  }
}

static void draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body) {
  const batch_screen *self = data;
  const batch_answer *a = &self->answer;
  const pl_batch_layout layout = layout_of(app);
  const pl_area message = pl_layout_centre(body, 4, body.cols - 4 < 70 ? body.cols - 4 : 70);
  if (app->model->workspace == NULL) {
    pl_canvas_wrapped(canvas, message, PL_STYLE_NORMAL, "There is no batch to show yet. :import FOLDER brings cases.");
    return;
  }
  if (self->answered && a->status != PL_OK) {
    char safe[PL_ERROR_MESSAGE_MAX];
    pl_safe_text(safe, sizeof safe, a->error.message, strlen(a->error.message));
    pl_canvas_wrapped(canvas, message, PL_STYLE_BAD, safe);
    return;
  }
  const pl_area head = layout.header;
  const bool waits = self->busy;
  if (self->answered) pl_canvas_text(canvas, head.y, head.x + 1, head.cols - 2, PL_STYLE_STRONG, a->words);
  if (head.rows > 1) {
    int x = head.x + 1;
    x += pl_canvas_text(canvas, head.y + 1, x, head.cols - 2, PL_STYLE_DIM, self->source);
    if (waits) {
      pl_canvas_printf(canvas, head.y + 1, x + 2, head.x + head.cols - x - 3, PL_STYLE_DIM,
                       "(batch %zu of epoch %" PRIu64 " is being read)", self->request.batch, self->request.epoch);
    }
  }
  if (!self->answered) return;
  draw_list(a, canvas, layout.list);
  if (pl_area_empty(layout.picture)) return;
  pl_canvas_vline(canvas, layout.border, PL_STYLE_DIM);
  const bool fits = a->area.rows == layout.picture.rows && a->area.cols == layout.picture.cols;
  if (app->format.graphics == PL_GRAPHICS_NONE) {
    pl_canvas_wrapped(canvas, pl_layout_centre(layout.picture, 2, layout.picture.cols - 4), PL_STYLE_DIM,
                      "This terminal shows no pictures.");
  } else if (fits) {
    pl_imgslots_want(canvas->slots, canvas, layout.picture, &a->picture);
  }
}

// ---- Commands

void pl_batch_show(pl_app *app, const char *args) {
  batch_screen *self = screen_of(app);
  uint64_t number = 1;
  if (args[0] != '\0' && (!pl_parse_u64(&number, args, strlen(args)) || number == 0)) {
    pl_app_say(app, "batch takes a number from 1, not '%s'", args);
    app->message_bad = true;
    return;
  }
  if (!is_active(app)) choose(self, strcmp(pl_screens[app->active]->name, "train") == 0);
  self->request.batch = (size_t)number;
  pl_app_open_screen(app, &pl_screen_batch);
}

void pl_batch_next(pl_app *app, const char *args) {
  (void)args;
  batch_screen *self = screen_of(app);
  if (self->answered && self->answer.status == PL_OK && self->request.batch >= self->answer.batches) {
    pl_app_say(app, "that was the last batch of epoch %" PRIu64 "; e shows the next epoch", self->request.epoch);
    return;
  }
  self->request.batch++;
  ask(self);
}

void pl_batch_previous(pl_app *app, const char *args) {
  (void)args;
  batch_screen *self = screen_of(app);
  if (self->request.batch <= 1) return;
  self->request.batch--;
  ask(self);
}

static void go_to_epoch(pl_app *app, uint64_t epoch) {
  batch_screen *self = screen_of(app);
  const uint64_t last = (uint64_t)self->request.config.epochs;
  if (epoch < 1 || epoch > last) {
    pl_app_say(app, "this training has the epochs 1 to %" PRIu64, last);
    return;
  }
  self->request.epoch = epoch;
  ask(self);
}

void pl_batch_next_epoch(pl_app *app, const char *args) {
  (void)args;
  go_to_epoch(app, screen_of(app)->request.epoch + 1);
}

void pl_batch_previous_epoch(pl_app *app, const char *args) {
  (void)args;
  go_to_epoch(app, screen_of(app)->request.epoch - 1);
}

void pl_batch_epoch(pl_app *app, const char *args) {
  uint64_t epoch = 0;
  if (!pl_parse_u64(&epoch, args, strlen(args))) epoch = 0;
  go_to_epoch(app, epoch);
}

void pl_batch_mask(pl_app *app, const char *args) {
  (void)args;
  batch_screen *self = screen_of(app);
  self->request.mask = !self->request.mask;
  ask(self);
}

void pl_batch_contour(pl_app *app, const char *args) {
  (void)args;
  batch_screen *self = screen_of(app);
  self->request.contour = !self->request.contour || !self->request.mask;
  self->request.mask = true;
  ask(self);
}

void pl_batch_invert(pl_app *app, const char *args) {
  (void)args;
  batch_screen *self = screen_of(app);
  self->request.invert = !self->request.invert;
  ask(self);
}

const pl_screen pl_screen_batch = {
    .name = "batch",
    .title = "Batch",
    .digit = "7",
    .open = open_screen,
    .close = close_screen,
    .changed = changed,
    .draw = draw,
};
