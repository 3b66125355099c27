#include "core/image/warp.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/base/mem.h"

enum {
  COORDINATE_BITS = 10,
  FRACTION_BITS = 5,
  FRACTIONS = 1 << FRACTION_BITS,
  DELTA_LINEAR = 1 << (COORDINATE_BITS - FRACTION_BITS - 1),
  DELTA_NEAREST = 1 << (COORDINATE_BITS - 1),
  COORDINATE_MAX = 1 << 29,
  FIELD_MAX = 1 << 24,
};

// Where a row of the output reads, without its share that depends on y.
typedef struct warp_columns {
  int32_t *x, *y;
} warp_columns;

// R of the header. lrint rounds halves to even in the default rounding mode.
static int32_t fixed_point(double value) {
  double scaled = value * (1 << COORDINATE_BITS);
  if (isnan(scaled)) return 0;
  return (int32_t)lrint(fmax(-COORDINATE_MAX, fmin(scaled, COORDINATE_MAX)));
}

static warp_columns make_columns(uint32_t width, const double map[6]) {
  warp_columns columns = {pl_xcalloc(width, sizeof(int32_t)), pl_xcalloc(width, sizeof(int32_t))};
  for (uint32_t x = 0; x < width; x++) {
    columns.x[x] = fixed_point(map[0] * x);
    columns.y[x] = fixed_point(map[3] * x);
  }
  return columns;
}

static void free_columns(warp_columns *columns) {
  free(columns->x);
  free(columns->y);
}

// A product and a sum that the compiler may not fuse, so that all machines round alike.
static int32_t row_start(double factor, uint32_t y, double offset) {
  volatile double product = factor * y;
  return fixed_point(product + offset);
}

static int64_t mirror(int64_t at, int64_t n) {
  if (at >= 0 && at < n) return at;
  if (n == 1) return 0;
  int64_t period = 2 * (n - 1), m = at % period;
  if (m < 0) m += period;
  return m < n ? m : period - m;
}

// The grey level at (at_x/32, at_y/32).
static uint8_t sample(const uint8_t *in, int64_t w, int64_t h, int64_t at_x, int64_t at_y) {
  int64_t ix = at_x >> FRACTION_BITS, iy = at_y >> FRACTION_BITS;
  int fx = (int)(at_x & (FRACTIONS - 1)), fy = (int)(at_y & (FRACTIONS - 1));
  const uint8_t *top = in + mirror(iy, h) * w, *bottom = in + mirror(iy + 1, h) * w;
  int64_t left = mirror(ix, w), right = mirror(ix + 1, w);
  int upper = top[left] * (FRACTIONS - fx) + top[right] * fx;
  int lower = bottom[left] * (FRACTIONS - fx) + bottom[right] * fx;
  int sum = upper * (FRACTIONS - fy) + lower * fy;
  return (uint8_t)((sum + FRACTIONS * FRACTIONS / 2) / (FRACTIONS * FRACTIONS));
}

void pl_warp_linear(uint8_t *out, uint32_t out_width, uint32_t out_height, const uint8_t *in, uint32_t in_width,
                    uint32_t in_height, const double map[6]) {
  warp_columns columns = make_columns(out_width, map);
  const int64_t w = in_width, h = in_height;
  for (uint32_t y = 0; y < out_height; y++) {
    int64_t start_x = (int64_t)row_start(map[1], y, map[2]) + DELTA_LINEAR;
    int64_t start_y = (int64_t)row_start(map[4], y, map[5]) + DELTA_LINEAR;
    uint8_t *row = out + (size_t)y * out_width;
    for (uint32_t x = 0; x < out_width; x++) {
      int64_t at_x = (start_x + columns.x[x]) >> (COORDINATE_BITS - FRACTION_BITS);
      int64_t at_y = (start_y + columns.y[x]) >> (COORDINATE_BITS - FRACTION_BITS);
      row[x] = sample(in, w, h, at_x, at_y);
    }
  }
  free_columns(&columns);
}

void pl_warp_nearest(uint8_t *out, uint32_t out_width, uint32_t out_height, const uint8_t *in, uint32_t in_width,
                     uint32_t in_height, const double map[6]) {
  warp_columns columns = make_columns(out_width, map);
  for (uint32_t y = 0; y < out_height; y++) {
    int64_t start_x = (int64_t)row_start(map[1], y, map[2]) + DELTA_NEAREST;
    int64_t start_y = (int64_t)row_start(map[4], y, map[5]) + DELTA_NEAREST;
    uint8_t *row = out + (size_t)y * out_width;
    for (uint32_t x = 0; x < out_width; x++) {
      int64_t ix = mirror((start_x + columns.x[x]) >> COORDINATE_BITS, in_width);
      int64_t iy = mirror((start_y + columns.y[x]) >> COORDINATE_BITS, in_height);
      row[x] = in[iy * in_width + ix];
    }
  }
  free_columns(&columns);
}

// A coordinate of a field, in units of 1/scale.
static int64_t field_point(float value, float scale) {
  if (!(value > -FIELD_MAX)) return value <= -FIELD_MAX ? -FIELD_MAX * (int64_t)scale : 0;
  return value < FIELD_MAX ? lrintf(value * scale) : FIELD_MAX * (int64_t)scale;
}

void pl_warp_field_linear(uint8_t *out, const uint8_t *in, uint32_t width, uint32_t height, const float *x,
                          const float *y) {
  size_t count = (size_t)width * height;
  for (size_t i = 0; i < count; i++)
    out[i] = sample(in, width, height, field_point(x[i], FRACTIONS), field_point(y[i], FRACTIONS));
}

void pl_warp_field_nearest(uint8_t *out, const uint8_t *in, uint32_t width, uint32_t height, const float *x,
                           const float *y) {
  size_t count = (size_t)width * height;
  for (size_t i = 0; i < count; i++) {
    int64_t ix = mirror(field_point(x[i], 1), width), iy = mirror(field_point(y[i], 1), height);
    out[i] = in[iy * width + ix];
  }
}
