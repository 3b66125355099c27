#include <string.h>

#include "core/net/backend_onednn/choices.h"
#include "core/net/backend_onednn/compiler.h"
#include "core/net/backend_onednn/direct.h"
#include "core/net/backend_onednn/winograd.h"

// ---------------------------------------------------------------------------------------------------------------------
// Blocks. oneDNN runs its reference loops, a hundred times slower, when it has no generated code for a layout; which
// layouts have some depends on the channels, the groups and the machine. So the likely ones are tried in order of
// speed, and the first without reference code in any direction that the graph needs is taken.

typedef struct block_pair {
  int64_t src, dst;
} block_pair;

enum { CANDIDATES_MAX = 6 };

static void add_candidate(block_pair *pairs, int *count, const pl_dnn_conv *conv, int64_t src, int64_t dst) {
  if (conv->ic % src != 0 || conv->oc % dst != 0) return;
  for (int i = 0; i < *count; i++)
    if (pairs[i].src == src && pairs[i].dst == dst) return;
  pairs[(*count)++] = (block_pair){.src = src, .dst = dst};
}

static int list_candidates(block_pair *pairs, const pl_dnn_conv *conv, int64_t block) {
  int count = 0;
  int64_t per_group = conv->ic / conv->groups;
  bool narrow = conv->groups > 1 && per_group < block;
  if (narrow && per_group < 8) add_candidate(pairs, &count, conv, conv->ic, conv->oc);
  if (narrow && per_group == 8) add_candidate(pairs, &count, conv, 8, 8);
  add_candidate(pairs, &count, conv, block, block);
  if (conv->groups == 1) add_candidate(pairs, &count, conv, 1, block);
  add_candidate(pairs, &count, conv, 8, 8);
  add_candidate(pairs, &count, conv, conv->ic, conv->oc);
  add_candidate(pairs, &count, conv, 1, 1);
  return count;
}

// How many directions would run reference code; directions that oneDNN lacks count more.
static int badness(pl_compiler *c, const pl_dnn_conv *conv, uint32_t needs) {
  int bad = 0;
  for (int d = PL_DNN_FORWARD; d <= PL_DNN_BACKWARD_WEIGHTS; d++) {
    if (!(needs & 1u << d)) continue;
    pl_dnn_conv tried = *conv;
    tried.direction = (pl_dnn_direction)d;
    tried.bias = conv->bias && d != PL_DNN_BACKWARD_DATA;
    pl_dnn_op op = {0};
    if (pl_dnn_plan_conv(&op, c->store->backend->dnn, &tried, NULL, NULL))
      bad += 10;
    else if (pl_dnn_op_is_reference(&op))
      bad += 1;
    pl_dnn_op_clear(&op);
  }
  return bad;
}

// Our own direct convolutions know one layout, and take all directions that the graph needs.
static bool choose_own_blocks(const pl_compiler *c, pl_dnn_conv *conv, uint32_t needs) {
  pl_dnn_conv own = *conv;
  own.direction = needs & 1u << PL_DNN_BACKWARD_WEIGHTS ? PL_DNN_BACKWARD_WEIGHTS : PL_DNN_FORWARD;
  own.src_block = c->store->backend->block;
  own.dst_block = own.oc == 1 ? 1 : own.src_block;
  if (!pl_direct_supports(&own)) return false;
  conv->src_block = own.src_block;
  conv->dst_block = own.dst_block;
  return true;
}

