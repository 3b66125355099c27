// Ops that move or sum pixels, and products with a number a channel or a pixel.
#include <math.h>
#include <string.h>

#include "tests/gpu/kernel_tests.h"

typedef struct window {
  double value;
  int64_t from;  // the element of x
  uint8_t place;
} window;

static window maximum(const array *x, const pl_gpu_pool *p, int64_t i) {
  const int64_t c = i % p->in.c, ox = i / p->in.c % p->ow, oy = i / p->in.c / p->ow % p->oh;
  const int64_t n = i / p->in.c / p->ow / p->oh;
  window best = {.from = -1};
  for (int ky = 0; ky < p->kernel; ky++) {
    for (int kx = 0; kx < p->kernel; kx++) {
      int64_t y = oy * p->stride - p->pad + ky, column = ox * p->stride - p->pad + kx;
      if (y < 0 || y >= p->in.h || column < 0 || column >= p->in.w) continue;
      int64_t from = ((n * p->in.h + y) * p->in.w + column) * p->in.c + c;
      double value = x->value[from];
      if (best.from < 0 || value > best.value || (isnan(value) && !isnan(best.value)))
        best = (window){value, from, (uint8_t)(ky * p->kernel + kx)};
    }
  }
  return best;
}

static void test_max_pool(void **unused) {
  (void)unused;
  // As the encoders have it (3x3, stride 2: with pad 1, or none and a window over the edge), and others.
  const pl_gpu_pool pools[] = {{{1, 1, 1, 1}, 1, 1, 3, 2, 1},     {{2, 9, 8, 8}, 5, 4, 3, 2, 1},
                               {{3, 8, 8, 24}, 4, 4, 3, 2, 0},    {{1, 7, 5, 3}, 3, 2, 2, 2, 0},
                               {{1, 16, 33, 64}, 8, 16, 3, 2, 0}, {{1, 5, 6, 1}, 5, 6, 3, 1, 1}};
  for (int t = 0; t < 3; t++) {
    for (size_t k = 0; k < sizeof pools / sizeof *pools; k++) {
      const pl_gpu_pool *p = &pools[k];
      const pl_gpu_type type = gpu_types[t];
      const int64_t out = (int64_t)p->in.n * p->oh * p->ow * p->in.c;
      array x = array_random(type, shape_count(&p->in), -4, 4), y = array_poisoned(type, out);
      // Ties, as after a relu, and what is not a number.
      for (int64_t i = 0; i < x.count; i += 2) x.value[i] = fmax(0, x.value[i]);
      if (x.count > 9) x.value[9] = NAN;
      x = array_of(type, x.count, x.value);
      array dy = array_random(type, out, -1, 1), dx = array_poisoned(type, x.count);
      uint8_t *index = guarded((size_t)out);
      pl_gpu_max_pool(NULL, type, p, x.data, y.data, index);
      pl_gpu_max_pool_backward(NULL, type, p, index, dy.data, dx.data);
      memset(dx.value, 0, (size_t)dx.count * sizeof(double));
      for (int64_t i = 0; i < out; i++) {
        window w = maximum(&x, p, i);
        y.value[i] = w.value;
        dx.value[w.from] += dy.value[i];
        assert_int_equal(index[i], w.place);
      }
      array_check(&y, 0, "max pool");
      array_check(&dx, 1e-6, "max pool backward");
      arrays_clear();
    }
  }
}

static void test_mean(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++) {
    for (int k = 0; k < gpu_shape_count; k++) {
      const pl_gpu_shape *s = &gpu_shapes[k];
      const pl_gpu_type type = gpu_types[t];
      const int64_t area = (int64_t)s->h * s->w;
      array x = array_random(type, shape_count(s), -1, 3), y = array_poisoned(type, s->n * s->c);
      array dy = array_random(type, s->n * s->c, -1, 1), dx = array_poisoned(type, shape_count(s));
      pl_gpu_mean_hw(NULL, type, s, x.data, y.data, guarded(pl_gpu_scratch(s)));
      pl_gpu_mean_hw_backward(NULL, type, s, dy.data, dx.data);
      memset(y.value, 0, (size_t)y.count * sizeof(double));
      for (int64_t i = 0; i < x.count; i++) {
        int64_t plane = i / s->c / area * s->c + i % s->c;
        y.value[plane] += x.value[i] / (double)area;
        dx.value[i] = dy.value[plane] / (double)area;
      }
      array_check(&y, 1e-6, "mean");
      array_check(&dx, 1e-7, "mean backward");
      arrays_clear();
    }
  }
}

