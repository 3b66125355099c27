#include <dnnl.h>
#include <dnnl_debug.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/net/backend_onednn/dnn.h"

#if DNNL_VERSION_MAJOR != 2
#error "this file is for version 2 of oneDNN's C interface"
#endif

struct pl_dnn {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
};

struct pl_dnn_desc {
  dnnl_memory_desc_t md;
};

#define PL_STRING_(x) #x
#define PL_STRING(x) PL_STRING_(x)

static const int arg_ids[PL_DNN_ARG_COUNT];

static pl_status check(dnnl_status_t status, const char *what, pl_error *err) {
  if (status == dnnl_success) return PL_OK;
  pl_status code = status == dnnl_unimplemented   ? PL_E_UNSUPPORTED
                   : status == dnnl_out_of_memory ? PL_E_NOMEM
                                                  : PL_E_DEVICE;
  return pl_fail(err, code, "oneDNN: %s: %s", what, dnnl_status2str(status));
}

pl_status pl_dnn_create(pl_dnn **out, pl_error *err) {
  pl_dnn *dnn = pl_xcalloc(1, sizeof *dnn);
  pl_status status = check(dnnl_engine_create(&dnn->engine, dnnl_cpu, 0), "CPU engine", err);
  if (!status) status = check(dnnl_stream_create(&dnn->stream, dnn->engine, dnnl_stream_in_order), "stream", err);
  if (status) {
    pl_dnn_destroy(dnn);
    return status;
  }
  *out = dnn;
  return PL_OK;
}

void pl_dnn_destroy(pl_dnn *dnn) {
  if (!dnn) return;
  if (dnn->stream) dnnl_stream_destroy(dnn->stream);
  if (dnn->engine) dnnl_engine_destroy(dnn->engine);
  free(dnn);
}

const char *pl_dnn_version(void) {
  return PL_STRING(DNNL_VERSION_MAJOR) "." PL_STRING(DNNL_VERSION_MINOR) "." PL_STRING(DNNL_VERSION_PATCH);
}

const char *pl_dnn_isa(void) {
  const char *text = dnnl_cpu_isa2str(dnnl_get_effective_cpu_isa());
  const char *prefix = "cpu_isa_";
  return strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : text;
}

int64_t pl_dnn_block(void) { return strstr(pl_dnn_isa(), "avx512") ? 16 : 8; }

// ---------------------------------------------------------------------------------------------------------------------
// Descriptors

static dnnl_format_tag_t activation_tag(int64_t c, int64_t block) {
  if (block == 1) return dnnl_nchw;
  if (block == 16) return dnnl_nChw16c;
  if (block == 8) return dnnl_nChw8c;
  return block == c ? dnnl_nhwc : dnnl_format_tag_undef;
}

static pl_status activation(dnnl_memory_desc_t *md, int64_t n, int64_t c, int64_t h, int64_t w, int64_t block,
                            pl_error *err) {
  dnnl_dims_t dims = {n, c, h, w};
  return check(dnnl_memory_desc_init_by_tag(md, 4, dims, dnnl_f32, activation_tag(c, block)), "activation", err);
}

static pl_dnn_desc *wrap(const dnnl_memory_desc_t *md) {
  pl_dnn_desc *desc = pl_xmalloc(sizeof *desc);
  desc->md = *md;
  return desc;
}

pl_dnn_desc *pl_dnn_desc_activation(int64_t n, int64_t c, int64_t h, int64_t w, int64_t block) {
  dnnl_memory_desc_t md;
  return activation(&md, n, c, h, w, block, NULL) ? NULL : wrap(&md);
}

pl_dnn_desc *pl_dnn_desc_weights(int64_t oc, int64_t ic, int32_t kernel, int64_t block) {
  dnnl_memory_desc_t md;
  dnnl_dims_t dims = {oc, ic, kernel, kernel};
  dnnl_format_tag_t tag = block == 16 ? dnnl_OIhw16i16o : dnnl_OIhw8i8o;
  return dnnl_memory_desc_init_by_tag(&md, 4, dims, dnnl_f32, tag) ? NULL : wrap(&md);
}

pl_dnn_desc *pl_dnn_desc_row_major(int64_t oc, int64_t ic, int32_t kernel, int32_t groups) {
  dnnl_memory_desc_t md;
  dnnl_dims_t plain = {oc, ic, kernel, kernel}, grouped = {groups, oc / groups, ic / groups, kernel, kernel};
  bool several = groups > 1;
  return dnnl_memory_desc_init_by_tag(&md, several ? 5 : 4, several ? grouped : plain, dnnl_f32,
                                      several ? dnnl_abcde : dnnl_abcd)
             ? NULL
             : wrap(&md);
}

