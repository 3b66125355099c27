// A backend: something that compiles graphs and runs them. One versioned table of functions, the same for those that
// are linked in (ref, onednn) and for plug-ins (cuda), which import no symbol of the executable and export one.
//
// The life of a training run:
//   open -> store_create -> upload -> compile (one program per graph) -> arena_reserve
//        -> { input(slot) -> run(slot) -> wait } ... -> download -> program_destroy -> store_destroy -> close
//
// One thread at a time uses a backend, its stores and its programs, unless a function says otherwise.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/progress.h"
#include "core/base/status.h"
#include "core/net/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_BACKEND_API_VERSION = 4,
  PL_SLOTS = 2,  // batches that can be under way: one computing, one arriving
};

typedef struct pl_backend pl_backend;  // an opened device
typedef struct pl_store pl_store;      // a model's tensors on it, shared by all programs of the model
typedef struct pl_program pl_program;  // a compiled graph

// What the host offers to a plug-in. Passed to open, borrowed until close.
typedef struct pl_host {
  uint32_t struct_size, api_version;
  void (*log)(void *context, const char *text);  // one line, without newline; may be NULL
  void *context;
  // Told by compile, in its thread, before each of a graph's nodes and between timings, which can take minutes; when it
  // says no, compile ends with PL_E_CANCELLED. Its `tell` may be NULL.
  pl_progress progress;
} pl_host;

// The type in which activations are kept and convolutions multiply. Weights, gradients, statistics and the optimizer's
// state are in single precision in every case.
typedef enum pl_precision {
  PL_PRECISION_AUTO,  // f16 on a GPU, single (ref: double) on a CPU
  PL_PRECISION_F32,
  PL_PRECISION_F16,  // with loss scaling: the model's tensors "loss_scale.scale" and "loss_scale.growth"
  PL_PRECISION_BF16,
} pl_precision;

typedef struct pl_backend_options {
  uint32_t struct_size;
  int32_t threads;     // CPU backends: 0 = as many as the machine has
  int32_t device;      // index, for machines with several
  bool deterministic;  // same inputs, same bits; on by default
  // For tests: activations are filled with NaN before each run, and a run that wrote past a buffer's end fails with
  // PL_E_INTERNAL. A backend that cannot do this ignores it.
  bool check;
  bool tune;  // choose algorithms by timing them while programs are compiled; off, by fixed rules
  // For `pleura plan`: programs are compiled only to be measured. `memory` answers after each compile, nothing that is
  // as large as the model or the batch is allocated, and arena_reserve, upload, download, input and run are refused.
  bool plan;
  pl_precision precision;  // PL_E_UNSUPPORTED from open when the backend does not have it
} pl_backend_options;

// What changes from run to run; never baked into a program.
typedef struct pl_controls {
  uint32_t struct_size;
  double learning_rate;
} pl_controls;

// Where a run's results go: data[i] takes the graph's results[i] (dense, canonical order, the value's nominal type), or
// is NULL when not wanted. Filled when wait returns; the caller keeps it alive until then.
typedef struct pl_result {
  void *data[PL_GRAPH_PORTS_MAX];
} pl_result;

// Planned bytes, known after arena_reserve; with `plan` after each compile, of all programs so far.
typedef struct pl_memory {
  uint64_t store;  // weights, gradients, optimizer state, batch-norm buffers
  uint64_t arena;  // activations: the largest program's
  uint64_t other;  // input slots, workspaces, repacked weights
  uint64_t free;   // of a device that has memory of its own: what is free there; 0 where it is the host's memory
} pl_memory;

typedef struct pl_backend_api {
  uint32_t struct_size, api_version;
  const char *name;         // "ref", "onednn", "cuda"
  const char *description;  // one line for `pleura devices`

  // Opens a device. PL_E_DEVICE with the reason when it cannot be used.
  pl_status (*open)(pl_backend **out, const pl_host *host, const pl_backend_options *options, pl_error *err);
  void (*close)(pl_backend *backend);  // takes NULL

  // The device in words ("Intel Xeon, 2 threads, AVX-512"), borrowed.
  const char *(*device)(const pl_backend *backend);

  // What it computes in, never PL_PRECISION_AUTO.
  pl_precision (*precision)(const pl_backend *backend);

  // Whether the node can be compiled. compile fails with the list of all missing ops; nothing falls back silently.
  bool (*supports)(const pl_backend *backend, const pl_graph *graph, const pl_node *node);

  // The tensors of `model` (borrowed until store_destroy), zeroed. `choices` is NULL or what `choices` returned for an
  // earlier store of the same model: the same algorithms are then used again.
  pl_status (*store_create)(pl_store **out, pl_backend *backend, const pl_model *model, const char *choices,
                            pl_error *err);
  void (*store_destroy)(pl_store *store);  // takes NULL; after its programs

  // The type that keeps a tensor without loss in a checkpoint (ref holds doubles).
  pl_dtype (*tensor_dtype)(const pl_store *store, int32_t tensor);

  // Copy a tensor in canonical order, converting from or to `dtype` (F32, F64, or I64 for I64 tensors). Both wait for
  // what runs. Repacked or folded weights that a program holds are rebuilt before its next run.
  pl_status (*upload)(pl_store *store, int32_t tensor, pl_dtype dtype, const void *data, pl_error *err);
  pl_status (*download)(pl_store *store, int32_t tensor, pl_dtype dtype, void *data, pl_error *err);

  // Compiles a graph over the store's model (the graph is read only during the call). All programs of a store share one
  // arena, so only one of them is ever running. PL_E_CANCELLED when the host's progress said so.
  pl_status (*compile)(pl_program **out, pl_store *store, const pl_graph *graph, pl_error *err);
  void (*program_destroy)(pl_program *program);  // takes NULL

  // Fixes all addresses. Called once, after the last compile and before the first input. PL_E_NOMEM says how much is
  // needed and how much there is.
  pl_status (*arena_reserve)(pl_store *store, pl_error *err);
  pl_memory (*memory)(const pl_store *store);

  // What was chosen by timing, as JSON text; borrowed until the next compile. Written to the run before its first step.
  const char *(*choices)(const pl_store *store);

  // Copies a batch into a slot: data[i] is the graph's inputs[i], dense. The memory may be reused on return. May
  // overlap with a run on the other slot.
  pl_status (*input)(pl_program *program, int32_t slot, const void *const data[], pl_error *err);

  // Starts a run on a slot's batch. At most one run is under way; `result` is borrowed until wait.
  pl_status (*run)(pl_program *program, int32_t slot, const pl_controls *controls, pl_result *result, pl_error *err);

  // Waits for the last run; its results are then filled. PL_E_DEVICE when it failed.
  pl_status (*wait)(pl_program *program, pl_error *err);
} pl_backend_api;

// The one symbol that a plug-in exports, named PL_BACKEND_SYMBOL. Returns a static table, or NULL when the host's
// version is not one that it knows.
typedef const pl_backend_api *pl_backend_entry(const pl_host *host);
#define PL_BACKEND_SYMBOL "pl_backend_plugin"

#ifdef __cplusplus
}
#endif
