#include "core/data/rle.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"

// Goes through the numbers of a text.
typedef struct scanner {
  const char *at;
  size_t values;  // numbers read so far
} scanner;

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Reads the next number; *more is false at the end of the text.
static pl_status scan(scanner *s, uint64_t *value, bool *more, pl_error *err) {
  while (is_space(*s->at)) s->at++;
  *more = *s->at != '\0';
  if (!*more) return PL_OK;
  const char *begin = s->at;
  while (*s->at != '\0' && !is_space(*s->at)) s->at++;
  size_t length = (size_t)(s->at - begin);
  s->values++;
  if (pl_parse_u64(value, begin, length)) return PL_OK;
  return pl_fail(err, PL_E_FORMAT, "value %zu of the mask is '%.*s', not a whole number from 0", s->values,
                 (int)(length < 24 ? length : 24), begin);
}

// Reads the next run and gives its place in the column-major plane; *more is false at the end of the text.
static pl_status next_run(scanner *s, uint64_t *position, uint64_t *length, uint64_t pixels, bool *more,
                          pl_error *err) {
  uint64_t gap = 0;
  bool pair = false;
  pl_status status = scan(s, &gap, more, err);
  if (status != PL_OK || !*more) return status;
  status = scan(s, length, &pair, err);
  if (status != PL_OK) return status;
  if (!pair)
    return pl_fail(err, PL_E_FORMAT, "the mask has an odd count of values (%zu): a gap without a length", s->values);
  if (*length == 0) return pl_fail(err, PL_E_FORMAT, "value %zu of the mask is a run of length 0", s->values);
  uint64_t end = 0;
  if (__builtin_add_overflow(*position, gap, position) || __builtin_add_overflow(*position, *length, &end) ||
      end > pixels) {
    return pl_fail(err, PL_E_FORMAT, "the run at value %zu of the mask ends behind the image's %llu pixels",
                   s->values - 1, (unsigned long long)pixels);
  }
  return PL_OK;
}

bool pl_rle_is_negative(const char *text) {
  while (is_space(*text)) text++;
  if (text[0] == '-' && text[1] == '1') text += 2;
  while (is_space(*text)) text++;
  return *text == '\0';
}

pl_status pl_rle_check(const char *text, uint64_t pixels, pl_error *err) {
  if (pl_rle_is_negative(text)) return PL_OK;
  scanner s = {.at = text};
  uint64_t position = 0, length = 0;
  bool more = true;
  for (;;) {
    pl_status status = next_run(&s, &position, &length, pixels, &more, err);
    if (status != PL_OK || !more) return status;
    position += length;
  }
}

// Pixels position .. position + length - 1 of the column-major plane, which may cross columns.
static void paint(pl_image *mask, uint64_t position, uint64_t length) {
  size_t width = mask->width, height = mask->height;
  size_t x = (size_t)(position / height), y = (size_t)(position % height);
  for (; length > 0; length--) {
    mask->u8[y * width + x] = 255;
    if (++y == height) {
      y = 0;
      x++;
    }
  }
}

pl_status pl_rle_decode(pl_image *mask, const char *text, pl_error *err) {
  if (mask->type != PL_PIXEL_U8) return pl_fail(err, PL_E_USAGE, "a mask has 8-bit pixels");
  uint64_t pixels = (uint64_t)mask->width * mask->height;
  pl_status status = pl_rle_check(text, pixels, err);
  if (status != PL_OK || pl_rle_is_negative(text)) return status;
  scanner s = {.at = text};
  uint64_t position = 0, length = 0;
  bool more = true;
  while (next_run(&s, &position, &length, pixels, &more, NULL) == PL_OK && more) {
    paint(mask, position, length);
    position += length;
  }
  return PL_OK;
}

// Runs as they are found, column by column.
typedef struct runs {
  pl_buf *out;
  size_t run, gap;  // of the one under way, and what lies before it
  bool any;
} runs;

static void add_outside(runs *r, size_t pixels) {
  if (r->run > 0) {
    pl_buf_printf(r->out, "%s%zu %zu", r->any ? " " : "", r->gap, r->run);
    r->any = true;
    r->run = r->gap = 0;
  }
  r->gap += pixels;
}

pl_status pl_rle_encode(pl_buf *out, const pl_image *mask, pl_error *err) {
  if (mask->type != PL_PIXEL_U8) return pl_fail(err, PL_E_USAGE, "a mask has 8-bit pixels");
  const size_t width = mask->width, height = mask->height;
  runs r = {.out = out};
  // Most columns are empty, which is found row by row, as the pixels lie.
  uint8_t *used = pl_xcalloc(width + 1, 1);
  for (size_t y = 0; y < height; y++) {
    for (size_t x = 0; x < width; x++) used[x] |= mask->u8[y * width + x];
  }
  for (size_t x = 0; x < width; x++) {
    if (used[x] == 0) add_outside(&r, height);
    for (size_t y = 0; y < height && used[x] != 0; y++) {
      if (mask->u8[y * width + x] != 0) {
        r.run++;
      } else {
        add_outside(&r, 1);
      }
    }
  }
  free(used);
  add_outside(&r, 0);  // a run that reaches the last pixel
  if (!r.any) pl_buf_add_text(out, "-1");
  if (out->failed) return pl_fail(err, PL_E_LIMIT, "the mask's text is longer than %zu bytes", out->max);
  return PL_OK;
}

uint64_t pl_mask_area(const pl_image *mask) {
  uint64_t area = 0;
  size_t pixels = (size_t)mask->width * mask->height;
  for (size_t i = 0; i < pixels; i++) area += mask->u8[i] != 0;
  return area;
}
