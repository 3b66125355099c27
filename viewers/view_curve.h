// Curves over steps or epochs as a bitmap: several series, axes, ticks, a legend, reference lines.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "viewers/bitmap.h"

#ifdef __cplusplus
extern "C" {
#endif

// A value that is not finite is unknown: the line has a gap there, and it takes no part in the range.
typedef struct pl_curve_point {
  double x, y;
} pl_curve_point;

typedef struct pl_curve_series {
  const char *label;
  pl_rgb colour;                 // see pl_colour_series
  const pl_curve_point *points;  // borrowed; x never decreases
  size_t count;
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
  const pl_curve_series *series;
  size_t series_count;
  const pl_curve_reference *references;
  size_t reference_count;
  bool x_range_set, y_range_set;  // else from the data
  double x_min, x_max;
  double y_min, y_max;
  bool log_y;  // values that are not above 0 are unknown then
  int scale;   // of the text; 0 chooses: 2 from 1000x420 pixels on
} pl_curve_chart;

// Draws the chart at width x height pixels (at least 60x40). More points than pixels are drawn as the line of their
// means over the band from their minimum to their maximum, column by column, so that no spike is lost. Without any
// known point it says so. PL_E_LIMIT for a size out of range, PL_E_NOMEM.
pl_status pl_view_curve(pl_bitmap *out, const pl_curve_chart *chart, uint32_t width, uint32_t height, pl_error *err);

// ---- The pieces, for charts made of characters.
typedef struct pl_curve_range {
  double x_min, x_max, y_min, y_max;
  bool known;  // false when there is nothing finite to show; the rest is a unit range then
} pl_curve_range;

pl_curve_range pl_curve_find_range(const pl_curve_chart *chart);

// Round tick positions (1, 2 or 5 times a power of ten) within [min, max], at most `max_count`; returns how many. For a
// logarithmic axis min must be above 0. `out` has room for max_count.
size_t pl_curve_ticks(double *out, size_t max_count, double min, double max, bool logarithmic);

// A tick's text: as few digits as tell it from the next tick `step` away (0: four significant digits).
void pl_curve_format(char *out, size_t size, double value, double step);

#ifdef __cplusplus
}
#endif
