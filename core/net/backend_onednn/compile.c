#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/backend_onednn/choices.h"
#include "core/net/backend_onednn/compiler.h"

static pl_lower *const lowers[PL_OP_COUNT];

// ---------------------------------------------------------------------------------------------------------------------
// Buffers and steps

static void touch(pl_compiler *c, int32_t buffer, int32_t step) {
  pl_buffer *b = &c->program->buffers[buffer];
  if (b->first < 0 || step < b->first) b->first = step;
  if (step > b->last) b->last = step;
}

static int32_t add_buffer(pl_compiler *c, pl_buffer buffer) {
  pl_program *p = c->program;
  if (p->buffer_count == p->buffer_capacity) {
    p->buffer_capacity = p->buffer_capacity ? 2 * p->buffer_capacity : 256;
    p->buffers = pl_xrealloc(p->buffers, p->buffer_capacity, sizeof *p->buffers);
  }
  buffer.first = buffer.last = -1;
  p->buffers[p->buffer_count] = buffer;
  return (int32_t)p->buffer_count++;
}

int32_t pl_compiler_buffer(pl_compiler *c, size_t bytes) {
  return add_buffer(c, (pl_buffer){.kind = PL_MEMORY_ARENA, .bytes = bytes});
}

int32_t pl_compiler_tensor(pl_compiler *c, int32_t tensor) {
  return add_buffer(c, (pl_buffer){.kind = PL_MEMORY_TENSOR, .tensor = tensor});
}

int32_t pl_compiler_weight(pl_compiler *c, int32_t tensor, const pl_dnn_desc *desc) {
  return add_buffer(c, (pl_buffer){.kind = PL_MEMORY_REPACK, .tensor = tensor, .desc = pl_dnn_desc_clone(desc)});
}

pl_status pl_compiler_fold(pl_compiler *c, int32_t tensor, const pl_node *norm, const pl_dnn_desc *desc,
                           int32_t *weights, int32_t *bias) {
  const int32_t *t = norm->tensors;
  const pl_fold fold = {.weight = tensor,
                        .gamma = t[0],
                        .beta = t[1],
                        .mean = t[2],
                        .variance = t[3],
                        .epsilon = norm->a.epsilon,
                        // Copied where it is kept.
                        .desc = (pl_dnn_desc *)(uintptr_t)desc};
  size_t index;
  pl_status status = pl_store_fold(c->store, &fold, &index, c->err);
  if (status) return status;
  *weights = add_buffer(c, (pl_buffer){.kind = PL_MEMORY_FOLD, .repack = index});
  *bias = add_buffer(c, (pl_buffer){.kind = PL_MEMORY_FOLD_BIAS, .repack = index});
  return PL_OK;
}

int32_t pl_compiler_step(pl_compiler *c, void (*run)(const pl_step *, pl_context *), const char *label) {
  pl_program *p = c->program;
  if (p->step_count == p->step_capacity) {
    p->step_capacity = p->step_capacity ? 2 * p->step_capacity : 256;
    p->steps = pl_xrealloc(p->steps, p->step_capacity, sizeof *p->steps);
  }
  pl_step *step = &p->steps[p->step_count];
  *step = (pl_step){.run = run, .label = label};
  for (int i = 0; i < PL_STEP_BUFFERS; i++) step->buffers[i] = -1;
  for (int i = 0; i < PL_DNN_ARG_COUNT; i++) step->op_buffers[i] = -1;
  return (int32_t)p->step_count++;
}

pl_step *pl_compiler_at(pl_compiler *c, int32_t step) { return &c->program->steps[step]; }

void pl_compiler_arg(pl_compiler *c, int32_t step, int place, int32_t buffer) {
  c->program->steps[step].buffers[place] = buffer;
  if (buffer >= 0) touch(c, buffer, step);
}

void pl_compiler_op_arg(pl_compiler *c, int32_t step, pl_dnn_arg place, int32_t buffer) {
  c->program->steps[step].op_buffers[place] = buffer;
  if (buffer >= 0) touch(c, buffer, step);
}

