// Flips, turns, zooms and shifts: maps from the result to the source.
#include <math.h>
#include <string.h>

#include "core/data/augment_private.h"

static const double PI = 3.14159265358979323846;
static const double ROTATE_LIMIT = 10;  // degrees
// Of shift-scale-rotate; the shift is of the width and the height.
static const double SHIFT_LIMIT = 0.0625, SCALE_LIMIT = 0.1, TURN_LIMIT = 45;

// The map from a later result to an earlier source: first `step`, then what was there.
static void follow(pl_augmentation *params, const double step[6]) {
  const double *a = params->affine;
  double out[6] = {
      a[0] * step[0] + a[1] * step[3], a[0] * step[1] + a[1] * step[4], a[0] * step[2] + a[1] * step[5] + a[2],
      a[3] * step[0] + a[4] * step[3], a[3] * step[1] + a[4] * step[4], a[3] * step[2] + a[4] * step[5] + a[5],
  };
  memcpy(params->affine, out, sizeof out);
}

void pl_augment_flip(pl_augmentation *params, uint32_t width) {
  follow(params, (double[]){-1, 0, (double)width - 1, 0, 1, 0});
}

void pl_augment_rotate(pl_augmentation *params, uint32_t width, uint32_t height, double degrees) {
  pl_augment_shift_scale_rotate(params, width, height, degrees, 1, 0, 0);
}

void pl_augment_shift_scale_rotate(pl_augmentation *params, uint32_t width, uint32_t height, double degrees,
                                   double scale, double dx, double dy) {
  // The inverse of getRotationMatrix2D with the shift added, which lead from the source to the result: the centre is
  // where the shift puts it, and angle and scale are undone about it.
  double c = cos(degrees * PI / 180) / scale, s = sin(degrees * PI / 180) / scale;
  double x = width / 2.0, y = height / 2.0, to_x = x + dx * width, to_y = y + dy * height;
  follow(params, (double[]){c, -s, x - c * to_x + s * to_y, s, c, y - s * to_x - c * to_y});
}

// No values: whether to flip is the member's probability.
void pl_augment_draw_flip(pl_augment_values *out, const pl_augment_place *place) {
  (void)out;
  (void)place;
}

void pl_augment_do_flip(pl_augmentation *params, const pl_augment_values *values, uint32_t width, uint32_t height) {
  (void)values;
  (void)height;
  pl_augment_flip(params, width);
}

// v: degrees
void pl_augment_draw_rotate(pl_augment_values *out, const pl_augment_place *place) {
  out->v[0] = pl_augment_within(place, "rotate", 0, ROTATE_LIMIT);
}

void pl_augment_do_rotate(pl_augmentation *params, const pl_augment_values *values, uint32_t width, uint32_t height) {
  pl_augment_rotate(params, width, height, values->v[0]);
}

// v: degrees, scale, dx, dy
void pl_augment_draw_shift_scale_rotate(pl_augment_values *out, const pl_augment_place *place) {
  out->v[0] = pl_augment_within(place, "shift-scale-rotate", 0, TURN_LIMIT);
  out->v[1] = 1 + pl_augment_within(place, "shift-scale-rotate", 1, SCALE_LIMIT);
  out->v[2] = pl_augment_within(place, "shift-scale-rotate", 2, SHIFT_LIMIT);
  out->v[3] = pl_augment_within(place, "shift-scale-rotate", 3, SHIFT_LIMIT);
}

void pl_augment_do_shift_scale_rotate(pl_augmentation *params, const pl_augment_values *values, uint32_t width,
                                      uint32_t height) {
  pl_augment_shift_scale_rotate(params, width, height, values->v[0], values->v[1], values->v[2], values->v[3]);
}
