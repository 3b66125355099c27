// A counter-based random number generator: a value is a pure function of (seed, stream, index), so that worker threads,
// resuming, and the order of drawing cannot change it. The mix is splitmix64's (Steele, Lea, Flood: "Fast splittable
// pseudorandom number generators", OOPSLA 2014).
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// 64 random bits. Streams of one seed do not overlap for indices below 2^32.
uint64_t pl_rng_u64(uint64_t seed, uint64_t stream, uint64_t index);

// Uniform in [0, 1): 24 bits (exact in float) and 53 bits.
float pl_rng_float(uint64_t seed, uint64_t stream, uint64_t index);
double pl_rng_double(uint64_t seed, uint64_t stream, uint64_t index);

// Uniform in 0 .. bound-1, without modulo bias beyond 2^-64 * bound. `bound` must not be 0.
uint64_t pl_rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t bound);

// Standard normal (Box-Muller over draws 2*index and 2*index + 1).
double pl_rng_normal(uint64_t seed, uint64_t stream, uint64_t index);

// A seed for a named purpose ("shuffle", "augment", …), so that purposes never share draws.
uint64_t pl_rng_derive(uint64_t seed, const char *purpose);

#ifdef __cplusplus
}
#endif
