#include "core/net/graph.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"

size_t pl_dtype_size(pl_dtype dtype) {
  switch (dtype) {
    case PL_F32: return 4;
    case PL_F64: return 8;
    case PL_U8: return 1;
    case PL_I64: return 8;
  }
  return 0;
}

int64_t pl_shape_elements(const pl_shape *shape) {
  int64_t elements = 1;
  for (int i = 0; i < shape->rank; i++) elements *= shape->d[i];
  return elements;
}

bool pl_shape_equal(const pl_shape *a, const pl_shape *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++) {
    if (a->d[i] != b->d[i]) return false;
  }
  return true;
}

pl_shape pl_shape_make(int rank, int64_t d0, int64_t d1, int64_t d2, int64_t d3) {
  assert(rank >= 0 && rank <= 4);
  pl_shape shape = {.rank = rank, .d = {d0, d1, d2, d3}};
  for (int i = rank; i < 4; i++) shape.d[i] = 1;
  for (int i = 0; i < rank; i++) assert(shape.d[i] > 0);
  return shape;
}

// ---------------------------------------------------------------------------------------------------------------------
// Shape inference: each function fills the outputs of a node whose inputs, tensors and attributes are set.

typedef struct output {
  pl_dtype dtype;
  pl_shape shape;
} output;

typedef struct inference {
  const pl_graph *graph;
  const pl_node *node;
  const pl_shape *given;  // of pl_graph_add_shaped, else NULL
  output out[PL_NODE_OUTPUTS_MAX];
} inference;

typedef struct op_row {
  const char *name;
  int inputs, outputs, tensors_min, tensors_max;
  const char *suffix[PL_NODE_OUTPUTS_MAX];  // of the outputs' names; the first has none
  void (*infer)(inference *inference);
} op_row;

static const op_row op_rows[PL_OP_COUNT];

static const pl_shape *in_shape(const inference *i, int input) { return &i->graph->values[i->node->in[input]].shape; }

static const pl_shape *tensor_shape(const inference *i, int tensor) {
  return &i->graph->model->tensors[i->node->tensors[tensor]].shape;
}

static void set(inference *i, int out, pl_dtype dtype, pl_shape shape) {
  i->out[out] = (output){.dtype = dtype, .shape = shape};
}

static void check_channels(const inference *i, int first_tensor, int count, int64_t channels) {
  for (int t = first_tensor; t < first_tensor + count; t++) {
    const pl_shape expected = pl_shape_make(1, channels, 1, 1, 1);
    assert(pl_shape_equal(tensor_shape(i, t), &expected));
    (void)expected;
  }
  (void)i;
}

static void infer_same(inference *i) { set(i, 0, PL_F32, *in_shape(i, 0)); }

static void infer_same_as_both(inference *i) {
  assert(pl_shape_equal(in_shape(i, 0), in_shape(i, 1)));
  infer_same(i);
}

static void infer_given(inference *i) {
  assert(i->given != NULL);
  set(i, 0, PL_F32, *i->given);
}

static void infer_nothing(inference *i) { (void)i; }

static void infer_augment(inference *i) {
  const pl_shape *image = in_shape(i, 0);
  assert(image->rank == 4 && image->d[1] == 1 && pl_shape_equal(image, in_shape(i, 1)));
  assert(in_shape(i, 2)->d[0] == image->d[0] && in_shape(i, 2)->d[1] == PL_AUGMENT_VALUES);
  set(i, 0, PL_F32, pl_shape_make(4, image->d[0], 3, image->d[2], image->d[3]));
  set(i, 1, PL_F32, *image);
}

