// The types that activations and weights have on the device, shared by the kernels, the convolutions and the host code.
// Plain C that nvcc and C++ compilers read too.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pl_gpu_type {
  PL_GPU_F32,
  PL_GPU_F16,   // IEEE 754 binary16
  PL_GPU_BF16,  // the upper half of a binary32
} pl_gpu_type;

// Bytes of an element.
static inline size_t pl_gpu_type_size(pl_gpu_type type) { return type == PL_GPU_F32 ? 4 : 2; }

// "f32", "f16", "bf16". Static string.
static inline const char *pl_gpu_type_name(pl_gpu_type type) {
  return type == PL_GPU_F32 ? "f32" : type == PL_GPU_F16 ? "f16" : "bf16";
}

#ifdef __cplusplus
}
#endif
