// The form that starts a run: its options, the presets, and what the training would take.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/start_weights.h"
#include "tui/screens/train_private.h"
#include "tui/words.h"

enum { FORM_COLS = 130, HEAD_ROWS = 2, PLAN_ROWS = 7, FORM_ROWS_MIN = 9, LABEL_COLS = 9, WORD = 32 };

// ---- Where things are

typedef struct form_layout {
  pl_area head, form, plan;
} form_layout;

static form_layout layout_of(const pl_train *self) {
  const pl_area body = pl_app_body(self->app);
  form_layout out = {.head = body};
  out.head.x += 1;
  out.head.cols = body.cols - 2 < FORM_COLS ? body.cols - 2 : FORM_COLS;
  const int rows = body.rows - HEAD_ROWS;
  const int plan = rows - PLAN_ROWS >= FORM_ROWS_MIN ? PLAN_ROWS : rows > FORM_ROWS_MIN ? 2 : 0;
  out.form = (pl_area){body.y + HEAD_ROWS, out.head.x, rows - plan, out.head.cols};
  out.plan = (pl_area){out.form.y + out.form.rows, out.head.x, plan, out.head.cols};
  return out;
}

void pl_train_fit_form(pl_train *self) { pl_form_fit(&self->form, layout_of(self).form.rows); }

void pl_train_fill_form(pl_train *self) {
  if (self->form_filled) return;
  pl_config config;
  pl_error err = {0};
  if (pl_tui_model_config(&config, self->app->model, &err) != PL_OK) {
    pl_app_complain(self->app, &err);
    pl_config_defaults(&config);
  }
  pl_form_init(&self->form, &config);
  pl_train_fit_form(self);
  self->form_filled = self->app->model->workspace != NULL;
}

void pl_train_take_labels(pl_train *self) {
  const char *labels = pl_label_choice_name(self->app->model->manifest.labels);
  if (self->form_filled) (void)pl_config_set(&self->form.config, "labels", labels, PL_ORIGIN_COMMAND, NULL);
}

// ---- The plan, made by a job whenever the options changed: one at a time, and then one of the newest options

typedef struct plan_job {
  char *workspace;
  pl_config config;
  unsigned version;  // of the form
  pl_training_plan plan;
  pl_status status;
  pl_error error;
} plan_job;

static void plan_work(void *data) {
  plan_job *job = data;
  job->status = pl_training_plan_make(&job->plan, &job->config, job->workspace, &job->error);
}

static void plan_free(void *data) {
  plan_job *job = data;
  free(job->workspace);
  free(job);
}

static void plan_done(void *owner, void *data) {
  pl_train *self = owner;
  plan_job *job = data;
  pl_train_plan_view *view = &self->plan;
  view->busy = false;
  self->app->dirty = true;
  // What was changed meanwhile is planned next; the figures of before stay, dimmed.
  if (job->version == self->form.version) {
    view->version = job->version;
    view->status = job->status;
    view->error = job->error;
    if (job->status == PL_OK) view->plan = job->plan;
    view->known = view->known || job->status == PL_OK;
  }
  plan_free(job);
  pl_train_ask_plan(self);
  if (view->busy || !self->start_when_planned) return;
  self->start_when_planned = false;
  // Who has left the form or changed it since did not mean this.
  if (self->form_open && self->form.version == self->start_version) pl_train_start(self->app, "");
}

bool pl_train_is_planned(const pl_train *self) { return !self->plan.busy && self->plan.version == self->form.version; }

void pl_train_ask_plan(pl_train *self) {
  pl_train_plan_view *view = &self->plan;
  if (!self->form_open || !self->form_filled || view->busy || view->version == self->form.version) return;
  plan_job *job = pl_xcalloc(1, sizeof *job);
  job->workspace = pl_xstrdup(self->app->model->workspace);
  job->config = self->form.config;
  job->version = self->form.version;
  view->busy = true;
  pl_jobs_submit(self->app->jobs,
                 &(pl_job){.work = plan_work, .done = plan_done, .drop = plan_free, .owner = self, .data = job});
}

