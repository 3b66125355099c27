// The state of one compilation, shared by compile.c and the files that lower nodes to steps.
#pragma once

#include "gpu/internal.h"

// How a value is kept.
typedef enum pl_form {
  PL_FORM_PLAIN,   // of its nominal type in canonical order: inputs, results, the loss's values, statistics
  PL_FORM_DEVICE,  // an activation: NHWC of the backend's type, an image's channels padded
  PL_FORMS
} pl_form;

typedef struct pl_value_state {
  int32_t buffers[PL_FORMS];  // -1 where it is not kept in that form
  int32_t readers;            // nodes, and results
  int32_t reader;             // one of them; -1 for a result
  bool padded;                // an image: its channels are padded as those of the weights that read it
} pl_value_state;

typedef struct pl_node_state {
  bool skip;           // done by another node
  int32_t relu;        // the RELU node that this one does too, -1
  int32_t gradient;    // batch norm backward: the value that replaces dy, -1
  int32_t forward;     // batch norm backward: its forward node when that is fused with a relu, -1
  int32_t factors;     // batch norm: buffer of its factors
  int32_t accumulate;  // convolution backward data: the value that it adds its result to, -1
  int32_t sum;         // and the value that becomes
  int32_t upsample;    // concat, or its backward: the node of the upsampling that it does too, -1
  int32_t join;        // the join that this relu, or its backward, stands for, -1
  int32_t upsampled;   // the upsampled convolution that this convolution, or a part of its backward, stands for, -1
  bool statistics;     // batch norm: only statistics and factors are wanted of it
  int32_t squeeze;     // and the value that is the mean over h and w of its output, -1
} pl_node_state;

// The end of a residual block, which is done in one pass forward and two backward; nodes and values of it.
typedef struct pl_join {
  int32_t norm, norm_backward;         // of the block's last batch norm
  int32_t other_norm, other_backward;  // of the downsampling's; -1 when the other summand is no batch norm
  int32_t other;                       // the other summand
  int32_t gate, squeeze;               // values of squeeze and excitation, and the mean that it begins with; or -1
  int32_t scale_backward, mean_backward, sum_backward;  // nodes, or -1
  int32_t relu, relu_backward;
} pl_join;

// Upsampling, perhaps concatenation with a skip, and a 3x3 convolution, which is computed without the upsampled value.
// Nodes, of which all but `upsample` and `conv` may be -1; then values, and buffers of the weights that it computes
// with.
typedef struct pl_upsampled {
  int32_t upsample, concat, conv;
  int32_t conv_weight, conv_data, concat_backward, upsample_backward;
  int32_t x, skip, y;
  int32_t wide, slice;  // the 4x4 weight, and the 3x3 weight of the skip's channels
} pl_upsampled;

typedef struct pl_compiler {
  pl_store *store;
  const pl_graph *graph;
  pl_program *program;
  pl_value_state *values;
  pl_node_state *nodes;
  pl_join *joins;
  size_t join_count, join_capacity;
  pl_upsampled *upsampled;
  size_t upsampled_count, upsampled_capacity;
  bool *staged;         // by tensor: a weight's gradient that this graph has written to the staging array
  bool adds;            // the gradients in the store are added to
  bool scaled;          // the activations' gradients are multiplied by the loss scale
  int32_t commit_step;  // the step that the last node, a commit, went to; -1
  pl_error *err;
} pl_compiler;

typedef pl_status pl_lower(pl_compiler *c, const pl_node *node, int32_t index);
typedef pl_status pl_step_run(const pl_step *step, pl_context *context);

static inline pl_gpu_type pl_compiler_type(const pl_compiler *c) { return c->store->backend->type; }

static inline bool pl_compiler_fuses(const pl_compiler *c, pl_fusion fusion) {
  return pl_choices_fuses(c->store->choices, fusion);
}

// Buffers. A negative index stands for none.
int32_t pl_compiler_buffer(pl_compiler *c, size_t bytes);
int32_t pl_compiler_tensor(pl_compiler *c, int32_t tensor);  // -1 for -1
int32_t pl_compiler_copy(pl_compiler *c, int32_t tensor);    // a parameter as convolutions read it
int32_t pl_compiler_staging(pl_compiler *c, int32_t tensor);
int32_t pl_compiler_scale(pl_compiler *c);  // the loss scale, -1 when gradients are not scaled
int32_t pl_compiler_rate(pl_compiler *c);

