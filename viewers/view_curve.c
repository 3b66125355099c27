#include "viewers/view_curve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "viewers/colormap.h"
#include "viewers/draw.h"

// Where things are and how numbers become pixels.
typedef struct layout {
  const pl_curve_chart *chart;
  pl_rect plot;
  pl_curve_range range;
  int scale;
  size_t x_tick_count, y_tick_count;
  pl_curve_tick x_ticks[PL_CURVE_TICKS_MAX], y_ticks[PL_CURVE_TICKS_MAX];
} layout;

// ---- Layout

static double to_x(const layout *l, double x) {
  return l->plot.x + 0.5 + pl_curve_place_x(l->chart, &l->range, x) * (l->plot.width - 1);
}

static double to_y(const layout *l, double y) {
  return l->plot.y + l->plot.height - 0.5 - pl_curve_place_y(l->chart, &l->range, y) * (l->plot.height - 1);
}

static int widest_y_text(const layout *l) {
  int widest = 0;
  for (size_t i = 0; i < l->y_tick_count; i++) {
    const int width = pl_text_width(l->y_ticks[i].text, l->scale);
    if (width > widest) widest = width;
  }
  return widest;
}

static size_t clamp_count(int count, size_t low, size_t high) {
  return count < (int)low ? low : (size_t)count > high ? high : (size_t)count;
}

static layout make_layout(const pl_curve_chart *chart, int width, int height) {
  int scale = chart->scale > 0 ? chart->scale : (width >= 1000 && height >= 420 ? 2 : 1);
  layout l = {.chart = chart, .range = pl_curve_find_range(chart), .scale = scale};
  int line = PL_FONT_HEIGHT * scale, margin = 4 * scale;
  bool head = chart->title != NULL || chart->series_count > 0;
  l.plot.y = margin + (head ? line + 2 * scale : line / 2);
  l.plot.height = height - l.plot.y - line - 2 * margin;
  if (l.plot.height < 8) l.plot.height = 8;
  l.y_tick_count = pl_curve_ticks_y(l.y_ticks, clamp_count(l.plot.height / (line * 2) + 1, 2, 8), chart, &l.range);
  l.plot.x = margin + widest_y_text(&l) + margin;
  l.plot.width = width - l.plot.x - 3 * margin;
  if (l.plot.width < 8) l.plot.width = 8;
  const int x_room = l.plot.width / (PL_FONT_WIDTH * 9 * scale) + 1;
  l.x_tick_count = pl_curve_ticks_x(l.x_ticks, clamp_count(x_room, 2, 11), chart, &l.range);
  return l;
}

// ---- Drawing

