// Warps that are no affine map: where each pixel of the result lies in the source.
//
// They follow albumentations 0.3.1 (augmentations/functional.py: elastic_transform, grid_distortion,
// optical_distortion), with what makes it move the image even without distortion left out: there the grid stretches
// each of its cells by one pixel, and the optical map is half a pixel off.
#include <math.h>

#include "core/base/rng.h"
#include "core/data/augment_private.h"

// In pixels, whatever the size of the image, as there.
static const double ELASTIC_ALPHA = 120, ELASTIC_SIGMA = 6, ELASTIC_AFFINE = 3.6;
static const double GRID_LIMIT = 0.3, OPTICAL_LIMIT = 2;

enum { GRID_CELLS = 5, RADIUS = 24 };  // RADIUS: 4 sigma, where scipy's gaussian_filter cuts

// v: where the corners of a triangle go (6 shifts), alpha. `noise` makes the displacements.
void pl_augment_draw_elastic(pl_augment_values *out, const pl_augment_place *place) {
  for (uint64_t i = 0; i < 6; i++) out->v[i] = pl_augment_within(place, "elastic", i, ELASTIC_AFFINE);
  out->v[6] = ELASTIC_ALPHA * place->strength;
  out->noise = pl_augment_noise(place, "elastic");
}

static void make_kernel(float kernel[RADIUS + 1]) {
  double weights[RADIUS + 1], sum = 0;
  for (int i = 0; i <= RADIUS; i++) {
    weights[i] = exp(-0.5 * i * i / (ELASTIC_SIGMA * ELASTIC_SIGMA));
    sum += i == 0 ? weights[i] : 2 * weights[i];
  }
  for (int i = 0; i <= RADIUS; i++) kernel[i] = (float)(weights[i] / sum);
}

// Reflects about the edge of the outermost pixel, which comes twice: scipy's mode "reflect".
static uint32_t mirror(int64_t at, uint32_t size) {
  int64_t period = 2 * (int64_t)size, m = at % period;
  if (m < 0) m += period;
  return (uint32_t)(m < size ? m : period - 1 - m);
}

// out = k0*in + the pairs of rows at equal distances above and below.
static void add_pair(float *restrict out, const float *restrict above, const float *restrict below, float weight,
                     uint32_t width) {
  for (uint32_t x = 0; x < width; x++) out[x] += weight * (above[x] + below[x]);
}

static void scale_row(float *restrict out, const float *restrict in, float weight, uint32_t width) {
  for (uint32_t x = 0; x < width; x++) out[x] = weight * in[x];
}

// Columns of `in` smoothed into `out`.
static void smooth_columns(float *out, const float *in, uint32_t width, uint32_t height,
                           const float kernel[RADIUS + 1]) {
  for (uint32_t y = 0; y < height; y++) {
    float *row = out + (size_t)y * width;
    scale_row(row, in + (size_t)y * width, kernel[0], width);
    for (int i = 1; i <= RADIUS; i++) {
      const float *above = in + (size_t)mirror((int64_t)y - i, height) * width;
      const float *below = in + (size_t)mirror((int64_t)y + i, height) * width;
      add_pair(row, above, below, kernel[i], width);
    }
  }
}

// One row of noise in +-1, smoothed along the row. Neighbours in a row are neighbours in `padded`, so that the same
// loops over whole rows serve here.
static void noise_row(float *out, float *padded, uint64_t seed, uint64_t stream, uint32_t y, uint32_t width,
                      const float kernel[RADIUS + 1]) {
  float *row = padded + RADIUS;
  for (uint32_t x = 0; x < width; x++) row[x] = 2 * pl_rng_float(seed, stream, (uint64_t)y * width + x) - 1;
  for (int i = 1; i <= RADIUS; i++) {
    row[-i] = row[mirror(-i, width)];
    row[width - 1 + (uint32_t)i] = row[mirror((int64_t)width - 1 + i, width)];
  }
  scale_row(out, row, kernel[0], width);
  for (int i = 1; i <= RADIUS; i++) add_pair(out, row - i, row + i, kernel[i], width);
}

// A plane of smooth noise. `padded` has room for width + 2*RADIUS numbers.
static void smooth_noise(float *out, float *spare, float *padded, uint64_t seed, uint64_t stream, uint32_t width,
                         uint32_t height, const float kernel[RADIUS + 1]) {
  for (uint32_t y = 0; y < height; y++) noise_row(spare + (size_t)y * width, padded, seed, stream, y, width, kernel);
  smooth_columns(out, spare, width, height, kernel);
}

