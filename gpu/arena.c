// Memory of programs: where the arena's buffers lie, and what is reserved for all of a store's programs together.
#include <stdlib.h>
#include <string.h>

#include "core/net/plan.h"
#include "gpu/internal.h"

enum { GUARD_BYTE = 0x5A, POISON_BYTE = 0xFF };  // two 0xFF are a NaN in every type

static bool in_arena(const pl_buffer *b) { return b->kind == PL_MEMORY_ARENA && b->first >= 0; }

// With `check` no two buffers share memory, and a band lies behind each.
void pl_program_plan(pl_program *program) {
  bool check = program->store->backend->check;
  pl_plan_buffer *plan = pl_xcalloc(program->buffer_count + 1, sizeof *plan);
  size_t count = 0;
  for (size_t i = 0; i < program->buffer_count; i++) {
    const pl_buffer *b = &program->buffers[i];
    if (!in_arena(b)) continue;
    plan[count++] = (pl_plan_buffer){
        .bytes = b->bytes, .first = check ? 0 : b->first, .last = check ? (int32_t)program->step_count : b->last};
  }
  program->arena_bytes = pl_plan_arena(plan, count, PL_ALIGNMENT, check ? PL_ALIGNMENT : 0);
  count = 0;
  for (size_t i = 0; i < program->buffer_count; i++) {
    if (in_arena(&program->buffers[i])) program->buffers[i].offset = plan[count++].offset;
  }
  free(plan);
}

pl_status pl_program_poison(pl_program *program, pl_error *err) {
  pl_store *store = program->store;
  pl_stream stream = store->backend->stream;
  pl_status status = pl_cuda_fill(store->arena, GUARD_BYTE, store->arena_bytes, stream, err);
  for (size_t i = 0; i < program->buffer_count && status == PL_OK; i++) {
    const pl_buffer *b = &program->buffers[i];
    if (in_arena(b)) status = pl_cuda_fill(b->data, POISON_BYTE, b->bytes, stream, err);
  }
  return status;
}

// The step that last used a buffer.
static const char *last_user(const pl_program *program, const pl_buffer *b) { return program->steps[b->last].label; }

