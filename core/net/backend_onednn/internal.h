// What the files of this backend share. Not for others.
#pragma once

#include "core/base/mem.h"
#include "core/net/backend.h"
#include "core/net/backend_onednn/dnn.h"

enum {
  PL_STEP_BUFFERS = 12,
  PL_ALIGNMENT = 64,
  PL_VERSIONS_MAX = 4,  // layouts in which one value is kept at a time
};

// The store's flat float arrays. A parameter, its gradient and its moments have the same offset in theirs; frozen
// parameters are kept with the buffers, so that what the optimizer walks over is all learned.
typedef enum pl_flat {
  PL_FLAT_PARAMETER,
  PL_FLAT_GRADIENT,
  PL_FLAT_FIRST,
  PL_FLAT_SECOND,
  PL_FLAT_BUFFER,
  PL_FLAT_COUNT
} pl_flat;

struct pl_backend {
  pl_dnn *dnn;
  pl_host host;
  int threads;
  bool tune, plan;
  int64_t compiled, compiling;  // nodes of the graph that is being compiled
  int64_t block;
  char device[192];
};

// A copy of a weight in a layout that is not its home.
typedef struct pl_repack {
  int32_t tensor;
  pl_dnn_op op;
  float *data, *scratch;
  uint64_t version;  // of the store when it was last made
} pl_repack;

// A convolution's weight with the inference batch norm behind it multiplied in, and the bias that results.
typedef struct pl_fold {
  int32_t weight, gamma, beta, mean, variance;
  double epsilon;
  pl_dnn_desc *desc;  // layout of `weights`
  float *weights, *bias;
  uint64_t version, statistics;  // of the store when it was last made
} pl_fold;

typedef struct pl_choice pl_choice;  // choices.c

struct pl_store {
  pl_backend *backend;
  const pl_model *model;
  char *choices;  // as JSON
  pl_choice *algorithms;
  size_t algorithm_count, algorithm_capacity;
  float *flat[PL_FLAT_COUNT];
  size_t flat_elements[PL_FLAT_COUNT];
  size_t *offsets;  // by tensor: elements into its flat array; of counters, index into `counters`
  int64_t *counters;
  int32_t counter_count;
  pl_dnn_desc **homes;  // by parameter: layout of it, its gradient and moments; NULL is row-major
  uint64_t version;     // counts changes of parameters
  uint64_t statistics;  // counts changes of batch norm's buffers
  pl_repack *repacks;
  size_t repack_count, repack_capacity;
  pl_fold *folds;
  size_t fold_count, fold_capacity;
  pl_program **programs;
  size_t program_count, program_capacity;
  unsigned char *arena;
  size_t arena_bytes;
  bool reserved;
};

typedef enum pl_memory_kind {
  PL_MEMORY_ARENA,      // lives within a run
  PL_MEMORY_TENSOR,     // the store's
  PL_MEMORY_REPACK,     // a weight in the layout of `desc`
  PL_MEMORY_FOLD,       // weights of fold `repack`
  PL_MEMORY_FOLD_BIAS,  // its bias
} pl_memory_kind;

typedef struct pl_buffer {
  pl_memory_kind kind;
  size_t bytes;
  int32_t first, last;
  int32_t tensor;
  pl_dnn_desc *desc;  // PL_MEMORY_REPACK: what the primitive wants; owned
  size_t repack;      // index, when `repacked`: it turned out not to be the home
  bool repacked;
  size_t offset;  // in the arena
  void *data;
} pl_buffer;

typedef struct pl_context {
  pl_store *store;
  double learning_rate;
  pl_status status;
  pl_error *err;
} pl_context;

// One thing to do. `data[i]` are the addresses of buffers[i] once the arena is reserved.
typedef struct pl_step {
  void (*run)(const struct pl_step *step, pl_context *context);
  int32_t buffers[PL_STEP_BUFFERS];
  void *data[PL_STEP_BUFFERS];
  int64_t n, c, h, w, block;  // of the first input
  int64_t c2, oh, ow;         // second input's channels; the output's size
  bool relu, add;
  bool doubled;  // concatenations: the first part has half the sides, its pixels count for four
  pl_attributes a;
  double count;
  pl_dnn_conv conv;  // of our own convolutions
  pl_dnn_op op;
  int32_t op_buffers[PL_DNN_ARG_COUNT];
  const char *label;
  double seconds;  // of the last run
} pl_step;

