#include "core/net/backend_onednn/compiler.h"

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

// Room for two sums a channel of every piece that the kernels cut x into.
static int32_t partial_sums(pl_compiler *c, const pl_shape *x, int64_t block) {
  int64_t rows = PL_NORM_PIECE / block > 0 ? PL_NORM_PIECE / block : 1, pixels = x->d[2] * x->d[3];
  int64_t pieces = x->d[0] * x->d[1] / block * ((pixels + rows - 1) / rows);
  return pl_compiler_buffer(c, (size_t)(2 * pieces * block) * sizeof(double));
}

pl_status pl_lower_norm(pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_norm, 1, NODE_BLOCK, &step);
  if (status) return status;
  pl_step *s = pl_compiler_at(c, step);
  s->relu = c->nodes[index].relu >= 0;
  size_t channels = (size_t)s->c;
  for (int i = 0; i < 2; i++) pl_compiler_arg(c, step, 1 + i, pl_compiler_tensor(c, node->tensors[i]));
  output(c, step, 3, pl_compiler_output(c, node, index));
  output(c, step, 4, node->out[1]);
  output(c, step, 5, node->out[2]);
  // The factors tell the backward pass where the relu was open.
  c->nodes[index].workspace = pl_compiler_buffer(c, 2 * channels * sizeof(float));
  pl_compiler_arg(c, step, 6, c->nodes[index].workspace);
  pl_compiler_arg(c, step, 7, partial_sums(c, pl_compiler_shape(c, node->in[0]), s->block));
  return PL_OK;
}

pl_status pl_lower_norm_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  const pl_node_state *state = &c->nodes[index];
  int32_t step, dy, mean, variance;
  int64_t block = pl_compiler_block(c, node->in[0]);
  pl_status status = pl_compiler_use(c, state->forward >= 0 ? state->gradient : node->in[1], block, &dy);
  if (!status) status = pl_compiler_use(c, node->in[2], 1, &mean);
  if (!status) status = pl_compiler_use(c, node->in[3], 1, &variance);
  if (!status) status = begin(c, node, pl_kernel_norm_backward, 1, block, &step);
  if (status) return status;
  pl_step *s = pl_compiler_at(c, step);
  s->add = node->a.add;
  size_t channels = (size_t)s->c;
  const int32_t tensors[] = {node->tensors[0], node->tensors[1], node->tensors[2]};
  pl_compiler_arg(c, step, 1, dy);
  pl_compiler_arg(c, step, 2, mean);
  pl_compiler_arg(c, step, 3, variance);
  pl_compiler_arg(c, step, 4, pl_compiler_tensor(c, tensors[0]));
  pl_compiler_arg(c, step, 5, state->forward >= 0 ? c->nodes[state->forward].workspace : -1);
  output(c, step, 6, node->out[0]);
  pl_compiler_arg(c, step, 7, pl_compiler_tensor(c, tensors[1]));
  pl_compiler_arg(c, step, 8, pl_compiler_tensor(c, tensors[2]));
  pl_compiler_arg(c, step, 9, pl_compiler_buffer(c, 3 * channels * sizeof(float)));
  pl_compiler_arg(c, step, 10, partial_sums(c, pl_compiler_shape(c, node->in[0]), block));
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
  int32_t step, norm = c->nodes[index].forward;
  pl_node reads = *node;
  if (norm >= 0) reads.in[0] = c->graph->nodes[norm].in[0];
  pl_status status = begin(c, &reads, pl_kernel_scale_backward, 3, NODE_BLOCK, &step);
  if (status) return status;
  for (int i = 0; i < 2; i++)
    if (c->values[node->out[i]].readers > 0) output(c, step, 3 + i, node->out[i]);
  if (norm >= 0) pl_compiler_arg(c, step, 5, c->nodes[norm].workspace);
  return PL_OK;
}

pl_status pl_lower_scale_pixels(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, pl_kernel_scale_pixels, 2);
}

