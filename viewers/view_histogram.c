#include "viewers/view_histogram.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "viewers/colormap.h"
#include "viewers/draw.h"
#include "viewers/view_curve.h"

enum { TICKS_MAX = 12, TICK_TEXT_MAX = 24, PAD = 4, WIDTH_MIN = 60, HEIGHT_MIN = 40, DASH = 3 };

// Where things are and how numbers become pixels.
typedef struct layout {
  pl_rect plot;
  int scale;
  bool log_x;
  double x_min, x_max;  // logarithms when log_x
  double most;          // the count at the top
  double y_ticks[TICKS_MAX];
  size_t y_tick_count;
} layout;

static double on_axis(const layout *l, double value) { return l->log_x ? log10(value) : value; }

static int to_x(const layout *l, double value) {
  double share = (on_axis(l, value) - l->x_min) / (l->x_max - l->x_min);
  return l->plot.x + (int)lround(share * l->plot.width);
}

static int to_y(const layout *l, double count) {
  return l->plot.y + l->plot.height - (int)lround(count / l->most * l->plot.height);
}

static void tick_text(char out[TICK_TEXT_MAX], const double *ticks, size_t count, size_t i, bool logarithmic) {
  const double step = logarithmic ? pow(10, floor(log10(ticks[i]))) : count > 1 ? ticks[1] - ticks[0] : 0;
  pl_curve_format(out, TICK_TEXT_MAX, ticks[i], step);
}

static layout make_layout(const pl_histogram_chart *chart, const pl_bitmap *bitmap) {
  layout l = {.scale = chart->scale, .log_x = chart->log_x, .most = 1};
  if (l.scale == 0) l.scale = bitmap->width >= 1000 && bitmap->height >= 420 ? 2 : 1;
  for (size_t i = 0; i < chart->bin_count; i++) l.most = fmax(l.most, (double)chart->bins[i]);
  l.most *= 1.05;
  if (chart->bin_count > 0) {
    l.x_min = on_axis(&l, chart->edges[0]);
    l.x_max = on_axis(&l, chart->edges[chart->bin_count]);
  }
  const int line = PL_FONT_HEIGHT * l.scale, pad = PAD * l.scale;
  const int above = pad + (chart->title != NULL ? line + pad : 0) + (chart->mark_count > 0 ? line : 0);
  const int below = line + pad + (chart->x_label != NULL ? line : 0);
  int height = (int)bitmap->height - above - below;
  size_t room = height > 0 ? (size_t)(height / (2 * line)) + 1 : 1;
  l.y_tick_count = pl_curve_ticks(l.y_ticks, room < TICKS_MAX ? room : TICKS_MAX, 0, l.most, false);
  int widest = 0;
  for (size_t i = 0; i < l.y_tick_count; i++) {
    char text[TICK_TEXT_MAX];
    tick_text(text, l.y_ticks, l.y_tick_count, i, false);
    const int width = pl_text_width(text, l.scale);
    if (width > widest) widest = width;
  }
  const int left = widest + 2 * pad;
  l.plot = (pl_rect){left, above, (int)bitmap->width - left - 2 * pad, height};
  if (l.plot.width < 1) l.plot.width = 1;
  if (l.plot.height < 1) l.plot.height = 1;
  return l;
}

static void draw_axes(pl_bitmap *bitmap, const pl_histogram_chart *chart, const layout *l) {
  const pl_rect all = pl_bitmap_rect(bitmap);
  const pl_rgb grid = pl_colour_rgb(PL_COLOUR_GRID), axis = pl_colour_rgb(PL_COLOUR_AXIS);
  const pl_rgb text_colour = pl_colour_rgb(PL_COLOUR_TEXT);
  const int line = PL_FONT_HEIGHT * l->scale, pad = PAD * l->scale, bottom = l->plot.y + l->plot.height;
  char text[TICK_TEXT_MAX];
  for (size_t i = 0; i < l->y_tick_count; i++) {
    const int y = to_y(l, l->y_ticks[i]);
    pl_draw_rect(bitmap, (pl_rect){l->plot.x, y, l->plot.width, 1}, grid, 1);
    tick_text(text, l->y_ticks, l->y_tick_count, i, false);
    pl_draw_text(bitmap, all, l->plot.x - pad - pl_text_width(text, l->scale), y - line / 2, l->scale, text_colour,
                 text);
  }
  double ticks[TICKS_MAX];
  size_t room = (size_t)(l->plot.width / (8 * PL_FONT_WIDTH * l->scale)) + 1;
  const size_t count = pl_curve_ticks(ticks, room < TICKS_MAX ? room : TICKS_MAX, chart->edges[0],
                                      chart->edges[chart->bin_count], l->log_x);
  for (size_t i = 0; i < count; i++) {
    const int x = to_x(l, ticks[i]);
    pl_draw_rect(bitmap, (pl_rect){x, bottom, 1, pad}, axis, 1);
    tick_text(text, ticks, count, i, l->log_x);
    const int width = pl_text_width(text, l->scale), last = (int)bitmap->width - width;
    const int start = x - width / 2;
    pl_draw_text(bitmap, all, start < last ? start : last, bottom + pad, l->scale, text_colour, text);
  }
  pl_draw_rect(bitmap, (pl_rect){l->plot.x, bottom, l->plot.width, 1}, axis, 1);
  if (chart->x_label != NULL) {
    const int width = pl_text_width(chart->x_label, l->scale);
    pl_draw_text(bitmap, all, l->plot.x + (l->plot.width - width) / 2, bottom + pad + line, l->scale, text_colour,
                 chart->x_label);
  }
}

