// A libnvidia-ml.so.1 with two GPUs, of which the second does not tell its power.
#include <string.h>

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out);
int nvmlDeviceGetHandleByUUID(const char *uuid, void **out);
int nvmlDeviceGetUtilizationRates(const void *device, unsigned out[2]);
int nvmlDeviceGetMemoryInfo(const void *device, unsigned long long out[3]);
int nvmlDeviceGetTemperature(const void *device, int sensor, unsigned *out);
int nvmlDeviceGetPowerUsage(const void *device, unsigned *out);

static char devices[2];

int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out) {
  if (index > 1) return 2;
  *out = &devices[index];
  return 0;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **out) {
  return strcmp(uuid, "GPU-second") == 0 ? nvmlDeviceGetHandleByIndex_v2(1, out) : 6;
}

int nvmlDeviceGetUtilizationRates(const void *device, unsigned out[2]) {
  out[0] = device == &devices[0] ? 97 : 12;
  out[1] = 50;
  return 0;
}

int nvmlDeviceGetMemoryInfo(const void *device, unsigned long long out[3]) {
  (void)device;
  out[0] = 80ULL << 30;
  out[1] = 60ULL << 30;
  out[2] = 20ULL << 30;
  return 0;
}

int nvmlDeviceGetTemperature(const void *device, int sensor, unsigned *out) {
  (void)device;
  *out = 64;
  return sensor == 0 ? 0 : 2;
}

int nvmlDeviceGetPowerUsage(const void *device, unsigned *out) {
  if (device != &devices[0]) return 3;
  *out = 512345;
  return 0;
}
