// A case as it is looked at: its windows, and what a prediction makes of it.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/image/png_io.h"
#include "core/image/probability.h"
#include "tests/tools/testing.h"
#include "tui/case_file.h"
#include "tui/prediction.h"
#include "viewers/colormap.h"

enum { SIDE = 100 };

typedef struct world {
  char root[40];
  char *image, *mask, *run, *rle;
} world;

static int set_up(void **state) {
  world *w = pl_xcalloc(1, sizeof *w);
  snprintf(w->root, sizeof w->root, "/tmp/pleura-case-XXXXXX");
  assert_non_null(mkdtemp(w->root));
  w->image = pl_path_join(w->root, "image.png");
  w->mask = pl_path_join(w->root, "mask.png");
  w->run = pl_path_join(w->root, "r");
  w->rle = pl_path_join(w->root, "none.csv");
  // Each value from 0 to 99 in one column; the mask is the left quarter of the upper half.
  pl_image image = {0}, mask = {0};
  assert_int_equal(pl_image_init(&image, SIDE, SIDE, PL_PIXEL_U8, PL_IMAGE_GREY, NULL), PL_OK);
  assert_int_equal(pl_image_init(&mask, SIDE, SIDE, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
    image.u8[i] = (uint8_t)(i % SIDE);
    mask.u8[i] = i % SIDE < SIDE / 4 && i / SIDE < SIDE / 2 ? 255 : 0;
  }
  assert_int_equal(pl_png_write(w->image, &image, PL_PNG_FAST, NULL), PL_OK);
  assert_int_equal(pl_png_write(w->mask, &mask, PL_PNG_FAST, NULL), PL_OK);
  pl_image_clear(&image);
  pl_image_clear(&mask);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  pl_fs_remove_tree(w->root, NULL);
  free(w->image);
  free(w->mask);
  free(w->run);
  free(w->rle);
  free(w);
  return 0;
}

static void read_case(pl_case_file *file, const world *w, bool masked, bool labelled) {
  char none[] = "", id[] = "1.2.3";
  const pl_case_order order = {.number = 7,
                               .is_labelled = labelled,
                               .source = none,
                               .image_path = w->image,
                               .mask_path = masked ? w->mask : NULL,
                               .id = id,
                               .rle_path = w->rle};
  pl_rle_table table = {0};
  *file = (pl_case_file){0};
  pl_case_file_read(file, &order, &table);
  if (file->status != PL_OK) fail_msg("%s", file->error.message);
}

static void windows_are_shares_of_the_values(void **state) {
  pl_case_file file;
  read_case(&file, *state, true, true);
  static const struct { double low, high; } want[PL_CASE_WINDOWS] = {{0, 99}, {0, 99}, {0, 69}, {29, 99}};
  for (int i = 0; i < PL_CASE_WINDOWS; i++) {
    const pl_window *window = &file.windows[i];
    assert_true(window->centre - window->width / 2 == want[i].low);
    assert_true(window->centre + window->width / 2 == want[i].high);
  }
  assert_false(file.is_original);
  assert_non_null(strstr(file.why, "no original"));
  assert_true(file.mask_area.width == SIDE / 4);
  pl_case_file_clear(&file);
}

// A map of 2 x 2 that is sure of the left half.
static void write_map(const world *w, const char *name) {
  pl_image map = {0};
  assert_int_equal(pl_image_init(&map, 2, 2, PL_PIXEL_U16, PL_IMAGE_PROBABILITY, NULL), PL_OK);
  map.u16[0] = map.u16[2] = PL_PROBABILITY_ONE;
  char *path = pl_xprintf("%s/%s", w->run, name), *folder = pl_xprintf("%.*s", (int)(strrchr(path, '/') - path), path);
  assert_int_equal(pl_fs_make_folders(folder, NULL), PL_OK);
  assert_int_equal(pl_probability_write(path, &map, NULL), PL_OK);
  free(folder);
  free(path);
  pl_image_clear(&map);
}

// Linear between the centres at 25 and 75, the map falls below a half at 50: 50 columns are predicted, of which the
// mask has 25 in 50 rows. With threshold 0.9 it is 50 - 0.4*50 = 30 columns.
static void predictions_are_compared_at_the_pictures_size(void **state) {
  const world *w = *state;
  pl_case_file file;
  pl_case_map map = {0};
  pl_case_result result;
  pl_error err = {0};
  read_case(&file, w, true, true);
  assert_int_equal(pl_case_map_read(&map, &file, w->run, 3, &err), PL_E_NOTFOUND);
  write_map(w, "preview/000003/1.2.3.png");
  assert_int_equal(pl_case_map_read(&map, &file, w->run, 3, &err), PL_OK);
  assert_int_equal(map.width, 2);
  assert_int_equal(map.map.width, SIDE);
  assert_int_equal(pl_case_file_compare(&result, &file, &map, 0.5, &err), PL_OK);
  assert_true(result.compared);
  assert_int_equal(result.predicted, 50 * 100);
  assert_int_equal(result.agreement.hit, 25 * 50);
  assert_int_equal(result.agreement.false_alarm, 50 * 100 - 25 * 50);
  assert_int_equal(result.agreement.missed, 0);
  assert_int_equal(pl_case_file_compare(&result, &file, &map, 0.9, &err), PL_OK);
  assert_int_equal(result.predicted, 30 * 100);
  pl_case_map_clear(&map);
  write_map(w, "prob/1.2.3.png");
  assert_int_equal(pl_case_map_read(&map, &file, w->run, PL_PREDICTION_EVALUATION, &err), PL_OK);
  pl_case_map_clear(&map);
  pl_case_file_clear(&file);
}

static pl_bitmap draw(const pl_case_file *file, const pl_case_map *map, pl_case_shows shows, pl_case_result *result) {
  const pl_lens_frame frame = {
      .image_width = SIDE, .image_height = SIDE, .width = SIDE, .height = SIDE, .pixel_aspect = 1};
  const pl_case_drawing how = {
      .window = file->windows[PL_CASE_ALL], .shows = shows, .threshold = 0.5, .mask_mode = PL_MASK_FILL, .opacity = 1};
  pl_bitmap bitmap = {0};
  pl_error err = {0};
  if (pl_case_file_draw(&bitmap, result, file, map, &how, &frame, &err) != PL_OK) fail_msg("%s", err.message);
  return bitmap;
}

static void assert_colour(const pl_bitmap *bitmap, int x, int y, pl_rgb want) {
  assert_true(pl_rgb_equal(bitmap->pixels[y * SIDE + x], want));
}

static void overlays_have_their_colours(void **state) {
  const world *w = *state;
  pl_case_file file, unknown;
  pl_case_map map = {0};
  pl_case_result result;
  read_case(&file, w, true, true);
  read_case(&unknown, w, false, false);
  write_map(w, "preview/000001/1.2.3.png");
  assert_int_equal(pl_case_map_read(&map, &file, w->run, 1, NULL), PL_OK);
  pl_bitmap bitmap = draw(&file, NULL, PL_CASE_TRUTH, &result);
  assert_colour(&bitmap, 10, 10, pl_colour_rgb(PL_COLOUR_ORANGE));
  assert_true(pl_rgb_is_grey(bitmap.pixels[60 * SIDE + 10]));
  pl_bitmap_clear(&bitmap);
  bitmap = draw(&file, &map, PL_CASE_DIFFERENCE, &result);
  assert_colour(&bitmap, 10, 10, pl_colour_rgb(PL_COLOUR_HIT));
  assert_colour(&bitmap, 40, 80, pl_colour_rgb(PL_COLOUR_FALSE_ALARM));
  assert_true(pl_rgb_is_grey(bitmap.pixels[10 * SIDE + 90]));
  pl_bitmap_clear(&bitmap);
  // Without a label there is nothing to compare with: no false alarms are claimed.
  bitmap = draw(&unknown, &map, PL_CASE_DIFFERENCE, &result);
  assert_colour(&bitmap, 10, 10, pl_colour_rgb(PL_COLOUR_SKY));
  assert_false(result.compared);
  pl_bitmap_clear(&bitmap);
  bitmap = draw(&file, &map, PL_CASE_PROBABILITY, &result);
  assert_colour(&bitmap, 10, 10, pl_colour_heat(1));
  pl_bitmap_clear(&bitmap);
  pl_case_map_clear(&map);
  pl_case_file_clear(&file);
  pl_case_file_clear(&unknown);
}

static void newest_is_the_last_epoch(void **state) {
  (void)state;
  const int64_t epochs[] = {0, 1, 5, PL_PREDICTION_EVALUATION};
  assert_int_equal(pl_prediction_newest(epochs, 4), 2);
  assert_int_equal(pl_prediction_newest(epochs, 3), 2);
  assert_int_equal(pl_prediction_newest(epochs + 3, 1), 0);
  char words[64];
  pl_prediction_words(words, sizeof words, 5, 20);
  assert_string_equal(words, "epoch 5/20");
  pl_prediction_words(words, sizeof words, 5, -1);
  assert_string_equal(words, "epoch 5");
  pl_prediction_words(words, sizeof words, 0, 20);
  assert_string_equal(words, "epoch 0 (untrained)");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(windows_are_shares_of_the_values),
      cmocka_unit_test(predictions_are_compared_at_the_pictures_size),
      cmocka_unit_test(overlays_have_their_colours),
      cmocka_unit_test(newest_is_the_last_epoch),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
