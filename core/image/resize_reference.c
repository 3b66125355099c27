#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/image/resize.h"

enum { GREY_MAX = 255, TRUNCATE = 4, TILE = 16 };

// Two numbers in one register.
typedef double pair __attribute__((vector_size(2 * sizeof(double))));

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
  bool *blank;                    // of those rows: nothing but zeros, as most of a mask is
  const double **above, **below;  // the rows at distance k from the one that is filtered; [0] is itself
  double *line;                   // one row filtered downwards, with across.radius numbers of margin at both ends
  const double **left, **right;   // `line` shifted by k
  double *kept;                   // the two filtered rows that an output row lies between, row y at y % 2
  size_t kept_row[2];
  bool kept_blank[2];
  double *top, *bottom, *grey;  // these two with their weights, and what becomes of them
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

static const double *input_row(filter *f, size_t y, bool *blank) {
  size_t slot = y % f->room, width = f->in->width;
  double *row = f->rows + slot * width;
  if (f->held[slot] != y) {
    unpack(row, f, y);
    f->held[slot] = y;
    size_t zeros = 0;
    while (zeros < width && row[zeros] == 0) zeros++;
    f->blank[slot] = zeros == width;
  }
  *blank &= f->blank[slot];
  return row;
}

static pair load(const double *from) {
  pair p;
  memcpy(&p, from, sizeof p);
  return p;
}

// The centre, then the pairs of numbers at one distance, the outermost first: as scipy adds them up, so that the same
// bits come out. Several neighbours at a time, whose sums stay in registers.
static void weigh(double *restrict out, const double *const *left, const double *const *right, size_t count,
                  const kernel *k) {
  size_t i = 0;
  for (; i + TILE <= count; i += TILE) {
    pair sum[TILE / 2];
#pragma GCC unroll 8
    for (size_t t = 0; t < TILE / 2; t++) sum[t] = load(left[0] + i + 2 * t) * k->weights[0];
    for (size_t at = k->radius; at > 0; at--) {
      const double *a = left[at] + i, *b = right[at] + i, weight = k->weights[at];
#pragma GCC unroll 8
      for (size_t t = 0; t < TILE / 2; t++) sum[t] += (load(a + 2 * t) + load(b + 2 * t)) * weight;
    }
#pragma GCC unroll 8
    for (size_t t = 0; t < TILE / 2; t++) memcpy(out + i + 2 * t, &sum[t], sizeof sum[t]);
  }
  for (; i < count; i++) {
    double sum = left[0][i] * k->weights[0];
    for (size_t at = k->radius; at > 0; at--) sum += (left[at][i] + right[at][i]) * k->weights[at];
    out[i] = sum;
  }
}

// One row of the filtered picture: downwards first, then across. True when it is nothing but zeros.
static bool filtered_row(double *out, filter *f, size_t y) {
  size_t width = f->in->width, across = f->across.radius;
  double *line = f->line + across;
  bool blank = true;
  for (size_t k = 0; k <= f->down.radius; k++) {
    f->above[k] = input_row(f, mirrored((ptrdiff_t)y - (ptrdiff_t)k, f->in->height), &blank);
    f->below[k] = input_row(f, mirrored((ptrdiff_t)(y + k), f->in->height), &blank);
  }
  if (blank) {
    memset(out, 0, width * sizeof *out);
    return true;
  }
  weigh(line, f->above, f->below, width, &f->down);
  for (size_t i = 1; i <= across; i++) {
    f->line[across - i] = line[mirrored(-(ptrdiff_t)i, width)];
    line[width - 1 + i] = line[mirrored((ptrdiff_t)(width - 1 + i), width)];
  }
  weigh(out, f->left, f->right, width, &f->across);
  return false;
}

// Adding this and taking it away again rounds a number below 2^51 to the nearest integer, halves to even.
static const double rounder = 0x1.8p52;

// One row of the result, between two filtered rows.
static void blend_rows(uint8_t *out, const filter *f, const spot *columns, uint32_t width, const spot *row,
                       double gain) {
  const double *above = f->kept + (row->first & 1) * f->in->width, *below = f->kept + (row->second & 1) * f->in->width;
  double *restrict top = f->top, *restrict bottom = f->bottom, *restrict grey = f->grey;
  for (size_t x = 0; x < f->in->width; x++) {
    top[x] = above[x] * row->first_weight;
    bottom[x] = below[x] * row->second_weight;
  }
  for (uint32_t x = 0; x < width; x++) {
    const spot *c = &columns[x];
    grey[x] = top[c->first] * c->first_weight + top[c->second] * c->second_weight + bottom[c->first] * c->first_weight +
              bottom[c->second] * c->second_weight;
  }
  double low = f->low, high = f->high;
  for (uint32_t x = 0; x < width; x++) {
    double value = grey[x] < low ? low : grey[x];
    value = (value > high ? high : value) * gain;
    value = value < 0 ? 0 : value;
    value = value > GREY_MAX ? GREY_MAX : value;
    out[x] = (uint8_t)(int)(value + rounder - rounder);
  }
}

