#include "tui/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/chart_dots.h"
#include "viewers/colormap.h"

enum { LEFT_COLS = 8, TOP_ROWS = 1, BOTTOM_ROWS = 1, TICKS_MAX = 8 };

static const char series_letters[] = "*o+x#%@&";

static char letter_of(size_t series) { return series_letters[series % (sizeof series_letters - 1)]; }

// Text beyond the right edge is left out.
static int put_text(pl_cells *cells, int column, int row, const char *text, pl_rgb colour) {
  for (; *text != '\0'; text++) pl_dots_put(cells, column++, row, (unsigned char)*text, colour);
  return column;
}

// The places of a chart's points in its dots, which are counted from the top.
static double dot_x(const pl_dots *dots, const pl_curve_chart *chart, const pl_curve_range *range, double x) {
  return pl_curve_place_x(chart, range, x) * (2 * dots->columns - 1);
}

static double dot_y(const pl_dots *dots, const pl_curve_chart *chart, const pl_curve_range *range, double y) {
  return (1 - pl_curve_place_y(chart, range, y)) * (4 * dots->rows - 1);
}

static void draw_line(pl_dots *dots, const pl_curve_chart *chart, const pl_curve_range *range,
                      const pl_curve_point *points, size_t count, pl_dots_layer layer, pl_rgb colour) {
  bool before = false;
  double last_x = 0, last_y = 0;
  for (size_t i = 0; i < count; i++) {
    const bool known = pl_curve_known(chart, points[i]);
    if (known) {
      const double x = dot_x(dots, chart, range, points[i].x), y = dot_y(dots, chart, range, points[i].y);
      pl_dots_line(dots, before ? last_x : x, before ? last_y : y, x, y, layer, colour);
      last_x = x, last_y = y;
    }
    before = known;
  }
}

static void draw_bands(pl_dots *dots, const pl_curve_chart *chart, const pl_curve_range *range,
                       const pl_curve_series *series, pl_rgb colour) {
  for (size_t i = 0; i < series->band_count; i++) {
    const pl_curve_band *band = &series->bands[i];
    if (!pl_curve_known_y(chart, band->high)) continue;
    const double x = dot_x(dots, chart, range, band->x);
    pl_dots_line(dots, x, dot_y(dots, chart, range, band->high), x, dot_y(dots, chart, range, band->low), PL_DOTS_FAINT,
                 colour);
  }
}

static pl_rgb faint(pl_rgb colour) { return pl_rgb_mix(pl_colour_rgb(PL_COLOUR_BACKGROUND), colour, 0.45); }

static void draw_lines(pl_dots *dots, const pl_curve_chart *chart, const pl_curve_range *range) {
  for (size_t i = 0; i < chart->reference_count; i++) {
    const double value = chart->references[i].value;
    if (!pl_curve_known_y(chart, value)) continue;
    const double y = dot_y(dots, chart, range, value);
    for (int x = 0; x < 2 * dots->columns; x += 4) {
      pl_dots_line(dots, x, y, x + 1, y, PL_DOTS_FAINT, pl_colour_rgb(PL_COLOUR_REFERENCE));
    }
  }
  for (size_t i = 0; i < chart->series_count; i++) {
    const pl_curve_series *series = &chart->series[i];
    draw_bands(dots, chart, range, series, faint(series->colour));
    draw_line(dots, chart, range, series->shadow, series->shadow_count, PL_DOTS_FAINT, faint(series->colour));
  }
  for (size_t i = 0; i < chart->series_count; i++) {
    const pl_curve_series *series = &chart->series[i];
    draw_line(dots, chart, range, series->points, series->count, PL_DOTS_LINE, series->colour);
  }
}

// Without colours each line has its letter: at its end, or, where there are no dots, at each of its points.
static void draw_letters(pl_cells *cells, const pl_dots *dots, const pl_curve_chart *chart, const pl_curve_range *range,
                         bool every) {
  const pl_rgb white = pl_colour_rgb(PL_COLOUR_TEXT_STRONG);
  for (size_t i = 0; i < chart->series_count; i++) {
    const pl_curve_series *series = &chart->series[i];
    for (size_t k = series->count; k-- > 0;) {
      const double x = pl_curve_place_x(chart, range, series->points[k].x);
      const double y = pl_curve_place_y(chart, range, series->points[k].y);
      if (!pl_curve_known(chart, series->points[k]) || x < 0 || x > 1 || y < 0 || y > 1) continue;
      const int column = (int)(dot_x(dots, chart, range, series->points[k].x) / 2);
      const int row = (int)(dot_y(dots, chart, range, series->points[k].y) / 4);
      pl_dots_put(cells, LEFT_COLS + column, TOP_ROWS + row, (uint32_t)letter_of(i), white);
      if (!every) break;
    }
  }
}

