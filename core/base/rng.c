#include "core/base/rng.h"

#include <math.h>

static const uint64_t GAMMA = 0x9E3779B97F4A7C15u;

static uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

uint64_t pl_rng_u64(uint64_t seed, uint64_t stream, uint64_t index) {
  return mix(seed + ((stream << 32) + index + 1) * GAMMA);
}

float pl_rng_float(uint64_t seed, uint64_t stream, uint64_t index) {
  return (float)(pl_rng_u64(seed, stream, index) >> 40) * 0x1p-24f;
}

double pl_rng_double(uint64_t seed, uint64_t stream, uint64_t index) {
  return (double)(pl_rng_u64(seed, stream, index) >> 11) * 0x1p-53;
}

uint64_t pl_rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t bound) {
  // The high half of a 64×64-bit product, from 32-bit halves: ISO C has no 128-bit type.
  uint64_t a = pl_rng_u64(seed, stream, index);
  uint64_t a_low = a & 0xFFFFFFFFu, a_high = a >> 32, b_low = bound & 0xFFFFFFFFu, b_high = bound >> 32;
  uint64_t middle = a_high * b_low + ((a_low * b_low) >> 32);
  uint64_t carry = (middle & 0xFFFFFFFFu) + a_low * b_high;
  return a_high * b_high + (middle >> 32) + (carry >> 32);
}

double pl_rng_normal(uint64_t seed, uint64_t stream, uint64_t index) {
  double u = 1.0 - pl_rng_double(seed, stream, 2 * index);  // (0, 1]: its logarithm is finite
  double v = pl_rng_double(seed, stream, 2 * index + 1);
  return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

uint64_t pl_rng_derive(uint64_t seed, const char *purpose) {
  uint64_t hash = mix(seed + GAMMA);
  for (const char *p = purpose; *p != '\0'; p++) hash = mix(hash ^ (uint64_t)(unsigned char)*p) + GAMMA;
  return hash;
}