static void choose_blocks(pl_compiler *c, pl_dnn_conv *conv, uint32_t needs) {
  if (choose_own_blocks(c, conv, needs)) return;
  for (size_t i = 0; i < c->choice_count; i++) {
    pl_conv_choice *choice = &c->choices[i];
    if (choice->needs != needs || memcmp(&choice->conv, conv, sizeof *conv) != 0) continue;
    conv->src_block = choice->src_block;
    conv->dst_block = choice->dst_block;
    return;
  }
  pl_conv_choice choice;
  memset(&choice, 0, sizeof choice);
  memcpy(&choice.conv, conv, sizeof *conv);
  choice.needs = needs;
  block_pair pairs[CANDIDATES_MAX];
  int count = list_candidates(pairs, conv, c->store->backend->block), best = 1000;
  for (int i = 0; i < count && best > 0; i++) {
    conv->src_block = pairs[i].src;
    conv->dst_block = pairs[i].dst;
    int bad = badness(c, conv, needs);
    if (bad >= best) continue;
    best = bad;
    choice.src_block = pairs[i].src;
    choice.dst_block = pairs[i].dst;
  }
  conv->src_block = choice.src_block;
  conv->dst_block = choice.dst_block;
  if (c->choice_count == c->choice_capacity) {
    c->choice_capacity = c->choice_capacity ? 2 * c->choice_capacity : 64;
    c->choices = pl_xrealloc(c->choices, c->choice_capacity, sizeof *c->choices);
  }
  c->choices[c->choice_count++] = choice;
}

// The convolution between x and y with blocks chosen; the same for its three directions. `conv` is cleared bytewise
// because choices are compared so.
static void describe(pl_compiler *c, pl_dnn_conv *conv, const pl_node *node, const pl_shape *x, const pl_shape *y,
                     bool bias) {
  memset(conv, 0, sizeof *conv);
  conv->n = x->d[0];
  conv->ic = x->d[1];
  conv->ih = x->d[2];
  conv->iw = x->d[3];
  conv->oc = y->d[1];
  conv->oh = y->d[2];
  conv->ow = y->d[3];
  conv->kernel = node->a.kernel;
  conv->stride = node->a.stride;
  conv->pad = node->a.pad;
  conv->groups = node->a.groups > 0 ? node->a.groups : 1;
  conv->bias = bias;
  choose_blocks(c, conv, c->needs[pl_store_parameter(c->store, node->tensors[0])]);
}

// Plans with the weight's home layout when that runs the same code as the layout that oneDNN likes best.
static pl_status plan_at_home(pl_compiler *c, pl_dnn_op *op, const pl_dnn_conv *conv, int32_t tensor) {
  pl_dnn *dnn = c->store->backend->dnn;
  const pl_dnn_desc *home = c->store->homes[pl_store_parameter(c->store, tensor)];
  pl_status status = pl_dnn_plan_conv(op, dnn, conv, NULL, c->err);
  if (status || !home) return status;
  pl_dnn_op other = {0};
  if (pl_dnn_plan_conv(&other, dnn, conv, home, NULL) == PL_OK && !pl_dnn_op_is_reference(&other) &&
      strcmp(other.implementation, op->implementation) == 0) {
    pl_dnn_op_clear(op);
    *op = other;
  } else {
    pl_dnn_op_clear(&other);
  }
  return PL_OK;
}

// Fixes where a parameter lives: in `desc` if that has no padding, else in row-major order.
static pl_status settle(pl_compiler *c, int32_t parameter, const pl_dnn_desc *desc) {
  pl_status status = pl_store_set_home(c->store, parameter, desc, c->err);
  if (status || c->store->homes[parameter]) return status;
  pl_dnn_desc *canonical = pl_dnn_desc_canonical(desc);
  status = canonical ? pl_store_set_home(c->store, parameter, canonical, c->err)
                     : pl_fail(c->err, PL_E_INTERNAL, "a weight's layout has no row-major form");
  pl_dnn_desc_destroy(canonical);
  return status;
}

static bool trained(const pl_compiler *c, int32_t tensor) {
  return c->needs[pl_store_parameter(c->store, tensor)] & 1u << PL_DNN_BACKWARD_WEIGHTS;
}

// ---------------------------------------------------------------------------------------------------------------------
// Our own convolutions

typedef enum own_kind { OWN_NONE, OWN_DIRECT, OWN_WINOGRAD } own_kind;

static pl_status find_own(own_kind *own, pl_compiler *c, const pl_dnn_conv *conv) {
  *own = OWN_DIRECT;
  if (pl_direct_supports(conv)) return PL_OK;
  pl_algorithm algorithm = PL_ALGORITHM_DIRECT;
  pl_status status = pl_choices_find(&algorithm, c->store, conv, c->err);
  *own = !status && algorithm == PL_ALGORITHM_WINOGRAD ? OWN_WINOGRAD : OWN_NONE;
  return status;
}

