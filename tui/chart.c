#include "tui/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "viewers/colormap.h"
#include "viewers/draw.h"

enum { LEFT_COLS = 8, TOP_ROWS = 1, BOTTOM_ROWS = 1, TICKS_MAX = 8, TICK_TEXT = 16 };

static const char series_letters[] = "*o+x#%";

// Where values lie in the plot's half-block pixels.
typedef struct plot {
  pl_curve_range range;
  int columns, rows;  // cells
} plot;

static double plot_x(const plot *p, double x) {
  const double span = p->range.x_max - p->range.x_min;
  return (span > 0.0 ? (x - p->range.x_min) / span : 0.5) * (p->columns - 1) + 0.5;
}

static double plot_y(const plot *p, double y) {
  const double span = p->range.y_max - p->range.y_min;
  return (span > 0.0 ? (p->range.y_max - y) / span : 0.5) * (2 * p->rows - 1) + 0.5;
}

static bool known(pl_curve_point point) { return isfinite(point.x) && isfinite(point.y); }

static void put(pl_cells *cells, int column, int row, uint32_t glyph, pl_rgb colour) {
  if (column < 0 || row < 0 || column >= (int)cells->columns || row >= (int)cells->rows) return;
  pl_cell *cell = &cells->cells[(size_t)row * cells->columns + (size_t)column];
  cell->glyph = glyph;
  cell->fg = colour;
  cell->fg_index = cells->colours == PL_COLOURS_256 ? pl_rgb_to_256(colour) : 0;
}

static int put_text(pl_cells *cells, int column, int row, const char *text, pl_rgb colour) {
  for (; *text != '\0'; text++) put(cells, column++, row, (unsigned char)*text, colour);
  return column;
}

// The lines of one series in half-block pixels; a gap where a value is unknown.
static pl_status draw_line(pl_bitmap *bitmap, const plot *p, const pl_curve_series *series, pl_error *err) {
  pl_point *points = pl_xcalloc(series->count > 0 ? series->count : 1, sizeof *points);
  pl_status status = PL_OK;
  size_t run = 0;
  for (size_t i = 0; i <= series->count && status == PL_OK; i++) {
    if (i < series->count && known(series->points[i])) {
      points[run++] = (pl_point){plot_x(p, series->points[i].x), plot_y(p, series->points[i].y)};
      continue;
    }
    if (run > 0) {
      status = pl_draw_polyline(bitmap, pl_bitmap_rect(bitmap), points, run, 1.0, series->colour, 1.0, err);
    }
    run = 0;
  }
  free(points);
  return status;
}

static pl_status draw_blocks(pl_cells *cells, const plot *p, const pl_curve_chart *chart,
                             const pl_picture_format *format, pl_error *err) {
  pl_bitmap bitmap = {0};
  pl_cells lines = {0};
  pl_status status = pl_bitmap_init(&bitmap, (uint32_t)p->columns, (uint32_t)p->rows * 2, err);
  if (status != PL_OK) return status;
  pl_bitmap_fill(&bitmap, pl_colour_rgb(PL_COLOUR_BACKGROUND));
  for (size_t i = 0; i < chart->reference_count; i++) {
    if (!isfinite(chart->references[i].value)) continue;
    pl_draw_dashes(&bitmap, pl_bitmap_rect(&bitmap), (int)plot_y(p, chart->references[i].value), 2, 2,
                   pl_colour_rgb(PL_COLOUR_REFERENCE));
  }
  for (size_t i = 0; i < chart->series_count && status == PL_OK; i++) {
    status = draw_line(&bitmap, p, &chart->series[i], err);
  }
  if (status == PL_OK) status = pl_blocks(&lines, &bitmap, format->colours, format->caps.utf8, err);
  for (int row = 0; status == PL_OK && row < p->rows; row++) {
    for (int column = 0; column < p->columns; column++) {
      cells->cells[(size_t)(row + TOP_ROWS) * cells->columns + (size_t)(column + LEFT_COLS)] =
          lines.cells[(size_t)row * lines.columns + (size_t)column];
    }
  }
  pl_cells_clear(&lines);
  pl_bitmap_clear(&bitmap);
  return status;
}

static void draw_letters(pl_cells *cells, const plot *p, const pl_curve_chart *chart) {
  const pl_rgb white = pl_colour_rgb(PL_COLOUR_TEXT_STRONG);
  for (size_t i = 0; i < chart->reference_count; i++) {
    if (!isfinite(chart->references[i].value)) continue;
    const int row = (int)(plot_y(p, chart->references[i].value) / 2.0);
    for (int column = 0; column < p->columns; column += 2) put(cells, LEFT_COLS + column, TOP_ROWS + row, '-', white);
  }
  for (size_t i = 0; i < chart->series_count; i++) {
    const pl_curve_series *series = &chart->series[i];
    for (size_t k = 0; k < series->count; k++) {
      if (!known(series->points[k])) continue;
      const int column = (int)plot_x(p, series->points[k].x), row = (int)(plot_y(p, series->points[k].y) / 2.0);
      put(cells, LEFT_COLS + column, TOP_ROWS + row, (uint32_t)series_letters[i % (sizeof series_letters - 1)], white);
    }
  }
}

