#include "core/net/backend_onednn/compiler.h"

// ---------------------------------------------------------------------------------------------------------------------
// Batch norm

static pl_dnn_norm describe_norm(const pl_node *node, const pl_shape *x, int64_t block, bool backward, bool relu) {
  return (pl_dnn_norm){.backward = backward,
                       .n = x->d[0],
                       .c = x->d[1],
                       .h = x->d[2],
                       .w = x->d[3],
                       .block = block,
                       .epsilon = node->a.epsilon,
                       .relu = relu};
}

pl_status pl_lower_norm(pl_compiler *c, const pl_node *node, int32_t index) {
  int64_t block = pl_compiler_block(c, node->in[0]);
  int32_t x, step = -1;
  bool relu = c->nodes[index].relu >= 0;
  pl_dnn_norm norm = describe_norm(node, pl_compiler_shape(c, node->in[0]), block, false, relu);
  pl_dnn_op op = {0};
  pl_status status = pl_compiler_use(c, node->in[0], block, &x);
  if (!status) status = pl_dnn_plan_norm(&op, c->store->backend->dnn, &norm, c->err);
  size_t workspace = !status && op.desc[PL_DNN_WORKSPACE] ? pl_dnn_desc_bytes(op.desc[PL_DNN_WORKSPACE]) : 0;
  if (!status) status = pl_compiler_primitive(c, &op, relu ? "batch norm + relu" : "batch norm", &step);
  if (status) {
    pl_dnn_op_clear(&op);
    return status;
  }
  pl_compiler_op_arg(c, step, PL_DNN_SRC, x);
  pl_compiler_op_arg(c, step, PL_DNN_SCALE, pl_compiler_tensor(c, node->tensors[0]));
  pl_compiler_op_arg(c, step, PL_DNN_SHIFT, pl_compiler_tensor(c, node->tensors[1]));
  pl_compiler_op_arg(c, step, PL_DNN_DST, pl_compiler_define(c, pl_compiler_output(c, node, index), block));
  pl_compiler_op_arg(c, step, PL_DNN_MEAN, pl_compiler_define(c, node->out[1], 1));
  pl_compiler_op_arg(c, step, PL_DNN_VARIANCE, pl_compiler_define(c, node->out[2], 1));
  if (workspace) {
    c->nodes[index].workspace = pl_compiler_buffer(c, workspace);
    pl_compiler_op_arg(c, step, PL_DNN_WORKSPACE, c->nodes[index].workspace);
  }
  return PL_OK;
}

// A gradient of [c] floats: straight into the store, or aside when it is added.
static int32_t channel_gradient(pl_compiler *c, int32_t step, pl_dnn_arg place, int32_t tensor, bool add) {
  int64_t elements = pl_shape_elements(&c->graph->model->tensors[tensor].shape);
  int32_t buffer = add ? pl_compiler_buffer(c, (size_t)elements * sizeof(float)) : pl_compiler_tensor(c, tensor);
  pl_compiler_op_arg(c, step, place, buffer);
  return buffer;
}

static void add_to_gradient(pl_compiler *c, int32_t buffer, int32_t tensor) {
  int32_t step = pl_compiler_step(c, pl_kernel_accumulate, "accumulate");
  pl_compiler_at(c, step)->count = (double)pl_shape_elements(&c->graph->model->tensors[tensor].shape);
  pl_compiler_arg(c, step, 0, buffer);
  pl_compiler_arg(c, step, 1, pl_compiler_tensor(c, tensor));
}

pl_status pl_lower_norm_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  const pl_node_state *state = &c->nodes[index];
  bool relu = state->forward >= 0;
  int32_t workspace = relu ? c->nodes[state->forward].workspace : -1, x, dy, mean, variance, step = -1;
  int64_t block = pl_compiler_block(c, node->in[0]);
  pl_dnn_norm norm = describe_norm(node, pl_compiler_shape(c, node->in[0]), block, true, relu);
  pl_dnn_op op = {0};
  pl_status status = pl_compiler_use(c, node->in[0], block, &x);
  if (!status) status = pl_compiler_use(c, relu ? state->gradient : node->in[1], block, &dy);
  if (!status) status = pl_compiler_use(c, node->in[2], 1, &mean);
  if (!status) status = pl_compiler_use(c, node->in[3], 1, &variance);
  if (!status) status = pl_dnn_plan_norm(&op, c->store->backend->dnn, &norm, c->err);
  if (!status)
    status = pl_compiler_primitive(c, &op, relu ? "batch norm + relu backward" : "batch norm backward", &step);
  if (status) {
    pl_dnn_op_clear(&op);
    return status;
  }
  pl_compiler_op_arg(c, step, PL_DNN_SRC, x);
  pl_compiler_op_arg(c, step, PL_DNN_DIFF_DST, dy);
  pl_compiler_op_arg(c, step, PL_DNN_MEAN, mean);
  pl_compiler_op_arg(c, step, PL_DNN_VARIANCE, variance);
  int32_t gamma = pl_compiler_tensor(c, node->tensors[0]);
  pl_compiler_op_arg(c, step, PL_DNN_SCALE, gamma);
  pl_compiler_op_arg(c, step, PL_DNN_SHIFT, gamma);  // asked for, but not read
  if (workspace >= 0) pl_compiler_op_arg(c, step, PL_DNN_WORKSPACE, workspace);
  pl_compiler_op_arg(c, step, PL_DNN_DIFF_SRC, pl_compiler_define(c, node->out[0], block));
  int32_t scale = channel_gradient(c, step, PL_DNN_DIFF_SCALE, node->tensors[1], node->a.add);
  int32_t shift = channel_gradient(c, step, PL_DNN_DIFF_SHIFT, node->tensors[2], node->a.add);
  if (node->a.add) {
    add_to_gradient(c, scale, node->tensors[1]);
    add_to_gradient(c, shift, node->tensors[2]);
  }
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Our own kernels. `begin` starts a step with the inputs in one layout; outputs follow at the next places.

