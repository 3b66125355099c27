#include "viewers/view_curve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "viewers/colormap.h"
#include "viewers/draw.h"

enum { TICKS_MAX = 16, TICK_TEXT_MAX = 24 };

// Where things are and how numbers become pixels.
typedef struct layout {
  pl_rect plot;
  pl_curve_range range;  // y in logarithms when log_y
  bool log_y;
  int scale;
  size_t x_tick_count, y_tick_count;
  double x_ticks[TICKS_MAX], y_ticks[TICKS_MAX];
} layout;

static bool known_point(const pl_curve_chart *chart, pl_curve_point p) {
  // Numbers near the end of the double range would overflow in the differences below; they are no loss or step either.
  return fabs(p.x) < 1e15 && fabs(p.y) < 1e150 && !(chart->log_y && p.y <= 1e-150);
}

// ---- Ranges and ticks

static void widen(double *low, double *high, double value) {
  *low = fmin(*low, value);
  *high = fmax(*high, value);
}

// Room above and below, and something sensible around a single value. `log` works on factors.
static void pad_y(pl_curve_range *range, bool logarithmic) {
  double low = range->y_min, high = range->y_max;
  if (logarithmic) {
    double factor = high > low ? pow(high / low, 0.06) : 2;
    range->y_min = low / factor;
    range->y_max = high * factor;
    return;
  }
  double room = high > low ? 0.06 * (high - low) : (high == 0 ? 1 : 0.1 * fabs(high));
  range->y_min = low - room;
  range->y_max = high + room;
  // An axis that nearly reaches 0 begins there: losses and scores are read against it.
  if (low >= 0 && range->y_min < 0.15 * high) range->y_min = 0;
}

pl_curve_range pl_curve_find_range(const pl_curve_chart *chart) {
  pl_curve_range range = {.x_min = INFINITY, .x_max = -INFINITY, .y_min = INFINITY, .y_max = -INFINITY};
  for (size_t s = 0; s < chart->series_count; s++) {
    for (size_t i = 0; i < chart->series[s].count; i++) {
      pl_curve_point p = chart->series[s].points[i];
      if (!known_point(chart, p)) continue;
      range.known = true;
      widen(&range.x_min, &range.x_max, p.x);
      widen(&range.y_min, &range.y_max, p.y);
    }
  }
  if (!range.known) range = (pl_curve_range){.x_max = 1, .y_min = chart->log_y ? 0.1 : 0, .y_max = 1};
  for (size_t i = 0; range.known && i < chart->reference_count; i++) {
    double value = chart->references[i].value;
    if (known_point(chart, (pl_curve_point){.y = value})) widen(&range.y_min, &range.y_max, value);
  }
  if (range.known) pad_y(&range, chart->log_y);
  if (chart->y_range_set && chart->y_max > chart->y_min && !(chart->log_y && chart->y_min <= 0)) {
    range.y_min = chart->y_min;
    range.y_max = chart->y_max;
  }
  if (chart->x_range_set && chart->x_max > chart->x_min) {
    range.x_min = chart->x_min;
    range.x_max = chart->x_max;
  }
  if (!(range.x_max > range.x_min)) {
    range.x_min -= 0.5;
    range.x_max = range.x_min + 1;
  }
  return range;
}

static double nice_step(double span, size_t max_count) {
  double raw = span / (double)(max_count > 1 ? max_count - 1 : 1), power = pow(10, floor(log10(raw)));
  double ratio = raw / power;
  return power * (ratio <= 1 ? 1 : ratio <= 2 ? 2 : ratio <= 5 ? 5 : 10);
}

static size_t linear_ticks(double *out, size_t max_count, double min, double max) {
  double step = nice_step(max - min, max_count);
  size_t count = 0;
  for (double k = ceil(min / step - 1e-9); count < max_count && k * step <= max + step * 1e-9; k++) {
    out[count++] = k == 0 ? 0 : k * step;
  }
  return count;
}

// Powers of ten, thinned when there are many; with fewer than three of them also 2 and 5 times a power.
static size_t logarithmic_ticks(double *out, size_t max_count, double min, double max) {
  static const double factors[] = {1, 2, 5};
  double first = floor(log10(min)), last = ceil(log10(max));
  bool only_decades = floor(log10(max) + 1e-9) - ceil(log10(min) - 1e-9) >= 2;
  double stride = only_decades ? fmax(1, ceil((last - first) / (double)max_count)) : 1;
  size_t count = 0;
  for (double e = first; e <= last; e += stride) {
    for (size_t f = 0; f < (only_decades ? 1 : 3); f++) {
      double tick = factors[f] * pow(10, e);
      if (tick >= min * (1 - 1e-9) && tick <= max * (1 + 1e-9) && count < max_count) out[count++] = tick;
    }
  }
  return count >= 2 || max_count < 2 ? count : linear_ticks(out, max_count, min, max);
}

