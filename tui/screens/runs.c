#include "tui/screens/runs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "tui/screens/runs_private.h"
#include "tui/screens/train.h"

enum { OPTION_COLS = 17, VALUE_COLS_MIN = 9, VALUE_COLS_MAX = 20 };

pl_runs *pl_runs_of(pl_app *app) { return pl_app_self(app, "runs"); }

bool pl_runs_active(const pl_runs *self) { return pl_screens[self->app->active] == &pl_screen_runs; }

pl_runs_layout pl_runs_layout_of(const pl_app *app) { return pl_layout_runs(pl_app_body(app)); }

const pl_run_summary *pl_runs_row(const pl_runs *self, size_t row) {
  return row < self->shown ? &self->list.runs[self->order[row]] : NULL;
}

int pl_runs_mark_of(const pl_runs *self, const pl_run_summary *run) {
  for (int i = 0; i < PL_RUNS_MARKS; i++) {
    if (strcmp(self->marked[i], run->folder) == 0) return i;
  }
  return -1;
}

const pl_run_summary *pl_runs_baseline(const pl_runs *self) {
  for (size_t i = 0; i < self->list.count; i++) {
    if (strcmp(self->list.runs[i].folder, self->baseline) == 0) return &self->list.runs[i];
  }
  return NULL;
}

size_t pl_runs_compared(const pl_run_summary *out[PL_RUNS_COMPARED], const pl_runs *self) {
  const pl_run_summary *selected = pl_runs_row(self, self->table.selected);
  size_t count = 0;
  // In the order of the list: sorting changes no colours. What a filter hides is compared as well.
  for (size_t i = 0; i < self->list.count && count < PL_RUNS_COMPARED; i++) {
    const pl_run_summary *run = &self->list.runs[i];
    const bool wanted = run == selected || pl_runs_mark_of(self, run) >= 0 || strcmp(run->folder, self->baseline) == 0;
    if (wanted) out[count++] = run;
  }
  return count;
}

// ---- The screen

static void refresh(pl_runs *self) {
  pl_app *app = self->app;
  bool any = false;
  if (app->model->workspace == NULL || !pl_runs_active(self)) return;
  (void)pl_run_summaries_update(&self->list, app->model->workspace, &any, NULL);
  pl_runs_arrange(self);
  if (any) pl_runs_ask_chart(self);
}

static void *open_screen(pl_app *app) {
  pl_runs *self = pl_xcalloc(1, sizeof *self);
  self->app = app;
  self->follow = true;
  self->metric = pl_metric_find("dice_batch");
  self->pane = (pl_pane){.app = app};
  return self;
}

static void close_screen(pl_app *app, void *data) {
  (void)app;
  pl_runs *self = data;
  pl_runs_close_chart(self);
  pl_run_summaries_clear(&self->list);
  free(self->order);
  free(self);
}

static void changed(pl_app *app, void *data, unsigned what) {
  (void)app;
  pl_runs *self = data;
  if (!pl_runs_active(self)) return;
  refresh(self);
  if ((what & PL_CHANGED_LAYOUT) != 0) pl_runs_ask_chart(self);
}

// ---- Drawing

static const pl_table_column columns[PL_RUNS_COLUMNS] = {
    [PL_RUNS_MARK] = {.title = "", .cols = 2},
    [PL_RUNS_NAME] = {.title = "run", .cols = 18},
    [PL_RUNS_PHASE] = {.title = "state", .cols = 10},
    [PL_RUNS_ENCODER] = {.title = "encoder", .cols = 19},
    [PL_RUNS_SIZE] = {.title = "size", .cols = 5, .right = true},
    [PL_RUNS_FOLD] = {.title = "fold", .cols = 4, .right = true},
    [PL_RUNS_EPOCH] = {.title = "epoch", .cols = 7, .right = true},
    [PL_RUNS_BEST] = {.title = "best", .cols = 7, .right = true},
    [PL_RUNS_AT] = {.title = "at", .cols = 4, .right = true},
    [PL_RUNS_DELTA] = {.title = "delta", .cols = 8, .right = true},
    [PL_RUNS_NOTE] = {.title = ""},
};

static void epoch_text(char *text, const pl_run_state *s) {
  if (s->epoch >= 0 && s->epochs >= 0) snprintf(text, PL_TABLE_CELL_SIZE, "%" PRId64 "/%" PRId64, s->epoch, s->epochs);
}

static pl_style phase_style(pl_phase phase) {
  if (phase == PL_PHASE_FAILED) return PL_STYLE_BAD;
  if (phase == PL_PHASE_PAUSED || phase == PL_PHASE_STOPPED) return PL_STYLE_WARN;
  return phase == PL_PHASE_FINISHED ? PL_STYLE_NORMAL : PL_STYLE_GOOD;
}

