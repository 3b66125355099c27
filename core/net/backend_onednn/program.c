#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/net/backend_onednn/backend_onednn.h"
#include "core/net/backend_onednn/kernels.h"
#include "core/net/plan.h"

void pl_kernel_primitive(const pl_step *step, pl_context *context) {
  context->status = pl_dnn_op_run(&step->op, context->store->backend->dnn, context->err);
}

void pl_onednn_program_destroy(pl_program *program) {
  if (!program) return;
  pl_store *store = program->store;
  for (size_t i = 0; i < store->program_count; i++)
    if (store->programs[i] == program) store->programs[i] = store->programs[--store->program_count];
  for (size_t i = 0; i < program->step_count; i++) pl_dnn_op_clear(&program->steps[i].op);
  for (size_t i = 0; i < program->buffer_count; i++) pl_dnn_desc_destroy(program->buffers[i].desc);
  for (int i = 0; i < PL_SLOTS; i++) free(program->slots[i]);
  free(program->steps);
  free(program->buffers);
  free(program);
}

// ---------------------------------------------------------------------------------------------------------------------
// Addresses

void pl_program_plan(pl_program *program) {
  pl_plan_buffer *plan = pl_xcalloc(program->buffer_count + 1, sizeof *plan);
  size_t count = 0;
  for (size_t i = 0; i < program->buffer_count; i++) {
    const pl_buffer *b = &program->buffers[i];
    if (b->kind == PL_MEMORY_ARENA && b->first >= 0)
      plan[count++] = (pl_plan_buffer){.bytes = b->bytes, .first = b->first, .last = b->last};
  }
  program->arena_bytes = pl_plan_arena(plan, count, PL_ALIGNMENT, 0);
  count = 0;
  for (size_t i = 0; i < program->buffer_count; i++) {
    pl_buffer *b = &program->buffers[i];
    if (b->kind == PL_MEMORY_ARENA && b->first >= 0) b->offset = plan[count++].offset;
  }
  free(plan);
  if (program->arena_bytes > program->store->arena_bytes) program->store->arena_bytes = program->arena_bytes;
}

static pl_status reserve_slots(pl_program *program, pl_error *err) {
  for (int i = 0; i < PL_SLOTS; i++) {
    program->slots[i] = pl_try_alloc(program->slot_bytes + PL_ALIGNMENT);
    if (!program->slots[i])
      return pl_fail(err, PL_E_NOMEM, "no memory for a batch: %zu bytes needed", program->slot_bytes);
  }
  return PL_OK;
}

static pl_status place_buffer(pl_store *store, pl_buffer *b, pl_error *err) {
  if (b->kind == PL_MEMORY_ARENA) {
    b->data = store->arena + b->offset;
    return PL_OK;
  }
  if (b->kind == PL_MEMORY_FOLD || b->kind == PL_MEMORY_FOLD_BIAS) {
    const pl_fold *fold = &store->folds[b->repack];
    b->data = b->kind == PL_MEMORY_FOLD ? fold->weights : fold->bias;
    return PL_OK;
  }
  b->data = pl_store_data(store, b->tensor);
  if (b->kind == PL_MEMORY_TENSOR || pl_store_is_home(store, b->tensor, b->desc)) return PL_OK;
  pl_status status = pl_store_repack(store, b->tensor, b->desc, &b->repack, err);
  if (status) return status;
  b->repacked = true;
  b->data = store->repacks[b->repack].data;
  return PL_OK;
}

static pl_status bind_program(pl_program *program, pl_error *err) {
  pl_store *store = program->store;
  for (size_t i = 0; i < program->buffer_count; i++) {
    pl_status status = place_buffer(store, &program->buffers[i], err);
    if (status) return status;
  }
  for (size_t i = 0; i < program->step_count; i++) {
    pl_step *step = &program->steps[i];
    for (int j = 0; j < PL_STEP_BUFFERS; j++)
      step->data[j] = step->buffers[j] >= 0 ? program->buffers[step->buffers[j]].data : NULL;
    for (int j = 0; j < PL_DNN_ARG_COUNT; j++) {
      if (step->op_buffers[j] < 0) continue;
      pl_status status = pl_dnn_op_bind(&step->op, store->backend->dnn, (pl_dnn_arg)j,
                                        program->buffers[step->op_buffers[j]].data, err);
      if (status) return status;
    }
  }
  return PL_OK;
}

