#include <stdlib.h>
#include <string.h>

#include "tests/tools/testing.h"
#include "tests/unit/viewers/golden.h"
#include "tests/unit/viewers/sixel_decode.h"
#include "tests/unit/viewers/suites.h"
#include "viewers/colormap.h"
#include "viewers/out_blocks.h"
#include "viewers/out_sixel.h"
#include "viewers/view_case.h"

static pl_bitmap scene(uint32_t size) {
  pl_image image = {0}, mask = {0};
  make_scene(&image, &mask, 256);
  pl_view_case_options options = pl_view_case_defaults(size, size);
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_view_case(&bitmap, &image, &mask, &options, NULL), PL_OK);
  pl_image_clear(&image);
  pl_image_clear(&mask);
  return bitmap;
}

static int channel_error(pl_rgb a, pl_rgb b) {
  int r = abs(a.r - b.r), g = abs(a.g - b.g), blue = abs(a.b - b.b);
  return r > g ? (r > blue ? r : blue) : (g > blue ? g : blue);
}

// What the terminal would show is what the quantiser said, for that many greys, and not far from the picture.
static void round_trip(const pl_bitmap *bitmap, const pl_sixel_options *options, int grey_error, int colour_error) {
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 20);
  pl_error err = {0};
  if (pl_sixel_encode(&bytes, bitmap, options, &err) != PL_OK) fail_msg("%s", err.message);
  pl_indexed indexed = {0};
  assert_int_equal(pl_sixel_quantise(&indexed, bitmap, options, &err), PL_OK);
  pl_bitmap shown = {0};
  decode_sixel(&shown, bytes.data, bytes.length);
  assert_int_equal(shown.width, bitmap->width);
  assert_int_equal(shown.height, bitmap->height);
  for (size_t i = 0; i < (size_t)shown.width * shown.height; i++) {
    pl_rgb want = indexed.palette[indexed.pixels[i]], is = bitmap->pixels[i];
    if (!pl_rgb_equal(shown.pixels[i], want)) fail_msg("pixel %zu is not what the quantiser chose", i);
    int limit = pl_rgb_is_grey(is) ? grey_error : colour_error;
    if (channel_error(want, is) > limit) fail_msg("pixel %zu is %d away", i, channel_error(want, is));
  }
  pl_bitmap_clear(&shown);
  pl_indexed_clear(&indexed);
  pl_buf_clear(&bytes);
}

static void sixel_round_trip(void **state) {
  (void)state;
  static const uint32_t sizes[] = {1, 2, 5, 6, 7, 13, 100, 200};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    pl_bitmap bitmap = scene(sizes[i]);
    round_trip(&bitmap, &(pl_sixel_options){.greys = 101}, 2, 24);
    round_trip(&bitmap, &(pl_sixel_options){.greys = 64}, 4, 24);
    round_trip(&bitmap, &(pl_sixel_options){.greys = 16}, 10, 24);
    pl_bitmap_clear(&bitmap);
  }
}

// Terminals with few registers get no index that they do not have.
static void sixel_keeps_to_the_registers(void **state) {
  (void)state;
  pl_bitmap bitmap = scene(120);
  static const unsigned registers[] = {4, 16, 32, 64, 255, 1024};
  for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
    pl_indexed indexed = {0};
    pl_sixel_options options = {.greys = 101, .registers = registers[i]};
    assert_int_equal(pl_sixel_quantise(&indexed, &bitmap, &options, NULL), PL_OK);
    unsigned limit = registers[i] < 256 ? registers[i] : 256;
    assert_in_range(indexed.colours, 2, limit);
    for (size_t p = 0; p < (size_t)120 * 120; p++) assert_true(indexed.pixels[p] < indexed.colours);
    pl_indexed_clear(&indexed);
  }
  pl_bitmap_clear(&bitmap);
}

