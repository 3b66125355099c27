#include "core/net/backend_ref/backend_ref.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/net/backend_ref/ref.h"
#include "core/net/plan.h"

enum { ALIGNMENT = 64, GUARD = 64, GUARD_BYTE = 0xA5, POISON_BYTE = 0xFF };  // eight 0xFF are a NaN

struct pl_backend {
  int threads;
  bool check, plan;
  char device[64];
};

struct pl_store {
  pl_backend *backend;
  const pl_model *model;
  double **tensors;  // by index, into `memory`
  double *memory;
  size_t memory_size;
  pl_program *programs;  // a list
  unsigned char *arena;
  size_t arena_size;
  bool reserved;
};

struct pl_program {
  pl_program *next;
  pl_store *store;
  pl_value *values;
  pl_node *nodes;
  int32_t value_count, node_count;
  int32_t inputs[PL_GRAPH_PORTS_MAX], results[PL_GRAPH_PORTS_MAX];
  int32_t input_count, result_count;
  pl_plan_buffer *buffers;  // by value; inputs lie in slots instead
  void *slots[PL_SLOTS][PL_GRAPH_PORTS_MAX];
  size_t slot_size;
  size_t arena_size;
};

static pl_ref_kernel *const kernels[PL_OP_COUNT];

// ---------------------------------------------------------------------------------------------------------------------

static pl_status open_device(pl_backend **out, const pl_host *host, const pl_backend_options *options, pl_error *err) {
  (void)host;
  if (options != NULL && options->threads < 0) {
    return pl_fail(err, PL_E_USAGE, "the number of threads is %d; it must be 0 (all) or more", options->threads);
  }
  if (options != NULL && options->precision > PL_PRECISION_F32) {
    return pl_fail(err, PL_E_UNSUPPORTED, "the reference computes in double precision; take --precision auto");
  }
  pl_backend *backend = pl_xcalloc(1, sizeof *backend);
  backend->plan = options != NULL && options->plan;
  backend->threads = options != NULL && options->threads > 0 ? options->threads : omp_get_max_threads();
  backend->check = options != NULL && options->check;
  snprintf(backend->device, sizeof backend->device, "reference in double precision, %d thread%s", backend->threads,
           backend->threads == 1 ? "" : "s");
  *out = backend;
  return PL_OK;
}

static void close_device(pl_backend *backend) { free(backend); }

static const char *device_name(const pl_backend *backend) { return backend->device; }

// There is no name for double precision: what matters to callers is that nothing is lost below single.
static pl_precision precision(const pl_backend *backend) {
  (void)backend;
  return PL_PRECISION_F32;
}

static bool supports(const pl_backend *backend, const pl_graph *graph, const pl_node *node) {
  (void)backend;
  (void)graph;
  return node->op < PL_OP_COUNT && kernels[node->op] != NULL;
}

// ---------------------------------------------------------------------------------------------------------------------

static void store_destroy(pl_store *store) {
  if (store == NULL) return;
  free(store->tensors);
  free(store->memory);
  free(store->arena);
  free(store);
}

static pl_status store_create(pl_store **out, pl_backend *backend, const pl_model *model, const char *choices,
                              pl_error *err) {
  (void)choices;  // there is nothing to choose
  size_t elements = 0;
  for (int32_t i = 0; i < model->count; i++) elements += (size_t)pl_shape_elements(&model->tensors[i].shape);
  pl_store *store = pl_xcalloc(1, sizeof *store);
  store->backend = backend;
  store->model = model;
  store->memory_size = (elements + 1) * sizeof(double);
  store->tensors = pl_xcalloc((size_t)model->count + 1, sizeof *store->tensors);
  *out = store;
  if (backend->plan) return PL_OK;
  store->memory = pl_try_alloc(store->memory_size);
  if (store->memory == NULL) {
    size_t size = store->memory_size;
    store_destroy(store);
    *out = NULL;
    return pl_fail(err, PL_E_NOMEM, "the reference backend needs %zu MB for the model's tensors", size >> 20);
  }
  memset(store->memory, 0, store->memory_size);
  double *next = store->memory;
  for (int32_t i = 0; i < model->count; i++) {
    store->tensors[i] = next;
    next += pl_shape_elements(&model->tensors[i].shape);
  }
  return PL_OK;
}

