// The part of oneDNN that the backend needs, free of its types. dnn.c is behind it, for versions 2 and 3 of oneDNN's C
// interface; what differs between them is in dnn_versions.h.
//
// Activations are float32 [n][c/b][h*w][b], where b is the block: 1 is nchw, c is nhwc, 8 and 16 are oneDNN's nChw8c
// and nChw16c. The block is all that the rest of the backend knows of a layout.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_dnn pl_dnn;            // an engine and a stream
typedef struct pl_dnn_desc pl_dnn_desc;  // type, dimensions and layout of a block of memory

typedef enum pl_dnn_arg {
  PL_DNN_SRC,
  PL_DNN_WEIGHTS,
  PL_DNN_BIAS,
  PL_DNN_DST,
  PL_DNN_DIFF_SRC,
  PL_DNN_DIFF_WEIGHTS,
  PL_DNN_DIFF_BIAS,
  PL_DNN_DIFF_DST,
  PL_DNN_SCRATCHPAD,
  PL_DNN_ARG_COUNT
} pl_dnn_arg;

typedef enum pl_dnn_direction {
  PL_DNN_FORWARD,
  PL_DNN_BACKWARD_DATA,
  PL_DNN_BACKWARD_WEIGHTS,
} pl_dnn_direction;

// A primitive. `desc[a]` is NULL for arguments that it does not take.
typedef struct pl_dnn_op {
  void *plan;       // the primitive's descriptor
  void *primitive;  // NULL until built
  pl_dnn_desc *desc[PL_DNN_ARG_COUNT];
  void *memory[PL_DNN_ARG_COUNT];  // NULL until bound
  const char *implementation;      // "jit:avx2"; borrowed from the plan
} pl_dnn_op;

typedef struct pl_dnn_conv {
  pl_dnn_direction direction;
  int64_t n, ic, ih, iw, oc, oh, ow;
  int32_t kernel, stride, pad, groups;
  int64_t src_block, dst_block;
  bool bias;
  bool relu;  // forward: dst = max(0, dst); after the sum
  bool sum;   // forward: dst += what it held
} pl_dnn_conv;

pl_status pl_dnn_create(pl_dnn **out, pl_error *err);
void pl_dnn_destroy(pl_dnn *dnn);  // takes NULL

const char *pl_dnn_version(void);  // "2.6.3"
const char *pl_dnn_isa(void);      // "avx2": what oneDNN's generators use on this machine
int64_t pl_dnn_block(void);        // the block that its convolutions like: floats of a vector

// Descriptors. `canonical` has the dimensions of `desc` in row-major order.
pl_dnn_desc *pl_dnn_desc_activation(int64_t n, int64_t c, int64_t h, int64_t w, int64_t block);
// Weights [oc/b][ic/b][k*k][b i][b o]: what most of oneDNN's forward convolutions read too.
pl_dnn_desc *pl_dnn_desc_weights(int64_t oc, int64_t ic, int32_t kernel, int64_t block);
// The same row by row, [groups][oc][ic][k][k] when there are several groups.
pl_dnn_desc *pl_dnn_desc_row_major(int64_t oc, int64_t ic, int32_t kernel, int32_t groups);
pl_dnn_desc *pl_dnn_desc_canonical(const pl_dnn_desc *desc);
pl_dnn_desc *pl_dnn_desc_clone(const pl_dnn_desc *desc);
void pl_dnn_desc_destroy(pl_dnn_desc *desc);
bool pl_dnn_desc_equal(const pl_dnn_desc *a, const pl_dnn_desc *b);
size_t pl_dnn_desc_bytes(const pl_dnn_desc *desc);

// Plan a primitive: fills `op` except for the primitive. PL_E_UNSUPPORTED when oneDNN has none. `weights` is the layout
// of the (gradient of the) weights, NULL to let oneDNN choose.
pl_status pl_dnn_plan_conv(pl_dnn_op *op, pl_dnn *dnn, const pl_dnn_conv *conv, const pl_dnn_desc *weights,
                           pl_error *err);
pl_status pl_dnn_plan_reorder(pl_dnn_op *op, pl_dnn *dnn, const pl_dnn_desc *from, const pl_dnn_desc *to,
                              pl_error *err);

// Whether the implementation is one of oneDNN's plain loops.
bool pl_dnn_op_is_reference(const pl_dnn_op *op);
pl_status pl_dnn_op_build(pl_dnn_op *op, pl_error *err);
pl_status pl_dnn_op_bind(pl_dnn_op *op, pl_dnn *dnn, pl_dnn_arg arg, void *data, pl_error *err);
pl_status pl_dnn_op_run(const pl_dnn_op *op, pl_dnn *dnn, pl_error *err);
void pl_dnn_op_clear(pl_dnn_op *op);

// Copies between layouts at once, for uploads and downloads.
pl_status pl_dnn_convert(pl_dnn *dnn, const pl_dnn_desc *from, const void *source, const pl_dnn_desc *to, void *target,
                         pl_error *err);

#ifdef __cplusplus
}
#endif
