#include "viewers/palette.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "viewers/colormap.h"

uint8_t pl_palette_percent(uint8_t value) {
  unsigned percent = (value * 100u + 127) / 255;
  return (uint8_t)((percent * 255 + 50) / 100);
}

static pl_rgb percent_colour(pl_rgb c) {
  return (pl_rgb){pl_palette_percent(c.r), pl_palette_percent(c.g), pl_palette_percent(c.b)};
}

// ---- Counting, by open addressing. Slot 0 pixels is free.

typedef struct colour_set {
  pl_colour_count *slots;
  size_t capacity, used;  // capacity is a power of two
} colour_set;

static pl_colour_count *find_slot(const colour_set *set, pl_rgb c) {
  uint32_t key = (uint32_t)c.r << 16 | (uint32_t)c.g << 8 | c.b;
  size_t at = (key * 2654435761u) >> 8 & (set->capacity - 1);
  while (set->slots[at].pixels != 0 && !pl_rgb_equal(set->slots[at].colour, c)) at = (at + 1) & (set->capacity - 1);
  return &set->slots[at];
}

static bool set_grow(colour_set *set) {
  colour_set larger = {.capacity = set->capacity * 2, .used = set->used};
  size_t bytes = larger.capacity * sizeof *larger.slots;
  larger.slots = pl_try_alloc(bytes);
  if (larger.slots == NULL) return false;
  memset(larger.slots, 0, bytes);
  for (size_t i = 0; i < set->capacity; i++) {
    if (set->slots[i].pixels != 0) *find_slot(&larger, set->slots[i].colour) = set->slots[i];
  }
  free(set->slots);
  *set = larger;
  return true;
}

static bool set_add(colour_set *set, pl_rgb c, size_t pixels) {
  pl_colour_count *slot = find_slot(set, c);
  const bool known = slot->pixels != 0;
  slot->pixels += (uint32_t)pixels;
  if (known) return true;
  slot->colour = c;
  set->used++;
  return set->used * 2 < set->capacity || set_grow(set);
}

pl_status pl_palette_count(pl_colour_count **out, size_t *count, const pl_bitmap *bitmap, pl_error *err) {
  colour_set set = {.capacity = 1024};
  set.slots = pl_xcalloc(set.capacity, sizeof *set.slots);
  const size_t pixels = (size_t)bitmap->width * bitmap->height;
  for (size_t i = 0, run = 1; i < pixels; i += run) {
    const pl_rgb c = bitmap->pixels[i];
    run = pl_rgb_is_grey(c) ? 1 : pl_rgb_run(bitmap->pixels + i, pixels - i);
    if (pl_rgb_is_grey(c) || set_add(&set, percent_colour(c), run)) continue;
    free(set.slots);
    return pl_fail(err, PL_E_NOMEM, "no memory to count the colours of %ux%u pixels", bitmap->width, bitmap->height);
  }
  size_t used = 0;
  for (size_t i = 0; i < set.capacity; i++) {
    if (set.slots[i].pixels != 0) set.slots[used++] = set.slots[i];
  }
  *out = set.slots;
  *count = used;
  return PL_OK;
}

// ---- The cut

typedef struct group {
  size_t first, count;
  int channel;    // the widest
  double spread;  // its range times the number of pixels
} group;

static uint8_t channel_of(pl_rgb c, int channel) { return channel == 0 ? c.r : channel == 1 ? c.g : c.b; }

static void measure(group *g, const pl_colour_count *colours) {
  g->spread = 0;
  double pixels = 0;
  for (size_t i = 0; i < g->count; i++) pixels += colours[g->first + i].pixels;
  for (int channel = 0; channel < 3; channel++) {
    uint8_t low = 255, high = 0;
    for (size_t i = 0; i < g->count; i++) {
      uint8_t v = channel_of(colours[g->first + i].colour, channel);
      if (v < low) low = v;
      if (v > high) high = v;
    }
    // The root keeps a small area of its own colour (a thin edge) from being swallowed by the large ones.
    double spread = high > low ? (high - low) * sqrt(pixels) : 0;
    if (spread > g->spread) {
      g->spread = spread;
      g->channel = channel;
    }
  }
}

static int compare_at(const void *a, const void *b, int channel) {
  const pl_colour_count *x = a, *y = b;
  for (int k = 0; k < 3; k++) {
    int c = (channel + k) % 3, order = channel_of(x->colour, c) - channel_of(y->colour, c);
    if (order != 0) return order;
  }
  return 0;
}

static int compare_red(const void *a, const void *b) { return compare_at(a, b, 0); }
static int compare_green(const void *a, const void *b) { return compare_at(a, b, 1); }
static int compare_blue(const void *a, const void *b) { return compare_at(a, b, 2); }

static void split(group *g, group *rest, pl_colour_count *colours) {
  static int (*const compare[])(const void *, const void *) = {compare_red, compare_green, compare_blue};
  pl_colour_count *mine = colours + g->first;
  qsort(mine, g->count, sizeof *mine, compare[g->channel]);
  double total = 0, sum = 0;
  for (size_t i = 0; i < g->count; i++) total += mine[i].pixels;
  size_t half = 0;
  while (half < g->count - 1 && sum + mine[half].pixels <= total / 2) sum += mine[half++].pixels;
  if (half == 0) half = 1;
  *rest = (group){.first = g->first + half, .count = g->count - half};
  g->count = half;
  measure(g, colours);
  measure(rest, colours);
}

static pl_rgb mean_of(const group *g, const pl_colour_count *colours) {
  double sum[3] = {0}, pixels = 0;
  for (size_t i = g->first; i < g->first + g->count; i++) {
    for (int c = 0; c < 3; c++) sum[c] += (double)colours[i].pixels * channel_of(colours[i].colour, c);
    pixels += colours[i].pixels;
  }
  pl_rgb mean = {(uint8_t)lround(sum[0] / pixels), (uint8_t)lround(sum[1] / pixels), (uint8_t)lround(sum[2] / pixels)};
  return percent_colour(mean);
}

unsigned pl_palette_cut(pl_rgb *palette, unsigned max, pl_colour_count *colours, size_t count) {
  group groups[256] = {{.count = count}};
  unsigned used = count > 0 && max > 0 ? 1 : 0;
  if (max > 256) max = 256;
  if (used > 0) measure(&groups[0], colours);
  while (used > 0 && used < max) {
    unsigned widest = 0;
    for (unsigned i = 1; i < used; i++) {
      if (groups[i].spread > groups[widest].spread) widest = i;
    }
    if (groups[widest].spread <= 0) break;
    split(&groups[widest], &groups[used], colours);
    used++;
  }
  for (unsigned k = 0; k < used; k++) {
    palette[k] = mean_of(&groups[k], colours);
    for (size_t i = groups[k].first; i < groups[k].first + groups[k].count; i++) colours[i].group = k;
  }
  return used;
}
