// Warp, grey levels, normalisation.
#include "core/net/augment_math.h"
#include "core/net/backend_ref/ref.h"

static void augment(double *x, double *target, const uint8_t *image, const uint8_t *mask, const double *parameters,
                    int32_t height, int32_t width, const pl_attributes *a) {
  const double *m = parameters + PL_AUGMENT_AFFINE;
  int64_t area = (int64_t)height * width;
  for (int32_t row = 0; row < height; row++) {
    int32_t x_linear = pl_augment_row(m[1], row, m[2], 0), y_linear = pl_augment_row(m[4], row, m[5], 0);
    int32_t x_nearest = pl_augment_row(m[1], row, m[2], 1), y_nearest = pl_augment_row(m[4], row, m[5], 1);
    for (int32_t column = 0; column < width; column++) {
      int32_t dx = pl_augment_column(m[0], column), dy = pl_augment_column(m[3], column);
      uint8_t grey = pl_augment_linear(image, height, width, (x_linear + dx) >> 5, (y_linear + dy) >> 5);
      grey = pl_augment_grey(grey, parameters[PL_AUGMENT_GAIN], parameters[PL_AUGMENT_BIAS]);
      int64_t pixel = (int64_t)row * width + column;
      for (int c = 0; c < 3; c++) x[c * area + pixel] = (grey / 255.0 - a->mean[c]) / a->deviation[c];
      uint8_t label = pl_augment_nearest(mask, height, width, (x_nearest + dx) >> 10, (y_nearest + dy) >> 10);
      target[pixel] = pl_augment_is_set(label);
    }
  }
}

pl_status pl_ref_augment(const pl_ref_call *call) {
  const pl_shape *shape = &call->in_shape[0];
  const uint8_t *images = call->in[0], *masks = call->in[1];
  const double *parameters = call->in[2];
  double *x = call->out[0], *target = call->out[1];
  int64_t area = shape->d[2] * shape->d[3];
  for (int64_t i = 0; i < shape->d[0]; i++) {
    augment(x + 3 * i * area, target + i * area, images + i * area, masks + i * area,
            parameters + i * PL_AUGMENT_VALUES, (int32_t)shape->d[2], (int32_t)shape->d[3], &call->node->a);
  }
  return PL_OK;
}
