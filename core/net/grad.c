// Reverse-mode differentiation over the graph's nodes: walks them backwards and appends, for each that the result
// depends on, the nodes of its derivative. One rule per op, in a table.
#include "core/net/graph.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"

typedef struct walk {
  pl_graph *graph;
  bool add;
  bool *needed;       // by value: a parameter or a wanted input lies behind it
  int32_t *gradient;  // by value: its gradient so far, -1 none
  bool *written;      // by tensor: this walk already writes its gradient
} walk;

typedef void rule(walk *w, const pl_node *node, int32_t dy);

static rule *const rules[PL_OP_COUNT];

static void gradient_name(char name[PL_NAME_MAX], const walk *w, int32_t value) {
  char full[2 * PL_NAME_MAX];
  snprintf(full, sizeof full, "d.%s", w->graph->values[value].name);
  pl_copy_text(name, PL_NAME_MAX, full);
}

// `part` is one summand of the gradient of `value`; where a value has several readers they are added up.
static void accumulate(walk *w, int32_t value, int32_t part) {
  if (!w->needed[value]) return;
  if (w->gradient[value] >= 0) {
    char name[PL_NAME_MAX];
    gradient_name(name, w, value);
    part = pl_graph_add(w->graph, PL_OP_ADD, name, (int32_t[]){w->gradient[value], part}, 2, NULL, 0, NULL);
  }
  w->gradient[value] = part;
}

// The tensor that holds a parameter's gradient. `*add` becomes true when something is in it already.
static int32_t gradient_tensor(walk *w, int32_t parameter, bool *add) {
  int32_t tensor = pl_model_find_of(w->graph->model, PL_ROLE_GRADIENT, parameter);
  assert(tensor >= 0);
  if (w->written[tensor]) *add = true;
  w->written[tensor] = true;
  return tensor;
}

// Appends a node whose first output is the gradient of node->in[0], and accumulates it.
static int32_t append(walk *w, const pl_node *node, pl_op op, const int32_t *in, int in_count, const int32_t *tensors,
                      int tensor_count, const pl_attributes *attributes) {
  char name[PL_NAME_MAX];
  gradient_name(name, w, node->in[0]);
  pl_shape shape = w->graph->values[node->in[0]].shape;
  return pl_graph_add_shaped(w->graph, op, name, in, in_count, tensors, tensor_count, attributes, &shape);
}

static void backward_conv(walk *w, const pl_node *node, int32_t dy) {
  pl_attributes a = node->a;
  a.add = w->add;
  int tensor_count = node->tensors[1] >= 0 ? 2 : 1;
  int32_t gradients[2] = {-1, -1};
  // The weight's gradient first: after it the input's memory is free for the data's gradient.
  for (int i = 0; i < tensor_count; i++) gradients[i] = gradient_tensor(w, node->tensors[i], &a.add);
  append(w, node, PL_OP_CONV_BACKWARD_WEIGHT, (int32_t[]){node->in[0], dy}, 2, gradients, tensor_count, &a);
  if (!w->needed[node->in[0]]) return;
  int32_t dx = append(w, node, PL_OP_CONV_BACKWARD_DATA, &dy, 1, node->tensors, 1, &node->a);
  accumulate(w, node->in[0], dx);
}

static void backward_batch_norm(walk *w, const pl_node *node, int32_t dy) {
  pl_attributes a = node->a;
  a.add = w->add;
  int32_t gamma = gradient_tensor(w, node->tensors[0], &a.add), beta = gradient_tensor(w, node->tensors[1], &a.add);
  int32_t dx = append(w, node, PL_OP_BATCH_NORM_BACKWARD, (int32_t[]){node->in[0], dy, node->out[1], node->out[2]}, 4,
                      (int32_t[]){node->tensors[0], gamma, beta}, 3, &a);
  accumulate(w, node->in[0], dx);
}

static void backward_relu(walk *w, const pl_node *node, int32_t dy) {
  accumulate(w, node->in[0], append(w, node, PL_OP_RELU_BACKWARD, (int32_t[]){node->out[0], dy}, 2, NULL, 0, NULL));
}

static void backward_sigmoid(walk *w, const pl_node *node, int32_t dy) {
  accumulate(w, node->in[0], append(w, node, PL_OP_SIGMOID_BACKWARD, (int32_t[]){node->out[0], dy}, 2, NULL, 0, NULL));
}

static void backward_add(walk *w, const pl_node *node, int32_t dy) {
  accumulate(w, node->in[0], dy);
  accumulate(w, node->in[1], dy);
}

static void backward_max_pool(walk *w, const pl_node *node, int32_t dy) {
  int32_t in[] = {node->out[1], dy};
  accumulate(w, node->in[0], append(w, node, PL_OP_MAX_POOL_BACKWARD, in, 2, NULL, 0, &node->a));
}

static void backward_mean_hw(walk *w, const pl_node *node, int32_t dy) {
  accumulate(w, node->in[0], append(w, node, PL_OP_MEAN_HW_BACKWARD, &dy, 1, NULL, 0, NULL));
}