pl_status pl_compiler_primitive(pl_compiler *c, pl_dnn_op *op, const char *label, int32_t *step) {
  *step = pl_compiler_step(c, pl_kernel_primitive, label);
  c->program->steps[*step].op = *op;
  *op = (pl_dnn_op){0};
  pl_dnn_op *taken = &c->program->steps[*step].op;
  pl_status status = pl_dnn_op_build(taken, c->err);
  if (status) return status;
  if (taken->desc[PL_DNN_SCRATCHPAD])
    pl_compiler_op_arg(c, *step, PL_DNN_SCRATCHPAD,
                       pl_compiler_buffer(c, pl_dnn_desc_bytes(taken->desc[PL_DNN_SCRATCHPAD])));
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Values

const pl_shape *pl_compiler_shape(const pl_compiler *c, int32_t value) { return &c->graph->values[value].shape; }

// Whether two blocks put the elements at the same places.
static bool same_layout(const pl_shape *shape, int64_t a, int64_t b) {
  return a == b || shape->rank < 4 || shape->d[1] == 1 || shape->d[2] * shape->d[3] == 1;
}

int64_t pl_compiler_block(const pl_compiler *c, int32_t value) { return c->values[value].versions[0].block; }

int64_t pl_compiler_common_block(const pl_compiler *c, int64_t a, int64_t b) {
  int64_t block = c->store->backend->block;
  if (a % block == 0 && b % block == 0) return block;
  return a % 8 == 0 && b % 8 == 0 ? 8 : 1;
}

int32_t pl_compiler_define(pl_compiler *c, int32_t value, int64_t block) {
  const pl_value *v = &c->graph->values[value];
  pl_value_state *state = &c->values[value];
  int32_t buffer = pl_compiler_buffer(c, (size_t)pl_shape_elements(&v->shape) * pl_dtype_size(v->dtype));
  state->versions[state->count++] = (pl_version){.block = block, .buffer = buffer};
  return buffer;
}

// In the backward pass: the value from its inputs again. The buffer of the forward pass is free since its last use
// there.
static pl_status make_again(pl_compiler *c, int32_t value) {
  c->values[value].again = false;
  c->values[value].count = 0;
  int32_t index = c->graph->values[value].producer;
  const pl_node *node = &c->graph->nodes[index];
  return lowers[node->op](c, node, index);
}

pl_status pl_compiler_use(pl_compiler *c, int32_t value, int64_t block, int32_t *buffer) {
  pl_value_state *state = &c->values[value];
  if (state->again && c->node >= c->turn) {
    pl_status status = make_again(c, value);
    if (status) return status;
  }
  const pl_shape *shape = pl_compiler_shape(c, value);
  for (int i = 0; i < state->count; i++)
    if (same_layout(shape, state->versions[i].block, block)) {
      *buffer = state->versions[i].buffer;
      return PL_OK;
    }
  if (state->count == 0 || state->count == PL_VERSIONS_MAX)
    return pl_fail(c->err, PL_E_INTERNAL, "value %s has %d layouts", c->graph->values[value].name, state->count);
  const int64_t *d = shape->d;
  pl_dnn_desc *from = pl_dnn_desc_activation(d[0], d[1], d[2], d[3], state->versions[0].block);
  pl_dnn_desc *to = pl_dnn_desc_activation(d[0], d[1], d[2], d[3], block);
  pl_dnn_op op = {0};
  int32_t step = -1, source = state->versions[0].buffer;
  pl_status status = from && to ? pl_dnn_plan_reorder(&op, c->store->backend->dnn, from, to, c->err)
                                : pl_fail(c->err, PL_E_INTERNAL, "no layout with blocks of %d", (int)block);
  if (!status) status = pl_compiler_primitive(c, &op, "reorder", &step);
  pl_dnn_desc_destroy(from);
  pl_dnn_desc_destroy(to);
  if (status) {
    pl_dnn_op_clear(&op);
    return status;
  }
  *buffer = pl_compiler_define(c, value, block);
  pl_compiler_op_arg(c, step, PL_DNN_SRC, source);
  pl_compiler_op_arg(c, step, PL_DNN_DST, *buffer);
  return PL_OK;
}

void pl_compiler_set_shape(pl_step *step, const pl_shape *shape, int64_t block) {
  step->n = shape->d[0];
  step->c = shape->d[1];
  step->h = shape->d[2];
  step->w = shape->d[3];
  step->block = block;
}

int32_t pl_compiler_output(const pl_compiler *c, const pl_node *node, int32_t index) {
  const pl_node_state *state = &c->nodes[index];
  int32_t last = state->relu >= 0 ? state->relu : state->norm;
  return last >= 0 ? c->graph->nodes[last].out[0] : node->out[0];
}

// ---------------------------------------------------------------------------------------------------------------------
// The whole graph

bool pl_onednn_supports(const pl_backend *backend, const pl_graph *graph, const pl_node *node) {
  (void)backend;
  (void)graph;
  return (int)node->op >= 0 && node->op < PL_OP_COUNT && lowers[node->op];
}

static pl_status check_ops(const pl_store *store, const pl_graph *graph, pl_error *err) {
  char missing[160] = "";
  for (int32_t i = 0; i < graph->node_count; i++) {
    const pl_node *node = &graph->nodes[i];
    if (pl_onednn_supports(store->backend, graph, node) || strstr(missing, pl_op_name(node->op))) continue;
    size_t length = strlen(missing);
    snprintf(missing + length, sizeof missing - length, " %s", pl_op_name(node->op));
  }
  return missing[0] ? pl_fail(err, PL_E_UNSUPPORTED, "the CPU backend lacks these operations:%s", missing) : PL_OK;
}

static void find_needs(pl_compiler *c) {
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    const pl_node *node = &c->graph->nodes[i];
    pl_dnn_direction direction = node->op == PL_OP_CONV                 ? PL_DNN_FORWARD
                                 : node->op == PL_OP_CONV_BACKWARD_DATA ? PL_DNN_BACKWARD_DATA
                                                                        : PL_DNN_BACKWARD_WEIGHTS;
    if (direction == PL_DNN_BACKWARD_WEIGHTS && node->op != PL_OP_CONV_BACKWARD_WEIGHT) continue;
    c->needs[pl_store_parameter(c->store, node->tensors[0])] |= 1u << direction;
  }
}

