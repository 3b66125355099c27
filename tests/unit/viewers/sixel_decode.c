#include "tests/unit/viewers/sixel_decode.h"

#include <string.h>

#include "tests/tools/testing.h"

typedef struct reader {
  const char *at, *end;
} reader;

static unsigned number(reader *r) {
  unsigned value = 0;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9') value = 10 * value + (unsigned)(*r->at++ - '0');
  return value;
}

static size_t numbers(reader *r, unsigned *out, size_t max) {
  size_t count = 0;
  do {
    assert_true(count < max);
    out[count++] = number(r);
  } while (r->at < r->end && *r->at == ';' && r->at++ != NULL);
  return count;
}

static uint8_t from_percent(unsigned percent) {
  assert_true(percent <= 100);
  return (uint8_t)((percent * 255 + 50) / 100);
}

static void paint(pl_bitmap *bitmap, unsigned x, unsigned top, unsigned repeat, unsigned bits, pl_rgb colour) {
  for (unsigned i = 0; i < repeat; i++) {
    for (unsigned bit = 0; bit < 6; bit++) {
      if ((bits >> bit & 1) == 0) continue;
      if (x + i >= bitmap->width || top + bit >= bitmap->height)
        fail_msg("pixel %u,%u of %ux%u", x + i, top + bit, bitmap->width, bitmap->height);
      bitmap->pixels[(size_t)(top + bit) * bitmap->width + x + i] = colour;
    }
  }
}

static void read_body(pl_bitmap *bitmap, reader *r) {
  pl_rgb palette[256] = {{0}};
  unsigned x = 0, top = 0, colour = 0, repeat = 1, args[8];
  while (r->at < r->end) {
    char c = *r->at++;
    if (c == '#') {
      size_t count = numbers(r, args, 8);
      assert_true(args[0] < 256 && (count == 1 || (count == 5 && args[1] == 2)));
      colour = args[0];
      if (count == 5) palette[colour] = (pl_rgb){from_percent(args[2]), from_percent(args[3]), from_percent(args[4])};
    } else if (c == '!') {
      repeat = number(r);
    } else if (c == '$' || c == '-') {
      x = 0;
      top += c == '-' ? 6 : 0;
    } else if (c >= '?' && c <= '~') {
      paint(bitmap, x, top, repeat, (unsigned)(c - '?'), palette[colour]);
      x += repeat;
      repeat = 1;
    } else {
      assert_true(c == '\n' || c == '\r');
    }
  }
}

void decode_sixel(pl_bitmap *out, const char *bytes, size_t length) {
  reader r = {.at = bytes, .end = bytes + length};
  unsigned args[8];
  assert_true(length > 4 && memcmp(bytes, "\x1bP", 2) == 0 && memcmp(bytes + length - 2, "\x1b\\", 2) == 0);
  r.at += 2;
  r.end -= 2;
  numbers(&r, args, 8);
  assert_int_equal(*r.at++, 'q');
  assert_int_equal(*r.at++, '"');
  assert_int_equal(numbers(&r, args, 8), 4);
  assert_int_equal(pl_bitmap_init(out, args[2], args[3], NULL), PL_OK);
  pl_bitmap_fill(out, (pl_rgb){255, 0, 255});
  read_body(out, &r);
}