// its options did
static void options_changed(pl_train *self) {
  pl_form_changed(&self->form);
  pl_train_ask_plan(self);
}

// ---- Drawing

// What is wrong with it, else "".
static void problem_words(char *out, size_t size, const pl_train_plan_view *view) {
  out[0] = '\0';
  if (view->status != PL_OK) {
    snprintf(out, size, "no plan: %s", view->error.message);
  } else if (view->plan.refusal[0] != '\0') {
    // First what to do: the reason is long.
    char fit[64] = "";
    if (view->plan.largest_batch > 0) {
      snprintf(fit, sizeof fit, "f takes a batch of %" PRId64 ", which fits: ", view->plan.largest_batch);
    }
    snprintf(out, size, "%s%s", fit, view->plan.refusal);
  } else {
    (void)pl_copy_text(out, size, view->plan.unused_gpu);
  }
}

static void draw_short_plan(const pl_train *self, const pl_canvas *canvas, pl_area area, bool current) {
  const pl_train_plan_view *view = &self->plan;
  char text[2 * PL_ERROR_MESSAGE_MAX];
  problem_words(text, sizeof text, view);
  const bool bad = text[0] != '\0' && current;
  if (!bad && view->known) (void)pl_copy_text(text, sizeof text, view->plan.summary);
  if (!bad && !view->known) snprintf(text, sizeof text, "planning ...");
  pl_canvas_wrapped(canvas, area, bad ? PL_STYLE_BAD : current ? PL_STYLE_NORMAL : PL_STYLE_DIM, text);
}

static void draw_plan(const pl_train *self, const pl_canvas *canvas, pl_area area) {
  const pl_train_plan_view *view = &self->plan;
  const bool current = pl_train_is_planned(self);
  if (area.rows == 0) return;
  if (area.rows < PLAN_ROWS) {
    draw_short_plan(self, canvas, area, current);
    return;
  }
  pl_canvas_fill(canvas, (pl_area){area.y, area.x, 1, area.cols}, PL_STYLE_HEAD);
  pl_canvas_printf(canvas, area.y, area.x + 1, area.cols - 1, PL_STYLE_HEAD, "what it takes%s",
                   current ? "" : "   planning ...");
  const pl_style value = current && view->status == PL_OK ? PL_STYLE_NORMAL : PL_STYLE_DIM;
  for (int i = 0; i < PL_TRAINING_PLAN_LINES; i++) {
    const int y = area.y + 1 + i, x = area.x + 1;
    pl_canvas_text(canvas, y, x, LABEL_COLS, current ? PL_STYLE_LABEL : PL_STYLE_DIM, pl_training_plan_labels[i]);
    pl_canvas_text(canvas, y, x + LABEL_COLS, area.cols - LABEL_COLS - 1, value,
                   view->known ? view->plan.lines[i] : "-");
  }
  char text[2 * PL_ERROR_MESSAGE_MAX];
  problem_words(text, sizeof text, view);
  const bool bad = view->status != PL_OK || view->plan.refusal[0] != '\0';
  if (current) {
    const int y = area.y + 1 + PL_TRAINING_PLAN_LINES;
    pl_canvas_wrapped(canvas, (pl_area){y, area.x + 1, area.y + area.rows - y, area.cols - 1},
                      bad ? PL_STYLE_BAD : PL_STYLE_WARN, text);
  }
}

