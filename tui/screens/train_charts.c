#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/str.h"
#include "tui/screens/train_private.h"
#include "viewers/colormap.h"

// ---- Which charts there are

static bool fits_filter(const char *filter, const char *chart) {
  if (filter[0] == '\0' || strcasestr(chart, filter) != NULL) return true;
  for (size_t i = 0; i < pl_metric_count; i++) {
    const pl_metric *m = &pl_metric_table[i];
    if (strcmp(m->chart, chart) == 0 && (strcasestr(m->name, filter) != NULL || strcasestr(m->label, filter) != NULL)) {
      return true;
    }
  }
  return false;
}

static const char previews_name[] = "previews";

// Previews are third, so that they stand beside loss and dice where there is room for three.
static size_t add_previews(const char *names[PL_METRICS_MAX], size_t count, const pl_train *self, const char *filter) {
  const bool fits = filter[0] == '\0' || strcasestr(previews_name, filter) != NULL;
  if (!fits || self->app->model->run == NULL || count == PL_METRICS_MAX || !pl_preview_strip_has(self->previews))
    return count;
  const size_t at = count < 2 ? count : 2;
  memmove(&names[at + 1], &names[at], (count - at) * sizeof names[0]);
  names[at] = previews_name;
  return count + 1;
}

// The names of the charts of which the run tells something, in the table's order. The first two are always there.
static size_t find_charts(const char *names[PL_METRICS_MAX], const pl_train *self, const char *filter) {
  const pl_run_view *run = self->app->model->run;
  size_t count = 0, seen = 0;
  const char *last = NULL;
  for (size_t i = 0; run != NULL && i < pl_metric_count; i++) {
    const pl_metric *m = &pl_metric_table[i];
    if (last != m->chart && (last == NULL || strcmp(last, m->chart) != 0)) seen++;
    last = m->chart;
    if (count > 0 && strcmp(names[count - 1], m->chart) == 0) continue;
    if (!fits_filter(filter, m->chart) || (seen > 2 && !pl_metric_is_told(i, &run->journal))) continue;
    names[count++] = m->chart;
  }
  return add_previews(names, count, self, filter);
}

static size_t index_of(const char *const *names, size_t count, const char *name) {
  for (size_t i = 0; i < count && name != NULL; i++) {
    if (strcmp(names[i], name) == 0) return i;
  }
  return 0;
}

bool pl_train_on_previews(const pl_train *self) {
  return self->previews_at >= 0 && self->chosen != NULL && strcmp(self->chosen, previews_name) == 0;
}

pl_train_layout pl_train_layout_of(const pl_train *self) {
  const char *names[PL_METRICS_MAX];
  return pl_layout_train(pl_app_body(self->app), (int)find_charts(names, self, self->filter), self->large);
}

// ---- What is in them

static void fill(pl_plot_content *content, pl_train *self, const char *chart) {
  const pl_run_view *run = self->app->model->run;
  const pl_curves_wanted wanted = {.journal = &run->journal,
                                   .steps_per_epoch = pl_steps_per_epoch(&run->state, &run->journal),
                                   .axis = self->plot.axis,
                                   .smoothing = self->plot.smoothing};
  *content = (pl_plot_content){.title = chart};
  for (size_t i = 0; i < pl_metric_count && content->count < PL_PLOT_LINES_MAX; i++) {
    const pl_metric *m = &pl_metric_table[i];
    if (strcmp(m->chart, chart) != 0) continue;
    // Terms that the loss has not are not named; what is always there says that it is not known yet.
    if (m->step != NULL && strcmp(m->chart, "loss") != 0 && !pl_metric_is_told(i, &run->journal)) continue;
    if (m->epoch != NULL && strcmp(m->chart, "valid terms") == 0 && !pl_metric_is_told(i, &run->journal)) continue;
    pl_plot_line *line = &content->lines[content->count];
    (void)pl_copy_text(line->label, sizeof line->label, m->label);
    line->colour = pl_colour_series(content->count++);
    line->curve = pl_run_curves_get(&self->curves, i, &wanted);
    content->share = content->share || m->share;
  }
  if (strcmp(chart, "dice") == 0 && run->journal.epoch_count > 0) {
    content->reference = "nothing";
    content->reference_value = run->journal.epochs[run->journal.epoch_count - 1].nothing;
  }
}

