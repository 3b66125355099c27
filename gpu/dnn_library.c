#include "gpu/dnn_library.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libcudnn_graph.so.9"

typedef struct function {
  const char *name;
  size_t offset;
} function;

static const function functions[12];

static pl_status check_version(const pl_cudnn *cudnn, pl_error *err) {
  size_t version = cudnn->version();
  if (version >= PL_CUDNN_OLDEST) return PL_OK;
  return pl_fail(err, PL_E_DEVICE, "cuDNN is %zu.%zu.%zu, and 9.8.0 or newer is needed", version / 10000,
                 version / 100 % 100, version % 100);
}

pl_status pl_cudnn_load(pl_cudnn *out, pl_error *err) {
  pl_cudnn cudnn;
  void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == NULL) {
    const char *why = dlerror();
    return pl_fail(err, PL_E_DEVICE, "cuDNN 9.8 or newer is not installed (%s)", why == NULL ? LIBRARY : why);
  }
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    void *symbol = dlsym(library, functions[i].name);
    if (symbol == NULL) {
      dlclose(library);
      return pl_fail(err, PL_E_DEVICE, "this cuDNN is too old or broken: " LIBRARY " has no %s", functions[i].name);
    }
    memcpy((char *)&cudnn + functions[i].offset, &symbol, sizeof symbol);  // ISO C has no cast from data to function
  }
  dlclose(library);  // stays loaded, as RTLD_NODELETE says: it keeps threads and exit handlers of its own
  pl_status status = check_version(&cudnn, err);
  if (status == PL_OK) *out = cudnn;
  return status;
}

pl_status pl_cudnn_check(const pl_cudnn *cudnn, cudnnStatus_t status, const char *what, pl_error *err) {
  if (status == CUDNN_STATUS_SUCCESS) return PL_OK;
  char detail[256] = "";
  cudnn->last_error(detail, sizeof detail);
  int family = (int)status / 1000 * 1000;
  pl_status code = family == CUDNN_STATUS_NOT_SUPPORTED || family == CUDNN_STATUS_BAD_PARAM ? PL_E_UNSUPPORTED
                   : status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED         ? PL_E_NOMEM
                                                                                            : PL_E_DEVICE;
  return pl_fail(err, code, "cuDNN: %s: %s%s%s", what, cudnn->error_string(status), detail[0] == '\0' ? "" : ": ",
                 detail);
}

static const function functions[12] = {
    {"cudnnGetVersion", offsetof(pl_cudnn, version)},
    {"cudnnGetErrorString", offsetof(pl_cudnn, error_string)},
    {"cudnnGetLastErrorString", offsetof(pl_cudnn, last_error)},
    {"cudnnCreate", offsetof(pl_cudnn, create)},
    {"cudnnDestroy", offsetof(pl_cudnn, destroy)},
    {"cudnnSetStream", offsetof(pl_cudnn, set_stream)},
    {"cudnnBackendCreateDescriptor", offsetof(pl_cudnn, create_descriptor)},
    {"cudnnBackendDestroyDescriptor", offsetof(pl_cudnn, destroy_descriptor)},
    {"cudnnBackendFinalize", offsetof(pl_cudnn, finalize)},
    {"cudnnBackendSetAttribute", offsetof(pl_cudnn, set)},
    {"cudnnBackendGetAttribute", offsetof(pl_cudnn, get)},
    {"cudnnBackendExecute", offsetof(pl_cudnn, execute)},
};
