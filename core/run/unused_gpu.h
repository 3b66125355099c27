// Why a GPU that is there is not used.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// "the GPU is not used: ..." when the machine has an NVIDIA GPU, as its driver tells, but `backend` is not the one that
// would use it; else "". `why` is what pl_registry_open said of a better backend, "" when another was asked for.
// `device` as CUDA counts them. Safe to print.
void pl_unused_gpu(char *out, size_t size, const char *backend, int device, const char *why);

#ifdef __cplusplus
}
#endif
