// Ranges and ticks of a chart's axes.
#include <math.h>
#include <stdio.h>

#include "viewers/view_curve.h"

bool pl_curve_known_y(const pl_curve_chart *chart, double y) {
  // Numbers near the end of the double range would overflow in differences; they are no loss or score either.
  return fabs(y) < 1e150 && !(chart->log_y && y <= 1e-150);
}

bool pl_curve_known(const pl_curve_chart *chart, pl_curve_point p) {
  return fabs(p.x) < 1e15 && !(chart->log_x && p.x <= 0) && pl_curve_known_y(chart, p.y);
}

static double place(double value, double low, double high, bool logarithmic) {
  if (logarithmic && value <= 0) return -8;
  const double t = logarithmic ? log(value / low) / log(high / low) : (value - low) / (high - low);
  return fmin(8, fmax(-8, t));
}

double pl_curve_place_x(const pl_curve_chart *chart, const pl_curve_range *range, double x) {
  return place(x, range->x_min, range->x_max, chart->log_x);
}

double pl_curve_place_y(const pl_curve_chart *chart, const pl_curve_range *range, double y) {
  return place(y, range->y_min, range->y_max, chart->log_y);
}

// ---- Ranges

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

// A point outside of the range of x that was asked for is there only to lead a line to the edge.
static void take_point(pl_curve_range *range, const pl_curve_chart *chart, pl_curve_point p) {
  if (!pl_curve_known(chart, p)) return;
  if (chart->x_range_set && (p.x < chart->x_min || p.x > chart->x_max)) return;
  range->known = true;
  widen(&range->x_min, &range->x_max, p.x);
  widen(&range->y_min, &range->y_max, p.y);
}

pl_curve_range pl_curve_find_range(const pl_curve_chart *chart) {
  pl_curve_range range = {.x_min = INFINITY, .x_max = -INFINITY, .y_min = INFINITY, .y_max = -INFINITY};
  for (size_t s = 0; s < chart->series_count; s++) {
    const pl_curve_series *series = &chart->series[s];
    for (size_t i = 0; i < series->count; i++) take_point(&range, chart, series->points[i]);
    for (size_t i = 0; i < series->shadow_count; i++) take_point(&range, chart, series->shadow[i]);
    for (size_t i = 0; i < series->band_count; i++) {
      take_point(&range, chart, (pl_curve_point){series->bands[i].x, series->bands[i].low});
      take_point(&range, chart, (pl_curve_point){series->bands[i].x, series->bands[i].high});
    }
  }
  if (!range.known)
    range = (pl_curve_range){.x_min = chart->log_x ? 0.1 : 0, .x_max = 1, .y_min = chart->log_y ? 0.1 : 0, .y_max = 1};
  for (size_t i = 0; range.known && i < chart->reference_count; i++) {
    double value = chart->references[i].value;
    if (pl_curve_known_y(chart, value)) widen(&range.y_min, &range.y_max, value);
  }
  if (range.known) pad_y(&range, chart->log_y);
  if (chart->y_range_set && chart->y_max > chart->y_min && !(chart->log_y && chart->y_min <= 0)) {
    range.y_min = chart->y_min;
    range.y_max = chart->y_max;
  }
  if (chart->x_range_set && chart->x_max > chart->x_min && !(chart->log_x && chart->x_min <= 0)) {
    range.x_min = chart->x_min;
    range.x_max = chart->x_max;
  }
  if (!(range.x_max > range.x_min) && chart->log_x) {
    range.x_min /= 2;
    range.x_max = range.x_min * 4;
  } else if (!(range.x_max > range.x_min)) {
    range.x_min -= 0.5;
    range.x_max = range.x_min + 1;
  }
  return range;
}

// ---- Ticks

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

static void format_ticks(pl_curve_tick *out, const double *ticks, size_t count, double unit, bool logarithmic) {
  for (size_t i = 0; i < count; i++) {
    const double next = count > 1 ? ticks[1] - ticks[0] : 0;
    const double step = logarithmic && ticks[i] > 0 ? pow(10, floor(log10(ticks[i]))) : next;
    out[i].value = ticks[i] * unit;
    pl_curve_format(out[i].text, sizeof out[i].text, ticks[i], step);
  }
}

// Steps and epochs are whole numbers; ticks between them say little, unless there is nothing else to say.
static size_t keep_whole(double *ticks, size_t count, bool fractions) {
  double whole[PL_CURVE_TICKS_MAX];
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (fabs(ticks[i] - round(ticks[i])) < 1e-6) whole[kept++] = round(ticks[i]);
  }
  if (kept < 2 && fractions) return count;
  for (size_t i = 0; i < kept; i++) ticks[i] = whole[i];
  return kept;
}

static size_t at_most(size_t count) { return count < PL_CURVE_TICKS_MAX ? count : PL_CURVE_TICKS_MAX; }

size_t pl_curve_ticks_x(pl_curve_tick out[PL_CURVE_TICKS_MAX], size_t max_count, const pl_curve_chart *chart,
                        const pl_curve_range *range) {
  double ticks[PL_CURVE_TICKS_MAX];
  const double unit = chart->x_unit > 0 ? chart->x_unit : 1;
  size_t count = pl_curve_ticks(ticks, at_most(max_count), range->x_min / unit, range->x_max / unit, chart->log_x);
  count = keep_whole(ticks, count, chart->x_range_set || chart->x_unit > 0);
  format_ticks(out, ticks, count, unit, chart->log_x);
  return count;
}

size_t pl_curve_ticks_y(pl_curve_tick out[PL_CURVE_TICKS_MAX], size_t max_count, const pl_curve_chart *chart,
                        const pl_curve_range *range) {
  double ticks[PL_CURVE_TICKS_MAX];
  const size_t count = pl_curve_ticks(ticks, at_most(max_count), range->y_min, range->y_max, chart->log_y);
  format_ticks(out, ticks, count, 1, chart->log_y);
  return count;
}