// Few colours are kept as they are, up to percentages, however small their share.
static void sixel_keeps_few_colours(void **state) {
  (void)state;
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_bitmap_init(&bitmap, 300, 200, NULL), PL_OK);
  for (size_t i = 0; i < 150; i++) bitmap.pixels[i * 7] = (pl_rgb){(uint8_t)i, (uint8_t)(255 - i), 77};
  round_trip(&bitmap, &(pl_sixel_options){.greys = 64}, 4, 2);
  pl_bitmap_clear(&bitmap);
}

static void sixel_respects_limits(void **state) {
  (void)state;
  pl_bitmap bitmap = scene(100);
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 20);
  pl_error err = {0};
  assert_int_equal(pl_sixel_encode(&bytes, &bitmap, &(pl_sixel_options){.max_width = 99}, &err), PL_E_LIMIT);
  assert_int_equal(pl_sixel_encode(&bytes, &bitmap, &(pl_sixel_options){.max_height = 99}, &err), PL_E_LIMIT);
  assert_int_equal(bytes.length, 0);
  assert_int_equal(pl_sixel_encode(&bytes, &bitmap, &(pl_sixel_options){.max_height = 100}, &err), PL_OK);
  pl_buf_clear(&bytes);
  pl_bitmap_clear(&bitmap);
  // Noise cannot be packed: with 101 greys it would be too long, with fewer it is not.
  assert_int_equal(pl_bitmap_init(&bitmap, 600, 600, NULL), PL_OK);
  uint32_t seed = 1;
  for (size_t i = 0; i < (size_t)600 * 600; i++) {
    seed = seed * 1664525 + 1013904223;
    uint8_t grey = (uint8_t)(seed >> 24);
    bitmap.pixels[i] = (pl_rgb){grey, grey, grey};
  }
  pl_buf_init(&bytes, 1 << 20);
  assert_int_equal(pl_sixel_encode(&bytes, &bitmap, &(pl_sixel_options){.greys = 101}, &err), PL_OK);
  assert_in_range(bytes.length, 100000, PL_SIXEL_BYTES_MAX);
  pl_buf_clear(&bytes);
  pl_bitmap_clear(&bitmap);
}

static void half_blocks(void **state) {
  (void)state;
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_bitmap_init(&bitmap, 2, 3, NULL), PL_OK);
  static const pl_rgb pixels[] = {{255, 0, 0}, {9, 9, 9}, {0, 0, 255}, {9, 9, 9}, {0, 255, 0}, {250, 250, 250}};
  memcpy(bitmap.pixels, pixels, sizeof pixels);
  pl_cells cells = {0};
  assert_int_equal(pl_blocks(&cells, &bitmap, PL_COLOURS_TRUE, true, NULL), PL_OK);
  assert_int_equal(cells.columns, 2);
  assert_int_equal(cells.rows, 2);
  assert_int_equal(cells.cells[0].glyph, 0x2580);
  assert_true(pl_rgb_equal(cells.cells[0].fg, pixels[0]) && pl_rgb_equal(cells.cells[0].bg, pixels[2]));
  assert_int_equal(cells.cells[1].glyph, ' ');
  assert_true(pl_rgb_equal(cells.cells[2].fg, pixels[4]) && pl_rgb_equal(cells.cells[2].bg, (pl_rgb){0}));
  pl_buf out;
  pl_buf_init(&out, 1 << 16);
  assert_true(pl_cells_ansi(&out, &cells));
  assert_string_equal(out.data,
                      "\x1b[48;2;0;0;255m\x1b[38;2;255;0;0m\xe2\x96\x80\x1b[48;2;9;9;9m \x1b[0m\n"
                      "\x1b[48;2;0;0;0m\x1b[38;2;0;255;0m\xe2\x96\x80\x1b[38;2;250;250;250m\xe2\x96\x80\x1b[0m\n");
  pl_cells_clear(&cells);
  pl_buf_clear(&out);

  assert_int_equal(pl_blocks(&cells, &bitmap, PL_COLOURS_256, true, NULL), PL_OK);
  assert_int_equal(cells.cells[0].fg_index, 196);
  assert_int_equal(cells.cells[0].bg_index, 21);
  assert_true(pl_rgb_equal(cells.cells[1].bg, (pl_rgb){8, 8, 8}));
  pl_cells_clear(&cells);

  assert_int_equal(pl_blocks(&cells, &bitmap, PL_COLOURS_16, true, NULL), PL_OK);
  pl_buf_init(&out, 1 << 16);
  assert_true(pl_cells_ansi(&out, &cells));
  assert_memory_equal(out.data, "\x1b[44m\x1b[91m\xe2\x96\x80", 13);
  pl_cells_clear(&cells);
  pl_buf_clear(&out);
  pl_bitmap_clear(&bitmap);
}