// Steps. `arg` binds a buffer to a step's place and prolongs its life to that step. The returned step is valid until
// the next is made.
int32_t pl_compiler_step(pl_compiler *c, pl_step_run *run, const char *label);
pl_step *pl_compiler_at(pl_compiler *c, int32_t step);
void pl_compiler_arg(pl_compiler *c, int32_t step, int place, int32_t buffer);
void pl_compiler_touch(pl_compiler *c, int32_t buffer, int32_t step);  // only prolongs
void pl_compiler_scratch(pl_compiler *c, int32_t step, int place);     // what pl_gpu_scratch says of the step's shape

// Values. `use` gives the buffer of a value in a form, with a step that makes it when it is not kept in that; `define`
// makes the buffer of an output.
pl_status pl_compiler_use(pl_compiler *c, int32_t value, pl_form form, int32_t *buffer);
int32_t pl_compiler_define(pl_compiler *c, int32_t value, pl_form form);
const pl_shape *pl_compiler_shape(const pl_compiler *c, int32_t value);
pl_gpu_shape pl_compiler_device_shape(const pl_compiler *c, int32_t value);  // with padding
int64_t pl_compiler_device_elements(const pl_compiler *c, int32_t value);

// The value that a node's first output becomes: its relu's when that is fused.
int32_t pl_compiler_output(const pl_compiler *c, const pl_node *node, int32_t index);

// lower*.c
pl_lower pl_lower_conv, pl_lower_conv_backward_data, pl_lower_conv_backward_weight;
pl_lower pl_lower_norm, pl_lower_norm_eval, pl_lower_norm_backward, pl_lower_norm_commit;
pl_lower pl_lower_relu, pl_lower_relu_backward, pl_lower_add, pl_lower_sigmoid, pl_lower_sigmoid_backward;
pl_lower pl_lower_max_pool, pl_lower_max_pool_backward, pl_lower_mean, pl_lower_mean_backward;
pl_lower pl_lower_scale_channels, pl_lower_scale_channels_backward, pl_lower_scale_pixels,
    pl_lower_scale_pixels_backward;
pl_lower pl_lower_upsample, pl_lower_upsample_backward, pl_lower_concat, pl_lower_concat_backward;
pl_lower pl_lower_augment, pl_lower_loss, pl_lower_loss_backward, pl_lower_dice, pl_lower_gradient_norm,
    pl_lower_optimizer_step;

// Lowers a node now that would come later; it is skipped then.
pl_status pl_compiler_lower(pl_compiler *c, int32_t index);

// A step that runs a plan. `buffers` are x, w, y and the bias.
void pl_compiler_conv(pl_compiler *c, const char *label, const pl_dnn_plan *plan, const int32_t buffers[4]);

pl_status pl_lower_upsampled(pl_compiler *c, pl_upsampled *u);
pl_status pl_lower_upsampled_data(pl_compiler *c, const pl_upsampled *u);
pl_status pl_lower_upsampled_weight(pl_compiler *c, const pl_upsampled *u);

// The two convolutions that it becomes: the transposed one of x, and the plain one of the skip. Directions are those of
// the convolution that is left out.
pl_dnn_conv pl_upsampled_wide(const pl_compiler *c, const pl_upsampled *u, pl_dnn_direction direction);
pl_dnn_conv pl_upsampled_slice(const pl_compiler *c, const pl_upsampled *u, pl_dnn_direction direction);

pl_status pl_lower_join(pl_compiler *c, const pl_join *join);
pl_status pl_lower_join_backward(pl_compiler *c, const pl_join *join);

// Brings staged gradients into the store's; called when all have been written, before anything reads them.
void pl_lower_gather(pl_compiler *c);

// fuse.c: finds what is fused. Fills readers and node states.
void pl_fuse(pl_compiler *c);

// For its rules: the node that alone reads a value, or makes it, if its op is `op`; else -1. The backward of a batch
// norm; -1 when there is none, -2 when there are several.
int32_t pl_fuse_only_reader(const pl_compiler *c, int32_t value, pl_op op);
int32_t pl_fuse_maker(const pl_compiler *c, int32_t value, pl_op op);
int32_t pl_fuse_norm_backward(const pl_compiler *c, const pl_node *norm);

// Counts a value's readers again after nodes were taken out.
void pl_fuse_recount(pl_compiler *c, int32_t value);

// fuse_join.c: the addition `node` as part of a join, if all around it follows the pattern.
void pl_fuse_join(pl_compiler *c, int32_t node);

// fuse_upsample.c: the upsampling `node` as part of a convolution.
void pl_fuse_upsample(pl_compiler *c, int32_t node);
