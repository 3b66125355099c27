// gpu/dnn.h against the definition of a convolution in doubles: every direction, type, stride, group and epilogue. The
// same program tests the emulation and, on a machine with a device and no test library, cuDNN.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "gpu/conv_kernels.h"
#include "gpu/cuda.h"
#include "gpu/dnn.h"
#include "tests/gpu/half.h"

enum { GUARD = 64, LIMIT = 256 << 20 };  // elements behind the output that stay as they are; bytes of a workspace

static pl_stream stream;
static pl_dnn *dnn;
static int failures, kernels;

static const pl_dnn_own own = {"own", pl_gpu_conv_supported, pl_gpu_conv_workspace, pl_gpu_conv_run};

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vprintf(format, values);
  va_end(values);
  putchar('\n');
  failures++;
}

static void expect(bool holds, const char *what) {
  if (!holds) fail("does not hold: %s", what);
}

// What must not fail for the test to make sense.
static void must(pl_status status, const pl_error *err) {
  if (status == PL_OK) return;
  fail("%s", err->message);
  exit(1);
}

// ---------------------------------------------------------------------------------------------------------------------
// The definition. w is [oc][kernel][kernel][ic/groups].

typedef struct tensors {
  double *x, *w, *y, *bias;
  size_t nx, nw, ny;
} tensors;

// Adds x * w to y, y * w to x or x * y to w for each pair of pixels under each tap.
static void convolve(const pl_dnn_conv *c, const tensors *from, double *to) {
  int64_t icg = c->ic / c->groups, ocg = c->oc / c->groups;
  for (int64_t n = 0; n < c->n; n++)
    for (int64_t oy = 0; oy < c->oh; oy++)
      for (int64_t ox = 0; ox < c->ow; ox++)
        for (int64_t ky = 0; ky < c->kernel; ky++)
          for (int64_t kx = 0; kx < c->kernel; kx++) {
            int64_t iy = oy * c->stride - c->pad + ky, ix = ox * c->stride - c->pad + kx;
            if (iy < 0 || iy >= c->ih || ix < 0 || ix >= c->iw) continue;
            for (int64_t o = 0; o < c->oc; o++)
              for (int64_t i = 0; i < icg; i++) {
                int64_t at_x = ((n * c->ih + iy) * c->iw + ix) * c->ic + o / ocg * icg + i;
                int64_t at_w = ((o * c->kernel + ky) * c->kernel + kx) * icg + i;
                int64_t at_y = ((n * c->oh + oy) * c->ow + ox) * c->oc + o;
                if (c->direction == PL_DNN_FORWARD) to[at_y] += from->x[at_x] * from->w[at_w];
                if (c->direction == PL_DNN_BACKWARD_DATA) to[at_x] += from->y[at_y] * from->w[at_w];
                if (c->direction == PL_DNN_BACKWARD_WEIGHTS) to[at_w] += from->x[at_x] * from->y[at_y];
              }
          }
}

static double *random_values(size_t count, pl_gpu_type type, uint64_t stream_id) {
  double *values = pl_xmalloc(count * sizeof *values);
  for (size_t i = 0; i < count; i++) {
    // Rounded to the type, so that both sides begin with the same numbers.
    float value = (float)(2 * pl_rng_double(7, stream_id, i) - 1), rounded = 0;
    uint16_t bits = type == PL_GPU_F16 ? half_from_float(value) : bfloat_from_float(value);
    rounded = type == PL_GPU_F32 ? value : type == PL_GPU_F16 ? half_to_float(bits) : bfloat_to_float(bits);
    values[i] = (double)rounded;
  }
  return values;
}

// ---------------------------------------------------------------------------------------------------------------------
// One problem on the device

static void *to_device(const double *values, size_t count, pl_gpu_type type) {
  pl_error err = {0};
  size_t bytes = count * pl_gpu_type_size(type);
  float *floats = pl_xmalloc(count * sizeof *floats);
  void *packed = pl_xmalloc(bytes), *memory = NULL;
  for (size_t i = 0; i < count; i++) floats[i] = (float)values[i];
  floats_to_type(packed, floats, type, count);
  must(pl_cuda_allocate(&memory, bytes, "a test", &err), &err);
  must(pl_cuda_copy(memory, packed, bytes, stream, &err), &err);
  must(pl_cuda_stream_wait(stream, &err), &err);
  free(floats);
  free(packed);
  return memory;
}