size_t pl_curve_ticks(double *out, size_t max_count, double min, double max, bool logarithmic) {
  if (!(max > min) || !isfinite(max - min) || max_count == 0) return 0;
  if (logarithmic && min > 0) return logarithmic_ticks(out, max_count, min, max);
  return linear_ticks(out, max_count, min, max);
}

void pl_curve_format(char *out, size_t size, double value, double step) {
  double magnitude = fmax(fabs(value), step);
  if (step <= 0) {
    snprintf(out, size, "%.4g", value);
  } else if (magnitude >= 1e5 || (magnitude > 0 && step < 1e-4)) {
    static const char *const suffixes[] = {"", "k", "M", "G", "T"};
    int group = magnitude >= 1e5 ? (int)fmin(4, floor(log10(magnitude) / 3 + 1e-9)) : 0;
    if (group > 0 && magnitude < 1e15) {
      double unit = pow(1000, group);
      int digits = (int)fmax(0, fmin(3, ceil(-log10(step / unit) - 1e-9)));
      snprintf(out, size, "%.*f%s", digits, value / unit, suffixes[group]);
    } else {
      snprintf(out, size, "%.3g", value);
    }
  } else {
    int digits = (int)fmax(0, ceil(-log10(step) - 1e-9));
    snprintf(out, size, "%.*f", digits, value);
  }
}

static double tick_step(const double *ticks, size_t count, size_t i, bool logarithmic) {
  if (logarithmic) return pow(10, floor(log10(ticks[i])));
  return count > 1 ? ticks[1] - ticks[0] : 0;
}

// ---- Layout

static double to_x(const layout *l, double x) {
  return l->plot.x + 0.5 + (x - l->range.x_min) / (l->range.x_max - l->range.x_min) * (l->plot.width - 1);
}

static double to_y(const layout *l, double y) {
  double low = l->range.y_min, high = l->range.y_max;
  double t = l->log_y ? log(y / low) / log(high / low) : (y - low) / (high - low);
  // Far outside the plot is all the same, and infinities would not survive the line drawing.
  t = fmin(8, fmax(-8, t));
  return l->plot.y + l->plot.height - 0.5 - t * (l->plot.height - 1);
}

static void y_text(char *out, const layout *l, size_t i) {
  pl_curve_format(out, TICK_TEXT_MAX, l->y_ticks[i], tick_step(l->y_ticks, l->y_tick_count, i, l->log_y));
}

static void x_text(char *out, const layout *l, size_t i) {
  pl_curve_format(out, TICK_TEXT_MAX, l->x_ticks[i], tick_step(l->x_ticks, l->x_tick_count, i, false));
}

static int widest_y_text(const layout *l) {
  int widest = 0;
  for (size_t i = 0; i < l->y_tick_count; i++) {
    char text[TICK_TEXT_MAX];
    y_text(text, l, i);
    int width = pl_text_width(text, l->scale);
    if (width > widest) widest = width;
  }
  return widest;
}

static layout make_layout(const pl_curve_chart *chart, const pl_bitmap *bitmap) {
  int width = (int)bitmap->width, height = (int)bitmap->height;
  int scale = chart->scale > 0 ? chart->scale : (width >= 1000 && height >= 420 ? 2 : 1);
  layout l = {.range = pl_curve_find_range(chart), .log_y = chart->log_y, .scale = scale};
  int line = PL_FONT_HEIGHT * scale, margin = 4 * scale;
  bool head = chart->title != NULL || chart->series_count > 0;
  l.plot.y = margin + (head ? line + 2 * scale : line / 2);
  l.plot.height = height - l.plot.y - line - 2 * margin;
  if (l.plot.height < 8) l.plot.height = 8;
  size_t y_room = (size_t)(l.plot.height / (line * 2)) + 1;
  size_t y_max = y_room < 2 ? 2 : y_room > 8 ? 8 : y_room;
  l.y_tick_count = pl_curve_ticks(l.y_ticks, y_max, l.range.y_min, l.range.y_max, chart->log_y);
  l.plot.x = margin + widest_y_text(&l) + margin;
  l.plot.width = width - l.plot.x - 3 * margin;
  if (l.plot.width < 8) l.plot.width = 8;
  size_t x_room = (size_t)(l.plot.width / (PL_FONT_WIDTH * 9 * scale)) + 1;
  size_t x_max = x_room < 2 ? 2 : x_room > 11 ? 11 : x_room;
  l.x_tick_count = pl_curve_ticks(l.x_ticks, x_max, l.range.x_min, l.range.x_max, false);
  // Steps and epochs are whole numbers; ticks between them would say nothing.
  if (l.x_tick_count > 1 && l.x_ticks[1] - l.x_ticks[0] < 1) {
    size_t kept = 0;
    for (size_t i = 0; i < l.x_tick_count; i++) {
      if (fabs(l.x_ticks[i] - round(l.x_ticks[i])) < 1e-6) l.x_ticks[kept++] = round(l.x_ticks[i]);
    }
    l.x_tick_count = kept;
  }
  return l;
}

