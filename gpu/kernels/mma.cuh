// Tensor cores: the instructions that the convolutions use, one function each. The emulator has twins of them.
#pragma once

#include "gpu/kernels/launch.cuh"

// A word pair: what a thread holds of the second factor of a product.
struct pl_pair {
  uint32_t x, y;
};

#ifdef __CUDACC__

__device__ inline uint32_t pl_shared_address(const void *pointer) {
  return (uint32_t)__cvta_generic_to_shared(pointer);
}

// Sixteen bytes to shared memory, in the background; zeros where not `inside` (nothing is read then).
__device__ inline void pl_copy_async(void *to, const void *from, bool inside) {
  const int bytes = inside ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(pl_shared_address(to)), "l"(from), "r"(bytes));
}

// Ends a batch of such copies; waits until at most `pending` batches of the thread are under way.
__device__ inline void pl_copy_async_commit() { asm volatile("cp.async.commit_group;\n" ::); }

template <int pending>
__device__ inline void pl_copy_async_wait() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(pending));
}

// Four 8x8 matrices of 16-bit elements: thread l gives the address of row l%8 of matrix l/8 and gets, of each matrix,
// two elements: row l/4, columns 2*(l%4) and the next. Transposed: column l/4, rows 2*(l%4) and the next.
__device__ inline void pl_load_matrices(uint32_t (&out)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(pl_shared_address(row)));
}

__device__ inline void pl_load_matrices_transposed(uint32_t (&out)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(pl_shared_address(row)));
}

// d += a * b, a 16x16, b 16x8, of the type T, by a warp. Thread l holds of a: rows l/4 (words 0, 2) and 8 further (1,
// 3), columns 2*(l%4) and the next (0, 1) and 8 further (2, 3); of b: column l/4, rows 2*(l%4) and the next (x) and 8
// further (y); of d: row l/4, columns 2*(l%4) and the next (0, 1), and the same 8 rows further (2, 3).
template <class T>
__device__ inline void pl_mma(float (&d)[4], const uint32_t (&a)[4], const pl_pair &b) {
  if constexpr (std::is_same_v<T, pl_half>) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
  }
}

#else

static inline void pl_copy_async(void *to, const void *from, bool inside) { pl_emulated_copy(to, from, inside); }
static inline void pl_copy_async_commit() { pl_emulated_copy_commit(); }

template <int pending>
static inline void pl_copy_async_wait() {
  pl_emulated_copy_wait(pending);
}

static inline void pl_load_matrices(uint32_t (&out)[4], const void *row) { pl_emulated_load_matrices(out, row, false); }
static inline void pl_load_matrices_transposed(uint32_t (&out)[4], const void *row) {
  pl_emulated_load_matrices(out, row, true);
}

template <class T>
static inline void pl_mma(float (&d)[4], const uint32_t (&a)[4], const pl_pair &b) {
  const uint32_t words[6] = {a[0], a[1], a[2], a[3], b.x, b.y};
  pl_emulated_mma<T>(d, words);
}

#endif