static float *from_device(const void *memory, size_t count, pl_gpu_type type) {
  pl_error err = {0};
  float *floats = pl_xmalloc(count * sizeof *floats);
  void *packed = pl_xmalloc(count * pl_gpu_type_size(type));
  must(pl_cuda_copy(packed, memory, count * pl_gpu_type_size(type), stream, &err), &err);
  must(pl_cuda_stream_wait(stream, &err), &err);
  floats_from_type(floats, packed, type, count);
  free(packed);
  return floats;
}

static void run_plan(const pl_dnn_plan *plan, pl_dnn_args args) {
  pl_error err = {0};
  must(pl_cuda_allocate(&args.workspace, pl_dnn_plan_workspace(plan), "a test", &err), &err);
  must(pl_dnn_run(plan, &args, &err), &err);
  must(pl_cuda_stream_wait(stream, &err), &err);
  pl_cuda_release(args.workspace);
}

static void compare(const pl_dnn_conv *c, const char *choice, const double *expected, const float *got, size_t count) {
  static const double tolerances[] = {[PL_GPU_F32] = 2e-5, [PL_GPU_F16] = 2e-3, [PL_GPU_BF16] = 1.2e-2};
  double largest = 1e-30, worst = 0;
  for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(expected[i]));
  for (size_t i = 0; i < count; i++) {
    double error = fabs((double)got[i] - expected[i]) / largest;
    worst = error <= worst ? worst : error;  // a NaN is the worst
  }
  char key[PL_DNN_KEY_MAX];
  pl_dnn_conv_key(c, key, sizeof key);
  if (!(worst <= tolerances[c->type])) fail("%s, %s: error %g", key, choice, worst);
  for (size_t i = count; i < count + GUARD; i++) {
    if (got[i] != 7.0F) fail("%s, %s: wrote behind its output", key, choice);
  }
}

// Runs the problem with the plan and compares. Where beta is 0 the output holds NaN before.
static void check_plan(const pl_dnn_conv *c, const tensors *t, const pl_dnn_plan *plan, size_t which) {
  double *const parts[] = {t->x, t->w, t->y};
  const size_t counts[] = {t->nx, t->nw, t->ny};
  size_t count = counts[which];
  double *held = random_values(count + GUARD, c->type, 9), *expected = pl_xcalloc(count, sizeof *expected);
  for (size_t i = count; i < count + GUARD; i++) held[i] = 7;
  if (c->beta == 0) {
    for (size_t i = 0; i < count; i++) held[i] = NAN;
  }
  convolve(c, t, expected);
  for (size_t i = 0; i < count; i++) {
    expected[i] = (double)c->alpha * expected[i] + (c->beta == 0 ? 0 : (double)c->beta * held[i]);
    if (c->bias) expected[i] += t->bias[i % (size_t)c->oc];
    if (c->relu) expected[i] = fmax(0, expected[i]);
  }
  void *memory[3];
  for (size_t i = 0; i < 3; i++) {
    memory[i] = i == which ? to_device(held, count + GUARD, c->type) : to_device(parts[i], counts[i], c->type);
  }
  void *bias = c->bias ? to_device(t->bias, (size_t)c->oc, c->type) : NULL;
  run_plan(plan, (pl_dnn_args){.x = memory[0], .w = memory[1], .y = memory[2], .bias = bias});
  float *got = from_device(memory[which], count + GUARD, c->type);
  compare(c, pl_dnn_plan_choice(plan), expected, got, count);
  for (size_t i = 0; i < 3; i++) pl_cuda_release(memory[i]);
  pl_cuda_release(bias);
  free(got);
  free(held);
  free(expected);
}

static const size_t written[] = {[PL_DNN_FORWARD] = 2, [PL_DNN_BACKWARD_DATA] = 0, [PL_DNN_BACKWARD_WEIGHTS] = 1};

// The kernel of our own, where there is one for the problem.
static void check_kernel(const pl_dnn_conv *c, const tensors *t) {
  pl_dnn_plan *plan = NULL;
  if (pl_dnn_plan_create(&plan, dnn, c, LIMIT, own.name, NULL) != PL_OK) return;
  kernels++;
  check_plan(c, t, plan, written[c->direction]);
  pl_dnn_plan_destroy(plan);
}

