#include "tui/screens/runs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/summaries.h"
#include "tui/chart.h"
#include "tui/screens/train.h"
#include "tui/widgets/table.h"
#include "viewers/colormap.h"

enum { COMPARE_MAX = 8, PATH_SIZE = 4200, OPTION_COLS = 17, VALUE_COLS_MIN = 9, VALUE_COLS_MAX = 20 };

typedef enum runs_column { MARK, NAME, PHASE, ENCODER, SIZE, FOLD, EPOCH, BEST, AT, DELTA, NOTE, COLUMNS } runs_column;

typedef struct runs_screen {
  pl_app *app;
  pl_run_summaries list;
  pl_table table;
  bool placed;                          // the selection was put on the newest run
  char marked[COMPARE_MAX][PATH_SIZE];  // folders; "" for none
  char baseline[PATH_SIZE];             // folder, "" for none
  size_t metric;
  bool log_axis;
  bool busy, again;
  pl_area area;  // that the picture was made for
  pl_picture picture;
} runs_screen;

static runs_screen *screen_of(pl_app *app) { return pl_app_self(app, "runs"); }

static bool is_active(const runs_screen *self) { return pl_screens[self->app->active] == &pl_screen_runs; }

static const pl_run_summary *row_run(const runs_screen *self, size_t row) {
  return row < self->list.count ? &self->list.runs[row] : NULL;
}

static int mark_of(const runs_screen *self, const pl_run_summary *run) {
  for (int i = 0; i < COMPARE_MAX; i++) {
    if (strcmp(self->marked[i], run->folder) == 0) return i;
  }
  return -1;
}

static const pl_run_summary *baseline_of(const runs_screen *self) {
  for (size_t i = 0; i < self->list.count; i++) {
    if (strcmp(self->list.runs[i].folder, self->baseline) == 0) return &self->list.runs[i];
  }
  return NULL;
}

// What is compared: the baseline, the marked runs, and the selected one, each once; in the order of the table.
static size_t compared(const pl_run_summary *out[COMPARE_MAX + 2], const runs_screen *self) {
  size_t count = 0;
  for (size_t i = 0; i < self->list.count && count < COMPARE_MAX + 2; i++) {
    const pl_run_summary *run = &self->list.runs[i];
    const bool wanted =
        i == self->table.selected || mark_of(self, run) >= 0 || strcmp(run->folder, self->baseline) == 0;
    if (wanted) out[count++] = run;
  }
  return count;
}

// ---- The chart

typedef struct chart_job {
  runs_screen *self;
  pl_curve_series series[COMPARE_MAX + 2];
  char labels[COMPARE_MAX + 2][64];
  pl_curve_chart chart;
  pl_picture_format format;
  pl_area area;
  uint64_t serial;
  pl_picture picture;
  pl_status status;
} chart_job;

static void job_free(chart_job *job) {
  for (size_t i = 0; i < job->chart.series_count; i++) free((void *)job->series[i].points);
  pl_picture_clear(&job->picture);
  free(job);
}

static void work(void *data) {
  chart_job *job = data;
  job->status = pl_chart_make(&job->picture, &job->chart, &job->format, job->area, job->serial, NULL);
}

static void drop(void *data) { job_free(data); }

static void ask_chart(runs_screen *self);

static void done(void *owner, void *data) {
  chart_job *job = data;
  runs_screen *self = owner;
  self->busy = false;
  if (job->status == PL_OK) {
    pl_picture_clear(&self->picture);
    self->picture = job->picture;
    self->area = job->area;
    job->picture = (pl_picture){0};
  }
  job_free(job);
  self->app->dirty = true;
  if (self->again) ask_chart(self);
}

static void add_run(chart_job *job, const pl_run_summary *run, size_t metric) {
  const size_t at = job->chart.series_count++;
  pl_curve_point *points = pl_xcalloc(run->epoch_count + 1, sizeof *points);
  for (size_t i = 0; i < run->epoch_count; i++) {
    points[i] = (pl_curve_point){(double)run->epochs[i].epoch, pl_run_metric(&run->epochs[i], metric)};
  }
  pl_safe_text(job->labels[at], sizeof job->labels[at], run->name, strlen(run->name));
  job->series[at] = (pl_curve_series){
      .label = job->labels[at], .colour = pl_colour_series(at), .points = points, .count = run->epoch_count};
}

