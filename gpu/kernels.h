// Everything that the device computes outside of cuDNN: one launcher a kernel, or a short fixed sequence of kernels.
//
// Launchers put work on the stream and return at once; they neither allocate nor wait, so that they can be captured
// into a graph. An error of a launch is kept by the runtime (pl_cuda_check_launch). Pointers are device memory unless
// said otherwise and aligned to 16 bytes (activations, weights, gradients: the flat buffers at element 0 and at each
// offset that is passed here); outputs do not overlap inputs unless said otherwise.
//
// Activations are dense NHWC of one type (gpu/type.h). Statistics, factors, master weights and gradients of parameters
// are float32. Arithmetic is float32 throughout; a result is rounded once, to nearest even, when it is stored. Sums
// over pixels are cut into pieces that depend on the shape alone, added in float32 within a thread's short run and in
// float64 from there, in a fixed order and without atomics: same inputs, same bits, on every device.
//
// gpu/kernels/*.cu, one file a family, are CUDA; the same files compile as C++ against the emulator of tests/gpu.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/net/graph.h"
#include "gpu/type.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CUstream_st *pl_stream;  // cudaStream_t, as in gpu/cuda.h

// Dense NHWC. Each is at least 1; c is below 2^24, h * w below 2^31, n at most 4096.
typedef struct pl_gpu_shape {
  int32_t n, h, w, c;
} pl_gpu_shape;

// Bytes of `scratch` for every launcher below that takes it with this shape; contents are nobody's between calls.
size_t pl_gpu_scratch(const pl_gpu_shape *shape);

// Bytes of `scratch` of the launchers over flat buffers, whatever their length.
enum { PL_GPU_FLAT_SCRATCH = 256 * 1024 };

// ---------------------------------------------------------------------------------------------------------------------
// Layouts and types (layout.cu)

// out[i] = in[i], converted.
void pl_gpu_cast(pl_stream stream, pl_gpu_type out_type, void *out, pl_gpu_type in_type, const void *in, int64_t count);

// PyTorch's order to the device's: out [n,h,w,shape.c] of `type` from in [n,channels,h,w] float32. Channels beyond
// `channels` (<= shape.c) become 0: the padding that the stem's convolution wants.
void pl_gpu_to_nhwc(pl_stream stream, const pl_gpu_shape *shape, int32_t channels, pl_gpu_type type, void *out,
                    const float *in);

// And back: out [n,channels,h,w] float32 from in [n,h,w,shape.c]; the padding is left out.
void pl_gpu_to_nchw(pl_stream stream, const pl_gpu_shape *shape, int32_t channels, pl_gpu_type type, float *out,
                    const void *in);

// A convolution's weight. Canonical: [o, i, kernel, kernel]; on the device [o, kernel, kernel, padded], where the
// channels from i to `padded` are 0. `i` is per group.
typedef struct pl_gpu_weight {
  int32_t o, i, kernel, padded;
} pl_gpu_weight;

void pl_gpu_weight_to_krsc(pl_stream stream, const pl_gpu_weight *weight, float *out, const float *in);
void pl_gpu_weight_to_oihw(pl_stream stream, const pl_gpu_weight *weight, float *out, const float *in);

// ---------------------------------------------------------------------------------------------------------------------
// Element by element (elementwise.cu). In-place use (an output that is one of the inputs) is allowed.

// y = x <= 0 ? 0 : x (not a number stays so).
void pl_gpu_relu(pl_stream stream, pl_gpu_type type, int64_t count, const void *x, void *y);

// dx = y > 0 ? dy : 0.
void pl_gpu_relu_backward(pl_stream stream, pl_gpu_type type, int64_t count, const void *y, const void *dy, void *dx);

// y = a + b, then perhaps relu.
void pl_gpu_add(pl_stream stream, pl_gpu_type type, int64_t count, const void *a, const void *b, bool relu, void *y);

// y = 1 / (1 + exp(-x)).
void pl_gpu_sigmoid(pl_stream stream, pl_gpu_type type, int64_t count, const void *x, void *y);

// dx = dy * y * (1 - y).
void pl_gpu_sigmoid_backward(pl_stream stream, pl_gpu_type type, int64_t count, const void *y, const void *dy,
                             void *dx);

// y = x + bias[c], then perhaps relu: for convolutions that have no bias of their own.
void pl_gpu_add_bias(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x, const float *bias,
                     bool relu, void *y);

