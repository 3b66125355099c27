// Memory planning: buffers with lifetimes into one arena.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A buffer that is written at step `first` and last read at step `last` (inclusive).
typedef struct pl_plan_buffer {
  size_t bytes;
  int32_t first, last;
  size_t offset;  // result
} pl_plan_buffer;

// Places the buffers so that those alive at the same step do not overlap (greedy best fit, largest first) and returns
// the arena's size. `alignment` is a power of two; `guard` bytes stay free after each buffer (for tests, else 0).
size_t pl_plan_arena(pl_plan_buffer *buffers, size_t count, size_t alignment, size_t guard);

#ifdef __cplusplus
}
#endif
