#include "tests/gpu/half.h"

#include <string.h>

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

float half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16, rest = half & 0x7fffu;
  if (rest >= 0x7c00u) return float_of(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  if (rest >= 0x0400u) return float_of(sign | ((rest << 13) + 0x38000000u));
  return float_of(sign | bits_of((float)rest * 0x1p-24f));  // subnormal
}

uint16_t half_from_float(float value) {
  uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
  if (rest > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);   // not a number
  if (rest >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);  // rounds to 65536 or more
  if (rest < 0x38800000u) {
    // Subnormal: the sum's last bit is worth 2^-24, and the processor rounds it to the nearest even.
    return (uint16_t)(sign | (bits_of(float_of(rest) + 0.5f) - 0x3f000000u));
  }
  uint32_t odd = rest >> 13 & 1u;
  return (uint16_t)(sign | (rest - 0x38000000u + 0xfffu + odd) >> 13);
}

float bfloat_to_float(uint16_t bfloat) { return float_of((uint32_t)bfloat << 16); }

uint16_t bfloat_from_float(float value) {
  uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

void floats_from_type(float *to, const void *from, pl_gpu_type type, size_t count) {
  const uint16_t *words = (const uint16_t *)from;
  if (type == PL_GPU_F32) memcpy(to, from, count * sizeof *to);
  if (type == PL_GPU_F16) {
    for (size_t i = 0; i < count; i++) to[i] = half_to_float(words[i]);
  }
  if (type == PL_GPU_BF16) {
    for (size_t i = 0; i < count; i++) to[i] = bfloat_to_float(words[i]);
  }
}

void floats_to_type(void *to, const float *from, pl_gpu_type type, size_t count) {
  uint16_t *words = (uint16_t *)to;
  if (type == PL_GPU_F32) memcpy(to, from, count * sizeof *from);
  if (type == PL_GPU_F16) {
    for (size_t i = 0; i < count; i++) words[i] = half_from_float(from[i]);
  }
  if (type == PL_GPU_BF16) {
    for (size_t i = 0; i < count; i++) words[i] = bfloat_from_float(from[i]);
  }
}