static void draw_cursor(pl_cells *cells, const pl_dots *dots, const pl_curve_chart *chart, const pl_curve_range *range,
                        bool utf8) {
  const double place = pl_curve_place_x(chart, range, chart->cursor_x);
  if (!chart->cursor_set || place < 0 || place > 1) return;
  const int column = LEFT_COLS + (int)(dot_x(dots, chart, range, chart->cursor_x) / 2);
  for (int row = TOP_ROWS; row < TOP_ROWS + dots->rows; row++) {
    if (cells->cells[(size_t)row * cells->columns + (size_t)column].glyph != ' ') continue;
    pl_dots_put(cells, column, row, utf8 ? 0x2502 : '|', pl_colour_rgb(PL_COLOUR_TEXT_STRONG));
  }
}

// The label, with the value where there is room for it.
static void series_text(char *out, size_t size, const pl_curve_chart *chart, size_t index, bool values) {
  const pl_curve_series *series = &chart->series[index];
  size_t last = series->count;
  while (last > 0 && !pl_curve_known(chart, series->points[last - 1])) last--;
  const double value = series->value_set ? series->value : last > 0 ? series->points[last - 1].y : (double)NAN;
  if (values && isfinite(value)) {
    snprintf(out, size, "%s %.3g", series->label, value);
  } else {
    snprintf(out, size, "%s", series->label);
  }
}

static void draw_legend(pl_cells *cells, const pl_curve_chart *chart, bool letters) {
  int column = 0, needed = chart->title != NULL ? (int)strlen(chart->title) + 2 : 0;
  char text[96];
  for (size_t i = 0; i < chart->series_count; i++) {
    series_text(text, sizeof text, chart, i, true);
    needed += (int)strlen(text) + 4;
  }
  if (chart->title != NULL) column = put_text(cells, 0, 0, chart->title, pl_colour_rgb(PL_COLOUR_TEXT_STRONG)) + 2;
  for (size_t i = 0; i < chart->series_count; i++) {
    const char mark[3] = {letters ? letter_of(i) : '=', ' ', '\0'};
    const pl_rgb colour = letters ? pl_colour_rgb(PL_COLOUR_TEXT) : chart->series[i].colour;
    series_text(text, sizeof text, chart, i, needed <= (int)cells->columns);
    column = put_text(cells, column, 0, mark, colour);
    column = put_text(cells, column, 0, text, colour) + 2;
  }
  for (size_t i = 0; i < chart->reference_count; i++) {
    const pl_rgb colour = pl_colour_rgb(PL_COLOUR_REFERENCE);
    if (!pl_curve_known_y(chart, chart->references[i].value)) continue;
    column = put_text(cells, column, 0, "- ", colour);
    column = put_text(cells, column, 0, chart->references[i].label, colour) + 2;
  }
}

static void draw_axes(pl_cells *cells, const pl_dots *dots, const pl_curve_chart *chart, const pl_curve_range *range) {
  const pl_rgb colour = pl_colour_rgb(PL_COLOUR_TEXT);
  pl_curve_tick ticks[PL_CURVE_TICKS_MAX];
  size_t wanted = (size_t)(dots->rows / 2);
  wanted = wanted > TICKS_MAX ? TICKS_MAX : wanted < 2 ? 2 : wanted;
  size_t count = pl_curve_ticks_y(ticks, wanted, chart, range);
  for (size_t i = 0; i < count; i++) {
    const int row = TOP_ROWS + (int)(dot_y(dots, chart, range, ticks[i].value) / 4);
    const int length = (int)strlen(ticks[i].text);
    put_text(cells, length < LEFT_COLS - 1 ? LEFT_COLS - 1 - length : 0, row, ticks[i].text, colour);
  }
  count =
      pl_curve_ticks_x(ticks, dots->columns / 10 < TICKS_MAX ? (size_t)(dots->columns / 10) : TICKS_MAX, chart, range);
  const int bottom = TOP_ROWS + dots->rows;
  int free_from = LEFT_COLS;
  for (size_t i = 0; i < count; i++) {
    const int length = (int)strlen(ticks[i].text);
    int column = LEFT_COLS + (int)(dot_x(dots, chart, range, ticks[i].value) / 2) - length / 2;
    if (column + length > (int)cells->columns) column = (int)cells->columns - length;
    if (column < free_from) continue;
    free_from = put_text(cells, column, bottom, ticks[i].text, colour) + 2;
  }
  if (chart->x_label != NULL) put_text(cells, 0, bottom, chart->x_label, colour);
}

