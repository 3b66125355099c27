// Curves on a screen: which stretch of them is shown and how, the cursor, and the pictures, made by jobs. All charts of
// a screen share one pl_plot, so that they can be read one below the other.
#pragma once

#include "tui/app.h"
#include "tui/chart.h"
#include "tui/metrics.h"

enum { PL_PLOT_LINES_MAX = 10, PL_PLOT_LABEL_SIZE = 64, PL_PLOT_TITLE_SIZE = 64 };

typedef struct pl_plot {
  pl_axis axis;
  bool log_x, log_y;
  double smoothing;
  bool zoomed;  // x_min and x_max, else the whole
  double x_min, x_max;
  double whole_min, whole_max;  // what there is, kept by pl_plot_cover
  bool cursor_on;
  double cursor;
  int held;  // mouse button that is down in a chart, 0 for none; with the chart's axis and place when it was pressed
  pl_chart_axis held_axis;
  pl_area held_area;
  double held_at;
} pl_plot;

typedef struct pl_plot_line {
  char label[PL_PLOT_LABEL_SIZE];
  pl_rgb colour;
  const pl_curve *curve;
} pl_plot_line;

// What one chart shows.
typedef struct pl_plot_content {
  const char *title;
  bool marked;  // the one that keys are about
  bool share;   // from 0 to 1, so that charts can be compared by looking
  pl_plot_line lines[PL_PLOT_LINES_MAX];
  size_t count;
  const char *reference;  // NULL for none
  double reference_value;
} pl_plot_content;

// ---- The stretch of x

// Begins with nothing, then takes each content's curves in.
void pl_plot_uncover(pl_plot *plot);
void pl_plot_cover(pl_plot *plot, const pl_plot_content *content);

void pl_plot_zoom(pl_plot *plot, double factor, double x);  // a factor above 1 shows less; x stays where it is
void pl_plot_pan(pl_plot *plot, double share);              // of what is shown, to the right
void pl_plot_reset(pl_plot *plot);                          // the whole
void pl_plot_set_axis(pl_plot *plot, pl_axis axis);
// The cursor to the right by that share of what is shown; it appears at the right end.
void pl_plot_move_cursor(pl_plot *plot, double share);
double pl_plot_centre(const pl_plot *plot);  // of zooming by key: the cursor, else the middle

// A press, drag or release, or the wheel, in the chart that was made with this axis for this area. True when the charts
// are to be made anew. Left: the cursor; right: moves along x; wheel: zooms.
bool pl_plot_mouse(pl_plot *plot, const pl_chart_axis *axis, pl_area area, const pl_mouse *event);

// "epoch 3.52: batch 0.312 (0.334)  valid 0.29": what the curves say at the cursor, smoothed values in brackets; ""
// without a cursor.
void pl_plot_readout(char *out, size_t size, const pl_plot *plot, const pl_plot_content *contents, size_t count);

// ---- Pictures

// One chart on the screen.
typedef struct pl_pane {
  pl_app *app;
  pl_area area;  // that the picture was made for
  pl_picture picture;
  pl_chart_axis axis;  // of the picture
  bool busy;
  struct pl_pane_job *next;  // wanted while a picture was being made; the newest only
} pl_pane;

// Asks for a picture of the content in the area; the one before stays until it is there.
void pl_pane_make(pl_pane *pane, const pl_plot *plot, const pl_plot_content *content, pl_area area);
void pl_pane_draw(const pl_pane *pane, const pl_canvas *canvas, pl_area area);
void pl_pane_clear(pl_pane *pane);  // forgets picture and jobs