static pl_port make_port(pl_compiler *c, int32_t value, int32_t step) {
  const pl_value *v = &c->graph->values[value];
  const pl_version *version = &c->values[value].versions[0];
  touch(c, version->buffer, step);
  return (pl_port){.buffer = version->buffer,
                   .dtype = v->dtype,
                   .shape = v->shape,
                   .block = version->block,
                   .bytes = (size_t)pl_shape_elements(&v->shape) * pl_dtype_size(v->dtype)};
}

// Step 0: the inputs are in the arena from the start.
static void nothing(const pl_step *step, pl_context *context) {
  (void)step;
  (void)context;
}

static void add_inputs(pl_compiler *c) {
  pl_program *p = c->program;
  int32_t step = pl_compiler_step(c, nothing, "inputs");
  p->input_count = c->graph->input_count;
  for (int32_t i = 0; i < p->input_count; i++) {
    pl_compiler_define(c, c->graph->inputs[i], 1);
    p->inputs[i] = make_port(c, c->graph->inputs[i], step);
    p->slot_bytes += (p->inputs[i].bytes + PL_ALIGNMENT - 1) / PL_ALIGNMENT * PL_ALIGNMENT;
  }
}

static pl_status lower_all(pl_compiler *c) {
  pl_program *p = c->program;
  add_inputs(c);
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    const pl_node *node = &c->graph->nodes[i];
    if (c->nodes[i].skip) continue;
    c->node = i;
    pl_backend *backend = c->store->backend;
    backend->compiled = i;
    backend->compiling = c->graph->node_count;
    pl_status status = pl_progress_tell(&backend->host.progress, i, backend->compiling, c->err);
    if (status) return status;
    status = lowers[node->op](c, node, i);
    if (status == PL_E_CANCELLED) return status;
    if (status) return pl_wrap(c->err, "node %d (%s)", (int)i, pl_op_name(node->op));
  }
  int32_t end = pl_compiler_step(c, nothing, "results");
  p->result_count = c->graph->result_count;
  for (int32_t i = 0; i < p->result_count; i++) {
    if (c->values[c->graph->results[i]].count == 0)
      return pl_fail(c->err, PL_E_INTERNAL, "result %s is never made", c->graph->values[c->graph->results[i]].name);
    p->results[i] = make_port(c, c->graph->results[i], end);
  }
  return PL_OK;
}

