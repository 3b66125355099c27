#include "core/net/build.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "core/base/mem.h"

enum { NAME_SIZE = 2 * PL_NAME_MAX };  // pl_model_add asserts the real limit

static void join(char name[NAME_SIZE], const char *owner, const char *part) {
  int length = snprintf(name, NAME_SIZE, "%s.%s", owner, part);
  assert(length > 0 && length < NAME_SIZE);
  (void)length;
}

static int32_t look_up(const pl_build *build, const char *owner, const char *part) {
  char name[NAME_SIZE];
  join(name, owner, part);
  int32_t tensor = pl_model_find(build->known, name);
  assert(tensor >= 0);
  return tensor;
}

static void add_tensor(pl_build *build, const char *owner, const char *part, pl_role role, pl_dtype dtype,
                       pl_shape shape, pl_init init, double scale) {
  char name[NAME_SIZE];
  join(name, owner, part);
  pl_model_add(build->model, name, role, dtype, shape, init, scale);
}

static void add_conv_tensors(pl_build *build, const char *name, const pl_build_conv_spec *spec) {
  double area = (double)spec->kernel * spec->kernel;
  double fan_in = spec->in / spec->groups * area, fan_out = spec->out * area;
  pl_init init = PL_INIT_UNIFORM;
  double scale = 0, bias_scale = 0;
  switch (spec->init) {
    case PL_BUILD_DEFAULT: scale = bias_scale = sqrt(1 / fan_in); break;
    case PL_BUILD_KAIMING_NORMAL_OUT: init = PL_INIT_NORMAL, scale = sqrt(2 / fan_out); break;
    case PL_BUILD_KAIMING_UNIFORM_IN: scale = sqrt(6 / fan_in); break;
    case PL_BUILD_XAVIER_UNIFORM: scale = sqrt(6 / (fan_in + fan_out)); break;
  }
  pl_shape weight = pl_shape_make(4, spec->out, spec->in / spec->groups, spec->kernel, spec->kernel);
  add_tensor(build, name, "weight", PL_ROLE_PARAMETER, PL_F32, weight, init, scale);
  if (!spec->bias) return;
  pl_shape bias = pl_shape_make(1, spec->out, 1, 1, 1);
  add_tensor(build, name, "bias", PL_ROLE_PARAMETER, PL_F32, bias, bias_scale > 0 ? PL_INIT_UNIFORM : PL_INIT_CONSTANT,
             bias_scale);
}

int32_t pl_build_conv(pl_build *build, int32_t x, const char *name, const pl_build_conv_spec *spec) {
  if (build->graph == NULL) {
    add_conv_tensors(build, name, spec);
    return 0;
  }
  int32_t tensors[] = {look_up(build, name, "weight"), spec->bias ? look_up(build, name, "bias") : -1};
  pl_attributes a = {.kernel = spec->kernel, .stride = spec->stride, .pad = spec->pad, .groups = spec->groups};
  return pl_graph_add(build->graph, PL_OP_CONV, name, &x, 1, tensors, spec->bias ? 2 : 1, &a);
}

static void add_batch_norm_tensors(pl_build *build, const char *name, int32_t channels) {
  pl_shape each = pl_shape_make(1, channels, 1, 1, 1), scalar = pl_shape_make(0, 1, 1, 1, 1);
  add_tensor(build, name, "weight", PL_ROLE_PARAMETER, PL_F32, each, PL_INIT_CONSTANT, 1);
  add_tensor(build, name, "bias", PL_ROLE_PARAMETER, PL_F32, each, PL_INIT_CONSTANT, 0);
  add_tensor(build, name, "running_mean", PL_ROLE_BUFFER, PL_F32, each, PL_INIT_CONSTANT, 0);
  add_tensor(build, name, "running_var", PL_ROLE_BUFFER, PL_F32, each, PL_INIT_CONSTANT, 1);
  add_tensor(build, name, "num_batches_tracked", PL_ROLE_BUFFER, PL_I64, scalar, PL_INIT_CONSTANT, 0);
}

static void remember_statistics(pl_build *build, const pl_build_statistics *statistics) {
  if (build->statistics_count == build->statistics_capacity) {
    build->statistics_capacity = build->statistics_capacity == 0 ? 64 : 2 * build->statistics_capacity;
    build->statistics = pl_xrealloc(build->statistics, build->statistics_capacity, sizeof *build->statistics);
  }
  build->statistics[build->statistics_count++] = *statistics;
}

int32_t pl_build_batch_norm(pl_build *build, int32_t x, const char *name, int32_t channels) {
  if (build->graph == NULL) {
    add_batch_norm_tensors(build, name, channels);
    return 0;
  }
  int32_t tensors[] = {look_up(build, name, "weight"), look_up(build, name, "bias"),
                       look_up(build, name, "running_mean"), look_up(build, name, "running_var")};
  pl_attributes a = {.epsilon = 1e-5, .momentum = 0.1};
  if (!build->training) return pl_graph_add(build->graph, PL_OP_BATCH_NORM_EVAL, name, &x, 1, tensors, 4, &a);
  int32_t y = pl_graph_add(build->graph, PL_OP_BATCH_NORM, name, &x, 1, tensors, 2, &a);
  const pl_shape *shape = &build->graph->values[x].shape;
  pl_build_statistics statistics = {.mean = y + 1,
                                    .variance = y + 2,
                                    .tensors = {tensors[2], tensors[3], look_up(build, name, "num_batches_tracked")},
                                    .count = shape->d[0] * shape->d[2] * shape->d[3]};
  remember_statistics(build, &statistics);
  return y;
}

int32_t pl_build_max_pool(pl_build *build, int32_t x, const char *name, int32_t pad, bool ceil) {
  if (build->graph == NULL) return 0;
  pl_attributes a = {.kernel = 3, .stride = 2, .pad = pad, .ceil = ceil};
  return pl_graph_add(build->graph, PL_OP_MAX_POOL, name, &x, 1, NULL, 0, &a);
}

int32_t pl_build_unary(pl_build *build, pl_op op, int32_t x, const char *name) {
  if (build->graph == NULL) return 0;
  return pl_graph_add(build->graph, op, name, &x, 1, NULL, 0, NULL);
}

int32_t pl_build_binary(pl_build *build, pl_op op, int32_t a, int32_t b, const char *name) {
  if (build->graph == NULL) return 0;
  return pl_graph_add(build->graph, op, name, (int32_t[]){a, b}, 2, NULL, 0, NULL);
}
