#include "tui/screens/plots.h"

#include <string.h>

#include "core/base/num.h"
#include "tui/plot.h"
#include "tui/screens/runs.h"
#include "tui/screens/train.h"

static bool on_runs(const pl_app *app) { return pl_screens[app->active] == &pl_screen_runs; }

static pl_plot *plot_of(pl_app *app) { return on_runs(app) ? pl_runs_plot(app) : pl_train_plot(app); }

static void changed(pl_app *app) {
  if (on_runs(app)) {
    pl_runs_charts_changed(app);
  } else {
    pl_train_charts_changed(app);
  }
}

// ---- Axes

void pl_plots_x_axis(pl_app *app, const char *args) {
  pl_plot *plot = plot_of(app);
  pl_axis axis = (pl_axis)((plot->axis + 1) % PL_AXES);
  for (pl_axis i = 0; args[0] != '\0' && i <= PL_AXES; i++) {
    if (i == PL_AXES) {
      pl_app_say(app, "there is no axis '%s': epoch, step, time or active", args);
      app->message_bad = true;
      return;
    }
    axis = i;
    if (strcmp(args, pl_axis_name(i)) == 0) break;
  }
  pl_plot_set_axis(plot, axis);
  static const char *const words[PL_AXES] = {"epochs", "steps", "time since the run began",
                                             "time of work, pauses left out"};
  pl_app_say(app, "x: %s", words[axis]);
  changed(app);
}

void pl_plots_log_x(pl_app *app, const char *args) {
  (void)args;
  pl_plot *plot = plot_of(app);
  plot->log_x = !plot->log_x;
  plot->zoomed = false;
  pl_app_say(app, "x axis %s", plot->log_x ? "logarithmic" : "linear");
  changed(app);
}

void pl_plots_log_y(pl_app *app, const char *args) {
  (void)args;
  pl_plot *plot = plot_of(app);
  plot->log_y = !plot->log_y;
  pl_app_say(app, "y axis %s", plot->log_y ? "logarithmic" : "linear");
  changed(app);
}

// ---- Smoothing

static const double weights[] = {0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, PL_CURVE_SMOOTHING_MAX};
enum { WEIGHTS = sizeof weights / sizeof weights[0] };

static void set_smoothing(pl_app *app, double weight) {
  plot_of(app)->smoothing = weight;
  pl_app_say(app, weight > 0 ? "smoothed by %g, over a shadow of the values" : "not smoothed", weight);
  changed(app);
}

void pl_plots_smooth(pl_app *app, const char *args) {
  double weight = 0;
  if (args[0] != '\0') {
    if (!pl_parse_double(&weight, args, strlen(args)) || weight < 0 || weight > PL_CURVE_SMOOTHING_MAX) {
      pl_app_say(app, "smoothing is a weight from 0 to %g, not '%s'", PL_CURVE_SMOOTHING_MAX, args);
      app->message_bad = true;
      return;
    }
  } else {
    size_t i = 0;
    while (i + 1 < WEIGHTS && weights[i] <= plot_of(app)->smoothing) i++;
    weight = weights[i];
  }
  set_smoothing(app, weight);
}

void pl_plots_rough(pl_app *app, const char *args) {
  (void)args;
  size_t i = WEIGHTS - 1;
  while (i > 0 && weights[i] >= plot_of(app)->smoothing) i--;
  set_smoothing(app, weights[i]);
}

// ---- Cursor and zoom

static const double step = 0.01, leap = 0.1, pan = 0.25, zoom = 1.5;

// Chosen previews take these keys for epochs and cases.
static bool on_previews(pl_app *app, int epochs, int cases) {
  return !on_runs(app) && pl_train_step_previews(app, epochs, cases);
}

static void move(pl_app *app, double share) {
  pl_plot_move_cursor(plot_of(app), share);
  changed(app);
}

void pl_plots_left(pl_app *app, const char *args) {
  (void)args;
  if (!on_previews(app, 0, -1)) move(app, -step);
}

void pl_plots_right(pl_app *app, const char *args) {
  (void)args;
  if (!on_previews(app, 0, 1)) move(app, step);
}

void pl_plots_far_left(pl_app *app, const char *args) { (void)args, move(app, -leap); }

void pl_plots_far_right(pl_app *app, const char *args) { (void)args, move(app, leap); }

void pl_plots_zoom_in(pl_app *app, const char *args) {
  (void)args;
  pl_plot_zoom(plot_of(app), zoom, pl_plot_centre(plot_of(app)));
  changed(app);
}

void pl_plots_zoom_out(pl_app *app, const char *args) {
  (void)args;
  pl_plot_zoom(plot_of(app), 1 / zoom, pl_plot_centre(plot_of(app)));
  changed(app);
}

void pl_plots_earlier(pl_app *app, const char *args) {
  (void)args;
  if (on_previews(app, -1, 0)) return;
  pl_plot_pan(plot_of(app), -pan);
  changed(app);
}

void pl_plots_later(pl_app *app, const char *args) {
  (void)args;
  if (on_previews(app, 1, 0)) return;
  pl_plot_pan(plot_of(app), pan);
  changed(app);
}

void pl_plots_all(pl_app *app, const char *args) {
  (void)args;
  pl_plot_reset(plot_of(app));
  changed(app);
}