// Filters the row into its place of the two, unless it is there. True when it is nothing but zeros.
static bool keep_row(filter *f, size_t y) {
  size_t place = y & 1;
  if (f->kept_row[place] != y) {
    f->kept_blank[place] = filtered_row(f->kept + place * f->in->width, f, y);
    f->kept_row[place] = y;
  }
  return f->kept_blank[place];
}

// Rows of zeros are left as they are: a new plane is zero.
static void resize_rows(pl_image *out, filter *f, const spot *columns, const spot *rows, double gain) {
  for (uint32_t y = 0; y < out->height; y++) {
    bool first_blank = keep_row(f, rows[y].first), second_blank = keep_row(f, rows[y].second);
    if (first_blank && second_blank) continue;
    blend_rows(out->u8 + (size_t)y * out->width, f, columns, out->width, &rows[y], gain);
  }
}

// One loop a type, each over values of its own size, which the compiler makes vectors of.
static void find_bounds(filter *f) {
  size_t count = (size_t)f->in->width * f->in->height;
  double scale = f->scale;
  if (f->in->type == PL_PIXEL_U8) {
    uint8_t low = UINT8_MAX, high = 0;
    for (size_t i = 0; i < count; i++) {
      low = f->in->u8[i] < low ? f->in->u8[i] : low;
      high = f->in->u8[i] > high ? f->in->u8[i] : high;
    }
    f->low = low * scale;
    f->high = high * scale;
  } else if (f->in->type == PL_PIXEL_U16) {
    uint16_t low = UINT16_MAX, high = 0;
    for (size_t i = 0; i < count; i++) {
      low = f->in->u16[i] < low ? f->in->u16[i] : low;
      high = f->in->u16[i] > high ? f->in->u16[i] : high;
    }
    f->low = low * scale;
    f->high = high * scale;
  } else {
    int16_t low = INT16_MAX, high = INT16_MIN;
    for (size_t i = 0; i < count; i++) {
      low = f->in->s16[i] < low ? f->in->s16[i] : low;
      high = f->in->s16[i] > high ? f->in->s16[i] : high;
    }
    f->low = signed_value(low, scale);
    f->high = signed_value(high, scale);
  }
}

static void filter_clear(filter *f) {
  free(f->right);
  free(f->left);
  free(f->below);
  free(f->above);
  free(f->blank);
  free(f->held);
  free(f->rows);
  free(f->across.weights);
  free(f->down.weights);
}

// False without memory.
static bool filter_init(filter *f, const pl_image *in, uint32_t width, uint32_t height, double scale) {
  *f = (filter){.in = in, .scale = scale, .kept_row = {SIZE_MAX, SIZE_MAX}};
  f->down = make_kernel(in->height, height);
  f->across = make_kernel(in->width, width);
  f->room = 2 * f->down.radius + 2 < in->height ? 2 * f->down.radius + 2 : in->height;
  f->held = pl_xcalloc(f->room, sizeof *f->held);
  f->blank = pl_xcalloc(f->room, sizeof *f->blank);
  f->above = pl_xcalloc(f->down.radius + 1, sizeof *f->above);
  f->below = pl_xcalloc(f->down.radius + 1, sizeof *f->below);
  f->left = pl_xcalloc(f->across.radius + 1, sizeof *f->left);
  f->right = pl_xcalloc(f->across.radius + 1, sizeof *f->right);
  // Sides are at most PL_IMAGE_SIDE_MAX, so this product is far from overflow.
  size_t in_width = in->width, line = in_width + 2 * f->across.radius;
  f->rows = pl_try_alloc(((f->room + 4) * in_width + line + width) * sizeof *f->rows);
  if (f->rows == NULL) return false;
  f->kept = f->rows + f->room * in_width;
  f->top = f->kept + 2 * in_width;
  f->bottom = f->top + in_width;
  f->line = f->bottom + in_width;
  f->grey = f->line + line;
  for (size_t i = 0; i < f->room; i++) f->held[i] = SIZE_MAX;
  for (size_t k = 0; k <= f->across.radius; k++) {
    f->left[k] = f->line + f->across.radius - k;
    f->right[k] = f->line + f->across.radius + k;
  }
  find_bounds(f);
  return true;
}

static pl_status resize_values(pl_image *out, const pl_image *in, uint32_t width, uint32_t height, double scale,
                               double gain, pl_error *err) {
  pl_image made;
  pl_status status = pl_image_init(&made, width, height, PL_PIXEL_U8, in->meaning, err);
  if (status != PL_OK) return status;
  filter f;
  if (filter_init(&f, in, width, height, scale)) {
    spot *columns = make_spots(in->width, width), *rows = make_spots(in->height, height);
    resize_rows(&made, &f, columns, rows, gain);
    free(columns);
    free(rows);
    *out = made;
  } else {
    status = pl_fail(err, PL_E_NOMEM, "no memory to resize %ux%u pixels", in->width, in->height);
    pl_image_clear(&made);
  }
  filter_clear(&f);
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
