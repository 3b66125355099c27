// The arithmetic of PL_OP_AUGMENT, shared by the backends so that they warp to the same pixel. It is that of
// core/image/warp.h and of OpenCV's warpAffine (imgproc/imgwarp.cpp): source coordinates in fixed point with 10 bits,
// rounded to 1/32 pixel for bilinear and to whole pixels for nearest sampling, weights with 15 bits, and the border
// BORDER_REFLECT_101 (gfedcb|abcdefgh|gfedcba). The identity map reproduces the image exactly.
//
// Compile it without contraction to fused multiply-add (-ffp-contract=off, nvcc -fmad=false): products and sums round
// separately in the original.
#pragma once

#include <math.h>
#include <stdint.h>

#include "core/net/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __CUDACC__
#define PL_AUGMENT_FUNCTION __host__ __device__ static inline
#else
#define PL_AUGMENT_FUNCTION static inline
#endif

// Nearest integer, ties to even, within what the sums below can take; 0 for what is not a number.
PL_AUGMENT_FUNCTION int32_t pl_augment_round(double value) {
  if (!(value > -0x1p29)) return value <= -0x1p29 ? -(1 << 29) : 0;
  return value < 0x1p29 ? (int32_t)rint(value) : 1 << 29;
}

// The part of a source coordinate that comes from the column, and the part from the row; with `nearest` the row's part
// carries the rounding to whole pixels, else to 1/32. The coordinate is their sum, shifted: see the next two functions.
PL_AUGMENT_FUNCTION int32_t pl_augment_column(double scale_x, int32_t x) {
  return pl_augment_round(scale_x * x * 1024.0);
}

PL_AUGMENT_FUNCTION int32_t pl_augment_row(double scale_y, int32_t y, double offset, int nearest) {
  return pl_augment_round((scale_y * y + offset) * 1024.0) + (nearest ? 512 : 16);
}

PL_AUGMENT_FUNCTION int32_t pl_augment_reflect(int32_t position, int32_t size) {
  if ((uint32_t)position < (uint32_t)size) return position;
  if (size == 1) return 0;
  int32_t period = 2 * (size - 1);
  position %= period;
  if (position < 0) position += period;
  return position < size ? position : period - position;
}

// The grey level at (x32/32, y32/32), where x32 = (column + row) >> 5.
PL_AUGMENT_FUNCTION uint8_t pl_augment_linear(const uint8_t *image, int32_t height, int32_t width, int32_t x32,
                                              int32_t y32) {
  int32_t x = x32 >> 5, y = y32 >> 5, fx = x32 & 31, fy = y32 & 31;
  int32_t x0 = pl_augment_reflect(x, width), x1 = pl_augment_reflect(x + 1, width);
  const uint8_t *row0 = image + (int64_t)pl_augment_reflect(y, height) * width;
  const uint8_t *row1 = image + (int64_t)pl_augment_reflect(y + 1, height) * width;
  // 15-bit weights are (32-fx)*(32-fy)*32 and so on; the common factor 32 is left out of sum and rounding.
  int32_t sum = (32 - fy) * ((32 - fx) * row0[x0] + fx * row0[x1]) + fy * ((32 - fx) * row1[x0] + fx * row1[x1]);
  return (uint8_t)((sum + 512) >> 10);
}

// The mask at pixel (x, y), where x = (column + row) >> 10.
PL_AUGMENT_FUNCTION uint8_t pl_augment_nearest(const uint8_t *mask, int32_t height, int32_t width, int32_t x,
                                               int32_t y) {
  return mask[(int64_t)pl_augment_reflect(y, height) * width + pl_augment_reflect(x, width)];
}

// Gain and bias, rounded and clamped to a grey level.
PL_AUGMENT_FUNCTION uint8_t pl_augment_grey(uint8_t grey, double gain, double bias) {
  double value = rint(grey * gain + bias);
  if (!(value > 0)) return 0;
  return value < 255 ? (uint8_t)value : 255;
}

// What a mask's pixel means.
PL_AUGMENT_FUNCTION int pl_augment_is_set(uint8_t mask) { return mask > 127; }

#ifdef __cplusplus
}
#endif
