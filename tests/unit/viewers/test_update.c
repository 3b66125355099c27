// Pictures that change: what is sent, laid over what was shown, is what a whole new picture would be; and how good it
// may be on a slow way.
#include <stdlib.h>
#include <string.h>

#include "tests/tools/testing.h"
#include "tests/unit/viewers/golden.h"
#include "tests/unit/viewers/sixel_decode.h"
#include "tests/unit/viewers/suites.h"
#include "viewers/colormap.h"
#include "viewers/draw.h"
#include "viewers/pace.h"
#include "viewers/sixel_update.h"
#include "viewers/view_case.h"

enum { CELL_WIDTH = 10, CELL_HEIGHT = 19, CONTOUR_BYTES = 4096 };

static const pl_rgb unpainted = {255, 0, 255};

static pl_bitmap scene(uint32_t size, pl_mask_mode mode) {
  pl_image image = {0}, mask = {0};
  make_scene(&image, &mask, 256);
  pl_view_case_options options = pl_view_case_defaults(size, size);
  options.mask_mode = mode;
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_view_case(&bitmap, &image, &mask, &options, NULL), PL_OK);
  pl_image_clear(&image);
  pl_image_clear(&mask);
  return bitmap;
}

static pl_bitmap decode_whole(const pl_bitmap *bitmap, const pl_sixel_options *options) {
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 20);
  assert_int_equal(pl_sixel_encode(&bytes, bitmap, options, NULL), PL_OK);
  pl_bitmap shown = {0};
  decode_sixel(&shown, bytes.data, bytes.length);
  pl_buf_clear(&bytes);
  return shown;
}

// Draws the pieces as a terminal does.
static void apply(pl_bitmap *screen, const pl_sixel_update *update, bool opaque) {
  for (size_t i = 0; i < update->count; i++) {
    const pl_sixel_piece *piece = &update->pieces[i];
    assert_int_equal(piece->area.x % CELL_WIDTH, 0);
    assert_int_equal(piece->area.y % CELL_HEIGHT, 0);
    pl_bitmap part = {0};
    decode_sixel(&part, update->bytes.data + piece->first, piece->length);
    assert_int_equal(part.width, piece->area.width);
    assert_int_equal(part.height, piece->area.height);
    for (uint32_t y = 0; y < part.height; y++) {
      for (uint32_t x = 0; x < part.width; x++) {
        const pl_rgb pixel = part.pixels[(size_t)y * part.width + x];
        if (opaque) assert_false(pl_rgb_equal(pixel, unpainted));
        if (pl_rgb_equal(pixel, unpainted)) continue;
        screen->pixels[(size_t)(y + (uint32_t)piece->area.y) * screen->width + x + (uint32_t)piece->area.x] = pixel;
      }
    }
    pl_bitmap_clear(&part);
  }
}

static void expect_equal(const pl_bitmap *a, const pl_bitmap *b) {
  assert_int_equal(a->width, b->width);
  assert_int_equal(a->height, b->height);
  for (size_t i = 0; i < (size_t)a->width * a->height; i++) {
    if (!pl_rgb_equal(a->pixels[i], b->pixels[i])) fail_msg("pixel %zu differs", i);
  }
}

// From one picture to the other and what came over the wire for it.
static size_t change(const pl_bitmap *from, const pl_bitmap *to, bool composes, unsigned piece_rows) {
  const pl_sixel_order order = {.now = to,
                                .shown = from,
                                .cell_width = CELL_WIDTH,
                                .cell_height = CELL_HEIGHT,
                                .composes = composes,
                                .piece_rows = piece_rows,
                                .options = {.greys = 64}};
  pl_sixel_update update = {0};
  pl_error err = {0};
  if (pl_sixel_update_make(&update, &order, &err) != PL_OK) fail_msg("%s", err.message);
  pl_bitmap want = decode_whole(to, &order.options), screen = {0};
  if (from != NULL) {
    screen = decode_whole(from, &order.options);
  } else {
    assert_int_equal(pl_bitmap_init(&screen, to->width, to->height, NULL), PL_OK);
  }
  apply(&screen, &update, !composes || from == NULL);
  expect_equal(&screen, &want);
  for (size_t i = 0; i < update.count && piece_rows > 0; i++) {
    assert_in_range(update.pieces[i].area.height, 1, piece_rows * CELL_HEIGHT);
  }
  const size_t length = update.bytes.length;
  pl_sixel_update_clear(&update);
  pl_bitmap_clear(&want);
  pl_bitmap_clear(&screen);
  return length;
}

