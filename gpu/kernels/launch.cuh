// What every kernel file includes: the device's types, vector loads and stores, and the launch. Under nvcc this is
// CUDA. Elsewhere PL_GPU_EMULATOR names the header that stands in for it (tests/gpu/emulate.h), so that the same files
// compile as C++ and run on the CPU. Nothing else includes CUDA's headers.
#pragma once

#include <math.h>
#include <stdint.h>

#include <type_traits>

#include "gpu/kernels.h"

#ifdef __CUDACC__
#include "gpu/kernels/device.cuh"
#else
#include PL_GPU_EMULATOR
#endif

// V neighbouring elements as float32. With V 8 the address is a multiple of 16 bytes, and each access takes 16.
template <int V, class T>
__device__ inline void pl_load(float (&out)[V], const T *from) {
  if constexpr (V == 1) {
    out[0] = pl_to_float(*from);
  } else {
    alignas(16) T parts[V];
    for (int i = 0; i < V; i += (int)(16 / sizeof(T))) pl_copy16(&parts[i], &from[i]);
#pragma unroll
    for (int i = 0; i < V; i++) out[i] = pl_to_float(parts[i]);
  }
}

template <int V, class T>
__device__ inline void pl_store(T *to, const float (&in)[V]) {
  if constexpr (V == 1) {
    *to = pl_from_float<T>(in[0]);
  } else {
    alignas(16) T parts[V];
#pragma unroll
    for (int i = 0; i < V; i++) parts[i] = pl_from_float<T>(in[i]);
    for (int i = 0; i < V; i += (int)(16 / sizeof(T))) pl_copy16(&to[i], &parts[i]);
  }
}

// As PyTorch: not a number stays so.
__device__ inline float pl_relu(float x) { return x <= 0 ? 0 : x; }

// 1 / (1 + exp(-x)), without overflow's detour.
__device__ inline float pl_logistic(float x) {
  float e = expf(-fabsf(x));
  return (x < 0 ? e : 1) / (1 + e);
}

// 1 / loss_scale; NULL: 1.
__device__ inline float pl_unscale(const float *loss_scale) { return loss_scale != nullptr ? 1 / *loss_scale : 1; }

constexpr int PL_THREADS = 256, PL_WIDE = 8;

static inline int64_t pl_div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Calls f with a value of the C++ type, and with the number of elements of an access as a constant.
template <class F>
void pl_with_type(pl_gpu_type type, F f) {
  if (type == PL_GPU_F16) return f(pl_half());
  if (type == PL_GPU_BF16) return f(pl_bf16());
  f(float());
}

template <class F>
void pl_with_width(bool wide, F f) {
  if (wide) return f(std::integral_constant<int, PL_WIDE>());
  f(std::integral_constant<int, 1>());
}