static pl_shape conv_output(const inference *i, const pl_shape *x, const pl_shape *weight) {
  const pl_attributes *a = &i->node->a;
  assert(x->rank == 4 && weight->rank == 4 && a->groups > 0 && a->stride > 0);
  assert(weight->d[2] == a->kernel && weight->d[3] == a->kernel);
  assert(x->d[1] == weight->d[1] * a->groups && weight->d[0] % a->groups == 0);
  int64_t h = (x->d[2] + 2 * a->pad - a->kernel) / a->stride + 1,
          w = (x->d[3] + 2 * a->pad - a->kernel) / a->stride + 1;
  assert(x->d[2] + 2 * a->pad >= a->kernel && x->d[3] + 2 * a->pad >= a->kernel);
  return pl_shape_make(4, x->d[0], weight->d[0], h, w);
}

static void infer_conv(inference *i) {
  set(i, 0, PL_F32, conv_output(i, in_shape(i, 0), tensor_shape(i, 0)));
  if (i->node->tensors[1] >= 0) check_channels(i, 1, 1, tensor_shape(i, 0)->d[0]);
}

static void infer_conv_backward_data(inference *i) {
  infer_given(i);
  pl_shape y = conv_output(i, i->given, tensor_shape(i, 0));
  assert(pl_shape_equal(&y, in_shape(i, 0)));
  (void)y;
}

static void infer_conv_backward_weight(inference *i) {
  pl_shape y = conv_output(i, in_shape(i, 0), tensor_shape(i, 0));
  assert(pl_shape_equal(&y, in_shape(i, 1)));
  (void)y;
}

static void infer_batch_norm(inference *i) {
  const pl_shape *x = in_shape(i, 0);
  assert(x->rank == 4);
  check_channels(i, 0, 2, x->d[1]);
  set(i, 0, PL_F32, *x);
  set(i, 1, PL_F32, pl_shape_make(1, x->d[1], 1, 1, 1));
  set(i, 2, PL_F32, pl_shape_make(1, x->d[1], 1, 1, 1));
}

static void infer_batch_norm_eval(inference *i) {
  check_channels(i, 0, 4, in_shape(i, 0)->d[1]);
  infer_same(i);
}

static void infer_batch_norm_backward(inference *i) {
  assert(pl_shape_equal(in_shape(i, 0), in_shape(i, 1)));
  assert(in_shape(i, 2)->d[0] == in_shape(i, 0)->d[1] && in_shape(i, 3)->d[0] == in_shape(i, 0)->d[1]);
  check_channels(i, 0, 3, in_shape(i, 0)->d[1]);
  infer_same(i);
}

static void infer_batch_norm_commit(inference *i) {
  check_channels(i, 0, 2, in_shape(i, 0)->d[0]);
  assert(i->node->a.count > 0 && in_shape(i, 2)->d[0] == PL_LOSS_VALUES);
}

static int64_t pooled(const pl_attributes *a, int64_t size) {
  // PyTorch's rule: with ceil_mode the last window must still begin inside the image or its left padding.
  int64_t span = size + 2 * a->pad - a->kernel;
  int64_t count = (span + (a->ceil ? a->stride - 1 : 0)) / a->stride + 1;
  if (a->ceil && (count - 1) * a->stride >= size + a->pad) count--;
  return count;
}

static pl_shape pool_output(const inference *i, const pl_shape *x) {
  const pl_attributes *a = &i->node->a;
  assert(x->rank == 4 && a->kernel > 0 && a->kernel * a->kernel <= 256 && a->stride > 0 && 2 * a->pad <= a->kernel);
  return pl_shape_make(4, x->d[0], x->d[1], pooled(a, x->d[2]), pooled(a, x->d[3]));
}

static void infer_max_pool(inference *i) {
  pl_shape y = pool_output(i, in_shape(i, 0));
  set(i, 0, PL_F32, y);
  set(i, 1, PL_U8, y);
}

static void infer_max_pool_backward(inference *i) {
  infer_given(i);
  pl_shape y = pool_output(i, i->given);
  assert(pl_shape_equal(&y, in_shape(i, 0)) && pl_shape_equal(&y, in_shape(i, 1)));
  (void)y;
}

