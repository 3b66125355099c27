// What the tests of kernels share. An array is memory that a kernel sees, with guard bands on both sides, and the same
// values in double. Inputs are drawn and rounded to their type first, so that a reference in double starts from what
// the kernel reads; outputs start as not-a-number, so that what is left unwritten shows.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gpu/kernels.h"

typedef struct array {
  pl_gpu_type type;
  int64_t count;
  void *data;
  double *value;  // inputs: what data holds; outputs: what it should
} array;

// All arrays of a test, freed (and their guard bands looked at) by arrays_clear.
array array_random(pl_gpu_type type, int64_t count, double low, double high);
array array_poisoned(pl_gpu_type type, int64_t count);
array array_of(pl_gpu_type type, int64_t count, const double *values);
void arrays_clear(void);

// Plain bytes with guard bands; 0xff at first.
void *guarded(size_t bytes);
float *floats(int64_t count);    // of guarded memory
double *doubles(int64_t count);  // likewise

double array_get(const array *a, int64_t i);

// Every element is what `value` says, within the rounding of its type and `slack` times the largest value of the array
// (what float32 sums may be off by). Infinite and not-a-number must be the same. The second takes `least` for the
// largest value where that is smaller: for results that are small differences of what is about `least`.
void array_check(const array *a, double slack, const char *what);
void array_check_beside(const array *a, double slack, double least, const char *what);

// The next numbers of a fixed sequence, that starts anew with each test.
double draw(double low, double high);
uint32_t draw_bits(void);

// The types, and shapes with one pixel, one channel, odd sizes, tails of vectors and of tiles, and several chunks.
extern const pl_gpu_type gpu_types[3];
extern const pl_gpu_shape gpu_shapes[];
extern const int gpu_shape_count;

int64_t shape_count(const pl_gpu_shape *s);
double sigmoid_of(double x);

// The tests of each file.
int run_layout_tests(void);
int run_norm_tests(void);
int run_space_tests(void);
int run_join_tests(void);
int run_loss_tests(void);
int run_optimizer_tests(void);
int run_transform_tests(void);
int run_conv_tests(void);