static pl_status make_cells(pl_picture *out, const pl_curve_chart *chart, const pl_picture_format *format, pl_area area,
                            pl_error *err) {
  const pl_curve_range range = pl_curve_find_range(chart);
  const bool letters = format->colours != PL_COLOURS_256, utf8 = format->caps.utf8 && !format->caps.few_glyphs;
  const int columns = area.cols - LEFT_COLS, rows = area.rows - TOP_ROWS - BOTTOM_ROWS;
  if (columns < 2 || rows < 2) return pl_fail(err, PL_E_LIMIT, "a chart of %dx%d cells", area.cols, area.rows);
  pl_cells cells = {0};
  pl_status status = pl_cells_init(&cells, (uint32_t)area.cols, (uint32_t)area.rows, format->colours, err);
  if (status != PL_OK) return status;
  const pl_rgb background = pl_colour_rgb(PL_COLOUR_BACKGROUND);
  for (size_t i = 0; i < (size_t)area.cols * (size_t)area.rows; i++) {
    cells.cells[i] = (pl_cell){.glyph = ' ', .bg = background, .bg_index = letters ? 0 : pl_rgb_to_256(background)};
  }
  draw_legend(&cells, chart, letters);
  if (range.known) {
    pl_dots dots;
    pl_dots_init(&dots, columns, rows, letters);
    draw_lines(&dots, chart, &range);
    if (utf8) pl_dots_place(&cells, &dots, LEFT_COLS, TOP_ROWS);
    if (letters || !utf8) draw_letters(&cells, &dots, chart, &range, !utf8);
    draw_cursor(&cells, &dots, chart, &range, utf8);
    draw_axes(&cells, &dots, chart, &range);
    pl_dots_clear(&dots);
  } else {
    put_text(&cells, LEFT_COLS, area.rows / 2, "no values yet", pl_colour_rgb(PL_COLOUR_TEXT));
  }
  out->cells = cells;
  return PL_OK;
}

static void find_axis(pl_chart_axis *axis, const pl_curve_chart *chart, const pl_picture_format *format, pl_area area,
                      uint32_t width, uint32_t height) {
  *axis = (pl_chart_axis){LEFT_COLS, area.cols};
  if (format->graphics != PL_GRAPHICS_SIXEL) return;
  const pl_rect plot = pl_view_curve_plot(chart, width, height);
  axis->left = (double)plot.x / format->caps.cell_width;
  axis->right = (double)(plot.x + plot.width) / format->caps.cell_width;
}

pl_status pl_chart_make(pl_picture *out, pl_chart_axis *axis, const pl_curve_chart *chart,
                        const pl_picture_format *format, pl_area area, uint64_t serial, pl_error *err) {
  uint32_t width = 0, height = 0;
  double pixel_aspect = 1.0;
  if (!pl_picture_size(&width, &height, &pixel_aspect, format, area)) {
    return pl_fail(err, PL_E_LIMIT, "there is no room for a chart in %dx%d cells", area.cols, area.rows);
  }
  if (axis != NULL) find_axis(axis, chart, format, area, width, height);
  if (format->graphics == PL_GRAPHICS_SIXEL) {
    pl_bitmap bitmap = {0};
    pl_status status = pl_view_curve(&bitmap, chart, width, height, err);
    if (status == PL_OK) status = pl_picture_make(out, &bitmap, format, serial, err);
    pl_bitmap_clear(&bitmap);
    return status;
  }
  pl_picture made = {.serial = serial, .width = width, .height = height};
  const pl_status status = make_cells(&made, chart, format, area, err);
  if (status == PL_OK) *out = made;
  return status;
}
