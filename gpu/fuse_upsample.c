// Upsampling, perhaps concatenation with a skip, then a 3x3 convolution: where a network has these in a row and nothing
// else reads what lies between, the convolution is done by two others that never see the upsampled value.
#include "gpu/compiler.h"

static const pl_node *node_at(const pl_compiler *c, int32_t index) { return &c->graph->nodes[index]; }

// The nodes that read the convolution's input, which are at most the convolution and the one for its weight's gradient.
static bool find_convolution(const pl_compiler *c, int32_t input, pl_upsampled *u) {
  int32_t readers = 0;
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    const pl_node *node = node_at(c, i);
    if (node->in[0] != input || c->nodes[i].skip) continue;
    readers++;
    if (node->op == PL_OP_CONV) u->conv = i;
    if (node->op == PL_OP_CONV_BACKWARD_WEIGHT) u->conv_weight = i;
  }
  if (u->conv < 0 || readers != c->values[input].readers || readers != (u->conv_weight >= 0 ? 2 : 1)) return false;
  const pl_node *conv = node_at(c, u->conv);
  const pl_attributes *a = &conv->a;
  return a->kernel == 3 && a->stride == 1 && a->pad == 1 && a->groups == 1 && conv->tensors[1] < 0 &&
         c->nodes[u->conv].relu < 0;
}

// The node that makes the gradient of the convolution's input. False when there are several.
static bool find_data(const pl_compiler *c, pl_upsampled *u) {
  int32_t weight = node_at(c, u->conv)->tensors[0];
  for (int32_t i = 0; i < c->graph->node_count; i++) {
    if (node_at(c, i)->op != PL_OP_CONV_BACKWARD_DATA || node_at(c, i)->tensors[0] != weight) continue;
    if (u->conv_data >= 0) return false;
    u->conv_data = i;
  }
  if (u->conv_data < 0) return true;
  int32_t d = node_at(c, u->conv_data)->out[0];
  if (u->concat >= 0) {
    u->concat_backward = pl_fuse_only_reader(c, d, PL_OP_CONCAT_BACKWARD);
    if (u->concat_backward < 0) return false;
    d = node_at(c, u->concat_backward)->out[0];
  }
  u->upsample_backward = pl_fuse_only_reader(c, d, PL_OP_UPSAMPLE2_BACKWARD);
  return u->upsample_backward >= 0;
}

// Whether the device has engines for all that would be computed.
static bool has_engines(pl_compiler *c, const pl_upsampled *u) {
  const bool wanted[] = {true, u->conv_data >= 0, u->conv_weight >= 0};
  for (int d = PL_DNN_FORWARD; d <= PL_DNN_BACKWARD_WEIGHTS; d++) {
    const pl_dnn_plan *plan;
    if (!wanted[d]) continue;
    pl_dnn_conv wide = pl_upsampled_wide(c, u, (pl_dnn_direction)d);
    if (pl_store_plan(c->store, &wide, &plan, NULL) != PL_OK) return false;
    if (u->skip < 0) continue;
    pl_dnn_conv slice = pl_upsampled_slice(c, u, (pl_dnn_direction)d);
    if (pl_store_plan(c->store, &slice, &plan, NULL) != PL_OK) return false;
  }
  return true;
}

static void take(pl_compiler *c, const pl_upsampled *u) {
  if (c->upsampled_count == c->upsampled_capacity) {
    c->upsampled_capacity = c->upsampled_capacity > 0 ? 2 * c->upsampled_capacity : 8;
    c->upsampled = pl_xrealloc(c->upsampled, c->upsampled_capacity, sizeof *c->upsampled);
  }
  int32_t index = (int32_t)c->upsampled_count++;
  c->upsampled[index] = *u;
  const int32_t instead[] = {u->conv, u->conv_weight, u->conv_data};
  const int32_t gone[] = {u->upsample, u->concat, u->concat_backward, u->upsample_backward};
  for (int i = 0; i < 3; i++) {
    if (instead[i] >= 0) c->nodes[instead[i]].upsampled = index;
  }
  for (int i = 0; i < 4; i++) {
    if (gone[i] >= 0) c->nodes[gone[i]].skip = true;
  }
}

void pl_fuse_upsample(pl_compiler *c, int32_t index) {
  pl_upsampled u = {.upsample = index,
                    .conv = -1,
                    .conv_weight = -1,
                    .conv_data = -1,
                    .concat_backward = -1,
                    .upsample_backward = -1,
                    .x = node_at(c, index)->in[0],
                    .skip = -1};
  int32_t input = node_at(c, index)->out[0];
  u.concat = pl_fuse_only_reader(c, input, PL_OP_CONCAT);
  if (u.concat >= 0) {
    if (node_at(c, u.concat)->in[0] != input) return;
    u.skip = node_at(c, u.concat)->in[1];
    input = node_at(c, u.concat)->out[0];
  }
  if (!find_convolution(c, input, &u)) return;
  u.y = node_at(c, u.conv)->out[0];
  if (find_data(c, &u) && has_engines(c, &u)) take(c, &u);
}
