// What the compiler may do with several nodes at once. Each can be turned off in a run's choices, so that the plain
// path stays to compare with: {"fusions": {"join": "off"}}.
#pragma once

typedef enum pl_fusion {
  PL_FUSION_NORM_RELU,        // batch norm, then relu; its backward masks by what is computed again
  PL_FUSION_ADD_RELU,         // addition, then relu
  PL_FUSION_BIAS_RELU,        // convolution with bias, then relu
  PL_FUSION_RESIDUAL,         // a sum of gradients whose last summand a convolution's backward pass adds itself
  PL_FUSION_JOIN,             // the end of a residual block: batch norm, gate, addition, relu
  PL_FUSION_UPSAMPLE_CONCAT,  // upsampling, then concatenation
  PL_FUSION_UPSAMPLE_CONV,    // upsampling, concatenation and a 3x3 convolution as a transposed 4x4 one and a plain one
  PL_FUSION_COUNT
} pl_fusion;
