#include "core/image/resize.h"

#include <stdbool.h>
#include <stdlib.h>

#include "core/base/mem.h"

enum { SIGN_OFFSET = 32768 };

typedef enum axis_rule { RULE_AREA_LINEAR, RULE_AREA_NEAREST, RULE_NEAREST } axis_rule;

// What one output position takes: input positions first .. first+count-1 with weights[at ..].
typedef struct axis_tap {
  uint32_t first, count;
  size_t at;
} axis_tap;

// One axis: the taps of all output positions. The weights of each sum to `total`.
typedef struct axis {
  axis_tap *taps;
  uint32_t *weights;
  uint32_t total;
} axis;

static void free_axis(axis *a) {
  free(a->taps);
  free(a->weights);
}

// Lengths in units of 1/out of an input pixel: an output pixel is `in` units long, an input pixel `out` units.
static void make_area(axis *a, uint32_t in, uint32_t out) {
  size_t used = 0;
  for (uint32_t i = 0; i < out; i++) {
    uint64_t begin = (uint64_t)i * in, end = begin + in;
    axis_tap *tap = &a->taps[i];
    *tap = (axis_tap){.first = (uint32_t)(begin / out), .at = used};
    for (uint64_t k = tap->first; k * out < end; k++) {
      uint64_t from = k * out > begin ? k * out : begin, to = (k + 1) * out < end ? (k + 1) * out : end;
      a->weights[used++] = (uint32_t)(to - from);
      tap->count++;
    }
  }
  a->total = in;
}

// The centre of output pixel i lies at ((2i+1)*in - out) / (2*out).
static void make_linear(axis *a, uint32_t in, uint32_t out) {
  for (uint32_t i = 0; i < out; i++) {
    int64_t position = (2 * (int64_t)i + 1) * in - out, unit = 2 * (int64_t)out;
    axis_tap *tap = &a->taps[i];
    *tap = (axis_tap){.count = 1, .at = 2 * (size_t)i};
    uint32_t *weights = a->weights + tap->at;
    weights[0] = (uint32_t)unit;
    if (position >= (int64_t)(in - 1) * unit) {
      tap->first = in - 1;
    } else if (position > 0) {
      tap->first = (uint32_t)(position / unit);
      tap->count = 2;
      weights[1] = (uint32_t)(position % unit);
      weights[0] -= weights[1];
    }
  }
  a->total = 2 * out;
}

static void make_nearest(axis *a, uint32_t in, uint32_t out) {
  for (uint32_t i = 0; i < out; i++) {
    a->taps[i] = (axis_tap){.first = (uint32_t)((2 * (uint64_t)i + 1) * in / (2 * (uint64_t)out)), .count = 1, .at = i};
    a->weights[i] = 1;
  }
  a->total = 1;
}

static axis make_axis(uint32_t in, uint32_t out, axis_rule rule) {
  // Shrinking cuts the axis at in+out places at most; growing takes two input pixels at most.
  axis a = {.taps = pl_xcalloc(out, sizeof *a.taps), .weights = pl_xcalloc(2 * ((size_t)in + out), sizeof *a.weights)};
  if (rule != RULE_NEAREST && out <= in) {
    make_area(&a, in, out);
  } else if (rule == RULE_AREA_LINEAR) {
    make_linear(&a, in, out);
  } else {
    make_nearest(&a, in, out);
  }
  return a;
}

// A row as numbers from 0 to 65535; signed ones are shifted up, masks are 0 or 1.
static void unpack_row(uint32_t *line, const pl_image *image, size_t y) {
  size_t width = image->width, at = y * width;
  switch (image->type) {
    case PL_PIXEL_U8:
      for (size_t x = 0; x < width; x++) line[x] = image->u8[at + x];
      break;
    case PL_PIXEL_U16:
      for (size_t x = 0; x < width; x++) line[x] = image->u16[at + x];
      break;
    case PL_PIXEL_S16:
      for (size_t x = 0; x < width; x++) line[x] = (uint32_t)(image->s16[at + x] + SIGN_OFFSET);
      break;
  }
  if (image->meaning != PL_IMAGE_MASK) return;
  uint32_t outside = image->type == PL_PIXEL_S16 ? SIGN_OFFSET : 0;
  for (size_t x = 0; x < width; x++) line[x] = line[x] != outside;
}