pl_dnn_desc *pl_dnn_desc_canonical(const pl_dnn_desc *desc) {
  static const dnnl_format_tag_t tags[] = {dnnl_format_tag_undef, dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd, dnnl_abcde};
  dnnl_memory_desc_t md;
  if (desc->md.ndims > 5 ||
      dnnl_memory_desc_init_by_tag(&md, desc->md.ndims, desc->md.dims, desc->md.data_type, tags[desc->md.ndims]))
    return NULL;
  return wrap(&md);
}

pl_dnn_desc *pl_dnn_desc_clone(const pl_dnn_desc *desc) { return wrap(&desc->md); }

void pl_dnn_desc_destroy(pl_dnn_desc *desc) { free(desc); }

bool pl_dnn_desc_equal(const pl_dnn_desc *a, const pl_dnn_desc *b) {
  return dnnl_memory_desc_equal(&a->md, &b->md) != 0;
}

size_t pl_dnn_desc_bytes(const pl_dnn_desc *desc) { return dnnl_memory_desc_get_size(&desc->md); }

// ---------------------------------------------------------------------------------------------------------------------
// Primitives

static pl_status take_plan(pl_dnn_op *op, dnnl_primitive_desc_t plan, const pl_dnn_arg *args,
                           const dnnl_query_t *queries, const int *indices, int count) {
  op->plan = plan;
  for (int i = 0; i < count; i++) {
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(plan, queries[i], indices[i]);
    if (md && md->ndims > 0 && dnnl_memory_desc_get_size(md) > 0) op->desc[args[i]] = wrap(md);
  }
  const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
  if (scratch && scratch->ndims > 0 && dnnl_memory_desc_get_size(scratch) > 0)
    op->desc[PL_DNN_SCRATCHPAD] = wrap(scratch);
  dnnl_primitive_desc_query(plan, dnnl_query_impl_info_str, 0, (void *)&op->implementation);
  return PL_OK;
}

static pl_status make_attributes(dnnl_primitive_attr_t *out, bool sum, bool relu, pl_error *err) {
  dnnl_primitive_attr_t attr = NULL;
  dnnl_post_ops_t ops = NULL;
  dnnl_status_t status = dnnl_primitive_attr_create(&attr);
  if (!status) status = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
  if (!status && (sum || relu)) {
    status = dnnl_post_ops_create(&ops);
    if (!status && sum) status = dnnl_post_ops_append_sum(ops, 1.0f);
    if (!status && relu) status = dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
    if (!status) status = dnnl_primitive_attr_set_post_ops(attr, ops);
    if (ops) dnnl_post_ops_destroy(ops);
  }
  if (status) {
    if (attr) dnnl_primitive_attr_destroy(attr);
    return check(status, "attributes", err);
  }
  *out = attr;
  return PL_OK;
}

typedef struct conv_descs {
  dnnl_memory_desc_t src, weights, bias, dst;
  dnnl_dims_t strides, pad_left, pad_right;
} conv_descs;

// What has to be added on the right so that the output has its size; less than `pad` when the stride leaves a rest.
static int64_t right_padding(int64_t in, int64_t out, const pl_dnn_conv *conv) {
  int64_t pad = (out - 1) * conv->stride + conv->kernel - in - conv->pad;
  return pad > 0 ? pad : 0;
}

static pl_status describe_conv(conv_descs *d, const pl_dnn_conv *conv, const pl_dnn_desc *weights, pl_error *err) {
  pl_status status = activation(&d->src, conv->n, conv->ic, conv->ih, conv->iw, conv->src_block, err);
  if (!status) status = activation(&d->dst, conv->n, conv->oc, conv->oh, conv->ow, conv->dst_block, err);
  if (status) return status;
  int64_t g = conv->groups, k = conv->kernel;
  dnnl_dims_t plain = {conv->oc, conv->ic, k, k}, grouped = {g, conv->oc / g, conv->ic / g, k, k}, bias = {conv->oc};
  if (weights) {
    d->weights = weights->md;
  } else {
    status = check(dnnl_memory_desc_init_by_tag(&d->weights, g > 1 ? 5 : 4, g > 1 ? grouped : plain, dnnl_f32,
                                                dnnl_format_tag_any),
                   "weights", err);
    if (status) return status;
  }
  for (int i = 0; i < 2; i++) {
    d->strides[i] = conv->stride;
    d->pad_left[i] = conv->pad;
    d->pad_right[i] = i == 0 ? right_padding(conv->ih, conv->oh, conv) : right_padding(conv->iw, conv->ow, conv);
  }
  return check(dnnl_memory_desc_init_by_tag(&d->bias, 1, bias, dnnl_f32, dnnl_a), "bias", err);
}

