#include "viewers/curve.h"

#include <math.h>
#include <stdlib.h>

#include "core/base/mem.h"

enum { FANOUT = 16, LEVELS = 12 };  // 16^12 values are more than there will be

// What is known of a block of values.
typedef struct block {
  double low, high, sum, smooth_sum;
  size_t known;
} block;

typedef struct level {
  block *blocks;
  size_t count, room;
} level;

struct pl_curve {
  double *x, *y, *smooth;
  size_t count, room;
  level levels[LEVELS];  // blocks of FANOUT values, of FANOUT blocks of these, ...; the last of each may be unfinished
  double weight, moment, decay;  // of the moving average, and weight^known
};

pl_curve *pl_curve_create(void) {
  pl_curve *curve = pl_xcalloc(1, sizeof *curve);
  curve->decay = 1;
  return curve;
}

void pl_curve_destroy(pl_curve *curve) {
  if (curve == NULL) return;
  for (size_t i = 0; i < LEVELS; i++) free(curve->levels[i].blocks);
  free(curve->x);
  free(curve->y);
  free(curve->smooth);
  free(curve);
}

void pl_curve_clear(pl_curve *curve) {
  for (size_t i = 0; i < LEVELS; i++) curve->levels[i].count = 0;
  curve->count = 0;
  curve->moment = 0;
  curve->decay = 1;
}

size_t pl_curve_count(const pl_curve *curve) { return curve->count; }

// ---- Blocks

static block empty_block(void) { return (block){.low = INFINITY, .high = -INFINITY}; }

static void add_value(block *b, double y, double smooth) {
  if (!isfinite(y)) return;
  b->low = fmin(b->low, y);
  b->high = fmax(b->high, y);
  b->sum += y;
  b->smooth_sum += smooth;
  b->known++;
}

static void add_block(block *b, const block *other) {
  b->low = fmin(b->low, other->low);
  b->high = fmax(b->high, other->high);
  b->sum += other->sum;
  b->smooth_sum += other->smooth_sum;
  b->known += other->known;
}

// Enters the value at `index`, which is the last, into the block of each level that it belongs to. A level begins with
// the second block of the one below, and so with a copy of that one's first.
static void enter(pl_curve *curve, size_t index) {
  for (size_t i = 0; i < LEVELS; i++) {
    level *l = &curve->levels[i];
    index /= FANOUT;
    if (index == l->count) {
      if (l->count == l->room) {
        l->room = l->room > 0 ? 2 * l->room : FANOUT;
        l->blocks = pl_xrealloc(l->blocks, l->room, sizeof *l->blocks);
      }
      l->blocks[l->count++] = i > 0 && index == 0 ? curve->levels[i - 1].blocks[0] : empty_block();
    }
    add_value(&l->blocks[index], curve->y[curve->count - 1], curve->smooth[curve->count - 1]);
    if (index == 0) return;
  }
}

// Values from..until, the latter left out: single ones at the ends, whole blocks between them.
static block sum_up(const pl_curve *curve, size_t from, size_t until) {
  block all = empty_block();
  while (from < until && from % FANOUT != 0) add_value(&all, curve->y[from], curve->smooth[from]), from++;
  while (from < until && until % FANOUT != 0) until--, add_value(&all, curve->y[until], curve->smooth[until]);
  for (size_t i = 0; from < until; i++) {
    const block *blocks = curve->levels[i].blocks;
    from /= FANOUT;
    until /= FANOUT;
    while (from < until && from % FANOUT != 0) add_block(&all, &blocks[from++]);
    while (from < until && until % FANOUT != 0) add_block(&all, &blocks[--until]);
  }
  return all;
}

// ---- Growing and smoothing

static double next_smooth(pl_curve *curve, double y) {
  if (!isfinite(y)) return (double)NAN;
  if (curve->weight == 0) return y;
  curve->moment = curve->weight * curve->moment + (1 - curve->weight) * y;
  curve->decay *= curve->weight;
  return curve->moment / (1 - curve->decay);
}

void pl_curve_append(pl_curve *curve, double x, double y) {
  if (curve->count == curve->room) {
    curve->room = curve->room > 0 ? 2 * curve->room : 256;
    curve->x = pl_xrealloc(curve->x, curve->room, sizeof *curve->x);
    curve->y = pl_xrealloc(curve->y, curve->room, sizeof *curve->y);
    curve->smooth = pl_xrealloc(curve->smooth, curve->room, sizeof *curve->smooth);
  }
  const size_t at = curve->count++;
  curve->x[at] = at > 0 ? fmax(curve->x[at - 1], x) : x;
  curve->y[at] = y;
  curve->smooth[at] = next_smooth(curve, y);
  enter(curve, at);
}