static void infer_mean_hw(inference *i) {
  const pl_shape *x = in_shape(i, 0);
  assert(x->rank == 4);
  set(i, 0, PL_F32, pl_shape_make(4, x->d[0], x->d[1], 1, 1));
}

// One factor a channel, or one a pixel.
static void check_scale(const inference *i) {
  const pl_shape *x = in_shape(i, 0);
  bool pixels = i->node->op == PL_OP_SCALE_PIXELS || i->node->op == PL_OP_SCALE_PIXELS_BACKWARD;
  pl_shape expected =
      pixels ? pl_shape_make(4, x->d[0], 1, x->d[2], x->d[3]) : pl_shape_make(4, x->d[0], x->d[1], 1, 1);
  assert(pl_shape_equal(&expected, in_shape(i, 1)));
  (void)expected;
}

static void infer_scale(inference *i) {
  check_scale(i);
  infer_same(i);
}

static void infer_scale_backward(inference *i) {
  check_scale(i);
  assert(pl_shape_equal(in_shape(i, 0), in_shape(i, 2)));
  set(i, 0, PL_F32, *in_shape(i, 0));
  set(i, 1, PL_F32, *in_shape(i, 1));
}

static void infer_upsample2(inference *i) {
  const pl_shape *x = in_shape(i, 0);
  set(i, 0, PL_F32, pl_shape_make(4, x->d[0], x->d[1], 2 * x->d[2], 2 * x->d[3]));
}

static void infer_upsample2_backward(inference *i) {
  const pl_shape *y = in_shape(i, 0);
  assert(y->d[2] % 2 == 0 && y->d[3] % 2 == 0);
  set(i, 0, PL_F32, pl_shape_make(4, y->d[0], y->d[1], y->d[2] / 2, y->d[3] / 2));
}

static void infer_concat(inference *i) {
  const pl_shape *a = in_shape(i, 0), *b = in_shape(i, 1);
  assert(a->d[0] == b->d[0] && a->d[2] == b->d[2] && a->d[3] == b->d[3]);
  set(i, 0, PL_F32, pl_shape_make(4, a->d[0], a->d[1] + b->d[1], a->d[2], a->d[3]));
}

static void infer_concat_backward(inference *i) {
  infer_given(i);
  const pl_shape *y = in_shape(i, 0);
  assert(i->given->d[1] < y->d[1]);
  set(i, 1, PL_F32, pl_shape_make(4, y->d[0], y->d[1] - i->given->d[1], y->d[2], y->d[3]));
}

static void infer_combo_loss(inference *i) {
  assert(pl_shape_equal(in_shape(i, 0), in_shape(i, 1)) && in_shape(i, 0)->d[1] == 1);
  set(i, 0, PL_F64, pl_shape_make(1, PL_LOSS_VALUES, 1, 1, 1));
}

static void infer_combo_loss_backward(inference *i) {
  assert(in_shape(i, 2)->d[0] == PL_LOSS_VALUES);
  infer_same_as_both(i);
}

static void infer_dice_sums(inference *i) {
  assert(pl_shape_equal(in_shape(i, 0), in_shape(i, 1)));
  set(i, 0, PL_F64, pl_shape_make(2, in_shape(i, 0)->d[0], PL_DICE_VALUES, 1, 1));
}

static void infer_gradient_norm(inference *i) { set(i, 0, PL_F64, pl_shape_make(1, 2, 1, 1, 1)); }

// ---------------------------------------------------------------------------------------------------------------------

void pl_graph_init(pl_graph *graph, const pl_model *model) { *graph = (pl_graph){.model = model}; }

void pl_graph_clear(pl_graph *graph) {
  free(graph->values);
  free(graph->nodes);
  *graph = (pl_graph){0};
}

