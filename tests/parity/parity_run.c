#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/base/str.h"
#include "tests/parity/parity.h"

enum { GUARD = 256, GUARD_BYTE = 0x5A, POISON_BYTE = 0xFF, REPEATS = 5, SEED = 20 };

static const double default_tolerance = 2e-5, learning_rate = 0.01;

// All that a backend made of a case: results of all graphs, then tensors, as doubles.
typedef struct outcome {
  double **values;
  size_t count;
  double seconds;  // of all graphs, median
} outcome;

// ---------------------------------------------------------------------------------------------------------------------
// Numbers.

static bool is_short(const parity_device *d) {
  return d->precision == PL_PRECISION_F16 || d->precision == PL_PRECISION_BF16;
}

static double symmetric(uint64_t stream, int64_t index) {
  return 2 * (double)pl_rng_float(SEED, stream, (uint64_t)index) - 1;
}

static double tensor_element(const pl_tensor *t, uint64_t stream, int64_t index) {
  double s = symmetric(stream, index);
  bool positive = t->role == PL_ROLE_SECOND_MOMENT || strstr(t->name, "running_var") != NULL;
  if (positive) return 0.5 + 0.4 * s;
  if (t->role == PL_ROLE_PARAMETER && t->shape.rank == 1) return 1 + 0.3 * s;
  if (t->role == PL_ROLE_PARAMETER) return s * sqrt(3.0 / (double)(t->shape.d[1] * t->shape.d[2] * t->shape.d[3]));
  return t->role == PL_ROLE_GRADIENT || t->role == PL_ROLE_BUFFER ? s : 0.1 * s;
}

// Whole models start as training does: only there are activations and gradients of a sensible size.
static double initial_element(const pl_tensor *t, uint64_t stream, int64_t index) {
  if (t->init == PL_INIT_UNIFORM) return t->init_scale * symmetric(stream, index);
  if (t->init == PL_INIT_NORMAL) return t->init_scale * pl_rng_normal(SEED, stream, (uint64_t)index);
  return t->init_scale;
}

static pl_status fill_tensor(const parity_device *d, pl_store *store, const parity_build *b, int32_t i, pl_error *err) {
  const pl_tensor *t = &b->model.tensors[i];
  int64_t count = pl_shape_elements(&t->shape);
  if (t->dtype == PL_I64) {
    const int64_t number = 3;
    return d->api->upload(store, i, PL_I64, &number, err);
  }
  float *data = pl_xcalloc((size_t)count, sizeof *data);
  for (int64_t j = 0; j < count; j++) {
    // The loss scale is small, so that no case's first step overflows.
    data[j] = t->role == PL_ROLE_STATE ? 256
                                       : (float)(b->encoder == NULL ? tensor_element(t, (uint64_t)i, j)
                                                                    : initial_element(t, (uint64_t)i, j));
  }
  pl_status status = d->api->upload(store, i, PL_F32, data, err);
  free(data);
  return status;
}

static void fill_augment(double *row, uint64_t stream, int64_t image) {
  double angle = 0.3 * symmetric(stream, 10 * image), zoom = 1 + 0.1 * symmetric(stream, 10 * image + 1);
  double flip = image % 2 == 0 ? 1 : -1;
  const double values[PL_AUGMENT_VALUES] = {flip * zoom * cos(angle),
                                            -zoom * sin(angle),
                                            image % 2 == 0 ? 1.5 : 40.25,
                                            zoom * sin(angle),
                                            zoom * cos(angle),
                                            -2.75,
                                            1.1,
                                            -7};
  memcpy(row, values, sizeof values);
}

// `exact`: numbers that all types hold.
static void *input_data(const pl_value *value, int input, bool exact) {
  int64_t count = pl_shape_elements(&value->shape);
  uint64_t stream = 1000000 + (uint64_t)input;
  void *data = pl_xcalloc((size_t)count, pl_dtype_size(value->dtype));
  bool target = strcmp(value->name, "target") == 0, mask = strcmp(value->name, "mask") == 0;
  bool infinite = strcmp(value->name, "infinite") == 0, logits = strcmp(value->name, "logits") == 0;
  if (value->dtype == PL_F64) {
    for (int64_t i = 0; i < value->shape.d[0]; i++) fill_augment((double *)data + i * PL_AUGMENT_VALUES, stream, i);
    return data;
  }
  for (int64_t i = 0; i < count; i++) {
    double s = symmetric(stream, i);
    if (exact) s = rint(64 * s) / 64;
    if (value->dtype == PL_U8) ((uint8_t *)data)[i] = (uint8_t)(mask ? (s > 0.5 ? 255 : 0) : (int)(127.5 * (s + 1)));
    // Logits far from 0 reach what only some terms of the loss do there.
    if (value->dtype == PL_F32) ((float *)data)[i] = (float)(target ? s > 0.5 : logits ? 4 * s : s);
  }
  if (infinite && value->dtype == PL_F32) ((float *)data)[0] = INFINITY;
  return data;
}