// ---- Drawing

static void draw_axes(pl_bitmap *bitmap, const pl_curve_chart *chart, const layout *l) {
  pl_rect all = pl_bitmap_rect(bitmap), plot = l->plot;
  pl_rgb grid = pl_colour_rgb(PL_COLOUR_GRID), axis = pl_colour_rgb(PL_COLOUR_AXIS),
         text = pl_colour_rgb(PL_COLOUR_TEXT);
  int margin = 4 * l->scale;
  for (size_t i = 0; i < l->y_tick_count; i++) {
    char label[TICK_TEXT_MAX];
    y_text(label, l, i);
    int y = (int)to_y(l, l->y_ticks[i]);
    pl_draw_rect(bitmap, (pl_rect){.x = plot.x, .y = y, .width = plot.width, .height = 1}, grid, 1);
    pl_draw_text(bitmap, all, plot.x - margin - pl_text_width(label, l->scale), y - PL_FONT_ASCENT * l->scale / 2,
                 l->scale, text, label);
  }
  int bottom = plot.y + plot.height, base = bottom + margin, free_until = 0;
  int name_width = chart->x_label != NULL ? pl_text_width(chart->x_label, l->scale) : 0;
  int name_x = plot.x + plot.width - name_width + 2 * margin;
  if (name_width > 0) pl_draw_text(bitmap, all, name_x, base, l->scale, text, chart->x_label);
  for (size_t i = 0; i < l->x_tick_count; i++) {
    char label[TICK_TEXT_MAX];
    x_text(label, l, i);
    int x = (int)to_x(l, l->x_ticks[i]), width = pl_text_width(label, l->scale), left = x - width / 2;
    pl_draw_rect(bitmap, (pl_rect){.x = x, .y = plot.y, .width = 1, .height = plot.height}, grid, 0.6);
    pl_draw_rect(bitmap, (pl_rect){.x = x, .y = bottom, .width = 1, .height = margin / 2}, axis, 1);
    bool clear = left >= free_until && (name_width == 0 || left + width < name_x - margin);
    if (!clear) continue;
    pl_draw_text(bitmap, all, left, base, l->scale, text, label);
    free_until = left + width + margin;
  }
  pl_draw_rect(bitmap, (pl_rect){.x = plot.x, .y = bottom, .width = plot.width, .height = 1}, axis, 1);
  pl_draw_rect(bitmap, (pl_rect){.x = plot.x - 1, .y = plot.y, .width = 1, .height = plot.height + 1}, axis, 1);
}

static void draw_references(pl_bitmap *bitmap, const pl_curve_chart *chart, const layout *l) {
  pl_rgb colour = pl_colour_rgb(PL_COLOUR_REFERENCE);
  for (size_t i = 0; i < chart->reference_count; i++) {
    const pl_curve_reference *reference = &chart->references[i];
    if (!known_point(chart, (pl_curve_point){.y = reference->value})) continue;
    double at = to_y(l, reference->value);
    if (at < l->plot.y || at >= l->plot.y + l->plot.height) continue;
    int y = (int)at;
    pl_draw_dashes(bitmap, l->plot, y, 5 * l->scale, 3 * l->scale, colour);
    char label[80];
    snprintf(label, sizeof label, "%s %.3g", reference->label, reference->value);
    int above = y - (PL_FONT_ASCENT + 2) * l->scale, below = y + 3 * l->scale;
    pl_rect behind = {.x = l->plot.x + 2 * l->scale,
                      .y = (above > l->plot.y ? above : below) - l->scale,
                      .width = pl_text_width(label, l->scale) + 3 * l->scale,
                      .height = (PL_FONT_ASCENT + 2) * l->scale};
    pl_draw_rect(bitmap, pl_rect_intersect(behind, l->plot), pl_colour_rgb(PL_COLOUR_BACKGROUND), 0.8);
    pl_draw_text(bitmap, l->plot, l->plot.x + 4 * l->scale, above > l->plot.y ? above : below, l->scale, colour, label);
  }
}