static void draw_axes(pl_bitmap *bitmap, const pl_curve_chart *chart, const layout *l) {
  pl_rect all = pl_bitmap_rect(bitmap), plot = l->plot;
  pl_rgb grid = pl_colour_rgb(PL_COLOUR_GRID), axis = pl_colour_rgb(PL_COLOUR_AXIS),
         text = pl_colour_rgb(PL_COLOUR_TEXT);
  int margin = 4 * l->scale;
  for (size_t i = 0; i < l->y_tick_count; i++) {
    const char *label = l->y_ticks[i].text;
    int y = (int)to_y(l, l->y_ticks[i].value);
    pl_draw_rect(bitmap, (pl_rect){.x = plot.x, .y = y, .width = plot.width, .height = 1}, grid, 1);
    pl_draw_text(bitmap, all, plot.x - margin - pl_text_width(label, l->scale), y - PL_FONT_ASCENT * l->scale / 2,
                 l->scale, text, label);
  }
  int bottom = plot.y + plot.height, base = bottom + margin, free_until = 0;
  int name_width = chart->x_label != NULL ? pl_text_width(chart->x_label, l->scale) : 0;
  int name_x = plot.x + plot.width - name_width + 2 * margin;
  if (name_width > 0) pl_draw_text(bitmap, all, name_x, base, l->scale, text, chart->x_label);
  for (size_t i = 0; i < l->x_tick_count; i++) {
    const char *label = l->x_ticks[i].text;
    int x = (int)to_x(l, l->x_ticks[i].value), width = pl_text_width(label, l->scale), left = x - width / 2;
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
    if (!pl_curve_known_y(chart, reference->value)) continue;
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

static pl_rect around_plot(const layout *l, int by) {
  return (pl_rect){l->plot.x - by, l->plot.y - by, l->plot.width + 2 * by, l->plot.height + 2 * by};
}

// A run of known points: the line, and dots while they stay apart.
static pl_status draw_run(pl_bitmap *bitmap, const layout *l, const pl_point *points, size_t count, pl_rgb colour,
                          bool dots, pl_error *err) {
  const pl_rect clip = around_plot(l, 3);
  if (count > 1) {
    pl_status status = pl_draw_polyline(bitmap, clip, points, count, line_width(l), colour, 1, err);
    if (status != PL_OK) return status;
  }
  for (size_t i = 0; (dots || count == 1) && i < count; i++)
    pl_draw_dot(bitmap, clip, points[i], 1.2 + l->scale, colour);
  return PL_OK;
}

static pl_status draw_shadow(pl_bitmap *bitmap, const layout *l, const pl_point *points, size_t count, pl_rgb colour,
                             bool dots, pl_error *err) {
  (void)dots;
  return count == 0 ? PL_OK : pl_draw_polyline(bitmap, l->plot, points, count, l->scale, colour, 0.35, err);
}

typedef pl_status run_drawer(pl_bitmap *bitmap, const layout *l, const pl_point *points, size_t count, pl_rgb colour,
                             bool dots, pl_error *err);

// Gives each run of known points to `draw`.
static pl_status draw_points(pl_bitmap *bitmap, const layout *l, const pl_curve_point *values, size_t value_count,
                             pl_rgb colour, run_drawer *draw, pl_error *err) {
  pl_point *points = pl_xcalloc(value_count + 1, sizeof *points);
  const bool dots = value_count <= (size_t)l->plot.width / (size_t)(12 * l->scale);
  size_t count = 0;
  pl_status status = PL_OK;
  for (size_t i = 0; i < value_count && status == PL_OK; i++) {
    if (pl_curve_known(l->chart, values[i])) {
      points[count++] = (pl_point){to_x(l, values[i].x), to_y(l, values[i].y)};
      continue;
    }
    status = draw(bitmap, l, points, count, colour, dots, err);
    count = 0;
  }
  if (status == PL_OK) status = draw(bitmap, l, points, count, colour, dots, err);
  free(points);
  return status;
}

// Bands are narrower than pixels or as wide: those of one column of pixels become one.
static void draw_bands(pl_bitmap *bitmap, const layout *l, const pl_curve_series *series) {
  const pl_rect plot = l->plot;
  for (size_t i = 0; i < series->band_count;) {
    const int x = (int)to_x(l, series->bands[i].x);
    double low = INFINITY, high = -INFINITY;
    for (; i < series->band_count && (int)to_x(l, series->bands[i].x) == x; i++) {
      low = fmin(low, series->bands[i].low);
      high = fmax(high, series->bands[i].high);
    }
    if (!pl_curve_known_y(l->chart, high)) continue;
    const int top = (int)to_y(l, high), bottom = (int)fmin(to_y(l, low), plot.y + plot.height);
    const pl_rect band = {.x = x, .y = top, .width = 1, .height = bottom - top + 1};
    pl_draw_rect(bitmap, pl_rect_intersect(band, plot), series->colour, 0.3);
  }
}

static pl_status draw_series(pl_bitmap *bitmap, const pl_curve_series *series, const layout *l, pl_error *err) {
  draw_bands(bitmap, l, series);
  pl_status status = draw_points(bitmap, l, series->shadow, series->shadow_count, series->colour, draw_shadow, err);
  if (status != PL_OK) return status;
  return draw_points(bitmap, l, series->points, series->count, series->colour, draw_run, err);
}

static void draw_cursor(pl_bitmap *bitmap, const layout *l) {
  const double place = pl_curve_place_x(l->chart, &l->range, l->chart->cursor_x);
  if (!l->chart->cursor_set || place < 0 || place > 1) return;
  const pl_rect line = {(int)to_x(l, l->chart->cursor_x), l->plot.y, 1, l->plot.height};
  pl_draw_rect(bitmap, line, pl_colour_rgb(PL_COLOUR_TEXT_STRONG), 0.8);
}

// "dice 0.412", or the name alone, or with its last value unknown "dice -".
static int legend_text(char *out, size_t size, const pl_curve_chart *chart, const pl_curve_series *series,
                       bool values) {
  size_t last = series->count;
  while (last > 0 && !pl_curve_known(chart, series->points[last - 1])) last--;
  const double value = series->value_set ? series->value : last > 0 ? series->points[last - 1].y : (double)NAN;
  if (!values) {
    pl_copy_text(out, size, series->label);
  } else if (!isfinite(value)) {
    snprintf(out, size, "%s -", series->label);
  } else {
    snprintf(out, size, "%s %.3g", series->label, value);
  }
  return pl_text_width(out, 1);
}

enum { SWATCH = 10, GAP = 13 };  // of an entry of the legend

static int legend_width(const pl_curve_chart *chart, bool values, int gap, int scale) {
  int width = 0;
  for (size_t i = 0; i < chart->series_count; i++) {
    char text[80];
    width += (SWATCH + 4 + legend_text(text, sizeof text, chart, &chart->series[i], values) + gap) * scale;
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
  const bool values = legend_width(chart, true, GAP, scale) <= right - x;
  const int gap = legend_width(chart, values, GAP, scale) <= right - x ? GAP : GAP / 3;
  int start = right - legend_width(chart, values, gap, scale) + 10 * scale;
  if (start > x) x = start;
  for (size_t i = 0; i < chart->series_count; i++) {
    char text[80];
    int width = legend_text(text, sizeof text, chart, &chart->series[i], values) * scale;
    pl_rect swatch = {.x = x, .y = y + 2 * scale, .width = SWATCH * scale, .height = 3 * scale};
    pl_draw_rect(bitmap, swatch, chart->series[i].colour, 1);
    pl_draw_text(bitmap, all, x + (SWATCH + 4) * scale, y, scale, pl_colour_rgb(PL_COLOUR_TEXT), text);
    x += width + (SWATCH + 4 + gap) * scale;
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
  layout l = make_layout(chart, (int)width, (int)height);
  if (!l.range.known) l.x_tick_count = l.y_tick_count = 0;
  draw_axes(&bitmap, chart, &l);
  draw_head(&bitmap, chart, &l);
  if (l.range.known)
    draw_references(&bitmap, chart, &l);
  else
    draw_nothing_known(&bitmap, &l);
  for (size_t i = 0; i < chart->series_count && status == PL_OK; i++) {
    status = draw_series(&bitmap, &chart->series[i], &l, err);
  }
  if (l.range.known) draw_cursor(&bitmap, &l);
  if (status != PL_OK) {
    pl_bitmap_clear(&bitmap);
    return status;
  }
  *out = bitmap;
  return PL_OK;
}

pl_rect pl_view_curve_plot(const pl_curve_chart *chart, uint32_t width, uint32_t height) {
  return make_layout(chart, (int)width, (int)height).plot;
}