static pl_status give_inputs(const parity_device *d, pl_program *program, const pl_graph *graph, int slot,
                             pl_error *err) {
  void *data[PL_GRAPH_PORTS_MAX] = {NULL};
  for (int i = 0; i < graph->input_count; i++) {
    data[i] = input_data(&graph->values[graph->inputs[i]], i + 10 * slot, is_short(d));
  }
  pl_status status = d->api->input(program, slot, (const void *const *)data, err);
  for (int i = 0; i < graph->input_count; i++) free(data[i]);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// One backend.

// A result's memory, filled with what must be overwritten, between bands that must not.
static unsigned char *guarded(size_t bytes) {
  unsigned char *block = pl_xmalloc(bytes + 2 * GUARD);
  memset(block, GUARD_BYTE, bytes + 2 * GUARD);
  memset(block + GUARD, POISON_BYTE, bytes);
  return block + GUARD;
}

static pl_status check_guards(const unsigned char *data, size_t bytes, const char *name, pl_error *err) {
  for (size_t i = 0; i < GUARD; i++) {
    if (data[-1 - (ptrdiff_t)i] == GUARD_BYTE && data[bytes + i] == GUARD_BYTE) continue;
    return pl_fail(err, PL_E_INTERNAL, "result %s was written out of bounds", name);
  }
  return PL_OK;
}

static double *as_doubles(const void *data, const pl_value *value) {
  int64_t count = pl_shape_elements(&value->shape);
  double *copy = pl_xcalloc((size_t)count, sizeof *copy);
  for (int64_t i = 0; i < count; i++) {
    switch (value->dtype) {
      case PL_F32: copy[i] = ((const float *)data)[i]; break;
      case PL_F64: copy[i] = ((const double *)data)[i]; break;
      case PL_U8: copy[i] = ((const uint8_t *)data)[i]; break;
      case PL_I64: copy[i] = (double)((const int64_t *)data)[i]; break;
    }
  }
  return copy;
}

static void keep(outcome *o, double *values) {
  o->values = pl_xrealloc(o->values, o->count + 1, sizeof *o->values);
  o->values[o->count++] = values;
}

static pl_status run_graph(outcome *o, const parity_device *d, pl_program *program, const pl_graph *graph, int slot,
                           pl_error *err) {
  const pl_controls controls = {.struct_size = sizeof controls, .learning_rate = learning_rate};
  pl_result result = {.data = {NULL}};
  size_t bytes[PL_GRAPH_PORTS_MAX] = {0};
  for (int i = 0; i < graph->result_count; i++) {
    const pl_value *value = &graph->values[graph->results[i]];
    bytes[i] = (size_t)pl_shape_elements(&value->shape) * pl_dtype_size(value->dtype);
    result.data[i] = guarded(bytes[i]);
  }
  pl_status status = d->api->run(program, slot, &controls, &result, err);
  if (status == PL_OK) status = d->api->wait(program, err);
  for (int i = 0; i < graph->result_count; i++) {
    const pl_value *value = &graph->values[graph->results[i]];
    if (status == PL_OK) status = check_guards(result.data[i], bytes[i], value->name, err);
    if (status == PL_OK) keep(o, as_doubles(result.data[i], value));
    free((unsigned char *)result.data[i] - GUARD);
  }
  return status;
}

// Of whole models the gradients and the statistics; Adam turns noise in small gradients into whole steps.
static bool compared(const parity_build *b, int32_t tensor) {
  pl_role role = b->model.tensors[tensor].role;
  if (strncmp(b->model.tensors[tensor].name, "loss_scale.", 11) == 0) return false;  // the backend's own affair
  return b->encoder == NULL || role == PL_ROLE_GRADIENT || role == PL_ROLE_BUFFER;
}

static pl_status keep_tensors(outcome *o, const parity_device *d, pl_store *store, const parity_build *b,
                              pl_error *err) {
  for (int32_t i = 0; i < b->model.count; i++) {
    if (!compared(b, i)) continue;
    const pl_tensor *t = &b->model.tensors[i];
    double *data = pl_xcalloc((size_t)pl_shape_elements(&t->shape), sizeof *data);
    int64_t whole = 0;
    bool is_whole = t->dtype == PL_I64;
    pl_status status = d->api->download(store, i, is_whole ? PL_I64 : PL_F64, is_whole ? (void *)&whole : data, err);
    if (is_whole) data[0] = (double)whole;
    keep(o, data);
    if (status != PL_OK) return status;
  }
  return PL_OK;
}

static pl_status time_graphs(outcome *o, const parity_device *d, pl_program **programs, const parity_build *b,
                             pl_error *err) {
  const pl_clock clock = pl_clock_system();
  const pl_controls controls = {.struct_size = sizeof controls};
  pl_result nothing = {.data = {NULL}};
  o->seconds = INFINITY;
  for (int repeat = 0; repeat < REPEATS; repeat++) {
    double start = pl_clock_monotonic(&clock);
    for (int g = 0; g < b->graph_count; g++) {
      pl_status status = d->api->run(programs[g], g % PL_SLOTS, &controls, &nothing, err);
      if (status == PL_OK) status = d->api->wait(programs[g], err);
      if (status != PL_OK) return status;
    }
    o->seconds = fmin(o->seconds, pl_clock_monotonic(&clock) - start);
  }
  return PL_OK;
}

static pl_status run_programs(outcome *o, const parity_device *d, pl_store *store, pl_program **programs,
                              const parity_build *b, bool perf, pl_error *err) {
  pl_status status = PL_OK;
  for (int32_t i = 0; status == PL_OK && i < b->model.count; i++) status = fill_tensor(d, store, b, i, err);
  for (int g = 0; status == PL_OK && g < b->graph_count; g++) {
    status = d->api->compile(&programs[g], store, &b->graphs[g], err);
  }
  if (status == PL_OK) status = d->api->arena_reserve(store, err);
  for (int g = 0; status == PL_OK && g < b->graph_count; g++) {
    status = give_inputs(d, programs[g], &b->graphs[g], g % PL_SLOTS, err);
  }
  for (int g = 0; status == PL_OK && g < b->graph_count; g++) {
    status = run_graph(o, d, programs[g], &b->graphs[g], g % PL_SLOTS, err);
  }
  if (status == PL_OK) status = keep_tensors(o, d, store, b, err);
  if (status == PL_OK && perf) status = time_graphs(o, d, programs, b, err);
  return status;
}

static pl_status run_on(outcome *o, const parity_device *d, const parity_build *b, bool perf, pl_error *err) {
  pl_store *store = NULL;
  pl_program *programs[PARITY_GRAPHS_MAX] = {NULL};
  pl_status status = d->api->store_create(&store, d->backend, &b->model, d->choices, err);
  if (status != PL_OK) return status;
  status = run_programs(o, d, store, programs, b, perf, err);
  for (int g = 0; g < b->graph_count; g++) d->api->program_destroy(programs[g]);
  d->api->store_destroy(store);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Comparing.

// max|a - b| / max|b|; infinite when one is not a finite number where the other is.
static double difference(const double *a, const double *b, int64_t count, bool not_finite) {
  double worst = 0, scale = 0;
  for (int64_t i = 0; i < count; i++) {
    if (not_finite && isnan(a[i]) && isnan(b[i])) continue;
    if (!not_finite && !isfinite(b[i])) return INFINITY;
    if (isfinite(a[i]) != isfinite(b[i])) return INFINITY;
    if (!isfinite(b[i])) continue;
    worst = fmax(worst, fabs(a[i] - b[i]));
    scale = fmax(scale, fabs(b[i]));
  }
  return worst == 0 ? 0 : worst / fmax(scale, 1e-30);
}

// |a - b| / |b| in the l2 norm, for the gradients of whole networks: single elements jump where rounding flips a relu.
// `least` is what |b| is at least taken for.
static double distance(const double *a, const double *b, int64_t count, double least) {
  double apart = 0, size = 0;
  for (int64_t i = 0; i < count; i++) {
    apart += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return apart == 0 ? 0 : isfinite(apart) ? sqrt(apart) / fmax(sqrt(size), fmax(least, 1e-30)) : INFINITY;
}

static double root_mean_square(const double *values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; i++) sum += values[i] * values[i];
  return sqrt(sum / (double)count);
}

typedef struct verdict {
  double worst_result, worst_tensor;
  char where[PL_NAME_MAX];
} verdict;

static verdict compare(const parity_build *b, const parity_device *d, const outcome *tested, const outcome *reference,
                       bool not_finite) {
  bool in_norm = is_short(d) && !not_finite;
  verdict v = {.where = ""};
  size_t k = 0;
  for (int g = 0; g < b->graph_count; g++) {
    for (int i = 0; i < b->graphs[g].result_count; i++, k++) {
      const pl_value *value = &b->graphs[g].values[b->graphs[g].results[i]];
      int64_t count = pl_shape_elements(&value->shape);
      double error = in_norm ? distance(tested->values[k], reference->values[k], count, 0)
                             : difference(tested->values[k], reference->values[k], count, not_finite);
      if (error > v.worst_result) pl_copy_text(v.where, sizeof v.where, value->name);
      v.worst_result = fmax(v.worst_result, error);
    }
  }
  for (int32_t i = 0; i < b->model.count; i++) {
    if (!compared(b, i)) continue;
    const pl_tensor *t = &b->model.tensors[i];
    int64_t count = pl_shape_elements(&t->shape);
    // A convolution's only bias may be what is left of a sum that cancels; its weights' gradients say how large a sum.
    double least = count == 1 && i > 0 && b->encoder != NULL
                       ? root_mean_square(reference->values[k - 1], pl_shape_elements(&b->model.tensors[i - 1].shape))
                       : 0;
    double error = b->encoder != NULL || in_norm
                       ? distance(tested->values[k], reference->values[k], count, least)
                       : difference(tested->values[k], reference->values[k], count, not_finite);
    if (error > v.worst_tensor && error > v.worst_result) pl_copy_text(v.where, sizeof v.where, t->name);
    v.worst_tensor = fmax(v.worst_tensor, error);
    k++;
  }
  return v;
}

static void free_outcome(outcome *o) {
  for (size_t i = 0; i < o->count; i++) free(o->values[i]);
  free(o->values);
}

static const char *unsupported(const parity_build *b, const parity_device *d) {
  for (int g = 0; g < b->graph_count; g++) {
    for (int32_t n = 0; n < b->graphs[g].node_count; n++) {
      const pl_node *node = &b->graphs[g].nodes[n];
      if (!d->api->supports(d->backend, &b->graphs[g], node)) return pl_op_name(node->op);
    }
  }
  return NULL;
}

// With 16 bits every stored value is rounded to a relative 2^-11 or 2^-8, and where that tips a relu over, single
// elements jump; in the l2 norm, which is then used, the error grows with the square root of their number.
static double widen(double tolerance, const parity_case *c, const parity_device *d) {
  if (!is_short(d)) return tolerance;
  bool f16 = d->precision == PL_PRECISION_F16, tips = tolerance > default_tolerance;
  if (c->encoder != NULL) return f16 ? 0.5 : 0.9;
  return tips ? (f16 ? 0.1 : 0.2) : (f16 ? 2e-3 : 1.6e-2);
}

static parity_outcome judge(const parity_case *c, const parity_build *b, const parity_device *d, const outcome *tested,
                            const outcome *reference, bool perf) {
  double tolerance = c->tolerance > 0 ? c->tolerance : default_tolerance;
  double tensor_tolerance = c->tensor_tolerance > 0 ? c->tensor_tolerance : tolerance;
  tolerance = widen(tolerance, c, d);
  tensor_tolerance = widen(tensor_tolerance, c, d);
  verdict v = compare(b, d, tested, reference, c->not_finite);
  bool good = v.worst_result <= tolerance && v.worst_tensor <= tensor_tolerance;
  printf("%-44s results %8.1e (%.0e)  tensors %8.1e (%.0e)  %s", c->name, v.worst_result, tolerance, v.worst_tensor,
         tensor_tolerance, good ? "ok" : "FAILED at ");
  if (!good) printf("%s", v.where);
  if (perf) printf("  %.3f ms", 1e3 * tested->seconds);
  printf("\n");
  return good ? PARITY_PASSED : PARITY_FAILED;
}

parity_outcome parity_run(const parity_case *c, const parity_device *reference, const parity_device *tested,
                          bool perf) {
  parity_build b = {.a = c->a,
                    .encoder = c->encoder,
                    .attention = c->attention,
                    .optimizer = c->optimizer,
                    .freeze_encoder = c->freeze_encoder};
  c->build(&b);
  parity_outcome result = PARITY_SKIPPED;
  const char *missing = unsupported(&b, tested);
  if (missing != NULL) {
    printf("%-44s SKIPPED: %s has no %s\n", c->name, tested->api->name, missing);
  } else {
    outcome a = {.values = NULL}, r = {.values = NULL};
    pl_error err = {0};
    pl_status status = run_on(&r, reference, &b, false, &err);
    if (status == PL_OK) status = run_on(&a, tested, &b, perf, &err);
    result = status == PL_OK ? judge(c, &b, tested, &a, &r, perf) : PARITY_FAILED;
    if (status != PL_OK) printf("%-44s FAILED: %s\n", c->name, err.message);
    free_outcome(&a);
    free_outcome(&r);
  }
  fflush(stdout);
  for (int g = 0; g < b.graph_count; g++) pl_graph_clear(&b.graphs[g]);
  pl_model_clear(&b.model);
  return result;
}