// The element of the large side [n,2h,2w] that pixel (dy, dx) of an element of `s` goes to, in a row of `width`
// channels from `offset`.
static int64_t enlarged(const pl_gpu_shape *s, int64_t i, int dy, int dx, int64_t width, int64_t offset) {
  int64_t c = i % s->c, x = i / s->c % s->w, y = i / s->c / s->w % s->h, n = i / s->c / s->w / s->h;
  return ((n * 2 * s->h + 2 * y + dy) * 2 * s->w + 2 * x + dx) * width + offset + c;
}

static void test_upsample(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++) {
    for (int k = 0; k < gpu_shape_count; k++) {
      const pl_gpu_shape *s = &gpu_shapes[k];
      const pl_gpu_type type = gpu_types[t];
      const int64_t count = shape_count(s);
      array x = array_random(type, count, -1, 3), y = array_poisoned(type, 4 * count);
      array dy = array_random(type, 4 * count, -1, 1), dx = array_poisoned(type, count);
      pl_gpu_upsample2(NULL, type, s, x.data, y.data);
      pl_gpu_upsample2_backward(NULL, type, s, dy.data, dx.data);
      for (int64_t i = 0; i < count; i++) {
        dx.value[i] = 0;
        for (int j = 0; j < 4; j++) {
          int64_t to = enlarged(s, i, j / 2, j % 2, s->c, 0);
          y.value[to] = x.value[i];
          dx.value[i] += dy.value[to];
        }
      }
      array_check(&y, 0, "upsample");
      array_check(&dx, 1e-6, "upsample backward");
      arrays_clear();
    }
  }
}

static void check_concat(pl_gpu_type type, const pl_gpu_shape *s, int32_t b_channels, bool upsample) {
  const int64_t factor = upsample ? 4 : 1, pixels = (int64_t)s->n * s->h * s->w * factor;
  const int64_t width = s->c + b_channels;
  array a = array_random(type, shape_count(s), -1, 1), b = array_random(type, pixels * b_channels, -1, 1);
  array y = array_poisoned(type, pixels * width), dy = array_random(type, pixels * width, -1, 1);
  array da = array_poisoned(type, a.count), db = array_poisoned(type, b.count);
  pl_gpu_concat(NULL, type, s, b_channels, upsample, a.data, b.data, y.data);
  pl_gpu_concat_backward(NULL, type, s, b_channels, upsample, dy.data, da.data, db.data);
  for (int64_t i = 0; i < a.count; i++) {
    da.value[i] = 0;
    for (int j = 0; j < factor; j++) {
      int64_t to = upsample ? enlarged(s, i, j / 2, j % 2, width, 0) : i / s->c * width + i % s->c;
      y.value[to] = a.value[i];
      da.value[i] += dy.value[to];
    }
  }
  for (int64_t i = 0; i < b.count; i++) {
    int64_t to = i / b_channels * width + s->c + i % b_channels;
    y.value[to] = b.value[i];
    db.value[i] = dy.value[to];
  }
  array_check(&y, 0, "concat");
  array_check(&da, 1e-6, "concat backward, first");
  array_check(&db, 0, "concat backward, second");
  arrays_clear();
}

static void test_concat(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++)
    for (int k = 0; k < gpu_shape_count; k++)
      for (int upsample = 0; upsample < 2; upsample++) {
        check_concat(gpu_types[t], &gpu_shapes[k], 16, upsample);
        check_concat(gpu_types[t], &gpu_shapes[k], 5, upsample);
      }
}

