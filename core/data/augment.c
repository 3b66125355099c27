#include "core/data/augment.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"

static const double PI = 3.14159265358979323846;
static const double ROTATE_LIMIT = 10;  // degrees
static const uint64_t DRAWS = 2;        // per image and kind

pl_augmentation pl_augment_identity(void) {
  return (pl_augmentation){.affine = {1, 0, 0, 0, 1, 0}, .gain = 1, .bias = 0};
}

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
  double c = cos(degrees * PI / 180), s = sin(degrees * PI / 180);
  double x = width / 2.0, y = height / 2.0;
  // The inverse of getRotationMatrix2D, whose matrix leads from the source to the result.
  follow(params, (double[]){c, -s, x - c * x + s * y, s, c, y - s * x - c * y});
}

static double unit(const pl_augment_place *place, const char *name, uint64_t draw) {
  return pl_rng_double(pl_rng_derive(place->seed, name), place->epoch, DRAWS * place->position + draw);
}

static void draw_flip(pl_augmentation *params, const pl_augment_place *place) {
  if (unit(place, "augment flip", 0) < 0.5) pl_augment_flip(params, place->width);
}

static void draw_rotate(pl_augmentation *params, const pl_augment_place *place) {
  if (unit(place, "augment rotate", 0) >= 0.5) return;
  double degrees = ROTATE_LIMIT * (2 * unit(place, "augment rotate", 1) - 1);
  pl_augment_rotate(params, place->width, place->height, degrees);
}

pl_augmentation pl_augment_draw(const pl_augment_place *place) {
  pl_augmentation params = pl_augment_identity();
  for (size_t i = 0; i < pl_augment_kind_count; i++) pl_augment_kinds[i].draw(&params, place);
  return params;
}

const pl_augment_kind pl_augment_kinds[] = {
    {.name = "flip", .draw = draw_flip},
    {.name = "rotate", .draw = draw_rotate},
};
const size_t pl_augment_kind_count = sizeof pl_augment_kinds / sizeof pl_augment_kinds[0];
