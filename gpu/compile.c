#include "gpu/compiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGE_CHANNELS = 3 };

static pl_lower *const lowers[PL_OP_COUNT];

// ---------------------------------------------------------------------------------------------------------------------
// Buffers and steps

void pl_compiler_touch(pl_compiler *c, int32_t buffer, int32_t step) {
  pl_buffer *b = &c->program->buffers[buffer];
  if (b->first < 0 || step < b->first) b->first = step;
  if (step > b->last) b->last = step;
}

static int32_t add_buffer(pl_compiler *c, pl_buffer buffer) {
  pl_program *p = c->program;
  if (p->buffer_count == p->buffer_capacity) {
    p->buffer_capacity = p->buffer_capacity > 0 ? 2 * p->buffer_capacity : 256;
    p->buffers = pl_xrealloc(p->buffers, p->buffer_capacity, sizeof *p->buffers);
  }
  buffer.first = buffer.last = -1;
  p->buffers[p->buffer_count] = buffer;
  return (int32_t)p->buffer_count++;
}

int32_t pl_compiler_buffer(pl_compiler *c, size_t bytes) {
  return bytes > 0 ? add_buffer(c, (pl_buffer){.kind = PL_MEMORY_ARENA, .bytes = bytes}) : -1;
}

static int32_t store_buffer(pl_compiler *c, pl_memory_kind kind, int32_t tensor) {
  return tensor >= 0 ? add_buffer(c, (pl_buffer){.kind = kind, .tensor = tensor}) : -1;
}

int32_t pl_compiler_tensor(pl_compiler *c, int32_t tensor) { return store_buffer(c, PL_MEMORY_TENSOR, tensor); }
int32_t pl_compiler_copy(pl_compiler *c, int32_t tensor) { return store_buffer(c, PL_MEMORY_COPY, tensor); }
int32_t pl_compiler_staging(pl_compiler *c, int32_t tensor) { return store_buffer(c, PL_MEMORY_STAGING, tensor); }
int32_t pl_compiler_rate(pl_compiler *c) { return add_buffer(c, (pl_buffer){.kind = PL_MEMORY_RATE}); }
int32_t pl_compiler_scale(pl_compiler *c) { return c->scaled ? pl_compiler_tensor(c, c->store->scale) : -1; }

int32_t pl_compiler_step(pl_compiler *c, pl_step_run *run, const char *label) {
  pl_program *p = c->program;
  if (p->step_count == p->step_capacity) {
    p->step_capacity = p->step_capacity > 0 ? 2 * p->step_capacity : 256;
    p->steps = pl_xrealloc(p->steps, p->step_capacity, sizeof *p->steps);
  }
  pl_step *step = &p->steps[p->step_count];
  *step = (pl_step){.run = run, .label = label, .type = pl_compiler_type(c)};
  for (int i = 0; i < PL_STEP_BUFFERS; i++) step->buffers[i] = -1;
  return (int32_t)p->step_count++;
}

pl_step *pl_compiler_at(pl_compiler *c, int32_t step) { return &c->program->steps[step]; }

void pl_compiler_arg(pl_compiler *c, int32_t step, int place, int32_t buffer) {
  c->program->steps[step].buffers[place] = buffer;
  if (buffer >= 0) pl_compiler_touch(c, buffer, step);
}

void pl_compiler_scratch(pl_compiler *c, int32_t step, int place) {
  pl_compiler_arg(c, step, place, pl_compiler_buffer(c, pl_gpu_scratch(&pl_compiler_at(c, step)->shape)));
}

// ---------------------------------------------------------------------------------------------------------------------
// Values

const pl_shape *pl_compiler_shape(const pl_compiler *c, int32_t value) { return &c->graph->values[value].shape; }

pl_gpu_shape pl_compiler_device_shape(const pl_compiler *c, int32_t value) {
  const pl_shape *shape = pl_compiler_shape(c, value);
  int64_t channels = shape->d[1];
  if (c->values[value].padded) channels = pl_compiler_type(c) == PL_GPU_BF16 ? 8 : 4;
  return (pl_gpu_shape){
      .n = (int32_t)shape->d[0], .h = (int32_t)shape->d[2], .w = (int32_t)shape->d[3], .c = (int32_t)channels};
}

int64_t pl_compiler_device_elements(const pl_compiler *c, int32_t value) {
  pl_gpu_shape s = pl_compiler_device_shape(c, value);
  return (int64_t)s.n * s.h * s.w * s.c;
}

// Whether both forms put the same bytes at the same places.
static bool forms_agree(const pl_compiler *c, int32_t value) {
  const pl_shape *shape = pl_compiler_shape(c, value);
  if (c->graph->values[value].dtype != PL_F32 || pl_compiler_type(c) != PL_GPU_F32) return false;
  return !c->values[value].padded && (shape->d[1] == 1 || shape->d[2] * shape->d[3] == 1);
}