// The affine map that takes the three corners `from` to `to`; out as in pl_augmentation, without its inverse.
static void map_triangle(double out[6], const double from[3][2], const double to[3][2]) {
  double ux = from[1][0] - from[0][0], uy = from[1][1] - from[0][1];
  double vx = from[2][0] - from[0][0], vy = from[2][1] - from[0][1];
  double determinant = ux * vy - uy * vx;
  for (int k = 0; k < 2; k++) {
    double du = to[1][k] - to[0][k], dv = to[2][k] - to[0][k];
    out[3 * k] = (du * vy - dv * uy) / determinant;
    out[3 * k + 1] = (dv * ux - du * vx) / determinant;
    out[3 * k + 2] = to[0][k] - out[3 * k] * from[0][0] - out[3 * k + 1] * from[0][1];
  }
}

// From the result to the source of the affine part: the shifted triangle goes back to the plain one.
static void elastic_affine(double out[6], const pl_augment_values *values, uint32_t width, uint32_t height) {
  uint32_t smaller = width < height ? width : height;
  double x = width / 2, y = height / 2, side = smaller > 3 ? smaller / 3 : 1;
  const double plain[3][2] = {{x + side, y + side}, {x + side, y - side}, {x - side, y - side}};
  double moved[3][2];
  // A triangle a few pixels wide must not turn over.
  double most = side / 4;
  for (int i = 0; i < 6; i++) moved[i / 2][i % 2] = plain[i / 2][i % 2] + fmax(-most, fmin(values->v[i], most));
  map_triangle(out, moved, plain);
}

void pl_augment_do_elastic(pl_augment_field *field, const pl_augment_values *values) {
  uint32_t width = field->width, height = field->height;
  float kernel[RADIUS + 1], alpha = (float)values->v[6];
  make_kernel(kernel);
  double a[6];
  elastic_affine(a, values, width, height);
  // The room behind `spare` is for one padded row: see pl_augment_apply.
  float *padded = field->spare + (size_t)width * height;
  smooth_noise(field->x, field->spare, padded, values->noise, 0, width, height, kernel);
  smooth_noise(field->y, field->spare, padded, values->noise, 1, width, height, kernel);
  for (uint32_t y = 0; y < height; y++) {
    float *to_x = field->x + (size_t)y * width, *to_y = field->y + (size_t)y * width;
    for (uint32_t x = 0; x < width; x++) {
      double at_x = x + (double)(alpha * to_x[x]), at_y = y + (double)(alpha * to_y[x]);
      to_x[x] = (float)(a[0] * at_x + a[1] * at_y + a[2]);
      to_y[x] = (float)(a[3] * at_x + a[4] * at_y + a[5]);
    }
  }
}

// v: factors of the cells' widths, then of their heights
void pl_augment_draw_grid(pl_augment_values *out, const pl_augment_place *place) {
  for (uint64_t i = 0; i < 2 * GRID_CELLS; i++) out->v[i] = 1 + pl_augment_within(place, "grid", i, GRID_LIMIT);
}

// Where position `at` of an axis lies: cells that were equally long are `factors` times as long.
static float in_grid(uint32_t at, uint32_t size, const double *factors) {
  double cell = (double)size / GRID_CELLS, start = 0;
  int number = (int)(at / cell);
  if (number > GRID_CELLS - 1) number = GRID_CELLS - 1;
  for (int i = 0; i < number; i++) start += cell * factors[i];
  return (float)(start + (at - number * cell) * factors[number]);
}

void pl_augment_do_grid(pl_augment_field *field, const pl_augment_values *values) {
  uint32_t width = field->width;
  for (uint32_t x = 0; x < width; x++) field->spare[x] = in_grid(x, width, values->v);
  for (uint32_t y = 0; y < field->height; y++) {
    float to_y = in_grid(y, field->height, values->v + GRID_CELLS);
    for (uint32_t x = 0; x < width; x++) {
      field->x[(size_t)y * width + x] = field->spare[x];
      field->y[(size_t)y * width + x] = to_y;
    }
  }
}

// v: k, of the lens model x*(1 + k r^2 + k r^4), r from the middle in widths. (The winner's shift limit of half a pixel
// is rounded to whole pixels in albumentations, and so never shifts.)
void pl_augment_draw_optical(pl_augment_values *out, const pl_augment_place *place) {
  out->v[0] = pl_augment_within(place, "optical", 0, OPTICAL_LIMIT);
}

void pl_augment_do_optical(pl_augment_field *field, const pl_augment_values *values) {
  uint32_t width = field->width;
  double k = values->v[0], middle_x = (width - 1) / 2.0, middle_y = (field->height - 1) / 2.0;
  for (uint32_t y = 0; y < field->height; y++) {
    double from_y = (y - middle_y) / width;
    for (uint32_t x = 0; x < width; x++) {
      double from_x = (x - middle_x) / width, r2 = from_x * from_x + from_y * from_y;
      double factor = 1 + k * r2 + k * r2 * r2;
      field->x[(size_t)y * width + x] = (float)(middle_x + (x - middle_x) * factor);
      field->y[(size_t)y * width + x] = (float)(middle_y + (y - middle_y) * factor);
    }
  }
}