static void set_pixel(pl_image *image, size_t i, uint32_t value) {
  switch (image->type) {
    case PL_PIXEL_U8: image->u8[i] = (uint8_t)value; break;
    case PL_PIXEL_U16: image->u16[i] = (uint16_t)value; break;
    case PL_PIXEL_S16: image->s16[i] = (int16_t)((int32_t)value - SIGN_OFFSET); break;
  }
}

// The weighted sums of one unpacked input row; at most 65535 * 32768, which fits.
static void sum_row(uint32_t *sums, const uint32_t *line, const axis *columns, uint32_t width) {
  for (uint32_t x = 0; x < width; x++) {
    const axis_tap *tap = &columns->taps[x];
    const uint32_t *weights = columns->weights + tap->at, *from = line + tap->first;
    uint32_t sum = weights[0] * from[0];
    for (uint32_t k = 1; k < tap->count; k++) sum += weights[k] * from[k];
    sums[x] = sum;
  }
}

static void finish_row(pl_image *out, size_t y, const uint64_t *sums, uint64_t total) {
  bool is_mask = out->meaning == PL_IMAGE_MASK;
  for (size_t x = 0; x < out->width; x++) {
    // Half of the area rounds up to 1, which is the rule for masks too.
    uint32_t value = (uint32_t)((sums[x] + total / 2) / total);
    set_pixel(out, y * out->width + x, is_mask && value != 0 ? 255 : value);
  }
}

// Sums of two neighbouring input rows are kept, because growing rows share them and shrinking rows share their cut
// ones.
static void resize_rows(pl_image *out, const pl_image *in, const axis *columns, const axis *rows) {
  uint32_t width = out->width;
  uint32_t *kept[2] = {pl_xcalloc(width, sizeof(uint32_t)), pl_xcalloc(width, sizeof(uint32_t))};
  uint64_t held[2] = {UINT64_MAX, UINT64_MAX};
  uint64_t *sums = pl_xcalloc(width, sizeof *sums);
  uint32_t *line = pl_xcalloc(in->width, sizeof *line);
  uint64_t total = (uint64_t)columns->total * rows->total;
  for (uint32_t y = 0; y < out->height; y++) {
    const axis_tap *tap = &rows->taps[y];
    for (uint32_t x = 0; x < width; x++) sums[x] = 0;
    for (uint32_t k = 0; k < tap->count; k++) {
      uint32_t from = tap->first + k, slot = from & 1;
      uint64_t weight = rows->weights[tap->at + k];
      if (held[slot] != from) {
        unpack_row(line, in, from);
        sum_row(kept[slot], line, columns, width);
        held[slot] = from;
      }
      for (uint32_t x = 0; x < width; x++) sums[x] += weight * kept[slot][x];
    }
    finish_row(out, y, sums, total);
  }
  free(kept[0]);
  free(kept[1]);
  free(sums);
  free(line);
}

static pl_status resize(pl_image *out, const pl_image *in, uint32_t width, uint32_t height, axis_rule rule,
                        pl_error *err) {
  pl_image made;
  pl_status status = pl_image_init(&made, width, height, in->type, in->meaning, err);
  if (status != PL_OK) return status;
  axis columns = make_axis(in->width, width, rule), rows = make_axis(in->height, height, rule);
  resize_rows(&made, in, &columns, &rows);
  free_axis(&columns);
  free_axis(&rows);
  *out = made;
  return PL_OK;
}

pl_status pl_image_resize(pl_image *out, const pl_image *in, uint32_t width, uint32_t height, pl_error *err) {
  return resize(out, in, width, height, in->meaning == PL_IMAGE_MASK ? RULE_AREA_NEAREST : RULE_AREA_LINEAR, err);
}

pl_status pl_image_resize_nearest(pl_image *out, const pl_image *in, uint32_t width, uint32_t height, pl_error *err) {
  return resize(out, in, width, height, RULE_NEAREST, err);
}