// The layout of weights that they read, and of gradients that they write.
static pl_dnn_desc *own_weights(const pl_dnn_conv *conv, own_kind kind) {
  if (kind == OWN_WINOGRAD) return pl_dnn_desc_weights(conv->oc, conv->ic, conv->kernel, conv->src_block);
  return pl_dnn_desc_row_major(conv->oc, conv->ic, conv->kernel, conv->groups);
}

static int32_t add_own(pl_compiler *c, const pl_dnn_conv *conv, own_kind kind, const int32_t buffers[3]) {
  static void (*const runs[2][2])(const pl_step *, pl_context *) = {{pl_kernel_direct, pl_kernel_direct_weights},
                                                                    {pl_kernel_winograd, pl_kernel_winograd_weights}};
  static const char *const labels[2][3] = {
      {"conv direct", "conv backward data direct", "conv backward weight direct"},
      {"conv winograd", "conv backward data winograd", "conv backward weight winograd"}};
  bool weights = conv->direction == PL_DNN_BACKWARD_WEIGHTS, winograd = kind == OWN_WINOGRAD;
  int32_t step = pl_compiler_step(c, runs[winograd][weights], labels[winograd][conv->direction]);
  pl_compiler_at(c, step)->conv = *conv;
  for (int i = 0; i < 3; i++) pl_compiler_arg(c, step, i, buffers[i]);
  if (winograd) {
    pl_winograd plan = pl_winograd_plan(conv);
    pl_compiler_arg(c, step, 4, pl_compiler_buffer(c, pl_winograd_scratch(&plan)));
  }
  return step;
}

// The buffers of a forward convolution's weights and bias (-1): the store's, or with the batch norm behind it folded
// in.
static pl_status find_weights(pl_compiler *c, const pl_node *node, int32_t index, const pl_dnn_desc *desc,
                              int32_t *weights, int32_t *bias) {
  int32_t norm = node->op == PL_OP_CONV ? c->nodes[index].norm : -1, tensor = node->tensors[0];
  if (norm >= 0) return pl_compiler_fold(c, tensor, &c->graph->nodes[norm], desc, weights, bias);
  *weights = pl_compiler_weight(c, tensor, desc);
  *bias = node->op == PL_OP_CONV && node->tensors[1] >= 0 ? pl_compiler_tensor(c, node->tensors[1]) : -1;
  return PL_OK;
}

// Forward and backward data: x is what it reads.
static pl_status lower_own(pl_compiler *c, const pl_dnn_conv *conv, own_kind kind, const pl_node *node, int32_t index,
                           int32_t x, int32_t y_value) {
  pl_dnn_desc *desc = own_weights(conv, kind);
  if (!desc) return pl_fail(c->err, PL_E_INTERNAL, "no layout for the weights of a convolution");
  bool settles = conv->direction == PL_DNN_FORWARD && trained(c, node->tensors[0]);
  pl_status status = settles ? settle(c, node->tensors[0], desc) : PL_OK;
  int32_t weight = -1, bias = -1;
  if (!status) status = find_weights(c, node, index, desc, &weight, &bias);
  pl_dnn_desc_destroy(desc);
  if (status) return status;
  int32_t y = pl_compiler_define(c, y_value, conv->direction == PL_DNN_FORWARD ? conv->dst_block : conv->src_block);
  int32_t step = add_own(c, conv, kind, (int32_t[]){x, weight, y});
  pl_compiler_arg(c, step, 3, bias);
  return PL_OK;
}

