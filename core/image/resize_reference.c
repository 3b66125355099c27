#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/image/resize.h"

enum { GREY_MAX = 255, TRUNCATE = 4 };

// The filter of one axis: weights[0] is the centre's, weights[k] that of the two at distance k. No filter: radius 0.
typedef struct kernel {
  size_t radius;
  double *weights;
} kernel;

// Which two inputs an output position lies between.
typedef struct spot {
  size_t first, second;
  double first_weight, second_weight;
} spot;

// Where numbers come from, and the rows on their way. A value is stored * scale, signed ones not below -1.
typedef struct filter {
  const pl_image *in;
  double scale, low, high;
  kernel down, across;
  double *rows;  // `room` rows of the input, row y at y % room
  size_t room, *held;
  double **window;  // the rows that one filtered row is made of
  double *line;     // one row filtered downwards, with across.radius numbers of margin at both ends
} filter;

// scipy's mode "mirror" (numpy's "reflect"): the edge itself is not repeated.
static size_t mirrored(ptrdiff_t at, size_t count) {
  if (count == 1) return 0;
  ptrdiff_t period = 2 * ((ptrdiff_t)count - 1);
  at %= period;
  if (at < 0) at += period;
  return (size_t)(at < (ptrdiff_t)count ? at : period - at);
}

static kernel make_kernel(uint32_t in, uint32_t out) {
  double sigma = ((double)in / out - 1) / 2;
  kernel k = {.radius = sigma > 1e-15 ? (size_t)(TRUNCATE * sigma + 0.5) : 0};
  k.weights = pl_xcalloc(k.radius + 1, sizeof *k.weights);
  k.weights[0] = 1;
  double sum = 1;
  for (size_t i = 1; i <= k.radius; i++) {
    k.weights[i] = exp(-0.5 / (sigma * sigma) * (double)(i * i));
    sum += 2 * k.weights[i];
  }
  for (size_t i = 0; i <= k.radius; i++) k.weights[i] /= sum;
  return k;
}

static spot *make_spots(uint32_t in, uint32_t out) {
  spot *spots = pl_xcalloc(out, sizeof *spots);
  double step = (double)in / out, end = in - 1.0;
  for (uint32_t i = 0; i < out; i++) {
    double at = (i + 0.5) * step - 0.5;
    if (at < 0) at = -at;
    if (at > end) at = 2 * end - at;
    if (at < 0) at = 0;  // an axis of one pixel
    double floored = floor(at);
    spots[i].first = (size_t)floored;
    spots[i].second = mirrored((ptrdiff_t)floored + 1, in);
    spots[i].second_weight = at - floored;
    spots[i].first_weight = 1 - spots[i].second_weight;
  }
  return spots;
}

static double signed_value(int32_t stored, double scale) {
  double value = stored * scale;
  return value > -1 ? value : -1;
}

static void unpack(double *restrict out, const filter *f, size_t y) {
  size_t width = f->in->width, at = y * width;
  double scale = f->scale;
  switch (f->in->type) {
    case PL_PIXEL_U8:
      for (size_t x = 0; x < width; x++) out[x] = f->in->u8[at + x] * scale;
      break;
    case PL_PIXEL_U16:
      for (size_t x = 0; x < width; x++) out[x] = f->in->u16[at + x] * scale;
      break;
    case PL_PIXEL_S16:
      for (size_t x = 0; x < width; x++) out[x] = signed_value(f->in->s16[at + x], scale);
      break;
  }
}

static double *input_row(filter *f, size_t y) {
  size_t slot = y % f->room;
  double *row = f->rows + slot * f->in->width;
  if (f->held[slot] != y) {
    unpack(row, f, y);
    f->held[slot] = y;
  }
  return row;
}

static void weigh_centre(double *restrict out, const double *restrict in, size_t count, double weight) {
  for (size_t i = 0; i < count; i++) out[i] = in[i] * weight;
}

static void add_pair(double *restrict out, const double *restrict a, const double *restrict b, size_t count,
                     double weight) {
  for (size_t i = 0; i < count; i++) out[i] += (a[i] + b[i]) * weight;
}

// One row of the filtered picture: downwards first, then across, the outermost pairs first, as scipy adds them up.
static void filtered_row(double *out, filter *f, size_t y) {
  size_t width = f->in->width, down = f->down.radius, across = f->across.radius;
  double *line = f->line + across;
  for (size_t i = 0; i <= 2 * down; i++) {
    f->window[i] = input_row(f, mirrored((ptrdiff_t)y + (ptrdiff_t)i - (ptrdiff_t)down, f->in->height));
  }
  weigh_centre(line, f->window[down], width, f->down.weights[0]);
  for (size_t k = down; k > 0; k--) {
    add_pair(line, f->window[down - k], f->window[down + k], width, f->down.weights[k]);
  }
  for (size_t i = 1; i <= across; i++) {
    f->line[across - i] = line[mirrored(-(ptrdiff_t)i, width)];
    line[width - 1 + i] = line[mirrored((ptrdiff_t)(width - 1 + i), width)];
  }
  weigh_centre(out, line, width, f->across.weights[0]);
  for (size_t k = across; k > 0; k--) add_pair(out, line - k, line + k, width, f->across.weights[k]);
}