// The bias's gradient: sum of dy over n, h, w; `add` adds to what is there. loss_scale: see "Gradients" below.
void pl_gpu_bias_gradient(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *dy,
                          const float *loss_scale, bool add, float *gradient, void *scratch);

// ---------------------------------------------------------------------------------------------------------------------
// Batch norm (norm.cu). `factors` [2,c] are what a channel is computed with: y = x * factors[c] + factors[C + c], with
// factors[c] = gamma / sqrt(variance + epsilon) and factors[C + c] = beta - mean * factors[c], made in float64.

// Mean and biased variance over n, h, w, and the factors. `squeeze` (NULL: not wanted) takes the mean over h and w of
// the normalised y, [n,c] of `type`, without another pass: PL_OP_MEAN_HW behind a batch norm.
void pl_gpu_norm_statistics(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x,
                            const float *gamma, const float *beta, double epsilon, float *mean, float *variance,
                            float *factors, void *squeeze, void *scratch);

// The factors alone, from given statistics (the running ones, in evaluation).
void pl_gpu_norm_factors(pl_stream stream, int32_t channels, const float *gamma, const float *beta, const float *mean,
                         const float *variance, double epsilon, float *factors);

// y = x * factors[c] + factors[C + c], then perhaps relu. In place is allowed.
void pl_gpu_norm_apply(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x,
                       const float *factors, bool relu, void *y);

// Of what the backward pass needs of a batch norm. gamma_gradient and beta_gradient are written, or added to with
// `add`. loss_scale: see "Gradients".
typedef struct pl_gpu_norm {
  const float *gamma, *mean, *variance;
  double epsilon;
  float *gamma_gradient, *beta_gradient;
  const float *loss_scale;
  bool add;
} pl_gpu_norm;

// dx of batch norm, and the parameters' gradients. With `factors` a relu followed: dy is the gradient behind the relu,
// and counts only where x * factors[c] + factors[C + c] > 0, computed again here. NULL: no relu. dx may be dy.
void pl_gpu_norm_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const pl_gpu_norm *norm,
                          const void *x, const void *dy, const float *factors, void *dx, void *scratch);

// PL_OP_BATCH_NORM_COMMIT of many batch norms at once. `commits` is host memory and copied. `loss` is what
// pl_gpu_combo_loss wrote.
typedef struct pl_gpu_commit {
  const float *mean, *variance;
  float *running_mean, *running_variance;
  int64_t *batches;
  int64_t count;  // elements of a channel in the batch, n*h*w
  double momentum;
  int32_t channels;
} pl_gpu_commit;

void pl_gpu_norm_commit(pl_stream stream, const pl_gpu_commit *commits, int32_t count, const double *loss);

// ---------------------------------------------------------------------------------------------------------------------
// Space (space.cu): pooling, means, upsampling, concatenation

typedef struct pl_gpu_pool {
  pl_gpu_shape in;
  int32_t oh, ow, kernel, stride, pad;  // kernel at most 15; windows may hang over the edges
} pl_gpu_pool;

// index u8 [n,oh,ow,c]: the place of the window's first maximum in row order, ky * kernel + kx. Not a number wins.
void pl_gpu_max_pool(pl_stream stream, pl_gpu_type type, const pl_gpu_pool *pool, const void *x, void *y,
                     uint8_t *index);
void pl_gpu_max_pool_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_pool *pool, const uint8_t *index,
                              const void *dy, void *dx);

// y [n,1,1,c]: mean over h and w. Backward: dx = dy / (h*w) everywhere; `shape` is x's in both.
void pl_gpu_mean_hw(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x, void *y,
                    void *scratch);
void pl_gpu_mean_hw_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *dy, void *dx);

// Nearest, times two. `shape` is the small side's in both directions.
void pl_gpu_upsample2(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x, void *y);
void pl_gpu_upsample2_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *dy, void *dx);

// y = a's channels (shape->c, first upsampled when `upsample`; `shape` is a's), then b's (b_channels).
void pl_gpu_concat(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, int32_t b_channels, bool upsample,
                   const void *a, const void *b, void *y);
void pl_gpu_concat_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, int32_t b_channels,
                            bool upsample, const void *dy, void *da, void *db);

// ---------------------------------------------------------------------------------------------------------------------
// Attention (scale.cu). In place (y or dx being x or dy) is allowed. Any of dx, ds may be NULL: not wanted.

