// The upsampling rewrite: that the 4x4 transposed convolution with the transformed weight gives what upsampling and the
// 3x3 convolution give, borders included, and that its gradient comes back as the 3x3's.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gpu/kernel_tests.h"

enum { H = 5, W = 4 };  // the small side

static const pl_gpu_slice slices[] = {{1, 1, 0, 1}, {3, 5, 0, 2}, {8, 24, 8, 16}, {40, 70, 3, 37}};
enum { SLICES = sizeof slices / sizeof *slices };

// y[2H,2W] of one pair of channels: upsample, then 3x3 with pad 1.
static double upsampled_conv(const double *x, const double *w3, int64_t u, int64_t v) {
  double sum = 0;
  for (int r = 0; r < 3; r++) {
    for (int s = 0; s < 3; s++) {
      int64_t y = u + r - 1, z = v + s - 1;
      if (y >= 0 && y < 2 * H && z >= 0 && z < 2 * W) sum += w3[r * 3 + s] * x[y / 2 * W + z / 2];
    }
  }
  return sum;
}

// The backward data direction of a 4x4 convolution with stride 2 and pad 1.
static double transposed_conv(const double *x, const double *w4, int64_t u, int64_t v) {
  double sum = 0;
  for (int64_t j = 0; j < H; j++) {
    for (int64_t k = 0; k < W; k++) {
      int64_t t = u + 1 - 2 * j, q = v + 1 - 2 * k;
      if (t >= 0 && t < 4 && q >= 0 && q < 4) sum += w4[t * 4 + q] * x[j * W + k];
    }
  }
  return sum;
}

static void check_pair(const array *w, const array *out, const pl_gpu_slice *s, int64_t o, int64_t c) {
  double x[H * W], w3[9], w4[16];
  for (int i = 0; i < H * W; i++) x[i] = draw(-1, 1);
  for (int i = 0; i < 9; i++) w3[i] = w->value[(o * 9 + i) * s->i + s->first + c];
  for (int i = 0; i < 16; i++) w4[i] = array_get(out, (c * 16 + i) * s->o + o);
  for (int64_t u = 0; u < 2 * H; u++)
    for (int64_t v = 0; v < 2 * W; v++)
      assert_true(fabs(upsampled_conv(x, w3, u, v) - transposed_conv(x, w4, u, v)) < 1e-5);
}

static const double rows[4][3] = {{0, 0, 1}, {0, 1, 1}, {1, 1, 0}, {1, 0, 0}};

static void test_upsample_weight(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++) {
    for (int k = 0; k < SLICES; k++) {
      const pl_gpu_slice *s = &slices[k];
      array w = array_random(PL_GPU_F32, (int64_t)s->o * 9 * s->i, -1, 1);
      array out = array_poisoned(gpu_types[t], (int64_t)s->channels * 16 * s->o);
      pl_gpu_upsample_weight(NULL, s, w.data, gpu_types[t], out.data);
      for (int64_t i = 0; i < out.count; i++) {
        const int64_t o = i % s->o, tap = i / s->o % 16, c = i / s->o / 16;
        out.value[i] = 0;
        for (int j = 0; j < 9; j++)
          out.value[i] += rows[tap / 4][j / 3] * rows[tap % 4][j % 3] * w.value[(o * 9 + j) * s->i + s->first + c];
      }
      array_check(&out, 1e-6, "weight of the rewrite");
      if (gpu_types[t] == PL_GPU_F32) {
        check_pair(&w, &out, s, 0, 0);
        check_pair(&w, &out, s, s->o - 1, s->channels - 1);
      }
      arrays_clear();
    }
  }
}

static void test_upsample_gradient(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++) {
    for (int k = 0; k < SLICES; k++) {
      const pl_gpu_slice *s = &slices[k];
      const bool add = k % 2 == 1;
      array in = array_random(gpu_types[t], (int64_t)s->channels * 16 * s->o, -1, 1);
      array gradient = array_random(PL_GPU_F32, (int64_t)s->o * 9 * s->i, -1, 1);
      float *scale = floats(1);
      *scale = 2;
      pl_gpu_upsample_weight_gradient(NULL, s, gpu_types[t], in.data, scale, add, gradient.data);
      for (int64_t i = 0; i < gradient.count; i++) {
        const int64_t c = i % s->i - s->first, tap = i / s->i % 9, o = i / s->i / 9;
        if (c < 0 || c >= s->channels) continue;  // the other input's: untouched
        double sum = 0;
        for (int j = 0; j < 16; j++)
          sum += rows[j / 4][tap / 3] * rows[j % 4][tap % 3] * in.value[(c * 16 + j) * s->o + o];
        gradient.value[i] = sum / 2 + (add ? gradient.value[i] : 0);
      }
      array_check(&gradient, 1e-6, "gradient of the rewrite");
      arrays_clear();
    }
  }
}

static void test_slice(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++) {
    for (int k = 0; k < SLICES; k++) {
      const pl_gpu_slice *s = &slices[k];
      const bool add = k % 2 == 0;
      array w = array_random(PL_GPU_F32, (int64_t)s->o * 9 * s->i, -1, 1);
      array out = array_poisoned(gpu_types[t], (int64_t)s->o * 9 * s->channels);
      array gradient = array_random(PL_GPU_F32, w.count, -1, 1), in = array_random(gpu_types[t], out.count, -1, 1);
      pl_gpu_slice_weight(NULL, s, w.data, gpu_types[t], out.data);
      pl_gpu_slice_weight_gradient(NULL, s, gpu_types[t], in.data, NULL, add, gradient.data);
      for (int64_t i = 0; i < out.count; i++) {
        int64_t master = i / s->channels * s->i + s->first + i % s->channels;
        out.value[i] = w.value[master];
        gradient.value[master] = in.value[i] + (add ? gradient.value[master] : 0);
      }
      array_check(&out, 0, "slice of a weight");
      array_check(&gradient, 0, "gradient of a slice");
      arrays_clear();
    }
  }
}

int run_transform_tests(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_upsample_weight), cmocka_unit_test(test_upsample_gradient),
                                     cmocka_unit_test(test_slice)};
  return cmocka_run_group_tests_name("rewritten weights", tests, NULL, NULL);
}