static pl_runs_layout layout_of(const pl_app *app) { return pl_layout_runs(pl_app_body(app)); }

static void ask_chart(runs_screen *self) {
  pl_app *app = self->app;
  const pl_area area = layout_of(app).chart;
  if (!is_active(self) || pl_area_empty(area) || app->format.graphics == PL_GRAPHICS_NONE) return;
  self->again = self->busy;
  if (self->busy) return;
  const pl_run_summary *runs[COMPARE_MAX + 2];
  const size_t count = compared(runs, self);
  if (count == 0) return;
  chart_job *job = pl_xcalloc(1, sizeof *job);
  job->self = self;
  job->format = app->format;
  job->area = area;
  job->serial = ++app->next_serial;
  job->chart = (pl_curve_chart){.title = pl_run_metric_name(self->metric), .x_label = "epoch", .series = job->series};
  for (size_t i = 0; i < count; i++) add_run(job, runs[i], self->metric);
  job->chart.log_y = self->log_axis;
  // Scores always on the same scale, so that charts can be compared by looking.
  job->chart.y_range_set = !self->log_axis && pl_begins_with(job->chart.title, "dice");
  job->chart.y_max = 1;
  self->busy = true;
  pl_jobs_submit(app->jobs, &(pl_job){.work = work, .done = done, .drop = drop, .owner = self, .data = job});
}

// ---- The screen

static void refresh(runs_screen *self) {
  pl_app *app = self->app;
  bool any = false;
  if (app->model->workspace == NULL || !is_active(self)) return;
  (void)pl_run_summaries_update(&self->list, app->model->workspace, &any, NULL);
  pl_table_fit(&self->table, self->list.count, layout_of(app).table.rows);
  if (!self->placed && self->list.count > 0) {
    // The newest run is what one looks for, and it stays selected as others come.
    self->placed = true;
    pl_table_select(&self->table, self->list.count - 1);
  }
  if (any) ask_chart(self);
}

static void *open_screen(pl_app *app) {
  runs_screen *self = pl_xcalloc(1, sizeof *self);
  self->app = app;
  return self;
}

static void close_screen(pl_app *app, void *data) {
  runs_screen *self = data;
  pl_jobs_cancel(app->jobs, self);
  pl_run_summaries_clear(&self->list);
  pl_picture_clear(&self->picture);
  free(self);
}

static void changed(pl_app *app, void *data, unsigned what) {
  (void)app;
  runs_screen *self = data;
  if (!is_active(self)) return;
  refresh(self);
  if ((what & PL_CHANGED_LAYOUT) != 0) ask_chart(self);
}

// ---- Drawing

static const pl_table_column columns[COLUMNS] = {
    [MARK] = {.title = "", .cols = 2},
    [NAME] = {.title = "run", .cols = 18},
    [PHASE] = {.title = "state", .cols = 10},
    [ENCODER] = {.title = "encoder", .cols = 19},
    [SIZE] = {.title = "size", .cols = 5, .right = true},
    [FOLD] = {.title = "fold", .cols = 4, .right = true},
    [EPOCH] = {.title = "epoch", .cols = 7, .right = true},
    [BEST] = {.title = "best", .cols = 7, .right = true},
    [AT] = {.title = "at", .cols = 4, .right = true},
    [DELTA] = {.title = "delta", .cols = 8, .right = true},
    [NOTE] = {.title = ""},
};

static void epoch_text(char *text, const pl_run_state *s) {
  if (s->epoch >= 0 && s->epochs >= 0) snprintf(text, PL_TABLE_CELL_SIZE, "%" PRId64 "/%" PRId64, s->epoch, s->epochs);
}

