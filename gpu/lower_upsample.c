// Nearest upsampling and a 3x3 convolution as one transposed 4x4 convolution with stride 2 of the small value: each of
// its pixels meets the same weights several times, and their sum is one tap (pl_gpu_upsample_weight). What is
// concatenated behind the upsampled channels has a 3x3 convolution of its own, which adds to the result.
#include "gpu/compiler.h"

static const pl_node *node_at(const pl_compiler *c, int32_t index) { return &c->graph->nodes[index]; }

// As a convolution it goes from y to x; the one that is left out goes forward where this goes back to its data.
pl_dnn_conv pl_upsampled_wide(const pl_compiler *c, const pl_upsampled *u, pl_dnn_direction direction) {
  pl_gpu_shape x = pl_compiler_device_shape(c, u->x), y = pl_compiler_device_shape(c, u->y);
  static const pl_dnn_direction turned[] = {[PL_DNN_FORWARD] = PL_DNN_BACKWARD_DATA,
                                            [PL_DNN_BACKWARD_DATA] = PL_DNN_FORWARD,
                                            [PL_DNN_BACKWARD_WEIGHTS] = PL_DNN_BACKWARD_WEIGHTS};
  return (pl_dnn_conv){.direction = turned[direction],
                       .type = pl_compiler_type(c),
                       .n = x.n,
                       .ic = y.c,
                       .ih = y.h,
                       .iw = y.w,
                       .oc = x.c,
                       .oh = x.h,
                       .ow = x.w,
                       .kernel = 4,
                       .stride = 2,
                       .pad = 1,
                       .groups = 1,
                       .alpha = 1};
}

pl_dnn_conv pl_upsampled_slice(const pl_compiler *c, const pl_upsampled *u, pl_dnn_direction direction) {
  pl_gpu_shape skip = pl_compiler_device_shape(c, u->skip), y = pl_compiler_device_shape(c, u->y);
  return (pl_dnn_conv){.direction = direction,
                       .type = pl_compiler_type(c),
                       .n = skip.n,
                       .ic = skip.c,
                       .ih = skip.h,
                       .iw = skip.w,
                       .oc = y.c,
                       .oh = y.h,
                       .ow = y.w,
                       .kernel = 3,
                       .stride = 1,
                       .pad = 1,
                       .groups = 1,
                       .alpha = 1,
                       .beta = direction == PL_DNN_FORWARD ? 1 : 0};
}

// ---------------------------------------------------------------------------------------------------------------------

static pl_status run_wide_weight(const pl_step *s, pl_context *x) {
  pl_gpu_upsample_weight(x->stream, &s->slice, s->data[0], s->type, s->data[1]);
  return PL_OK;
}

static pl_status run_slice_weight(const pl_step *s, pl_context *x) {
  pl_gpu_slice_weight(x->stream, &s->slice, s->data[0], s->type, s->data[1]);
  return PL_OK;
}

static pl_status run_wide_gradient(const pl_step *s, pl_context *x) {
  pl_gpu_upsample_weight_gradient(x->stream, &s->slice, s->type, s->data[0], s->data[1], s->add, s->data[2]);
  return PL_OK;
}

static pl_status run_slice_gradient(const pl_step *s, pl_context *x) {
  pl_gpu_slice_weight_gradient(x->stream, &s->slice, s->type, s->data[0], s->data[1], s->add, s->data[2]);
  return PL_OK;
}

static pl_gpu_slice slice_of(const pl_compiler *c, const pl_upsampled *u, bool of_skip) {
  int32_t channels = pl_compiler_device_shape(c, u->x).c;
  int32_t rest = u->skip >= 0 ? pl_compiler_device_shape(c, u->skip).c : 0;
  return (pl_gpu_slice){.o = pl_compiler_device_shape(c, u->y).c,
                        .i = channels + rest,
                        .first = of_skip ? channels : 0,
                        .channels = of_skip ? rest : channels};
}

// Room for the weight of one of the two convolutions, or its gradient.
static int32_t weight_buffer(pl_compiler *c, const pl_gpu_slice *slice, int taps) {
  size_t elements = (size_t)slice->o * (size_t)slice->channels * (size_t)taps;
  return pl_compiler_buffer(c, elements * pl_gpu_type_size(pl_compiler_type(c)));
}

static int32_t make_weight(pl_compiler *c, const pl_upsampled *u, bool of_skip) {
  const pl_gpu_slice slice = slice_of(c, u, of_skip);
  int32_t made = weight_buffer(c, &slice, of_skip ? 9 : 16);
  int32_t step =
      pl_compiler_step(c, of_skip ? run_slice_weight : run_wide_weight, "weights of an upsampled convolution");
  pl_compiler_at(c, step)->slice = slice;
  pl_compiler_arg(c, step, 0, pl_compiler_tensor(c, node_at(c, u->conv)->tensors[0]));
  pl_compiler_arg(c, step, 1, made);
  return made;
}

