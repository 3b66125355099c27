// What NVIDIA's management library tells of a GPU. It comes with the driver (libnvidia-ml.so.1) and is loaded when
// asked for: without it nothing is known, and nothing else is different.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_nvml pl_nvml;

typedef struct pl_nvml_reading {
  double busy;                       // share of the last moment in which a kernel ran, 0 to 1
  double memory_used, memory_total;  // bytes
  double temperature;                // degrees Celsius
  double power;                      // watts
} pl_nvml_reading;

// The GPU that CUDA counts as `device`, as far as CUDA_VISIBLE_DEVICES (indices or UUIDs) says which that is. NULL when
// there is no library, driver or such GPU.
pl_nvml *pl_nvml_open(int device);

// NAN for what the GPU does not tell.
void pl_nvml_read(const pl_nvml *nvml, pl_nvml_reading *out);
void pl_nvml_close(pl_nvml *nvml);  // takes NULL

#ifdef __cplusplus
}
#endif