static void shades_without_colour(void **state) {
  (void)state;
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_bitmap_init(&bitmap, 5, 2, NULL), PL_OK);
  for (size_t i = 0; i < 10; i++) {
    uint8_t v = (uint8_t)(i % 5 * 63);
    bitmap.pixels[i] = (pl_rgb){v, v, v};
  }
  pl_cells cells = {0};
  pl_buf out;
  pl_buf_init(&out, 1 << 16);
  assert_int_equal(pl_blocks(&cells, &bitmap, PL_COLOURS_MONO, false, NULL), PL_OK);
  assert_true(pl_cells_ansi(&out, &cells));
  assert_string_equal(out.data, " :=*@\n");
  pl_cells_clear(&cells);
  pl_buf_reset(&out);
  assert_int_equal(pl_blocks(&cells, &bitmap, PL_COLOURS_MONO, true, NULL), PL_OK);
  assert_true(pl_cells_ansi(&out, &cells));
  assert_string_equal(out.data, " \xe2\x96\x91\xe2\x96\x92\xe2\x96\x93\xe2\x96\x88\n");
  pl_cells_clear(&cells);
  pl_buf_clear(&out);
  pl_bitmap_clear(&bitmap);
}

// A mask of 3x3 pixels of 1024x1024 in 80x23 cells is seen with every number of colours.
// Without colours hits, misses and all the rest still differ, also mixed into greys.
static void differences_have_marks(void **state) {
  (void)state;
  static const struct {
    pl_colour colour;
    uint32_t mark;
  } want[] = {{PL_COLOUR_HIT, 'o'},
              {PL_COLOUR_MISSED, 'x'},
              {PL_COLOUR_FALSE_ALARM, '#'},
              {PL_COLOUR_ORANGE, '#'},
              {PL_COLOUR_SKY, '#'}};
  for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
    for (int grey = 0; grey < 256; grey += 51) {
      for (int utf8 = 0; utf8 < 2; utf8++) {
        const pl_rgb under = {(uint8_t)grey, (uint8_t)grey, (uint8_t)grey};
        pl_bitmap bitmap = {0};
        pl_cells cells = {0};
        assert_int_equal(pl_bitmap_init(&bitmap, 1, 2, NULL), PL_OK);
        pl_bitmap_fill(&bitmap, pl_rgb_mix(under, pl_colour_rgb(want[i].colour), 0.4));
        assert_int_equal(pl_blocks(&cells, &bitmap, PL_COLOURS_MONO, utf8 == 1, NULL), PL_OK);
        assert_int_equal(cells.cells[0].glyph, want[i].mark);
        pl_cells_clear(&cells);
        pl_bitmap_clear(&bitmap);
      }
    }
  }
}

