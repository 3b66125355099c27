// gpu/dnn.h in plain loops on the CPU, where device memory is ordinary memory. Two engines: 0 sums in the order of the
// kernel's taps, 1 backwards and with a workspace that it fills; their bits differ, so that a plan that is rebuilt with
// the wrong engine shows. The rule takes engine 0, tuning engine 1, or the engine that was offered where it can.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "gpu/dnn.h"
#include "tests/gpu/emulated_dnn.h"
#include "tests/gpu/half.h"

enum { ENGINES = 2, OWN = 2, WORKSPACE = 1024 };

static pl_emulator_hook *hook;

void pl_emulated_dnn_set_hook(pl_emulator_hook *new_hook) { hook = new_hook; }

struct pl_dnn {
  bool described;
  void *stream;
  const pl_dnn_own *own;  // NULL: none was offered
};

struct pl_dnn_plan {
  pl_dnn_conv conv;
  void *stream;
  const pl_dnn_own *own;
  int engine;
  bool runs, tuned;
  char choice[PL_DNN_CHOICE_MAX];
};

pl_status pl_dnn_probe(char version[PL_DNN_VERSION_MAX], pl_error *err) {
  (void)err;
  snprintf(version, PL_DNN_VERSION_MAX, "emulated");
  return PL_OK;
}

pl_status pl_dnn_open(pl_dnn **out, void *stream, pl_error *err) {
  (void)err;
  *out = pl_xcalloc(1, sizeof **out);
  (*out)->stream = stream;
  return PL_OK;
}

pl_status pl_dnn_open_described(pl_dnn **out, const char *json, pl_error *err) {
  if (json[0] != '{') return pl_fail(err, PL_E_FORMAT, "the device's description is no JSON object");
  *out = pl_xcalloc(1, sizeof **out);
  (*out)->described = true;
  return PL_OK;
}

void pl_dnn_close(pl_dnn *dnn) { free(dnn); }

void pl_dnn_offer(pl_dnn *dnn, const pl_dnn_own *own) { dnn->own = own; }

static bool own_fits(const pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit) {
  return dnn->own != NULL && dnn->own->supported(conv) && dnn->own->workspace(conv) <= workspace_limit;
}

pl_status pl_dnn_candidates(size_t *count, pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit,
                            pl_error *err) {
  pl_status status = pl_dnn_conv_check(conv, err);
  if (status) return status;
  *count = workspace_limit >= WORKSPACE ? ENGINES : 1;
  if (own_fits(dnn, conv, workspace_limit)) *count += 1;
  return status;
}

static pl_status create(pl_dnn_plan **out, const pl_dnn *dnn, const pl_dnn_conv *conv, int engine, pl_error *err) {
  pl_status status = pl_dnn_conv_check(conv, err);
  if (status) return status;
  pl_dnn_plan *plan = pl_xcalloc(1, sizeof *plan);
  plan->conv = *conv;
  plan->engine = engine;
  plan->runs = !dnn->described;
  plan->stream = dnn->stream;
  plan->own = dnn->own;
  if (engine == OWN) snprintf(plan->choice, sizeof plan->choice, "%s", dnn->own->name);
  if (engine != OWN) snprintf(plan->choice, sizeof plan->choice, "emulated:%d", engine);
  *out = plan;
  return PL_OK;
}

pl_status pl_dnn_plan_create(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit,
                             const char *choice, pl_error *err) {
  if (choice == NULL || strcmp(choice, "emulated:0") == 0) return create(out, dnn, conv, 0, err);
  if (dnn->own != NULL && strcmp(choice, dnn->own->name) == 0) {
    if (own_fits(dnn, conv, workspace_limit)) return create(out, dnn, conv, OWN, err);
    return pl_fail(err, PL_E_UNSUPPORTED, "engine '%s' cannot compute it", choice);
  }
  if (strcmp(choice, "emulated:1") != 0) return pl_fail(err, PL_E_UNSUPPORTED, "there is no engine '%s'", choice);
  if (workspace_limit < WORKSPACE) return pl_fail(err, PL_E_UNSUPPORTED, "engine '%s' needs a workspace", choice);
  return create(out, dnn, conv, 1, err);
}

pl_status pl_dnn_plan_tune(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit,
                           pl_error *err) {
  if (dnn->described) return pl_fail(err, PL_E_UNSUPPORTED, "a device that is only described cannot be timed");
  int engine = own_fits(dnn, conv, workspace_limit) ? OWN : workspace_limit >= WORKSPACE ? 1 : 0;
  pl_status status = create(out, dnn, conv, engine, err);
  if (status == PL_OK) (*out)->tuned = true;
  return status;
}