static void draw_legend(pl_cells *cells, const pl_curve_chart *chart, bool letters) {
  int column = 0;
  if (chart->title != NULL) column = put_text(cells, 0, 0, chart->title, pl_colour_rgb(PL_COLOUR_TEXT_STRONG)) + 2;
  for (size_t i = 0; i < chart->series_count; i++) {
    const char mark[3] = {letters ? series_letters[i % (sizeof series_letters - 1)] : '=', ' ', '\0'};
    column = put_text(cells, column, 0, mark, chart->series[i].colour);
    column = put_text(cells, column, 0, chart->series[i].label, chart->series[i].colour) + 2;
  }
  for (size_t i = 0; i < chart->reference_count; i++) {
    const pl_rgb colour = pl_colour_rgb(PL_COLOUR_REFERENCE);
    column = put_text(cells, column, 0, "- ", colour);
    column = put_text(cells, column, 0, chart->references[i].label, colour) + 2;
  }
}

static void draw_axes(pl_cells *cells, const plot *p, const pl_curve_chart *chart) {
  const pl_rgb text_colour = pl_colour_rgb(PL_COLOUR_TEXT);
  double ticks[TICKS_MAX];
  char text[TICK_TEXT];
  size_t wanted = (size_t)(p->rows / 2);
  if (wanted > TICKS_MAX) wanted = TICKS_MAX;
  if (wanted < 2) wanted = 2;
  size_t count = pl_curve_ticks(ticks, wanted, p->range.y_min, p->range.y_max, false);
  for (size_t i = 0; i < count; i++) {
    pl_curve_format(text, sizeof text, ticks[i], count > 1 ? ticks[1] - ticks[0] : 0.0);
    const int row = TOP_ROWS + (int)(plot_y(p, ticks[i]) / 2.0);
    const int length = (int)strlen(text);
    put_text(cells, length < LEFT_COLS - 1 ? LEFT_COLS - 1 - length : 0, row, text, text_colour);
  }
  count = pl_curve_ticks(ticks, p->columns / 10 < TICKS_MAX ? (size_t)(p->columns / 10) : TICKS_MAX, p->range.x_min,
                         p->range.x_max, false);
  const int bottom = TOP_ROWS + p->rows;
  int free_from = LEFT_COLS;
  for (size_t i = 0; i < count; i++) {
    pl_curve_format(text, sizeof text, ticks[i], count > 1 ? ticks[1] - ticks[0] : 0.0);
    const int length = (int)strlen(text);
    int column = LEFT_COLS + (int)plot_x(p, ticks[i]) - length / 2;
    if (column + length > (int)cells->columns) column = (int)cells->columns - length;
    if (column < free_from) continue;
    free_from = put_text(cells, column, bottom, text, text_colour) + 2;
  }
  if (chart->x_label != NULL) put_text(cells, 0, bottom, chart->x_label, text_colour);
}

static pl_status make_cells(pl_picture *out, const pl_curve_chart *chart, const pl_picture_format *format, pl_area area,
                            pl_error *err) {
  plot p = {.range = pl_curve_find_range(chart),
            .columns = area.cols - LEFT_COLS,
            .rows = area.rows - TOP_ROWS - BOTTOM_ROWS};
  const bool letters = format->colours != PL_COLOURS_256;
  pl_cells cells = {0};
  pl_status status = pl_cells_init(&cells, (uint32_t)area.cols, (uint32_t)area.rows, format->colours, err);
  if (status != PL_OK) return status;
  const pl_rgb background = pl_colour_rgb(PL_COLOUR_BACKGROUND);
  for (size_t i = 0; i < (size_t)area.cols * (size_t)area.rows; i++) {
    cells.cells[i] = (pl_cell){.glyph = ' ', .bg = background, .bg_index = letters ? 0 : pl_rgb_to_256(background)};
  }
  if (!p.range.known) {
    put_text(&cells, LEFT_COLS, area.rows / 2, "no values yet", pl_colour_rgb(PL_COLOUR_TEXT));
  } else if (letters) {
    draw_letters(&cells, &p, chart);
  } else {
    status = draw_blocks(&cells, &p, chart, format, err);
  }
  if (status != PL_OK) {
    pl_cells_clear(&cells);
    return status;
  }
  draw_legend(&cells, chart, letters);
  if (p.range.known) draw_axes(&cells, &p, chart);
  out->cells = cells;
  return PL_OK;
}

pl_status pl_chart_make(pl_picture *out, const pl_curve_chart *chart, const pl_picture_format *format, pl_area area,
                        uint64_t serial, pl_error *err) {
  uint32_t width = 0, height = 0;
  double pixel_aspect = 1.0;
  if (!pl_picture_size(&width, &height, &pixel_aspect, format, area)) {
    return pl_fail(err, PL_E_LIMIT, "there is no room for a chart in %dx%d cells", area.cols, area.rows);
  }
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