static pl_dtype tensor_dtype(const pl_store *store, int32_t tensor) {
  return store->model->tensors[tensor].dtype == PL_I64 ? PL_I64 : PL_F64;
}

static pl_status refuse_plan(const pl_store *store, pl_error *err) {
  return store->backend->plan ? pl_fail(err, PL_E_USAGE, "this store is only planned: it holds no numbers") : PL_OK;
}

static pl_status check_tensor(const pl_store *store, int32_t tensor, pl_dtype dtype, pl_error *err) {
  if (store->backend->plan) return refuse_plan(store, err);
  if (tensor < 0 || tensor >= store->model->count) {
    return pl_fail(err, PL_E_USAGE, "the model has no tensor %d; it has %d", tensor, store->model->count);
  }
  bool whole = store->model->tensors[tensor].dtype == PL_I64;
  bool fits = whole ? dtype == PL_I64 : dtype == PL_F32 || dtype == PL_F64;
  if (!fits) {
    return pl_fail(err, PL_E_USAGE, "tensor %s cannot be copied as this type: it holds %s",
                   store->model->tensors[tensor].name, whole ? "whole numbers" : "fractions");
  }
  return PL_OK;
}

static pl_status upload(pl_store *store, int32_t tensor, pl_dtype dtype, const void *data, pl_error *err) {
  pl_status status = check_tensor(store, tensor, dtype, err);
  if (status != PL_OK) return status;
  int64_t count = pl_shape_elements(&store->model->tensors[tensor].shape);
  if (dtype == PL_F32) {
    for (int64_t i = 0; i < count; i++) store->tensors[tensor][i] = ((const float *)data)[i];
  } else {
    memcpy(store->tensors[tensor], data, (size_t)count * 8);
  }
  return PL_OK;
}

static pl_status download(pl_store *store, int32_t tensor, pl_dtype dtype, void *data, pl_error *err) {
  pl_status status = check_tensor(store, tensor, dtype, err);
  if (status != PL_OK) return status;
  int64_t count = pl_shape_elements(&store->model->tensors[tensor].shape);
  if (dtype == PL_F32) {
    for (int64_t i = 0; i < count; i++) ((float *)data)[i] = (float)store->tensors[tensor][i];
  } else {
    memcpy(data, store->tensors[tensor], (size_t)count * 8);
  }
  return PL_OK;
}

static const char *choices_text(const pl_store *store) {
  (void)store;
  return "{}";
}

// ---------------------------------------------------------------------------------------------------------------------
// Compiling: a copy of the graph and a place in the arena for each value.

static size_t value_bytes(const pl_value *value) {
  return (size_t)pl_shape_elements(&value->shape) * (value->dtype == PL_U8 ? 1 : sizeof(double));
}

static void *copy_of(const void *data, size_t count, size_t size) {
  void *copy = pl_xcalloc(count + 1, size);
  if (count > 0) memcpy(copy, data, count * size);
  return copy;
}

static void plan(pl_program *program) {
  program->buffers = pl_xcalloc((size_t)program->value_count + 1, sizeof *program->buffers);
  pl_plan_buffer *buffers = program->buffers;
  for (int32_t v = 0; v < program->value_count; v++) {
    const pl_value *value = &program->values[v];
    buffers[v].bytes = value->producer < 0 ? 0 : value_bytes(value);
    buffers[v].first = buffers[v].last = value->producer < 0 ? 0 : value->producer;
  }
  for (int32_t n = 0; n < program->node_count; n++) {
    for (int i = 0; i < PL_NODE_INPUTS_MAX && program->nodes[n].in[i] >= 0; i++) {
      buffers[program->nodes[n].in[i]].last = n;
    }
  }
  for (int i = 0; i < program->result_count; i++) buffers[program->results[i]].last = program->node_count;
  program->arena_size = pl_plan_arena(buffers, (size_t)program->value_count, ALIGNMENT, GUARD);
}

