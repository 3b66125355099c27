#include "core/run/unused_gpu.h"

#include <stdio.h>
#include <string.h>

#include "core/run/nvml.h"

void pl_unused_gpu(char *out, size_t size, const char *backend, int device, const char *why) {
  out[0] = '\0';
  if (strcmp(backend, "cuda") == 0) return;
  pl_nvml *nvml = pl_nvml_open(device);
  if (nvml == NULL) return;
  pl_nvml_close(nvml);
  if (why[0] != '\0') {
    snprintf(out, size, "the GPU is not used: %s; see 'pleura devices'", why);
  } else {
    snprintf(out, size, "the GPU is not used: backend %s was asked for", backend);
  }
}