static void draw_bars(pl_bitmap *bitmap, const pl_histogram_chart *chart, const layout *l) {
  const int bottom = l->plot.y + l->plot.height;
  for (size_t i = 0; i < chart->bin_count; i++) {
    if (chart->bins[i] == 0) continue;
    const int x0 = to_x(l, chart->edges[i]), x1 = to_x(l, chart->edges[i + 1]);
    const int width = x1 - x0 > 2 ? x1 - x0 - 1 : 1;  // a dark line between neighbours, where there is room
    int y = to_y(l, (double)chart->bins[i]);
    if (y >= bottom) y = bottom - 1;
    pl_draw_rect(bitmap, (pl_rect){x0, y, width, bottom - y}, pl_colour_rgb(PL_COLOUR_SKY), 1);
  }
}

static void draw_marks(pl_bitmap *bitmap, const pl_histogram_chart *chart, const layout *l) {
  const pl_rgb colour = pl_colour_rgb(PL_COLOUR_ORANGE);
  const pl_rect all = pl_bitmap_rect(bitmap);
  const int dash = DASH * l->scale;
  int free_from = 0;  // labels must not overlap; one that would is left out, its line stays
  for (size_t i = 0; i < chart->mark_count; i++) {
    const double value = chart->marks[i].value;
    if (!(value >= chart->edges[0] && value <= chart->edges[chart->bin_count])) continue;
    const int x = to_x(l, value);
    for (int y = l->plot.y; y < l->plot.y + l->plot.height; y += 2 * dash) {
      pl_draw_rect(bitmap, pl_rect_intersect((pl_rect){x, y, l->scale, dash}, l->plot), colour, 1);
    }
    const int width = pl_text_width(chart->marks[i].label, l->scale), start = x - width / 2;
    if (start < free_from) continue;
    pl_draw_text(bitmap, all, start, l->plot.y - PL_FONT_HEIGHT * l->scale, l->scale, colour, chart->marks[i].label);
    free_from = start + width + PL_FONT_WIDTH * l->scale;
  }
}

pl_status pl_view_histogram(pl_bitmap *out, const pl_histogram_chart *chart, uint32_t width, uint32_t height,
                            pl_error *err) {
  if (width < WIDTH_MIN || height < HEIGHT_MIN) {
    return pl_fail(err, PL_E_LIMIT, "a histogram of %ux%u pixels is too small; at least %dx%d", width, height,
                   WIDTH_MIN, HEIGHT_MIN);
  }
  pl_bitmap bitmap = {0};
  pl_status status = pl_bitmap_init(&bitmap, width, height, err);
  if (status != PL_OK) return status;
  pl_bitmap_fill(&bitmap, pl_colour_rgb(PL_COLOUR_BACKGROUND));
  const layout l = make_layout(chart, &bitmap);
  const int pad = PAD * l.scale;
  if (chart->title != NULL) {
    pl_draw_text(&bitmap, pl_bitmap_rect(&bitmap), pad, pad, l.scale, pl_colour_rgb(PL_COLOUR_TEXT_STRONG),
                 chart->title);
  }
  if (chart->bin_count > 0) {
    draw_axes(&bitmap, chart, &l);
    draw_bars(&bitmap, chart, &l);
    draw_marks(&bitmap, chart, &l);
  } else {
    const char *text = "nothing to count";
    pl_draw_text(&bitmap, pl_bitmap_rect(&bitmap), ((int)width - pl_text_width(text, l.scale)) / 2, (int)height / 2,
                 l.scale, pl_colour_rgb(PL_COLOUR_TEXT), text);
  }
  *out = bitmap;
  return PL_OK;
}
