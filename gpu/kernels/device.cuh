// The device for real: CUDA's half of what launch.cuh offers.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

typedef __half pl_half;
typedef __nv_bfloat16 pl_bf16;

__device__ inline float pl_to_float(float x) { return x; }
__device__ inline float pl_to_float(pl_half x) { return __half2float(x); }
__device__ inline float pl_to_float(pl_bf16 x) { return __bfloat162float(x); }

// Nearest, ties to even.
template <class T>
__device__ inline T pl_from_float(float x) {
  if constexpr (std::is_same_v<T, pl_half>) {
    return __float2half_rn(x);
  } else if constexpr (std::is_same_v<T, pl_bf16>) {
    return __float2bfloat16_rn(x);
  } else {
    return x;
  }
}

__device__ inline void pl_copy16(void *to, const void *from) {
  *static_cast<uint4 *>(to) = *static_cast<const uint4 *>(from);
}

__device__ inline void pl_copy4(void *to, const void *from) {
  *static_cast<uint32_t *>(to) = *static_cast<const uint32_t *>(from);
}

__device__ inline void pl_copy8(void *to, const void *from) {
  *static_cast<uint2 *>(to) = *static_cast<const uint2 *>(from);
}

// The block's shared memory, as many bytes as the launch says.
template <class T>
__device__ inline T *pl_shared() {
  extern __shared__ __align__(128) unsigned char pl_shared_bytes[];
  return reinterpret_cast<T *>(pl_shared_bytes);
}

// Launches a kernel whose threads do not meet. (Here it makes no difference, to the emulator it does.)
template <class... P, class... A>
void pl_launch(pl_stream stream, dim3 grid, int threads, void (*kernel)(P...), A... arguments) {
  kernel<<<grid, (unsigned)threads, 0, stream>>>(arguments...);
}

// Launches a kernel whose threads share `shared` bytes and meet at barriers.
template <class... P, class... A>
void pl_launch_shared(pl_stream stream, dim3 grid, int threads, size_t shared, void (*kernel)(P...), A... arguments) {
  if (shared > 48 * 1024) cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
  kernel<<<grid, (unsigned)threads, shared, stream>>>(arguments...);
}