pl_status pl_program_check_guards(pl_program *program, pl_error *err) {
  pl_store *store = program->store;
  unsigned char *copy = pl_try_alloc(store->arena_bytes + 1);
  if (copy == NULL) return pl_fail(err, PL_E_NOMEM, "no memory to check the arena");
  pl_status status = pl_cuda_copy(copy, store->arena, store->arena_bytes, store->backend->stream, err);
  if (status == PL_OK) status = pl_cuda_stream_wait(store->backend->stream, err);
  for (size_t i = 0; i < program->buffer_count && status == PL_OK; i++) {
    const pl_buffer *b = &program->buffers[i];
    if (!in_arena(b)) continue;
    for (size_t j = 0; j < PL_ALIGNMENT && status == PL_OK; j++) {
      if (copy[b->offset + b->bytes + j] == GUARD_BYTE) continue;
      status = pl_fail(err, PL_E_INTERNAL, "%s or a step before it wrote %zu bytes past the end of a buffer",
                       last_user(program, b), j + 1);
    }
  }
  free(copy);
  return status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Addresses

static void *address(pl_store *store, const pl_buffer *b) {
  bool single = store->backend->type == PL_GPU_F32;
  switch (b->kind) {
    case PL_MEMORY_ARENA: return b->first >= 0 ? store->arena + b->offset : NULL;
    case PL_MEMORY_RATE: return store->rate;
    case PL_MEMORY_TENSOR: return pl_store_data(store, b->tensor);
    case PL_MEMORY_COPY:
      return single ? pl_store_data(store, b->tensor) : pl_store_sibling(store, PL_FLAT_COPY, b->tensor);
    case PL_MEMORY_STAGING:
      return single ? pl_store_data(store, b->tensor) : pl_store_sibling(store, PL_FLAT_STAGING, b->tensor);
  }
  return NULL;
}

static void bind_commits(pl_program *p) {
  p->bound_commits = pl_xcalloc(p->commit_count + 1, sizeof *p->bound_commits);
  for (size_t i = 0; i < p->commit_count; i++) {
    const pl_commit *c = &p->commits[i];
    p->bound_commits[i] = (pl_gpu_commit){.mean = p->buffers[c->buffers[0]].data,
                                          .variance = p->buffers[c->buffers[1]].data,
                                          .running_mean = p->buffers[c->buffers[2]].data,
                                          .running_variance = p->buffers[c->buffers[3]].data,
                                          .batches = p->buffers[c->buffers[4]].data,
                                          .count = c->count,
                                          .momentum = c->momentum,
                                          .channels = c->channels};
  }
}

static void bind(pl_program *p) {
  for (size_t i = 0; i < p->buffer_count; i++) p->buffers[i].data = address(p->store, &p->buffers[i]);
  for (size_t i = 0; i < p->step_count; i++) {
    for (int j = 0; j < PL_STEP_BUFFERS; j++) {
      int32_t buffer = p->steps[i].buffers[j];
      p->steps[i].data[j] = buffer >= 0 ? p->buffers[buffer].data : NULL;
    }
  }
  bind_commits(p);
}

// ---------------------------------------------------------------------------------------------------------------------

static pl_status reserve_program(pl_program *p, pl_error *err) {
  pl_status status = pl_cuda_allocate_host((void **)&p->host_results, p->result_bytes, "the results", err);
  for (int i = 0; i < PL_SLOTS && status == PL_OK; i++) {
    pl_slot *slot = &p->slots[i];
    status = pl_cuda_allocate((void **)&slot->device, p->slot_bytes, "a batch", err);
    if (status == PL_OK) status = pl_cuda_allocate_host((void **)&slot->host, p->slot_bytes, "a batch", err);
    if (status == PL_OK) status = pl_cuda_event_create(&slot->arrived, false, err);
    if (status == PL_OK) status = pl_cuda_event_create(&slot->taken, false, err);
  }
  if (status == PL_OK) bind(p);
  return status;
}

pl_memory pl_gpu_memory(const pl_store *store) {
  pl_memory memory = {.store = pl_store_bytes(store)};
  for (size_t i = 0; i < store->program_count; i++) {
    const pl_program *p = store->programs[i];
    if (p->arena_bytes > memory.arena) memory.arena = p->arena_bytes;
    memory.other += PL_SLOTS * p->slot_bytes;
  }
  uint64_t total = 0;
  bool known =
      pl_cuda_use(store->backend->device, NULL) == PL_OK && pl_cuda_memory(&memory.free, &total, NULL) == PL_OK;
  // 0 would say that the memory is the host's.
  if (known && memory.free == 0) memory.free = 1;
  return memory;
}

// Says it before the device is asked: some systems hand out memory that they then fetch from the host.
static pl_status check_free(const pl_store *store, const pl_memory *memory, pl_error *err) {
  uint64_t available = 0, total = 0, needed = memory->arena + memory->other;
  pl_status status = pl_cuda_memory(&available, &total, err);
  if (status != PL_OK || needed <= available) return status;
  return pl_fail(err, PL_E_NOMEM,
                 "the activations need %llu MiB of GPU memory, of the %llu MiB of %s %llu MiB are free; use a smaller "
                 "batch or size",
                 (unsigned long long)(needed >> 20), (unsigned long long)(total >> 20), store->backend->facts.name,
                 (unsigned long long)(available >> 20));
}

pl_status pl_gpu_arena_reserve(pl_store *store, pl_error *err) {
  if (store->backend->plan) return pl_fail(err, PL_E_USAGE, "this store is only planned: nothing can be reserved");
  if (store->reserved) return pl_fail(err, PL_E_USAGE, "the arena is reserved once");
  pl_memory memory = pl_gpu_memory(store);
  pl_status status = pl_cuda_use(store->backend->device, err);
  if (status == PL_OK) status = check_free(store, &memory, err);
  if (status == PL_OK) status = pl_cuda_allocate((void **)&store->arena, memory.arena, "the activations", err);
  store->arena_bytes = memory.arena;
  for (size_t i = 0; i < store->program_count && status == PL_OK; i++) {
    status = reserve_program(store->programs[i], err);
  }
  store->reserved = status == PL_OK;
  return status;
}
