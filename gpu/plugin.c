// The one symbol of the plug-in.
#include "gpu/backend.h"

__attribute__((visibility("default"))) const pl_backend_api *pl_backend_plugin(const pl_host *host);

const pl_backend_api *pl_backend_plugin(const pl_host *host) {
  return host->api_version == PL_BACKEND_API_VERSION ? &pl_backend_gpu : NULL;
}
