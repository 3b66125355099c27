// Our own direct convolutions 3x3 with stride 1 and padding 1, for the two kinds that oneDNN turns into matrix
// products: groups of four channels (SE-ResNeXt's first stage) and a single output channel (the segmentation head).
//
// Weights, and their gradient, are in row-major order.
#pragma once

#include "core/net/backend_onednn/dnn.h"

#ifdef __cplusplus
extern "C" {
#endif

// Whether it is one of them, with the channels that it has more than one of in the machine's block.
bool pl_direct_supports(const pl_dnn_conv *conv);

// Forward: a is x, y = conv(x) + bias (or NULL), then relu. Backward data: a is dy, y is dx.
void pl_direct_run(const pl_dnn_conv *conv, const float *a, const float *weights, const float *bias, float *y);
// Backward weights: overwrites both gradients; that of the bias may be NULL.
void pl_direct_run_weights(const pl_dnn_conv *conv, const float *x, const float *dy, float *gradient,
                           float *bias_gradient);

#ifdef __cplusplus
}
#endif
