#include "core/net/golden_fill.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/base/str.h"

// In [-1, 1), exact in float.
static float signed_value(uint64_t seed, uint64_t stream, uint64_t index) {
  return 2.0f * pl_rng_float(seed, stream, index) - 1.0f;
}

static double weight_bound(const pl_tensor *t) {
  double area = (double)(t->shape.d[2] * t->shape.d[3]);
  double fan_in = (double)t->shape.d[1] * area, fan_out = (double)t->shape.d[0] * area;
  if (pl_begins_with(t->name, "decoder")) return sqrt(6.0 / fan_in);
  if (pl_begins_with(t->name, "segmentation_head")) return sqrt(6.0 / (fan_in + fan_out));
  return sqrt(1.0 / fan_in);
}

// value = base + bound * s
static void range_of(float *base, float *bound, const pl_model *model, int32_t index) {
  const pl_tensor *t = &model->tensors[index];
  *base = 0;
  *bound = 0.1f;
  if (pl_ends_with(t->name, "running_var")) {
    *base = 1, *bound = 0;
  } else if (pl_ends_with(t->name, "running_mean")) {
    *bound = 0;
  } else if (t->shape.rank == 4) {
    *bound = (float)weight_bound(t);
  } else if (pl_begins_with(t->name, "segmentation_head")) {
    *bound = 0;
  } else if (strstr(t->name, ".fc1.") != NULL || strstr(t->name, ".fc2.") != NULL) {
    *bound = (float)sqrt(1.0 / (double)model->tensors[index - 1].shape.d[1]);  // the weight lies before its bias
  } else if (pl_ends_with(t->name, "weight")) {
    *base = 1;
  }
}

void pl_golden_tensor(float *data, const pl_model *model, int32_t index, uint64_t seed) {
  float base, bound;
  range_of(&base, &bound, model, index);
  int64_t count = pl_shape_elements(&model->tensors[index].shape);
  for (int64_t j = 0; j < count; j++) {
    data[j] = base + bound * signed_value(seed, (uint64_t)index, (uint64_t)j);
  }
}

void pl_golden_batch(float *x, float *target, uint64_t seed, int step, int n, int h, int w) {
  for (int i = 0; i < n; i++) {
    int shift = 3 * i + step % 4;
    for (int row = 0; row < h; row++) {
      for (int column = 0; column < w; column++) {
        bool inside = row >= h / 8 + shift && row < h / 2 + shift && column >= w / 4 && column < 3 * w / 4 - 2 * i;
        target[(i * h + row) * w + column] = inside ? 1.0f : 0.0f;
        for (int c = 0; c < 3; c++) {
          int64_t index = ((int64_t)(i * 3 + c) * h + row) * w + column;
          float s = signed_value(seed, 1000000 + (uint64_t)step, (uint64_t)index);
          x[index] = inside ? s + 1.0f : s;
        }
      }
    }
  }
}