static uint8_t to_grey(double value) {
  double rounded = rint(value);
  if (!(rounded > 0)) return 0;
  return rounded < GREY_MAX ? (uint8_t)rounded : GREY_MAX;
}

static void resize_rows(pl_image *out, filter *f, const spot *columns, const spot *rows, double *kept, double gain) {
  size_t width = f->in->width, held[2] = {SIZE_MAX, SIZE_MAX};
  for (uint32_t y = 0; y < out->height; y++) {
    const double *above = kept + (rows[y].first & 1) * width, *below = kept + (rows[y].second & 1) * width;
    const size_t wanted[2] = {rows[y].first, rows[y].second};
    for (size_t i = 0; i < 2; i++) {
      if (held[wanted[i] & 1] == wanted[i]) continue;
      filtered_row(kept + (wanted[i] & 1) * width, f, wanted[i]);
      held[wanted[i] & 1] = wanted[i];
    }
    double up = rows[y].first_weight, low = rows[y].second_weight;
    uint8_t *to = out->u8 + (size_t)y * out->width;
    for (uint32_t x = 0; x < out->width; x++) {
      const spot *c = &columns[x];
      double value = above[c->first] * up * c->first_weight + above[c->second] * up * c->second_weight +
                     below[c->first] * low * c->first_weight + below[c->second] * low * c->second_weight;
      value = value < f->low ? f->low : value > f->high ? f->high : value;
      to[x] = to_grey(value * gain);
    }
  }
}

static int32_t stored(const pl_image *image, size_t i) {
  if (image->type == PL_PIXEL_U8) return image->u8[i];
  return image->type == PL_PIXEL_U16 ? image->u16[i] : image->s16[i];
}

static void find_bounds(filter *f) {
  size_t count = (size_t)f->in->width * f->in->height;
  int32_t low = INT32_MAX, high = INT32_MIN;
  for (size_t i = 0; i < count; i++) {
    int32_t value = stored(f->in, i);
    low = value < low ? value : low;
    high = value > high ? value : high;
  }
  f->low = f->in->type == PL_PIXEL_S16 ? signed_value(low, f->scale) : low * f->scale;
  f->high = high * f->scale;
}

static pl_status resize_values(pl_image *out, const pl_image *in, uint32_t width, uint32_t height, double scale,
                               double gain, pl_error *err) {
  pl_image made;
  pl_status status = pl_image_init(&made, width, height, PL_PIXEL_U8, in->meaning, err);
  if (status != PL_OK) return status;
  filter f = {.in = in, .scale = scale};
  f.down = make_kernel(in->height, height);
  f.across = make_kernel(in->width, width);
  f.room = 2 * f.down.radius + 2 < in->height ? 2 * f.down.radius + 2 : in->height;
  f.rows = pl_try_alloc(f.room * in->width * sizeof *f.rows);
  f.line = pl_try_alloc((in->width + 2 * f.across.radius) * sizeof *f.line);
  double *kept = pl_try_alloc(2 * (size_t)in->width * sizeof *kept);
  f.held = pl_xcalloc(f.room, sizeof *f.held);
  f.window = pl_xcalloc(2 * f.down.radius + 1, sizeof *f.window);
  spot *columns = make_spots(in->width, width), *rows = make_spots(in->height, height);
  if (f.rows == NULL || f.line == NULL || kept == NULL) {
    status = pl_fail(err, PL_E_NOMEM, "no memory to resize %ux%u pixels", in->width, in->height);
    pl_image_clear(&made);
  } else {
    find_bounds(&f);
    for (size_t i = 0; i < f.room; i++) f.held[i] = SIZE_MAX;
    resize_rows(&made, &f, columns, rows, kept, gain);
    *out = made;
  }
  free(columns);
  free(rows);
  free(kept);
  free(f.window);
  free(f.held);
  free(f.line);
  free(f.rows);
  free(f.across.weights);
  free(f.down.weights);
  return status;
}

pl_status pl_image_resize_reference(pl_image *out, const pl_image *in, unsigned bits, uint32_t width, uint32_t height,
                                    pl_error *err) {
  assert(bits == 8 || bits == 16);
  double largest = bits == 8 ? UINT8_MAX : UINT16_MAX;
  if (in->type == PL_PIXEL_S16) largest = bits == 8 ? INT8_MAX : INT16_MAX;
  return resize_values(out, in, width, height, 1 / largest, GREY_MAX, err);
}

pl_status pl_mask_resize_reference(pl_image *out, const pl_image *counts, uint32_t width, uint32_t height,
                                   pl_error *err) {
  return resize_values(out, counts, width, height, GREY_MAX, 1, err);
}
