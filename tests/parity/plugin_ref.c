// The reference backend as a plug-in, for tests: it brings its own copy of all that it needs and exports one symbol.
#include <stdbool.h>
#include <stddef.h>

#include "core/net/backend_ref/backend_ref.h"

__attribute__((visibility("default"))) const pl_backend_api *pl_backend_plugin(const pl_host *host);

const pl_backend_api *pl_backend_plugin(const pl_host *host) {
  return host->api_version == PL_BACKEND_API_VERSION ? &pl_backend_ref : NULL;
}
