// Median cut: a few colours that stand for many.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "viewers/bitmap.h"

#ifdef __cplusplus
extern "C" {
#endif

// A distinct colour and how many pixels have it.
typedef struct pl_colour_count {
  pl_rgb colour;
  uint32_t pixels;
  uint32_t group;  // out: which of the chosen colours stands for it
} pl_colour_count;

// Distinct colours of a bitmap, each channel reduced to a percentage (what sixel can say) and back to 0..255; greys are
// left out. In no particular but always the same order. The caller frees *out. PL_E_NOMEM.
pl_status pl_palette_count(pl_colour_count **out, size_t *count, const pl_bitmap *bitmap, pl_error *err);

// Splits the colours into at most `max` groups (the widest channel of the group with the largest spread first, at the
// weighted median; Heckbert, "Color image quantization for frame buffer display", 1982), writes each group's mean into
// `palette` and the group into the entries, and returns how many groups there are. Reorders the entries.
unsigned pl_palette_cut(pl_rgb *palette, unsigned max, pl_colour_count *colours, size_t count);

// A channel as sixel will show it: to the nearest percent and back.
uint8_t pl_palette_percent(uint8_t value);

#ifdef __cplusplus
}
#endif
