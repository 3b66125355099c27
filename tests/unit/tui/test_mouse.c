// Reports of the mouse, and which part of an image a lens shows.
#include <math.h>
#include <string.h>

#include "tests/tools/testing.h"
#include "tui/mouse.h"
#include "viewers/lens.h"

static const pl_cell_size cell = {10, 20};

static bool parse(pl_mouse *out, const char *text, bool pixels) {
  return pl_mouse_parse(out, text, strlen(text), pixels, cell);
}

static void reports_are_read(void **state) {
  (void)state;
  pl_mouse m;
  assert_true(parse(&m, "\x1b[<0;13;4M", false));
  assert_int_equal(m.kind, PL_MOUSE_PRESS);
  assert_int_equal(m.button, 1);
  assert_int_equal(m.x, 12);
  assert_int_equal(m.y, 3);
  assert_true(m.pixel_x == 125 && m.pixel_y == 70);
  assert_true(parse(&m, "\x1b[<34;102;45M", true));
  assert_int_equal(m.kind, PL_MOUSE_DRAG);
  assert_int_equal(m.button, 3);
  assert_int_equal(m.x, 10);
  assert_int_equal(m.y, 2);
  assert_true(m.pixel_x == 101 && m.pixel_y == 44);
  assert_true(parse(&m, "\x1b[<4;1;1m", false));
  assert_int_equal(m.kind, PL_MOUSE_RELEASE);
  assert_true(m.shift && !m.control);
  assert_true(parse(&m, "\x1b[<81;1;1M", false));
  assert_int_equal(m.kind, PL_MOUSE_WHEEL_DOWN);
  assert_true(m.control);
}

static void others_are_none(void **state) {
  (void)state;
  static const char *const wrong[] = {"\x1b[<0;1M",
                                      "\x1b[<0;1;1",
                                      "\x1b[<;;M",
                                      "\x1b[<0;1;1x",
                                      "\x1b[0;1;1M1",
                                      "\x1b[<35;1;1M",
                                      "\x1b[<66;1;1M",
                                      "\x1b[<128;1;1M",
                                      "\x1b[<0;1;1;1M",
                                      "\x1b[<0;99999999;0M",
                                      ""};
  pl_mouse m;
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    if (parse(&m, wrong[i], false)) fail_msg("%zu was read", i);
  }
}

static const pl_lens_frame frame = {
    .image_width = 1000, .image_height = 500, .width = 400, .height = 400, .pixel_aspect = 1};

static void near(double a, double b) {
  if (!(fabs(a - b) < 1e-9)) fail_msg("%.12g is not %.12g", a, b);
}

static void a_lens_fits_at_first(void **state) {
  (void)state;
  pl_lens lens = {0};
  near(pl_lens_zoom(&lens, &frame), 0.4);
  const pl_view_area area = pl_lens_area(&lens, &frame);
  near(area.width, 1000);
  near(area.height, 500);
  double x = 0, y = 0;
  pl_lens_to_image(&x, &y, &lens, &frame, 0, 100);  // the picture is 400x200 in the middle
  near(x, 0);
  near(y, 0);
}

static void zooming_keeps_the_point(void **state) {
  (void)state;
  pl_lens lens = {0};
  double before_x = 0, before_y = 0, x = 0, y = 0;
  pl_lens_to_image(&before_x, &before_y, &lens, &frame, 300, 220);
  pl_lens_set_zoom(&lens, &frame, 2, 300, 220);
  pl_lens_to_image(&x, &y, &lens, &frame, 300, 220);
  near(x, before_x);
  near(y, before_y);
  near(pl_lens_area(&lens, &frame).width, 200);
  pl_lens_set_zoom(&lens, &frame, 1000, 200, 200);
  near(lens.zoom, 32);
  pl_lens_set_zoom(&lens, &frame, 0.1, 200, 200);
  near(lens.zoom, 0);  // fits again
}

static void panning_stops_at_the_borders(void **state) {
  (void)state;
  pl_lens lens = {0};
  pl_lens_pan(&lens, &frame, 50, 50);
  near(lens.zoom, 0);  // nothing to pan
  pl_lens_set_zoom(&lens, &frame, 2, 200, 200);
  pl_lens_pan(&lens, &frame, 100, -20);
  near(pl_lens_area(&lens, &frame).x, 450);
  near(pl_lens_area(&lens, &frame).y, 140);
  pl_lens_pan(&lens, &frame, 1e6, 1e6);
  near(pl_lens_area(&lens, &frame).x, 800);
  near(pl_lens_area(&lens, &frame).y, 300);
  pl_lens_pan(&lens, &frame, -20, 0);  // and comes back at once
  near(pl_lens_area(&lens, &frame).x, 790);
}

static void a_part_is_shown_with_a_margin(void **state) {
  (void)state;
  pl_lens lens = {0};
  pl_lens_show(&lens, &frame, (pl_view_area){.x = 100, .y = 200, .width = 80, .height = 40});
  near(lens.zoom, 400 / 120.0);
  const pl_view_area area = pl_lens_area(&lens, &frame);
  assert_true(area.x <= 100 && area.x + area.width >= 180 && area.y <= 200 && area.y + area.height >= 240);
  pl_lens_show(&lens, &frame, (pl_view_area){.x = 0, .y = 0, .width = 1, .height = 1});
  near(lens.zoom, 8);
  near(pl_lens_area(&lens, &frame).x, 0);
  pl_lens_show(&lens, &frame, (pl_view_area){.width = 1000, .height = 500});
  near(lens.zoom, 0);
}

// Half blocks are higher than wide: the same part of the image whatever the pixels' shape.
static void pixels_need_not_be_square(void **state) {
  (void)state;
  pl_lens_frame tall = frame;
  tall.pixel_aspect = 2;
  tall.height = 200;
  pl_lens a = {0}, b = {0};
  pl_lens_set_zoom(&a, &frame, 2, 100, 120);
  pl_lens_set_zoom(&b, &tall, 2, 100, 60);
  near(pl_lens_area(&a, &frame).y, pl_lens_area(&b, &tall).y);
  near(pl_lens_area(&a, &frame).height, pl_lens_area(&b, &tall).height);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reports_are_read),
      cmocka_unit_test(others_are_none),
      cmocka_unit_test(a_lens_fits_at_first),
      cmocka_unit_test(zooming_keeps_the_point),
      cmocka_unit_test(panning_stops_at_the_borders),
      cmocka_unit_test(a_part_is_shown_with_a_margin),
      cmocka_unit_test(pixels_need_not_be_square),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
