#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/internal.h"

void pl_gpu_program_destroy(pl_program *program) {
  if (program == NULL) return;
  pl_store *store = program->store;
  (void)pl_cuda_use(store->backend->device, NULL);
  if (program->under_way) (void)pl_cuda_stream_wait(store->backend->stream, NULL);
  for (size_t i = 0; i < store->program_count; i++) {
    if (store->programs[i] == program) store->programs[i] = store->programs[--store->program_count];
  }
  for (int i = 0; i < PL_SLOTS; i++) {
    pl_slot *slot = &program->slots[i];
    if (slot->arrived != NULL) (void)pl_cuda_event_wait(slot->arrived, NULL);
    pl_cuda_event_destroy(slot->arrived);
    pl_cuda_event_destroy(slot->taken);
    pl_cuda_release(slot->device);
    pl_cuda_release_host(slot->host);
  }
  pl_cuda_release_host(program->host_results);
  pl_cuda_graph_destroy(program->graph);
  free(program->steps);
  free(program->buffers);
  free(program->commits);
  free(program->bound_commits);
  free(program);
}

static pl_status check_slot(const pl_program *program, int32_t slot, pl_error *err) {
  if (!program->store->reserved) return pl_fail(err, PL_E_USAGE, "the arena must be reserved before programs run");
  if (slot < 0 || slot >= PL_SLOTS) return pl_fail(err, PL_E_USAGE, "there is no slot %d", (int)slot);
  return pl_cuda_use(program->store->backend->device, err);
}

// ---------------------------------------------------------------------------------------------------------------------
// Input: into page-locked memory, and from there to the device on a stream of its own, beside what runs

pl_status pl_gpu_input(pl_program *program, int32_t index, const void *const data[], pl_error *err) {
  pl_status status = check_slot(program, index, err);
  if (status != PL_OK) return status;
  pl_slot *slot = &program->slots[index];
  pl_stream copies = program->store->backend->copies;
  // The batch before in this slot has left the host, and the program has taken it out of the device's part.
  status = pl_cuda_event_wait(slot->arrived, err);
  if (status == PL_OK) status = pl_cuda_stream_wait_event(copies, slot->taken, err);
  if (status != PL_OK) return status;
  for (int32_t i = 0; i < program->input_count; i++) {
    memcpy(slot->host + program->inputs[i].offset, data[i], program->inputs[i].bytes);
  }
  status = pl_cuda_copy(slot->device, slot->host, program->slot_bytes, copies, err);
  return status == PL_OK ? pl_cuda_event_record(slot->arrived, copies, err) : status;
}

// Puts the batch of a slot where the program reads it, which is the same place for both slots, so that one recorded
// step serves both.
static pl_status take_inputs(pl_program *program, pl_slot *slot, pl_error *err) {
  pl_stream stream = program->store->backend->stream;
  pl_status status = pl_cuda_stream_wait_event(stream, slot->arrived, err);
  for (int32_t i = 0; i < program->input_count && status == PL_OK; i++) {
    const pl_port *port = &program->inputs[i];
    status = pl_cuda_copy(program->buffers[port->buffer].data, slot->device + port->offset, port->bytes, stream, err);
  }
  return status == PL_OK ? pl_cuda_event_record(slot->taken, stream, err) : status;
}

// ---------------------------------------------------------------------------------------------------------------------
// Running

// All steps, and the results on their way to the host.
static pl_status put_steps(pl_program *program, pl_error *err) {
  const pl_backend *b = program->store->backend;
  pl_context context = {.program = program, .store = program->store, .stream = b->stream, .err = err};
  for (size_t i = 0; i < program->step_count; i++) {
    const pl_step *step = &program->steps[i];
    pl_status status = step->run(step, &context);
    if (status == PL_OK) status = pl_cuda_check_launch(step->label, err);
    if (status == PL_OK && b->check) status = pl_cuda_stream_wait(b->stream, err);
    if (status != PL_OK) {
      pl_wrap(err, "step %zu (%s)", i, step->label);
      return status;
    }
  }
  for (int32_t i = 0; i < program->result_count; i++) {
    const pl_port *port = &program->results[i];
    pl_status status = pl_cuda_copy(program->host_results + port->offset, program->buffers[port->buffer].data,
                                    port->bytes, b->stream, err);
    if (status != PL_OK) return status;
  }
  return PL_OK;
}

// Records the steps as one graph. Where that does not work the program goes on step by step, which gives the same
// numbers, and says so once.
static void record(pl_program *program) {
  const pl_backend *b = program->store->backend;
  pl_error why = {0};
  program->capture = false;
  pl_status status = pl_cuda_capture_begin(b->stream, &why);
  if (status == PL_OK) {
    status = put_steps(program, &why);
    pl_status ended = pl_cuda_capture_end(&program->graph, b->stream, status == PL_OK ? &why : NULL);
    if (status == PL_OK) status = ended;
  }
  if (status == PL_OK) return;
  pl_cuda_graph_destroy(program->graph);
  program->graph = NULL;
  if (b->host.log == NULL || status == PL_E_UNSUPPORTED) return;
  char line[PL_ERROR_MESSAGE_MAX + 64];
  (void)snprintf(line, sizeof line, "the GPU runs step by step: %s", why.message);
  b->host.log(b->host.context, line);
}

// The first run goes step by step, so that everything is loaded; the second is recorded.
static pl_status start_steps(pl_program *program, pl_error *err) {
  if (program->runs > 0 && program->capture) record(program);
  if (program->runs == 0) program->runs++;
  if (program->graph != NULL) return pl_cuda_graph_launch(program->graph, program->store->backend->stream, err);
  return put_steps(program, err);
}

pl_status pl_gpu_run(pl_program *program, int32_t index, const pl_controls *controls, pl_result *result,
                     pl_error *err) {
  pl_status status = check_slot(program, index, err);
  if (status != PL_OK) return status;
  pl_store *store = program->store;
  pl_stream stream = store->backend->stream;
  if (program->under_way) return pl_fail(err, PL_E_USAGE, "the last run has not been waited for");
  if (program->updates && controls == NULL) {
    return pl_fail(err, PL_E_USAGE, "an update needs controls with a learning rate");
  }
  *store->host_rate = controls != NULL ? controls->learning_rate : 0;
  status = pl_cuda_copy(store->rate, store->host_rate, sizeof *store->rate, stream, err);
  if (status == PL_OK && store->backend->check) status = pl_program_poison(program, err);
  if (status == PL_OK) status = take_inputs(program, &program->slots[index], err);
  if (status == PL_OK) status = start_steps(program, err);
  program->under_way = status == PL_OK;
  program->wanted = result;
  return status;
}

pl_status pl_gpu_wait(pl_program *program, pl_error *err) {
  const pl_result *wanted = program->under_way ? program->wanted : NULL;
  program->under_way = false;
  pl_backend *b = program->store->backend;
  pl_status status = pl_cuda_use(b->device, err);
  if (status == PL_OK) status = pl_cuda_stream_wait(b->stream, err);
  if (status == PL_OK && b->check) status = pl_program_check_guards(program, err);
  for (int32_t i = 0; i < program->result_count && status == PL_OK && wanted != NULL; i++) {
    const pl_port *port = &program->results[i];
    if (wanted->data[i] != NULL) memcpy(wanted->data[i], program->host_results + port->offset, port->bytes);
  }
  return status;
}
