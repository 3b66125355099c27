#include "gpu/compiler.h"

static void read_value(pl_compiler *c, int32_t value, int32_t reader) {
  c->values[value].readers++;
  c->values[value].reader = reader;
}

static void count_readers(pl_compiler *c) {
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    c->nodes[i] = (pl_node_state){.relu = -1,
                                  .gradient = -1,
                                  .forward = -1,
                                  .factors = -1,
                                  .accumulate = -1,
                                  .sum = -1,
                                  .upsample = -1,
                                  .join = -1,
                                  .squeeze = -1,
                                  .upsampled = -1};
    for (int j = 0; j < PL_NODE_INPUTS_MAX; j++) {
      if (c->graph->nodes[i].in[j] >= 0) read_value(c, c->graph->nodes[i].in[j], i);
    }
  }
  for (int32_t i = 0; i < c->graph->result_count; i++) read_value(c, c->graph->results[i], -1);
}

int32_t pl_fuse_only_reader(const pl_compiler *c, int32_t value, pl_op op) {
  const pl_value_state *state = &c->values[value];
  if (state->readers != 1 || state->reader < 0) return -1;
  return c->graph->nodes[state->reader].op == op ? state->reader : -1;
}

int32_t pl_fuse_maker(const pl_compiler *c, int32_t value, pl_op op) {
  int32_t node = c->graph->values[value].producer;
  return node >= 0 && c->graph->nodes[node].op == op ? node : -1;
}

void pl_fuse_recount(pl_compiler *c, int32_t value) {
  pl_value_state *state = &c->values[value];
  state->readers = 0;
  state->reader = -1;
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    for (int j = 0; j < PL_NODE_INPUTS_MAX && !c->nodes[i].skip; j++) {
      if (c->graph->nodes[i].in[j] == value) read_value(c, value, i);
    }
  }
  for (int32_t i = 0; i < c->graph->result_count; i++) {
    if (c->graph->results[i] == value) read_value(c, value, -1);
  }
}

static void fuse_relu(pl_compiler *c, int32_t node) {
  int32_t relu = pl_fuse_only_reader(c, c->graph->nodes[node].out[0], PL_OP_RELU);
  if (relu < 0) return;
  c->nodes[node].relu = relu;
  c->nodes[relu].skip = true;
}

// ---------------------------------------------------------------------------------------------------------------------

// The one that reads its mean.
int32_t pl_fuse_norm_backward(const pl_compiler *c, const pl_node *norm) {
  int32_t found = -1;
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    const pl_node *node = &c->graph->nodes[i];
    if (node->op != PL_OP_BATCH_NORM_BACKWARD || node->in[2] != norm->out[1]) continue;
    if (found >= 0 || node->in[0] != norm->in[0] || node->in[3] != norm->out[2]) return -2;
    found = i;
  }
  return found;
}

// Batch norm, then relu: both, and their backward, only when all of it follows the one pattern.
static void fuse_norm(pl_compiler *c, int32_t index) {
  const pl_node *norm = &c->graph->nodes[index];
  int32_t relu = pl_fuse_only_reader(c, norm->out[0], PL_OP_RELU),
          backward = relu >= 0 ? pl_fuse_norm_backward(c, norm) : -2;
  if (backward == -2) return;
  if (backward >= 0) {
    int32_t dy = c->graph->nodes[backward].in[1], masked = pl_fuse_maker(c, dy, PL_OP_RELU_BACKWARD);
    if (masked < 0 || c->values[dy].readers != 1) return;
    const pl_node *relu_backward = &c->graph->nodes[masked];
    if (relu_backward->in[0] != c->graph->nodes[relu].out[0]) return;
    c->nodes[masked].skip = true;
    c->nodes[backward].gradient = relu_backward->in[1];
    c->nodes[backward].forward = index;
  }
  fuse_relu(c, index);
}

// A sum of two gradients, of which a convolution makes the second: it adds to the first, which nobody else reads.
static void fuse_residual(pl_compiler *c, int32_t index) {
  const pl_node *add = &c->graph->nodes[index];
  for (int i = 0; i < 2; i++) {
    int32_t part = add->in[i], other = add->in[1 - i];
    int32_t conv = pl_fuse_maker(c, part, PL_OP_CONV_BACKWARD_DATA);
    if (conv < 0 || c->values[part].readers != 1 || c->values[other].readers != 1) continue;
    if (c->graph->values[other].producer >= conv || c->nodes[conv].accumulate >= 0) continue;
    c->nodes[conv].accumulate = other;
    c->nodes[conv].sum = add->out[0];
    c->nodes[index].skip = true;
    return;
  }
}

static void fuse_concat(pl_compiler *c, int32_t index) {
  int32_t a = c->graph->nodes[index].in[0], upsample = pl_fuse_maker(c, a, PL_OP_UPSAMPLE2);
  if (upsample < 0 || c->values[a].readers != 1) return;
  c->nodes[index].upsample = upsample;
  c->nodes[upsample].skip = true;
}

static void fuse_concat_backward(pl_compiler *c, int32_t index) {
  int32_t upsample = pl_fuse_only_reader(c, c->graph->nodes[index].out[0], PL_OP_UPSAMPLE2_BACKWARD);
  if (upsample < 0) return;
  c->nodes[index].upsample = upsample;
  c->nodes[upsample].skip = true;
}

typedef struct rule {
  pl_op op;
  pl_fusion fusion;
  void (*apply)(pl_compiler *c, int32_t node);
} rule;

// Later rules see what earlier ones have taken: a sum that a relu follows is no sum of gradients.
static const rule rules[] = {
    {PL_OP_ADD, PL_FUSION_JOIN, pl_fuse_join},
    {PL_OP_BATCH_NORM, PL_FUSION_NORM_RELU, fuse_norm},
    {PL_OP_BATCH_NORM_EVAL, PL_FUSION_NORM_RELU, fuse_relu},
    {PL_OP_ADD, PL_FUSION_ADD_RELU, fuse_relu},
    {PL_OP_ADD, PL_FUSION_RESIDUAL, fuse_residual},
    {PL_OP_CONV, PL_FUSION_BIAS_RELU, fuse_relu},
    {PL_OP_UPSAMPLE2, PL_FUSION_UPSAMPLE_CONV, pl_fuse_upsample},
    {PL_OP_CONCAT, PL_FUSION_UPSAMPLE_CONCAT, fuse_concat},
    {PL_OP_CONCAT_BACKWARD, PL_FUSION_UPSAMPLE_CONCAT, fuse_concat_backward},
};

void pl_fuse(pl_compiler *c) {
  count_readers(c);
  for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
    if (!pl_compiler_fuses(c, rules[r].fusion)) continue;
    for (int32_t i = 0; i < c->graph->node_count; i++) {
      const pl_node *node = &c->graph->nodes[i];
      bool free_to_fuse = node->op == rules[r].op && !c->nodes[i].skip && c->nodes[i].relu < 0;
      if (free_to_fuse && (node->op != PL_OP_CONV || node->tensors[1] >= 0)) rules[r].apply(c, i);
    }
  }
}
