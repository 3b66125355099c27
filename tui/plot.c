#include "tui/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "tui/words.h"

static const double SMALLEST_STRETCH = 1e-6;  // of the whole

// ---- The stretch of x

void pl_plot_uncover(pl_plot *plot) {
  plot->whole_min = INFINITY;
  plot->whole_max = -INFINITY;
}

void pl_plot_cover(pl_plot *plot, const pl_plot_content *content) {
  for (size_t i = 0; i < content->count; i++) {
    double first = 0, last = 0;
    if (!pl_curve_extent(&first, &last, content->lines[i].curve, plot->log_x)) continue;
    // Every axis begins at 0, so that all charts do.
    plot->whole_min = fmin(plot->whole_min, plot->log_x ? first : fmin(first, 0));
    plot->whole_max = fmax(plot->whole_max, last);
  }
}

static bool has_stretch(const pl_plot *plot) { return plot->whole_max > plot->whole_min; }

static double shown_min(const pl_plot *plot) {
  const double low = plot->zoomed ? plot->x_min : plot->whole_min;
  return plot->log_x ? fmax(low, plot->whole_min) : low;
}

static double shown_max(const pl_plot *plot) { return plot->zoomed ? plot->x_max : plot->whole_max; }

// x as something in which equal distances look equal, and back.
static double even(const pl_plot *plot, double x) { return plot->log_x ? log(x) : x; }

static double uneven(const pl_plot *plot, double even_x) { return plot->log_x ? exp(even_x) : even_x; }

static void show(pl_plot *plot, double low, double high) {
  const double least = even(plot, plot->whole_min), most = even(plot, plot->whole_max);
  double width = fmin(high - low, most - least);
  if (!(width >= (most - least) * SMALLEST_STRETCH)) return;
  low = fmin(fmax(low, least), most - width);
  plot->zoomed = width < (most - least) * (1 - 1e-9);
  plot->x_min = uneven(plot, low);
  plot->x_max = uneven(plot, low + width);
}

void pl_plot_zoom(pl_plot *plot, double factor, double x) {
  if (!has_stretch(plot)) return;
  const double low = even(plot, shown_min(plot)), high = even(plot, shown_max(plot));
  const double fixed = fmin(fmax(even(plot, x), low), high), width = (high - low) / factor;
  const double start = fixed - (fixed - low) / factor;
  show(plot, start, start + width);
}

void pl_plot_pan(pl_plot *plot, double share) {
  if (!has_stretch(plot)) return;
  const double low = even(plot, shown_min(plot)), high = even(plot, shown_max(plot)), by = share * (high - low);
  show(plot, low + by, high + by);
}

void pl_plot_reset(pl_plot *plot) { plot->zoomed = false; }

void pl_plot_set_axis(pl_plot *plot, pl_axis axis) {
  // Places on one axis mean nothing on another.
  plot->zoomed = plot->cursor_on = false;
  plot->held = 0;
  plot->axis = axis;
}

void pl_plot_move_cursor(pl_plot *plot, double share) {
  if (!has_stretch(plot)) return;
  const double low = even(plot, shown_min(plot)), high = even(plot, shown_max(plot));
  double at = plot->cursor_on ? even(plot, plot->cursor) + share * (high - low) : high;
  at = fmin(fmax(at, low), high);
  plot->cursor_on = true;
  plot->cursor = uneven(plot, at);
}

double pl_plot_centre(const pl_plot *plot) {
  if (plot->cursor_on) return plot->cursor;
  return uneven(plot, (even(plot, shown_min(plot)) + even(plot, shown_max(plot))) / 2);
}

bool pl_plot_mouse(pl_plot *plot, const pl_chart_axis *axis, pl_area area, const pl_mouse *event) {
  // By what is shown now: the picture may be of a moment ago.
  const double share = (event->x + 0.5 - area.x - axis->left) / fmax(1, axis->right - axis->left);
  const double low = even(plot, shown_min(plot)), high = even(plot, shown_max(plot));
  const double x = uneven(plot, low + share * (high - low));
  switch (event->kind) {
    case PL_MOUSE_WHEEL_UP: pl_plot_zoom(plot, 1.25, x); return true;
    case PL_MOUSE_WHEEL_DOWN: pl_plot_zoom(plot, 1 / 1.25, x); return true;
    case PL_MOUSE_PRESS:
      plot->held = event->button;
      plot->held_axis = *axis;
      plot->held_area = area;
      plot->held_at = event->x;
      break;
    case PL_MOUSE_DRAG: break;
    case PL_MOUSE_RELEASE: plot->held = 0; return false;
  }
  if (plot->held == 1 && has_stretch(plot)) {
    plot->cursor_on = true;
    plot->cursor = fmin(fmax(x, shown_min(plot)), shown_max(plot));
    return true;
  }
  if (plot->held == 3 && event->kind == PL_MOUSE_DRAG) {
    pl_plot_pan(plot, (plot->held_at - event->x) / fmax(1, axis->right - axis->left));
    plot->held_at = event->x;
    return true;
  }
  return false;
}

