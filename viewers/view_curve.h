// Curves over steps or epochs as a bitmap: several series, axes, ticks, a legend, reference lines.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "viewers/bitmap.h"
#include "viewers/curve.h"

#ifdef __cplusplus
extern "C" {
#endif

// One line of a chart, as pl_curve_trace_make gives it, or points alone: the line has a gap where a value is unknown,
// and such a value takes no part in the range. Everything is borrowed; x never decreases.
typedef struct pl_curve_series {
  const char *label;
  pl_rgb colour;  // see pl_colour_series
  const pl_curve_point *points;
  size_t count;
  const pl_curve_point *shadow;  // the values before smoothing, drawn faintly below
  size_t shadow_count;
  const pl_curve_band *bands;  // drawn faintly from low to high, column by column, so that no spike is lost
  size_t band_count;
  bool value_set;  // the number behind the label, else that of the last known point
  double value;
} pl_curve_series;

// A dashed horizontal line with a name, such as the score of predicting nothing. Takes part in the range. Not drawn
// when its value is not finite.
typedef struct pl_curve_reference {
  const char *label;
  double value;
} pl_curve_reference;

typedef struct pl_curve_chart {
  const char *title;    // may be NULL
  const char *x_label;  // "epoch", "step"; may be NULL
  double x_unit;        // what is 1 on the axis, such as 3600 for hours of seconds; 0 for 1
  const pl_curve_series *series;
  size_t series_count;
  const pl_curve_reference *references;
  size_t reference_count;
  bool x_range_set, y_range_set;  // else from the data
  double x_min, x_max;
  double y_min, y_max;
  bool log_x, log_y;  // values that are not above 0 are unknown then
  bool cursor_set;    // a vertical line at cursor_x
  double cursor_x;
  int scale;  // of the text; 0 chooses: 2 from 1000x420 pixels on
} pl_curve_chart;

// Draws the chart at width x height pixels (at least 60x40). Without any known point it says so. PL_E_LIMIT for a size
// out of range, PL_E_NOMEM.
pl_status pl_view_curve(pl_bitmap *out, const pl_curve_chart *chart, uint32_t width, uint32_t height, pl_error *err);

// Where in that bitmap the plot is, axes and texts left out.
pl_rect pl_view_curve_plot(const pl_curve_chart *chart, uint32_t width, uint32_t height);

// ---- The pieces, for charts made of characters.
typedef struct pl_curve_range {
  double x_min, x_max, y_min, y_max;
  bool known;  // false when there is nothing finite to show; the rest is a unit range then
} pl_curve_range;

pl_curve_range pl_curve_find_range(const pl_curve_chart *chart);

// Whether the chart can show the point, or a value at any x.
bool pl_curve_known(const pl_curve_chart *chart, pl_curve_point point);
bool pl_curve_known_y(const pl_curve_chart *chart, double y);

// Where x lies between x_min (0) and x_max (1), y between y_min and y_max. What lies far outside is within -8 and 8.
double pl_curve_place_x(const pl_curve_chart *chart, const pl_curve_range *range, double x);
double pl_curve_place_y(const pl_curve_chart *chart, const pl_curve_range *range, double y);

enum { PL_CURVE_TICKS_MAX = 16, PL_CURVE_TICK_TEXT = 24 };

typedef struct pl_curve_tick {
  double value;
  char text[PL_CURVE_TICK_TEXT];
} pl_curve_tick;

// The ticks of an axis with their texts, at most `max_count` and PL_CURVE_TICKS_MAX; returns how many. Of those of x
// the fractions are left out as long as two whole numbers remain.
size_t pl_curve_ticks_x(pl_curve_tick out[PL_CURVE_TICKS_MAX], size_t max_count, const pl_curve_chart *chart,
                        const pl_curve_range *range);
size_t pl_curve_ticks_y(pl_curve_tick out[PL_CURVE_TICKS_MAX], size_t max_count, const pl_curve_chart *chart,
                        const pl_curve_range *range);

// Round tick positions (1, 2 or 5 times a power of ten) within [min, max], at most `max_count`; returns how many. For a
// logarithmic axis min must be above 0. `out` has room for max_count.
size_t pl_curve_ticks(double *out, size_t max_count, double min, double max, bool logarithmic);

// A tick's text: as few digits as tell it from the next tick `step` away (0: four significant digits).
void pl_curve_format(char *out, size_t size, double value, double step);

#ifdef __cplusplus
}
#endif
