#include "core/score/binarize.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/image/agreement.h"
#include "core/image/probability.h"
#include "core/image/resize.h"

pl_status pl_binarize_resize(pl_image *out, const pl_image *map, uint32_t width, uint32_t height, pl_error *err) {
  if (map->width != width || map->height != height) return pl_image_resize(out, map, width, height, err);
  pl_status status = pl_image_init(out, width, height, map->type, map->meaning, err);
  if (status == PL_OK) memcpy(out->data, map->data, pl_image_bytes(map));
  return status;
}

// Plain loops for the compiler's vectors.
static uint64_t count_above(const uint16_t *values, size_t count, uint32_t cut) {
  enum { BLOCK = 65536 };
  uint64_t sum = 0;
  for (size_t first = 0; first < count; first += BLOCK) {
    const size_t length = count - first < BLOCK ? count - first : BLOCK;
    uint32_t above = 0;
    for (size_t i = 0; i < length; i++) above += values[first + i] > cut;
    sum += above;
  }
  return sum;
}

static void mark_above(uint8_t *restrict mask, const uint16_t *restrict values, size_t count, uint32_t cut) {
  for (size_t i = 0; i < count; i++) mask[i] = values[i] > cut ? 255 : 0;
}

pl_status pl_binarize(pl_image *out, const pl_image *map, const pl_binarizer *b, pl_error *err) {
  pl_image mask = {0};
  pl_status status = pl_image_init(&mask, map->width, map->height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status != PL_OK) return status;
  const uint32_t top = pl_probability_cut(b->triplet.top, PL_PROBABILITY_ONE),
                 bottom = pl_probability_cut(b->triplet.bottom, PL_PROBABILITY_ONE);
  const size_t pixels = (size_t)map->width * map->height;
  if (count_above(map->u16, pixels, top) >= b->triplet.area) mark_above(mask.u8, map->u16, pixels, bottom);
  if (b->min_component > 1) status = pl_mask_remove_small(&mask, b->min_component, err);
  if (status != PL_OK) {
    pl_image_clear(&mask);
    return status;
  }
  *out = mask;
  return PL_OK;
}

// Puts the neighbours of `at` that are inside and not yet seen on the stack.
static size_t push_neighbours(uint32_t *stack, size_t depth, uint8_t *seen, const pl_image *mask, uint32_t at) {
  const uint32_t width = mask->width, x = at % width, y = at / width;
  const uint32_t left = x > 0 ? x - 1 : 0, right = x + 1 < width ? x + 1 : x;
  const uint32_t above = y > 0 ? y - 1 : 0, below = y + 1 < mask->height ? y + 1 : y;
  for (uint32_t v = above; v <= below; v++) {
    for (uint32_t u = left; u <= right; u++) {
      const uint32_t next = v * width + u;
      if (seen[next] || mask->u8[next] == 0) continue;
      seen[next] = 1;
      stack[depth++] = next;
    }
  }
  return depth;
}

pl_status pl_mask_remove_small(pl_image *mask, uint64_t least, pl_error *err) {
  const size_t pixels = (size_t)mask->width * mask->height;
  uint8_t *seen = pl_try_alloc(pixels);
  // A pixel enters the list once: the list of a component is its pixels, those before `done` with their neighbours in.
  uint32_t *list = pl_try_alloc(pixels * sizeof *list);
  pl_status status = PL_OK;
  if (seen == NULL || list == NULL) {
    status = pl_fail(err, PL_E_NOMEM, "no memory to find the parts of a mask");
  } else {
    memset(seen, 0, pixels);
    for (uint32_t start = 0; start < pixels; start++) {
      if (seen[start] || mask->u8[start] == 0) continue;
      size_t count = 1;
      seen[start] = 1;
      list[0] = start;
      for (size_t done = 0; done < count; done++) count = push_neighbours(list, count, seen, mask, list[done]);
      for (size_t i = 0; i < count && count < least; i++) mask->u8[list[i]] = 0;
    }
  }
  free(seen);
  free(list);
  return status;
}