static pl_style phase_style(pl_phase phase) {
  if (phase == PL_PHASE_FAILED) return PL_STYLE_BAD;
  if (phase == PL_PHASE_PAUSED || phase == PL_PHASE_STOPPED) return PL_STYLE_WARN;
  return phase == PL_PHASE_FINISHED ? PL_STYLE_NORMAL : PL_STYLE_GOOD;
}

// The difference to the baseline's best, or why there is none.
static pl_style delta_text(char *text, const runs_screen *self, const pl_run_summary *run, bool note) {
  const pl_run_summary *baseline = baseline_of(self);
  char why[PL_TABLE_CELL_SIZE] = "";
  int64_t epoch = -1;
  if (baseline == NULL) return PL_STYLE_DIM;
  pl_run_incomparable(why, sizeof why, baseline, run);
  if (note) {
    if (baseline == run) snprintf(text, PL_TABLE_CELL_SIZE, "baseline");
    if (why[0] != '\0') snprintf(text, PL_TABLE_CELL_SIZE, "not comparable: %.100s", why);
    return baseline == run ? PL_STYLE_LABEL : PL_STYLE_WARN;
  }
  const double delta = pl_run_summary_best(run, &epoch) - pl_run_summary_best(baseline, &epoch);
  if (baseline == run || why[0] != '\0' || !isfinite(delta)) return PL_STYLE_DIM;
  snprintf(text, PL_TABLE_CELL_SIZE, "%+.4f", delta);
  return delta >= 0 ? PL_STYLE_GOOD : PL_STYLE_BAD;
}

static pl_style cell_text(const void *context, size_t row, size_t column, char text[PL_TABLE_CELL_SIZE]) {
  const runs_screen *self = context;
  const pl_run_summary *run = row_run(self, row);
  int64_t epoch = -1;
  if (run == NULL) return PL_STYLE_NORMAL;
  const pl_config *config = run->info != NULL ? &run->info->config : NULL;
  switch ((runs_column)column) {
    case MARK: snprintf(text, PL_TABLE_CELL_SIZE, "%s", mark_of(self, run) >= 0 ? "*" : ""); return PL_STYLE_WARN;
    case NAME: pl_safe_text(text, PL_TABLE_CELL_SIZE, run->name, strlen(run->name)); return PL_STYLE_STRONG;
    case PHASE:
      snprintf(text, PL_TABLE_CELL_SIZE, "%s", pl_phase_name(run->state.phase));
      return phase_style(run->state.phase);
    case ENCODER: snprintf(text, PL_TABLE_CELL_SIZE, "%s", config != NULL ? config->encoder : "?"); break;
    case SIZE:
      if (config != NULL) snprintf(text, PL_TABLE_CELL_SIZE, "%" PRId64, config->size);
      break;
    case FOLD:
      if (config != NULL) snprintf(text, PL_TABLE_CELL_SIZE, "%" PRId64, config->fold);
      break;
    case EPOCH: epoch_text(text, &run->state); break;
    case BEST:
      if (isfinite(pl_run_summary_best(run, &epoch))) {
        snprintf(text, PL_TABLE_CELL_SIZE, "%.4f", pl_run_summary_best(run, &epoch));
      }
      return PL_STYLE_STRONG;
    case AT:
      if (isfinite(pl_run_summary_best(run, &epoch))) snprintf(text, PL_TABLE_CELL_SIZE, "%" PRId64, epoch);
      break;
    case DELTA: return delta_text(text, self, run, false);
    default: return delta_text(text, self, run, true);
  }
  return PL_STYLE_NORMAL;
}

static pl_table_view table_view(const runs_screen *self) {
  return (pl_table_view){.columns = columns,
                         .column_count = COLUMNS,
                         .sorted = -1,
                         .selectable = true,
                         .cell = cell_text,
                         .context = self};
}

