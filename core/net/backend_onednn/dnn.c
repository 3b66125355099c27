#include "core/net/backend_onednn/dnn.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/net/backend_onednn/dnn_versions.h"

struct pl_dnn {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
};

struct pl_dnn_desc {
  pl_md md;
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

static pl_dnn_desc *create(int ndims, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
  pl_dnn_desc *desc = pl_xcalloc(1, sizeof *desc);
  if (!pl_md_init(&desc->md, ndims, dims, tag)) return desc;
  free(desc);
  return NULL;
}

static pl_dnn_desc *wrap(pl_md_ref md) {
  pl_dnn_desc *desc = pl_xcalloc(1, sizeof *desc);
  if (!pl_md_copy(&desc->md, md)) return desc;
  free(desc);
  return NULL;
}

static pl_md_ref borrow(const pl_dnn_desc *desc) { return desc ? pl_md_borrow(&desc->md) : NULL; }

pl_dnn_desc *pl_dnn_desc_activation(int64_t n, int64_t c, int64_t h, int64_t w, int64_t block) {
  return create(4, (dnnl_dims_t){n, c, h, w}, activation_tag(c, block));
}

pl_dnn_desc *pl_dnn_desc_weights(int64_t oc, int64_t ic, int32_t kernel, int64_t block) {
  return create(4, (dnnl_dims_t){oc, ic, kernel, kernel}, block == 16 ? dnnl_OIhw16i16o : dnnl_OIhw8i8o);
}

// Weights of one or several groups.
static pl_dnn_desc *plain_weights(int64_t oc, int64_t ic, int32_t kernel, int32_t groups, dnnl_format_tag_t tag,
                                  dnnl_format_tag_t grouped_tag) {
  if (groups > 1) return create(5, (dnnl_dims_t){groups, oc / groups, ic / groups, kernel, kernel}, grouped_tag);
  return create(4, (dnnl_dims_t){oc, ic, kernel, kernel}, tag);
}

pl_dnn_desc *pl_dnn_desc_row_major(int64_t oc, int64_t ic, int32_t kernel, int32_t groups) {
  return plain_weights(oc, ic, kernel, groups, dnnl_abcd, dnnl_abcde);
}

pl_dnn_desc *pl_dnn_desc_canonical(const pl_dnn_desc *desc) {
  static const dnnl_format_tag_t tags[] = {dnnl_format_tag_undef, dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd, dnnl_abcde};
  int ndims = pl_md_ndims(borrow(desc));
  return ndims <= 5 ? create(ndims, pl_md_dims(borrow(desc)), tags[ndims]) : NULL;
}

pl_dnn_desc *pl_dnn_desc_clone(const pl_dnn_desc *desc) { return wrap(borrow(desc)); }

void pl_dnn_desc_destroy(pl_dnn_desc *desc) {
  if (!desc) return;
  pl_md_clear(&desc->md);
  free(desc);
}

bool pl_dnn_desc_equal(const pl_dnn_desc *a, const pl_dnn_desc *b) {
  return dnnl_memory_desc_equal(borrow(a), borrow(b)) != 0;
}

size_t pl_dnn_desc_bytes(const pl_dnn_desc *desc) { return dnnl_memory_desc_get_size(borrow(desc)); }

// ---------------------------------------------------------------------------------------------------------------------
// Primitives

static pl_status take_plan(pl_dnn_op *op, dnnl_primitive_desc_t plan, const pl_dnn_arg *args,
                           const dnnl_query_t *queries, const int *indices, int count) {
  op->plan = plan;
  for (int i = 0; i < count; i++) {
    pl_md_ref md = dnnl_primitive_desc_query_md(plan, queries[i], indices[i]);
    if (md && pl_md_ndims(md) > 0 && dnnl_memory_desc_get_size(md) > 0) op->desc[args[i]] = wrap(md);
  }
  pl_md_ref scratch = dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
  if (scratch && pl_md_ndims(scratch) > 0 && dnnl_memory_desc_get_size(scratch) > 0)
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
    if (!status && sum) status = pl_post_sum(ops);
    if (!status && relu) status = pl_post_relu(ops);
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
  pl_dnn_desc *src, *weights, *bias, *dst;
  dnnl_dims_t strides, pad_left, pad_right;
} conv_descs;

// What has to be added on the right so that the output has its size; less than `pad` when the stride leaves a rest.
static int64_t right_padding(int64_t in, int64_t out, const pl_dnn_conv *conv) {
  int64_t pad = (out - 1) * conv->stride + conv->kernel - in - conv->pad;
  return pad > 0 ? pad : 0;
}

static void clear_conv(conv_descs *d) {
  pl_dnn_desc_destroy(d->src);
  pl_dnn_desc_destroy(d->weights);
  pl_dnn_desc_destroy(d->bias);
  pl_dnn_desc_destroy(d->dst);
}

static pl_status describe_conv(conv_descs *d, const pl_dnn_conv *conv, const pl_dnn_desc *weights, pl_error *err) {
  *d = (conv_descs){.src = pl_dnn_desc_activation(conv->n, conv->ic, conv->ih, conv->iw, conv->src_block),
                    .dst = pl_dnn_desc_activation(conv->n, conv->oc, conv->oh, conv->ow, conv->dst_block),
                    .weights = weights ? pl_dnn_desc_clone(weights)
                                       : plain_weights(conv->oc, conv->ic, conv->kernel, conv->groups,
                                                       dnnl_format_tag_any, dnnl_format_tag_any),
                    .bias = conv->bias ? create(1, (dnnl_dims_t){conv->oc}, dnnl_a) : NULL};
  for (int i = 0; i < 2; i++) {
    d->strides[i] = conv->stride;
    d->pad_left[i] = conv->pad;
    d->pad_right[i] = i == 0 ? right_padding(conv->ih, conv->oh, conv) : right_padding(conv->iw, conv->ow, conv);
  }
  if (d->src && d->dst && d->weights && (d->bias || !conv->bias)) return PL_OK;
  return pl_fail(err, PL_E_UNSUPPORTED, "oneDNN: no layout for a convolution's arguments");
}

static dnnl_status_t conv_plan(dnnl_primitive_desc_t *out, pl_dnn *dnn, const pl_dnn_conv *conv, const conv_descs *d,
                               dnnl_primitive_attr_t attr, dnnl_primitive_desc_t hint) {
  pl_md_ref src = borrow(d->src), weights = borrow(d->weights), bias = borrow(d->bias), dst = borrow(d->dst);
  if (conv->direction == PL_DNN_FORWARD)
    return pl_conv_forward(out, dnn->engine, src, weights, bias, dst, d->strides, d->pad_left, d->pad_right, attr);
  if (conv->direction == PL_DNN_BACKWARD_DATA)
    return pl_conv_backward_data(out, dnn->engine, src, weights, dst, d->strides, d->pad_left, d->pad_right, hint,
                                 attr);
  return pl_conv_backward_weights(out, dnn->engine, src, weights, bias, dst, d->strides, d->pad_left, d->pad_right,
                                  hint, attr);
}

// The forward convolution that the backward ones are planned after.
static pl_status plan_hint(dnnl_primitive_desc_t *out, pl_dnn *dnn, const pl_dnn_conv *conv, dnnl_primitive_attr_t attr,
                           pl_error *err) {
  pl_dnn_conv forward = *conv;
  forward.direction = PL_DNN_FORWARD;
  forward.sum = forward.relu = forward.bias = false;
  conv_descs d;
  pl_status status = describe_conv(&d, &forward, NULL, err);
  if (!status) status = check(conv_plan(out, dnn, &forward, &d, attr, NULL), "convolution", err);
  clear_conv(&d);
  return status;
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
  if (!status && conv->direction != PL_DNN_FORWARD) status = plan_hint(&hint, dnn, conv, attr, err);
  if (!status) status = check(conv_plan(&plan, dnn, conv, &d, attr, hint), "convolution", err);
  if (!status) take_conv(op, plan, conv->direction);
  if (hint) dnnl_primitive_desc_destroy(hint);
  if (attr) dnnl_primitive_attr_destroy(attr);
  clear_conv(&d);
  return status;
}

pl_status pl_dnn_plan_reorder(pl_dnn_op *op, pl_dnn *dnn, const pl_dnn_desc *from, const pl_dnn_desc *to,
                              pl_error *err) {
  *op = (pl_dnn_op){0};
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t plan = NULL;
  pl_status status = make_attributes(&attr, false, false, err);
  if (!status)
    status = check(dnnl_reorder_primitive_desc_create(&plan, borrow(from), dnn->engine, borrow(to), dnn->engine, attr),
                   "reorder", err);
  if (attr) dnnl_primitive_attr_destroy(attr);
  if (status) return status;
  take_plan(op, plan, NULL, NULL, NULL, 0);
  op->desc[PL_DNN_SRC] = pl_dnn_desc_clone(from);
  op->desc[PL_DNN_DST] = pl_dnn_desc_clone(to);
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
  pl_status status = check(dnnl_memory_create(&memory, borrow(op->desc[arg]), dnn->engine, data), "memory", err);
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
