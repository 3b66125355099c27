#include <string.h>

#include "core/net/backend_onednn/compiler.h"

static void read_value(pl_compiler *c, int32_t value, int32_t reader) {
  c->values[value].readers++;
  c->values[value].reader = reader;
}

static void count_readers(pl_compiler *c) {
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    c->nodes[i] =
        (pl_node_state){.relu = -1, .norm = -1, .gradient = -1, .workspace = -1, .forward = -1, .upsample = -1};
    for (int j = 0; j < PL_NODE_INPUTS_MAX; j++)
      if (c->graph->nodes[i].in[j] >= 0) read_value(c, c->graph->nodes[i].in[j], i);
  }
  for (int32_t i = 0; i < c->graph->result_count; i++) read_value(c, c->graph->results[i], -1);
}

// The node that alone reads a value, if its op is `op`; else -1.
static int32_t only_reader(const pl_compiler *c, int32_t value, pl_op op) {
  const pl_value_state *state = &c->values[value];
  if (state->readers != 1 || state->reader < 0) return -1;
  return c->graph->nodes[state->reader].op == op ? state->reader : -1;
}

static void fuse_relu(pl_compiler *c, int32_t node, int32_t relu) {
  c->nodes[node].relu = relu;
  c->nodes[relu].skip = true;
}

// The backward of a batch norm: the one that reads its mean. -1 when there is none, -2 when there are several.
static int32_t backward_of(const pl_compiler *c, const pl_node *norm) {
  int32_t found = -1;
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    const pl_node *node = &c->graph->nodes[i];
    if (node->op != PL_OP_BATCH_NORM_BACKWARD || node->in[2] != norm->out[1]) continue;
    if (found >= 0 || node->in[0] != norm->in[0] || node->in[3] != norm->out[2]) return -2;
    found = i;
  }
  return found;
}

// Batch norm, then relu: one kernel does both, and its backward kernel as well. That only works when all of it follows
// the one pattern.
static void fuse_norm(pl_compiler *c, int32_t index) {
  const pl_node *norm = &c->graph->nodes[index];
  int32_t relu = only_reader(c, norm->out[0], PL_OP_RELU);
  int32_t backward = relu >= 0 ? backward_of(c, norm) : -2;
  if (backward == -2) return;
  if (backward >= 0) {
    int32_t dy = c->graph->nodes[backward].in[1], maker = c->graph->values[dy].producer;
    if (maker < 0 || c->values[dy].readers != 1) return;
    const pl_node *relu_backward = &c->graph->nodes[maker];
    if (relu_backward->op != PL_OP_RELU_BACKWARD || relu_backward->in[0] != c->graph->nodes[relu].out[0]) return;
    c->nodes[maker].skip = true;
    c->nodes[backward].gradient = relu_backward->in[1];
    c->nodes[backward].forward = index;
  }
  fuse_relu(c, index, relu);
}

// Convolution, then the batch norm of inference, then perhaps relu: the convolution does all of it.
static void fuse_norm_eval(pl_compiler *c, int32_t index) {
  const pl_node *norm = &c->graph->nodes[index];
  int32_t conv = c->graph->values[norm->in[0]].producer, relu = only_reader(c, norm->out[0], PL_OP_RELU);
  bool folds = conv >= 0 && c->graph->nodes[conv].op == PL_OP_CONV && c->graph->nodes[conv].tensors[1] < 0 &&
               only_reader(c, norm->in[0], PL_OP_BATCH_NORM_EVAL) == index;
  if (folds) {
    c->nodes[conv].norm = index;
    c->nodes[index].skip = true;
  }
  if (relu >= 0) fuse_relu(c, folds ? conv : index, relu);
}

// Upsampling of what becomes the first part of a concatenation, and the same backwards: the concatenation does both.
static void fuse_upsample(pl_compiler *c, int32_t index) {
  const pl_node *node = &c->graph->nodes[index];
  int32_t upsample = node->op == PL_OP_CONCAT ? c->graph->values[node->in[0]].producer
                                              : only_reader(c, node->out[0], PL_OP_UPSAMPLE2_BACKWARD);
  bool fuses =
      upsample >= 0 && (node->op == PL_OP_CONCAT_BACKWARD || (c->graph->nodes[upsample].op == PL_OP_UPSAMPLE2 &&
                                                              only_reader(c, node->in[0], PL_OP_CONCAT) == index));
  if (!fuses) return;
  c->nodes[index].upsample = upsample;
  c->nodes[upsample].skip = true;
}

// The gradient of what scales the channels of a batch norm's output: that output is not kept for it.
static void fuse_scale_backward(pl_compiler *c, int32_t index) {
  int32_t norm = c->graph->values[c->graph->nodes[index].in[0]].producer;
  bool made = norm >= 0 && c->graph->nodes[norm].op == PL_OP_BATCH_NORM;
  if (made && c->nodes[norm].relu < 0) c->nodes[index].forward = norm;
}

// What only copies its inputs is large and quickly copied again: it is not kept for the backward pass.
static void find_copies(pl_compiler *c) {
  c->turn = 0;
  while (c->turn < c->graph->node_count && !strstr(pl_op_name(c->graph->nodes[c->turn].op), "backward")) c->turn++;
  for (int32_t i = 0; i < c->turn; i++) {
    pl_op op = c->graph->nodes[i].op;
    if (op == PL_OP_CONCAT || op == PL_OP_UPSAMPLE2) c->values[c->graph->nodes[i].out[0]].again = true;
  }
}

void pl_fuse(pl_compiler *c) {
  count_readers(c);
  find_copies(c);
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    const pl_node *node = &c->graph->nodes[i];
    if (node->op == PL_OP_BATCH_NORM) fuse_norm(c, i);
    if (node->op == PL_OP_SCALE_CHANNELS_BACKWARD) fuse_scale_backward(c, i);
    if (node->op == PL_OP_BATCH_NORM_EVAL) fuse_norm_eval(c, i);
    if (node->op == PL_OP_CONCAT || node->op == PL_OP_CONCAT_BACKWARD) fuse_upsample(c, i);
    if (node->op == PL_OP_ADD) {
      int32_t relu = only_reader(c, node->out[0], PL_OP_RELU);
      if (relu >= 0) fuse_relu(c, i, relu);
    }
  }
}