void pl_train_draw_form(const pl_train *self, const pl_canvas *canvas) {
  const form_layout layout = layout_of(self);
  const pl_area head = layout.head;
  pl_canvas_text(canvas, head.y, head.x, head.cols, PL_STYLE_STRONG,
                 self->starting ? "A new training is starting ..." : "A new training");
  if (!self->starting) {
    pl_canvas_text(canvas, head.y, head.x + 18, head.cols - 18, PL_STYLE_DIM,
                   "S starts it   Enter changes a value   p next preset   Esc back");
  }
  if (self->form.preset[0] != '\0') {
    pl_canvas_printf(canvas, head.y + 1, head.x, head.cols, PL_STYLE_LABEL, "preset %s: %s", self->form.preset,
                     self->form.preset_about);
  }
  pl_form_draw(&self->form, canvas, layout.form);
  draw_plan(self, canvas, layout.plan);
}

// ---- Commands

bool pl_train_refuse(pl_train *self) {
  if (!self->plan.known || self->plan.plan.refusal[0] == '\0') return false;
  char text[2 * PL_ERROR_MESSAGE_MAX];
  problem_words(text, sizeof text, &self->plan);
  pl_app_say(self->app, "%s", text);
  self->app->message_bad = true;
  return true;
}

void pl_train_preset(pl_app *app, const char *args) {
  pl_train *self = pl_train_of(app);
  if (!self->form_open) {
    pl_app_say(app, "presets fill the form; S opens it");
    return;
  }
  pl_presets presets = {0};
  pl_presets_load(&presets);
  pl_error err = {0};
  pl_config config;
  char name[PL_PRESET_NAME_MAX] = "";
  if (args[0] != '\0') {
    (void)pl_copy_text(name, sizeof name, args);
  } else if (presets.count > 0) {
    size_t next = 0;
    while (next < presets.count && strcmp(presets.items[next].name, self->form.preset) != 0) next++;
    (void)pl_copy_text(name, sizeof name, presets.items[next < presets.count ? (next + 1) % presets.count : 0].name);
  }
  // From the workspace's options anew: a preset does not add to the one before.
  pl_status status = pl_tui_model_config(&config, app->model, &err);
  if (status == PL_OK) status = pl_config_apply_preset(&config, name, &err);
  if (status == PL_OK) {
    const pl_preset *preset = pl_presets_find(&presets, name);
    self->form.config = config;
    (void)pl_copy_text(self->form.preset, sizeof self->form.preset, name);
    (void)pl_copy_text(self->form.preset_about, sizeof self->form.preset_about, preset != NULL ? preset->about : "");
    options_changed(self);
  } else {
    pl_app_complain(app, &err);
  }
  pl_presets_clear(&presets);
}

void pl_train_fit(pl_app *app, const char *args) {
  (void)args;
  pl_train *self = pl_train_of(app);
  const int64_t batch = self->plan.plan.largest_batch;
  if (!self->form_open || !self->plan.known || !pl_train_is_planned(self)) {
    pl_app_say(app, self->form_open ? "planning ..." : "the batch is fitted in the form; S opens it");
  } else if (self->plan.plan.refusal[0] == '\0') {
    pl_app_say(app, "a batch of %" PRId64 " fits", self->plan.plan.batch);
  } else if (batch <= 0) {
    pl_train_refuse(self);
  } else {
    char text[WORD];
    snprintf(text, sizeof text, "%" PRId64, batch);
    (void)pl_config_set(&self->form.config, "batch", text, PL_ORIGIN_COMMAND, NULL);
    if (self->form.config.valid_batch > batch) {
      (void)pl_config_set(&self->form.config, "valid-batch", text, PL_ORIGIN_COMMAND, NULL);
    }
    pl_app_say(app, "batch is %s", text);
    options_changed(self);
  }
}

void pl_train_set_in_form(pl_train *self, const char *option, const char *value) {
  pl_error err = {0};
  pl_train_fill_form(self);
  if (pl_config_set(&self->form.config, option, value, PL_ORIGIN_COMMAND, &err) != PL_OK) {
    pl_app_complain(self->app, &err);
    return;
  }
  options_changed(self);
  pl_app_say(self->app, "%s is %s", option, value);
}
