// cuDNN as a library that is loaded when it is asked for, so that the plug-in loads without it and can say what is
// missing. Only its graph interface is used.
#pragma once

#include <cudnn_graph.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_CUDNN_OLDEST = 90800 };  // 9.8.0, as CUDNN_VERSION counts

// Its functions, without their prefixes.
typedef struct pl_cudnn {
  __typeof__(cudnnGetVersion) *version;
  __typeof__(cudnnGetErrorString) *error_string;
  __typeof__(cudnnGetLastErrorString) *last_error;
  __typeof__(cudnnCreate) *create;
  __typeof__(cudnnDestroy) *destroy;
  __typeof__(cudnnSetStream) *set_stream;
  __typeof__(cudnnBackendCreateDescriptor) *create_descriptor;
  __typeof__(cudnnBackendDestroyDescriptor) *destroy_descriptor;
  __typeof__(cudnnBackendFinalize) *finalize;
  __typeof__(cudnnBackendSetAttribute) *set;
  __typeof__(cudnnBackendGetAttribute) *get;
  __typeof__(cudnnBackendExecute) *execute;
} pl_cudnn;

// Loads it, from where the plug-in's run path and the system's search point; it then stays until the process ends.
// PL_E_DEVICE when there is none, or one that is too old.
pl_status pl_cudnn_load(pl_cudnn *out, pl_error *err);

// PL_OK, or `what` with cuDNN's words for the failure: PL_E_UNSUPPORTED where it has no such thing, PL_E_NOMEM,
// PL_E_DEVICE.
pl_status pl_cudnn_check(const pl_cudnn *cudnn, cudnnStatus_t status, const char *what, pl_error *err);

#ifdef __cplusplus
}
#endif
