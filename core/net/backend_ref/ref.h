// Inside the reference backend: what a kernel gets, and the kernels.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/net/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

// One node to compute. Values and tensors are dense doubles in canonical order, but u8 values are bytes and i64 tensors
// are int64_t in the same 8 bytes.
typedef struct pl_ref_call {
  const pl_node *node;
  const pl_model *model;
  const pl_controls *controls;
  int threads;
  const void *in[PL_NODE_INPUTS_MAX];
  void *out[PL_NODE_OUTPUTS_MAX];
  pl_shape in_shape[PL_NODE_INPUTS_MAX], out_shape[PL_NODE_OUTPUTS_MAX];
  double *tensor[PL_NODE_TENSORS_MAX];  // NULL where the node has none
  pl_shape tensor_shape[PL_NODE_TENSORS_MAX];
  double *const *all_tensors;  // by index in the model
} pl_ref_call;

// PL_E_NOMEM is the only thing that can go wrong.
typedef pl_status pl_ref_kernel(const pl_ref_call *call);

pl_ref_kernel pl_ref_augment;
pl_ref_kernel pl_ref_conv, pl_ref_conv_backward_data, pl_ref_conv_backward_weight;
pl_ref_kernel pl_ref_batch_norm, pl_ref_batch_norm_eval, pl_ref_batch_norm_backward, pl_ref_batch_norm_commit;
pl_ref_kernel pl_ref_relu, pl_ref_relu_backward, pl_ref_add, pl_ref_sigmoid, pl_ref_sigmoid_backward;
pl_ref_kernel pl_ref_max_pool, pl_ref_max_pool_backward, pl_ref_mean_hw, pl_ref_mean_hw_backward;
pl_ref_kernel pl_ref_scale_channels, pl_ref_scale_channels_backward;
pl_ref_kernel pl_ref_scale_pixels, pl_ref_scale_pixels_backward;
pl_ref_kernel pl_ref_upsample2, pl_ref_upsample2_backward, pl_ref_concat, pl_ref_concat_backward;
pl_ref_kernel pl_ref_combo_loss, pl_ref_combo_loss_backward, pl_ref_dice_sums;
pl_ref_kernel pl_ref_gradient_norm, pl_ref_optimizer_step;

#ifdef __cplusplus
}
#endif
