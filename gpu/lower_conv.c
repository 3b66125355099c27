// Convolutions.
#include "gpu/compiler.h"

static pl_status run_conv(const pl_step *s, pl_context *x) {
  const pl_dnn_args args = {
      .x = s->data[0], .w = s->data[1], .y = s->data[2], .bias = s->data[3], .workspace = s->data[4]};
  return pl_dnn_run(s->plan, &args, x->err);
}

static pl_status run_bias(const pl_step *s, pl_context *x) {
  pl_gpu_add_bias(x->stream, s->type, &s->shape, s->data[0], s->data[1], s->relu, s->data[0]);
  return PL_OK;
}

static pl_status run_bias_gradient(const pl_step *s, pl_context *x) {
  void *const *d = s->data;
  pl_gpu_bias_gradient(x->stream, s->type, &s->shape, d[0], d[1], s->add, d[2], d[3]);
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------

// The problem of a node between activations x and y with a weight (or its gradient).
static pl_status problem(const pl_compiler *c, const pl_node *node, pl_dnn_direction direction, int32_t x, int32_t y,
                         pl_dnn_conv *out) {
  pl_gpu_shape in = pl_compiler_device_shape(c, x), to = pl_compiler_device_shape(c, y);
  int32_t tensor = node->tensors[0], of = c->graph->model->tensors[tensor].of;
  int64_t channels = pl_store_channels(c->store, of >= 0 ? of : tensor);
  if (channels * node->a.groups != in.c) {
    return pl_fail(c->err, PL_E_UNSUPPORTED, "%s reads %d channels of a value that other operations read too",
                   c->graph->model->tensors[tensor].name, (int)pl_compiler_shape(c, x)->d[1]);
  }
  *out = (pl_dnn_conv){.direction = direction,
                       .type = pl_compiler_type(c),
                       .n = in.n,
                       .ic = in.c,
                       .ih = in.h,
                       .iw = in.w,
                       .oc = to.c,
                       .oh = to.h,
                       .ow = to.w,
                       .kernel = node->a.kernel,
                       .stride = node->a.stride,
                       .pad = node->a.pad,
                       .groups = node->a.groups,
                       .alpha = 1};
  return PL_OK;
}

void pl_compiler_conv(pl_compiler *c, const char *label, const pl_dnn_plan *plan, const int32_t buffers[4]) {
  int32_t step = pl_compiler_step(c, run_conv, label);
  pl_compiler_at(c, step)->plan = plan;
  for (int i = 0; i < 4; i++) pl_compiler_arg(c, step, i, buffers[i]);
  pl_compiler_arg(c, step, 4, pl_compiler_buffer(c, (size_t)pl_dnn_plan_workspace(plan)));
}

// With the bias and the relu in the convolution where there is an engine for that, else in a kernel behind it.
pl_status pl_lower_conv(pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t x, bias = node->tensors[1], relu = c->nodes[index].relu, y = pl_compiler_output(c, node, index);
  pl_dnn_conv conv;
  const pl_dnn_plan *plan = NULL;
  if (c->nodes[index].upsampled >= 0) return pl_lower_upsampled(c, &c->upsampled[c->nodes[index].upsampled]);
  pl_status status = pl_compiler_use(c, node->in[0], PL_FORM_DEVICE, &x);
  if (status == PL_OK) status = problem(c, node, PL_DNN_FORWARD, node->in[0], y, &conv);
  if (status != PL_OK) return status;
  conv.bias = bias >= 0;
  conv.relu = relu >= 0;
  status = pl_store_plan(c->store, &conv, &plan, c->err);
  bool apart = status == PL_E_UNSUPPORTED && conv.bias;
  if (apart) {
    conv.bias = conv.relu = false;
    status = pl_store_plan(c->store, &conv, &plan, c->err);
  }
  if (status != PL_OK) return status;
  int32_t out = pl_compiler_define(c, y, PL_FORM_DEVICE);
  const int32_t buffers[] = {x, pl_compiler_copy(c, node->tensors[0]), out, conv.bias ? pl_compiler_copy(c, bias) : -1};
  pl_compiler_conv(c, pl_op_name(node->op), plan, buffers);
  if (!apart) return PL_OK;
  int32_t step = pl_compiler_step(c, run_bias, "bias");
  pl_compiler_at(c, step)->shape = pl_compiler_device_shape(c, y);
  pl_compiler_at(c, step)->relu = relu >= 0;
  pl_compiler_arg(c, step, 0, out);
  pl_compiler_arg(c, step, 1, pl_compiler_tensor(c, bias));
  return PL_OK;
}

// Either writes its result, or adds it to the gradient that is there, which becomes the sum.
pl_status pl_lower_conv_backward_data(pl_compiler *c, const pl_node *node, int32_t index) {
  const pl_node_state *state = &c->nodes[index];
  int32_t dy, dx;
  pl_dnn_conv conv;
  const pl_dnn_plan *plan;
  if (state->upsampled >= 0) return pl_lower_upsampled_data(c, &c->upsampled[state->upsampled]);
  pl_status status = pl_compiler_use(c, node->in[0], PL_FORM_DEVICE, &dy);
  if (status == PL_OK) status = problem(c, node, PL_DNN_BACKWARD_DATA, node->out[0], node->in[0], &conv);
  if (status == PL_OK && state->accumulate >= 0) {
    conv.beta = 1;
    status = pl_compiler_use(c, state->accumulate, PL_FORM_DEVICE, &dx);
  }
  if (status == PL_OK) status = pl_store_plan(c->store, &conv, &plan, c->err);
  if (status != PL_OK) return status;
  if (state->accumulate >= 0) {
    c->values[state->sum].buffers[PL_FORM_DEVICE] = dx;
  } else {
    dx = pl_compiler_define(c, node->out[0], PL_FORM_DEVICE);
  }
  const int32_t buffers[] = {dx, pl_compiler_copy(c, node->tensors[0]), dy, -1};
  pl_compiler_conv(c, pl_op_name(node->op), plan, buffers);
  return PL_OK;
}

static void bias_gradient(pl_compiler *c, const pl_node *node, int32_t dy) {
  int32_t step = pl_compiler_step(c, run_bias_gradient, "bias gradient");
  pl_compiler_at(c, step)->shape = pl_compiler_device_shape(c, node->in[1]);
  pl_compiler_at(c, step)->add = node->a.add;
  pl_compiler_arg(c, step, 0, dy);
  pl_compiler_arg(c, step, 1, pl_compiler_scale(c));
  pl_compiler_arg(c, step, 2, pl_compiler_tensor(c, node->tensors[1]));
  pl_compiler_scratch(c, step, 3);
}

// In float32 the convolution writes or adds to the gradient itself. Else it writes the staged gradient, whatever the
// gradient held; only a weight's second use in the graph adds.
pl_status pl_lower_conv_backward_weight(pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t x, dy, weight = node->tensors[0];
  pl_dnn_conv conv;
  const pl_dnn_plan *plan;
  if (c->nodes[index].upsampled >= 0) return pl_lower_upsampled_weight(c, &c->upsampled[c->nodes[index].upsampled]);
  pl_status status = pl_compiler_use(c, node->in[0], PL_FORM_DEVICE, &x);
  if (status == PL_OK) status = pl_compiler_use(c, node->in[1], PL_FORM_DEVICE, &dy);
  if (status == PL_OK) {
    status = problem(c, node, PL_DNN_BACKWARD_WEIGHTS, node->in[0], node->in[1], &conv);
  }
  if (status != PL_OK) return status;
  bool staged = pl_compiler_type(c) != PL_GPU_F32;
  conv.beta = (staged ? c->staged[weight] : node->a.add) ? 1 : 0;
  status = pl_store_plan(c->store, &conv, &plan, c->err);
  if (status != PL_OK) return status;
  if (staged && !c->staged[weight]) c->adds = node->a.add;
  c->staged[weight] = staged;
  const int32_t buffers[] = {x, pl_compiler_staging(c, weight), dy, -1};
  pl_compiler_conv(c, pl_op_name(node->op), plan, buffers);
  if (node->tensors[1] >= 0) bias_gradient(c, node, dy);
  return PL_OK;
}
