// The end of a residual block, against the nodes that it stands for, written out one after another in double.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/gpu/kernel_tests.h"

static const double epsilon = 1e-5;

typedef struct norm {
  array gamma, beta, mean, variance, factors, gamma_gradient, beta_gradient;
} norm;

// A batch norm with the statistics of x.
static norm norm_of(const array *x, const pl_gpu_shape *s) {
  const int64_t pixels = shape_count(s) / s->c;
  norm n = {.gamma = array_random(PL_GPU_F32, s->c, 0.5, 1.5), .beta = array_random(PL_GPU_F32, s->c, -0.5, 0.5)};
  double *mean = calloc((size_t)s->c, sizeof *mean), *variance = calloc((size_t)s->c, sizeof *variance);
  double *factors = calloc(2 * (size_t)s->c, sizeof *factors);
  assert_true(mean && variance && factors);
  for (int64_t i = 0; i < x->count; i++) mean[i % s->c] += x->value[i] / (double)pixels;
  for (int64_t i = 0; i < x->count; i++) variance[i % s->c] += pow(x->value[i] - mean[i % s->c], 2) / (double)pixels;
  for (int64_t c = 0; c < s->c; c++) variance[c] += 0.25;  // not tiny where there is but one pixel
  n.mean = array_of(PL_GPU_F32, s->c, mean);
  n.variance = array_of(PL_GPU_F32, s->c, variance);
  for (int64_t c = 0; c < s->c; c++) {
    factors[c] = n.gamma.value[c] / sqrt(n.variance.value[c] + epsilon);
    factors[s->c + c] = n.beta.value[c] - n.mean.value[c] * factors[c];
  }
  n.factors = array_of(PL_GPU_F32, 2 * s->c, factors);
  n.gamma_gradient = array_random(PL_GPU_F32, s->c, -1, 1);
  n.beta_gradient = array_random(PL_GPU_F32, s->c, -1, 1);
  free(mean), free(variance), free(factors);
  return n;
}

static double normal(const norm *n, const array *x, int64_t i, int64_t c) {
  return (x->value[i] - n->mean.value[c]) / sqrt(n->variance.value[c] + epsilon) * n->gamma.value[c] + n->beta.value[c];
}

// Batch norm's backward of d into dx and the parameters' gradients.
static void norm_backward(norm *n, const array *x, const double *d, array *dx, int64_t channels, double unscale,
                          bool add) {
  const double pixels = (double)(x->count / channels);
  for (int64_t c = 0; c < channels; c++) {
    double scale = 1 / sqrt(n->variance.value[c] + epsilon), sum = 0, product = 0;
    for (int64_t i = c; i < x->count; i += channels) {
      sum += d[i];
      product += d[i] * (x->value[i] - n->mean.value[c]) * scale;
    }
    for (int64_t i = c; i < x->count; i += channels) {
      double centred = (x->value[i] - n->mean.value[c]) * scale;
      dx->value[i] = n->gamma.value[c] * scale * (d[i] - sum / pixels - centred * product / pixels);
    }
    n->gamma_gradient.value[c] = product * unscale + (add ? n->gamma_gradient.value[c] : 0);
    n->beta_gradient.value[c] = sum * unscale + (add ? n->beta_gradient.value[c] : 0);
  }
}

static pl_gpu_norm for_kernel(const norm *n, const float *loss_scale, bool add) {
  return (pl_gpu_norm){n->gamma.data,          n->mean.data,          n->variance.data, epsilon,
                       n->gamma_gradient.data, n->beta_gradient.data, loss_scale,       add};
}

static void check_join(pl_gpu_type type, const pl_gpu_shape *s, bool gated, bool downsampled, bool add) {
  const int64_t count = shape_count(s), area = (int64_t)s->h * s->w, planes = (int64_t)s->n * s->c;
  array y = array_random(type, count, -2, 2), identity = array_random(type, count, -1, 1);
  array gate = array_random(type, planes, 0.1, 0.9), squeeze = array_random(type, planes, -2, 2);
  array dout = array_random(type, count, -1, 1), out = array_poisoned(type, count), dy = array_poisoned(type, count);
  array gate_gradient = array_poisoned(type, planes), didentity = array_poisoned(type, count);
  norm n = norm_of(&y, s), down = norm_of(&identity, s);
  float *loss_scale = floats(1);
  *loss_scale = 4;
  pl_gpu_join join = {.type = type, .shape = *s, .y = y.data, .factors = n.factors.data, .identity = identity.data};
  if (gated) join.gate = gate.data;
  if (downsampled) join.identity_factors = down.factors.data;
  pl_gpu_norm main_norm = for_kernel(&n, loss_scale, add), identity_norm = for_kernel(&down, loss_scale, add);
  void *sums = guarded(pl_gpu_join_sums(s)), *scratch = guarded(pl_gpu_scratch(s));
  pl_gpu_join_forward(NULL, &join, out.data);
  pl_gpu_join_backward_sums(NULL, &join, out.data, dout.data, n.mean.data, downsampled ? down.mean.data : NULL,
                            gated ? gate_gradient.data : NULL, sums, scratch);
  memset(scratch, 0xff, pl_gpu_scratch(s));
  pl_gpu_join_backward(NULL, &join, &main_norm, downsampled ? &identity_norm : NULL, out.data, dout.data,
                       gated ? squeeze.data : NULL, sums, dy.data, didentity.data, scratch);

  double *d = malloc((size_t)count * sizeof *d), *dz = malloc((size_t)count * sizeof *dz);
  assert_true(d && dz);
  memset(gate_gradient.value, 0, (size_t)planes * sizeof(double));
  for (int64_t i = 0; i < count; i++) {
    const int64_t c = i % s->c, plane = i / s->c / area * s->c + c;
    double other = downsampled ? normal(&down, &identity, i, c) : identity.value[i];
    out.value[i] = fmax(0, normal(&n, &y, i, c) * (gated ? gate.value[plane] : 1) + other);
    dz[i] = array_get(&out, i) > 0 ? dout.value[i] : 0;
    gate_gradient.value[plane] += dz[i] * normal(&n, &y, i, c);
    d[i] = gated ? dz[i] * gate.value[plane] + squeeze.value[plane] / (double)area : dz[i];
    didentity.value[i] = dz[i];
  }
  norm_backward(&n, &y, d, &dy, s->c, 0.25, add);
  if (downsampled) norm_backward(&down, &identity, dz, &didentity, s->c, 0.25, add);
  array_check(&out, 1e-6, "join");
  if (gated) array_check(&gate_gradient, 3e-6, "join, gradient of the gate");
  array_check_beside(&dy, 3e-6, 1, "join backward, dy");
  array_check_beside(&didentity, 3e-6, 1, "join backward, identity");
  array_check_beside(&n.gamma_gradient, 3e-6, 1, "join, gradient of gamma");
  array_check(&n.beta_gradient, 3e-6, "join, gradient of beta");
  if (downsampled) array_check_beside(&down.gamma_gradient, 3e-6, 1, "join, downsampling's gradient of gamma");
  free(d), free(dz);
  arrays_clear();
}

static void test_join(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++)
    for (int k = 0; k < gpu_shape_count; k++)
      for (int flags = 0; flags < 4; flags++)
        check_join(gpu_types[t], &gpu_shapes[k], flags & 1, flags & 2, (k + flags) % 2 == 0);
}

int run_join_tests(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_join)};
  return cmocka_run_group_tests_name("block join", tests, NULL, NULL);
}
