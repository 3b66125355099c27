// A histogram as a bitmap: bars over a linear or logarithmic axis, with marked values.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "viewers/bitmap.h"

#ifdef __cplusplus
extern "C" {
#endif

// A vertical dashed line with a name above it, such as the median. Left out when its value is not finite or outside.
typedef struct pl_histogram_mark {
  const char *label;
  double value;
} pl_histogram_mark;

typedef struct pl_histogram_chart {
  const char *title, *x_label;  // may be NULL
  const double *edges;          // bin_count + 1, rising; above 0 when log_x
  const size_t *bins;           // how many lie in each
  size_t bin_count;
  bool log_x;
  const pl_histogram_mark *marks;
  size_t mark_count;
  int scale;  // of the text; 0 chooses: 2 from 1000x420 pixels on
} pl_histogram_chart;

// Draws the chart at width x height pixels (at least 60x40); the count axis begins at 0. A bin that is not empty is at
// least one pixel high. Without any bin it says so. PL_E_LIMIT for a size out of range, PL_E_NOMEM.
pl_status pl_view_histogram(pl_bitmap *out, const pl_histogram_chart *chart, uint32_t width, uint32_t height,
                            pl_error *err);

#ifdef __cplusplus
}
#endif
