// The device as the host code sees it: memory, copies, streams, events, captured graphs, facts. A thin layer over the
// CUDA runtime (cuda.c) which no other file of the plug-in's host code includes; tests/gpu/emulated_cuda.c is the same
// on the CPU.
//
// Everything on a stream happens in order and after the call has returned. All functions of a device may be called from
// any thread after pl_cuda_use. Failures are PL_E_DEVICE with CUDA's words for what happened and what to do about it;
// PL_E_NOMEM only where memory is asked for. An error of a kernel shows up at the next call or wait.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// The very types of the CUDA runtime (cudaStream_t, cudaEvent_t), without its headers.
typedef struct CUstream_st *pl_stream;
typedef struct CUevent_st *pl_event;
typedef struct pl_cuda_graph pl_cuda_graph;  // a captured sequence, ready to be launched

// What is known about a device.
typedef struct pl_cuda_facts {
  char name[128];
  int32_t major, minor;  // compute capability
  int32_t multiprocessors;
  uint64_t memory, l2;      // bytes, of the device and of its last cache
  int32_t driver, runtime;  // versions as CUDA writes them: 13000 is 13.0
} pl_cuda_facts;

// Opens device `index`, makes it the calling thread's, and tells what it is. PL_E_DEVICE says why there is none: no
// driver, a driver older than this runtime, no device, no device of that index.
pl_status pl_cuda_open(pl_cuda_facts *out, int index, pl_error *err);

// Makes the device the calling thread's; cheap when it is that already.
pl_status pl_cuda_use(int index, pl_error *err);

// ---------------------------------------------------------------------------------------------------------------------
// Memory

pl_status pl_cuda_memory(uint64_t *free_bytes, uint64_t *total_bytes, pl_error *err);

// Device memory, aligned to 256 bytes, not cleared. `bytes` 0 gives NULL. PL_E_NOMEM says how much was wanted for
// `what` ("the model's tensors") and how much is free.
pl_status pl_cuda_allocate(void **out, size_t bytes, const char *what, pl_error *err);
void pl_cuda_release(void *memory);  // takes NULL; waits for the device

// Host memory that the device copies from and to without the processor (page-locked), not cleared.
pl_status pl_cuda_allocate_host(void **out, size_t bytes, const char *what, pl_error *err);
void pl_cuda_release_host(void *memory);  // takes NULL

// Between host and device memory, or within either, in the order of the stream. Host memory that is not page-locked
// must not change before the stream has got there, and makes the call itself wait for the copy.
pl_status pl_cuda_copy(void *to, const void *from, size_t bytes, pl_stream stream, pl_error *err);
pl_status pl_cuda_fill(void *to, int byte, size_t bytes, pl_stream stream, pl_error *err);

// ---------------------------------------------------------------------------------------------------------------------
// Order

pl_status pl_cuda_stream_create(pl_stream *out, pl_error *err);  // independent of the default stream
void pl_cuda_stream_destroy(pl_stream stream);                   // takes NULL
pl_status pl_cuda_stream_wait_event(pl_stream stream, pl_event event, pl_error *err);

// Waits until all that was put on the stream is done, awake at first and then asleep. PL_E_DEVICE also when nothing has
// happened for PL_CUDA_PATIENCE seconds: a device that hangs must not hang the program.
pl_status pl_cuda_stream_wait(pl_stream stream, pl_error *err);
enum { PL_CUDA_PATIENCE = 300 };

pl_status pl_cuda_event_create(pl_event *out, bool timed, pl_error *err);
void pl_cuda_event_destroy(pl_event event);  // takes NULL
pl_status pl_cuda_event_record(pl_event event, pl_stream stream, pl_error *err);
pl_status pl_cuda_event_wait(pl_event event, pl_error *err);  // as pl_cuda_stream_wait

// Seconds between two timed events that have both been waited for.
pl_status pl_cuda_event_seconds(double *out, pl_event from, pl_event to, pl_error *err);

// The error of the last kernel launch, if any. `what` was launched.
pl_status pl_cuda_check_launch(const char *what, pl_error *err);

// ---------------------------------------------------------------------------------------------------------------------
// Captured graphs. Between begin and end nothing runs: what is put on the stream is kept, with its addresses. No memory
// is allocated and nothing is waited for meanwhile. After a failure in between, `end` is still called and gives NULL.

pl_status pl_cuda_capture_begin(pl_stream stream, pl_error *err);
pl_status pl_cuda_capture_end(pl_cuda_graph **out, pl_stream stream, pl_error *err);
pl_status pl_cuda_graph_launch(pl_cuda_graph *graph, pl_stream stream, pl_error *err);
void pl_cuda_graph_destroy(pl_cuda_graph *graph);  // takes NULL

#ifdef __cplusplus
}
#endif