static int32_t add_value(pl_graph *graph, const char *name, const char *suffix, pl_dtype dtype, pl_shape shape,
                         int32_t producer) {
  if (graph->value_count == graph->value_capacity) {
    graph->value_capacity = graph->value_capacity == 0 ? 64 : 2 * graph->value_capacity;
    graph->values = pl_xrealloc(graph->values, (size_t)graph->value_capacity, sizeof *graph->values);
  }
  pl_value *value = &graph->values[graph->value_count];
  *value = (pl_value){.dtype = dtype, .shape = shape, .producer = producer};
  int length = snprintf(value->name, sizeof value->name, "%s%s", name, suffix);
  assert(length > 0 && (size_t)length < sizeof value->name);
  (void)length;
  return graph->value_count++;
}

int32_t pl_graph_input(pl_graph *graph, const char *name, pl_dtype dtype, pl_shape shape) {
  assert(graph->input_count < PL_GRAPH_PORTS_MAX);
  int32_t value = add_value(graph, name, "", dtype, shape, -1);
  graph->inputs[graph->input_count++] = value;
  return value;
}

void pl_graph_result(pl_graph *graph, int32_t value) {
  assert(graph->result_count < PL_GRAPH_PORTS_MAX && value >= 0 && value < graph->value_count);
  graph->results[graph->result_count++] = value;
}

int32_t pl_graph_add_shaped(pl_graph *graph, pl_op op, const char *name, const int32_t *in, int in_count,
                            const int32_t *tensors, int tensor_count, const pl_attributes *attributes,
                            const pl_shape *shape) {
  assert(op < PL_OP_COUNT);
  const op_row *row = &op_rows[op];
  assert(in_count == row->inputs && tensor_count >= row->tensors_min && tensor_count <= row->tensors_max);
  pl_node node = {.op = op, .in = {-1, -1, -1, -1}, .out = {-1, -1, -1}, .tensors = {-1, -1, -1, -1}};
  if (attributes != NULL) node.a = *attributes;
  for (int i = 0; i < in_count; i++) {
    assert(in[i] >= 0 && in[i] < graph->value_count);
    node.in[i] = in[i];
  }
  for (int i = 0; i < tensor_count; i++) {
    assert(tensors[i] >= 0 && tensors[i] < graph->model->count);
    node.tensors[i] = tensors[i];
  }
  inference result = {.graph = graph, .node = &node, .given = shape};
  row->infer(&result);
  for (int i = 0; i < row->outputs; i++) {
    const char *suffix = row->suffix[i] == NULL ? "" : row->suffix[i];
    node.out[i] = add_value(graph, name, suffix, result.out[i].dtype, result.out[i].shape, graph->node_count);
  }
  if (graph->node_count == graph->node_capacity) {
    graph->node_capacity = graph->node_capacity == 0 ? 64 : 2 * graph->node_capacity;
    graph->nodes = pl_xrealloc(graph->nodes, (size_t)graph->node_capacity, sizeof *graph->nodes);
  }
  graph->nodes[graph->node_count++] = node;
  return node.out[0];
}

int32_t pl_graph_add(pl_graph *graph, pl_op op, const char *name, const int32_t *in, int in_count,
                     const int32_t *tensors, int tensor_count, const pl_attributes *attributes) {
  return pl_graph_add_shaped(graph, op, name, in, in_count, tensors, tensor_count, attributes, NULL);
}

const char *pl_op_name(pl_op op) { return op < PL_OP_COUNT ? op_rows[op].name : "unknown op"; }

int pl_op_inputs(pl_op op) { return op_rows[op].inputs; }