pl_status pl_lower_scale_pixels_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step, dx = node->out[0], ds = node->out[1];
  pl_status status = begin(c, node, pl_kernel_scale_pixels_backward, 3, NODE_BLOCK, &step);
  if (status) return status;
  if (c->values[dx].readers > 0) output(c, step, 3, dx);
  // One channel is not blocked, whatever x is.
  if (c->values[ds].readers > 0) pl_compiler_arg(c, step, 4, pl_compiler_define(c, ds, 1));
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
  int32_t step, upsample = c->nodes[index].upsample;
  int64_t a = pl_compiler_shape(c, node->in[0])->d[1], b = pl_compiler_shape(c, node->in[1])->d[1];
  pl_node reads = *node;
  if (upsample >= 0) reads.in[0] = c->graph->nodes[upsample].in[0];
  pl_status status = begin(c, &reads, pl_kernel_concat, 2, pl_compiler_common_block(c, a, b), &step);
  if (status) return status;
  pl_step *s = pl_compiler_at(c, step);
  pl_compiler_set_shape(s, pl_compiler_shape(c, node->in[0]), s->block);
  s->c2 = b;
  s->doubled = upsample >= 0;
  output(c, step, 2, node->out[0]);
  return PL_OK;
}

pl_status pl_lower_concat_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t step, upsample = c->nodes[index].upsample;
  int64_t a = pl_compiler_shape(c, node->out[0])->d[1], b = pl_compiler_shape(c, node->out[1])->d[1];
  pl_status status = begin(c, node, pl_kernel_concat_backward, 1, pl_compiler_common_block(c, a, b), &step);
  if (status) return status;
  pl_compiler_at(c, step)->c = a;
  pl_compiler_at(c, step)->c2 = b;
  pl_compiler_at(c, step)->doubled = upsample >= 0;
  if (c->values[node->out[0]].readers > 0)
    output(c, step, 1, upsample >= 0 ? c->graph->nodes[upsample].out[0] : node->out[0]);
  if (c->values[node->out[1]].readers > 0) output(c, step, 2, node->out[1]);
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

// Room to sort a batch's pixels, -1 when no term needs that.
static int32_t lovasz_room(pl_compiler *c, const pl_node *node) {
  const double *weights = node->a.loss_weights;
  if (weights[PL_LOSS_LOVASZ] == 0 && weights[PL_LOSS_LOVASZ_SIGMOID] == 0) return -1;
  int64_t pixels = pl_shape_elements(pl_compiler_shape(c, node->in[0]));
  return pl_compiler_buffer(c, (size_t)pixels * PL_LOVASZ_BYTES);
}

pl_status pl_lower_loss(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_loss, 2, 1, &step);
  if (status) return status;
  int64_t parts = chunks(pl_shape_elements(pl_compiler_shape(c, node->in[0])), PL_LOSS_CHUNK);
  output(c, step, 2, node->out[0]);
  pl_compiler_arg(c, step, 3, pl_compiler_buffer(c, (size_t)parts * PL_LOSS_SUMS * sizeof(double)));
  pl_compiler_arg(c, step, 4, lovasz_room(c, node));
  return PL_OK;
}

pl_status pl_lower_loss_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, pl_kernel_loss_backward, 3, 1, &step);
  if (status) return status;
  output(c, step, 3, node->out[0]);
  pl_compiler_arg(c, step, 4, lovasz_room(c, node));
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

pl_status pl_lower_optimizer_step(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step, counter = pl_model_find(c->graph->model, "optimizer.step");
  if (counter < 0) return pl_fail(c->err, PL_E_USAGE, "the model has no tensor named optimizer.step");
  pl_status status = begin(c, node, pl_kernel_optimizer_step, 1, 1, &step);
  if (status) return status;
  pl_compiler_arg(c, step, 1, pl_compiler_tensor(c, counter));
  return PL_OK;
}