// ---- Words

static bool is_time(const pl_plot *plot) { return plot->axis == PL_AXIS_TIME || plot->axis == PL_AXIS_ACTIVE; }

static void describe_x(char *out, size_t size, const pl_plot *plot) {
  char words[32];
  if (is_time(plot)) {
    pl_words_duration(words, sizeof words, plot->cursor);
  } else {
    snprintf(words, sizeof words, "%.*f", plot->axis == PL_AXIS_STEP ? 0 : 2, plot->cursor);
  }
  snprintf(out, size, "%s %s:", pl_axis_name(plot->axis), words);
}

// What a curve says at the cursor; nothing where it has not come yet, or ended long before.
static bool read_at(pl_curve_point *raw, pl_curve_point *smooth, const pl_plot *plot, const pl_curve *curve) {
  static const double NEAR = 0.05;  // of what is shown
  if (!plot->cursor_on || !pl_curve_at(raw, smooth, curve, plot->cursor)) return false;
  double first = 0, last = 0;
  (void)pl_curve_extent(&first, &last, curve, plot->log_x);
  if (plot->cursor >= first && plot->cursor <= last) return true;
  return fabs(even(plot, raw->x) - even(plot, plot->cursor)) <=
         NEAR * (even(plot, shown_max(plot)) - even(plot, shown_min(plot)));
}

void pl_plot_readout(char *out, size_t size, const pl_plot *plot, const pl_plot_content *contents, size_t count) {
  out[0] = '\0';
  if (!plot->cursor_on) return;
  describe_x(out, size, plot);
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < contents[i].count; k++) {
      pl_curve_point raw, smooth;
      char value[32], smoothed[32];
      const size_t used = strlen(out);
      if (!read_at(&raw, &smooth, plot, contents[i].lines[k].curve)) continue;
      pl_words_number(value, sizeof value, raw.y);
      pl_words_number(smoothed, sizeof smoothed, smooth.y);
      const bool both = plot->smoothing > 0;
      snprintf(out + used, size - used, "  %s %s%s%s%s", contents[i].lines[k].label, value, both ? " (" : "",
               both ? smoothed : "", both ? ")" : "");
    }
  }
}

// ---- Pictures

// Everything that a job needs and gives, by value.
typedef struct pl_pane_job {
  char title[PL_PLOT_TITLE_SIZE], reference_label[PL_PLOT_LABEL_SIZE];
  char labels[PL_PLOT_LINES_MAX][PL_PLOT_LABEL_SIZE];
  pl_curve_trace traces[PL_PLOT_LINES_MAX];
  pl_curve_series series[PL_PLOT_LINES_MAX];
  pl_curve_reference reference;
  pl_curve_chart chart;
  pl_picture_format format;
  pl_area area;
  uint64_t serial;
  pl_picture picture;
  pl_chart_axis axis;
  pl_status status;
} pl_pane_job;

static void job_free(void *data) {
  pl_pane_job *job = data;
  for (size_t i = 0; i < PL_PLOT_LINES_MAX; i++) pl_curve_trace_clear(&job->traces[i]);
  pl_picture_clear(&job->picture);
  free(job);
}

static void work(void *data) {
  pl_pane_job *job = data;
  job->status = pl_chart_make(&job->picture, &job->axis, &job->chart, &job->format, job->area, job->serial, NULL);
}

static void submit(pl_pane *pane, pl_pane_job *job);

static void done(void *owner, void *data) {
  pl_pane *pane = owner;
  pl_pane_job *job = data;
  pane->busy = false;
  if (job->status == PL_OK) {
    pl_picture_clear(&pane->picture);
    pane->picture = job->picture;
    pane->area = job->area;
    pane->axis = job->axis;
    job->picture = (pl_picture){0};
  }
  job_free(job);
  pane->app->dirty = true;
  pl_pane_job *next = pane->next;
  pane->next = NULL;
  if (next != NULL) submit(pane, next);
}