static dnnl_status_t conv_plan(dnnl_primitive_desc_t *out, pl_dnn *dnn, const pl_dnn_conv *conv, conv_descs *d,
                               dnnl_primitive_attr_t attr, dnnl_primitive_desc_t hint) {
  dnnl_convolution_desc_t desc;
  dnnl_memory_desc_t *bias = conv->bias ? &d->bias : NULL;
  dnnl_status_t status;
  if (conv->direction == PL_DNN_FORWARD)
    status = dnnl_convolution_forward_desc_init(&desc, dnnl_forward_training, dnnl_convolution_direct, &d->src,
                                                &d->weights, bias, &d->dst, d->strides, d->pad_left, d->pad_right);
  else if (conv->direction == PL_DNN_BACKWARD_DATA)
    status = dnnl_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, &d->src, &d->weights, &d->dst,
                                                      d->strides, d->pad_left, d->pad_right);
  else
    status = dnnl_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct, &d->src, &d->weights, bias,
                                                         &d->dst, d->strides, d->pad_left, d->pad_right);
  return status ? status : dnnl_primitive_desc_create(out, &desc, attr, dnn->engine, hint);
}

static void take_conv(pl_dnn_op *op, dnnl_primitive_desc_t plan, pl_dnn_direction direction) {
  static const pl_dnn_arg args[3][4] = {
      {PL_DNN_SRC, PL_DNN_WEIGHTS, PL_DNN_DST, PL_DNN_BIAS},
      {PL_DNN_DIFF_SRC, PL_DNN_WEIGHTS, PL_DNN_DIFF_DST},
      {PL_DNN_SRC, PL_DNN_DIFF_WEIGHTS, PL_DNN_DIFF_DST, PL_DNN_DIFF_BIAS},
  };
  static const dnnl_query_t queries[3][4] = {
      {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md, dnnl_query_weights_md},
      {dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md},
      {dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md, dnnl_query_diff_weights_md},
  };
  static const int indices[4] = {0, 0, 0, 1};
  take_plan(op, plan, args[direction], queries[direction], indices, direction == PL_DNN_BACKWARD_DATA ? 3 : 4);
}

pl_status pl_dnn_plan_conv(pl_dnn_op *op, pl_dnn *dnn, const pl_dnn_conv *conv, const pl_dnn_desc *weights,
                           pl_error *err) {
  *op = (pl_dnn_op){0};
  conv_descs d;
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t hint = NULL, plan = NULL;
  pl_status status = describe_conv(&d, conv, weights, err);
  if (!status) status = make_attributes(&attr, conv->sum, conv->relu, err);
  if (!status && conv->direction != PL_DNN_FORWARD) {
    pl_dnn_conv forward = *conv;
    forward.direction = PL_DNN_FORWARD;
    forward.sum = forward.relu = forward.bias = false;
    conv_descs free_weights;
    status = describe_conv(&free_weights, &forward, NULL, err);
    if (!status) status = check(conv_plan(&hint, dnn, &forward, &free_weights, attr, NULL), "convolution", err);
  }
  if (!status) status = check(conv_plan(&plan, dnn, conv, &d, attr, hint), "convolution", err);
  if (!status) take_conv(op, plan, conv->direction);
  if (hint) dnnl_primitive_desc_destroy(hint);
  if (attr) dnnl_primitive_attr_destroy(attr);
  return status;
}

pl_status pl_dnn_plan_reorder(pl_dnn_op *op, pl_dnn *dnn, const pl_dnn_desc *from, const pl_dnn_desc *to,
                              pl_error *err) {
  *op = (pl_dnn_op){0};
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t plan = NULL;
  pl_status status = make_attributes(&attr, false, false, err);
  if (!status)
    status = check(dnnl_reorder_primitive_desc_create(&plan, &from->md, dnn->engine, &to->md, dnn->engine, attr),
                   "reorder", err);
  if (attr) dnnl_primitive_attr_destroy(attr);
  if (status) return status;
  take_plan(op, plan, NULL, NULL, NULL, 0);
  op->desc[PL_DNN_SRC] = wrap(&from->md);
  op->desc[PL_DNN_DST] = wrap(&to->md);
  return PL_OK;
}