static size_t available_memory(void) {
  FILE *file = fopen("/proc/meminfo", "re");
  if (!file) return 0;
  char line[128];
  size_t kib = 0;
  while (kib == 0 && fgets(line, sizeof line, file)) {
    if (strncmp(line, "MemAvailable:", 13) == 0) kib = (size_t)strtoull(line + 13, NULL, 10);
  }
  fclose(file);
  return kib * 1024;
}

pl_status pl_onednn_arena_reserve(pl_store *store, pl_error *err) {
  pl_status refused = pl_store_refuse_plan(store, err);
  if (refused) return refused;
  if (store->reserved) return pl_fail(err, PL_E_USAGE, "the arena is reserved once");
  size_t bytes = store->arena_bytes;
  for (size_t i = 0; i < store->program_count; i++) {
    pl_status status = reserve_slots(store->programs[i], err);
    if (status) return status;
  }
  size_t available = available_memory();
  unsigned char *arena = available == 0 || bytes <= available ? pl_pages_allocate(bytes) : NULL;
  if (!arena)
    return pl_fail(err, PL_E_NOMEM, "the activations need %zu MiB, %zu MiB are free; use a smaller batch or size",
                   bytes >> 20, available >> 20);
  store->arena = arena;
  for (size_t i = 0; i < store->program_count; i++) {
    pl_status status = bind_program(store->programs[i], err);
    if (status) return status;
  }
  store->reserved = true;
  return PL_OK;
}

// Whether an earlier buffer has the same copy of a weight.
static bool is_repeated(const pl_store *store, size_t program, size_t buffer) {
  const pl_buffer *b = &store->programs[program]->buffers[buffer];
  for (size_t p = 0; p <= program; p++) {
    const pl_program *other = store->programs[p];
    size_t end = p == program ? buffer : other->buffer_count;
    for (size_t i = 0; i < end; i++) {
      const pl_buffer *o = &other->buffers[i];
      if (o->kind == PL_MEMORY_REPACK && o->tensor == b->tensor && pl_dnn_desc_equal(o->desc, b->desc)) return true;
    }
  }
  return false;
}

// What arena_reserve would allocate for copies of weights.
static uint64_t repack_bytes(const pl_store *store) {
  uint64_t bytes = 0;
  for (size_t p = 0; p < store->program_count; p++)
    for (size_t i = 0; i < store->programs[p]->buffer_count; i++) {
      const pl_buffer *b = &store->programs[p]->buffers[i];
      if (b->kind == PL_MEMORY_REPACK && !pl_store_is_home(store, b->tensor, b->desc) && !is_repeated(store, p, i))
        bytes += pl_dnn_desc_bytes(b->desc);
    }
  return bytes;
}

pl_memory pl_onednn_memory(const pl_store *store) {
  pl_memory memory = {.arena = pl_pages_resident(store->arena_bytes)};
  for (int f = 0; f < PL_FLAT_COUNT; f++) memory.store += pl_pages_resident(store->flat_elements[f] * sizeof(float));
  memory.store += (uint64_t)store->counter_count * sizeof(int64_t);
  if (store->backend->plan) memory.other += repack_bytes(store);
  for (size_t i = 0; i < store->repack_count; i++) {
    const pl_dnn_op *op = &store->repacks[i].op;
    memory.other += pl_dnn_desc_bytes(op->desc[PL_DNN_DST]);
    if (op->desc[PL_DNN_SCRATCHPAD]) memory.other += pl_dnn_desc_bytes(op->desc[PL_DNN_SCRATCHPAD]);
  }
  memory.other += pl_store_fold_bytes(store);
  for (size_t i = 0; i < store->program_count; i++) memory.other += PL_SLOTS * store->programs[i]->slot_bytes;
  return memory;
}

// ---------------------------------------------------------------------------------------------------------------------
// Running

static size_t aligned(size_t bytes) { return (bytes + PL_ALIGNMENT - 1) / PL_ALIGNMENT * PL_ALIGNMENT; }

