#include "tests/gpu/kernel_tests.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#include "tests/gpu/half.h"

enum { GUARD = 256, BLOCKS_MAX = 256 };

static const unsigned char guard_byte = 0xa5;

typedef struct block {
  unsigned char *memory;
  size_t bytes;
  double *values;
} block;

static block blocks[BLOCKS_MAX];
static int block_count;
static uint64_t state = 1;

const pl_gpu_type gpu_types[3] = {PL_GPU_F32, PL_GPU_F16, PL_GPU_BF16};

const pl_gpu_shape gpu_shapes[] = {
    {1, 1, 1, 1}, {1, 1, 1, 3},   {3, 1, 1, 16},   {1, 9, 4, 5},   {3, 5, 7, 8},
    {1, 3, 2, 1}, {2, 6, 5, 136}, {1, 40, 33, 64}, {2, 17, 9, 24}, {1024, 1, 3, 8},
};
const int gpu_shape_count = sizeof gpu_shapes / sizeof *gpu_shapes;

int64_t shape_count(const pl_gpu_shape *s) { return (int64_t)s->n * s->h * s->w * s->c; }

double sigmoid_of(double x) { return 1 / (1 + exp(-x)); }

uint32_t draw_bits(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 32);
}

double draw(double low, double high) { return low + (high - low) * draw_bits() / 4294967296.0; }

static block *block_new(size_t bytes) {
  assert_true(block_count < BLOCKS_MAX);
  block *b = &blocks[block_count++];
  size_t whole = (bytes + 15) / 16 * 16 + 2 * (size_t)GUARD;
  b->memory = aligned_alloc(256, (whole + 255) / 256 * 256);
  assert_non_null(b->memory);
  b->bytes = bytes;
  b->values = NULL;
  memset(b->memory, guard_byte, whole);
  memset(b->memory + GUARD, 0xff, bytes);
  ASAN_POISON_MEMORY_REGION(b->memory, GUARD);
  ASAN_POISON_MEMORY_REGION(b->memory + GUARD + bytes, whole - GUARD - bytes);
  return b;
}

void *guarded(size_t bytes) { return block_new(bytes)->memory + GUARD; }
float *floats(int64_t count) { return guarded((size_t)count * sizeof(float)); }
double *doubles(int64_t count) { return guarded((size_t)count * sizeof(double)); }

void arrays_clear(void) {
  for (int i = 0; i < block_count; i++) {
    block *b = &blocks[i];
    size_t whole = (b->bytes + 15) / 16 * 16 + 2 * (size_t)GUARD;
    ASAN_UNPOISON_MEMORY_REGION(b->memory, whole);
    for (size_t k = 0; k < whole; k++) {
      if (k >= GUARD && k < GUARD + b->bytes) continue;
      if (b->memory[k] != guard_byte)
        fail_msg("a kernel wrote beside its output, at %td of %zu bytes", (ptrdiff_t)k - GUARD, b->bytes);
    }
    free(b->memory);
    free(b->values);
  }
  block_count = 0;
}

array array_poisoned(pl_gpu_type type, int64_t count) {
  block *b = block_new((size_t)count * pl_gpu_type_size(type));
  b->values = malloc((size_t)count * sizeof(double));
  assert_non_null(b->values);
  for (int64_t i = 0; i < count; i++) b->values[i] = NAN;
  return (array){type, count, b->memory + GUARD, b->values};
}

array array_of(pl_gpu_type type, int64_t count, const double *values) {
  array a = array_poisoned(type, count);
  for (int64_t i = 0; i < count; i++) {
    float value = (float)values[i];
    floats_to_type((unsigned char *)a.data + (size_t)i * pl_gpu_type_size(type), &value, type, 1);
    a.value[i] = array_get(&a, i);
  }
  return a;
}

array array_random(pl_gpu_type type, int64_t count, double low, double high) {
  double *values = malloc((size_t)count * sizeof *values);
  assert_non_null(values);
  for (int64_t i = 0; i < count; i++) values[i] = draw(low, high);
  array a = array_of(type, count, values);
  free(values);
  return a;
}

double array_get(const array *a, int64_t i) {
  float value;
  floats_from_type(&value, (const unsigned char *)a->data + (size_t)i * pl_gpu_type_size(a->type), a->type, 1);
  return (double)value;
}

void array_check(const array *a, double slack, const char *what) { array_check_beside(a, slack, 0, what); }

void array_check_beside(const array *a, double slack, double least, const char *what) {
  const double half_ulp[] = {[PL_GPU_F32] = 0x1p-23, [PL_GPU_F16] = 0x1p-11, [PL_GPU_BF16] = 0x1p-8};
  const double smallest[] = {[PL_GPU_F32] = 0x1p-140, [PL_GPU_F16] = 0x1p-25, [PL_GPU_BF16] = 0x1p-133};
  double largest = least;
  for (int64_t i = 0; i < a->count; i++)
    if (isfinite(a->value[i])) largest = fmax(largest, fabs(a->value[i]));
  for (int64_t i = 0; i < a->count; i++) {
    double got = array_get(a, i), want = a->value[i];
    if ((isnan(got) && isnan(want)) || got == want) continue;
    double limit = fabs(want) * half_ulp[a->type] + smallest[a->type] + slack * largest;
    if (fabs(got - want) <= limit) continue;
    fail_msg("%s (%s): element %lld of %lld is %.9g, it should be %.9g", what, pl_gpu_type_name(a->type), (long long)i,
             (long long)a->count, got, want);
  }
}

// Stops at nothing, so that one broken family does not hide another.
int main(void) {
  int failures = run_layout_tests();
  failures += run_norm_tests();
  failures += run_space_tests();
  failures += run_join_tests();
  failures += run_loss_tests();
  failures += run_optimizer_tests();
  failures += run_transform_tests();
  failures += run_conv_tests();
  return failures == 0 ? 0 : 1;
}
