#include "core/run/nvml.h"

#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"

// From nvml.h, which few machines have.
typedef struct nvml_device *nvml_device;
typedef struct nvml_utilization {
  unsigned gpu, memory;  // percent
} nvml_utilization;
typedef struct nvml_memory {
  unsigned long long total, free, used;
} nvml_memory;
enum { NVML_SUCCESS = 0, NVML_TEMPERATURE_GPU = 0, UUID_MAX = 96 };

struct pl_nvml {
  void *library;
  int (*init)(void);
  int (*shutdown)(void);
  int (*by_index)(unsigned index, nvml_device *out);
  int (*by_uuid)(const char *uuid, nvml_device *out);
  int (*utilization)(nvml_device device, nvml_utilization *out);
  int (*memory)(nvml_device device, nvml_memory *out);
  int (*temperature)(nvml_device device, int sensor, unsigned *out);
  int (*power)(nvml_device device, unsigned *milliwatts);
  nvml_device device;
};

static const struct {
  const char *name;
  size_t offset;
} functions[] = {
    {"nvmlInit_v2", offsetof(pl_nvml, init)},
    {"nvmlShutdown", offsetof(pl_nvml, shutdown)},
    {"nvmlDeviceGetHandleByIndex_v2", offsetof(pl_nvml, by_index)},
    {"nvmlDeviceGetHandleByUUID", offsetof(pl_nvml, by_uuid)},
    {"nvmlDeviceGetUtilizationRates", offsetof(pl_nvml, utilization)},
    {"nvmlDeviceGetMemoryInfo", offsetof(pl_nvml, memory)},
    {"nvmlDeviceGetTemperature", offsetof(pl_nvml, temperature)},
    {"nvmlDeviceGetPowerUsage", offsetof(pl_nvml, power)},
};

static bool load(pl_nvml *n) {
  n->library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (n->library == NULL) return false;
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    void *symbol = dlsym(n->library, functions[i].name);
    if (symbol == NULL) return false;
    memcpy((char *)n + functions[i].offset, &symbol, sizeof symbol);  // ISO C has no cast from data to function
  }
  return true;
}

// The entry of CUDA_VISIBLE_DEVICES at `device`, or the number itself where the variable is not set. CUDA ignores all
// entries from the first that it does not know, and then has no such device.
static bool find(pl_nvml *n, int device) {
  const char *visible = getenv("CUDA_VISIBLE_DEVICES");
  if (visible == NULL) return n->by_index((unsigned)device, &n->device) == NVML_SUCCESS;
  for (int i = 0; i < device && visible != NULL; i++) {
    visible = strchr(visible, ',');
    if (visible != NULL) visible++;
  }
  if (visible == NULL) return false;
  size_t length = strcspn(visible, ",");
  uint64_t index;
  char uuid[UUID_MAX];
  if (pl_parse_u64(&index, visible, length) && index < 1024) {
    return n->by_index((unsigned)index, &n->device) == NVML_SUCCESS;
  }
  if (length == 0 || length >= sizeof uuid) return false;
  memcpy(uuid, visible, length);
  uuid[length] = '\0';
  return n->by_uuid(uuid, &n->device) == NVML_SUCCESS;
}

pl_nvml *pl_nvml_open(int device) {
  pl_nvml *n = pl_xcalloc(1, sizeof *n);
  if (device >= 0 && load(n) && n->init() == NVML_SUCCESS) {
    if (find(n, device)) return n;
    (void)n->shutdown();
  }
  if (n->library != NULL) dlclose(n->library);
  free(n);
  return NULL;
}

void pl_nvml_read(const pl_nvml *n, pl_nvml_reading *out) {
  const double unknown = (double)NAN;
  nvml_utilization utilization;
  nvml_memory memory;
  unsigned temperature, milliwatts;
  *out = (pl_nvml_reading){unknown, unknown, unknown, unknown, unknown};
  if (n->utilization(n->device, &utilization) == NVML_SUCCESS) out->busy = utilization.gpu / 100.0;
  if (n->memory(n->device, &memory) == NVML_SUCCESS) {
    out->memory_used = (double)memory.used;
    out->memory_total = (double)memory.total;
  }
  if (n->temperature(n->device, NVML_TEMPERATURE_GPU, &temperature) == NVML_SUCCESS) out->temperature = temperature;
  if (n->power(n->device, &milliwatts) == NVML_SUCCESS) out->power = milliwatts / 1000.0;
}

void pl_nvml_close(pl_nvml *n) {
  if (n == NULL) return;
  (void)n->shutdown();
  dlclose(n->library);
  free(n);
}
