// Gradients of parameters, their norm, the loss scale, the optimizers.
#include <math.h>
#include <string.h>

#include "tests/gpu/kernel_tests.h"

static void test_gather(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++) {
    for (int add = 0; add < 2; add++) {
      const int64_t count = 4099;
      array in = array_random(gpu_types[t], count, -300, 300), gradient = array_random(PL_GPU_F32, count, -1, 1);
      float *scale = floats(1);
      *scale = 256;
      pl_gpu_gather_gradient(NULL, gpu_types[t], count, in.data, scale, add, gradient.data);
      for (int64_t i = 0; i < count; i++) gradient.value[i] = in.value[i] / 256 + (add ? gradient.value[i] : 0);
      array_check(&gradient, 0, "gathered gradient");
      arrays_clear();
    }
  }
}

static void test_norm(void **unused) {
  (void)unused;
  const int64_t counts[] = {1, 255, 2048, 100003};
  for (int k = 0; k < 4; k++) {
    array gradients = array_random(PL_GPU_F32, counts[k], -1, 1);
    double *norm = doubles(2), sum = 0;
    void *scratch = guarded(PL_GPU_FLAT_SCRATCH);
    for (int64_t i = 0; i < counts[k]; i++) sum += gradients.value[i] * gradients.value[i];
    pl_gpu_gradient_norm(NULL, counts[k], gradients.data, norm, scratch);
    assert_true(fabs(norm[0] - sqrt(sum)) <= 1e-12 * norm[0] && norm[1] == 1);
    ((float *)gradients.data)[counts[k] - 1] = INFINITY;
    pl_gpu_gradient_norm(NULL, counts[k], gradients.data, norm, scratch);
    assert_true(norm[1] == 0);
    ((float *)gradients.data)[counts[k] - 1] = NAN;
    pl_gpu_gradient_norm(NULL, counts[k], gradients.data, norm, scratch);
    assert_true(norm[1] == 0);
    arrays_clear();
  }
}

static void test_loss_scale(void **unused) {
  (void)unused;
  double *norm = doubles(2);
  float *scale = floats(1);
  int64_t *growth = guarded(sizeof *growth);
  *scale = 65536;
  *growth = 0;
  norm[1] = 1;
  for (int i = 0; i < PL_GPU_LOSS_SCALE_STEPS; i++) {
    assert_true(*scale == 65536 && *growth == i);
    pl_gpu_loss_scale_update(NULL, norm, scale, growth);
  }
  assert_true(*scale == 131072 && *growth == 0);
  *growth = 1999;
  norm[1] = 0;
  pl_gpu_loss_scale_update(NULL, norm, scale, growth);
  assert_true(*scale == 65536 && *growth == 0);
  for (int i = 0; i < 40; i++) pl_gpu_loss_scale_update(NULL, norm, scale, growth);
  assert_true(*scale == 1);
  norm[1] = 1;
  for (int i = 0; i < 40; i++) {
    *growth = PL_GPU_LOSS_SCALE_STEPS - 1;
    pl_gpu_loss_scale_update(NULL, norm, scale, growth);
  }
  assert_true(*scale == 16777216);
  arrays_clear();
}

// ---------------------------------------------------------------------------------------------------------------------
// torch.optim's rules in double.

typedef struct rule {
  pl_attributes a;
  double rate, norm;
} rule;

static void adam(const rule *r, int64_t number, double g, double *p, double *m, double *v) {
  const pl_attributes *a = &r->a;
  if (a->optimizer == PL_OPTIMIZER_ADAMW) *p *= 1 - r->rate * a->weight_decay;
  if (a->optimizer == PL_OPTIMIZER_ADAM) g += a->weight_decay * *p;
  *m = a->beta1 * *m + (1 - a->beta1) * g;
  *v = a->beta2 * *v + (1 - a->beta2) * g * g;
  double correction1 = 1 - pow(a->beta1, (double)number), correction2 = 1 - pow(a->beta2, (double)number);
  *p -= r->rate / correction1 * *m / (sqrt(*v) / sqrt(correction2) + a->epsilon);
}

static void sgd(const rule *r, double g, double *p, double *m) {
  g += r->a.weight_decay * *p;
  *m = r->a.momentum * *m + g;
  *p -= r->rate * (r->a.nesterov ? g + r->a.momentum * *m : *m);
}

static void check_optimizer(const rule *r, pl_gpu_type copy_type) {
  const int64_t count = 1003;
  const bool is_sgd = r->a.optimizer == PL_OPTIMIZER_SGD;
  array values = array_random(PL_GPU_F32, count, -1, 1), gradients = array_random(PL_GPU_F32, count, -0.1, 0.1);
  array first = array_random(PL_GPU_F32, count, -0.1, 0.1), second = array_random(PL_GPU_F32, count, 0.001, 0.01);
  array copy = array_poisoned(copy_type, count);
  double *rate = doubles(1), *norm = doubles(2);
  int64_t *step = guarded(sizeof *step);
  void *scratch = guarded(PL_GPU_FLAT_SCRATCH);
  *rate = r->rate;
  norm[0] = r->norm;
  const pl_gpu_parameters p = {count,
                               values.data,
                               gradients.data,
                               first.data,
                               is_sgd ? NULL : second.data,
                               copy_type,
                               copy_type == PL_GPU_F32 ? NULL : copy.data};
  *step = 41;
  const double clip = r->a.clip_norm > 0 ? fmin(1, r->a.clip_norm / (r->norm + 1e-6)) : 1;
  for (int finite = 0; finite < 3; finite++) {
    norm[1] = finite > 0;
    pl_gpu_optimizer_step(NULL, &r->a, &p, rate, norm, step, scratch);
    for (int64_t i = 0; i < count && finite > 0; i++) {
      double g = gradients.value[i] * clip;
      if (is_sgd) sgd(r, g, &values.value[i], &first.value[i]);
      if (!is_sgd) adam(r, *step, g, &values.value[i], &first.value[i], &second.value[i]);
    }
    assert_int_equal(*step, 41 + finite);
    array_check(&values, 1e-6, "parameters");
    array_check(&first, 1e-6, "first moments");
    array_check(&second, 1e-6, "second moments");
    if (finite == 0 || copy_type == PL_GPU_F32) continue;
    for (int64_t i = 0; i < count; i++) copy.value[i] = array_get(&values, i);
    array_check(&copy, 0, "copy of the parameters");
  }
  arrays_clear();
}

static void test_optimizers(void **unused) {
  (void)unused;
  for (int o = 0; o < PL_OPTIMIZERS; o++) {
    for (int variant = 0; variant < 4; variant++) {
      rule r = {.a = {.optimizer = (pl_optimizer)o, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .momentum = 0.9},
                .rate = 0.01,
                .norm = 5};
      if (variant & 1) r.a.weight_decay = 0.02;
      if (variant & 2) r.a.clip_norm = 1, r.a.nesterov = true;
      check_optimizer(&r, gpu_types[variant % 3]);
    }
  }
}

int run_optimizer_tests(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_gather), cmocka_unit_test(test_norm),
                                     cmocka_unit_test(test_loss_scale), cmocka_unit_test(test_optimizers)};
  return cmocka_run_group_tests_name("gradients and optimizers", tests, NULL, NULL);
}
