// Charts made of characters, and the stretch of x that charts show.
#include <math.h>
#include <string.h>

#include "tests/tools/testing.h"
#include "tui/chart.h"
#include "tui/chart_dots.h"
#include "tui/plot.h"
#include "viewers/colormap.h"

// ---- Braille

static void dots_are_braille(void **state) {
  (void)state;
  pl_dots dots;
  const pl_rgb red = {255, 0, 0}, dark = {60, 0, 0};
  pl_dots_init(&dots, 4, 2, false);
  pl_dots_line(&dots, 0, 0, 0, 7, PL_DOTS_FAINT, dark);  // a column of eight dots
  pl_dots_line(&dots, 0, 7, 7, 7, PL_DOTS_LINE, red);    // a row of eight, over its end
  pl_dots_line(&dots, -5, 3, -1, 3, PL_DOTS_LINE, red);  // outside
  pl_cells cells = {0};
  assert_int_equal(pl_cells_init(&cells, 4, 2, PL_COLOURS_256, NULL), PL_OK);
  pl_dots_place(&cells, &dots, 0, 0);
  assert_int_equal(cells.cells[0].glyph, 0x2847);  // dots 1, 2, 3, 7: the left column
  assert_true(pl_rgb_equal(cells.cells[0].fg, dark));
  for (int i = 0; i < 4; i++) assert_int_equal(cells.cells[4 + i].glyph, 0x28c0);  // dots 7 and 8 alone
  assert_true(pl_rgb_equal(cells.cells[4].fg, red));
  pl_cells_clear(&cells);
  pl_dots_clear(&dots);
}

// What the cells of a column of the plot hold.
static size_t count_glyphs(const pl_picture *picture, uint32_t from, uint32_t to) {
  size_t count = 0;
  for (size_t i = 0; i < (size_t)picture->cells.columns * picture->cells.rows; i++) {
    count += picture->cells.cells[i].glyph >= from && picture->cells.cells[i].glyph <= to;
  }
  return count;
}

static void characters_for_every_terminal(void **state) {
  (void)state;
  const pl_curve_point points[] = {{1, 1}, {2, 3}, {3, NAN}, {4, 2}, {5, 2}};
  const pl_curve_band bands[] = {{1, 0, 9}, {2, 1, 4}};
  const pl_curve_series series = {.label = "loss",
                                  .colour = pl_colour_series(0),
                                  .points = points,
                                  .count = 5,
                                  .shadow = points,
                                  .shadow_count = 5,
                                  .bands = bands,
                                  .band_count = 2};
  const pl_curve_reference reference = {"nothing", 2.5};
  pl_curve_chart chart = {.title = "t",
                          .x_label = "epoch",
                          .series = &series,
                          .series_count = 1,
                          .references = &reference,
                          .reference_count = 1,
                          .cursor_set = true,
                          .cursor_x = 3};
  for (int kind = 0; kind < 8; kind++) {
    const bool utf8 = kind % 2 != 0, colours = kind / 2 % 2 != 0;
    chart.log_x = chart.log_y = kind / 4 != 0;
    const pl_picture_format format = {
        .graphics = PL_GRAPHICS_BLOCKS, .caps = {.utf8 = utf8}, .colours = colours ? PL_COLOURS_256 : PL_COLOURS_MONO};
    pl_picture picture = {0};
    pl_chart_axis axis = {0};
    pl_error err = {0};
    if (pl_chart_make(&picture, &axis, &chart, &format, (pl_area){3, 5, 12, 60}, 7, &err) != PL_OK) {
      fail_msg("%s", err.message);
    }
    assert_true(axis.left == 8 && axis.right == 60 && picture.serial == 7);
    assert_int_equal(count_glyphs(&picture, 0x2801, 0x28ff) > 20, utf8);
    assert_int_equal(count_glyphs(&picture, 0x2502, 0x2502) > 0, utf8);
    assert_int_equal(count_glyphs(&picture, '|', '|') > 0, !utf8);
    // The letter of the legend, and at the line's end or, without braille, at each of its four points.
    assert_int_equal(count_glyphs(&picture, '*', '*'), (colours ? 0 : 1) + (!utf8 ? 4 : colours ? 0 : 1));
    if (!utf8) assert_int_equal(count_glyphs(&picture, 128, 0x10ffff), 0);
    pl_picture_clear(&picture);
    assert_int_equal(pl_chart_make(&picture, NULL, &chart, &format, (pl_area){0, 0, 3, 60}, 7, NULL), PL_E_LIMIT);
  }
}

// ---- Zoom and cursor

static bool near(double a, double b) { return fabs(a - b) < 1e-9 * fmax(1, fabs(b)); }

