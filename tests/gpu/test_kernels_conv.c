// The convolutions of our own against plain loops in double.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/conv_kernels.h"
#include "tests/gpu/kernel_tests.h"

typedef struct problem {
  pl_dnn_conv c;
  array x, w, y, bias;
} problem;

static pl_dnn_conv conv_of(int32_t groups, int64_t ic, int64_t oc, int64_t n, int64_t h, int64_t w, int32_t stride) {
  return (pl_dnn_conv){.type = PL_GPU_F16,
                       .n = n,
                       .ic = ic,
                       .ih = h,
                       .iw = w,
                       .oc = oc,
                       .oh = (h - 1) / stride + 1,
                       .ow = (w - 1) / stride + 1,
                       .kernel = 3,
                       .stride = stride,
                       .pad = 1,
                       .groups = groups,
                       .alpha = 1};
}

// Calls `meet` for every product of the convolution.
static void each_product(const problem *p,
                         void (*meet)(double *sums, int64_t x, int64_t w, int64_t y, const problem *p), double *sums) {
  const pl_dnn_conv *c = &p->c;
  const int64_t icg = c->ic / c->groups, ocg = c->oc / c->groups;
  for (int64_t i = 0; i < c->n * c->oh * c->ow * c->oc; i++) {
    const int64_t oc = i % c->oc, ox = i / c->oc % c->ow, oy = i / c->oc / c->ow % c->oh, n = i / c->oc / c->ow / c->oh;
    for (int64_t tap = 0; tap < 9; tap++) {
      const int64_t y = oy * c->stride - 1 + tap / 3, x = ox * c->stride - 1 + tap % 3;
      if (y < 0 || y >= c->ih || x < 0 || x >= c->iw) continue;
      for (int64_t k = 0; k < icg; k++)
        meet(sums, ((n * c->ih + y) * c->iw + x) * c->ic + oc / ocg * icg + k, (oc * 9 + tap) * icg + k, i, p);
    }
  }
}

static void meet_forward(double *sums, int64_t x, int64_t w, int64_t y, const problem *p) {
  sums[y] += p->x.value[x] * p->w.value[w];
}

static void meet_data(double *sums, int64_t x, int64_t w, int64_t y, const problem *p) {
  sums[x] += p->y.value[y] * p->w.value[w];
}

static void meet_weights(double *sums, int64_t x, int64_t w, int64_t y, const problem *p) {
  sums[w] += p->y.value[y] * p->x.value[x];
}

static void check_direction(pl_dnn_conv c, pl_dnn_direction direction, const char *what) {
  c.direction = direction;
  c.bias = c.relu = direction == PL_DNN_FORWARD && c.n == 3;
  if (c.bias) c.alpha = 1, c.beta = 0;
  assert_true(pl_gpu_conv_supported(&c));
  problem p = {.c = c};
  p.x = array_random(c.type, c.n * c.ih * c.iw * c.ic, -1, 1);
  p.w = array_random(c.type, c.oc * 9 * c.ic / c.groups, -1, 1);
  p.y = array_random(c.type, c.n * c.oh * c.ow * c.oc, -1, 1);
  p.bias = array_random(c.type, c.oc, -1, 1);
  array *out = direction == PL_DNN_FORWARD ? &p.y : direction == PL_DNN_BACKWARD_DATA ? &p.x : &p.w;
  if (c.beta == 0) *out = array_poisoned(c.type, out->count);  // must not be read
  double *sums = calloc((size_t)out->count, sizeof *sums);
  assert_non_null(sums);
  each_product(&p,
               direction == PL_DNN_FORWARD         ? meet_forward
               : direction == PL_DNN_BACKWARD_DATA ? meet_data
                                                   : meet_weights,
               sums);
  const pl_dnn_args args = {p.x.data, p.w.data, p.y.data, c.bias ? p.bias.data : NULL,
                            guarded(pl_gpu_conv_workspace(&c))};
  pl_gpu_conv_run(NULL, &c, &args);
  for (int64_t i = 0; i < out->count; i++) {
    double value = (double)c.alpha * sums[i] + (c.beta != 0 ? (double)c.beta * out->value[i] : 0);
    if (c.bias) value += p.bias.value[i % c.oc];
    out->value[i] = c.relu ? fmax(0, value) : value;
  }
  free(sums);
  array_check_beside(out, 1e-6, 1, what);
  arrays_clear();
}