bool pl_dnn_op_is_reference(const pl_dnn_op *op) {
  return op->implementation && (strncmp(op->implementation, "ref", 3) == 0 || strstr(op->implementation, "_ref"));
}

pl_status pl_dnn_op_build(pl_dnn_op *op, pl_error *err) {
  dnnl_primitive_t primitive = NULL;
  pl_status status = check(dnnl_primitive_create(&primitive, (const_dnnl_primitive_desc_t)op->plan), "primitive", err);
  if (!status) op->primitive = primitive;
  return status;
}

pl_status pl_dnn_op_bind(pl_dnn_op *op, pl_dnn *dnn, pl_dnn_arg arg, void *data, pl_error *err) {
  if (!op->desc[arg]) return PL_OK;
  if (op->memory[arg]) return check(dnnl_memory_set_data_handle((dnnl_memory_t)op->memory[arg], data), "memory", err);
  dnnl_memory_t memory = NULL;
  pl_status status = check(dnnl_memory_create(&memory, &op->desc[arg]->md, dnn->engine, data), "memory", err);
  if (!status) op->memory[arg] = memory;
  return status;
}

pl_status pl_dnn_op_run(const pl_dnn_op *op, pl_dnn *dnn, pl_error *err) {
  dnnl_exec_arg_t args[PL_DNN_ARG_COUNT];
  int count = 0;
  for (int i = 0; i < PL_DNN_ARG_COUNT; i++)
    if (op->memory[i]) args[count++] = (dnnl_exec_arg_t){.arg = arg_ids[i], .memory = (dnnl_memory_t)op->memory[i]};
  dnnl_status_t status = dnnl_primitive_execute((dnnl_primitive_t)op->primitive, dnn->stream, count, args);
  if (!status) status = dnnl_stream_wait(dnn->stream);
  return status ? check(status, op->implementation, err) : PL_OK;
}

void pl_dnn_op_clear(pl_dnn_op *op) {
  if (op->primitive) dnnl_primitive_destroy((dnnl_primitive_t)op->primitive);
  if (op->plan) dnnl_primitive_desc_destroy((dnnl_primitive_desc_t)op->plan);
  for (int i = 0; i < PL_DNN_ARG_COUNT; i++) {
    pl_dnn_desc_destroy(op->desc[i]);
    if (op->memory[i]) dnnl_memory_destroy((dnnl_memory_t)op->memory[i]);
  }
  *op = (pl_dnn_op){0};
}

pl_status pl_dnn_convert(pl_dnn *dnn, const pl_dnn_desc *from, const void *source, const pl_dnn_desc *to, void *target,
                         pl_error *err) {
  pl_dnn_op op = {0};
  void *scratch = NULL;
  pl_status status = pl_dnn_plan_reorder(&op, dnn, from, to, err);
  if (!status) status = pl_dnn_op_build(&op, err);
  // oneDNN only reads the source, but takes all memory as writable.
  if (!status) status = pl_dnn_op_bind(&op, dnn, PL_DNN_SRC, (void *)(uintptr_t)source, err);
  if (!status) status = pl_dnn_op_bind(&op, dnn, PL_DNN_DST, target, err);
  if (!status && op.desc[PL_DNN_SCRATCHPAD]) {
    scratch = pl_try_alloc(pl_dnn_desc_bytes(op.desc[PL_DNN_SCRATCHPAD]));
    status = scratch ? pl_dnn_op_bind(&op, dnn, PL_DNN_SCRATCHPAD, scratch, err)
                     : pl_fail(err, PL_E_NOMEM, "no memory to repack a tensor");
  }
  if (!status) status = pl_dnn_op_run(&op, dnn, err);
  pl_dnn_op_clear(&op);
  free(scratch);
  return status;
}

static const int arg_ids[PL_DNN_ARG_COUNT] = {
    [PL_DNN_SRC] = DNNL_ARG_SRC,
    [PL_DNN_WEIGHTS] = DNNL_ARG_WEIGHTS,
    [PL_DNN_BIAS] = DNNL_ARG_BIAS,
    [PL_DNN_DST] = DNNL_ARG_DST,
    [PL_DNN_DIFF_SRC] = DNNL_ARG_DIFF_SRC,
    [PL_DNN_DIFF_WEIGHTS] = DNNL_ARG_DIFF_WEIGHTS,
    [PL_DNN_DIFF_BIAS] = DNNL_ARG_DIFF_BIAS,
    [PL_DNN_DIFF_DST] = DNNL_ARG_DIFF_DST,
    [PL_DNN_SCRATCHPAD] = DNNL_ARG_SCRATCHPAD,
};