// Where the previews are among the charts that are shown, and their picture.
static void ask_previews(pl_train *self, const char *const *names, size_t count, size_t chosen,
                         const pl_train_layout *layout) {
  const size_t shown = (size_t)layout->chart_count;
  self->previews_at = -1;
  for (size_t i = 0; i < shown; i++) {
    const size_t index = chosen / shown * shown + i;
    if (index < count && names[index] == previews_name) self->previews_at = (int)i;
  }
  const pl_area area = self->previews_at >= 0 ? layout->charts[self->previews_at] : (pl_area){0};
  pl_preview_strip_update(self->previews, self->app->model->run->folder, area, pl_train_on_previews(self));
}

void pl_train_ask_charts(pl_train *self) {
  self->readout[0] = '\0';
  self->previews_at = -1;
  // Where nobody looks nothing is drawn; the screen is told when it is switched to, and when the form closes.
  if (self->app->model->run == NULL || pl_screens[self->app->active] != &pl_screen_train || self->form_open) return;
  // Whether there are any, before places are given to charts.
  pl_preview_strip_update(self->previews, self->app->model->run->folder, (pl_area){0}, false);
  const char *names[PL_METRICS_MAX];
  pl_plot_content contents[PL_LAYOUT_CHARTS_MAX], loss;
  const size_t count = find_charts(names, self, self->filter), chosen = index_of(names, count, self->chosen);
  const pl_train_layout layout = pl_train_layout_of(self);
  const size_t shown = (size_t)layout.chart_count;
  ask_previews(self, names, count, chosen, &layout);
  if (shown == 0) return;
  // All charts reach as far as the losses do, also those that are told once an epoch.
  fill(&loss, self, "loss");
  pl_plot_uncover(&self->plot);
  pl_plot_cover(&self->plot, &loss);
  const size_t first = chosen / shown * shown;
  for (size_t i = 0; i < shown && first + i < count; i++) {
    fill(&contents[i], self, names[first + i]);
    if ((int)i == self->previews_at) continue;
    contents[i].marked = count > 1 && !self->large && first + i == chosen && self->chosen != NULL;
    pl_plot_cover(&self->plot, &contents[i]);
  }
  for (size_t i = 0; i < shown; i++) {
    if (first + i < count && (int)i != self->previews_at) {
      pl_pane_make(&self->panes[i], &self->plot, &contents[i], layout.charts[i]);
    } else {
      pl_pane_clear(&self->panes[i]);
    }
  }
  pl_plot_readout(self->readout, sizeof self->readout, &self->plot, contents,
                  count - first < shown ? count - first : shown);
}

void pl_train_open_charts(pl_train *self) {
  for (int i = 0; i < PL_LAYOUT_CHARTS_MAX; i++) {
    self->panes[i] = (pl_pane){.app = self->app};
  }
}

void pl_train_forget_charts(pl_train *self) {
  for (int i = 0; i < PL_LAYOUT_CHARTS_MAX; i++) pl_pane_clear(&self->panes[i]);
  pl_run_curves_clear(&self->curves);
  self->plot.zoomed = self->plot.cursor_on = false;
}

// ---- Commands

pl_plot *pl_train_plot(pl_app *app) { return &pl_train_of(app)->plot; }

void pl_train_charts_changed(pl_app *app) { pl_train_ask_charts(pl_train_of(app)); }

void pl_train_chart(pl_app *app, const char *args) {
  pl_train *self = pl_train_of(app);
  const char *names[PL_METRICS_MAX];
  const size_t count = find_charts(names, self, self->filter);
  if (count == 0) return;
  if (args[0] == '\0') {
    self->chosen = names[self->chosen == NULL ? 0 : (index_of(names, count, self->chosen) + 1) % count];
  } else {
    size_t i = 0;
    while (i < count && strcmp(names[i], args) != 0) i++;
    if (i == count) {
      pl_app_say(app, "there is no chart '%s' here; t goes through them", args);
      app->message_bad = true;
      return;
    }
    self->chosen = names[i];
  }
  pl_train_ask_charts(self);
}

static void filter_entered(pl_app *app, const char *text) {
  pl_train *self = pl_train_of(app);
  const char *names[PL_METRICS_MAX];
  text += strspn(text, " ");
  if (find_charts(names, self, text) == 0) {
    pl_app_say(app, "no chart or curve of this run is called '%s'", text);
    app->message_bad = true;
    return;
  }
  (void)pl_copy_text(self->filter, sizeof self->filter, text);
  self->chosen = NULL;
  for (int i = 0; i < PL_LAYOUT_CHARTS_MAX; i++) pl_pane_clear(&self->panes[i]);
  pl_app_tell(app, PL_CHANGED_LAYOUT);
}