// y = x * s, s [n,c]. ds [n,c] = sum over h, w of dy * x.
void pl_gpu_scale_channels(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x, const void *s,
                           void *y);
void pl_gpu_scale_channels_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x,
                                    const void *s, const void *dy, void *dx, void *ds, void *scratch);

// y = x * s, s [n,h,w]. ds [n,h,w] = sum over c of dy * x.
void pl_gpu_scale_pixels(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x, const void *s,
                         void *y);
void pl_gpu_scale_pixels_backward(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const void *x,
                                  const void *s, const void *dy, void *dx, void *ds);

// ---------------------------------------------------------------------------------------------------------------------
// Block join (join.cu): the end of a residual block in one pass,
//   out = relu(norm(y) * gate + other),   other = identity, or norm(identity) of the downsampling branch,
// and its backward in two passes over (dout, out, y [, identity]) with the squeeze-and-excite branch's small nodes in
// between (Hu, Shen, Sun 2018; gate NULL: ResNet's block).

typedef struct pl_gpu_join {
  pl_gpu_type type;
  pl_gpu_shape shape;
  const void *y;                  // what the block's last batch norm reads
  const float *factors;           // of that batch norm
  const void *gate;               // [n,c] of `type`, or NULL: 1
  const void *identity;           // the block's input, or what the downsampling's batch norm reads
  const float *identity_factors;  // of the downsampling's batch norm, or NULL: no norm
} pl_gpu_join;

void pl_gpu_join_forward(pl_stream stream, const pl_gpu_join *join, void *out);

// Bytes of `sums`, which the first pass hands to the second.
size_t pl_gpu_join_sums(const pl_gpu_shape *shape);

// First pass. dz = out > 0 ? dout : 0. gate_gradient [n,c] of `type` (NULL without a gate): sum over h, w of
// dz * norm(y), the gradient that PL_OP_SCALE_CHANNELS_BACKWARD gives to s. mean, identity_mean: of the two batch norms
// (the second is NULL without identity_factors).
void pl_gpu_join_backward_sums(pl_stream stream, const pl_gpu_join *join, const void *out, const void *dout,
                               const float *mean, const float *identity_mean, void *gate_gradient, void *sums,
                               void *scratch);

// Second pass. squeeze_gradient [n,c] of `type` (NULL without a gate): the gradient of the mean over h and w of
// norm(y). dy takes the gradient of y through its batch norm. identity_gradient takes dz, or with identity_factors its
// gradient through the downsampling's batch norm (`identity_norm`, NULL otherwise). The parameters' gradients of both
// norms are written as their `add` says. identity_gradient or dy may be dout.
void pl_gpu_join_backward(pl_stream stream, const pl_gpu_join *join, const pl_gpu_norm *norm,
                          const pl_gpu_norm *identity_norm, const void *out, const void *dout,
                          const void *squeeze_gradient, const void *sums, void *dy, void *identity_gradient,
                          void *scratch);

// ---------------------------------------------------------------------------------------------------------------------
// Augment (augment.cu): PL_OP_AUGMENT with the arithmetic of core/net/augment_math.h, to the same pixel.

// image, mask u8 [n,h,w] and parameters f64 [n,PL_AUGMENT_VALUES] -> x [n,h,w,c] of `type` with zeros from channel 3 on
// (shape->c >= 3), target float32 [n,h,w] (NULL: not wanted).
void pl_gpu_augment(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const uint8_t *image,
                    const uint8_t *mask, const double *parameters, const double mean[3], const double deviation[3],
                    void *x, float *target);

// ---------------------------------------------------------------------------------------------------------------------
// Loss (loss.cu, lovasz.cu, sort.cu). Logits and target are float32 [n, pixels].

typedef struct pl_gpu_loss {
  int32_t n;
  int64_t pixels;  // of an image; n * pixels below 2^31
  double weights[PL_LOSS_TERMS];
} pl_gpu_loss;

// Bytes of `scratch` of the next two; large only where a Lovasz term is asked for.
size_t pl_gpu_loss_scratch(const pl_gpu_loss *loss);

// PL_OP_COMBO_LOSS: out f64 [PL_LOSS_VALUES].
void pl_gpu_combo_loss(pl_stream stream, const pl_gpu_loss *loss, const float *logits, const float *target, double *out,
                       void *scratch);

