#include "core/net/plan.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/base/mem.h"

static const pl_plan_buffer *sort_base(const void *item) { return *(const pl_plan_buffer *const *)item; }

// Largest first; equal sizes in the caller's order, so that the plan does not depend on the library's sort.
static int by_size(const void *a, const void *b) {
  const pl_plan_buffer *x = sort_base(a), *y = sort_base(b);
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  return x < y ? -1 : x > y;
}

static int by_offset(const void *a, const void *b) {
  const pl_plan_buffer *x = sort_base(a), *y = sort_base(b);
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return x < y ? -1 : x > y;
}

static size_t round_up(size_t value, size_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

// The smallest gap between the `count` neighbours (ordered by offset) that holds `bytes`, else the end.
static size_t best_gap(pl_plan_buffer *const *neighbours, size_t count, size_t bytes, size_t alignment, size_t guard) {
  size_t best = 0, best_size = SIZE_MAX, end = 0;
  for (size_t i = 0; i < count; i++) {
    size_t start = neighbours[i]->offset;
    if (start >= end && start - end >= bytes && start - end < best_size) {
      best = end;
      best_size = start - end;
    }
    size_t after = round_up(start + neighbours[i]->bytes + guard, alignment);
    if (after > end) end = after;
  }
  return best_size == SIZE_MAX ? end : best;
}

size_t pl_plan_arena(pl_plan_buffer *buffers, size_t count, size_t alignment, size_t guard) {
  assert(alignment > 0 && (alignment & (alignment - 1)) == 0);
  if (count == 0) return 0;
  pl_plan_buffer **order = pl_xcalloc(count, sizeof(pl_plan_buffer *));
  pl_plan_buffer **alive = pl_xcalloc(count, sizeof(pl_plan_buffer *));
  for (size_t i = 0; i < count; i++) order[i] = &buffers[i];
  qsort(order, count, sizeof *order, by_size);
  size_t arena = 0;
  for (size_t i = 0; i < count; i++) {
    size_t alive_count = 0;
    for (size_t j = 0; j < i; j++) {
      bool apart = order[j]->last < order[i]->first || order[i]->last < order[j]->first;
      if (!apart) alive[alive_count++] = order[j];
    }
    qsort(alive, alive_count, sizeof *alive, by_offset);
    order[i]->offset = best_gap(alive, alive_count, order[i]->bytes + guard, alignment, guard);
    size_t end = round_up(order[i]->offset + order[i]->bytes + guard, alignment);
    if (end > arena) arena = end;
  }
  free(alive);
  free(order);
  return arena;
}
