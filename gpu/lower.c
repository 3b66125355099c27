// Element-wise ops, pooling, attention, upsampling and concatenation.
#include "gpu/compiler.h"

// Starts a step with the node's first `inputs` inputs as activations at places 0, 1, ...; its shape and count are the
// first one's.
static pl_status begin(pl_compiler *c, const pl_node *node, pl_step_run *run, int inputs, int32_t *step) {
  int32_t buffers[PL_NODE_INPUTS_MAX];
  for (int i = 0; i < inputs; i++) {
    pl_status status = pl_compiler_use(c, node->in[i], PL_FORM_DEVICE, &buffers[i]);
    if (status != PL_OK) return status;
  }
  *step = pl_compiler_step(c, run, pl_op_name(node->op));
  pl_step *s = pl_compiler_at(c, *step);
  s->shape = pl_compiler_device_shape(c, node->in[0]);
  s->count = pl_compiler_device_elements(c, node->in[0]);
  for (int i = 0; i < inputs; i++) pl_compiler_arg(c, *step, i, buffers[i]);
  return PL_OK;
}

static void output(pl_compiler *c, int32_t step, int place, int32_t value) {
  pl_compiler_arg(c, step, place, pl_compiler_define(c, value, PL_FORM_DEVICE));
}

// An output that nobody reads is not made: its place stays NULL.
static void wanted_output(pl_compiler *c, int32_t step, int place, int32_t value) {
  if (c->values[value].readers > 0) output(c, step, place, value);
}

// One output behind the inputs.
static pl_status simple(pl_compiler *c, const pl_node *node, int32_t index, pl_step_run *run, int inputs) {
  int32_t step;
  pl_status status = begin(c, node, run, inputs, &step);
  if (status != PL_OK) return status;
  pl_compiler_at(c, step)->relu = c->nodes[index].relu >= 0;
  output(c, step, inputs, pl_compiler_output(c, node, index));
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Element by element

static pl_status run_relu(const pl_step *s, pl_context *x) {
  pl_gpu_relu(x->stream, s->type, s->count, s->data[0], s->data[1]);
  return PL_OK;
}

static pl_status run_relu_backward(const pl_step *s, pl_context *x) {
  pl_gpu_relu_backward(x->stream, s->type, s->count, s->data[0], s->data[1], s->data[2]);
  return PL_OK;
}

static pl_status run_add(const pl_step *s, pl_context *x) {
  pl_gpu_add(x->stream, s->type, s->count, s->data[0], s->data[1], s->relu, s->data[2]);
  return PL_OK;
}

static pl_status run_sigmoid(const pl_step *s, pl_context *x) {
  pl_gpu_sigmoid(x->stream, s->type, s->count, s->data[0], s->data[1]);
  return PL_OK;
}

static pl_status run_sigmoid_backward(const pl_step *s, pl_context *x) {
  pl_gpu_sigmoid_backward(x->stream, s->type, s->count, s->data[0], s->data[1], s->data[2]);
  return PL_OK;
}

pl_status pl_lower_relu(pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t join = c->nodes[index].join;
  if (join >= 0) return pl_lower_join(c, &c->joins[join]);
  return simple(c, node, index, run_relu, 1);
}

pl_status pl_lower_relu_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t join = c->nodes[index].join;
  if (join >= 0) return pl_lower_join_backward(c, &c->joins[join]);
  return simple(c, node, index, run_relu_backward, 2);
}

pl_status pl_lower_add(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, run_add, 2);
}

pl_status pl_lower_sigmoid(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, run_sigmoid, 1);
}

pl_status pl_lower_sigmoid_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, run_sigmoid_backward, 2);
}

// ---------------------------------------------------------------------------------------------------------------------
// Pooling and means

static pl_gpu_pool pool_of(const pl_compiler *c, const pl_node *node, int32_t x, int32_t y) {
  pl_gpu_shape out = pl_compiler_device_shape(c, y);
  return (pl_gpu_pool){.in = pl_compiler_device_shape(c, x),
                       .oh = out.h,
                       .ow = out.w,
                       .kernel = node->a.kernel,
                       .stride = node->a.stride,
                       .pad = node->a.pad};
}

static pl_status run_max_pool(const pl_step *s, pl_context *x) {
  pl_gpu_max_pool(x->stream, s->type, &s->pool, s->data[0], s->data[1], s->data[2]);
  return PL_OK;
}

static pl_status run_max_pool_backward(const pl_step *s, pl_context *x) {
  pl_gpu_max_pool_backward(x->stream, s->type, &s->pool, s->data[0], s->data[1], s->data[2]);
  return PL_OK;
}

static pl_status run_mean(const pl_step *s, pl_context *x) {
  pl_gpu_mean_hw(x->stream, s->type, &s->shape, s->data[0], s->data[1], s->data[2]);
  return PL_OK;
}

static pl_status run_mean_backward(const pl_step *s, pl_context *x) {
  pl_gpu_mean_hw_backward(x->stream, s->type, &s->shape, s->data[0], s->data[1]);
  return PL_OK;
}

pl_status pl_lower_max_pool(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, run_max_pool, 1, &step);
  if (status != PL_OK) return status;
  pl_compiler_at(c, step)->pool = pool_of(c, node, node->in[0], node->out[0]);
  output(c, step, 1, node->out[0]);
  output(c, step, 2, node->out[1]);
  return PL_OK;
}

