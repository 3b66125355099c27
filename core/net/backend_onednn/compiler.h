// The state of one compilation, shared by compile.c and the files that lower nodes to steps.
#pragma once

#include "core/net/backend_onednn/internal.h"
#include "core/net/backend_onednn/kernels.h"

// One layout in which a value is kept.
typedef struct pl_version {
  int64_t block;
  int32_t buffer;
} pl_version;

typedef struct pl_value_state {
  pl_version versions[PL_VERSIONS_MAX];
  int32_t count;
  int32_t readers;  // nodes, and results
  int32_t reader;   // one of them; -1 for a result
  bool again;       // made anew for the backward pass instead of being kept for it
} pl_value_state;

typedef struct pl_node_state {
  bool skip;          // done by another node
  int32_t relu;       // the RELU node that this one does too, -1
  int32_t norm;       // convolution: the BATCH_NORM_EVAL node that is folded into it, -1
  int32_t gradient;   // batch norm backward: the value that replaces dy, -1
  int32_t workspace;  // batch norm: buffer of its factors
  // Batch norm backward: its forward node when that is fused with relu. Scale's backward: the batch norm whose output
  // it computes again from its input. -1
  int32_t forward;
  int32_t upsample;  // concatenation and its backward: the UPSAMPLE2 node (of the first part) that it does too, -1
} pl_node_state;

// The blocks that were chosen for a convolution.
typedef struct pl_conv_choice {
  pl_dnn_conv conv;
  uint32_t needs;  // bits of pl_dnn_direction
  int64_t src_block, dst_block;
} pl_conv_choice;

typedef struct pl_compiler {
  pl_store *store;
  const pl_graph *graph;
  pl_program *program;
  pl_value_state *values;
  pl_node_state *nodes;
  uint32_t *needs;  // by parameter: directions in which the graph uses a convolution's weight
  pl_conv_choice *choices;
  size_t choice_count, choice_capacity;
  int32_t node, turn;  // the one being lowered; the first of the backward pass
  pl_error *err;
} pl_compiler;

typedef pl_status pl_lower(pl_compiler *compiler, const pl_node *node, int32_t index);

// Buffers. `touch` says that a step reads or writes one.
int32_t pl_compiler_buffer(pl_compiler *compiler, size_t bytes);
int32_t pl_compiler_tensor(pl_compiler *compiler, int32_t tensor);
int32_t pl_compiler_weight(pl_compiler *compiler, int32_t tensor, const pl_dnn_desc *desc);

// Weights and bias of a convolution with the batch norm behind it folded in.
pl_status pl_compiler_fold(pl_compiler *compiler, int32_t tensor, const pl_node *norm, const pl_dnn_desc *desc,
                           int32_t *weights, int32_t *bias);

// Steps. `arg` and `op_arg` bind a buffer (-1: none) to a step's place and prolong its life to that step.
int32_t pl_compiler_step(pl_compiler *compiler, void (*run)(const pl_step *, pl_context *), const char *label);
pl_step *pl_compiler_at(pl_compiler *compiler, int32_t step);
void pl_compiler_arg(pl_compiler *compiler, int32_t step, int place, int32_t buffer);
void pl_compiler_op_arg(pl_compiler *compiler, int32_t step, pl_dnn_arg place, int32_t buffer);

// Takes a planned primitive into a new step, builds it and gives it scratch memory.
pl_status pl_compiler_primitive(pl_compiler *compiler, pl_dnn_op *op, const char *label, int32_t *step);

// Values. `block` is the layout in which one was made; `use` gives its buffer in a layout, with a reorder step when it
// was not made in it, and with the steps that make it anew where the backward pass first needs what is not kept for it;
// `define` makes the buffer of an output.
int64_t pl_compiler_block(const pl_compiler *compiler, int32_t value);
pl_status pl_compiler_use(pl_compiler *compiler, int32_t value, int64_t block, int32_t *buffer);
int32_t pl_compiler_define(pl_compiler *compiler, int32_t value, int64_t block);
void pl_compiler_set_shape(pl_step *step, const pl_shape *shape, int64_t block);
const pl_shape *pl_compiler_shape(const pl_compiler *compiler, int32_t value);
int64_t pl_compiler_common_block(const pl_compiler *compiler, int64_t a, int64_t b);

// The value that a node's first output becomes: its relu's when that is fused.
int32_t pl_compiler_output(const pl_compiler *compiler, const pl_node *node, int32_t index);

// lower_*.c
pl_lower pl_lower_conv, pl_lower_conv_backward_data, pl_lower_conv_backward_weight;
pl_lower pl_lower_norm, pl_lower_norm_eval, pl_lower_norm_backward, pl_lower_norm_commit;
pl_lower pl_lower_relu, pl_lower_relu_backward, pl_lower_add, pl_lower_sigmoid, pl_lower_sigmoid_backward;
pl_lower pl_lower_max_pool, pl_lower_max_pool_backward, pl_lower_mean, pl_lower_mean_backward, pl_lower_scale,
    pl_lower_scale_backward, pl_lower_scale_pixels, pl_lower_scale_pixels_backward, pl_lower_upsample,
    pl_lower_upsample_backward, pl_lower_concat, pl_lower_concat_backward;
pl_lower pl_lower_augment, pl_lower_loss, pl_lower_loss_backward, pl_lower_dice, pl_lower_gradient_norm,
    pl_lower_optimizer_step;

// fuse.c: finds what is fused and what is made twice. Fills readers, node states and `turn`.
void pl_fuse(pl_compiler *compiler);
