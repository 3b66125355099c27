// How the inner loops are compiled: one copy for each kind of vector unit, chosen when the program is loaded.
#pragma once

// The sanitizers instrument the resolver too, which runs before they are set up.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__)
#define PL_SIMD __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define PL_SIMD
#endif
#define PL_INLINE static inline __attribute__((always_inline))