static void changes_are_all_that_is_sent(void **state) {
  (void)state;
  static const uint32_t sizes[] = {7, 20, 100, 203};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    pl_bitmap off = scene(sizes[i], PL_MASK_OFF), contour = scene(sizes[i], PL_MASK_CONTOUR);
    for (int composes = 0; composes < 2; composes++) {
      for (unsigned rows = 0; rows < 4; rows += 3) {
        change(NULL, &off, composes != 0, rows);
        change(&off, &contour, composes != 0, rows);
        change(&contour, &off, composes != 0, rows);
        assert_int_equal(change(&off, &off, composes != 0, rows), 0);
      }
    }
    pl_bitmap_clear(&off);
    pl_bitmap_clear(&contour);
  }
}

// Changes here and there, at the borders too.
static void scattered_changes(void **state) {
  (void)state;
  pl_bitmap before = scene(200, PL_MASK_OFF), after = scene(200, PL_MASK_OFF);
  srand(4);
  for (int round = 0; round < 30; round++) {
    for (int i = 0; i <= round % 5; i++) {
      const pl_rect rect = {rand() % 210 - 10, rand() % 210 - 10, 1 + rand() % 30, 1 + rand() % 9};
      pl_draw_rect(&after, rect, (pl_rgb){(uint8_t)(rand() % 256), 90, 0}, 1);
    }
    change(&before, &after, round % 2 == 0, round % 3 == 0 ? 2 : 0);
    pl_bitmap_place(&before, &after, 0, 0);
  }
  pl_bitmap_clear(&before);
  pl_bitmap_clear(&after);
}

// A few pixels stay as they were within lines of six rows that change everywhere else.
static void pixels_stay_within_what_changes(void **state) {
  (void)state;
  pl_bitmap before = {0}, after = {0};
  assert_int_equal(pl_bitmap_init(&before, 60, 57, NULL), PL_OK);
  assert_int_equal(pl_bitmap_init(&after, 60, 57, NULL), PL_OK);
  for (size_t i = 0; i < (size_t)60 * 57; i++) {
    const uint8_t grey = (uint8_t)(i / 60 % 5 * 51);
    before.pixels[i] = (pl_rgb){grey, grey, grey};
    after.pixels[i] = i % 97 == 3 && i / 60 % 6 != 5 ? before.pixels[i] : (pl_rgb){(uint8_t)(255 - grey), 102, grey};
  }
  change(&before, &after, true, 0);
  change(&after, &before, true, 0);
  change(&before, &after, false, 0);
  pl_bitmap_clear(&before);
  pl_bitmap_clear(&after);
}

static void a_contour_costs_little(void **state) {
  (void)state;
  pl_bitmap off = scene(512, PL_MASK_OFF), contour = scene(512, PL_MASK_CONTOUR);
  assert_in_range(change(&off, &contour, true, 0), 1, CONTOUR_BYTES);
  assert_in_range(change(&contour, &off, true, 0), 1, CONTOUR_BYTES);
  const size_t whole = change(NULL, &off, true, 0);
  assert_true(change(&off, &contour, false, 0) < whole / 2);
  pl_bitmap_clear(&off);
  pl_bitmap_clear(&contour);
}

