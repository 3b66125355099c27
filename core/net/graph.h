// The network as data. A model lists the tensors that live as long as training does; a graph lists, in order, the nodes
// of one program (a training step, an evaluation, ...) over them. Backends compile graphs; nothing here computes.
//
// Everything is plain data without pointers into the program's code, so that a backend in a plug-in reads it as it is.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/net/loss.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_NAME_MAX = 96,  // bytes of a tensor's or value's name, with its terminator
  PL_NODE_INPUTS_MAX = 4,
  PL_NODE_OUTPUTS_MAX = 3,
  PL_NODE_TENSORS_MAX = 4,
  PL_GRAPH_PORTS_MAX = 8,  // inputs or results of a graph
};

typedef enum pl_dtype { PL_F32, PL_F64, PL_U8, PL_I64 } pl_dtype;

size_t pl_dtype_size(pl_dtype dtype);

// Dimensions in PyTorch's order: n c h w of an activation, o i kh kw of a convolution's weight (i per group). Unused
// trailing dimensions are 1 and not counted by `rank`; a scalar has rank 0.
typedef struct pl_shape {
  int32_t rank;
  int64_t d[4];
} pl_shape;

int64_t pl_shape_elements(const pl_shape *shape);
bool pl_shape_equal(const pl_shape *a, const pl_shape *b);
pl_shape pl_shape_make(int rank, int64_t d0, int64_t d1, int64_t d2, int64_t d3);

// ---------------------------------------------------------------------------------------------------------------------
// The model: named tensors that outlive a step.

typedef enum pl_role {
  PL_ROLE_PARAMETER,      // learned; in the state dict
  PL_ROLE_BUFFER,         // batch-norm statistics; in the state dict
  PL_ROLE_GRADIENT,       // of the parameter `of`; same shape
  PL_ROLE_FIRST_MOMENT,   // Adam's m, or SGD's momentum, of the parameter `of`
  PL_ROLE_SECOND_MOMENT,  // Adam's v of the parameter `of`
  PL_ROLE_STATE,          // scalars of the optimizer: "optimizer.step" (int64), then those of the loss scale
} pl_role;

typedef enum pl_init {
  PL_INIT_CONSTANT,  // every element is `init_scale`
  PL_INIT_UNIFORM,   // uniform in [-init_scale, init_scale)
  PL_INIT_NORMAL,    // normal with standard deviation `init_scale`
} pl_init;

typedef struct pl_tensor {
  char
      name[PL_NAME_MAX];  // segmentation_models.pytorch's name; others have a prefix: "gradient.", "adam.m.", "adam.v."
  pl_role role;
  pl_dtype dtype;  // the canonical type: float32, or int64 for counters
  pl_shape shape;
  int32_t of;  // index of its parameter, -1 where that means nothing
  pl_init init;
  double init_scale;
  bool frozen;  // a parameter that is not learned: it has neither gradient nor moments
} pl_tensor;

// The first `state_count` tensors are the state dict, in PyTorch's order.
typedef struct pl_model {
  pl_tensor *tensors;
  int32_t count, state_count, capacity;
} pl_model;

// Adds a tensor at the end; returns its index. Model builders use it; programmer mistakes (a name that is too long or
// taken) are asserted.
int32_t pl_model_add(pl_model *model, const char *name, pl_role role, pl_dtype dtype, pl_shape shape, pl_init init,
                     double init_scale);

typedef enum pl_optimizer {
  PL_OPTIMIZER_ADAM,   // torch.optim.Adam: weight decay is added to the gradient
  PL_OPTIMIZER_ADAMW,  // torch.optim.AdamW: the parameter decays by learning rate * weight decay
  PL_OPTIMIZER_SGD,    // torch.optim.SGD with momentum, without dampening
  PL_OPTIMIZERS
} pl_optimizer;

const char *pl_optimizer_name(pl_optimizer optimizer);  // "adam", "adamw", "sgd"

// Closes the state dict and appends gradients, the optimizer's moments and its state for every parameter that is not
// frozen: "adam.m." and "adam.v." of both Adams, "sgd.momentum." of SGD, "optimizer.step", and the loss scale's state.
//
// The loss scale is what a backend that computes in half precision multiplies the loss's gradient by, so that small
// gradients do not vanish; gradients in the store are without it. As in torch.amp.GradScaler a step whose gradients are
// not finite is left out and halves it, and 2000 good steps (counted in "growth") double it. Others leave it alone.
#define PL_LOSS_SCALE "loss_scale.scale"
#define PL_LOSS_SCALE_GROWTH "loss_scale.growth"
void pl_model_add_training_tensors(pl_model *model, pl_optimizer optimizer);

// Index of a name, -1 when there is none; index of the tensor with `role` that belongs to parameter `of`, -1 likewise.
int32_t pl_model_find(const pl_model *model, const char *name);
int32_t pl_model_find_of(const pl_model *model, pl_role role, int32_t of);
void pl_model_clear(pl_model *model);

// ---------------------------------------------------------------------------------------------------------------------
// The graph: values (activations, which live within one run) and nodes.