static void small_masks_are_seen(void **state) {
  (void)state;
  pl_image image = {0}, mask = {0};
  assert_int_equal(pl_image_init(&image, 1024, 1024, PL_PIXEL_U8, PL_IMAGE_GREY, NULL), PL_OK);
  assert_int_equal(pl_image_init(&mask, 1024, 1024, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  for (size_t i = 0; i < 1024 * 1024; i++) image.u8[i] = (uint8_t)(i / 1024 / 4);
  for (size_t y = 700; y < 703; y++) memset(&mask.u8[y * 1024 + 411], 255, 3);
  for (int mode = PL_MASK_FILL; mode <= PL_MASK_CONTOUR; mode++) {
    pl_view_case_options options = pl_view_case_defaults(80, 46);
    options.mask_mode = (pl_mask_mode)mode;
    pl_bitmap bitmap = {0};
    assert_int_equal(pl_view_case(&bitmap, &image, &mask, &options, NULL), PL_OK);
    for (int colours = PL_COLOURS_MONO; colours <= PL_COLOURS_TRUE; colours++) {
      for (int utf8 = 0; utf8 < 2; utf8++) {
        pl_cells cells = {0};
        assert_int_equal(pl_blocks(&cells, &bitmap, (pl_colour_depth)colours, utf8 != 0, NULL), PL_OK);
        size_t coloured = 0;
        for (size_t i = 0; i < (size_t)cells.columns * cells.rows; i++) {
          const pl_cell *cell = &cells.cells[i];
          const bool seen = colours == PL_COLOURS_MONO
                                ? cell->glyph == '#'
                                : !pl_rgb_is_grey(cell->bg) || (cell->glyph != ' ' && !pl_rgb_is_grey(cell->fg));
          coloured += seen;
        }
        assert_in_range(coloured, 1, 2);
        pl_cells_clear(&cells);
      }
    }
    pl_bitmap_clear(&bitmap);
  }
  pl_image_clear(&image);
  pl_image_clear(&mask);
}

static void shades_between_sixteen_colours(void **state) {
  (void)state;
  pl_bitmap bitmap = {0};
  assert_int_equal(pl_bitmap_init(&bitmap, 256, 2, NULL), PL_OK);
  for (size_t i = 0; i < 512; i++) {
    uint8_t v = (uint8_t)(i % 256);
    bitmap.pixels[i] = (pl_rgb){v, v, v};
  }
  pl_cells cells = {0};
  assert_int_equal(pl_blocks(&cells, &bitmap, PL_COLOURS_16, true, NULL), PL_OK);
  for (int v = 0; v < 256; v++) {
    const pl_cell *cell = &cells.cells[v];
    int steps = cell->glyph == ' ' ? 0 : cell->glyph == 0x2588 ? 4 : (int)cell->glyph - 0x2590;
    int shown = cell->bg.r + (cell->fg.r - cell->bg.r) * steps / 4;
    assert_in_range(shown, v < 17 ? 0 : v - 17, v + 17);
  }
  pl_cells_clear(&cells);
  pl_bitmap_clear(&bitmap);
}

static void utf8_of_code_points(void **state) {
  (void)state;
  static const struct {
    uint32_t code;
    const char *want;
  } cases[] = {{'A', "A"},
               {0xfc, "\xc3\xbc"},
               {0x2580, "\xe2\x96\x80"},
               {0x1fb00, "\xf0\x9f\xac\x80"},
               {0xd800, "\xef\xbf\xbd"},
               {0x110000, "\xef\xbf\xbd"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char out[5] = "";
    unsigned length = pl_utf8_put(out, cases[i].code);
    assert_int_equal(length, strlen(cases[i].want));
    assert_memory_equal(out, cases[i].want, length);
  }
}

int run_out_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sixel_round_trip),
      cmocka_unit_test(sixel_keeps_to_the_registers),
      cmocka_unit_test(sixel_keeps_few_colours),
      cmocka_unit_test(sixel_respects_limits),
      cmocka_unit_test(half_blocks),
      cmocka_unit_test(shades_without_colour),
      cmocka_unit_test(differences_have_marks),
      cmocka_unit_test(small_masks_are_seen),
      cmocka_unit_test(shades_between_sixteen_colours),
      cmocka_unit_test(utf8_of_code_points),
  };
  return cmocka_run_group_tests_name("out", tests, NULL, NULL);
}
