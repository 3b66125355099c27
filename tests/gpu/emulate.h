// CUDA's device side on the CPU, as far as gpu/kernels uses it: gpu/kernels/launch.cuh includes this where nvcc does
// not compile it. Blocks run one after another. The threads of a block run one after another too, in a plain loop,
// unless the launch says that they meet (pl_launch_shared): then each is a fiber that gives way at barriers, and a
// barrier that some thread of the block or warp does not reach ends the process with a message. Shared memory has
// exactly the bytes that the launch asked for, filled with not-a-number, so that sanitizers see accesses beyond it and
// tests those before. 16-bit floats are bits with software conversions, rounded to nearest even as the device does.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tuple>
#include <type_traits>

#include "gpu/kernels.h"
#include "tests/gpu/emulator.h"

#define __global__
#define __device__
#define __host__
#define __restrict__ __restrict
#define __launch_bounds__(...)

struct dim3 {
  unsigned x, y, z;
  constexpr explicit dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

struct pl_emulated_index {
  unsigned x, y, z;
};

extern __thread pl_emulated_index threadIdx, blockIdx, blockDim, gridDim;

// ---------------------------------------------------------------------------------------------------------------------
// Types

struct pl_half {
  uint16_t bits;
};

struct pl_bf16 {
  uint16_t bits;
};

static inline uint32_t pl_emulated_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline float pl_emulated_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline float pl_to_float(float x) { return x; }
static inline float pl_to_float(pl_bf16 x) { return pl_emulated_float((uint32_t)x.bits << 16); }

static inline float pl_to_float(pl_half x) {
  uint32_t sign = (uint32_t)(x.bits & 0x8000) << 16, rest = x.bits & 0x7fff;
  if (rest >= 0x7c00) return pl_emulated_float(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  // The exponent's bias differs by 112; subnormals come out right because the product is exact.
  return pl_emulated_float(sign | pl_emulated_bits(pl_emulated_float(rest << 13) * 0x1p112f));
}

static inline pl_bf16 pl_emulated_bf16(float x) {
  uint32_t bits = pl_emulated_bits(x);
  if (x != x) return pl_bf16{0x7fff};
  return pl_bf16{(uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

static inline pl_half pl_emulated_half(float x) {
  uint32_t bits = pl_emulated_bits(x), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return pl_half{0x7fff};
  if (rest >= 0x477ff000) return pl_half{(uint16_t)(sign | 0x7c00)};
  if (rest < 0x38800000) {
    // Subnormal: adding 0.5 leaves the rounded multiple of 2^-24 in the last bits.
    return pl_half{(uint16_t)(sign | (pl_emulated_bits(pl_emulated_float(rest) + 0.5f) - pl_emulated_bits(0.5f)))};
  }
  return pl_half{(uint16_t)(sign | (rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13)};
}

template <class T>
static inline T pl_from_float(float x) {
  if constexpr (std::is_same_v<T, pl_half>) {
    return pl_emulated_half(x);
  } else if constexpr (std::is_same_v<T, pl_bf16>) {
    return pl_emulated_bf16(x);
  } else {
    return x;
  }
}

// Ends the process with the reason: a kernel did what the device would not survive.
[[noreturn]] void pl_emulated_fault(const char *what);

static inline void pl_copy16(void *to, const void *from) {
  if (((uintptr_t)to | (uintptr_t)from) % 16 != 0) pl_emulated_fault("a vector access is not aligned to 16 bytes");
  memcpy(to, from, 16);
}

static inline void pl_copy4(void *to, const void *from) {
  if (((uintptr_t)to | (uintptr_t)from) % 4 != 0) pl_emulated_fault("a vector access is not aligned to 4 bytes");
  memcpy(to, from, 4);
}

static inline void pl_copy8(void *to, const void *from) {
  if (((uintptr_t)to | (uintptr_t)from) % 8 != 0) pl_emulated_fault("a vector access is not aligned to 8 bytes");
  memcpy(to, from, 8);
}

// ---------------------------------------------------------------------------------------------------------------------
// Threads that meet

void *pl_emulated_shared_memory(void);

template <class T>
static inline T *pl_shared() {
  return static_cast<T *>(pl_emulated_shared_memory());
}

void __syncthreads(void);
void __syncwarp(unsigned mask = ~0u);

// Each thread of the warp leaves `bytes` (at most 32) and, when all have, gets the 32 entries of 32 bytes.
const unsigned char *pl_emulated_exchange(const void *value, size_t bytes);

template <class T>
static inline T pl_emulated_lane(const unsigned char *entries, int lane) {
  T value;
  memcpy(&value, entries + 32 * lane, sizeof value);
  return value;
}

template <class T>
static inline T __shfl_sync(unsigned, T value, int lane) {
  return pl_emulated_lane<T>(pl_emulated_exchange(&value, sizeof value), lane & 31);
}

template <class T>
static inline T __shfl_xor_sync(unsigned, T value, int distance) {
  int lane = (int)(threadIdx.x & 31) ^ distance;
  return pl_emulated_lane<T>(pl_emulated_exchange(&value, sizeof value), lane);
}

template <class T>
static inline T __shfl_up_sync(unsigned, T value, int distance) {
  int lane = (int)(threadIdx.x & 31) - distance;
  return pl_emulated_lane<T>(pl_emulated_exchange(&value, sizeof value), lane < 0 ? lane + distance : lane);
}

// ---------------------------------------------------------------------------------------------------------------------
// The twins of gpu/kernels/mma.cuh. Copies in the background happen when they are waited for, not before, and never
// where that is forgotten.

void pl_emulated_copy(void *to, const void *from, bool inside);
void pl_emulated_copy_commit(void);
void pl_emulated_copy_wait(int pending);
void pl_emulated_load_matrices(uint32_t (&out)[4], const void *row, bool transposed);

// Element `half` of a thread's word.
template <class T>
static inline float pl_emulated_element(const unsigned char *entries, int lane, int word, int half) {
  T value;
  memcpy(&value, entries + 32 * lane + 4 * word + 2 * half, sizeof value);
  return pl_to_float(value);
}

// `words`: four of a, two of b.
template <class T>
static inline void pl_emulated_mma(float (&d)[4], const uint32_t (&words)[6]) {
  const unsigned char *entries = pl_emulated_exchange(words, sizeof words);
  const int lane = (int)(threadIdx.x & 31);
  float rows[2][16], columns[2][16];  // those of a and b that this thread's elements of d are made of
  for (int i = 0; i < 2; i++) {
    for (int k = 0; k < 16; k++) {
      rows[i][k] = pl_emulated_element<T>(entries, lane / 4 * 4 + k % 8 / 2, i + k / 8 * 2, k % 2);
      columns[i][k] = pl_emulated_element<T>(entries, (lane % 4 * 2 + i) * 4 + k % 8 / 2, 4 + k / 8, k % 2);
    }
  }
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < 16; k++) d[i] += rows[i / 2][k] * columns[i % 2][k];
}

// ---------------------------------------------------------------------------------------------------------------------
// Launch

void pl_emulated_run(dim3 grid, int threads, bool meet, size_t shared, void (*thread)(void *call), void *call);
void pl_emulated_submit(pl_stream stream, void (*run)(void *), void (*destroy)(void *), void *work);

template <class... P>
struct pl_emulated_launch {
  dim3 grid;
  int threads;
  bool meet;
  size_t shared;
  void (*kernel)(P...);
  std::tuple<P...> arguments;

  static void thread(void *self) {
    pl_emulated_launch *l = static_cast<pl_emulated_launch *>(self);
    std::apply(l->kernel, l->arguments);
  }
  static void run(void *self) {
    pl_emulated_launch *l = static_cast<pl_emulated_launch *>(self);
    pl_emulated_run(l->grid, l->threads, l->meet, l->shared, thread, self);
  }
  static void destroy(void *self) { delete static_cast<pl_emulated_launch *>(self); }
};

template <class... P, class... A>
void pl_launch(pl_stream stream, dim3 grid, int threads, void (*kernel)(P...), A... arguments) {
  using launch = pl_emulated_launch<P...>;
  pl_emulated_submit(stream, launch::run, launch::destroy,
                     new launch{grid, threads, false, 0, kernel, std::tuple<P...>(arguments...)});
}

template <class... P, class... A>
void pl_launch_shared(pl_stream stream, dim3 grid, int threads, size_t shared, void (*kernel)(P...), A... arguments) {
  using launch = pl_emulated_launch<P...>;
  pl_emulated_submit(stream, launch::run, launch::destroy,
                     new launch{grid, threads, true, shared, kernel, std::tuple<P...>(arguments...)});
}