void pl_curve_smooth(pl_curve *curve, double weight) {
  weight = weight > 0 ? fmin(weight, PL_CURVE_SMOOTHING_MAX) : 0;
  if (weight == curve->weight) return;
  const size_t count = curve->count;
  curve->weight = weight;
  pl_curve_clear(curve);
  for (size_t i = 0; i < count; i++) {
    curve->count = i + 1;
    curve->smooth[i] = next_smooth(curve, curve->y[i]);
    enter(curve, i);
  }
}

// ---- Looking

// The first value with x at or above (`above`: only above) that.
static size_t find(const pl_curve *curve, double x, bool above) {
  size_t low = 0, high = curve->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (curve->x[middle] < x || (above && curve->x[middle] == x)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool pl_curve_extent(double *first, double *last, const pl_curve *curve, bool logarithmic) {
  const size_t from = logarithmic ? find(curve, 0, true) : 0;
  if (from == curve->count) return false;
  *first = curve->x[from];
  *last = curve->x[curve->count - 1];
  return true;
}

bool pl_curve_at(pl_curve_point *raw, pl_curve_point *smooth, const pl_curve *curve, double x) {
  const size_t from = find(curve, x, false);
  size_t right = from, left = from;  // the value at `left` is left - 1
  while (right < curve->count && !isfinite(curve->y[right])) right++;
  while (left > 0 && !isfinite(curve->y[left - 1])) left--;
  if (left == 0 && right == curve->count) return false;
  size_t at = right;
  if (right == curve->count || (left > 0 && x - curve->x[left - 1] < curve->x[right] - x)) at = left - 1;
  *raw = (pl_curve_point){curve->x[at], curve->y[at]};
  *smooth = (pl_curve_point){curve->x[at], curve->smooth[at]};
  return true;
}

static void trace_points(pl_curve_trace *out, const pl_curve *curve, size_t from, size_t until) {
  if (from > 0) from--;
  if (until < curve->count) until++;
  const bool smoothed = curve->weight > 0;
  out->line = pl_xcalloc(until - from + 1, sizeof *out->line);
  if (smoothed) out->shadow = pl_xcalloc(until - from + 1, sizeof *out->shadow);
  for (size_t i = from; i < until; i++) {
    out->line[out->line_count++] = (pl_curve_point){curve->x[i], curve->smooth[i]};
    if (smoothed) out->shadow[out->shadow_count++] = (pl_curve_point){curve->x[i], curve->y[i]};
  }
}

static double column_x(const pl_curve_window *w, double column) {
  const double t = column / (double)w->columns;
  return w->logarithmic ? w->x_min * pow(w->x_max / w->x_min, t) : w->x_min + (w->x_max - w->x_min) * t;
}

static void trace_columns(pl_curve_trace *out, const pl_curve *curve, const pl_curve_window *w, size_t from,
                          size_t until) {
  out->line = pl_xcalloc(w->columns, sizeof *out->line);
  out->bands = pl_xcalloc(w->columns, sizeof *out->bands);
  for (size_t i = 0; i < w->columns; i++) {
    size_t end = i + 1 < w->columns ? find(curve, column_x(w, (double)i + 1), false) : until;
    end = end < from ? from : end > until ? until : end;
    if (end == from) continue;
    const block all = sum_up(curve, from, end);
    const double x = column_x(w, (double)i + 0.5), known = (double)all.known;
    from = end;
    out->line[out->line_count++] = (pl_curve_point){x, known > 0 ? all.smooth_sum / known : (double)NAN};
    if (known > 0) out->bands[out->band_count++] = (pl_curve_band){x, all.low, all.high};
  }
}

void pl_curve_trace_make(pl_curve_trace *out, const pl_curve *curve, const pl_curve_window *window) {
  *out = (pl_curve_trace){0};
  const size_t until = find(curve, window->x_max, true);
  size_t from = find(curve, window->x_min, false);
  if (from > until) from = until;
  if (until - from <= 2 * window->columns) {
    trace_points(out, curve, from, until);
  } else {
    trace_columns(out, curve, window, from, until);
  }
}

void pl_curve_trace_clear(pl_curve_trace *trace) {
  free(trace->line);
  free(trace->shadow);
  free(trace->bands);
  *trace = (pl_curve_trace){0};
}
