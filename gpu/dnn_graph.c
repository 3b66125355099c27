// A problem in cuDNN's words: tensors, a convolution, and what follows it. Group counts are no attribute: cuDNN takes
// them from the channels of x and w.
#include <stdlib.h>

#include "core/base/mem.h"
#include "gpu/dnn_private.h"

// Collects failures, so that a graph is written down without a check in each line: after the first, nothing is done.
typedef struct builder {
  pl_dnn_graph *graph;
  const pl_cudnn *cudnn;
  pl_status status;
  pl_error *err;
} builder;

static pl_cudnn_desc new_desc(builder *b, cudnnBackendDescriptorType_t type) {
  if (b->status) return NULL;
  pl_cudnn_desc desc = NULL;
  b->status = pl_cudnn_check(b->cudnn, b->cudnn->create_descriptor(type, &desc), "a new descriptor", b->err);
  if (b->status) return NULL;
  b->graph->made[b->graph->made_count++] = desc;
  return desc;
}

static void set(builder *b, pl_cudnn_desc desc, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                int64_t count, const void *values) {
  if (b->status) return;
  b->status = pl_cudnn_check(b->cudnn, b->cudnn->set(desc, name, type, count, values), "an attribute", b->err);
}

static void set_desc(builder *b, pl_cudnn_desc desc, cudnnBackendAttributeName_t name, pl_cudnn_desc value) {
  set(b, desc, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

static void set_ints(builder *b, pl_cudnn_desc desc, cudnnBackendAttributeName_t name, int64_t count,
                     const int64_t *values) {
  set(b, desc, name, CUDNN_TYPE_INT64, count, values);
}

static void set_type(builder *b, pl_cudnn_desc desc, cudnnBackendAttributeName_t name, cudnnDataType_t type) {
  set(b, desc, name, CUDNN_TYPE_DATA_TYPE, 1, &type);
}

static void finish(builder *b, pl_cudnn_desc desc, const char *what) {
  if (b->status) return;
  b->status = pl_cudnn_check(b->cudnn, b->cudnn->finalize(desc), what, b->err);
}

static cudnnDataType_t data_type(pl_gpu_type type) {
  return type == PL_GPU_F32 ? CUDNN_DATA_FLOAT : type == PL_GPU_F16 ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16;
}

// Channels last in memory, whatever the order of cuDNN's dimensions: n c h w of activations, k c r s of weights.
static pl_cudnn_desc tensor(builder *b, int64_t uid, cudnnDataType_t type, const int64_t dims[4], bool is_virtual) {
  const int64_t strides[4] = {dims[1] * dims[2] * dims[3], 1, dims[1] * dims[3], dims[1]}, alignment = 16;
  pl_cudnn_desc desc = new_desc(b, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  set_type(b, desc, CUDNN_ATTR_TENSOR_DATA_TYPE, type);
  set_ints(b, desc, CUDNN_ATTR_TENSOR_DIMENSIONS, 4, dims);
  set_ints(b, desc, CUDNN_ATTR_TENSOR_STRIDES, 4, strides);
  set_ints(b, desc, CUDNN_ATTR_TENSOR_UNIQUE_ID, 1, &uid);
  set_ints(b, desc, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 1, &alignment);
  set(b, desc, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual);
  finish(b, desc, "a tensor");
  return desc;
}

static pl_cudnn_desc convolution(builder *b, const pl_dnn_conv *c) {
  const int64_t dimensions = 2, pads[2] = {c->pad, c->pad}, strides[2] = {c->stride, c->stride}, dilations[2] = {1, 1};
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  pl_cudnn_desc desc = new_desc(b, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  set_type(b, desc, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  set(b, desc, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  set_ints(b, desc, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 1, &dimensions);
  set_ints(b, desc, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 2, pads);
  set_ints(b, desc, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 2, pads);
  set_ints(b, desc, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 2, strides);
  set_ints(b, desc, CUDNN_ATTR_CONVOLUTION_DILATIONS, 2, dilations);
  finish(b, desc, "a convolution's geometry");
  return desc;
}

// The names of the same attributes in the three operations.
typedef struct operation_names {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
} operation_names;

static const operation_names operations[3];

static pl_cudnn_desc operation(builder *b, const pl_dnn_conv *c, pl_cudnn_desc x, pl_cudnn_desc w, pl_cudnn_desc y) {
  const operation_names *names = &operations[c->direction];
  pl_cudnn_desc geometry = convolution(b, c), desc = new_desc(b, names->type);
  set_desc(b, desc, names->x, x);
  set_desc(b, desc, names->w, w);
  set_desc(b, desc, names->y, y);
  set_desc(b, desc, names->convolution, geometry);
  set(b, desc, names->alpha, CUDNN_TYPE_FLOAT, 1, &c->alpha);
  set(b, desc, names->beta, CUDNN_TYPE_FLOAT, 1, &c->beta);
  finish(b, desc, "a convolution");
  return desc;
}

// out = mode(in [, other])
static pl_cudnn_desc pointwise(builder *b, cudnnPointwiseMode_t mode, pl_cudnn_desc in, pl_cudnn_desc other,
                               pl_cudnn_desc out) {
  pl_cudnn_desc kind = new_desc(b, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  set(b, kind, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
  set_type(b, kind, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  finish(b, kind, "a pointwise mode");
  pl_cudnn_desc desc = new_desc(b, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  set_desc(b, desc, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind);
  set_desc(b, desc, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, in);
  if (other != NULL) set_desc(b, desc, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, other);
  set_desc(b, desc, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, out);
  finish(b, desc, "a pointwise operation");
  return desc;
}

// Writes the operations to `list`; returns how many.
static int64_t add_operations(builder *b, const pl_dnn_conv *c, pl_cudnn_desc list[3]) {
  const cudnnDataType_t type = data_type(c->type);
  const int64_t x_dims[4] = {c->n, c->ic, c->ih, c->iw}, y_dims[4] = {c->n, c->oc, c->oh, c->ow};
  const int64_t w_dims[4] = {c->oc, c->ic / c->groups, c->kernel, c->kernel}, bias_dims[4] = {1, c->oc, 1, 1};
  pl_cudnn_desc x = tensor(b, PL_UID_X, type, x_dims, false), w = tensor(b, PL_UID_W, type, w_dims, false);
  pl_cudnn_desc y = tensor(b, PL_UID_Y, type, y_dims, false);
  if (!c->bias) {
    list[0] = operation(b, c, x, w, y);
    return 1;
  }
  // The sums before the bias, and before the ReLU, stay in registers.
  pl_cudnn_desc sum = tensor(b, PL_UID_SUM, CUDNN_DATA_FLOAT, y_dims, true);
  pl_cudnn_desc bias = tensor(b, PL_UID_BIAS, type, bias_dims, false);
  list[0] = operation(b, c, x, w, sum);
  if (!c->relu) {
    list[1] = pointwise(b, CUDNN_POINTWISE_ADD, sum, bias, y);
    return 2;
  }
  pl_cudnn_desc biased = tensor(b, PL_UID_BIASED, CUDNN_DATA_FLOAT, y_dims, true);
  list[1] = pointwise(b, CUDNN_POINTWISE_ADD, sum, bias, biased);
  list[2] = pointwise(b, CUDNN_POINTWISE_RELU_FWD, biased, NULL, y);
  return 3;
}

pl_status pl_dnn_graph_create(pl_dnn_graph **out, const pl_dnn *dnn, const pl_dnn_conv *conv, pl_error *err) {
  pl_status status = pl_dnn_conv_check(conv, err);
  if (status) return status;
  pl_dnn_graph *graph = pl_xcalloc(1, sizeof *graph);
  graph->users = 1;
  graph->dnn = dnn;
  graph->type = conv->type;
  builder b = {.graph = graph, .cudnn = &dnn->cudnn, .err = err};
  pl_cudnn_desc list[3];
  int64_t count = add_operations(&b, conv, list);
  graph->graph = new_desc(&b, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  if (dnn->handle != NULL) {
    set(&b, graph->graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &dnn->handle);
  }
  set(&b, graph->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, list);
  finish(&b, graph->graph, "an operation graph");
  if (b.status) {
    pl_dnn_graph_release(graph);
    return b.status;
  }
  *out = graph;
  return PL_OK;
}

void pl_dnn_graph_release(pl_dnn_graph *graph) {
  if (graph == NULL || --graph->users > 0) return;
  while (graph->made_count > 0) graph->dnn->cudnn.destroy_descriptor(graph->made[--graph->made_count]);
  free(graph);
}

static const operation_names operations[3] = {
    [PL_DNN_FORWARD] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                        CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    [PL_DNN_BACKWARD_DATA] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    [PL_DNN_BACKWARD_WEIGHTS] = {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                                 CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};