pl_status pl_lower_conv(pl_compiler *c, const pl_node *node, int32_t index) {
  pl_dnn_conv conv;
  int32_t tensor = node->tensors[0], x, weight = -1, bias = -1, step = -1;
  bool folded = c->nodes[index].norm >= 0;
  describe(c, &conv, node, pl_compiler_shape(c, node->in[0]), pl_compiler_shape(c, node->out[0]),
           folded || node->tensors[1] >= 0);
  conv.direction = PL_DNN_FORWARD;
  conv.relu = c->nodes[index].relu >= 0;
  pl_dnn_op op = {0};
  pl_status status = pl_compiler_use(c, node->in[0], conv.src_block, &x);
  own_kind own = OWN_NONE;
  if (!status) status = find_own(&own, c, &conv);
  if (own) return lower_own(c, &conv, own, node, index, x, pl_compiler_output(c, node, index));
  if (!status) status = plan_at_home(c, &op, &conv, tensor);
  // A weight that is trained lives where the forward pass reads it; the backward pass reads a copy.
  if (!status && trained(c, tensor)) status = settle(c, tensor, op.desc[PL_DNN_WEIGHTS]);
  if (!status) status = find_weights(c, node, index, op.desc[PL_DNN_WEIGHTS], &weight, &bias);
  if (!status) status = pl_compiler_primitive(c, &op, "conv", &step);
  if (status) {
    pl_dnn_op_clear(&op);
    return status;
  }
  pl_compiler_op_arg(c, step, PL_DNN_SRC, x);
  pl_compiler_op_arg(c, step, PL_DNN_WEIGHTS, weight);
  if (bias >= 0) pl_compiler_op_arg(c, step, PL_DNN_BIAS, bias);
  pl_compiler_op_arg(c, step, PL_DNN_DST, pl_compiler_define(c, pl_compiler_output(c, node, index), conv.dst_block));
  return PL_OK;
}

pl_status pl_lower_conv_backward_data(pl_compiler *c, const pl_node *node, int32_t index) {
  pl_dnn_conv conv;
  int32_t dy, step = -1;
  describe(c, &conv, node, pl_compiler_shape(c, node->out[0]), pl_compiler_shape(c, node->in[0]), false);
  conv.direction = PL_DNN_BACKWARD_DATA;
  pl_dnn_op op = {0};
  pl_status status = pl_compiler_use(c, node->in[0], conv.dst_block, &dy);
  own_kind own = OWN_NONE;
  if (!status) status = find_own(&own, c, &conv);
  if (own) return lower_own(c, &conv, own, node, index, dy, node->out[0]);
  if (!status) status = plan_at_home(c, &op, &conv, node->tensors[0]);
  int32_t weight = status ? -1 : pl_compiler_weight(c, node->tensors[0], op.desc[PL_DNN_WEIGHTS]);
  if (!status) status = pl_compiler_primitive(c, &op, "conv backward data", &step);
  if (status) {
    pl_dnn_op_clear(&op);
    return status;
  }
  pl_compiler_op_arg(c, step, PL_DNN_DIFF_DST, dy);
  pl_compiler_op_arg(c, step, PL_DNN_WEIGHTS, weight);
  pl_compiler_op_arg(c, step, PL_DNN_DIFF_SRC, pl_compiler_define(c, node->out[0], conv.src_block));
  return PL_OK;
}

static void add_accumulate(pl_compiler *c, int32_t from, int32_t tensor) {
  int32_t step = pl_compiler_step(c, pl_kernel_accumulate, "accumulate");
  pl_compiler_at(c, step)->count = (double)pl_shape_elements(&c->graph->model->tensors[tensor].shape);
  pl_compiler_arg(c, step, 0, from);
  pl_compiler_arg(c, step, 1, pl_compiler_tensor(c, tensor));
}

// Where a primitive writes a gradient: at once into the store, or aside to be converted and added by `finish`.
static int32_t begin_gradient(pl_compiler *c, int32_t tensor, const pl_dnn_desc *desc, bool add) {
  if (!add && pl_store_is_home(c->store, tensor, desc)) return pl_compiler_tensor(c, tensor);
  return pl_compiler_buffer(c, pl_dnn_desc_bytes(desc));
}

static pl_status finish_gradient(pl_compiler *c, int32_t tensor, const pl_dnn_desc *desc, int32_t buffer, bool add) {
  if (!pl_store_is_home(c->store, tensor, desc)) {
    pl_dnn_op op = {0};
    int32_t step = -1;
    const pl_dnn_desc *home = c->store->homes[pl_store_parameter(c->store, tensor)];
    int32_t target = add ? pl_compiler_buffer(c, pl_dnn_desc_bytes(home)) : pl_compiler_tensor(c, tensor);
    pl_status status = pl_dnn_plan_reorder(&op, c->store->backend->dnn, desc, home, c->err);
    if (!status) status = pl_compiler_primitive(c, &op, "reorder gradient", &step);
    if (status) {
      pl_dnn_op_clear(&op);
      return status;
    }
    pl_compiler_op_arg(c, step, PL_DNN_SRC, buffer);
    pl_compiler_op_arg(c, step, PL_DNN_DST, target);
    buffer = target;
  }
  if (add) add_accumulate(c, buffer, tensor);
  return PL_OK;
}