enum { NODE_BLOCK = 0 };  // the first input's own layout

static pl_status begin(pl_compiler *c, const pl_node *node, void (*run)(const pl_step *, pl_context *), int inputs,
                       int64_t block, int32_t *step) {
  int32_t buffers[PL_NODE_INPUTS_MAX];
  if (block == NODE_BLOCK) block = pl_compiler_block(c, node->in[0]);
  for (int i = 0; i < inputs; i++) {
    pl_status status = pl_compiler_use(c, node->in[i], block, &buffers[i]);
    if (status) return status;
  }
  *step = pl_compiler_step(c, run, pl_op_name(node->op));
  pl_step *s = pl_compiler_at(c, *step);
  if (inputs > 0) pl_compiler_set_shape(s, pl_compiler_shape(c, node->in[0]), block);
  s->a = node->a;
  for (int i = 0; i < inputs; i++) pl_compiler_arg(c, *step, i, buffers[i]);
  return PL_OK;
}

static void output(pl_compiler *c, int32_t step, int place, int32_t value) {
  pl_compiler_arg(c, step, place, pl_compiler_define(c, value, pl_compiler_at(c, step)->block));
}

static void take_output_size(pl_compiler *c, int32_t step, int32_t value) {
  pl_compiler_at(c, step)->oh = pl_compiler_shape(c, value)->d[2];
  pl_compiler_at(c, step)->ow = pl_compiler_shape(c, value)->d[3];
}

// For backward kernels: the dimensions are the result's.
static void take_result_shape(pl_compiler *c, int32_t step, int32_t value) {
  pl_step *s = pl_compiler_at(c, step);
  s->oh = s->h;
  s->ow = s->w;
  pl_compiler_set_shape(s, pl_compiler_shape(c, value), s->block);
}

// One output in the first input's layout, all inputs in that layout too.
static pl_status simple(pl_compiler *c, const pl_node *node, int32_t index, void (*run)(const pl_step *, pl_context *),
                        int inputs) {
  int32_t step;
  pl_status status = begin(c, node, run, inputs, NODE_BLOCK, &step);
  if (status) return status;
  pl_compiler_at(c, step)->relu = c->nodes[index].relu >= 0;
  output(c, step, inputs, pl_compiler_output(c, node, index));
  return PL_OK;
}

pl_status pl_lower_relu(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, pl_kernel_relu, 1);
}

pl_status pl_lower_relu_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, pl_kernel_relu_backward, 2);
}

pl_status pl_lower_add(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, pl_kernel_add, 2);
}

pl_status pl_lower_sigmoid(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, pl_kernel_sigmoid, 1);
}

pl_status pl_lower_sigmoid_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, pl_kernel_sigmoid_backward, 2);
}

pl_status pl_lower_norm_eval(pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_norm_eval, 1, NODE_BLOCK, &step);
  if (status) return status;
  pl_step *s = pl_compiler_at(c, step);
  s->relu = c->nodes[index].relu >= 0;
  size_t channels = (size_t)s->c;
  for (int i = 0; i < 4; i++) pl_compiler_arg(c, step, 1 + i, pl_compiler_tensor(c, node->tensors[i]));
  output(c, step, 5, pl_compiler_output(c, node, index));
  pl_compiler_arg(c, step, 6, pl_compiler_buffer(c, 2 * channels * sizeof(float)));
  return PL_OK;
}

pl_status pl_lower_norm_commit(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_norm_commit, 3, 1, &step);
  if (status) return status;
  pl_step *s = pl_compiler_at(c, step);
  s->c = pl_compiler_shape(c, node->in[0])->d[0];
  s->count = (double)node->a.count;
  for (int i = 0; i < 3; i++) pl_compiler_arg(c, step, 3 + i, pl_compiler_tensor(c, node->tensors[i]));
  return PL_OK;
}

pl_status pl_lower_max_pool(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_max_pool, 1, NODE_BLOCK, &step);
  if (status) return status;
  take_output_size(c, step, node->out[0]);
  output(c, step, 1, node->out[0]);
  output(c, step, 2, node->out[1]);
  return PL_OK;
}

