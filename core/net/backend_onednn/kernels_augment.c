#include "core/net/augment_math.h"
#include "core/net/backend_onednn/kernels.h"

typedef struct level_table {
  float value[3][256];  // what a grey level becomes in each channel
} level_table;

// Gain, bias and normalisation have only 256 possible inputs.
static void fill_levels(level_table *table, const double *parameters, const pl_attributes *a) {
  for (int level = 0; level < 256; level++) {
    double grey = pl_augment_grey((uint8_t)level, parameters[PL_AUGMENT_GAIN], parameters[PL_AUGMENT_BIAS]);
    for (int c = 0; c < 3; c++) table->value[c][level] = (float)((grey / 255.0 - a->mean[c]) / a->deviation[c]);
  }
}

static void augment_row(const pl_step *s, const uint8_t *image, const uint8_t *mask, const double *m,
                        const level_table *levels, int32_t row, float *x, float *target) {
  int32_t height = (int32_t)s->h, width = (int32_t)s->w;
  int64_t area = s->h * s->w, start = (int64_t)row * width;
  int32_t xl = pl_augment_row(m[1], row, m[2], 0), yl = pl_augment_row(m[4], row, m[5], 0);
  int32_t xn = pl_augment_row(m[1], row, m[2], 1), yn = pl_augment_row(m[4], row, m[5], 1);
  for (int32_t column = 0; column < width; column++) {
    int32_t dx = pl_augment_column(m[0], column), dy = pl_augment_column(m[3], column);
    uint8_t level = pl_augment_linear(image, height, width, (xl + dx) >> 5, (yl + dy) >> 5);
    for (int c = 0; c < 3; c++) x[c * area + start + column] = levels->value[c][level];
    uint8_t label = pl_augment_nearest(mask, height, width, (xn + dx) >> 10, (yn + dy) >> 10);
    target[start + column] = pl_augment_is_set(label) ? 1.0f : 0.0f;
  }
}

void pl_kernel_augment(const pl_step *s, pl_context *context) {
  (void)context;
  const uint8_t *images = s->data[0], *masks = s->data[1];
  const double *parameters = s->data[2];
  float *x = s->data[3], *target = s->data[4];
  int64_t area = s->h * s->w;
  for (int64_t i = 0; i < s->n; i++) {
    const double *row = parameters + i * PL_AUGMENT_VALUES;
    level_table levels;
    fill_levels(&levels, row, &s->a);
#pragma omp parallel for schedule(static)
    for (int64_t y = 0; y < s->h; y++)
      augment_row(s, images + i * area, masks + i * area, row + PL_AUGMENT_AFFINE, &levels, (int32_t)y,
                  x + 3 * i * area, target + i * area);
  }
}
