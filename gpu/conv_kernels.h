// Convolutions of our own, candidates beside cuDNN's for problems that its tiles do not suit: 3x3 with pad 1 in many
// small groups, between few channels, and down to one channel. They take the problems and arguments of gpu/dnn.h, with
// the same result but for the order of float32 sums. Deterministic; launchers neither allocate nor wait.
//
// Small groups share a matrix product with their neighbours, whose weights count as 0: what is not finite in one group
// may make its neighbours' results not a number too.
#pragma once

#include "gpu/dnn.h"
#include "gpu/kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

// Whether pl_gpu_conv_run computes the problem: f16 or bf16 in groups of 4, 8, 16 or 32 channels (in and out alike, 64
// channels or a multiple of that in all, stride 1 or 2) or between 16 and 32 channels without groups (stride 1); any
// type from channels that are a multiple of 8 to a single one (stride 1).
bool pl_gpu_conv_supported(const pl_dnn_conv *conv);

// Bytes of workspace that a run needs.
uint64_t pl_gpu_conv_workspace(const pl_dnn_conv *conv);

// Puts the convolution on the stream; the problem is supported and was checked. Pointers as for pl_dnn_run.
void pl_gpu_conv_run(pl_stream stream, const pl_dnn_conv *conv, const pl_dnn_args *args);

#ifdef __cplusplus
}
#endif