void pl_dnn_plan_destroy(pl_dnn_plan *plan) { free(plan); }
uint64_t pl_dnn_plan_workspace(const pl_dnn_plan *plan) {
  return plan->engine == OWN ? plan->own->workspace(&plan->conv) : plan->engine == 1 ? WORKSPACE : 0;
}
const char *pl_dnn_plan_choice(const pl_dnn_plan *plan) { return plan->choice; }
double pl_dnn_plan_time(const pl_dnn_plan *plan) { return plan->tuned ? 1 : 0; }

// ---------------------------------------------------------------------------------------------------------------------
// The computation: operands and sums in float32.

typedef struct job {
  const pl_dnn_conv *c;
  const float *x, *w, *y, *bias;  // operands, where the direction has them
  float *sum;                     // of the output's size, zero
  int64_t icg, ocg, taps;         // channels of a group, taps of the kernel
  bool backwards;
} job;

static int64_t tap_at(const job *j, int64_t i) { return j->backwards ? j->taps - 1 - i : i; }

// The pixel of x under a tap of the kernel at a pixel of y, as an offset in pixels of the image; -1 in the padding.
static int64_t pixel_under(const pl_dnn_conv *c, int64_t oy, int64_t ox, int64_t tap) {
  int64_t iy = oy * c->stride - c->pad + tap / c->kernel, ix = ox * c->stride - c->pad + tap % c->kernel;
  return iy >= 0 && iy < c->ih && ix >= 0 && ix < c->iw ? iy * c->iw + ix : -1;
}

// `turned` has the weights as [tap][ic/groups][oc], so that the inner loop runs over neighbours.
static void forward_pixel(const job *j, const float *turned, int64_t pixel) {
  const pl_dnn_conv *c = j->c;
  int64_t image = pixel / (c->oh * c->ow), place = pixel % (c->oh * c->ow);
  float *sum = j->sum + pixel * c->oc;
  for (int64_t t = 0; t < j->taps; t++) {
    int64_t tap = tap_at(j, t), under = pixel_under(c, place / c->ow, place % c->ow, tap);
    if (under < 0) continue;
    const float *x = j->x + (image * c->ih * c->iw + under) * c->ic;
    for (int64_t i = 0; i < j->icg; i++) {
      const float *w = turned + (tap * j->icg + i) * c->oc;
      for (int64_t g = 0; g < c->groups; g++) {
        const float factor = x[g * j->icg + i];
        for (int64_t o = g * j->ocg; o < (g + 1) * j->ocg; o++) sum[o] += factor * w[o];
      }
    }
  }
}

static void forward(const job *j) {
  const pl_dnn_conv *c = j->c;
  float *turned = pl_xmalloc((size_t)(j->taps * j->icg * c->oc) * sizeof *turned);
  for (int64_t o = 0; o < c->oc; o++) {
    for (int64_t k = 0; k < j->taps * j->icg; k++) turned[k * c->oc + o] = j->w[o * j->taps * j->icg + k];
  }
#pragma omp parallel for schedule(static)
  for (int64_t pixel = 0; pixel < c->n * c->oh * c->ow; pixel++) forward_pixel(j, turned, pixel);
  free(turned);
}

// Adds to the gradient of a pixel of x what comes from the pixels of y whose kernels cover it.
static void backward_data_pixel(const job *j, int64_t pixel) {
  const pl_dnn_conv *c = j->c;
  int64_t image = pixel / (c->ih * c->iw), iy = pixel / c->iw % c->ih, ix = pixel % c->iw;
  float *sum = j->sum + pixel * c->ic;
  for (int64_t t = 0; t < j->taps; t++) {
    int64_t tap = tap_at(j, t), fy = iy + c->pad - tap / c->kernel, fx = ix + c->pad - tap % c->kernel;
    if (fy < 0 || fx < 0 || fy % c->stride != 0 || fx % c->stride != 0) continue;
    int64_t oy = fy / c->stride, ox = fx / c->stride;
    if (oy >= c->oh || ox >= c->ow) continue;
    const float *dy = j->y + ((image * c->oh + oy) * c->ow + ox) * c->oc;
    for (int64_t o = 0; o < c->oc; o++) {
      const float *w = j->w + (o * j->taps + tap) * j->icg;
      float *to = sum + o / j->ocg * j->icg;
      for (int64_t i = 0; i < j->icg; i++) to[i] += dy[o] * w[i];
    }
  }
}

static void backward_data(const job *j) {
  const pl_dnn_conv *c = j->c;
#pragma omp parallel for schedule(static)
  for (int64_t pixel = 0; pixel < c->n * c->ih * c->iw; pixel++) backward_data_pixel(j, pixel);
}