static pl_status check_supported(pl_store *store, const pl_graph *graph, pl_error *err) {
  bool missing[PL_OP_COUNT] = {false}, any = false;
  for (int32_t n = 0; n < graph->node_count; n++) {
    if (supports(store->backend, graph, &graph->nodes[n])) continue;
    missing[graph->nodes[n].op] = any = true;
  }
  if (!any) return PL_OK;
  pl_buf names;
  pl_buf_init(&names, 4096);
  for (int op = 0; op < PL_OP_COUNT; op++) {
    if (missing[op]) pl_buf_printf(&names, " %s", pl_op_name((pl_op)op));
  }
  pl_status status = pl_fail(err, PL_E_UNSUPPORTED, "the reference backend lacks:%s", names.data);
  pl_buf_clear(&names);
  return status;
}

static pl_status compile(pl_program **out, pl_store *store, const pl_graph *graph, pl_error *err) {
  if (store->reserved) return pl_fail(err, PL_E_USAGE, "programs are compiled before the arena is reserved");
  if (graph->model != store->model) return pl_fail(err, PL_E_USAGE, "the graph is of another model than the store");
  pl_status status = check_supported(store, graph, err);
  if (status != PL_OK) return status;
  pl_program *program = pl_xcalloc(1, sizeof *program);
  program->store = store;
  program->value_count = graph->value_count, program->node_count = graph->node_count;
  program->values = copy_of(graph->values, (size_t)graph->value_count, sizeof *graph->values);
  program->nodes = copy_of(graph->nodes, (size_t)graph->node_count, sizeof *graph->nodes);
  program->input_count = graph->input_count, program->result_count = graph->result_count;
  memcpy(program->inputs, graph->inputs, sizeof program->inputs);
  memcpy(program->results, graph->results, sizeof program->results);
  plan(program);
  for (int i = 0; i < program->input_count; i++) {
    program->slot_size += value_bytes(&program->values[program->inputs[i]]) + GUARD;
  }
  program->next = store->programs;
  store->programs = program;
  *out = program;
  return PL_OK;
}

static void program_destroy(pl_program *program) {
  if (program == NULL) return;
  pl_program **link = &program->store->programs;
  while (*link != program) link = &(*link)->next;
  *link = program->next;
  for (int slot = 0; slot < PL_SLOTS; slot++) {
    for (int i = 0; i < program->input_count; i++) free(program->slots[slot][i]);
  }
  free(program->buffers);
  free(program->nodes);
  free(program->values);
  free(program);
}

static pl_memory memory_of(const pl_store *store) {
  pl_memory memory = {.store = store->memory_size, .arena = 0};
  for (const pl_program *p = store->programs; p != NULL; p = p->next) {
    if (p->arena_size > memory.arena) memory.arena = p->arena_size;
    memory.other += PL_SLOTS * p->slot_size;
  }
  return memory;
}

static bool reserve_slots(pl_program *program) {
  for (int slot = 0; slot < PL_SLOTS; slot++) {
    for (int i = 0; i < program->input_count; i++) {
      size_t bytes = value_bytes(&program->values[program->inputs[i]]);
      program->slots[slot][i] = pl_try_alloc(bytes);
      if (program->slots[slot][i] == NULL) return false;
      memset(program->slots[slot][i], 0, bytes);
    }
  }
  return true;
}