static void check_scale_channels(pl_gpu_type type, const pl_gpu_shape *s) {
  const int64_t count = shape_count(s), area = (int64_t)s->h * s->w, planes = (int64_t)s->n * s->c;
  array x = array_random(type, count, -1, 2), scale = array_random(type, planes, 0, 1);
  array dy = array_random(type, count, -1, 1), y = array_poisoned(type, count), dx = array_poisoned(type, count);
  array dx_alone = array_poisoned(type, count), ds = array_poisoned(type, planes);
  void *scratch = guarded(pl_gpu_scratch(s));
  pl_gpu_scale_channels(NULL, type, s, x.data, scale.data, y.data);
  pl_gpu_scale_channels_backward(NULL, type, s, x.data, scale.data, dy.data, dx.data, ds.data, scratch);
  pl_gpu_scale_channels_backward(NULL, type, s, x.data, scale.data, dy.data, dx_alone.data, NULL, scratch);
  memset(ds.value, 0, (size_t)planes * sizeof(double));
  for (int64_t i = 0; i < count; i++) {
    int64_t plane = i / s->c / area * s->c + i % s->c;
    y.value[i] = x.value[i] * scale.value[plane];
    dx.value[i] = dx_alone.value[i] = dy.value[i] * scale.value[plane];
    ds.value[plane] += dy.value[i] * x.value[i];
  }
  array_check(&y, 1e-7, "scale channels");
  array_check(&dx, 1e-7, "scale channels backward, dx");
  array_check(&dx_alone, 1e-7, "scale channels backward, dx alone");
  array_check(&ds, 2e-6, "scale channels backward, ds");
  arrays_clear();
}

static void check_scale_pixels(pl_gpu_type type, const pl_gpu_shape *s) {
  const int64_t count = shape_count(s), pixels = count / s->c;
  array x = array_random(type, count, -1, 2), scale = array_random(type, pixels, 0, 1);
  array dy = array_random(type, count, -1, 1), y = array_poisoned(type, count), dx = array_poisoned(type, count);
  array dx_alone = array_poisoned(type, count), ds = array_poisoned(type, pixels);
  pl_gpu_scale_pixels(NULL, type, s, x.data, scale.data, y.data);
  pl_gpu_scale_pixels_backward(NULL, type, s, x.data, scale.data, dy.data, dx.data, ds.data);
  pl_gpu_scale_pixels_backward(NULL, type, s, x.data, scale.data, dy.data, dx_alone.data, NULL);
  memset(ds.value, 0, (size_t)pixels * sizeof(double));
  for (int64_t i = 0; i < count; i++) {
    y.value[i] = x.value[i] * scale.value[i / s->c];
    dx.value[i] = dx_alone.value[i] = dy.value[i] * scale.value[i / s->c];
    ds.value[i / s->c] += dy.value[i] * x.value[i];
  }
  array_check(&y, 1e-7, "scale pixels");
  array_check(&dx, 1e-7, "scale pixels backward, dx");
  array_check(&dx_alone, 1e-7, "scale pixels backward, dx alone");
  array_check(&ds, 2e-6, "scale pixels backward, ds");
  arrays_clear();
}

static void test_scale(void **unused) {
  (void)unused;
  const pl_gpu_shape wide = {1, 3, 3, 520};  // more channels than a warp takes at once
  for (int t = 0; t < 3; t++) {
    for (int k = 0; k < gpu_shape_count; k++) {
      check_scale_channels(gpu_types[t], &gpu_shapes[k]);
      check_scale_pixels(gpu_types[t], &gpu_shapes[k]);
    }
    check_scale_pixels(gpu_types[t], &wide);
  }
}

int run_space_tests(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_max_pool), cmocka_unit_test(test_mean),
                                     cmocka_unit_test(test_upsample), cmocka_unit_test(test_concat),
                                     cmocka_unit_test(test_scale)};
  return cmocka_run_group_tests_name("space and scale", tests, NULL, NULL);
}