static void backward_weights(const job *j) {
  const pl_dnn_conv *c = j->c;
  int64_t pixels = c->n * c->oh * c->ow;
#pragma omp parallel for schedule(static)
  for (int64_t o = 0; o < c->oc; o++) {
    for (int64_t p = 0; p < pixels; p++) {
      int64_t pixel = j->backwards ? pixels - 1 - p : p, place = pixel % (c->oh * c->ow);
      const float *image = j->x + pixel / (c->oh * c->ow) * c->ih * c->iw * c->ic + o / j->ocg * j->icg;
      const float dy = j->y[pixel * c->oc + o];
      for (int64_t tap = 0; tap < j->taps; tap++) {
        int64_t under = pixel_under(c, place / c->ow, place % c->ow, tap);
        if (under < 0) continue;
        float *sum = j->sum + (o * j->taps + tap) * j->icg;
        for (int64_t i = 0; i < j->icg; i++) sum[i] += dy * image[under * c->ic + i];
      }
    }
  }
}

static float *operand(const void *data, pl_gpu_type type, int64_t count) {
  float *copy = pl_xmalloc((size_t)count * sizeof *copy);
  floats_from_type(copy, data, type, (size_t)count);
  return copy;
}

// result = alpha * sum + beta * what it held, bias, ReLU, rounded once. Where beta is 0 what it held is not read.
static void store(const job *j, void *result, int64_t count) {
  const pl_dnn_conv *c = j->c;
  float *held = c->beta != 0 ? operand(result, c->type, count) : NULL;
  for (int64_t i = 0; i < count; i++) {
    float value = c->alpha * j->sum[i];
    if (held != NULL) value += c->beta * held[i];
    if (j->bias != NULL) value += j->bias[i % c->oc];
    if (c->relu && value < 0) value = 0;
    j->sum[i] = value;
  }
  floats_to_type(result, j->sum, c->type, (size_t)count);
  free(held);
}

static bool aligned(const void *pointer) { return pointer != NULL && (uintptr_t)pointer % 16 == 0; }

// A run that has been asked for. The plan may be gone when it is done.
typedef struct call {
  pl_dnn_plan plan;
  pl_dnn_args args;
} call;

static void compute(void *work) {
  const call *asked = work;
  const pl_dnn_conv *c = &asked->plan.conv;
  const pl_dnn_args *a = &asked->args;
  int64_t taps = (int64_t)c->kernel * c->kernel;
  int64_t count[3] = {c->n * c->ih * c->iw * c->ic, c->oc * taps * (c->ic / c->groups), c->n * c->oh * c->ow * c->oc};
  void *const data[3] = {a->x, a->w, a->y};
  static const int written[] = {[PL_DNN_FORWARD] = 2, [PL_DNN_BACKWARD_DATA] = 0, [PL_DNN_BACKWARD_WEIGHTS] = 1};
  int result = written[c->direction];
  float *copy[3] = {NULL, NULL, NULL};
  for (int i = 0; i < 3; i++) {
    if (i != result) copy[i] = operand(data[i], c->type, count[i]);
  }
  float *bias = c->bias ? operand(a->bias, c->type, c->oc) : NULL;
  float *sum = pl_xcalloc((size_t)count[result], sizeof *sum);
  job j = {.c = c,
           .x = copy[0],
           .w = copy[1],
           .y = copy[2],
           .bias = bias,
           .sum = sum,
           .icg = c->ic / c->groups,
           .ocg = c->oc / c->groups,
           .taps = taps,
           .backwards = asked->plan.engine == 1};
  if (asked->plan.engine == 1) memset(a->workspace, 0xff, WORKSPACE);
  if (c->direction == PL_DNN_FORWARD) forward(&j);
  if (c->direction == PL_DNN_BACKWARD_DATA) backward_data(&j);
  if (c->direction == PL_DNN_BACKWARD_WEIGHTS) backward_weights(&j);
  store(&j, data[result], count[result]);
  for (int i = 0; i < 3; i++) free(copy[i]);
  free(bias);
  free(sum);
}

pl_status pl_dnn_run(const pl_dnn_plan *plan, const pl_dnn_args *a, pl_error *err) {
  if (!plan->runs) return pl_fail(err, PL_E_UNSUPPORTED, "a device that is only described cannot run");
  if (!aligned(a->x) || !aligned(a->w) || !aligned(a->y) || plan->conv.bias != (a->bias != NULL) ||
      (pl_dnn_plan_workspace(plan) > 0 && !aligned(a->workspace))) {
    return pl_fail(err, PL_E_INTERNAL, "a convolution without its operands, or with operands that are not aligned");
  }
  if (plan->engine == OWN) {
    plan->own->run(plan->stream, &plan->conv, a);
    return PL_OK;
  }
  call *asked = pl_xcalloc(1, sizeof *asked);
  *asked = (call){.plan = *plan, .args = *a};
  if (hook != NULL && hook(plan->stream, compute, free, asked)) return PL_OK;
  compute(asked);
  free(asked);
  return PL_OK;
}
