// What the host files of the plug-in share: a store, and programs that were compiled over it. Not for others.
#pragma once

#include "core/base/mem.h"
#include "core/net/backend.h"
#include "gpu/cuda.h"
#include "gpu/dnn.h"
#include "gpu/fusions.h"
#include "gpu/kernels.h"

enum {
  PL_STEP_BUFFERS = 24,
  PL_ALIGNMENT = 256,              // bytes, of everything in device memory
  PL_FLAT_UNIT = PL_ALIGNMENT / 2  // elements: also 16-bit copies at the same offset are aligned
};

// Bytes of scratch memory that a convolution's engine may take.
#define PL_WORKSPACE_LIMIT ((uint64_t)512 << 20)

struct pl_backend {
  pl_host host;
  int device;
  pl_cuda_facts facts;
  pl_gpu_type type;  // of activations and of what convolutions multiply
  bool check, tune, plan;
  pl_stream stream;  // computes
  pl_stream copies;  // brings the next batch meanwhile
  pl_dnn *dnn;
  char dnn_version[PL_DNN_VERSION_MAX];
  char text[256];  // the device in words
};

// The store's flat arrays in device memory. A parameter, its gradient, its moments, its copy and its staged gradient
// have the same offset in theirs. VALUES has, in this order: convolution weights that are learned, other parameters
// that are learned, frozen parameters, and the rest (statistics, the loss scale).
typedef enum pl_flat {
  PL_FLAT_VALUES,    // float32
  PL_FLAT_GRADIENT,  // float32, of what is learned
  PL_FLAT_FIRST,     // float32
  PL_FLAT_SECOND,    // float32
  PL_FLAT_COPY,      // 16 bit: what convolutions read; made anew with each update. Absent in float32
  PL_FLAT_STAGING,   // 16 bit: gradients of convolution weights as cuDNN writes them. Absent in float32
  PL_FLAT_COUNTERS,  // int64
  PL_FLAT_COUNT
} pl_flat;

typedef struct pl_choices pl_choices;  // choices.c

// A convolution's plan; equal problems share one.
typedef struct pl_shared_plan {
  char key[PL_DNN_KEY_MAX];
  pl_dnn_plan *plan;  // NULL: there is no engine
} pl_shared_plan;

struct pl_store {
  pl_backend *backend;
  const pl_model *model;
  size_t *offsets;  // by tensor: elements into its flat array
  size_t conv_elements, learned_elements, parameter_elements;
  size_t elements[PL_FLAT_COUNT];
  void *flat[PL_FLAT_COUNT];
  double *rate;                    // in device memory: the learning rate
  double *host_rate;               // page-locked
  int32_t scale, growth, counter;  // tensors: the loss scale and the steps, -1 when the model has none
  pl_choices *choices;
  pl_shared_plan *plans;
  size_t plan_count, plan_capacity;
  pl_program **programs;
  size_t program_count, program_capacity;
  unsigned char *arena;
  size_t arena_bytes;
  bool reserved;
};

typedef enum pl_memory_kind {
  PL_MEMORY_ARENA,    // lives within a run
  PL_MEMORY_TENSOR,   // the store's, float32 or int64
  PL_MEMORY_COPY,     // a parameter's copy in the backend's type; itself in float32
  PL_MEMORY_STAGING,  // a weight's staged gradient in the backend's type; the gradient itself in float32
  PL_MEMORY_RATE,     // the learning rate
} pl_memory_kind;

typedef struct pl_buffer {
  pl_memory_kind kind;
  size_t bytes;
  int32_t first, last;  // steps between which it lives
  int32_t tensor;
  size_t offset;  // in the arena
  void *data;
} pl_buffer;

typedef struct pl_context {
  const pl_program *program;
  const pl_store *store;
  pl_stream stream;
  pl_error *err;
} pl_context;

// One of the batch norms whose statistics a step commits; buffers of mean, variance, running mean, running variance and
// the counter.
typedef struct pl_commit {
  int32_t buffers[5];
  int64_t count;
  double momentum;
  int32_t channels;
} pl_commit;

// One thing to put on the stream. `data[i]` are the addresses of buffers[i] once the arena is reserved; NULL where
// there is none.
typedef struct pl_step {
  pl_status (*run)(const struct pl_step *step, pl_context *context);
  const char *label;
  int32_t buffers[PL_STEP_BUFFERS];
  void *data[PL_STEP_BUFFERS];
  pl_gpu_shape shape;  // usually of the first input
  int64_t count;       // elements
  int32_t channels;    // a second number of channels
  bool relu, add, upsample;
  pl_gpu_type type;
  pl_gpu_pool pool;
  pl_gpu_loss loss;
  pl_gpu_slice slice;
  pl_attributes a;
  double other_epsilon;  // of a second batch norm
  const pl_dnn_plan *plan;
  int32_t commit_first, commit_count;  // into the program's
} pl_step;