static void backward_scale(walk *w, const pl_node *node, int32_t dy) {
  int32_t in[] = {node->in[0], node->in[1], dy};
  pl_op op = node->op == PL_OP_SCALE_PIXELS ? PL_OP_SCALE_PIXELS_BACKWARD : PL_OP_SCALE_CHANNELS_BACKWARD;
  int32_t dx = append(w, node, op, in, 3, NULL, 0, NULL);
  accumulate(w, node->in[0], dx);
  accumulate(w, node->in[1], dx + 1);
}

static void backward_upsample2(walk *w, const pl_node *node, int32_t dy) {
  accumulate(w, node->in[0], append(w, node, PL_OP_UPSAMPLE2_BACKWARD, &dy, 1, NULL, 0, NULL));
}

static void backward_concat(walk *w, const pl_node *node, int32_t dy) {
  int32_t da = append(w, node, PL_OP_CONCAT_BACKWARD, &dy, 1, NULL, 0, NULL);
  accumulate(w, node->in[0], da);
  accumulate(w, node->in[1], da + 1);
}

static bool has_parameters(const pl_graph *graph, const pl_node *node) {
  for (int i = 0; i < PL_NODE_TENSORS_MAX && node->tensors[i] >= 0; i++) {
    const pl_tensor *tensor = &graph->model->tensors[node->tensors[i]];
    if (tensor->role == PL_ROLE_PARAMETER && !tensor->frozen) return true;
  }
  return false;
}

static void mark_needed(walk *w, int32_t node_count, const int32_t *wanted, int wanted_count) {
  for (int i = 0; i < wanted_count; i++) w->needed[wanted[i]] = true;
  for (int32_t n = 0; n < node_count; n++) {
    const pl_node *node = &w->graph->nodes[n];
    bool needed = has_parameters(w->graph, node);
    for (int i = 0; i < PL_NODE_INPUTS_MAX && node->in[i] >= 0; i++) needed = needed || w->needed[node->in[i]];
    for (int i = 0; i < PL_NODE_OUTPUTS_MAX && node->out[i] >= 0; i++) {
      if (needed) w->needed[node->out[i]] = true;
    }
  }
}

void pl_graph_backward_from(pl_graph *graph, int32_t value, int32_t gradient, int32_t *wanted, int wanted_count,
                            bool add) {
  assert(pl_shape_equal(&graph->values[value].shape, &graph->values[gradient].shape));
  int32_t node_count = graph->node_count;
  size_t values = (size_t)graph->value_count;
  walk w = {.graph = graph,
            .add = add,
            .needed = pl_xcalloc(values, sizeof(bool)),
            .gradient = pl_xcalloc(values, sizeof(int32_t)),
            .written = pl_xcalloc((size_t)graph->model->count + 1, sizeof(bool))};
  for (size_t i = 0; i < values; i++) w.gradient[i] = -1;
  mark_needed(&w, node_count, wanted, wanted_count);
  w.gradient[value] = gradient;
  for (int32_t n = node_count - 1; n >= 0; n--) {
    const pl_node node = graph->nodes[n];  // a copy: appending moves the array
    int32_t dy = node.out[0] >= 0 ? w.gradient[node.out[0]] : -1;
    if (dy < 0 || !w.needed[node.out[0]]) continue;
    assert(rules[node.op] != NULL);
    rules[node.op](&w, &node, dy);
  }
  for (int i = 0; i < wanted_count; i++) wanted[i] = w.gradient[wanted[i]];
  free(w.needed);
  free(w.gradient);
  free(w.written);
}

void pl_graph_backward(pl_graph *graph, int32_t loss, bool add) {
  assert(graph->values[loss].producer >= 0);
  const pl_node node = graph->nodes[graph->values[loss].producer];
  assert(node.op == PL_OP_COMBO_LOSS);
  int32_t in[] = {node.in[0], node.in[1], loss};
  int32_t logits = pl_graph_add(graph, PL_OP_COMBO_LOSS_BACKWARD, "d.logits", in, 3, NULL, 0, &node.a);
  pl_graph_backward_from(graph, node.in[0], logits, NULL, 0, add);
}

// Ops without a rule have no derivative: inference batch norm, the loss (it seeds the walk), sums and updates.
static rule *const rules[PL_OP_COUNT] = {
    [PL_OP_CONV] = backward_conv,          [PL_OP_BATCH_NORM] = backward_batch_norm,
    [PL_OP_RELU] = backward_relu,          [PL_OP_ADD] = backward_add,
    [PL_OP_MAX_POOL] = backward_max_pool,  [PL_OP_MEAN_HW] = backward_mean_hw,
    [PL_OP_SIGMOID] = backward_sigmoid,    [PL_OP_SCALE_CHANNELS] = backward_scale,
    [PL_OP_SCALE_PIXELS] = backward_scale, [PL_OP_UPSAMPLE2] = backward_upsample2,
    [PL_OP_CONCAT] = backward_concat,
};