int32_t pl_compiler_define(pl_compiler *c, int32_t value, pl_form form) {
  const pl_value *v = &c->graph->values[value];
  size_t bytes = v->dtype == PL_F32 && form == PL_FORM_DEVICE
                     ? (size_t)pl_compiler_device_elements(c, value) * pl_gpu_type_size(pl_compiler_type(c))
                     : (size_t)pl_shape_elements(&v->shape) * pl_dtype_size(v->dtype);
  int32_t buffer = pl_compiler_buffer(c, bytes);
  c->values[value].buffers[form] = buffer;
  return buffer;
}

static pl_status run_to_device(const pl_step *s, pl_context *x) {
  pl_gpu_to_nhwc(x->stream, &s->shape, s->channels, s->type, s->data[1], s->data[0]);
  return PL_OK;
}

static pl_status run_to_plain(const pl_step *s, pl_context *x) {
  pl_gpu_to_nchw(x->stream, &s->shape, s->channels, s->type, s->data[1], s->data[0]);
  return PL_OK;
}

pl_status pl_compiler_use(pl_compiler *c, int32_t value, pl_form form, int32_t *buffer) {
  pl_value_state *state = &c->values[value];
  int32_t other = state->buffers[form == PL_FORM_PLAIN ? PL_FORM_DEVICE : PL_FORM_PLAIN];
  if (state->buffers[form] < 0 && other >= 0 && forms_agree(c, value)) state->buffers[form] = other;
  *buffer = state->buffers[form];
  if (*buffer >= 0) return PL_OK;
  const pl_value *v = &c->graph->values[value];
  if (other < 0 || v->dtype != PL_F32 || v->shape.rank != 4) {
    return pl_fail(c->err, PL_E_INTERNAL, "value %s is not kept as it is wanted", v->name);
  }
  bool to_device = form == PL_FORM_DEVICE;
  int32_t step = pl_compiler_step(c, to_device ? run_to_device : run_to_plain, "layout");
  pl_step *s = pl_compiler_at(c, step);
  s->shape = pl_compiler_device_shape(c, value);
  s->channels = (int32_t)v->shape.d[1];
  pl_compiler_arg(c, step, 0, other);
  *buffer = pl_compiler_define(c, value, form);
  pl_compiler_arg(c, step, 1, *buffer);
  return PL_OK;
}

int32_t pl_compiler_output(const pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t relu = c->nodes[index].relu;
  return relu >= 0 ? c->graph->nodes[relu].out[0] : node->out[0];
}

// ---------------------------------------------------------------------------------------------------------------------
// Before lowering

bool pl_gpu_supports(const pl_backend *backend, const pl_graph *graph, const pl_node *node) {
  (void)backend;
  (void)graph;
  return (int)node->op >= 0 && node->op < PL_OP_COUNT && lowers[node->op] != NULL;
}

static pl_status check_ops(const pl_store *store, const pl_graph *graph, pl_error *err) {
  char missing[160] = "";
  for (int32_t i = 0; i < graph->node_count; i++) {
    const pl_node *node = &graph->nodes[i];
    if (pl_gpu_supports(store->backend, graph, node) || strstr(missing, pl_op_name(node->op)) != NULL) continue;
    size_t length = strlen(missing);
    snprintf(missing + length, sizeof missing - length, " %s", pl_op_name(node->op));
  }
  return missing[0] != '\0' ? pl_fail(err, PL_E_UNSUPPORTED, "the GPU backend lacks these operations:%s", missing)
                            : PL_OK;
}

// A value of three channels that convolutions of an image read or make, and nothing else.
static bool is_image(const pl_compiler *c, int32_t value) {
  const pl_graph *g = c->graph;
  const pl_value *v = &g->values[value];
  if (v->dtype != PL_F32 || v->shape.rank != 4 || v->shape.d[1] != IMAGE_CHANNELS) return false;
  pl_op made = v->producer >= 0 ? g->nodes[v->producer].op : PL_OP_AUGMENT;
  if (made != PL_OP_AUGMENT && made != PL_OP_CONV_BACKWARD_DATA) return false;
  for (int32_t n = 0; n < g->node_count; n++) {
    const pl_node *node = &g->nodes[n];
    for (int i = 0; i < PL_NODE_INPUTS_MAX; i++) {
      bool convolution = node->op == PL_OP_CONV || (node->op == PL_OP_CONV_BACKWARD_WEIGHT && i == 0);
      if (node->in[i] == value && (!convolution || node->a.groups != 1 || node->a.kernel == 1)) return false;
    }
  }
  return true;
}

// Gradients are scaled when they begin at the loss and end in parameters; graphs of tests may do only one of both.
static bool is_scaled(const pl_store *store, const pl_graph *graph) {
  bool from_loss = false, to_parameters = false;
  for (int32_t i = 0; i < graph->node_count; i++) {
    pl_op op = graph->nodes[i].op;
    from_loss = from_loss || op == PL_OP_COMBO_LOSS_BACKWARD;
    to_parameters = to_parameters || op == PL_OP_CONV_BACKWARD_WEIGHT || op == PL_OP_BATCH_NORM_BACKWARD;
  }
  return store->backend->type == PL_GPU_F16 && store->scale >= 0 && from_loss && to_parameters;
}

