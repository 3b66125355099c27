// Convolutions on the device: a problem, the engines that can compute it, a plan with one of them, and its run. dnn.c
// and its companions are behind it, over the graph interface of cuDNN 9; tests/gpu/emulated_dnn.c is the same in plain
// loops on the CPU.
//
// Activations are dense NHWC, weights dense KRSC ([oc][kernel][kernel][ic/groups]), all of one type; sums are kept in
// float32. A float32 problem is computed in float32, never in TF32. All pointers are aligned to 16 bytes at least.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "gpu/type.h"

#ifdef __cplusplus
extern "C" {
#endif

struct CUstream_st;                      // a cudaStream_t's
typedef struct pl_dnn pl_dnn;            // the library on a device and a stream
typedef struct pl_dnn_plan pl_dnn_plan;  // a problem with its engine

typedef enum pl_dnn_direction {
  PL_DNN_FORWARD,           // y = alpha * conv(x, w) + beta * y, then the bias and the ReLU
  PL_DNN_BACKWARD_DATA,     // x = alpha * (gradient of x, from y and w) + beta * x
  PL_DNN_BACKWARD_WEIGHTS,  // w = alpha * (gradient of w, from x and y) + beta * w
} pl_dnn_direction;

// A problem. Sizes are those of the forward convolution in every direction: x [n,ih,iw,ic], w [oc,kernel,kernel,
// ic/groups], y [n,oh,ow,oc]. A transposed convolution (4x4, stride 2, pad 1: twice the size) is the backward data
// direction of the convolution that makes its input from its output.
//
// The result is rounded once, to the nearest even: alpha times the sum, plus beta times what was there (plus the bias,
// then the ReLU) in float32.
typedef struct pl_dnn_conv {
  pl_dnn_direction direction;
  pl_gpu_type type;
  int64_t n, ic, ih, iw, oc, oh, ow;
  int32_t kernel, stride, pad, groups;
  float alpha;  // 1 as a rule
  float beta;   // 0: what the output held is not read; 1: the output is added to
  bool bias;    // forward with alpha 1 and beta 0 only: y += bias[oc], which has the problem's type
  bool relu;    // with a bias only: y = max(0, y)
} pl_dnn_conv;

// Where a run reads and writes, named after the forward convolution: backward data writes x and reads w and y, backward
// weights writes w and reads x and y. `bias` is NULL without one; `workspace` holds pl_dnn_plan_workspace bytes, and
// may be NULL when that is 0. Nothing of it is kept; two plans on one stream may share a workspace.
typedef struct pl_dnn_args {
  void *x, *w, *y;
  const void *bias;
  void *workspace;
} pl_dnn_args;

// Refuses with PL_E_UNSUPPORTED, naming the field, what no direction can compute: sizes that do not fit each other,
// groups that do not divide, a bias or ReLU where it cannot be.
pl_status pl_dnn_conv_check(const pl_dnn_conv *conv, pl_error *err);

// The problem as text, of at most PL_DNN_KEY_MAX bytes with its terminator: what choices are kept under, such as
// "forward f16 n8 c128x64x64 k256x64x64 3x3 s1 p1 g1 b0". Equal problems have equal keys.
enum { PL_DNN_KEY_MAX = 192 };
void pl_dnn_conv_key(const pl_dnn_conv *conv, char *key, size_t size);

// ---------------------------------------------------------------------------------------------------------------------
// The library

// Loads the library, without a device, and tells its version ("9.19.0"). PL_E_DEVICE says what is missing, or which
// version is needed and which was found.
enum { PL_DNN_VERSION_MAX = 24 };
pl_status pl_dnn_probe(char version[PL_DNN_VERSION_MAX], pl_error *err);

// Opens it on the current device; everything then runs on `stream` (a cudaStream_t, borrowed until close).
pl_status pl_dnn_open(pl_dnn **out, void *stream, pl_error *err);

// Opens it for a device that is described in cuDNN's JSON of device properties instead of being there: candidates can
// be asked for and plans made, but nothing timed or run. PL_E_FORMAT when cuDNN does not take the description.
pl_status pl_dnn_open_described(pl_dnn **out, const char *json, pl_error *err);

void pl_dnn_close(pl_dnn *dnn);  // takes NULL; after its plans

// An engine besides the library's: kernels of our own (gpu/conv_kernels.h). `name` is its choice. `supported` is asked
// first, with a problem that was checked; then how much workspace a run needs; then runs are put on the stream.
typedef struct pl_dnn_own {
  const char *name;
  bool (*supported)(const pl_dnn_conv *conv);
  uint64_t (*workspace)(const pl_dnn_conv *conv);
  void (*run)(struct CUstream_st *stream, const pl_dnn_conv *conv, const pl_dnn_args *args);
} pl_dnn_own;

// Makes it a candidate of the plans to come, behind the library's; it is borrowed until close.
void pl_dnn_offer(pl_dnn *dnn, const pl_dnn_own *own);

// ---------------------------------------------------------------------------------------------------------------------
// Plans

// How many engines can compute the problem with a workspace of at most `workspace_limit` bytes (0 is a valid limit).
// Engines that may give other bits for the same inputs, and those that compute in less than the problem's precision,
// are never among them. PL_E_UNSUPPORTED when there is none, with the smallest workspace that would do when that is
// why.
pl_status pl_dnn_candidates(size_t *count, pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit,
                            pl_error *err);

// Makes a plan. `choice` is what pl_dnn_plan_choice said of an earlier plan of the same problem, which is then rebuilt
// exactly, or fails with PL_E_UNSUPPORTED where this library or device cannot; NULL takes the first candidate, which is
// a fixed rule for a version of the library and a device.
pl_status pl_dnn_plan_create(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit,
                             const char *choice, pl_error *err);

// Makes the plan of the candidate that runs in the shortest median time here, over buffers of its own in turns, so that
// each run finds its inputs outside the second-level cache. The memory is freed before it returns; where there is too
// little, PL_E_NOMEM, and the caller may take the plan by rule.
pl_status pl_dnn_plan_tune(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit,
                           pl_error *err);

void pl_dnn_plan_destroy(pl_dnn_plan *plan);  // takes NULL

uint64_t pl_dnn_plan_workspace(const pl_dnn_plan *plan);  // bytes that a run needs

// The engine as text without blanks, such as "cudnn:62:0=1,5=3"; borrowed from the plan. At most PL_DNN_CHOICE_MAX
// bytes with its terminator.
enum { PL_DNN_CHOICE_MAX = 256 };
const char *pl_dnn_plan_choice(const pl_dnn_plan *plan);

// Median microseconds of a run when the plan was tuned, else 0.
double pl_dnn_plan_time(const pl_dnn_plan *plan);

// Enqueues a run on the stream, from a single thread. It can be captured into a CUDA graph once it has run outside of
// one. PL_E_DEVICE with cuDNN's reason; errors of the computation itself appear when the stream is waited for.
pl_status pl_dnn_run(const pl_dnn_plan *plan, const pl_dnn_args *args, pl_error *err);

#ifdef __cplusplus
}
#endif