static void zooming(void **state) {
  (void)state;
  pl_plot plot = {.whole_min = 0, .whole_max = 100};
  pl_plot_zoom(&plot, 4, 40);
  assert_true(plot.zoomed && near(plot.x_min, 30) && near(plot.x_max, 55));
  pl_plot_pan(&plot, 1);
  assert_true(near(plot.x_min, 55) && near(plot.x_max, 80));
  pl_plot_pan(&plot, 1);  // not beyond the end
  assert_true(near(plot.x_min, 75) && near(plot.x_max, 100));
  pl_plot_zoom(&plot, 1e-3, 90);  // all of it is no zoom
  assert_false(plot.zoomed);
  for (int i = 0; i < 500; i++) pl_plot_zoom(&plot, 1.5, 10);
  assert_true(plot.zoomed && plot.x_max - plot.x_min >= 1e-4 && plot.x_min <= 10 && plot.x_max >= 10);
  pl_plot_reset(&plot);
  assert_true(near(pl_plot_centre(&plot), 50));
  // In equal factors on a logarithmic axis.
  pl_plot log = {.log_x = true, .whole_min = 1, .whole_max = 10000};
  assert_true(near(pl_plot_centre(&log), 100));
  pl_plot_zoom(&log, 2, 100);
  assert_true(near(log.x_min, 10) && near(log.x_max, 1000));
  // Nothing to show, nothing to zoom.
  pl_plot none = {0};
  pl_plot_uncover(&none);
  pl_plot_zoom(&none, 2, 0);
  pl_plot_pan(&none, 1);
  pl_plot_move_cursor(&none, 0.1);
  assert_false(none.zoomed || none.cursor_on);
}

static void the_cursor(void **state) {
  (void)state;
  pl_plot plot = {.whole_min = 0, .whole_max = 100};
  pl_plot_move_cursor(&plot, -0.1);
  assert_true(plot.cursor_on && near(plot.cursor, 100));
  pl_plot_move_cursor(&plot, -0.1);
  assert_true(near(plot.cursor, 90));
  for (int i = 0; i < 20; i++) pl_plot_move_cursor(&plot, -0.1);
  assert_true(near(plot.cursor, 0));
  pl_plot_set_axis(&plot, PL_AXIS_TIME);
  assert_false(plot.cursor_on);
}

static void the_mouse(void **state) {
  (void)state;
  pl_plot plot = {.whole_min = 0, .whole_max = 100};
  const pl_chart_axis axis = {10, 110};
  const pl_area area = {0, 20, 10, 115};
  pl_mouse event = {.kind = PL_MOUSE_PRESS, .button = 1, .x = 20 + 10 + 50};
  assert_true(pl_plot_mouse(&plot, &axis, area, &event));
  assert_true(plot.cursor_on && near(plot.cursor, 50.5));
  event.kind = PL_MOUSE_DRAG;
  event.x = 500;
  assert_true(pl_plot_mouse(&plot, &axis, area, &event) && near(plot.cursor, 100));
  event.kind = PL_MOUSE_RELEASE;
  assert_false(pl_plot_mouse(&plot, &axis, area, &event));
  assert_int_equal(plot.held, 0);
  event = (pl_mouse){.kind = PL_MOUSE_WHEEL_UP, .x = 20 + 10 + 25};
  assert_true(pl_plot_mouse(&plot, &axis, area, &event));
  assert_true(plot.zoomed && near(plot.x_max - plot.x_min, 80) && near(plot.x_min, 25.5 - 25.5 / 1.25));
  // Dragging with the right button takes the curves along.
  const double before = plot.x_min;
  event = (pl_mouse){.kind = PL_MOUSE_PRESS, .button = 3, .x = 60};
  (void)pl_plot_mouse(&plot, &axis, area, &event);
  event.kind = PL_MOUSE_DRAG;
  event.x = 50;
  assert_true(pl_plot_mouse(&plot, &axis, area, &event));
  assert_true(near(plot.x_min, before + 8));
}

static void the_readout(void **state) {
  (void)state;
  pl_curve *early = pl_curve_create(), *late = pl_curve_create();
  for (int i = 0; i <= 10; i++) pl_curve_append(early, i, i);
  for (int i = 50; i <= 100; i++) pl_curve_append(late, i, 2 * i);
  const pl_plot_content content = {.title = "t", .lines = {{"early", {0}, early}, {"late", {0}, late}}, .count = 2};
  pl_plot plot = {.axis = PL_AXIS_STEP};
  pl_plot_uncover(&plot);
  pl_plot_cover(&plot, &content);
  assert_true(plot.whole_min == 0 && plot.whole_max == 100);
  char text[200];
  pl_plot_readout(text, sizeof text, &plot, &content, 1);
  assert_string_equal(text, "");
  plot.cursor_on = true;
  plot.cursor = 60.3;
  pl_plot_readout(text, sizeof text, &plot, &content, 1);
  assert_string_equal(text, "step 60:  late 120");  // the other ended long before
  plot.cursor = 12;
  plot.smoothing = 0.5;
  pl_curve_smooth(early, 0.5);
  pl_plot_readout(text, sizeof text, &plot, &content, 1);
  assert_non_null(strstr(text, "step 12:  early 10 (9."));
  pl_plot_readout(text, 12, &plot, &content, 1);
  assert_int_equal(strlen(text), 11);
  pl_curve_destroy(early);
  pl_curve_destroy(late);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dots_are_braille), cmocka_unit_test(characters_for_every_terminal),
      cmocka_unit_test(zooming),          cmocka_unit_test(the_cursor),
      cmocka_unit_test(the_mouse),        cmocka_unit_test(the_readout),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