static int32_t begin_bias_gradient(pl_compiler *c, int32_t bias, int64_t channels, bool add) {
  if (bias < 0) return -1;
  return add ? pl_compiler_buffer(c, (size_t)channels * sizeof(float)) : pl_compiler_tensor(c, bias);
}

static pl_status lower_own_weights(pl_compiler *c, const pl_dnn_conv *conv, own_kind kind, const pl_node *node,
                                   int32_t x, int32_t dy) {
  int32_t tensor = node->tensors[0], bias = node->tensors[1];
  pl_dnn_desc *desc = own_weights(conv, kind);
  if (!desc) return pl_fail(c->err, PL_E_INTERNAL, "no layout for the gradient of a convolution");
  pl_status status = settle(c, pl_store_parameter(c->store, tensor), desc);
  if (!status) {
    int32_t gradient = begin_gradient(c, tensor, desc, node->a.add);
    int32_t bias_gradient = begin_bias_gradient(c, bias, conv->oc, node->a.add);
    int32_t step = add_own(c, conv, kind, (int32_t[]){x, dy, gradient});
    pl_compiler_arg(c, step, 3, bias_gradient);
    status = finish_gradient(c, tensor, desc, gradient, node->a.add);
    if (!status && bias >= 0 && node->a.add) add_accumulate(c, bias_gradient, bias);
  }
  pl_dnn_desc_destroy(desc);
  return status;
}

pl_status pl_lower_conv_backward_weight(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  pl_dnn_conv conv;
  int32_t tensor = node->tensors[0], bias = node->tensors[1], x, dy, step = -1;
  describe(c, &conv, node, pl_compiler_shape(c, node->in[0]), pl_compiler_shape(c, node->in[1]), bias >= 0);
  conv.direction = PL_DNN_BACKWARD_WEIGHTS;
  pl_dnn_op op = {0};
  pl_status status = pl_compiler_use(c, node->in[0], conv.src_block, &x);
  if (!status) status = pl_compiler_use(c, node->in[1], conv.dst_block, &dy);
  own_kind own = OWN_NONE;
  if (!status) status = find_own(&own, c, &conv);
  if (own) return lower_own_weights(c, &conv, own, node, x, dy);
  if (!status) status = plan_at_home(c, &op, &conv, tensor);
  if (!status) status = settle(c, pl_store_parameter(c->store, tensor), op.desc[PL_DNN_DIFF_WEIGHTS]);
  pl_dnn_desc *desc = status ? NULL : pl_dnn_desc_clone(op.desc[PL_DNN_DIFF_WEIGHTS]);
  if (!status) status = pl_compiler_primitive(c, &op, "conv backward weight", &step);
  if (status) {
    pl_dnn_desc_destroy(desc);
    pl_dnn_op_clear(&op);
    return status;
  }
  int32_t gradient = begin_gradient(c, tensor, desc, node->a.add);
  int32_t bias_gradient = begin_bias_gradient(c, bias, conv.oc, node->a.add);
  pl_compiler_op_arg(c, step, PL_DNN_SRC, x);
  pl_compiler_op_arg(c, step, PL_DNN_DIFF_DST, dy);
  pl_compiler_op_arg(c, step, PL_DNN_DIFF_WEIGHTS, gradient);
  if (bias >= 0) pl_compiler_op_arg(c, step, PL_DNN_DIFF_BIAS, bias_gradient);
  status = finish_gradient(c, tensor, desc, gradient, node->a.add);
  if (!status && bias >= 0 && node->a.add) add_accumulate(c, bias_gradient, bias);
  pl_dnn_desc_destroy(desc);
  return status;
}
