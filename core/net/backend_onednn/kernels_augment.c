// The arithmetic is that of augment_math.h, pixel for pixel. Most pixels come from inside the source, where nothing has
// to be reflected: each row is split into its inner part, and what is left and right of it.
#include <string.h>

#include "core/net/augment_math.h"
#include "core/net/backend_onednn/kernels.h"
#include "core/net/backend_onednn/simd.h"

enum {
  TILE_ROWS = 32,
  TILE_COLUMNS = 1024,
  NEAREST = 512 - 16,  // what pl_augment_row adds for nearest sampling, less what it adds for linear
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  FIRST_SHIFT = 0,
#else
  FIRST_SHIFT = 8,
#endif
};

// What becomes of a grey level: first gain and bias, then the normalisation of each channel.
typedef struct levels {
  bool changes;  // gain and bias do something
  uint8_t grey[256];
  float factor[3], offset[3];
} levels;

// What the pixels of an image have in common.
typedef struct source {
  const uint8_t *image, *mask;
  const double *map;
  int32_t height, width;
  bool is_empty;     // the mask
  bool is_straight;  // the map is a shift by whole pixels, or that and a mirror: nothing is interpolated
} source;

// Columns of one row, or what they have in common in many rows.
typedef struct tile {
  int32_t first, count;
  int32_t dx[TILE_COLUMNS], dy[TILE_COLUMNS];  // what the column adds to the source's coordinates
  // Of the row under way: where the pixel's upper left neighbour and its nearest one are, how far it is from the
  // first, and two neighbours each of the upper and the lower row.
  int32_t corner[TILE_COLUMNS], nearest[TILE_COLUMNS], fx[TILE_COLUMNS], fy[TILE_COLUMNS];
  uint16_t upper[TILE_COLUMNS], lower[TILE_COLUMNS];
  uint8_t grey[TILE_COLUMNS], label[TILE_COLUMNS];
} tile;

static void fill_levels(levels *l, const double *parameters, const pl_attributes *a) {
  l->changes = false;
  for (int level = 0; level < 256; level++) {
    l->grey[level] = pl_augment_grey((uint8_t)level, parameters[PL_AUGMENT_GAIN], parameters[PL_AUGMENT_BIAS]);
    l->changes = l->changes || l->grey[level] != level;
  }
  for (int c = 0; c < 3; c++) {
    l->factor[c] = (float)(1 / (255 * a->deviation[c]));
    l->offset[c] = (float)(-a->mean[c] / a->deviation[c]);
  }
}

static void fill_columns(tile *t, const source *s) {
  for (int32_t i = 0; i < t->count; i++) {
    t->dx[i] = pl_augment_column(s->map[0], t->first + i);
    t->dy[i] = pl_augment_column(s->map[3], t->first + i);
  }
}

// Whether column i of the row that begins at (x, y) is interpolated between four pixels of the source. The pixel
// nearest to it is one of them.
PL_INLINE bool is_inner(const tile *t, const source *s, int32_t i, int32_t x, int32_t y) {
  return (uint32_t)((x + t->dx[i]) >> 10) < (uint32_t)(s->width - 1) &&
         (uint32_t)((y + t->dy[i]) >> 10) < (uint32_t)(s->height - 1);
}

static void warp_outer(tile *t, const source *s, int32_t from, int32_t to, int32_t x, int32_t y) {
  for (int32_t i = from; i < to; i++) {
    int32_t at_x = x + t->dx[i], at_y = y + t->dy[i];
    t->grey[i] = pl_augment_linear(s->image, s->height, s->width, at_x >> 5, at_y >> 5);
    t->label[i] = pl_augment_nearest(s->mask, s->height, s->width, (at_x + NEAREST) >> 10, (at_y + NEAREST) >> 10);
  }
}

PL_SIMD static void find_pixels(tile *restrict t, int32_t width, int32_t from, int32_t to, int32_t x, int32_t y) {
  for (int32_t i = from; i < to; i++) {
    int32_t at_x = x + t->dx[i], at_y = y + t->dy[i];
    t->corner[i] = (at_y >> 10) * width + (at_x >> 10);
    t->nearest[i] = ((at_y + NEAREST) >> 10) * width + ((at_x + NEAREST) >> 10);
    t->fx[i] = at_x >> 5 & 31;
    t->fy[i] = at_y >> 5 & 31;
  }
}

// The only part that no vector unit does: it goes here and there in memory.
static void fetch_pixels(tile *restrict t, const source *s, int32_t from, int32_t to) {
  for (int32_t i = from; i < to; i++) {
    const uint8_t *p = s->image + t->corner[i];
    memcpy(&t->upper[i], p, 2);
    memcpy(&t->lower[i], p + s->width, 2);
  }
  if (s->is_empty) return;
  for (int32_t i = from; i < to; i++) t->label[i] = s->mask[t->nearest[i]];
}