// By rule, by timing, and rebuilt from the text of both.
static void check_conv(const pl_dnn_conv *c) {
  pl_error err = {0};
  size_t area = (size_t)(c->kernel * c->kernel);
  tensors t = {.nx = (size_t)(c->n * c->ih * c->iw * c->ic),
               .nw = (size_t)(c->oc * c->ic / c->groups) * area,
               .ny = (size_t)(c->n * c->oh * c->ow * c->oc)};
  t.x = random_values(t.nx, c->type, 1), t.w = random_values(t.nw, c->type, 2), t.y = random_values(t.ny, c->type, 3);
  t.bias = random_values((size_t)c->oc, c->type, 4);
  for (int tuned = 0; tuned < 2; tuned++) {
    pl_dnn_plan *plan = NULL, *again = NULL;
    if (tuned == 0) must(pl_dnn_plan_create(&plan, dnn, c, LIMIT, NULL, &err), &err);
    if (tuned == 1) must(pl_dnn_plan_tune(&plan, dnn, c, LIMIT, &err), &err);
    must(pl_dnn_plan_create(&again, dnn, c, LIMIT, pl_dnn_plan_choice(plan), &err), &err);
    expect(strcmp(pl_dnn_plan_choice(plan), pl_dnn_plan_choice(again)) == 0, "a rebuilt plan has the same choice");
    expect(pl_dnn_plan_workspace(plan) == pl_dnn_plan_workspace(again), "a rebuilt plan has the same workspace");
    expect(pl_dnn_plan_workspace(plan) <= LIMIT, "a workspace is within its limit");
    expect((pl_dnn_plan_time(plan) > 0) == (tuned == 1), "only tuned plans have a time");
    check_plan(c, &t, plan, written[c->direction]);
    check_plan(c, &t, again, written[c->direction]);
    pl_dnn_plan_destroy(plan);
    pl_dnn_plan_destroy(again);
  }
  check_kernel(c, &t);
  free(t.x), free(t.w), free(t.y), free(t.bias);
}

// ---------------------------------------------------------------------------------------------------------------------
// The problems: sizes, kernel, stride, pad, groups. The last three are a grouped stride 2, the upsampling form and the
// head; channels are multiples of 4 (float32, float16) and 8 (bfloat16) but for the head's.

static const pl_dnn_conv shapes[] = {
    {.n = 2, .ic = 8, .ih = 7, .iw = 5, .oc = 16, .kernel = 1, .stride = 1, .pad = 0, .groups = 1},
    {.n = 1, .ic = 16, .ih = 6, .iw = 9, .oc = 8, .kernel = 3, .stride = 1, .pad = 1, .groups = 1},
    {.n = 3, .ic = 8, .ih = 11, .iw = 8, .oc = 24, .kernel = 7, .stride = 2, .pad = 3, .groups = 1},
    {.n = 2, .ic = 16, .ih = 9, .iw = 9, .oc = 32, .kernel = 1, .stride = 2, .pad = 0, .groups = 1},
    {.n = 1, .ic = 128, .ih = 8, .iw = 8, .oc = 128, .kernel = 3, .stride = 1, .pad = 1, .groups = 32},
    {.n = 2, .ic = 256, .ih = 8, .iw = 6, .oc = 256, .kernel = 3, .stride = 2, .pad = 1, .groups = 32},
    {.n = 2, .ic = 16, .ih = 12, .iw = 8, .oc = 32, .kernel = 4, .stride = 2, .pad = 1, .groups = 1},
    {.n = 2, .ic = 16, .ih = 10, .iw = 12, .oc = 1, .kernel = 3, .stride = 1, .pad = 1, .groups = 1},
};

static pl_dnn_conv problem(size_t shape, pl_dnn_direction direction, pl_gpu_type type) {
  pl_dnn_conv c = shapes[shape];
  c.oh = (c.ih + 2 * c.pad - c.kernel) / c.stride + 1;
  c.ow = (c.iw + 2 * c.pad - c.kernel) / c.stride + 1;
  c.direction = direction, c.type = type, c.alpha = 1;
  return c;
}

static void test_directions(void) {
  for (size_t shape = 0; shape < sizeof shapes / sizeof shapes[0]; shape++) {
    for (int direction = 0; direction < 3; direction++) {
      for (int type = 0; type < 3; type++) {
        pl_dnn_conv c = problem(shape, (pl_dnn_direction)direction, (pl_gpu_type)type);
        check_conv(&c);
        c.beta = 1;
        check_conv(&c);
      }
    }
  }
}

static void test_factors(void) {
  for (int direction = 0; direction < 3; direction++) {
    pl_dnn_conv c = problem(1, (pl_dnn_direction)direction, PL_GPU_F32);
    c.alpha = 0.5F, c.beta = 0.25F;
    check_conv(&c);
  }
}

static void test_bias(void) {
  for (size_t shape = 0; shape < sizeof shapes / sizeof shapes[0]; shape++) {
    for (int type = 0; type < 3; type++) {
      pl_dnn_conv c = problem(shape, PL_DNN_FORWARD, (pl_gpu_type)type);
      c.bias = true;
      check_conv(&c);
      c.relu = true;
      check_conv(&c);
    }
  }
}

