// Batch norm.
#include <math.h>

#include "tests/gpu/kernel_tests.h"

static const double epsilon = 1e-5;

typedef struct statistics {
  double mean, variance, scale;
} statistics;

static statistics of_channel(const array *x, const pl_gpu_shape *s, int64_t c) {
  const int64_t pixels = shape_count(s) / s->c;
  statistics of = {0};
  for (int64_t i = 0; i < pixels; i++) of.mean += x->value[i * s->c + c] / (double)pixels;
  for (int64_t i = 0; i < pixels; i++) {
    double centred = x->value[i * s->c + c] - of.mean;
    of.variance += centred * centred / (double)pixels;
  }
  of.scale = 1 / sqrt(of.variance + epsilon);
  return of;
}

// `centre`: far from 0, where a sum of squares alone would lose the variance.
static void check_forward(pl_gpu_type type, const pl_gpu_shape *s, double centre, bool relu) {
  const int64_t count = shape_count(s), area = (int64_t)s->h * s->w;
  array x = array_random(type, count, centre - 1, centre + 2), y = array_poisoned(type, count);
  array gamma = array_random(PL_GPU_F32, s->c, 0.5, 1.5), beta = array_random(PL_GPU_F32, s->c, -1, 1);
  array mean = array_poisoned(PL_GPU_F32, s->c), variance = array_poisoned(PL_GPU_F32, s->c);
  array factors = array_poisoned(PL_GPU_F32, 2 * s->c), again = array_poisoned(PL_GPU_F32, 2 * s->c);
  array squeeze = array_poisoned(type, s->n * s->c);
  pl_gpu_norm_statistics(NULL, type, s, x.data, gamma.data, beta.data, epsilon, mean.data, variance.data, factors.data,
                         squeeze.data, guarded(pl_gpu_scratch(s)));
  pl_gpu_norm_apply(NULL, type, s, x.data, factors.data, relu, y.data);
  pl_gpu_norm_factors(NULL, s->c, gamma.data, beta.data, mean.data, variance.data, epsilon, again.data);
  for (int64_t i = 0; i < squeeze.count; i++) squeeze.value[i] = 0;
  for (int64_t c = 0; c < s->c; c++) {
    statistics of = of_channel(&x, s, c);
    mean.value[c] = of.mean;
    variance.value[c] = of.variance;
    factors.value[c] = gamma.value[c] * of.scale;
    factors.value[s->c + c] = beta.value[c] - of.mean * factors.value[c];
    again.value[c] = gamma.value[c] / sqrt(array_get(&variance, c) + epsilon);
    again.value[s->c + c] = beta.value[c] - array_get(&mean, c) * again.value[c];
    for (int64_t i = c; i < count; i += s->c) {
      double normal = (x.value[i] - of.mean) * of.scale * gamma.value[c] + beta.value[c];
      squeeze.value[i / s->c / area * s->c + c] += normal / (double)area;
      y.value[i] = relu ? fmax(normal, 0) : normal;
    }
  }
  array_check(&mean, 1e-6, "mean");
  array_check(&variance, 2e-6, "variance");
  // With one pixel the variance is 0 and the factors are large: y is then a small difference.
  const double size = s->n * area > 1 ? 1 + fabs(centre) : (1 + fabs(centre)) / sqrt(epsilon);
  array_check_beside(&factors, 1e-6, size, "factors");
  array_check(&again, 1e-6, "factors of given statistics");
  array_check_beside(&y, 1e-6, size, "batch norm");
  array_check_beside(&squeeze, 1e-6, size, "squeeze");
  arrays_clear();
}

static void test_forward(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++)
    for (int k = 0; k < gpu_shape_count; k++)
      for (int relu = 0; relu < 2; relu++) check_forward(gpu_types[t], &gpu_shapes[k], relu ? 0 : 20, relu);
}