// The options in which the compared runs differ, a line each, with a column a run.
static void draw_options(const runs_screen *self, const pl_canvas *canvas, pl_area area) {
  const pl_run_summary *runs[COMPARE_MAX + 2];
  const size_t count = compared(runs, self);
  int row = 0;
  if (pl_area_empty(area)) return;
  if (count < 2) {
    pl_canvas_wrapped(canvas, area, PL_STYLE_DIM,
                      "Space marks runs to compare: their curves are drawn over each other, and the options in which "
                      "they differ stand here. B pins a run that all others are measured against.");
    return;
  }
  int cols = (area.cols - OPTION_COLS) / (int)count;
  cols = cols < VALUE_COLS_MIN ? VALUE_COLS_MIN : cols > VALUE_COLS_MAX ? VALUE_COLS_MAX : cols;
  pl_canvas_fill(canvas, (pl_area){area.y, area.x, 1, area.cols}, PL_STYLE_HEAD);
  pl_canvas_text(canvas, area.y, area.x, OPTION_COLS - 1, PL_STYLE_HEAD, "differs");
  for (size_t i = 0; i < count; i++) {
    const int x = area.x + OPTION_COLS + (int)i * cols;
    if (x + cols <= area.x + area.cols) {
      pl_canvas_tail(canvas, area.y, x, cols - 1, PL_STYLE_HEAD, runs[i]->name);
    }
  }
  for (size_t k = 0; k < pl_option_count && ++row < area.rows; k++) {
    if (strcmp(pl_options[k].name, "name") == 0 || !pl_run_option_differs(&pl_options[k], runs, count)) {
      row--;
      continue;
    }
    pl_canvas_text(canvas, area.y + row, area.x, OPTION_COLS - 1, PL_STYLE_LABEL, pl_options[k].name);
    for (size_t i = 0; i < count; i++) {
      const int x = area.x + OPTION_COLS + (int)i * cols;
      char text[PL_OPTION_TEXT_MAX] = "?", safe[PL_TABLE_CELL_SIZE];
      if (runs[i]->info != NULL) pl_config_get(text, &runs[i]->info->config, &pl_options[k]);
      pl_safe_text(safe, sizeof safe, text, strlen(text));
      if (x + cols <= area.x + area.cols) {
        pl_canvas_text(canvas, area.y + row, x, cols - 1, PL_STYLE_NORMAL, safe[0] != '\0' ? safe : "\"\"");
      }
    }
  }
  if (row == 0 && area.rows > 1) {
    pl_canvas_text(canvas, area.y + 1, area.x, area.cols, PL_STYLE_DIM, "no option differs");
  }
}

static void draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body) {
  const runs_screen *self = data;
  const pl_runs_layout layout = layout_of(app);
  if (self->list.count == 0) {
    pl_canvas_wrapped(canvas, pl_layout_centre(body, 2, 64), PL_STYLE_NORMAL,
                      app->model->workspace == NULL
                          ? "There is no workspace here yet; screen Data says how to make one."
                          : "There is no run yet. S on screen Train starts one, or, in a shell: pleura train");
    return;
  }
  const pl_table_view view = table_view(self);
  pl_table_draw(&self->table, canvas, layout.table, &view);
  draw_options(self, canvas, layout.options);
  if (pl_area_empty(layout.chart)) return;
  pl_canvas_vline(canvas, layout.border, PL_STYLE_DIM);
  const bool fits = self->area.rows == layout.chart.rows && self->area.cols == layout.chart.cols;
  if (fits && self->picture.serial != 0) pl_imgslots_want(canvas->slots, canvas, layout.chart, &self->picture);
}

// ---- Commands

static void move(pl_app *app, long delta) {
  runs_screen *self = screen_of(app);
  pl_table_move(&self->table, delta);
  ask_chart(self);
}

static long page_of(pl_app *app) {
  const size_t page = screen_of(app)->table.page;
  return page > 1 ? (long)page - 1 : 1;
}

void pl_runs_down(pl_app *app, const char *args) { (void)args, move(app, 1); }

void pl_runs_up(pl_app *app, const char *args) { (void)args, move(app, -1); }

void pl_runs_page_down(pl_app *app, const char *args) { (void)args, move(app, page_of(app)); }

void pl_runs_page_up(pl_app *app, const char *args) { (void)args, move(app, -page_of(app)); }