static void check_conv(pl_dnn_conv c) {
  const pl_gpu_type types[] = {PL_GPU_F16, PL_GPU_BF16, PL_GPU_F32};
  for (int t = 0; t < (c.oc == 1 ? 3 : 2); t++) {
    c.type = types[t];
    if (c.ih > 9 && c.oc > 1 && t != c.stride - 1) continue;  // larger images: one of the types
    c.alpha = 1;
    c.beta = 0;
    check_direction(c, PL_DNN_FORWARD, "convolution");
    check_direction(c, PL_DNN_BACKWARD_DATA, "backward data");
    check_direction(c, PL_DNN_BACKWARD_WEIGHTS, "backward weights");
    if (c.ih > 9) continue;
    c.alpha = 0.5f;
    c.beta = 1;
    check_direction(c, PL_DNN_FORWARD, "convolution that adds");
    check_direction(c, PL_DNN_BACKWARD_DATA, "backward data that adds");
    check_direction(c, PL_DNN_BACKWARD_WEIGHTS, "backward weights that add");
  }
}

// Images of one pixel, odd, with tails of tiles; and enough tiles that a block has more than one.
static void test_grouped(void **unused) {
  (void)unused;
  for (int32_t channels = 4; channels <= 32; channels *= 2) {
    for (int32_t stride = 1; stride <= 2; stride++) {
      check_conv(conv_of(64 / channels, 64, 64, 1, 1, 1, stride));
      check_conv(conv_of(64 / channels, 64, 64, 3, 7, 5, stride));
      check_conv(conv_of(64 / channels, 64, 64, 1, 18 * stride, 33 * stride - 1, stride));
      check_conv(conv_of(128 / channels, 128, 128, 1, 6, 9, stride));
    }
  }
}

static void test_few_channels(void **unused) {
  (void)unused;
  for (int64_t ic = 16; ic <= 32; ic *= 2) {
    for (int64_t oc = 16; oc <= 32; oc *= 2) {
      check_conv(conv_of(1, ic, oc, 3, 3, 4, 1));
      check_conv(conv_of(1, ic, oc, 1, 21, 50, 1));
    }
  }
}

static void test_single(void **unused) {
  (void)unused;
  check_conv(conv_of(1, 16, 1, 1, 1, 1, 1));
  check_conv(conv_of(1, 16, 1, 3, 9, 7, 1));
  check_conv(conv_of(1, 24, 1, 2, 40, 31, 1));
}

static void test_unsupported(void **unused) {
  (void)unused;
  pl_dnn_conv c = conv_of(16, 64, 64, 1, 8, 8, 1);
  assert_true(pl_gpu_conv_supported(&c));
  c.type = PL_GPU_F32;
  assert_false(pl_gpu_conv_supported(&c));
  c = conv_of(8, 32, 32, 1, 8, 8, 1);  // less than a slab
  assert_false(pl_gpu_conv_supported(&c));
  c = conv_of(1, 64, 64, 1, 8, 8, 1);
  assert_false(pl_gpu_conv_supported(&c));
  c = conv_of(16, 64, 64, 1, 8, 8, 1);
  c.kernel = 1, c.pad = 0;
  assert_false(pl_gpu_conv_supported(&c));
  c = conv_of(1, 16, 16, 1, 8, 8, 2);
  assert_false(pl_gpu_conv_supported(&c));
}

int run_conv_tests(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_grouped), cmocka_unit_test(test_few_channels),
                                     cmocka_unit_test(test_single), cmocka_unit_test(test_unsupported)};
  return cmocka_run_group_tests_name("convolutions", tests, NULL, NULL);
}
