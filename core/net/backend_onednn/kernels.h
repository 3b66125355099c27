// The backend's own kernels, one a step. The order of `data` is in front of each. All sums have a fixed order, which
// depends neither on timing nor on the number of threads.
#pragma once

#include "core/net/backend_onednn/internal.h"

enum { PL_FLAT_CHUNK = 16384 };  // elements a piece of elementwise work and of its partial sums

void pl_kernel_primitive(const pl_step *step, pl_context *context);  // runs step->op

// kernels_conv.c: step->conv by winograd.h and direct.h
void pl_kernel_winograd(const pl_step *step, pl_context *context);          // x or dy, weights, y or dx, bias, scratch
void pl_kernel_winograd_weights(const pl_step *step, pl_context *context);  // x, dy, gradient, -, scratch
void pl_kernel_direct(const pl_step *step, pl_context *context);            // x or dy, weights, y or dx, bias
void pl_kernel_direct_weights(const pl_step *step, pl_context *context);    // x, dy, gradient, bias gradient

// kernels_flat.c: elementwise over n*c*h*w
void pl_kernel_add(const pl_step *step, pl_context *context);               // a, b, y; relu
void pl_kernel_relu(const pl_step *step, pl_context *context);              // x, y
void pl_kernel_relu_backward(const pl_step *step, pl_context *context);     // y, dy, dx
void pl_kernel_sigmoid(const pl_step *step, pl_context *context);           // x, y
void pl_kernel_sigmoid_backward(const pl_step *step, pl_context *context);  // y, dy, dx
void pl_kernel_accumulate(const pl_step *step, pl_context *context);        // x, y: y += x; `count` elements

// kernels_optimizer.c: over all parameters that are learned
void pl_kernel_gradient_norm(const pl_step *step, pl_context *context);   // out f64 [2], partial
void pl_kernel_optimizer_step(const pl_step *step, pl_context *context);  // norm f64 [2], step counter

// kernels_channel.c: by channel; dimensions are the first input's
void pl_kernel_norm_eval(const pl_step *step, pl_context *context);  // x, gamma, beta, mean, variance, y, factors; relu
void pl_kernel_norm_commit(const pl_step *step, pl_context *context);    // mean, variance, loss, running..., counter
void pl_kernel_mean(const pl_step *step, pl_context *context);           // x, y
void pl_kernel_mean_backward(const pl_step *step, pl_context *context);  // dy, dx; h, w of dx
void pl_kernel_scale(const pl_step *step, pl_context *context);          // x, s, y
// x, s, dy, dx, ds, factors of the batch norm in front (x is its input then) or NULL
void pl_kernel_scale_backward(const pl_step *step, pl_context *context);

// kernels_pixel.c: by pixel; s and ds have one channel. dx or ds may be NULL
void pl_kernel_scale_pixels(const pl_step *step, pl_context *context);           // x, s, y
void pl_kernel_scale_pixels_backward(const pl_step *step, pl_context *context);  // x, s, dy, dx, ds

// kernels_norm.c: training. `factors` are two floats a channel; sums are of PL_NORM_PIECE elements.
enum { PL_NORM_PIECE = 16384 };
void pl_kernel_norm(const pl_step *step, pl_context *context);  // x, gamma, beta, y, mean, variance, factors, partial
// x, dy, mean, variance, gamma, factors or NULL, dx, dgamma, dbeta, coefficients [3c], partial; add
void pl_kernel_norm_backward(const pl_step *step, pl_context *context);

// kernels_space.c
void pl_kernel_max_pool(const pl_step *step, pl_context *context);           // x, y, index
void pl_kernel_max_pool_backward(const pl_step *step, pl_context *context);  // index, dy, dx; h, w of dx
void pl_kernel_upsample(const pl_step *step, pl_context *context);           // x, y
void pl_kernel_upsample_backward(const pl_step *step, pl_context *context);  // dy, dx; h, w of dx
// The dimensions of both are those of the whole, but for c and c2, the parts' channels; `doubled` is of the first part.
void pl_kernel_concat(const pl_step *step, pl_context *context);           // a, b, y
void pl_kernel_concat_backward(const pl_step *step, pl_context *context);  // dy, da, db

// kernels_loss.c: partial sums are of PL_LOSS_CHUNK pixels
enum { PL_LOSS_CHUNK = 4096, PL_LOSS_SUMS = 5 };

// Dense one-channel tensors; `partial` is room for partial sums, `room` for sorting, NULL when no term sorts.
void pl_kernel_loss(const pl_step *step, pl_context *context);           // logits, target, loss, partial, room
void pl_kernel_loss_backward(const pl_step *step, pl_context *context);  // logits, target, loss, dlogits, room
void pl_kernel_dice_sums(const pl_step *step, pl_context *context);      // logits, target, sums, partial

// kernels_lovasz.c: the terms of the loss that sort. `room` has PL_LOVASZ_BYTES a pixel of the batch.
enum { PL_LOVASZ_BYTES = 16 };
double pl_lovasz(const pl_step *step, void *room);          // of (x, t) and (-x, 1-t), halved; mean over the images
double pl_lovasz_sigmoid(const pl_step *step, void *room);  // of the whole batch
// Add weight times the derivative to dlogits.
void pl_lovasz_backward(const pl_step *step, void *room, double weight, float *dlogits);
void pl_lovasz_sigmoid_backward(const pl_step *step, void *room, double weight, float *dlogits);

// kernels_augment.c
void pl_kernel_augment(const pl_step *step, pl_context *context);  // image, mask, parameters, x, target