// An input or a result of the program: dense, in canonical order, of its nominal type.
typedef struct pl_port {
  int32_t buffer;
  size_t bytes, offset;  // offset within a slot, or within the results
} pl_port;

typedef struct pl_slot {
  unsigned char *host, *device;
  pl_event arrived, taken;  // the batch is on the device; the program has copied it out of the slot
} pl_slot;

struct pl_program {
  pl_store *store;
  pl_step *steps;
  size_t step_count, step_capacity;
  pl_buffer *buffers;
  size_t buffer_count, buffer_capacity;
  pl_commit *commits;
  size_t commit_count, commit_capacity;
  pl_gpu_commit *bound_commits;
  pl_port inputs[PL_GRAPH_PORTS_MAX], results[PL_GRAPH_PORTS_MAX];
  int32_t input_count, result_count;
  pl_slot slots[PL_SLOTS];
  size_t slot_bytes, result_bytes, arena_bytes;
  unsigned char *host_results;  // page-locked
  const pl_result *wanted;      // where the last run's results go
  bool under_way;
  bool updates;  // it needs a learning rate
  int runs;
  bool capture;  // worth trying
  pl_cuda_graph *graph;
};

static inline size_t pl_round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

// ---------------------------------------------------------------------------------------------------------------------
// store.c

pl_status pl_gpu_store_create(pl_store **out, pl_backend *backend, const pl_model *model, const char *choices,
                              pl_error *err);
void pl_gpu_store_destroy(pl_store *store);
pl_dtype pl_gpu_tensor_dtype(const pl_store *store, int32_t tensor);
pl_status pl_gpu_upload(pl_store *store, int32_t tensor, pl_dtype dtype, const void *data, pl_error *err);
pl_status pl_gpu_download(pl_store *store, int32_t tensor, pl_dtype dtype, void *data, pl_error *err);

// Where a tensor is; where its 16-bit copy or staged gradient is.
void *pl_store_data(const pl_store *store, int32_t tensor);
void *pl_store_sibling(const pl_store *store, pl_flat flat, int32_t tensor);

// Channels (per group) that a convolution's weight has on the device: padded where it reads an image.
int64_t pl_store_channels(const pl_store *store, int32_t tensor);
size_t pl_store_elements(const pl_store *store, int32_t tensor);  // that it takes there, with what follows as padding
uint64_t pl_store_bytes(const pl_store *store);

// The plan of a problem, made when it is the first of its kind. PL_E_UNSUPPORTED when there is no engine.
pl_status pl_store_plan(pl_store *store, const pl_dnn_conv *conv, const pl_dnn_plan **out, pl_error *err);

// ---------------------------------------------------------------------------------------------------------------------
// choices.c. What was chosen: the engine of each convolution by its key, and which fusions are on.

// `text` is what pl_choices_text said, or part of it by hand; NULL for none. PL_E_FORMAT; PL_E_USAGE when it is of
// another device, library or precision.
pl_status pl_choices_create(pl_choices **out, const pl_backend *backend, const char *text, pl_error *err);
void pl_choices_destroy(pl_choices *choices);                             // takes NULL
const char *pl_choices_find(const pl_choices *choices, const char *key);  // NULL when it is not known
void pl_choices_add(pl_choices *choices, const char *key, const char *engine);
bool pl_choices_fuses(const pl_choices *choices, pl_fusion fusion);
const char *pl_choices_text(pl_choices *choices);  // borrowed until the next call

// ---------------------------------------------------------------------------------------------------------------------
// compile.c, program.c, arena.c

bool pl_gpu_supports(const pl_backend *backend, const pl_graph *graph, const pl_node *node);
pl_status pl_gpu_compile(pl_program **out, pl_store *store, const pl_graph *graph, pl_error *err);
void pl_gpu_program_destroy(pl_program *program);
void pl_program_plan(pl_program *program);  // places the arena's buffers
pl_status pl_gpu_arena_reserve(pl_store *store, pl_error *err);
pl_memory pl_gpu_memory(const pl_store *store);

// With `check`: what a buffer holds before it is written is not a number, and a pattern lies behind it.
pl_status pl_program_poison(pl_program *program, pl_error *err);
pl_status pl_program_check_guards(pl_program *program, pl_error *err);

pl_status pl_gpu_input(pl_program *program, int32_t slot, const void *const data[], pl_error *err);
pl_status pl_gpu_run(pl_program *program, int32_t slot, const pl_controls *controls, pl_result *result, pl_error *err);
pl_status pl_gpu_wait(pl_program *program, pl_error *err);