static void check_backward(pl_gpu_type type, const pl_gpu_shape *s, bool relu, bool add) {
  const int64_t count = shape_count(s), pixels = count / s->c;
  array x = array_random(type, count, -1, 2), dy = array_random(type, count, -1, 1.2), dx = array_poisoned(type, count);
  array gamma = array_random(PL_GPU_F32, s->c, 0.5, 1.5), mean = array_random(PL_GPU_F32, s->c, 0.3, 0.7);
  array variance = array_random(PL_GPU_F32, s->c, 0.5, 1);
  array factors = array_random(PL_GPU_F32, 2 * s->c, -1, 1);
  array gamma_gradient = array_random(PL_GPU_F32, s->c, -1, 1), beta_gradient = array_random(PL_GPU_F32, s->c, -1, 1);
  float *loss_scale = floats(1);
  *loss_scale = 8;
  const pl_gpu_norm norm = {gamma.data,          mean.data,          variance.data, epsilon,
                            gamma_gradient.data, beta_gradient.data, loss_scale,    add};
  pl_gpu_norm_backward(NULL, type, s, &norm, x.data, dy.data, relu ? factors.data : NULL, dx.data,
                       guarded(pl_gpu_scratch(s)));
  for (int64_t c = 0; c < s->c; c++) {
    double scale = 1 / sqrt(variance.value[c] + epsilon), sum = 0, product = 0;
    for (int pass = 0; pass < 2; pass++) {
      for (int64_t i = c; i < count; i += s->c) {
        float before = (float)(x.value[i] * factors.value[c] + factors.value[s->c + c]);
        double d = relu && !(before > 0) ? 0 : dy.value[i], normal = (x.value[i] - mean.value[c]) * scale;
        sum += pass == 0 ? d : 0;
        product += pass == 0 ? d * normal : 0;
        dx.value[i] = gamma.value[c] * scale * (d - sum / (double)pixels - normal * product / (double)pixels);
      }
    }
    gamma_gradient.value[c] = product / 8 + (add ? gamma_gradient.value[c] : 0);
    beta_gradient.value[c] = sum / 8 + (add ? beta_gradient.value[c] : 0);
  }
  array_check(&dx, 2e-6, "batch norm backward");
  array_check(&gamma_gradient, 2e-6, "gradient of gamma");
  array_check(&beta_gradient, 2e-6, "gradient of beta");
  arrays_clear();
}

static void test_backward(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++)
    for (int k = 0; k < gpu_shape_count; k++)
      for (int relu = 0; relu < 2; relu++) check_backward(gpu_types[t], &gpu_shapes[k], relu, (k + relu) % 2 == 0);
}

// More batch norms than one launch takes.
static void test_commit(void **unused) {
  (void)unused;
  enum { NORMS = 60 };
  pl_gpu_commit commits[NORMS];
  array running[2 * NORMS];
  int64_t *batches = guarded(NORMS * sizeof *batches);
  double *loss = doubles(PL_LOSS_VALUES);
  for (int finite = 0; finite < 2; finite++) {
    for (int i = 0; i < NORMS; i++) {
      const int32_t channels = 1 + i * 7;
      if (finite == 0) {
        running[2 * i] = array_random(PL_GPU_F32, channels, -1, 1);
        running[2 * i + 1] = array_random(PL_GPU_F32, channels, 0, 1);
        array mean = array_random(PL_GPU_F32, channels, -1, 1), variance = array_random(PL_GPU_F32, channels, 0, 1);
        batches[i] = i;
        commits[i] = (pl_gpu_commit){
            mean.data, variance.data, running[2 * i].data, running[2 * i + 1].data, &batches[i], 1 + i, 0.1, channels};
        continue;
      }
      for (int32_t c = 0; c < channels; c++) {
        double unbiased = i > 0 ? (1.0 + i) / i : 1;
        running[2 * i].value[c] = 0.9 * running[2 * i].value[c] + 0.1 * (double)commits[i].mean[c];
        running[2 * i + 1].value[c] =
            0.9 * running[2 * i + 1].value[c] + 0.1 * (double)commits[i].variance[c] * unbiased;
      }
    }
    loss[PL_LOSS_FINITE] = finite;
    pl_gpu_norm_commit(NULL, commits, NORMS, loss);
    for (int i = 0; i < NORMS; i++) {
      array_check(&running[2 * i], 0, "running mean");
      array_check(&running[2 * i + 1], 0, "running variance");
      assert_int_equal(batches[i], i + finite);
    }
  }
  arrays_clear();
}

int run_norm_tests(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_forward), cmocka_unit_test(test_backward),
                                     cmocka_unit_test(test_commit)};
  return cmocka_run_group_tests_name("batch norm", tests, NULL, NULL);
}