static void remember_program(pl_store *store, pl_program *program) {
  if (store->program_count == store->program_capacity) {
    store->program_capacity = store->program_capacity ? 2 * store->program_capacity : 8;
    store->programs = pl_xrealloc(store->programs, store->program_capacity, sizeof(pl_program *));
  }
  store->programs[store->program_count++] = program;
}

pl_status pl_onednn_compile(pl_program **out, pl_store *store, const pl_graph *graph, pl_error *err) {
  if (store->reserved) return pl_fail(err, PL_E_USAGE, "programs are compiled before the arena is reserved");
  pl_status status = check_ops(store, graph, err);
  if (status) return status;
  pl_program *program = pl_xcalloc(1, sizeof *program);
  program->store = store;
  pl_compiler c = {
      .store = store,
      .graph = graph,
      .program = program,
      .values = pl_xcalloc((size_t)graph->value_count + 1, sizeof(pl_value_state)),
      .nodes = pl_xcalloc((size_t)graph->node_count + 1, sizeof(pl_node_state)),
      .needs = pl_xcalloc((size_t)graph->model->count + 1, sizeof(uint32_t)),
      .err = err,
  };
  find_needs(&c);
  pl_fuse(&c);
  status = lower_all(&c);
  free(c.values);
  free(c.nodes);
  free(c.needs);
  free(c.choices);
  remember_program(store, program);
  pl_choices_write(store);
  if (status) {
    pl_onednn_program_destroy(program);
    return status;
  }
  pl_program_plan(program);
  *out = program;
  return PL_OK;
}

static pl_lower *const lowers[PL_OP_COUNT] = {
    [PL_OP_AUGMENT] = pl_lower_augment,
    [PL_OP_CONV] = pl_lower_conv,
    [PL_OP_CONV_BACKWARD_DATA] = pl_lower_conv_backward_data,
    [PL_OP_CONV_BACKWARD_WEIGHT] = pl_lower_conv_backward_weight,
    [PL_OP_BATCH_NORM] = pl_lower_norm,
    [PL_OP_BATCH_NORM_EVAL] = pl_lower_norm_eval,
    [PL_OP_BATCH_NORM_BACKWARD] = pl_lower_norm_backward,
    [PL_OP_BATCH_NORM_COMMIT] = pl_lower_norm_commit,
    [PL_OP_RELU] = pl_lower_relu,
    [PL_OP_RELU_BACKWARD] = pl_lower_relu_backward,
    [PL_OP_ADD] = pl_lower_add,
    [PL_OP_MAX_POOL] = pl_lower_max_pool,
    [PL_OP_MAX_POOL_BACKWARD] = pl_lower_max_pool_backward,
    [PL_OP_MEAN_HW] = pl_lower_mean,
    [PL_OP_MEAN_HW_BACKWARD] = pl_lower_mean_backward,
    [PL_OP_SIGMOID] = pl_lower_sigmoid,
    [PL_OP_SIGMOID_BACKWARD] = pl_lower_sigmoid_backward,
    [PL_OP_SCALE_CHANNELS] = pl_lower_scale,
    [PL_OP_SCALE_CHANNELS_BACKWARD] = pl_lower_scale_backward,
    [PL_OP_SCALE_PIXELS] = pl_lower_scale_pixels,
    [PL_OP_SCALE_PIXELS_BACKWARD] = pl_lower_scale_pixels_backward,
    [PL_OP_UPSAMPLE2] = pl_lower_upsample,
    [PL_OP_UPSAMPLE2_BACKWARD] = pl_lower_upsample_backward,
    [PL_OP_CONCAT] = pl_lower_concat,
    [PL_OP_CONCAT_BACKWARD] = pl_lower_concat_backward,
    [PL_OP_COMBO_LOSS] = pl_lower_loss,
    [PL_OP_COMBO_LOSS_BACKWARD] = pl_lower_loss_backward,
    [PL_OP_DICE_SUMS] = pl_lower_dice,
    [PL_OP_GRADIENT_NORM] = pl_lower_gradient_norm,
    [PL_OP_OPTIMIZER_STEP] = pl_lower_optimizer_step,
};