// PL_OP_COMBO_LOSS_BACKWARD times the loss scale (NULL: 1): gradient [n,pixels] of `type`. `values` is what
// pl_gpu_combo_loss wrote.
void pl_gpu_combo_loss_backward(pl_stream stream, const pl_gpu_loss *loss, const float *logits, const float *target,
                                const double *values, const float *loss_scale, pl_gpu_type type, void *gradient,
                                void *scratch);

// PL_OP_DICE_SUMS: out f64 [n,PL_DICE_VALUES]. Scratch: PL_GPU_FLAT_SCRATCH.
void pl_gpu_dice_sums(pl_stream stream, int32_t n, int64_t pixels, const float *logits, const float *target,
                      double *out, void *scratch);

// ---------------------------------------------------------------------------------------------------------------------
// Gradients and the optimizer (optimizer.cu). Flat float32 buffers, padding between tensors being 0.
//
// Float32 gradients of parameters are the true ones: `loss_scale` (one float32 on the device, NULL: 1) is what the
// activations' gradients were multiplied by, and launchers that write parameters' gradients divide by it. It is a power
// of two, so that dividing is exact but for numbers that become subnormal.

// gradient = in / loss_scale, or += with `add`; a run of parameters whose gradients cuDNN wrote in `type`.
void pl_gpu_gather_gradient(pl_stream stream, pl_gpu_type type, int64_t count, const void *in, const float *loss_scale,
                            bool add, float *gradient);

// PL_OP_GRADIENT_NORM: out f64 [2]. Scratch: PL_GPU_FLAT_SCRATCH.
void pl_gpu_gradient_norm(pl_stream stream, int64_t count, const float *gradients, double *out, void *scratch);

// After the norm: a gradient that is not finite halves the scale and clears the count; PL_GPU_LOSS_SCALE_STEPS finite
// ones in a row double it (torch.amp.GradScaler's rule). It stays within 1 and 2^24.
enum { PL_GPU_LOSS_SCALE_START = 65536, PL_GPU_LOSS_SCALE_STEPS = 2000 };
void pl_gpu_loss_scale_update(pl_stream stream, const double *norm, float *loss_scale, int64_t *growth);

// PL_OP_OPTIMIZER_STEP. `attributes` (host memory) is the node's. second: of both Adams. learning_rate: on the device,
// so that a captured graph need not change. copy (NULL: none) takes the new parameters in `type`, at the same offsets.
// Scratch: PL_GPU_FLAT_SCRATCH.
typedef struct pl_gpu_parameters {
  int64_t count;
  float *values;
  const float *gradients;
  float *first, *second;
  pl_gpu_type copy_type;
  void *copy;
} pl_gpu_parameters;

void pl_gpu_optimizer_step(pl_stream stream, const pl_attributes *attributes, const pl_gpu_parameters *parameters,
                           const double *learning_rate, const double *norm, int64_t *step, void *scratch);

// ---------------------------------------------------------------------------------------------------------------------
// Weights of rewritten convolutions (transform.cu). `w` is a master weight [o,3,3,i] (KRSC); `first` and `channels`
// choose the run of its input channels that one of two inputs of a concatenation has.

typedef struct pl_gpu_slice {
  int32_t o, i, first, channels;
} pl_gpu_slice;

// Nearest upsampling, then a 3x3 convolution with pad 1, is one transposed 4x4 convolution with stride 2 and pad 1: the
// backward data direction of a convolution from `o` to `channels` channels, whose weight this makes: out
// [channels,4,4,o] = A w A^T over the two axes of the kernel, A = {{0,0,1},{0,1,1},{1,1,0},{1,0,0}}.
void pl_gpu_upsample_weight(pl_stream stream, const pl_gpu_slice *slice, const float *w, pl_gpu_type type, void *out);

// The transpose: gradient [o,3,3,i] at those channels = A^T in A / loss_scale, or += with `add`; in [channels,4,4,o].
void pl_gpu_upsample_weight_gradient(pl_stream stream, const pl_gpu_slice *slice, pl_gpu_type type, const void *in,
                                     const float *loss_scale, bool add, float *gradient);

// out [o,3,3,channels]: those channels alone, for the other input; and their gradient back.
void pl_gpu_slice_weight(pl_stream stream, const pl_gpu_slice *slice, const float *w, pl_gpu_type type, void *out);
void pl_gpu_slice_weight_gradient(pl_stream stream, const pl_gpu_slice *slice, pl_gpu_type type, const void *in,
                                  const float *loss_scale, bool add, float *gradient);

#ifdef __cplusplus
}
#endif