static void halved_pixels(void **state) {
  (void)state;
  pl_bitmap bitmap = scene(203, PL_MASK_FILL);
  pl_sixel_options options = {.greys = 64};
  pl_buf whole, halved;
  pl_buf_init(&whole, 1 << 20);
  pl_buf_init(&halved, 1 << 20);
  assert_int_equal(pl_sixel_encode(&whole, &bitmap, &options, NULL), PL_OK);
  options.halved = true;
  assert_int_equal(pl_sixel_encode(&halved, &bitmap, &options, NULL), PL_OK);
  assert_true(halved.length < whole.length);  // of a smooth scene; noise gains more
  pl_bitmap shown = {0};
  decode_sixel(&shown, halved.data, halved.length);
  for (uint32_t y = 0; y < shown.height; y++) {
    for (uint32_t x = 0; x < shown.width; x++) {
      const pl_rgb corner = shown.pixels[(size_t)(y & ~1u) * shown.width + (x & ~1u)];
      assert_true(pl_rgb_equal(shown.pixels[(size_t)y * shown.width + x], corner));
    }
  }
  pl_bitmap_clear(&shown);
  pl_buf_clear(&whole);
  pl_buf_clear(&halved);
  pl_bitmap_clear(&bitmap);
}

// ---- Pace

enum { PIXELS = 512 * 512 };

static pl_quality at_rate(double bytes_per_second) {
  const pl_pace pace = {.bytes_per_second = bytes_per_second};
  return pl_pace_choose(&pace, PIXELS, 101, 0.08);
}

static void quality_follows_the_rate(void **state) {
  (void)state;
  assert_int_equal(at_rate(0).greys, 101);  // unknown
  assert_int_equal(at_rate(50e6).greys, 101);
  assert_int_equal(at_rate(625e3).greys, 16);  // 5 Mbit/s
  assert_false(at_rate(625e3).halved);
  assert_true(at_rate(125e3).halved);  // 1 Mbit/s
  pl_quality before = at_rate(1e8);
  for (double rate = 1e8; rate > 1e3; rate /= 1.3) {
    const pl_quality now = at_rate(rate);
    assert_true(pl_quality_equal(pl_quality_worse(before, now), now));  // never better on a slower way
    before = now;
  }
  // A small change is worth full quality on any way.
  assert_int_equal(pl_pace_choose(&(pl_pace){.bytes_per_second = 125e3}, 3000, 101, 0.08).greys, 101);
  assert_int_equal(pl_pace_choose(&(pl_pace){.bytes_per_second = 50e6}, PIXELS, 40, 0.08).greys, 40);
}

static void pace_learns(void **state) {
  (void)state;
  pl_pace pace = {0};
  pl_pace_took(&pace, 300, 0.02);
  assert_float_equal(pace.latency, 0.02, 1e-9);
  assert_float_equal(pace.bytes_per_second, 0, 0);
  pl_pace_took(&pace, 100000, 0.12);  // 0.1 s without the latency
  assert_float_equal(pace.bytes_per_second, 1e6, 1);
  pl_pace_took(&pace, 100000, 0.07);
  assert_float_equal(pace.bytes_per_second, 1.5e6, 1);
  // No answer takes less than nothing, and one slow moment is not the way.
  pl_pace_took(&pace, 100000, 0);
  assert_true(pace.bytes_per_second > 1.5e6);
  pl_pace_took(&pace, 10, 1.0);
  pl_pace_took(&pace, 10, 0.01);
  assert_float_equal(pace.latency, 0.01, 1e-9);
  // A smooth picture takes half of what the table says.
  const pl_quality quality = {.greys = 64};
  const double expected = pl_pace_bytes(&pace, quality, PIXELS);
  pl_pace_made(&pace, quality, PIXELS, (size_t)(expected / 2));
  assert_float_equal(pl_pace_bytes(&pace, quality, PIXELS), expected / 2, 1);
}

int run_update_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(changes_are_all_that_is_sent),
      cmocka_unit_test(scattered_changes),
      cmocka_unit_test(pixels_stay_within_what_changes),
      cmocka_unit_test(a_contour_costs_little),
      cmocka_unit_test(halved_pixels),
      cmocka_unit_test(quality_follows_the_rate),
      cmocka_unit_test(pace_learns),
  };
  return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