pl_status pl_lower_max_pool_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_max_pool_backward, 2, NODE_BLOCK, &step);
  if (status) return status;
  take_result_shape(c, step, node->out[0]);
  output(c, step, 2, node->out[0]);
  return PL_OK;
}

pl_status pl_lower_mean(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, pl_kernel_mean, 1);
}

pl_status pl_lower_mean_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  // The input is one pixel and fits any layout; most convolutions around it like this one.
  int64_t channels = pl_compiler_shape(c, node->in[0])->d[1];
  pl_status status = begin(c, node, pl_kernel_mean_backward, 1, pl_compiler_common_block(c, channels, channels), &step);
  if (status) return status;
  take_result_shape(c, step, node->out[0]);
  output(c, step, 1, node->out[0]);
  return PL_OK;
}

pl_status pl_lower_scale(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, pl_kernel_scale, 2);
}

pl_status pl_lower_scale_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_scale_backward, 3, NODE_BLOCK, &step);
  if (status) return status;
  for (int i = 0; i < 2; i++)
    if (c->values[node->out[i]].readers > 0) output(c, step, 3 + i, node->out[i]);
  return PL_OK;
}

pl_status pl_lower_upsample(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, pl_kernel_upsample, 1);
}

pl_status pl_lower_upsample_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_upsample_backward, 1, NODE_BLOCK, &step);
  if (status) return status;
  take_result_shape(c, step, node->out[0]);
  output(c, step, 1, node->out[0]);
  return PL_OK;
}

pl_status pl_lower_concat(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  int64_t a = pl_compiler_shape(c, node->in[0])->d[1], b = pl_compiler_shape(c, node->in[1])->d[1];
  pl_status status = begin(c, node, pl_kernel_concat, 2, pl_compiler_common_block(c, a, b), &step);
  if (status) return status;
  pl_compiler_at(c, step)->c2 = b;
  output(c, step, 2, node->out[0]);
  return PL_OK;
}

pl_status pl_lower_concat_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  int64_t a = pl_compiler_shape(c, node->out[0])->d[1], b = pl_compiler_shape(c, node->out[1])->d[1];
  pl_status status = begin(c, node, pl_kernel_concat_backward, 1, pl_compiler_common_block(c, a, b), &step);
  if (status) return status;
  pl_compiler_at(c, step)->c = a;
  pl_compiler_at(c, step)->c2 = b;
  for (int i = 0; i < 2; i++)
    if (c->values[node->out[i]].readers > 0) output(c, step, 1 + i, node->out[i]);
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Ends of the graph: dense tensors

static int64_t chunks(int64_t elements, int64_t chunk) { return (elements + chunk - 1) / chunk; }

pl_status pl_lower_augment(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_augment, 3, 1, &step);
  if (status) return status;
  output(c, step, 3, node->out[0]);
  output(c, step, 4, node->out[1]);
  return PL_OK;
}

pl_status pl_lower_loss(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_loss, 2, 1, &step);
  if (status) return status;
  int64_t parts = chunks(pl_shape_elements(pl_compiler_shape(c, node->in[0])), PL_LOSS_CHUNK);
  output(c, step, 2, node->out[0]);
  pl_compiler_arg(c, step, 3, pl_compiler_buffer(c, (size_t)parts * PL_LOSS_SUMS * sizeof(double)));
  return PL_OK;
}

pl_status pl_lower_loss_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_loss_backward, 3, 1, &step);
  if (status) return status;
  output(c, step, 3, node->out[0]);
  return PL_OK;
}

pl_status pl_lower_dice(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_dice_sums, 2, 1, &step);
  if (status) return status;
  const pl_shape *shape = pl_compiler_shape(c, node->in[0]);
  int64_t parts = shape->d[0] * chunks(pl_shape_elements(shape) / shape->d[0], PL_LOSS_CHUNK);
  output(c, step, 2, node->out[0]);
  pl_compiler_arg(c, step, 3, pl_compiler_buffer(c, (size_t)parts * PL_DICE_VALUES * sizeof(double)));
  return PL_OK;
}

pl_status pl_lower_gradient_norm(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_gradient_norm, 0, 1, &step);
  if (status) return status;
  int64_t parts = chunks((int64_t)c->store->flat_elements[PL_FLAT_GRADIENT], PL_FLAT_CHUNK);
  output(c, step, 0, node->out[0]);
  pl_compiler_arg(c, step, 1, pl_compiler_buffer(c, (size_t)parts * sizeof(double)));
  return PL_OK;
}

pl_status pl_lower_adam(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step, counter = pl_model_find(c->graph->model, "optimizer.step");
  if (counter < 0) return pl_fail(c->err, PL_E_USAGE, "the model has no tensor named optimizer.step");
  pl_status status = begin(c, node, pl_kernel_adam, 1, 1, &step);
  if (status) return status;
  pl_compiler_arg(c, step, 1, pl_compiler_tensor(c, counter));
  return PL_OK;
}