static void add_line(pl_pane_job *job, const pl_plot *plot, const pl_plot_line *line, size_t columns) {
  const size_t at = job->chart.series_count++;
  const pl_curve_window window = {
      .x_min = job->chart.x_min, .x_max = job->chart.x_max, .logarithmic = plot->log_x, .columns = columns};
  pl_curve_trace *trace = &job->traces[at];
  if (job->chart.x_range_set) pl_curve_trace_make(trace, line->curve, &window);
  (void)pl_copy_text(job->labels[at], sizeof job->labels[at], line->label);
  job->series[at] = (pl_curve_series){.label = job->labels[at],
                                      .colour = line->colour,
                                      .points = trace->line,
                                      .count = trace->line_count,
                                      .shadow = trace->shadow,
                                      .shadow_count = trace->shadow_count,
                                      .bands = trace->bands,
                                      .band_count = trace->band_count};
  pl_curve_point raw, smooth;
  job->series[at].value_set = plot->cursor_on;
  job->series[at].value = read_at(&raw, &smooth, plot, line->curve) ? raw.y : (double)NAN;
}

static void name_axis(pl_curve_chart *chart, const pl_plot *plot) {
  static const struct {
    double seconds;
    const char *idle, *name;
  } units[] = {{3600, "active hours", "hours"}, {60, "active minutes", "minutes"}, {1, "active seconds", "seconds"}};
  chart->x_label = pl_axis_name(plot->axis);
  if (!is_time(plot)) return;
  size_t i = 0;
  while (i < 2 && chart->x_max < 2 * units[i].seconds) i++;
  chart->x_unit = units[i].seconds;
  chart->x_label = plot->axis == PL_AXIS_ACTIVE ? units[i].idle : units[i].name;
}

static void name_chart(pl_pane_job *job, const pl_plot *plot, const pl_plot_content *content) {
  char smooth[32] = "";
  if (plot->smoothing > 0) snprintf(smooth, sizeof smooth, " ~%g", plot->smoothing);
  snprintf(job->title, sizeof job->title, "%s%s%s%s", content->marked ? "> " : "", content->title, smooth,
           plot->log_y ? " log" : "");
  job->chart.title = job->title;
}

static pl_pane_job *make_job(const pl_pane *pane, const pl_plot *plot, const pl_plot_content *content, pl_area area) {
  pl_pane_job *job = pl_xcalloc(1, sizeof *job);
  job->format = pane->app->format;
  job->area = area;
  job->chart = (pl_curve_chart){.series = job->series,
                                .x_range_set = has_stretch(plot),
                                .x_min = shown_min(plot),
                                .x_max = shown_max(plot),
                                .log_x = plot->log_x,
                                .log_y = plot->log_y,
                                .y_range_set = content->share && !plot->log_y,
                                .y_max = 1,
                                .cursor_set = plot->cursor_on,
                                .cursor_x = plot->cursor};
  if (!job->chart.x_range_set && plot->whole_max == plot->whole_min) {
    // One value, or several at one place.
    job->chart.x_range_set = true;
    job->chart.x_max = plot->log_x ? 2 * plot->whole_max : plot->whole_max + 1;
  }
  name_axis(&job->chart, plot);
  name_chart(job, plot, content);
  const unsigned cell = job->format.graphics == PL_GRAPHICS_SIXEL ? job->format.caps.cell_width : 2;
  for (size_t i = 0; i < content->count; i++) add_line(job, plot, &content->lines[i], (size_t)area.cols * cell);
  if (content->reference != NULL) {
    (void)pl_copy_text(job->reference_label, sizeof job->reference_label, content->reference);
    job->reference = (pl_curve_reference){job->reference_label, content->reference_value};
    job->chart.references = &job->reference;
    job->chart.reference_count = 1;
  }
  return job;
}

static void submit(pl_pane *pane, pl_pane_job *job) {
  pane->busy = true;
  job->serial = ++pane->app->next_serial;
  pl_jobs_submit(pane->app->jobs, &(pl_job){.work = work, .done = done, .drop = job_free, .owner = pane, .data = job});
}

void pl_pane_make(pl_pane *pane, const pl_plot *plot, const pl_plot_content *content, pl_area area) {
  if (pl_area_empty(area) || pane->app->format.graphics == PL_GRAPHICS_NONE) return;
  pl_pane_job *job = make_job(pane, plot, content, area);
  if (!pane->busy) {
    submit(pane, job);
    return;
  }
  if (pane->next != NULL) job_free(pane->next);
  pane->next = job;
}

void pl_pane_draw(const pl_pane *pane, const pl_canvas *canvas, pl_area area) {
  const bool fits = pane->area.rows == area.rows && pane->area.cols == area.cols && !pl_area_empty(area);
  if (fits && pane->picture.serial != 0) pl_imgslots_want(canvas->slots, canvas, area, &pane->picture);
}

void pl_pane_clear(pl_pane *pane) {
  pl_jobs_cancel(pane->app->jobs, pane);
  pl_picture_clear(&pane->picture);
  pane->area = (pl_area){0};
  if (pane->next != NULL) job_free(pane->next);
  pane->next = NULL;
  pane->busy = false;
}