PL_SIMD static void interpolate(tile *restrict t, int32_t from, int32_t to) {
  for (int32_t i = from; i < to; i++) {
    // Which of the two comes first in memory depends on the machine.
    int32_t first = FIRST_SHIFT, a = t->upper[i] >> first & 255, b = t->upper[i] >> (8 - first) & 255;
    int32_t c = t->lower[i] >> first & 255, d = t->lower[i] >> (8 - first) & 255, fx = t->fx[i];
    int32_t upper = (a << 5) + fx * (b - a), lower = (c << 5) + fx * (d - c);
    t->grey[i] = (uint8_t)(((upper << 5) + t->fy[i] * (lower - upper) + 512) >> 10);
  }
}

PL_SIMD static void copy_mirrored(uint8_t *restrict to, const uint8_t *restrict last, int32_t count) {
  for (int32_t i = 0; i < count; i++) to[i] = last[-i];
}

static void copy_inner(tile *t, const source *s, int32_t from, int32_t to, int32_t x, int32_t y) {
  if (from == to) return;
  int64_t start = (int64_t)(y >> 10) * s->width + ((x + t->dx[from]) >> 10);
  size_t count = (size_t)(to - from);
  if (s->map[0] > 0) {
    memcpy(t->grey + from, s->image + start, count);
    if (!s->is_empty) memcpy(t->label + from, s->mask + start, count);
  } else {
    copy_mirrored(t->grey + from, s->image + start, to - from);
    if (!s->is_empty) copy_mirrored(t->label + from, s->mask + start, to - from);
  }
}

// One row of the tile into t->grey and t->label. The source's coordinates are monotone along it, so that the inner
// pixels have no outer ones between them.
static void warp_row(tile *t, const source *s, int32_t row) {
  int32_t x = pl_augment_row(s->map[1], row, s->map[2], 0), y = pl_augment_row(s->map[4], row, s->map[5], 0);
  int32_t from = 0, to = t->count;
  while (from < to && !is_inner(t, s, from, x, y)) from++;
  while (to > from && !is_inner(t, s, to - 1, x, y)) to--;
  warp_outer(t, s, 0, from, x, y);
  if (s->is_straight) {
    copy_inner(t, s, from, to, x, y);
  } else {
    find_pixels(t, s->width, from, to, x, y);
    fetch_pixels(t, s, from, to);
    interpolate(t, from, to);
  }
  warp_outer(t, s, to, t->count, x, y);
}

PL_SIMD static void write_row(float *x, float *target, int64_t area, const uint8_t *grey, const uint8_t *label,
                              int32_t count, const levels *l) {
  for (int c = 0; c < 3; c++) {
    float factor = l->factor[c], offset = l->offset[c], *out = x + c * area;
    for (int32_t i = 0; i < count; i++) out[i] = (float)grey[i] * factor + offset;
  }
  for (int32_t i = 0; i < count; i++) target[i] = pl_augment_is_set(label[i]) ? 1.0f : 0.0f;
}

static bool is_whole(double value) { return value == rint(value) && fabs(value) < 0x1p20; }

static source make_source(const pl_step *s, const uint8_t *image, const uint8_t *mask, const double *map) {
  size_t area = (size_t)(s->h * s->w);
  return (source){.image = image,
                  .mask = mask,
                  .map = map,
                  .height = (int32_t)s->h,
                  .width = (int32_t)s->w,
                  .is_empty = mask[0] == 0 && memcmp(mask, mask + 1, area - 1) == 0,
                  .is_straight = fabs(map[0]) == 1 && map[1] == 0 && is_whole(map[2]) && map[3] == 0 && map[4] == 1 &&
                                 is_whole(map[5])};
}

static void augment_rows(const source *s, const levels *l, int32_t first_row, float *x, float *target) {
  int32_t end = first_row + TILE_ROWS < s->height ? first_row + TILE_ROWS : s->height;
  int64_t area = (int64_t)s->height * s->width;
  tile t;
  memset(t.label, 0, sizeof t.label);
  for (t.first = 0; t.first < s->width; t.first += TILE_COLUMNS) {
    t.count = s->width - t.first < TILE_COLUMNS ? s->width - t.first : TILE_COLUMNS;
    fill_columns(&t, s);
    for (int32_t row = first_row; row < end; row++) {
      int64_t at = (int64_t)row * s->width + t.first;
      warp_row(&t, s, row);
      for (int32_t i = 0; l->changes && i < t.count; i++) t.grey[i] = l->grey[t.grey[i]];
      write_row(x + at, target + at, area, t.grey, t.label, t.count, l);
    }
  }
}

// image, mask, parameters, x, target
void pl_kernel_augment(const pl_step *s, pl_context *context) {
  (void)context;
  const uint8_t *images = s->data[0], *masks = s->data[1];
  const double *parameters = s->data[2];
  float *x = s->data[3], *target = s->data[4];
  int64_t area = s->h * s->w;
  for (int64_t i = 0; i < s->n; i++) {
    const double *row = parameters + i * PL_AUGMENT_VALUES;
    source one = make_source(s, images + i * area, masks + i * area, row + PL_AUGMENT_AFFINE);
    levels l;
    fill_levels(&l, row, &s->a);
#pragma omp parallel for schedule(static)
    for (int64_t y = 0; y < s->h; y += TILE_ROWS)
      augment_rows(&one, &l, (int32_t)y, x + 3 * i * area, target + i * area);
  }
}
