// The end of a residual block as one: relu(norm(y) [* gate] + other), where `other` is the block's input or the batch
// norm of the downsampling, and everything of its backward pass but the small nodes of squeeze and excitation.
#include "gpu/compiler.h"

static const pl_node *node_at(const pl_compiler *c, int32_t index) { return &c->graph->nodes[index]; }

// The only node of an op that reads a value as its `place`-th input; -1 when there is none, or more.
static int32_t reader_at(const pl_compiler *c, int32_t value, pl_op op, int place) {
  int32_t found = -1;
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    if (node_at(c, i)->op != op || node_at(c, i)->in[place] != value) continue;
    if (found >= 0) return -1;
    found = i;
  }
  return found;
}

// A batch norm that makes a value, which only `readers` nodes read, and that nothing else has taken.
static int32_t free_norm(const pl_compiler *c, int32_t value, int32_t readers) {
  int32_t norm = pl_fuse_maker(c, value, PL_OP_BATCH_NORM);
  if (norm < 0 || node_at(c, norm)->out[0] != value || c->values[value].readers != readers) return -1;
  return c->nodes[norm].skip || c->nodes[norm].statistics || c->nodes[norm].relu >= 0 ? -1 : norm;
}

// The summand that the block computes: norm(y), or norm(y) * gate. Fills the forward half of that branch.
static bool find_main(const pl_compiler *c, int32_t summand, pl_join *j) {
  j->gate = j->squeeze = j->scale_backward = j->mean_backward = j->sum_backward = -1;
  j->norm = free_norm(c, summand, 1);
  if (j->norm >= 0) return true;
  int32_t scale = pl_fuse_maker(c, summand, PL_OP_SCALE_CHANNELS);
  if (scale < 0 || c->values[summand].readers != 1) return false;
  int32_t v = node_at(c, scale)->in[0];
  // Read by the scaling, its backward, and the mean.
  j->norm = free_norm(c, v, 3);
  j->gate = node_at(c, scale)->in[1];
  j->scale_backward = reader_at(c, v, PL_OP_SCALE_CHANNELS_BACKWARD, 0);
  int32_t mean = reader_at(c, v, PL_OP_MEAN_HW, 0);
  if (j->norm < 0 || j->scale_backward < 0 || mean < 0) return false;
  j->squeeze = node_at(c, mean)->out[0];
  return node_at(c, j->scale_backward)->in[1] == j->gate;
}

// Whether the nodes between the backward of the scaling and of the mean read nothing that is made later than `before`,
// but by themselves: then they can be done right after the first pass.
static bool can_hoist(const pl_compiler *c, const pl_join *j, int32_t before) {
  int32_t ds = node_at(c, j->scale_backward)->out[1];
  for (int32_t i = j->scale_backward + 1; i < j->mean_backward; i++) {
    for (int k = 0; k < PL_NODE_INPUTS_MAX && node_at(c, i)->in[k] >= 0; k++) {
      int32_t value = node_at(c, i)->in[k], made = c->graph->values[value].producer;
      if (value != ds && made >= before && made <= j->scale_backward) return false;
    }
  }
  return j->mean_backward > j->scale_backward;
}

// From dz, the gradient behind the relu, to the batch norm's backward.
static bool find_main_backward(const pl_compiler *c, int32_t dz, pl_join *j) {
  j->norm_backward = pl_fuse_norm_backward(c, node_at(c, j->norm));
  if (j->norm_backward < 0) return false;
  int32_t dv = node_at(c, j->norm_backward)->in[1];
  if (j->gate < 0) return dv == dz;
  const pl_node *scale = node_at(c, j->scale_backward);
  j->sum_backward = pl_fuse_only_reader(c, scale->out[0], PL_OP_ADD);
  if (scale->in[2] != dz || j->sum_backward < 0 || c->values[dv].readers != 1) return false;
  const pl_node *sum = node_at(c, j->sum_backward);
  int32_t from_mean = sum->in[0] == scale->out[0] ? sum->in[1] : sum->in[0];
  j->mean_backward = pl_fuse_maker(c, from_mean, PL_OP_MEAN_HW_BACKWARD);
  return sum->out[0] == dv && j->mean_backward >= 0 && c->values[from_mean].readers == 1 &&
         can_hoist(c, j, j->relu_backward);
}

static bool find_other_backward(const pl_compiler *c, int32_t dz, pl_join *j) {
  if (j->other_norm < 0) return true;
  j->other_backward = pl_fuse_norm_backward(c, node_at(c, j->other_norm));
  // Nobody else then gets the gradient that the other batch norm's backward takes.
  return j->other_backward >= 0 && node_at(c, j->other_backward)->in[1] == dz && c->values[dz].readers == 2;
}

static void take(pl_compiler *c, const pl_join *join, int32_t add) {
  if (c->join_count == c->join_capacity) {
    c->join_capacity = c->join_capacity > 0 ? 2 * c->join_capacity : 32;
    c->joins = pl_xrealloc(c->joins, c->join_capacity, sizeof *c->joins);
  }
  c->joins[c->join_count++] = *join;
  c->nodes[join->relu].join = c->nodes[join->relu_backward].join = (int32_t)c->join_count - 1;
  c->nodes[join->norm].statistics = true;
  c->nodes[join->norm].squeeze = join->squeeze;
  if (join->other_norm >= 0) c->nodes[join->other_norm].statistics = true;
  int32_t gone[] = {
      add, join->norm_backward, join->other_backward, join->scale_backward, join->mean_backward, join->sum_backward, -1,
      -1};
  if (join->squeeze >= 0) {
    gone[6] = c->graph->values[join->squeeze].producer;
    for (int i = 0; i < 2; i++) {
      int32_t maker = pl_fuse_maker(c, node_at(c, add)->in[i], PL_OP_SCALE_CHANNELS);
      if (maker >= 0 && node_at(c, maker)->in[1] == join->gate) gone[7] = maker;
    }
  }
  for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
    if (gone[i] >= 0) c->nodes[gone[i]].skip = true;
  }
  pl_fuse_recount(c, node_at(c, join->relu_backward)->out[0]);
}

void pl_fuse_join(pl_compiler *c, int32_t index) {
  const pl_node *add = node_at(c, index);
  pl_join j = {.relu = pl_fuse_only_reader(c, add->out[0], PL_OP_RELU), .other_backward = -1};
  if (j.relu < 0) return;
  j.relu_backward = reader_at(c, node_at(c, j.relu)->out[0], PL_OP_RELU_BACKWARD, 0);
  if (j.relu_backward < 0) return;
  int32_t dz = node_at(c, j.relu_backward)->out[0];
  for (int i = 0; i < 2; i++) {
    j.other = add->in[1 - i];
    j.other_norm = free_norm(c, j.other, 1);
    if (j.other == add->in[i] || !find_main(c, add->in[i], &j)) continue;
    if (!find_main_backward(c, dz, &j) || !find_other_backward(c, dz, &j)) continue;
    take(c, &j, index);
    return;
  }
}