static pl_status convolve(pl_compiler *c, const pl_dnn_conv *conv, int32_t x, int32_t w, int32_t y) {
  const pl_dnn_plan *plan;
  pl_status status = pl_store_plan(c->store, conv, &plan, c->err);
  if (status != PL_OK) return status;
  pl_compiler_conv(c, "upsampled convolution", plan, (int32_t[]){x, w, y, -1});
  return PL_OK;
}

pl_status pl_lower_upsampled(pl_compiler *c, pl_upsampled *u) {
  int32_t x, skip = -1;
  pl_status status = pl_compiler_use(c, u->x, PL_FORM_DEVICE, &x);
  if (status == PL_OK && u->skip >= 0) status = pl_compiler_use(c, u->skip, PL_FORM_DEVICE, &skip);
  if (status != PL_OK) return status;
  u->wide = make_weight(c, u, false);
  u->slice = u->skip >= 0 ? make_weight(c, u, true) : -1;
  int32_t y = pl_compiler_define(c, u->y, PL_FORM_DEVICE);
  const pl_dnn_conv wide = pl_upsampled_wide(c, u, PL_DNN_FORWARD);
  status = convolve(c, &wide, y, u->wide, x);
  if (status != PL_OK || u->skip < 0) return status;
  const pl_dnn_conv slice = pl_upsampled_slice(c, u, PL_DNN_FORWARD);
  return convolve(c, &slice, skip, u->slice, y);
}

pl_status pl_lower_upsampled_data(pl_compiler *c, const pl_upsampled *u) {
  int32_t dy, dx = node_at(c, u->upsample_backward)->out[0];
  pl_status status = pl_compiler_use(c, node_at(c, u->conv_data)->in[0], PL_FORM_DEVICE, &dy);
  if (status == PL_OK && c->values[dx].readers > 0) {
    const pl_dnn_conv wide = pl_upsampled_wide(c, u, PL_DNN_BACKWARD_DATA);
    status = convolve(c, &wide, dy, u->wide, pl_compiler_define(c, dx, PL_FORM_DEVICE));
  }
  if (status != PL_OK || u->skip < 0) return status;
  int32_t dskip = node_at(c, u->concat_backward)->out[1];
  if (c->values[dskip].readers == 0) return PL_OK;
  const pl_dnn_conv slice = pl_upsampled_slice(c, u, PL_DNN_BACKWARD_DATA);
  return convolve(c, &slice, pl_compiler_define(c, dskip, PL_FORM_DEVICE), u->slice, dy);
}

// The gradient of one of the two weights, and from it that of their channels of the weight.
static pl_status weight_gradient(pl_compiler *c, const pl_upsampled *u, bool of_skip, int32_t value, int32_t dy) {
  const pl_gpu_slice slice = slice_of(c, u, of_skip);
  int32_t made = weight_buffer(c, &slice, of_skip ? 9 : 16);
  const pl_dnn_conv conv =
      of_skip ? pl_upsampled_slice(c, u, PL_DNN_BACKWARD_WEIGHTS) : pl_upsampled_wide(c, u, PL_DNN_BACKWARD_WEIGHTS);
  pl_status status = of_skip ? convolve(c, &conv, value, made, dy) : convolve(c, &conv, dy, made, value);
  if (status != PL_OK) return status;
  int32_t step = pl_compiler_step(c, of_skip ? run_slice_gradient : run_wide_gradient,
                                  "weight gradient of an upsampled convolution");
  pl_compiler_at(c, step)->slice = slice;
  pl_compiler_at(c, step)->add = node_at(c, u->conv_weight)->a.add;
  pl_compiler_arg(c, step, 0, made);
  pl_compiler_arg(c, step, 1, pl_compiler_scale(c));
  pl_compiler_arg(c, step, 2, pl_compiler_tensor(c, node_at(c, u->conv_weight)->tensors[0]));
  return PL_OK;
}

pl_status pl_lower_upsampled_weight(pl_compiler *c, const pl_upsampled *u) {
  int32_t x, dy, skip;
  pl_status status = pl_compiler_use(c, u->x, PL_FORM_DEVICE, &x);
  if (status == PL_OK) status = pl_compiler_use(c, node_at(c, u->conv_weight)->in[1], PL_FORM_DEVICE, &dy);
  if (status == PL_OK) status = weight_gradient(c, u, false, x, dy);
  if (status != PL_OK || u->skip < 0) return status;
  status = pl_compiler_use(c, u->skip, PL_FORM_DEVICE, &skip);
  return status == PL_OK ? weight_gradient(c, u, true, skip, dy) : status;
}
