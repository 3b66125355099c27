// A curve that grows: values over x that never falls, kept so that any stretch of it can be summed up column by column
// without looking at every value. Minima, maxima and sums of blocks of 16, 256, ... values are kept up to date as
// values come, so that a million of them are drawn as quickly as a thousand and none has to be read again.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// A value that is not finite is unknown.
typedef struct pl_curve_point {
  double x, y;
} pl_curve_point;

// From the smallest to the largest value around x.
typedef struct pl_curve_band {
  double x, low, high;
} pl_curve_band;

typedef struct pl_curve pl_curve;

#define PL_CURVE_SMOOTHING_MAX 0.999

pl_curve *pl_curve_create(void);
void pl_curve_destroy(pl_curve *curve);  // takes NULL

// An x below the one before is taken for that one (clocks are set back); x must be finite.
void pl_curve_append(pl_curve *curve, double x, double y);
size_t pl_curve_count(const pl_curve *curve);
void pl_curve_clear(pl_curve *curve);  // keeps the smoothing

// The weight of the past in the exponential moving average, 0 (as it is) to PL_CURVE_SMOOTHING_MAX; others are clamped.
// Debiased as Adam's moments (Kingma and Ba, 2015, section 3), so that it begins at the first value: after n known
// values m(n) = w m(n-1) + (1 - w) y(n), and the smoothed one is m(n) / (1 - w^n). Unknown values stay unknown and take
// no part.
void pl_curve_smooth(pl_curve *curve, double weight);

// The x of the first and the last value; of the positive ones for a logarithmic axis. False when there is none.
bool pl_curve_extent(double *first, double *last, const pl_curve *curve, bool logarithmic);

// The known value whose x is nearest: as it is in *raw, smoothed in *smooth. False when none is known.
bool pl_curve_at(pl_curve_point *raw, pl_curve_point *smooth, const pl_curve *curve, double x);

// What is drawn of a stretch from x_min to x_max in `columns` columns.
typedef struct pl_curve_window {
  double x_min, x_max;
  bool logarithmic;  // in x; then x_min is above 0
  size_t columns;
} pl_curve_window;

// Few values are points, with one more at either end so that lines reach the edges. Many are summed up in columns: the
// mean as a point, and a band from the smallest to the largest. Points that are not known are gaps.
typedef struct pl_curve_trace {
  pl_curve_point *line, *shadow;  // smoothed, and below it as it is; without smoothing there is no shadow
  size_t line_count, shadow_count;
  pl_curve_band *bands;  // of the values as they are
  size_t band_count;
} pl_curve_trace;

// Takes a time that grows with the columns and with the logarithm of the curve's length. The caller clears *out.
void pl_curve_trace_make(pl_curve_trace *out, const pl_curve *curve, const pl_curve_window *window);
void pl_curve_trace_clear(pl_curve_trace *trace);

#ifdef __cplusplus
}
#endif