// What a node reads and writes. `in` and `out` are values, `tensors` are the model's.
// Shapes: x, y [n,c,h,w]; dx has x's shape, dy has y's.
typedef enum pl_op {
  // The graph's first node. in: image u8 [n,1,h,w], mask u8 [n,1,h,w] (0 or 255), parameters f64 [n,PL_AUGMENT_VALUES].
  // out: x f32 [n,3,h,w], target f32 [n,1,h,w] (0 or 1). Warps as core/image/warp.h says (result rounded to u8),
  // applies
  // gain and bias (rounded and clamped to 0..255), then per channel c: (grey/255 - mean[c]) / deviation[c].
  PL_OP_AUGMENT,

  PL_OP_CONV,                  // in: x. tensors: weight [, bias]. out: y
  PL_OP_CONV_BACKWARD_DATA,    // in: dy. tensors: weight. out: dx
  PL_OP_CONV_BACKWARD_WEIGHT,  // in: x, dy. tensors: gradient of weight [, gradient of bias]; `add` adds to them

  // Training: in: x. tensors: gamma, beta. out: y, mean [c], variance [c] (biased, over n,h,w).
  PL_OP_BATCH_NORM,
  PL_OP_BATCH_NORM_EVAL,      // in: x. tensors: gamma, beta, running mean, running variance. out: y
  PL_OP_BATCH_NORM_BACKWARD,  // in: x, dy, mean, variance. tensors: gamma, gradients of gamma, beta (`add`). out: dx
  // in: mean, variance, loss. tensors: running mean, running variance, num_batches_tracked. Does nothing when the loss
  // is not finite; else running = (1-momentum)*running + momentum*new, the variance made unbiased by count/(count-1),
  // where `count` is the attribute: the n*h*w that the statistics are over.
  PL_OP_BATCH_NORM_COMMIT,

  PL_OP_RELU,           // in: x. out: y
  PL_OP_RELU_BACKWARD,  // in: y, dy. out: dx = y > 0 ? dy : 0
  PL_OP_ADD,            // in: a, b. out: a + b

  PL_OP_MAX_POOL,           // in: x. out: y, index u8 [y's shape] (place in the window; a backend may store it its way)
  PL_OP_MAX_POOL_BACKWARD,  // in: index, dy. out: dx. The first maximum of a window in row order takes the gradient
  PL_OP_MEAN_HW,            // in: x. out: [n,c,1,1]
  PL_OP_MEAN_HW_BACKWARD,   // in: dy. out: dx

  PL_OP_SIGMOID,           // in: x. out: y
  PL_OP_SIGMOID_BACKWARD,  // in: y, dy. out: dx

  PL_OP_SCALE_CHANNELS,           // in: x, s [n,c,1,1]. out: x * s
  PL_OP_SCALE_CHANNELS_BACKWARD,  // in: x, s, dy. out: dx, ds
  PL_OP_SCALE_PIXELS,             // in: x, s [n,1,h,w]. out: x * s
  PL_OP_SCALE_PIXELS_BACKWARD,    // in: x, s, dy. out: dx, ds

  PL_OP_UPSAMPLE2,           // in: x. out: [n,c,2h,2w], nearest
  PL_OP_UPSAMPLE2_BACKWARD,  // in: dy. out: dx
  PL_OP_CONCAT,              // in: a, b. out: a's channels, then b's
  PL_OP_CONCAT_BACKWARD,     // in: dy. out: da, db

  // ComboLoss of the SIIM-ACR winner (unet_pipeline/Losses.py): the sum of the terms of pl_loss_term times
  // `loss_weights`, at least 1e-5. in: logits, target [n,1,h,w] (0 or 1). out: loss f64 [PL_LOSS_VALUES].
  PL_OP_COMBO_LOSS,
  // in: logits, target, loss. out: gradient of the logits; 0 where the sum was clamped; not a number when the loss is
  // not
  // finite, so that the flag of PL_OP_GRADIENT_NORM holds the update back
  PL_OP_COMBO_LOSS_BACKWARD,
  // in: logits, target. out: f64 [n,PL_DICE_VALUES]
  PL_OP_DICE_SUMS,

  PL_OP_GRADIENT_NORM,  // reads all gradients. out: f64 [2]: their l2 norm, 1 when it is finite else 0
  // in: the gradient norm. Clips to `clip_norm` when that is above 0 (the factor is clip_norm / (norm + 1e-6), at most
  // 1, as torch.nn.utils.clip_grad_norm_), then updates all parameters and moments that have a gradient with the
  // controls' learning rate, as `optimizer` does, and increments "optimizer.step"; does nothing when the flag is 0.
  // Adam: Kingma and Ba 2015; AdamW: Loshchilov and Hutter 2019; SGD: momentum (its buffer starts at the first
  // gradient), Nesterov's form with `nesterov`.
  PL_OP_OPTIMIZER_STEP,
  PL_OP_COUNT
} pl_op;

