// Our own convolutions 3x3 with stride 1 and padding 1 by Winograd's F(4x4, 3x3): a quarter of the multiplications, in
// all three directions. oneDNN has it too, but only for AVX-512. Errors are about 1e-6 of the result's rms.
//
// Weights, and their gradient, are in the layout of pl_dnn_desc_weights with the activations' block.
#pragma once

#include "core/net/backend_onednn/dnn.h"
#include "core/net/backend_onednn/winograd_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

// How a convolution is cut up. It follows from the shape alone, so that sums have the same order everywhere.
typedef struct pl_winograd {
  const pl_winograd_kernels *kernels;
  pl_dnn_direction direction;
  int64_t n, h, w;
  int64_t in, out;                 // channels read and written; of the weights' gradient its columns and rows
  int64_t across, down;            // tiles of an image
  int64_t chunk;                   // tiles at a time
  int64_t part;                    // input channels at a time
  int64_t u_step, v_step, m_step;  // floats between the places of transformed weights, input, and output
} pl_winograd;

// Whether this machine and this file can do it.
bool pl_winograd_supports(const pl_dnn_conv *conv);

pl_winograd pl_winograd_plan(const pl_dnn_conv *conv);
size_t pl_winograd_scratch(const pl_winograd *plan);  // bytes

// Forward: a is x, y = conv(x) + bias (or NULL), then relu. Backward data: a is dy, y is dx. `scratch` is aligned
// to 64.
void pl_winograd_run(const pl_winograd *plan, const float *a, const float *weights, const float *bias, bool relu,
                     float *y, float *scratch);
// Backward weights: overwrites `gradient`.
void pl_winograd_run_weights(const pl_winograd *plan, const float *x, const float *dy, float *gradient, float *scratch);

#ifdef __cplusplus
}
#endif