void pl_train_filter(pl_app *app, const char *args) {
  if (args[0] != '\0') {
    filter_entered(app, strcmp(args, "all") == 0 ? "" : args);
  } else {
    pl_prompt_open(app, "charts with: ", pl_complete_curves, pl_train_of(app)->filter, filter_entered);
  }
}

void pl_train_show_previews(pl_app *app, const char *args) {
  (void)args;
  pl_train *self = pl_train_of(app);
  if (!pl_preview_strip_has(self->previews)) {
    pl_app_say(app, "this run predicts no cases while it trains; its option previews says how many");
    return;
  }
  const bool there = pl_train_on_previews(self);
  self->filter[0] = '\0';
  self->chosen = there ? NULL : previews_name;
  self->large = !there;
  for (int i = 0; i < PL_LAYOUT_CHARTS_MAX; i++) pl_pane_clear(&self->panes[i]);
  pl_app_tell(app, PL_CHANGED_LAYOUT);
}

bool pl_train_step_previews(pl_app *app, int epochs, int cases) {
  pl_train *self = pl_train_of(app);
  if (!pl_train_on_previews(self)) return false;
  if (epochs != 0) pl_preview_strip_step(self->previews, epochs);
  if (cases != 0) pl_preview_strip_select(self->previews, cases);
  pl_train_ask_charts(self);
  return true;
}

void pl_train_enlarge(pl_train *self) {
  const char *names[PL_METRICS_MAX];
  const size_t count = find_charts(names, self, self->filter);
  if (count == 0) return;
  if (self->chosen == NULL) self->chosen = names[0];
  self->large = !self->large;
  for (int i = 0; i < PL_LAYOUT_CHARTS_MAX; i++) pl_pane_clear(&self->panes[i]);
  pl_app_tell(self->app, PL_CHANGED_LAYOUT);
}

bool pl_train_leave_charts(pl_train *self) {
  if (self->plot.cursor_on) {
    self->plot.cursor_on = false;
  } else if (self->large) {
    pl_train_enlarge(self);
  } else if (self->plot.zoomed) {
    pl_plot_reset(&self->plot);
  } else {
    return false;
  }
  pl_train_ask_charts(self);
  return true;
}

// ---- Mouse

static bool is_in(pl_area area, const pl_mouse *event) {
  return event->y >= area.y && event->y < area.y + area.rows && event->x >= area.x && event->x < area.x + area.cols;
}

bool pl_train_mouse_charts(pl_train *self, const pl_mouse *event) {
  const bool began = event->kind == PL_MOUSE_DRAG || event->kind == PL_MOUSE_RELEASE;
  if (began && self->plot.held != 0) {
    // Where it was pressed, wherever it is now.
    const pl_chart_axis axis = self->plot.held_axis;
    if (pl_plot_mouse(&self->plot, &axis, self->plot.held_area, event)) pl_train_ask_charts(self);
    return true;
  }
  const pl_train_layout layout = pl_train_layout_of(self);
  const pl_area previews = self->previews_at >= 0 ? layout.charts[self->previews_at] : (pl_area){0};
  if (!began && is_in(previews, event)) {
    if (event->kind == PL_MOUSE_WHEEL_UP) pl_preview_strip_step(self->previews, -1);
    if (event->kind == PL_MOUSE_WHEEL_DOWN) pl_preview_strip_step(self->previews, 1);
    bool again = false;
    const bool was_chosen = pl_train_on_previews(self);
    if (event->kind == PL_MOUSE_PRESS && pl_preview_strip_select_at(self->previews, event->y, event->x, &again)) {
      self->chosen = previews_name;
    }
    pl_train_ask_charts(self);
    if (again && was_chosen) pl_preview_strip_open_case(self->previews);
    return true;
  }
  for (int i = 0; i < layout.chart_count && !began; i++) {
    const pl_pane *pane = &self->panes[i];
    if (!is_in(layout.charts[i], event) || pane->picture.serial == 0) continue;
    if (pl_plot_mouse(&self->plot, &pane->axis, layout.charts[i], event)) pl_train_ask_charts(self);
    return true;
  }
  return false;
}