pl_status pl_lower_max_pool_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, run_max_pool_backward, 2, &step);
  if (status != PL_OK) return status;
  pl_compiler_at(c, step)->pool = pool_of(c, node, node->out[0], node->in[1]);
  output(c, step, 2, node->out[0]);
  return PL_OK;
}

pl_status pl_lower_mean(pl_compiler *c, const pl_node *node, int32_t index) {
  pl_status status = simple(c, node, index, run_mean, 1);
  if (status == PL_OK) pl_compiler_scratch(c, (int32_t)c->program->step_count - 1, 2);
  return status;
}

// The shape of a step whose kernel wants that of the result.
static void take_result_shape(pl_compiler *c, int32_t step, int32_t value) {
  pl_compiler_at(c, step)->shape = pl_compiler_device_shape(c, value);
}

pl_status pl_lower_mean_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, run_mean_backward, 1, &step);
  if (status != PL_OK) return status;
  take_result_shape(c, step, node->out[0]);
  output(c, step, 1, node->out[0]);
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Attention

static pl_status run_scale_channels(const pl_step *s, pl_context *x) {
  pl_gpu_scale_channels(x->stream, s->type, &s->shape, s->data[0], s->data[1], s->data[2]);
  return PL_OK;
}

static pl_status run_scale_channels_backward(const pl_step *s, pl_context *x) {
  void *const *d = s->data;
  pl_gpu_scale_channels_backward(x->stream, s->type, &s->shape, d[0], d[1], d[2], d[3], d[4], d[5]);
  return PL_OK;
}

static pl_status run_scale_pixels(const pl_step *s, pl_context *x) {
  pl_gpu_scale_pixels(x->stream, s->type, &s->shape, s->data[0], s->data[1], s->data[2]);
  return PL_OK;
}

static pl_status run_scale_pixels_backward(const pl_step *s, pl_context *x) {
  void *const *d = s->data;
  pl_gpu_scale_pixels_backward(x->stream, s->type, &s->shape, d[0], d[1], d[2], d[3], d[4]);
  return PL_OK;
}

pl_status pl_lower_scale_channels(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, run_scale_channels, 2);
}

pl_status pl_lower_scale_pixels(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, run_scale_pixels, 2);
}

pl_status pl_lower_scale_channels_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, run_scale_channels_backward, 3, &step);
  if (status != PL_OK) return status;
  for (int i = 0; i < 2; i++) wanted_output(c, step, 3 + i, node->out[i]);
  pl_compiler_scratch(c, step, 5);
  return PL_OK;
}

pl_status pl_lower_scale_pixels_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, run_scale_pixels_backward, 3, &step);
  if (status != PL_OK) return status;
  for (int i = 0; i < 2; i++) wanted_output(c, step, 3 + i, node->out[i]);
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Upsampling and concatenation

static pl_status run_upsample(const pl_step *s, pl_context *x) {
  pl_gpu_upsample2(x->stream, s->type, &s->shape, s->data[0], s->data[1]);
  return PL_OK;
}

static pl_status run_upsample_backward(const pl_step *s, pl_context *x) {
  pl_gpu_upsample2_backward(x->stream, s->type, &s->shape, s->data[0], s->data[1]);
  return PL_OK;
}

static pl_status run_concat(const pl_step *s, pl_context *x) {
  pl_gpu_concat(x->stream, s->type, &s->shape, s->channels, s->upsample, s->data[0], s->data[1], s->data[2]);
  return PL_OK;
}

static pl_status run_concat_backward(const pl_step *s, pl_context *x) {
  pl_gpu_concat_backward(x->stream, s->type, &s->shape, s->channels, s->upsample, s->data[0], s->data[1], s->data[2]);
  return PL_OK;
}

pl_status pl_lower_upsample(pl_compiler *c, const pl_node *node, int32_t index) {
  return simple(c, node, index, run_upsample, 1);
}

pl_status pl_lower_upsample_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, run_upsample_backward, 1, &step);
  if (status != PL_OK) return status;
  take_result_shape(c, step, node->out[0]);
  output(c, step, 1, node->out[0]);
  return PL_OK;
}

// With the upsampling of the first input fused, that one's own input is read.
pl_status pl_lower_concat(pl_compiler *c, const pl_node *node, int32_t index) {
  pl_node both = *node;
  int32_t step, upsample = c->nodes[index].upsample;
  if (upsample >= 0) both.in[0] = c->graph->nodes[upsample].in[0];
  pl_status status = begin(c, &both, run_concat, 2, &step);
  if (status != PL_OK) return status;
  pl_compiler_at(c, step)->channels = pl_compiler_device_shape(c, node->in[1]).c;
  pl_compiler_at(c, step)->upsample = upsample >= 0;
  output(c, step, 2, node->out[0]);
  return PL_OK;
}

pl_status pl_lower_concat_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t step, upsample = c->nodes[index].upsample;
  pl_status status = begin(c, node, run_concat_backward, 1, &step);
  if (status != PL_OK) return status;
  int32_t a = upsample >= 0 ? c->graph->nodes[upsample].out[0] : node->out[0];
  take_result_shape(c, step, a);
  pl_compiler_at(c, step)->channels = pl_compiler_device_shape(c, node->out[1]).c;
  pl_compiler_at(c, step)->upsample = upsample >= 0;
  wanted_output(c, step, 1, a);
  wanted_output(c, step, 2, node->out[1]);
  return PL_OK;
}