static void expect_refused(const pl_dnn_conv *c, const char *why) {
  pl_error err = {0};
  size_t count = 0;
  pl_dnn_plan *plan = NULL;
  expect(pl_dnn_conv_check(c, &err) == PL_E_UNSUPPORTED, why);
  if (strstr(err.message, why) == NULL) fail("'%s' does not say '%s'", err.message, why);
  expect(pl_dnn_candidates(&count, dnn, c, LIMIT, &err) == PL_E_UNSUPPORTED, why);
  expect(pl_dnn_plan_create(&plan, dnn, c, LIMIT, NULL, &err) == PL_E_UNSUPPORTED && plan == NULL, why);
}

static void test_refusals(void) {
  pl_dnn_conv c = problem(1, PL_DNN_FORWARD, PL_GPU_F32);
  c.ow++;
  expect_refused(&c, "does not give");
  c = problem(1, PL_DNN_FORWARD, PL_GPU_F32), c.groups = 3;
  expect_refused(&c, "do not divide");
  c = problem(1, PL_DNN_FORWARD, PL_GPU_F32), c.n = 0;
  expect_refused(&c, "n is 0");
  c = problem(1, PL_DNN_FORWARD, PL_GPU_F32), c.bias = true, c.beta = 1;
  expect_refused(&c, "bias");
  c = problem(1, PL_DNN_BACKWARD_DATA, PL_GPU_F32), c.bias = true;
  expect_refused(&c, "bias");
  c = problem(1, PL_DNN_FORWARD, PL_GPU_F32), c.relu = true;
  expect_refused(&c, "ReLU");
}

static void test_choices(void) {
  pl_error err = {0};
  pl_dnn_conv c = problem(1, PL_DNN_FORWARD, PL_GPU_F16);
  static const char *const wrong[] = {"",
                                      "x",
                                      "cudnn",
                                      "cudnn:",
                                      "cudnn:-1:",
                                      "cudnn:99999:",
                                      "cudnn:1:2",
                                      "cudnn:1:2=",
                                      "cudnn:1:0=1,",
                                      "cudnn:1:0=99999999999999999999",
                                      "emulated:2"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    pl_dnn_plan *plan = NULL;
    pl_status status = pl_dnn_plan_create(&plan, dnn, &c, LIMIT, wrong[i], &err);
    if (status != PL_E_UNSUPPORTED || plan != NULL) fail("choice '%s' was taken", wrong[i]);
  }
  size_t all = 0, without = 0;
  must(pl_dnn_candidates(&all, dnn, &c, LIMIT, &err), &err);
  must(pl_dnn_candidates(&without, dnn, &c, 0, &err), &err);
  expect(without >= 1 && without <= all, "a workspace adds candidates");
}

static void test_keys(void) {
  pl_dnn_conv c = problem(5, PL_DNN_BACKWARD_WEIGHTS, PL_GPU_BF16);
  char key[PL_DNN_KEY_MAX], other[PL_DNN_KEY_MAX];
  c.beta = 1;
  pl_dnn_conv_key(&c, key, sizeof key);
  expect(strcmp(key, "backward-weights bf16 n2 c256x8x6 k256x4x3 3x3 s2 p1 g32 b1") == 0, key);
  c.alpha = 0.5F;
  pl_dnn_conv_key(&c, other, sizeof other);
  expect(strcmp(key, other) != 0, "alpha is in the key");
  c = (pl_dnn_conv){PL_DNN_FORWARD, PL_GPU_BF16, INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX,
                    INT32_MAX,      INT32_MAX,   INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX,
                    INT32_MAX,      1,           0,         true,      true};
  pl_dnn_conv_key(&c, other, sizeof other);
  expect(strstr(other, "relu") != NULL, "the longest key fits");
}

int main(void) {
  pl_error err = {0};
  pl_cuda_facts facts;
  if (pl_cuda_open(&facts, 0, &err) != PL_OK) {
    printf("skipped: %s\n", err.message);
    return 77;
  }
  if (pl_cuda_stream_create(&stream, &err) != PL_OK || pl_dnn_open(&dnn, stream, &err) != PL_OK) {
    fprintf(stderr, "%s\n", err.message);
    return 1;
  }
  printf("%s\n", facts.name);
  pl_dnn_offer(dnn, &own);
  test_directions();
  test_factors();
  test_bias();
  expect(kernels > 20, "many of the problems have a kernel of our own");
  test_refusals();
  test_choices();
  test_keys();
  pl_dnn_close(dnn);
  pl_cuda_stream_destroy(stream);
  printf("%s\n", failures == 0 ? "passed" : "FAILED");
  return failures == 0 ? 0 : 1;
}