void pl_runs_first(pl_app *app, const char *args) { (void)args, move(app, -(long)screen_of(app)->list.count); }

void pl_runs_last(pl_app *app, const char *args) { (void)args, move(app, (long)screen_of(app)->list.count); }

void pl_runs_mark(pl_app *app, const char *args) {
  (void)args;
  runs_screen *self = screen_of(app);
  const pl_run_summary *run = row_run(self, self->table.selected);
  if (run == NULL) return;
  const int at = mark_of(self, run);
  int place = at;
  for (int i = 0; i < COMPARE_MAX && place < 0; i++) {
    if (self->marked[i][0] == '\0') place = i;
  }
  if (place < 0) {
    pl_app_say(app, "%d runs are marked already; u takes all marks away", COMPARE_MAX);
    return;
  }
  if (at >= 0) {
    self->marked[at][0] = '\0';
  } else {
    (void)pl_copy_text(self->marked[place], sizeof self->marked[place], run->folder);
  }
  move(app, 1);
}

void pl_runs_unmark(pl_app *app, const char *args) {
  (void)args;
  runs_screen *self = screen_of(app);
  memset(self->marked, 0, sizeof self->marked);
  ask_chart(self);
}

void pl_runs_pin(pl_app *app, const char *args) {
  (void)args;
  runs_screen *self = screen_of(app);
  const pl_run_summary *run = row_run(self, self->table.selected);
  if (run == NULL) return;
  const bool off = strcmp(self->baseline, run->folder) == 0;
  (void)pl_copy_text(self->baseline, sizeof self->baseline, off ? "" : run->folder);
  pl_app_say(app, off ? "%s is no longer the baseline" : "%s is the baseline: delta is the difference to its best",
             run->name);
  ask_chart(self);
}

void pl_runs_metric(pl_app *app, const char *args) {
  runs_screen *self = screen_of(app);
  if (args[0] == '\0') {
    self->metric = pl_run_metric_name(self->metric + 1) != NULL ? self->metric + 1 : 0;
  } else {
    size_t i = 0;
    while (pl_run_metric_name(i) != NULL && strcmp(pl_run_metric_name(i), args) != 0) i++;
    if (pl_run_metric_name(i) == NULL) {
      pl_app_say(app, "there is no curve '%s'; t goes through them", args);
      app->message_bad = true;
      return;
    }
    self->metric = i;
  }
  ask_chart(self);
}

void pl_runs_axis(pl_app *app, const char *args) {
  (void)args;
  runs_screen *self = screen_of(app);
  self->log_axis = !self->log_axis;
  ask_chart(self);
}

void pl_runs_open(pl_app *app, const char *args) {
  (void)args;
  runs_screen *self = screen_of(app);
  const pl_run_summary *run = row_run(self, self->table.selected);
  if (run == NULL) return;
  const unsigned what = pl_model_select_folder(app->model, run->folder);
  pl_app_open_screen(app, &pl_screen_train);
  pl_app_tell(app, what);
}

static void mouse(pl_app *app, void *data, const pl_mouse *event) {
  runs_screen *self = data;
  size_t row = 0;
  if (event->kind == PL_MOUSE_WHEEL_UP || event->kind == PL_MOUSE_WHEEL_DOWN) {
    move(app, event->kind == PL_MOUSE_WHEEL_UP ? -1 : 1);
    return;
  }
  if (event->kind != PL_MOUSE_PRESS || !pl_table_row_at(&row, &self->table, layout_of(app).table, event->y, event->x)) {
    return;
  }
  if (event->button == 1 && row == self->table.selected) {
    pl_runs_open(app, "");
    return;
  }
  pl_table_select(&self->table, row);
  if (event->button == 3) pl_runs_mark(app, "");
  ask_chart(self);
}

const pl_screen pl_screen_runs = {
    .name = "runs",
    .title = "Runs",
    .digit = "5",
    .open = open_screen,
    .close = close_screen,
    .changed = changed,
    .draw = draw,
    .mouse = mouse,
};