pl_status pl_onednn_input(pl_program *program, int32_t slot, const void *const data[], pl_error *err) {
  if (slot < 0 || slot >= PL_SLOTS) return pl_fail(err, PL_E_USAGE, "there is no slot %d", (int)slot);
  if (!program->store->reserved) return pl_fail(err, PL_E_USAGE, "the arena is reserved before the first input");
  unsigned char *at = program->slots[slot];
  for (int32_t i = 0; i < program->input_count; i++) {
    memcpy(at, data[i], program->inputs[i].bytes);
    at += aligned(program->inputs[i].bytes);
  }
  return PL_OK;
}

static void load_inputs(pl_program *program, int32_t slot) {
  const unsigned char *at = program->slots[slot];
  for (int32_t i = 0; i < program->input_count; i++) {
    memcpy(program->buffers[program->inputs[i].buffer].data, at, program->inputs[i].bytes);
    at += aligned(program->inputs[i].bytes);
  }
}

// Copies a result out in row-major order.
static void store_result(const pl_program *program, const pl_port *port, unsigned char *out) {
  const unsigned char *data = program->buffers[port->buffer].data;
  int64_t c = port->shape.d[1], pixels = port->shape.d[2] * port->shape.d[3], b = port->block;
  if (port->shape.rank < 4 || b == 1 || pixels == 1) {
    memcpy(out, data, port->bytes);
    return;
  }
  size_t size = pl_dtype_size(port->dtype);
  for (int64_t q = 0; q < port->shape.d[0] * c / b; q++)
    for (int64_t j = 0; j < b; j++)
      for (int64_t p = 0; p < pixels; p++)
        memcpy(out + (size_t)((q * b + j) * pixels + p) * size, data + (size_t)((q * pixels + p) * b + j) * size, size);
}

static pl_status run_steps(pl_program *program, pl_context *context) {
  for (size_t i = 0; i < program->buffer_count; i++) {
    const pl_buffer *b = &program->buffers[i];
    pl_status status = PL_OK;
    if (b->repacked) status = pl_store_refresh(program->store, b->repack, context->err);
    if (b->kind == PL_MEMORY_FOLD) status = pl_store_refresh_fold(program->store, b->repack, context->err);
    if (status) return status;
  }
  double before = omp_get_wtime();
  for (size_t i = 0; i < program->step_count && !context->status; i++) {
    pl_step *step = &program->steps[i];
    step->run(step, context);
    double after = omp_get_wtime();
    step->seconds = after - before;
    before = after;
  }
  return context->status;
}

pl_status pl_onednn_run(pl_program *program, int32_t slot, const pl_controls *controls, pl_result *result,
                        pl_error *err) {
  pl_store *store = program->store;
  if (slot < 0 || slot >= PL_SLOTS) return pl_fail(err, PL_E_USAGE, "there is no slot %d", (int)slot);
  if (!store->reserved) return pl_fail(err, PL_E_USAGE, "the arena is reserved before the first run");
  pl_context context = {.store = store, .learning_rate = controls ? controls->learning_rate : 0, .err = err};
  // The number of threads belongs to the calling thread, which may have other plans.
  int threads = omp_get_max_threads();
  omp_set_num_threads(store->backend->threads);
  load_inputs(program, slot);
  pl_status status = run_steps(program, &context);
  omp_set_num_threads(threads);
  for (int32_t i = 0; !status && result && i < program->result_count; i++)
    if (result->data[i]) store_result(program, &program->results[i], result->data[i]);
  return status;
}

// A run is over when `run` returns: it uses all cores, so there is nothing to gain from going on meanwhile.
pl_status pl_onednn_wait(pl_program *program, pl_error *err) {
  (void)program;
  (void)err;
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// For tests and reports

int pl_onednn_reference_count(const pl_program *program) {
  int count = 0;
  for (size_t i = 0; i < program->step_count; i++)
    count += program->steps[i].op.primitive && pl_dnn_op_is_reference(&program->steps[i].op);
  return count;
}

char *pl_onednn_describe(const pl_program *program) {
  char *text = pl_xstrdup("");
  for (size_t i = 0; i < program->step_count; i++) {
    const pl_step *step = &program->steps[i];
    char *longer = pl_xprintf("%s%4zu %9.3f ms  %-28s %s\n", text, i, 1e3 * step->seconds, step->label,
                              step->op.implementation ? step->op.implementation : "own");
    free(text);
    text = longer;
  }
  return text;
}