// ---------------------------------------------------------------------------------------------------------------------
// The whole graph

static pl_status nothing(const pl_step *step, pl_context *context) {
  (void)step;
  (void)context;
  return PL_OK;
}

static pl_port make_port(pl_compiler *c, int32_t value, int32_t buffer, size_t *total) {
  const pl_value *v = &c->graph->values[value];
  pl_port port = {
      .buffer = buffer, .bytes = (size_t)pl_shape_elements(&v->shape) * pl_dtype_size(v->dtype), .offset = *total};
  *total += pl_round_up(port.bytes, PL_ALIGNMENT);
  return port;
}

// Step 0: the inputs are in the arena from the start.
static void add_inputs(pl_compiler *c) {
  pl_program *p = c->program;
  int32_t step = pl_compiler_step(c, nothing, "inputs");
  p->input_count = c->graph->input_count;
  for (int32_t i = 0; i < p->input_count; i++) {
    int32_t buffer = pl_compiler_define(c, c->graph->inputs[i], PL_FORM_PLAIN);
    pl_compiler_touch(c, buffer, step);
    p->inputs[i] = make_port(c, c->graph->inputs[i], buffer, &p->slot_bytes);
  }
}

static pl_status add_results(pl_compiler *c) {
  pl_program *p = c->program;
  int32_t buffers[PL_GRAPH_PORTS_MAX];
  p->result_count = c->graph->result_count;
  for (int32_t i = 0; i < p->result_count; i++) {
    pl_status status = pl_compiler_use(c, c->graph->results[i], PL_FORM_PLAIN, &buffers[i]);
    if (status != PL_OK) return status;
  }
  int32_t end = pl_compiler_step(c, nothing, "results");
  for (int32_t i = 0; i < p->result_count; i++) {
    pl_compiler_touch(c, buffers[i], end);
    p->results[i] = make_port(c, c->graph->results[i], buffers[i], &p->result_bytes);
  }
  return PL_OK;
}

pl_status pl_compiler_lower(pl_compiler *c, int32_t index) {
  const pl_node *node = &c->graph->nodes[index];
  if (node->op != PL_OP_BATCH_NORM_COMMIT) c->commit_step = -1;
  c->nodes[index].skip = true;
  pl_status status = lowers[node->op](c, node, index);
  if (status != PL_OK) pl_wrap(c->err, "node %d (%s)", (int)index, pl_op_name(node->op));
  return status;
}

static pl_status lower_all(pl_compiler *c) {
  add_inputs(c);
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    const pl_progress *progress = &c->store->backend->host.progress;
    pl_status status = pl_progress_tell(progress, i, c->graph->node_count, c->err);
    if (status == PL_OK && !c->nodes[i].skip) status = pl_compiler_lower(c, i);
    if (status != PL_OK) return status;
  }
  pl_lower_gather(c);
  return add_results(c);
}

static void remember_program(pl_store *store, pl_program *program) {
  if (store->program_count == store->program_capacity) {
    store->program_capacity = store->program_capacity > 0 ? 2 * store->program_capacity : 8;
    store->programs = pl_xrealloc(store->programs, store->program_capacity, sizeof(pl_program *));
  }
  store->programs[store->program_count++] = program;
}

pl_status pl_gpu_compile(pl_program **out, pl_store *store, const pl_graph *graph, pl_error *err) {
  if (store->reserved) return pl_fail(err, PL_E_USAGE, "programs are compiled before the arena is reserved");
  if (graph->model != store->model) return pl_fail(err, PL_E_USAGE, "the graph is of another model than the store");
  pl_status status = pl_cuda_use(store->backend->device, err);
  if (status == PL_OK) status = check_ops(store, graph, err);
  if (status != PL_OK) return status;
  pl_program *program = pl_xcalloc(1, sizeof *program);
  program->store = store;
  program->capture = !store->backend->check;
  pl_compiler c = {.store = store,
                   .graph = graph,
                   .program = program,
                   .values = pl_xcalloc((size_t)graph->value_count + 1, sizeof(pl_value_state)),
                   .nodes = pl_xcalloc((size_t)graph->node_count + 1, sizeof(pl_node_state)),
                   .staged = pl_xcalloc((size_t)graph->model->count + 1, sizeof(bool)),
                   .scaled = is_scaled(store, graph),
                   .commit_step = -1,
                   .err = err};
  for (int32_t v = 0; v < graph->value_count; v++) {
    c.values[v] = (pl_value_state){.buffers = {-1, -1}, .reader = -1, .padded = is_image(&c, v)};
  }
  pl_fuse(&c);
  status = lower_all(&c);
  free(c.values);
  free(c.nodes);
  free(c.joins);
  free(c.upsampled);
  free(c.staged);
  remember_program(store, program);
  if (status != PL_OK) {
    pl_gpu_program_destroy(program);
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
    [PL_OP_SCALE_CHANNELS] = pl_lower_scale_channels,
    [PL_OP_SCALE_CHANNELS_BACKWARD] = pl_lower_scale_channels_backward,
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
