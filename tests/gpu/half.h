// The 16-bit types in software, for the tests: conversions from and to float32, rounded to the nearest even.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gpu/type.h"

#ifdef __cplusplus
extern "C" {
#endif

float half_to_float(uint16_t half);
uint16_t half_from_float(float value);  // 65520 and above become infinity; subnormal numbers are kept
float bfloat_to_float(uint16_t bfloat);
uint16_t bfloat_from_float(float value);

// Arrays of a type of the device.
void floats_from_type(float *to, const void *from, pl_gpu_type type, size_t count);
void floats_to_type(void *to, const float *from, pl_gpu_type type, size_t count);

#ifdef __cplusplus
}
#endif