static double line_width(const layout *l) { return l->scale == 1 ? 1.6 : 2.4; }

// A run of known points: the line, and dots while they stay apart.
static pl_status draw_run(pl_bitmap *bitmap, const layout *l, const pl_point *points, size_t count, pl_rgb colour,
                          bool dots, pl_error *err) {
  if (count == 0) return PL_OK;
  pl_rect clip = {.x = l->plot.x - 3, .y = l->plot.y - 3, .width = l->plot.width + 6, .height = l->plot.height + 6};
  if (count > 1) {
    pl_status status = pl_draw_polyline(bitmap, clip, points, count, line_width(l), colour, 1, err);
    if (status != PL_OK) return status;
  }
  for (size_t i = 0; (dots || count == 1) && i < count; i++)
    pl_draw_dot(bitmap, clip, points[i], 1.2 + l->scale, colour);
  return PL_OK;
}

// All points of one pixel column.
typedef struct column {
  double sum, min, max;
  size_t count;
} column;

static void gather(column *columns, const pl_curve_chart *chart, const pl_curve_series *series, const layout *l) {
  for (size_t i = 0; i < series->count; i++) {
    pl_curve_point p = series->points[i];
    if (!known_point(chart, p) || p.x < l->range.x_min || p.x > l->range.x_max) continue;
    column *c = &columns[(size_t)(to_x(l, p.x) - l->plot.x)];
    if (c->count == 0) c->min = c->max = p.y;
    widen(&c->min, &c->max, p.y);
    c->sum += p.y;
    c->count++;
  }
}

// More points than pixels: the band from minimum to maximum, and the means as a line over it. A column of which all
// points are unknown is a gap only when no neighbour column has points, as columns are narrower than points then are
// not.
static pl_status draw_envelope(pl_bitmap *bitmap, const pl_curve_chart *chart, const pl_curve_series *series,
                               const layout *l, pl_error *err) {
  size_t width = (size_t)l->plot.width, count = 0;
  column *columns = pl_xcalloc(width, sizeof *columns);
  pl_point *points = pl_xcalloc(width, sizeof *points);
  gather(columns, chart, series, l);
  pl_status status = PL_OK;
  for (size_t x = 0; x < width && status == PL_OK; x++) {
    const column *c = &columns[x];
    if (c->count == 0) {
      status = draw_run(bitmap, l, points, count, series->colour, false, err);
      count = 0;
      continue;
    }
    int top = (int)to_y(l, c->max), bottom = (int)to_y(l, c->min);
    pl_rect band = {.x = l->plot.x + (int)x, .y = top, .width = 1, .height = bottom - top + 1};
    pl_draw_rect(bitmap, pl_rect_intersect(band, l->plot), series->colour, 0.3);
    points[count++] = (pl_point){l->plot.x + (double)x + 0.5, to_y(l, c->sum / (double)c->count)};
  }
  if (status == PL_OK) status = draw_run(bitmap, l, points, count, series->colour, false, err);
  free(columns);
  free(points);
  return status;
}

static pl_status draw_points(pl_bitmap *bitmap, const pl_curve_chart *chart, const pl_curve_series *series,
                             const layout *l, pl_error *err) {
  pl_point *points = pl_xcalloc(series->count + 1, sizeof *points);
  bool dots = series->count <= (size_t)l->plot.width / (size_t)(12 * l->scale);
  size_t count = 0;
  pl_status status = PL_OK;
  for (size_t i = 0; i < series->count && status == PL_OK; i++) {
    pl_curve_point p = series->points[i];
    bool in_range = p.x >= l->range.x_min && p.x <= l->range.x_max;
    if (known_point(chart, p) && in_range) {
      points[count++] = (pl_point){to_x(l, p.x), to_y(l, p.y)};
      continue;
    }
    status = draw_run(bitmap, l, points, count, series->colour, dots, err);
    count = 0;
  }
  if (status == PL_OK) status = draw_run(bitmap, l, points, count, series->colour, dots, err);
  free(points);
  return status;
}