// What must be known when this run's score is compared with others: other labels, cases or folds; "" for nothing.
static void marks_text(char text[PL_TABLE_CELL_SIZE], const pl_runs *self, const pl_run_summary *run) {
  text[0] = '\0';
  if (run->info == NULL || !self->list.has_tables) return;
  pl_tables_marks(text, PL_TABLE_CELL_SIZE, run->info, &self->list.tables, self->app->model->manifest.labels);
}

static pl_style mark_text(char *text, const pl_runs *self, const pl_run_summary *run) {
  char marks[PL_TABLE_CELL_SIZE];
  marks_text(marks, self, run);
  snprintf(text, PL_TABLE_CELL_SIZE, "%s%s",
           pl_runs_mark_of(self, run) >= 0 ? "*"
           : marks[0] != '\0'              ? " "
                                           : "",
           marks[0] != '\0' ? "!" : "");
  return PL_STYLE_WARN;
}

static pl_style note_text(char *text, const pl_runs *self, const pl_run_summary *run) {
  const pl_run_summary *baseline = pl_runs_baseline(self);
  char marks[PL_TABLE_CELL_SIZE], why[PL_TABLE_CELL_SIZE] = "";
  marks_text(marks, self, run);
  if (baseline != NULL) pl_run_incomparable(why, sizeof why, baseline, run);
  const char *words = baseline == run ? "baseline" : why[0] != '\0' ? "not comparable: " : "";
  const char *between = words[0] != '\0' && marks[0] != '\0' ? "; " : "";
  snprintf(text, PL_TABLE_CELL_SIZE, "%.20s%.50s%s%.50s", words, why, between, marks);
  return marks[0] != '\0' || why[0] != '\0' ? PL_STYLE_WARN : PL_STYLE_LABEL;
}

// The difference to the baseline's best.
static pl_style delta_text(char *text, const pl_runs *self, const pl_run_summary *run) {
  const pl_run_summary *baseline = pl_runs_baseline(self);
  char why[PL_TABLE_CELL_SIZE] = "";
  int64_t epoch = -1;
  if (baseline == NULL) return PL_STYLE_DIM;
  pl_run_incomparable(why, sizeof why, baseline, run);
  const double delta = pl_run_summary_best(run, &epoch) - pl_run_summary_best(baseline, &epoch);
  if (baseline == run || why[0] != '\0' || !isfinite(delta)) return PL_STYLE_DIM;
  snprintf(text, PL_TABLE_CELL_SIZE, "%+.4f", delta);
  return delta >= 0 ? PL_STYLE_GOOD : PL_STYLE_BAD;
}

static pl_style cell_text(const void *context, size_t row, size_t column, char text[PL_TABLE_CELL_SIZE]) {
  const pl_runs *self = context;
  const pl_run_summary *run = pl_runs_row(self, row);
  int64_t epoch = -1;
  if (run == NULL) return PL_STYLE_NORMAL;
  const pl_config *config = run->info != NULL ? &run->info->config : NULL;
  switch ((pl_runs_column)column) {
    case PL_RUNS_MARK: return mark_text(text, self, run);
    case PL_RUNS_NAME: pl_safe_text(text, PL_TABLE_CELL_SIZE, run->name, strlen(run->name)); return PL_STYLE_STRONG;
    case PL_RUNS_PHASE:
      snprintf(text, PL_TABLE_CELL_SIZE, "%s", pl_phase_name(run->state.phase));
      return phase_style(run->state.phase);
    case PL_RUNS_ENCODER: snprintf(text, PL_TABLE_CELL_SIZE, "%s", config != NULL ? config->encoder : "?"); break;
    case PL_RUNS_SIZE:
      if (config != NULL) snprintf(text, PL_TABLE_CELL_SIZE, "%" PRId64, config->size);
      break;
    case PL_RUNS_FOLD:
      if (config != NULL) snprintf(text, PL_TABLE_CELL_SIZE, "%" PRId64, config->fold);
      break;
    case PL_RUNS_EPOCH: epoch_text(text, &run->state); break;
    case PL_RUNS_BEST:
      if (isfinite(pl_run_summary_best(run, &epoch))) {
        snprintf(text, PL_TABLE_CELL_SIZE, "%.4f", pl_run_summary_best(run, &epoch));
      }
      return PL_STYLE_STRONG;
    case PL_RUNS_AT:
      if (isfinite(pl_run_summary_best(run, &epoch))) snprintf(text, PL_TABLE_CELL_SIZE, "%" PRId64, epoch);
      break;
    case PL_RUNS_DELTA: return delta_text(text, self, run);
    default: return note_text(text, self, run);
  }
  return PL_STYLE_NORMAL;
}

static pl_table_view table_view(const pl_runs *self) {
  return (pl_table_view){.columns = columns,
                         .column_count = PL_RUNS_COLUMNS,
                         .sorted = self->sorted == PL_RUNS_MARK ? -1 : (int)self->sorted,
                         .descending = self->descending,
                         .selectable = true,
                         .cell = cell_text,
                         .context = self};
}