static pl_status arena_reserve(pl_store *store, pl_error *err) {
  if (store->backend->plan) return refuse_plan(store, err);
  if (store->reserved) return pl_fail(err, PL_E_USAGE, "the arena was reserved before");
  pl_memory memory = memory_of(store);
  store->arena_size = memory.arena;
  store->arena = pl_try_alloc(store->arena_size + ALIGNMENT);
  bool enough = store->arena != NULL;
  for (pl_program *p = store->programs; enough && p != NULL; p = p->next) enough = reserve_slots(p);
  if (!enough) {
    return pl_fail(err, PL_E_NOMEM,
                   "the reference backend needs %llu MB for activations and inputs; take a smaller "
                   "batch or image",
                   (unsigned long long)((memory.arena + memory.other) >> 20));
  }
  store->reserved = true;
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Running.

static pl_status check_slot(const pl_program *program, int32_t slot, pl_error *err) {
  if (!program->store->reserved) return pl_fail(err, PL_E_USAGE, "the arena must be reserved before programs run");
  if (slot < 0 || slot >= PL_SLOTS) return pl_fail(err, PL_E_USAGE, "there is no slot %d", slot);
  return PL_OK;
}

static pl_status input(pl_program *program, int32_t slot, const void *const data[], pl_error *err) {
  pl_status status = check_slot(program, slot, err);
  if (status != PL_OK) return status;
  for (int i = 0; i < program->input_count; i++) {
    const pl_value *value = &program->values[program->inputs[i]];
    if (value->dtype == PL_F32) {
      double *to = program->slots[slot][i];
      for (int64_t j = 0; j < pl_shape_elements(&value->shape); j++) to[j] = ((const float *)data[i])[j];
    } else {
      memcpy(program->slots[slot][i], data[i], value_bytes(value));
    }
  }
  return PL_OK;
}

static void *value_memory(const pl_program *program, int32_t slot, int32_t value) {
  if (program->values[value].producer >= 0) return program->store->arena + program->buffers[value].offset;
  for (int i = 0; i < program->input_count; i++) {
    if (program->inputs[i] == value) return program->slots[slot][i];
  }
  return NULL;
}

static pl_ref_call call_of(const pl_program *program, const pl_node *node, int32_t slot, const pl_controls *controls) {
  pl_ref_call call = {.node = node,
                      .model = program->store->model,
                      .controls = controls,
                      .threads = program->store->backend->threads,
                      .all_tensors = program->store->tensors};
  for (int i = 0; i < PL_NODE_INPUTS_MAX && node->in[i] >= 0; i++) {
    call.in[i] = value_memory(program, slot, node->in[i]);
    call.in_shape[i] = program->values[node->in[i]].shape;
  }
  for (int i = 0; i < PL_NODE_OUTPUTS_MAX && node->out[i] >= 0; i++) {
    call.out[i] = value_memory(program, slot, node->out[i]);
    call.out_shape[i] = program->values[node->out[i]].shape;
  }
  for (int i = 0; i < PL_NODE_TENSORS_MAX && node->tensors[i] >= 0; i++) {
    call.tensor[i] = program->store->tensors[node->tensors[i]];
    call.tensor_shape[i] = program->store->model->tensors[node->tensors[i]].shape;
  }
  return call;
}

// Before a node: what it must write is not a number, and a pattern lies behind it.
static void poison(const pl_program *program, const pl_ref_call *call) {
  for (int i = 0; i < PL_NODE_OUTPUTS_MAX && call->node->out[i] >= 0; i++) {
    size_t bytes = program->buffers[call->node->out[i]].bytes;
    memset(call->out[i], POISON_BYTE, bytes);
    memset((unsigned char *)call->out[i] + bytes, GUARD_BYTE, GUARD);
  }
}

static pl_status check_guards(const pl_program *program, const pl_ref_call *call, pl_error *err) {
  for (int i = 0; i < PL_NODE_OUTPUTS_MAX && call->node->out[i] >= 0; i++) {
    const unsigned char *guard = (const unsigned char *)call->out[i] + program->buffers[call->node->out[i]].bytes;
    for (int j = 0; j < GUARD; j++) {
      if (guard[j] == GUARD_BYTE) continue;
      return pl_fail(err, PL_E_INTERNAL, "%s wrote %d bytes past the end of %s", pl_op_name(call->node->op), j + 1,
                     program->values[call->node->out[i]].name);
    }
  }
  return PL_OK;
}

static void copy_result(void *out, const void *memory, const pl_value *value) {
  if (value->dtype != PL_F32) {
    memcpy(out, memory, value_bytes(value));
    return;
  }
  for (int64_t i = 0; i < pl_shape_elements(&value->shape); i++) ((float *)out)[i] = (float)((const double *)memory)[i];
}

static pl_status run(pl_program *program, int32_t slot, const pl_controls *controls, pl_result *result, pl_error *err) {
  pl_status status = check_slot(program, slot, err);
  if (status != PL_OK) return status;
  bool check = program->store->backend->check;
  for (int32_t n = 0; n < program->node_count; n++) {
    const pl_node *node = &program->nodes[n];
    if (node->op == PL_OP_OPTIMIZER_STEP && controls == NULL) {
      return pl_fail(err, PL_E_USAGE, "an update needs controls with a learning rate");
    }
    const pl_ref_call call = call_of(program, node, slot, controls);
    if (check) poison(program, &call);
    status = kernels[node->op](&call);
    if (status != PL_OK) return pl_fail(err, status, "not enough memory for %s", pl_op_name(node->op));
    if (check) status = check_guards(program, &call, err);
    if (status != PL_OK) return status;
  }
  for (int i = 0; result != NULL && i < program->result_count; i++) {
    int32_t value = program->results[i];
    if (result->data[i] == NULL) continue;
    copy_result(result->data[i], value_memory(program, slot, value), &program->values[value]);
  }
  return PL_OK;
}

// Runs end before they return.
static pl_status wait_run(pl_program *program, pl_error *err) {
  (void)program;
  (void)err;
  return PL_OK;
}

const pl_backend_api pl_backend_ref = {
    .struct_size = sizeof(pl_backend_api),
    .api_version = PL_BACKEND_API_VERSION,
    .name = "ref",
    .description = "reference: plain C in double precision, slow, for checking the others",
    .open = open_device,
    .close = close_device,
    .device = device_name,
    .precision = precision,
    .supports = supports,
    .store_create = store_create,
    .store_destroy = store_destroy,
    .tensor_dtype = tensor_dtype,
    .upload = upload,
    .download = download,
    .compile = compile,
    .program_destroy = program_destroy,
    .arena_reserve = arena_reserve,
    .memory = memory_of,
    .choices = choices_text,
    .input = input,
    .run = run,
    .wait = wait_run,
};

static pl_ref_kernel *const kernels[PL_OP_COUNT] = {
    [PL_OP_AUGMENT] = pl_ref_augment,
    [PL_OP_CONV] = pl_ref_conv,
    [PL_OP_CONV_BACKWARD_DATA] = pl_ref_conv_backward_data,
    [PL_OP_CONV_BACKWARD_WEIGHT] = pl_ref_conv_backward_weight,
    [PL_OP_BATCH_NORM] = pl_ref_batch_norm,
    [PL_OP_BATCH_NORM_EVAL] = pl_ref_batch_norm_eval,
    [PL_OP_BATCH_NORM_BACKWARD] = pl_ref_batch_norm_backward,
    [PL_OP_BATCH_NORM_COMMIT] = pl_ref_batch_norm_commit,
    [PL_OP_RELU] = pl_ref_relu,
    [PL_OP_RELU_BACKWARD] = pl_ref_relu_backward,
    [PL_OP_ADD] = pl_ref_add,
    [PL_OP_MAX_POOL] = pl_ref_max_pool,
    [PL_OP_MAX_POOL_BACKWARD] = pl_ref_max_pool_backward,
    [PL_OP_MEAN_HW] = pl_ref_mean_hw,
    [PL_OP_MEAN_HW_BACKWARD] = pl_ref_mean_hw_backward,
    [PL_OP_SIGMOID] = pl_ref_sigmoid,
    [PL_OP_SIGMOID_BACKWARD] = pl_ref_sigmoid_backward,
    [PL_OP_SCALE_CHANNELS] = pl_ref_scale_channels,
    [PL_OP_SCALE_CHANNELS_BACKWARD] = pl_ref_scale_channels_backward,
    [PL_OP_SCALE_PIXELS] = pl_ref_scale_pixels,
    [PL_OP_SCALE_PIXELS_BACKWARD] = pl_ref_scale_pixels_backward,
    [PL_OP_UPSAMPLE2] = pl_ref_upsample2,
    [PL_OP_UPSAMPLE2_BACKWARD] = pl_ref_upsample2_backward,
    [PL_OP_CONCAT] = pl_ref_concat,
    [PL_OP_CONCAT_BACKWARD] = pl_ref_concat_backward,
    [PL_OP_COMBO_LOSS] = pl_ref_combo_loss,
    [PL_OP_COMBO_LOSS_BACKWARD] = pl_ref_combo_loss_backward,
    [PL_OP_DICE_SUMS] = pl_ref_dice_sums,
    [PL_OP_GRADIENT_NORM] = pl_ref_gradient_norm,
    [PL_OP_OPTIMIZER_STEP] = pl_ref_optimizer_step,
};