static pl_status draw_series(pl_bitmap *bitmap, const pl_curve_chart *chart, const pl_curve_series *series,
                             const layout *l, pl_error *err) {
  bool dense = series->count > 2 * (size_t)l->plot.width;
  return dense ? draw_envelope(bitmap, chart, series, l, err) : draw_points(bitmap, chart, series, l, err);
}

// "dice 0.412", or the name alone, or with its last value unknown "dice -".
static int legend_text(char *out, size_t size, const pl_curve_chart *chart, const pl_curve_series *series,
                       bool values) {
  size_t last = series->count;
  while (last > 0 && !known_point(chart, series->points[last - 1])) last--;
  if (!values) {
    pl_copy_text(out, size, series->label);
  } else if (last == 0) {
    snprintf(out, size, "%s -", series->label);
  } else {
    snprintf(out, size, "%s %.3g", series->label, series->points[last - 1].y);
  }
  return pl_text_width(out, 1);
}

static int legend_width(const pl_curve_chart *chart, bool values, int scale) {
  int width = 0;
  for (size_t i = 0; i < chart->series_count; i++) {
    char text[80];
    width += (legend_text(text, sizeof text, chart, &chart->series[i], values) + 27) * scale;
  }
  return width;
}

static void draw_head(pl_bitmap *bitmap, const pl_curve_chart *chart, const layout *l) {
  pl_rect all = pl_bitmap_rect(bitmap);
  int scale = l->scale, y = 4 * scale, x = l->plot.x, right = all.width - 4 * scale;
  if (chart->title != NULL) {
    pl_draw_text(bitmap, all, x, y, scale, pl_colour_rgb(PL_COLOUR_TEXT_STRONG), chart->title);
    x += pl_text_width(chart->title, scale) + 12 * scale;
  }
  bool values = legend_width(chart, true, scale) <= right - x;
  int start = right - legend_width(chart, values, scale) + 10 * scale;
  if (start > x) x = start;
  for (size_t i = 0; i < chart->series_count; i++) {
    char text[80];
    int width = legend_text(text, sizeof text, chart, &chart->series[i], values) * scale;
    pl_rect swatch = {.x = x, .y = y + 2 * scale, .width = 10 * scale, .height = 3 * scale};
    pl_draw_rect(bitmap, swatch, chart->series[i].colour, 1);
    pl_draw_text(bitmap, all, x + 14 * scale, y, scale, pl_colour_rgb(PL_COLOUR_TEXT), text);
    x += width + 27 * scale;
  }
}

static void draw_nothing_known(pl_bitmap *bitmap, const layout *l) {
  static const char text[] = "no values yet";
  int x = l->plot.x + (l->plot.width - pl_text_width(text, l->scale)) / 2;
  int y = l->plot.y + (l->plot.height - PL_FONT_HEIGHT * l->scale) / 2;
  pl_draw_text(bitmap, pl_bitmap_rect(bitmap), x, y, l->scale, pl_colour_rgb(PL_COLOUR_TEXT), text);
}

pl_status pl_view_curve(pl_bitmap *out, const pl_curve_chart *chart, uint32_t width, uint32_t height, pl_error *err) {
  if (width < 60 || height < 40) {
    return pl_fail(err, PL_E_LIMIT, "a chart of %ux%u pixels: at least 60x40 are needed", width, height);
  }
  pl_bitmap bitmap = {0};
  pl_status status = pl_bitmap_init(&bitmap, width, height, err);
  if (status != PL_OK) return status;
  pl_bitmap_fill(&bitmap, pl_colour_rgb(PL_COLOUR_BACKGROUND));
  layout l = make_layout(chart, &bitmap);
  if (!l.range.known) l.x_tick_count = l.y_tick_count = 0;
  draw_axes(&bitmap, chart, &l);
  draw_head(&bitmap, chart, &l);
  if (l.range.known)
    draw_references(&bitmap, chart, &l);
  else
    draw_nothing_known(&bitmap, &l);
  for (size_t i = 0; i < chart->series_count && status == PL_OK; i++) {
    status = draw_series(&bitmap, chart, &chart->series[i], &l, err);
  }
  if (status != PL_OK) {
    pl_bitmap_clear(&bitmap);
    return status;
  }
  *out = bitmap;
  return PL_OK;
}