// The options in which the compared runs differ, a line each, with a column a run.
static void draw_options(const pl_runs *self, const pl_canvas *canvas, pl_area area) {
  const pl_run_summary *runs[PL_RUNS_COMPARED];
  const size_t count = pl_runs_compared(runs, self);
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

// The row between table and chart: the curves at the cursor, else which runs are hidden, and the selected one's marks.
static void draw_between(const pl_runs *self, const pl_canvas *canvas, pl_runs_layout layout) {
  const pl_area row = {layout.table.y + layout.table.rows, layout.table.x + 1, 1, layout.table.cols - 1};
  const char *name = NULL;
  const double share = pl_runs_reading(self, &name);
  if (pl_area_empty(layout.options)) return;
  if (isfinite(share)) {
    pl_canvas_printf(canvas, row.y, row.x, row.cols, PL_STYLE_DIM, "reading the journal of %s ... %.0f %%", name,
                     100 * share);
    return;
  }
  if (self->readout[0] != '\0') {
    pl_canvas_text(canvas, row.y, row.x, row.cols, PL_STYLE_STRONG, self->readout);
    return;
  }
  int x = row.x;
  if (self->filter[0] != '\0') {
    x += pl_canvas_printf(canvas, row.y, x, row.cols, PL_STYLE_LABEL, "filter: %s   %zu of %zu   ", self->filter,
                          self->shown, self->list.count);
  }
  const pl_run_summary *selected = pl_runs_row(self, self->table.selected);
  char marks[PL_TABLE_CELL_SIZE] = "";
  if (selected != NULL) marks_text(marks, self, selected);
  if (marks[0] != '\0') pl_canvas_printf(canvas, row.y, x, row.x + row.cols - x, PL_STYLE_WARN, "! %s", marks);
}

static void draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body) {
  const pl_runs *self = data;
  const pl_runs_layout layout = pl_runs_layout_of(app);
  if (self->list.count == 0) {
    pl_canvas_wrapped(canvas, pl_layout_centre(body, 2, 64), PL_STYLE_NORMAL,
                      "There is no run yet. S on screen Train starts one, or, in a shell: pleura train");
    return;
  }
  const pl_table_view view = table_view(self);
  pl_table_draw(&self->table, canvas, layout.table, &view);
  if (self->shown == 0) {
    pl_canvas_printf(canvas, layout.table.y + 1, layout.table.x + 1, layout.table.cols - 1, PL_STYLE_DIM,
                     "none of %zu runs fits the filter '%s'; f changes it", self->list.count, self->filter);
  }
  draw_between(self, canvas, layout);
  draw_options(self, canvas, layout.options);
  if (pl_area_empty(layout.chart)) return;
  pl_canvas_vline(canvas, layout.border, PL_STYLE_DIM);
  pl_pane_draw(&self->pane, canvas, layout.chart);
}

static bool is_in(pl_area area, const pl_mouse *event) {
  return event->y >= area.y && event->y < area.y + area.rows && event->x >= area.x && event->x < area.x + area.cols;
}

// True when the event was the chart's.
static bool mouse_chart(pl_runs *self, pl_area area, const pl_mouse *event) {
  const bool goes_on = event->kind == PL_MOUSE_DRAG || event->kind == PL_MOUSE_RELEASE;
  if (goes_on ? self->plot.held == 0 : !is_in(area, event) || self->pane.picture.serial == 0) return false;
  const pl_chart_axis axis = goes_on ? self->plot.held_axis : self->pane.axis;
  if (pl_plot_mouse(&self->plot, &axis, area, event)) pl_runs_ask_chart(self);
  return true;
}

static void mouse(pl_app *app, void *data, const pl_mouse *event) {
  pl_runs *self = data;
  const pl_runs_layout layout = pl_runs_layout_of(app);
  const pl_table_view view = table_view(self);
  size_t row = 0;
  if (mouse_chart(self, layout.chart, event)) return;
  if (event->kind == PL_MOUSE_WHEEL_UP || event->kind == PL_MOUSE_WHEEL_DOWN) {
    if (event->kind == PL_MOUSE_WHEEL_UP) pl_runs_up(app, "");
    if (event->kind == PL_MOUSE_WHEEL_DOWN) pl_runs_down(app, "");
    return;
  }
  if (event->kind != PL_MOUSE_PRESS) return;
  const int title = pl_table_title_at(layout.table, &view, event->y, event->x);
  if (title > PL_RUNS_MARK && title < PL_RUNS_NOTE) {
    if ((int)self->sorted == title) {
      pl_runs_reverse(app, "");
    } else {
      pl_runs_sort(app, columns[title].title);
    }
    return;
  }
  if (!pl_table_row_at(&row, &self->table, layout.table, event->y, event->x)) return;
  if (event->button == 1 && row == self->table.selected) {
    pl_runs_open(app, "");
    return;
  }
  pl_runs_select(self, row);
  if (event->button == 3) pl_runs_mark(app, "");
  pl_runs_ask_chart(self);
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
