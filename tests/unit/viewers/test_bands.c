// A picture that is encoded in bands is the whole picture, whatever its size and however many threads share the work.
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/testing.h"
#include "tests/unit/viewers/golden.h"
#include "tests/unit/viewers/sixel_decode.h"
#include "tests/unit/viewers/suites.h"
#include "viewers/colormap.h"
#include "viewers/parallel.h"
#include "viewers/sixel_bands.h"
#include "viewers/view_case.h"

enum { LINE_ROWS = 6, LEFT_OUT = 255 };

static const pl_rgb unpainted = {255, 0, 255};

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525 + 1013904223;
  return *seed >> 16;
}

// Runs of random lengths, of `colours` colours that a percentage can say; with `holes` some pixels are left out, in
// lines whose last row has one of them.
static pl_indexed make_picture(uint32_t width, uint32_t height, unsigned colours, bool holes, uint32_t seed) {
  pl_indexed indexed = {.width = width, .height = height, .colours = colours};
  const size_t pixels = (size_t)width * height;
  indexed.pixels = malloc(pixels);
  assert_non_null(indexed.pixels);
  for (unsigned i = 0; i < colours; i++) {
    indexed.palette[i] = (pl_rgb){(uint8_t)(51 * (i % 5)), (uint8_t)(51 * (i / 5 % 6)), (uint8_t)(51 * (i / 30 % 6))};
  }
  for (size_t i = 0; i < pixels;) {
    const uint8_t index = (uint8_t)(next_random(&seed) % colours);
    for (size_t run = 1 + next_random(&seed) % 9; run > 0 && i < pixels; run--) indexed.pixels[i++] = index;
  }
  for (uint32_t top = 0; holes && top < height; top += LINE_ROWS) {
    const uint32_t last = top + LINE_ROWS < height ? top + LINE_ROWS - 1 : height - 1;
    const uint32_t kind = next_random(&seed) % 4;  // none, a few, many, all
    if (kind == 0) continue;
    for (uint32_t y = top; y <= last; y++) {
      for (uint32_t x = 0; x < width; x++) {
        const uint32_t chance = next_random(&seed) % 16;
        if (kind == 3 || chance < (kind == 1 ? 1u : 12u)) indexed.pixels[(size_t)y * width + x] = LEFT_OUT;
      }
    }
    indexed.pixels[(size_t)last * width + next_random(&seed) % width] = LEFT_OUT;
  }
  return indexed;
}

static void encode(pl_buf *bytes, const pl_indexed *indexed, bool transparent, unsigned threads) {
  pl_error err = {0};
  pl_buf_init(bytes, (size_t)8 << 20);
  if (pl_sixel_bands(bytes, indexed, transparent, threads, &err) != PL_OK) fail_msg("%s", err.message);
  assert_false(bytes->failed);
}

static void expect_picture(const pl_buf *bytes, const pl_indexed *indexed) {
  pl_bitmap shown = {0};
  decode_sixel(&shown, bytes->data, bytes->length);
  assert_int_equal(shown.width, indexed->width);
  assert_int_equal(shown.height, indexed->height);
  for (size_t i = 0; i < (size_t)shown.width * shown.height; i++) {
    const uint8_t index = indexed->pixels[i];
    const pl_rgb want = index < indexed->colours ? indexed->palette[index] : unpainted;
    if (!pl_rgb_equal(shown.pixels[i], want)) {
      fail_msg("%ux%u: pixel %zu,%zu is wrong", shown.width, shown.height, i % shown.width, i / shown.width);
    }
  }
  pl_bitmap_clear(&shown);
}

static void bands_are_the_whole(void **state) {
  (void)state;
  static const uint32_t widths[] = {1, 2, 5, 6, 7, 64, 301},
                        heights[] = {1, 2, 5, 6, 7, 47, 48, 49, 53, 54, 96, 97, 200};
  static const unsigned colours[] = {1, 2, 17, 150};
  uint32_t seed = 1;
  for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
    for (size_t h = 0; h < sizeof heights / sizeof heights[0]; h++) {
      for (size_t c = 0; c < sizeof colours / sizeof colours[0]; c++) {
        const bool holes = seed % 2 == 0;
        pl_indexed indexed = make_picture(widths[w], heights[h], colours[c], holes, seed++);
        pl_buf one, several;
        encode(&one, &indexed, holes, 1);
        expect_picture(&one, &indexed);
        for (unsigned threads = 0; threads <= PL_PARALLEL_THREADS_MAX + 1; threads += 1 + threads / 2) {
          encode(&several, &indexed, holes, threads);
          assert_int_equal(several.length, one.length);
          assert_memory_equal(several.data, one.data, one.length);
          pl_buf_clear(&several);
        }
        pl_buf_clear(&one);
        pl_indexed_clear(&indexed);
      }
    }
  }
}