// Columns of PL_OP_AUGMENT's parameters.
enum {
  PL_AUGMENT_AFFINE = 0,  // 6 values: x_source = a0*x + a1*y + a2, y_source = a3*x + a4*y + a5, in pixels
  PL_AUGMENT_GAIN = 6,    // grey = grey*gain + bias, in 8-bit grey levels
  PL_AUGMENT_BIAS = 7,
  PL_AUGMENT_VALUES = 8,
};

// One image's row of them; identity is {{1,0,0, 0,1,0}, 1, 0}.
typedef struct pl_augment_params {
  double affine[6];
  double gain, bias;
} pl_augment_params;

// Elements of PL_OP_COMBO_LOSS's output: first the terms. A term whose weight is 0 is not computed and reads 0.
enum {
  PL_LOSS_TOTAL = PL_LOSS_TERMS,
  PL_LOSS_INTERSECTION,  // sum of p*t over the batch, p = sigmoid(logit)
  PL_LOSS_PREDICTED,     // sum of p
  PL_LOSS_TARGET,        // sum of t
  PL_LOSS_FINITE,        // 1 when the total is finite, else 0
  PL_LOSS_VALUES,
};

// Columns of PL_OP_DICE_SUMS's output, one row an image. "Hard" means p > 0.5.
enum {
  PL_DICE_INTERSECTION,
  PL_DICE_PREDICTED,
  PL_DICE_TARGET,
  PL_DICE_HARD_INTERSECTION,
  PL_DICE_HARD_PREDICTED,
  PL_DICE_VALUES
};

// What a node's op needs to know; the rest stays 0.
typedef struct pl_attributes {
  int32_t kernel, stride, pad, groups;  // convolutions and pooling; square
  bool ceil;                            // max pool: PyTorch's ceil_mode
  bool add;                             // backward nodes that write gradients: add instead of overwrite
  double epsilon, momentum;             // batch norm
  double loss_weights[PL_LOSS_TERMS];   // the loss
  pl_optimizer optimizer;
  double beta1, beta2, weight_decay, clip_norm;  // the optimizer; Adam has `epsilon` too, SGD `momentum`
  bool nesterov;                                 // SGD
  double mean[3], deviation[3];                  // augment
  int64_t count;                                 // batch norm commit: elements of a channel in the batch, n*h*w
} pl_attributes;

typedef struct pl_value {
  char name[PL_NAME_MAX];  // for messages and dumps
  pl_dtype dtype;          // nominal: a backend may hold f32 activations in its own type and layout
  pl_shape shape;
  int32_t producer;  // node, -1 for the graph's inputs
} pl_value;

typedef struct pl_node {
  pl_op op;
  int32_t in[PL_NODE_INPUTS_MAX], out[PL_NODE_OUTPUTS_MAX], tensors[PL_NODE_TENSORS_MAX];  // -1 where unused
  pl_attributes a;
} pl_node;

// Nodes are in execution order: a value is written once, before it is read. `model` is borrowed.
typedef struct pl_graph {
  const pl_model *model;
  pl_value *values;
  pl_node *nodes;
  int32_t value_count, value_capacity, node_count, node_capacity;
  int32_t inputs[PL_GRAPH_PORTS_MAX], results[PL_GRAPH_PORTS_MAX];
  int32_t input_count, result_count;
} pl_graph;

// Building. Each returns the id of the (first) new value; the second and third outputs follow it. Shapes are inferred,
// and mistakes of the builder (shapes that do not fit) are asserted: graphs are never built from files.
void pl_graph_init(pl_graph *graph, const pl_model *model);
void pl_graph_clear(pl_graph *graph);
int32_t pl_graph_input(pl_graph *graph, const char *name, pl_dtype dtype, pl_shape shape);
void pl_graph_result(pl_graph *graph, int32_t value);
int32_t pl_graph_add(pl_graph *graph, pl_op op, const char *name, const int32_t *in, int in_count,
                     const int32_t *tensors, int tensor_count, const pl_attributes *attributes);

// The same for the backward ops whose inputs do not say how large the first output is (of a strided convolution, a
// pool, a mean over h and w, a concatenation): `shape` is its shape, that is, the forward input's.
int32_t pl_graph_add_shaped(pl_graph *graph, pl_op op, const char *name, const int32_t *in, int in_count,
                            const int32_t *tensors, int tensor_count, const pl_attributes *attributes,
                            const pl_shape *shape);

// How many inputs an op's nodes have.
int pl_op_inputs(pl_op op);

// Names such as "conv", for messages, dumps and tests.
const char *pl_op_name(pl_op op);

// Appends the backward nodes of everything that `loss` (an output of PL_OP_COMBO_LOSS) depends on, down to the
// parameters; the gradients are added to when `add`. The gradient of the graph's inputs is not computed.
// For tests: seed other than the loss with pl_graph_backward_from, whose `gradient` is a value of `value`'s shape, and
// which returns in wanted[i] the gradient value of inputs that `wanted` names (-1 if it does not depend on it).
void pl_graph_backward(pl_graph *graph, int32_t loss, bool add);
void pl_graph_backward_from(pl_graph *graph, int32_t value, int32_t gradient, int32_t *wanted, int wanted_count,
                            bool add);

#ifdef __cplusplus
}
#endif