// A result or an input of the program.
typedef struct pl_port {
  int32_t buffer;
  pl_dtype dtype;
  pl_shape shape;
  int64_t block;
  size_t bytes;
} pl_port;

struct pl_program {
  pl_store *store;
  pl_step *steps;
  size_t step_count, step_capacity;
  pl_buffer *buffers;
  size_t buffer_count, buffer_capacity;
  pl_port inputs[PL_GRAPH_PORTS_MAX], results[PL_GRAPH_PORTS_MAX];
  int32_t input_count, result_count;
  unsigned char *slots[PL_SLOTS];
  size_t slot_bytes, arena_bytes;
};

// ---------------------------------------------------------------------------------------------------------------------
// store.c

// Anonymous memory, zeroed, in huge pages where the system has them. NULL when there is not enough.
void *pl_pages_allocate(size_t bytes);
void pl_pages_free(void *pages, size_t bytes);
size_t pl_pages_resident(size_t bytes);  // when all of it was touched

pl_status pl_onednn_store_create(pl_store **out, pl_backend *backend, const pl_model *model, const char *choices,
                                 pl_error *err);
void pl_onednn_store_destroy(pl_store *store);
pl_status pl_onednn_upload(pl_store *store, int32_t tensor, pl_dtype dtype, const void *data, pl_error *err);
pl_status pl_onednn_download(pl_store *store, int32_t tensor, pl_dtype dtype, void *data, pl_error *err);

// Where a tensor is; the parameter's layout of a gradient or moment; its flat array.
void *pl_store_data(const pl_store *store, int32_t tensor);
int32_t pl_store_parameter(const pl_store *store, int32_t tensor);

// Gives a parameter without a home the layout `desc`, if that has no padding, and converts what it holds.
pl_status pl_store_set_home(pl_store *store, int32_t parameter, const pl_dnn_desc *desc, pl_error *err);
bool pl_store_is_home(const pl_store *store, int32_t tensor, const pl_dnn_desc *desc);

// The copy of a tensor in a layout, made on first use and shared by the programs.
pl_status pl_store_repack(pl_store *store, int32_t tensor, const pl_dnn_desc *desc, size_t *index, pl_error *err);
pl_status pl_store_refresh(pl_store *store, size_t repack, pl_error *err);

// fold.c. `fold` has the tensors, epsilon, and the layout, which is copied; equal ones share their memory.
pl_status pl_store_fold(pl_store *store, const pl_fold *fold, size_t *index, pl_error *err);
pl_status pl_store_refresh_fold(pl_store *store, size_t index, pl_error *err);
size_t pl_store_fold_bytes(const pl_store *store);
void pl_store_clear_folds(pl_store *store);

// For a store that is only planned: PL_E_USAGE, else PL_OK.
pl_status pl_store_refuse_plan(const pl_store *store, pl_error *err);

// program.c
// Places the program's buffers in the arena, whose size becomes that of the largest program.
void pl_program_plan(pl_program *program);
void pl_onednn_program_destroy(pl_program *program);
pl_status pl_onednn_arena_reserve(pl_store *store, pl_error *err);
pl_memory pl_onednn_memory(const pl_store *store);
pl_status pl_onednn_input(pl_program *program, int32_t slot, const void *const data[], pl_error *err);
pl_status pl_onednn_run(pl_program *program, int32_t slot, const pl_controls *controls, pl_result *result,
                        pl_error *err);
pl_status pl_onednn_wait(pl_program *program, pl_error *err);

// compile.c
bool pl_onednn_supports(const pl_backend *backend, const pl_graph *graph, const pl_node *node);
pl_status pl_onednn_compile(pl_program **out, pl_store *store, const pl_graph *graph, pl_error *err);