static const op_row op_rows[PL_OP_COUNT] = {
    [PL_OP_AUGMENT] = {"augment", 3, 2, 0, 0, {"", ".target"}, infer_augment},
    [PL_OP_CONV] = {"conv", 1, 1, 1, 2, {""}, infer_conv},
    [PL_OP_CONV_BACKWARD_DATA] = {"conv_backward_data", 1, 1, 1, 1, {""}, infer_conv_backward_data},
    [PL_OP_CONV_BACKWARD_WEIGHT] = {"conv_backward_weight", 2, 0, 1, 2, {""}, infer_conv_backward_weight},
    [PL_OP_BATCH_NORM] = {"batch_norm", 1, 3, 2, 2, {"", ".mean", ".variance"}, infer_batch_norm},
    [PL_OP_BATCH_NORM_EVAL] = {"batch_norm_eval", 1, 1, 4, 4, {""}, infer_batch_norm_eval},
    [PL_OP_BATCH_NORM_BACKWARD] = {"batch_norm_backward", 4, 1, 3, 3, {""}, infer_batch_norm_backward},
    [PL_OP_BATCH_NORM_COMMIT] = {"batch_norm_commit", 3, 0, 3, 3, {""}, infer_batch_norm_commit},
    [PL_OP_RELU] = {"relu", 1, 1, 0, 0, {""}, infer_same},
    [PL_OP_RELU_BACKWARD] = {"relu_backward", 2, 1, 0, 0, {""}, infer_same_as_both},
    [PL_OP_ADD] = {"add", 2, 1, 0, 0, {""}, infer_same_as_both},
    [PL_OP_MAX_POOL] = {"max_pool", 1, 2, 0, 0, {"", ".index"}, infer_max_pool},
    [PL_OP_MAX_POOL_BACKWARD] = {"max_pool_backward", 2, 1, 0, 0, {""}, infer_max_pool_backward},
    [PL_OP_MEAN_HW] = {"mean_hw", 1, 1, 0, 0, {""}, infer_mean_hw},
    [PL_OP_MEAN_HW_BACKWARD] = {"mean_hw_backward", 1, 1, 0, 0, {""}, infer_given},
    [PL_OP_SIGMOID] = {"sigmoid", 1, 1, 0, 0, {""}, infer_same},
    [PL_OP_SIGMOID_BACKWARD] = {"sigmoid_backward", 2, 1, 0, 0, {""}, infer_same_as_both},
    [PL_OP_SCALE_CHANNELS] = {"scale_channels", 2, 1, 0, 0, {""}, infer_scale},
    [PL_OP_SCALE_CHANNELS_BACKWARD] = {"scale_channels_backward", 3, 2, 0, 0, {"", ".scale"}, infer_scale_backward},
    [PL_OP_SCALE_PIXELS] = {"scale_pixels", 2, 1, 0, 0, {""}, infer_scale},
    [PL_OP_SCALE_PIXELS_BACKWARD] = {"scale_pixels_backward", 3, 2, 0, 0, {"", ".scale"}, infer_scale_backward},
    [PL_OP_UPSAMPLE2] = {"upsample2", 1, 1, 0, 0, {""}, infer_upsample2},
    [PL_OP_UPSAMPLE2_BACKWARD] = {"upsample2_backward", 1, 1, 0, 0, {""}, infer_upsample2_backward},
    [PL_OP_CONCAT] = {"concat", 2, 1, 0, 0, {""}, infer_concat},
    [PL_OP_CONCAT_BACKWARD] = {"concat_backward", 1, 2, 0, 0, {"", ".second"}, infer_concat_backward},
    [PL_OP_COMBO_LOSS] = {"combo_loss", 2, 1, 0, 0, {""}, infer_combo_loss},
    [PL_OP_COMBO_LOSS_BACKWARD] = {"combo_loss_backward", 3, 1, 0, 0, {""}, infer_combo_loss_backward},
    [PL_OP_DICE_SUMS] = {"dice_sums", 2, 1, 0, 0, {""}, infer_dice_sums},
    [PL_OP_GRADIENT_NORM] = {"gradient_norm", 0, 1, 0, 0, {""}, infer_gradient_norm},
    [PL_OP_OPTIMIZER_STEP] = {"optimizer_step", 1, 0, 0, 0, {""}, infer_nothing},
};