// The size at which the threads are chosen by the processors.
static void a_large_picture(void **state) {
  (void)state;
  for (int holes = 0; holes < 2; holes++) {
    pl_indexed indexed = make_picture(500, 301, 100, holes != 0, 77);
    for (unsigned threads = 0; threads <= PL_PARALLEL_THREADS_MAX; threads++) {
      pl_buf bytes;
      encode(&bytes, &indexed, holes != 0, threads);
      expect_picture(&bytes, &indexed);
      pl_buf_clear(&bytes);
    }
    pl_indexed_clear(&indexed);
  }
}

static void transparent_says_so(void **state) {
  (void)state;
  pl_indexed indexed = make_picture(20, 13, 3, true, 5);
  for (int transparent = 0; transparent < 2; transparent++) {
    pl_buf bytes;
    encode(&bytes, &indexed, transparent != 0, 2);
    const char *want = transparent != 0 ? "\x1bP0;1q\"1;1;20;13#0;2;" : "\x1bPq\"1;1;20;13#0;2;";
    assert_memory_equal(bytes.data, want, strlen(want));
    pl_buf_clear(&bytes);
  }
  pl_indexed_clear(&indexed);
}

static void count_up(void *context, size_t index) { atomic_fetch_add(&((atomic_int *)context)[index], 1); }

static void everything_is_done_once(void **state) {
  (void)state;
  enum { MOST = 100 };
  for (size_t count = 0; count <= MOST; count += 1 + count / 2) {
    for (unsigned threads = 0; threads <= PL_PARALLEL_THREADS_MAX + 1; threads++) {
      atomic_int done[MOST + 1] = {0};
      pl_parallel(count, threads, count_up, done);
      for (size_t i = 0; i <= MOST; i++) assert_int_equal(atomic_load(&done[i]), i < count);
    }
  }
}

// With one processor there is no other thread, and the same picture.
static void one_processor(void **state) {
  (void)state;
  cpu_set_t before, one;
  CPU_ZERO(&one);
  assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
  for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++) {
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  }
  pl_image image = {0}, mask = {0};
  make_scene(&image, &mask, 700);
  const pl_view_case_options options = pl_view_case_defaults(500, 500);
  pl_bitmap several = {0}, single = {0};
  assert_int_equal(pl_view_case(&several, &image, &mask, &options, NULL), PL_OK);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  const unsigned threads = pl_parallel_threads(SIZE_MAX);
  const pl_status status = pl_view_case(&single, &image, &mask, &options, NULL);
  assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
  assert_int_equal(threads, 1);
  assert_int_equal(status, PL_OK);
  assert_int_equal(pl_parallel_threads(1000), 1);
  assert_in_range(pl_parallel_threads(SIZE_MAX), 1, PL_PARALLEL_THREADS_MAX);
  assert_memory_equal(several.pixels, single.pixels, (size_t)500 * 500 * sizeof *single.pixels);
  pl_bitmap_clear(&several);
  pl_bitmap_clear(&single);
  pl_image_clear(&image);
  pl_image_clear(&mask);
}

// Wherever the room ends, in a band or between them, the buffer says so.
static void no_room(void **state) {
  (void)state;
  pl_indexed indexed = make_picture(40, 200, 9, false, 6);
  pl_buf whole, bytes;
  encode(&whole, &indexed, false, 2);
  for (size_t max = 1; max <= whole.length; max += 1 + max / 3) {
    pl_buf_init(&bytes, max < whole.length ? max : whole.length - 1);
    assert_int_equal(pl_sixel_bands(&bytes, &indexed, false, 3, NULL), PL_OK);
    assert_true(bytes.failed);
    pl_buf_clear(&bytes);
  }
  pl_buf_init(&bytes, whole.length);
  assert_int_equal(pl_sixel_bands(&bytes, &indexed, false, 3, NULL), PL_OK);
  assert_false(bytes.failed);
  pl_buf_clear(&bytes);
  pl_buf_clear(&whole);
  pl_indexed_clear(&indexed);
}

int run_bands_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bands_are_the_whole),     cmocka_unit_test(a_large_picture),
      cmocka_unit_test(transparent_says_so),     cmocka_unit_test(no_room),
      cmocka_unit_test(everything_is_done_once), cmocka_unit_test(one_processor),
  };
  return cmocka_run_group_tests_name("bands", tests, NULL, NULL);
}
