// Importing folders of PNG images and masks.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/manifest.h"
#include "core/data/prepare.h"
#include "core/data/table.h"
#include "core/image/png_io.h"
#include "tests/tools/testing.h"

enum { WIDTH = 64, HEIGHT = 96, CASES = 6 };

typedef struct fixture {
  char root[32];
  char *images, *masks, *workspace;
} fixture;

static void write_png(const char *folder, const char *name, const pl_image *image) {
  pl_error err = {0};
  char *path = pl_path_join(folder, name);
  if (pl_png_write(path, image, PL_PNG_FAST, &err) != PL_OK) fail_msg("%s", err.message);
  free(path);
}

// `inside` in the columns left of `columns`, 0 in the others.
static void write_plane(const char *folder, const char *name, pl_pixel_type type, uint32_t width, uint32_t height,
                        uint32_t columns, unsigned inside) {
  pl_image image = {0};
  assert_int_equal(pl_image_init(&image, width, height, type, PL_IMAGE_GREY, NULL), PL_OK);
  for (size_t i = 0; i < (size_t)width * height; i++) {
    unsigned value = i % width < columns ? inside : 0;
    if (type == PL_PIXEL_U8)
      image.u8[i] = (uint8_t)value;
    else
      image.u16[i] = (uint16_t)value;
  }
  write_png(folder, name, &image);
  pl_image_clear(&image);
}

static void write_colour(const char *folder, const char *name) {
  uint8_t *rgb = pl_xcalloc((size_t)WIDTH * HEIGHT, 3);
  memset(rgb, 255, (size_t)WIDTH * HEIGHT * 3);
  char *path = pl_path_join(folder, name);
  assert_int_equal(pl_png_write_rgb(path, WIDTH, HEIGHT, rgb, PL_PNG_FAST, NULL), PL_OK);
  free(path);
  free(rgb);
}

static void write_text(const char *folder, const char *name, const char *text) {
  char *path = pl_path_join(folder, name);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  free(path);
}

// Images a to f: a's mask is half of it, b's is as bright as half of the range and no more, c's has 16 bits, d's is
// black, e and f have halves too.
static int set_up(void **state) {
  fixture *f = pl_xcalloc(1, sizeof *f);
  (void)pl_copy_text(f->root, sizeof f->root, "/tmp/pleura-test-XXXXXX");
  if (mkdtemp(f->root) == NULL) return -1;
  f->images = pl_path_join(f->root, "images");
  f->masks = pl_path_join(f->root, "masks");
  f->workspace = pl_path_join(f->root, "ws");
  assert_int_equal(pl_fs_make_folders(f->images, NULL), PL_OK);
  assert_int_equal(pl_fs_make_folders(f->masks, NULL), PL_OK);
  for (int i = 0; i < CASES; i++) {
    char name[] = {(char)('a' + i), '.', 'p', 'n', 'g', '\0'};
    write_plane(f->images, name, PL_PIXEL_U8, WIDTH, HEIGHT, WIDTH, (unsigned)(40 + 20 * i));
    write_plane(f->masks, name, PL_PIXEL_U8, WIDTH, HEIGHT, WIDTH / 2, 128);
  }
  write_plane(f->masks, "b.png", PL_PIXEL_U8, WIDTH, HEIGHT, WIDTH / 2, 127);
  write_plane(f->masks, "c.png", PL_PIXEL_U16, WIDTH, HEIGHT, WIDTH / 4, 40000);
  write_plane(f->masks, "d.png", PL_PIXEL_U8, WIDTH, HEIGHT, 0, 0);
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  int failed = pl_fs_remove_tree(f->root, NULL) != PL_OK;
  free(f->images);
  free(f->masks);
  free(f->workspace);
  free(f);
  return failed;
}

static pl_import_options options_of(const fixture *f) {
  return (pl_import_options){
      .workspace = f->workspace, .images = f->images, .masks = f->masks, .size = 32, .threads = 2};
}

static pl_import_summary import(const fixture *f) {
  pl_import_options options = options_of(f);
  pl_import_summary s = {0};
  pl_error err = {0};
  if (pl_import_run(&s, &options, &err) != PL_OK) fail_msg("%s", err.message);
  return s;
}

static void import_counts(const fixture *f, size_t positives, size_t unlabelled, size_t unchanged) {
  pl_import_summary s = import(f);
  assert_int_equal(s.positives, positives);
  assert_int_equal(s.unlabelled, unlabelled);
  assert_int_equal(s.unchanged, unchanged);
  pl_import_summary_clear(&s);
}

static const pl_case *find(const pl_manifest *m, const char *id) {
  size_t index = 0;
  assert_int_equal(pl_manifest_find(&index, m, id, NULL), PL_OK);
  return &m->cases[index];
}

static void makes_a_workspace(void **state) {
  const fixture *f = *state;
  pl_import_summary s = import(f);
  assert_int_equal(s.images, CASES);
  assert_int_equal(s.mask_files, CASES);
  assert_int_equal(s.bad_masks, 0);
  assert_int_equal(s.positives, 4);
  assert_int_equal(s.negatives, 2);
  assert_true(s.made_folds);
  assert_false(s.unconfined);
  pl_import_summary_clear(&s);
  pl_manifest m = {0};
  assert_int_equal(pl_manifest_load(&m, f->workspace, NULL), PL_OK);
  assert_int_equal(m.count, CASES);
  assert_int_equal(m.fold_count, 5);
  assert_int_equal(find(&m, "a")->mask_area, WIDTH / 2 * HEIGHT);
  assert_int_equal(find(&m, "a")->rows, HEIGHT);
  assert_int_equal(find(&m, "a")->cols, WIDTH);
  assert_int_equal(find(&m, "b")->label, PL_LABEL_NEGATIVE);
  assert_int_equal(find(&m, "c")->mask_area, WIDTH / 4 * HEIGHT);
  assert_int_equal(find(&m, "d")->label, PL_LABEL_NEGATIVE);
  // The same rule of resizing as for DICOM: 32 pixels, the left half inside.
  pl_image picture = {0}, mask = {0};
  char *image_path = pl_case_image_path(&m, find(&m, "f")), *mask_path = pl_case_mask_path(&m, find(&m, "f"));
  assert_int_equal(pl_png_read(&picture, image_path, NULL), PL_OK);
  assert_int_equal(pl_png_read(&mask, mask_path, NULL), PL_OK);
  assert_int_equal(mask.width, 32);
  assert_int_equal(mask.height, 32);
  for (size_t i = 0; i < 32 * 32; i++) {
    assert_int_equal(picture.u8[i], 140);
    assert_int_equal(mask.u8[i], i % 32 < 16 ? 255 : 0);
  }
  pl_image_clear(&picture);
  pl_image_clear(&mask);
  free(image_path);
  free(mask_path);
  pl_manifest_clear(&m);
}

static void goes_on(void **state) {
  const fixture *f = *state;
  import_counts(f, 4, 0, 0);
  import_counts(f, 4, 0, CASES);
  // Another mask, another image, one of each more.
  write_plane(f->masks, "d.png", PL_PIXEL_U8, WIDTH, HEIGHT, 5, 255);
  write_plane(f->images, "e.png", PL_PIXEL_U8, WIDTH, HEIGHT, WIDTH, 9);
  write_plane(f->images, "g.png", PL_PIXEL_U8, WIDTH, HEIGHT, WIDTH, 10);
  import_counts(f, 5, 1, CASES - 1);
  write_plane(f->masks, "g.png", PL_PIXEL_U8, WIDTH, HEIGHT, WIDTH, 255);
  import_counts(f, 6, 0, CASES + 1);
  // The table is that of the masks.
  pl_rle_table table = {0};
  char *path = pl_path_join(f->workspace, "train-rle.csv");
  assert_int_equal(pl_rle_table_load(&table, path, true, NULL), PL_OK);
  assert_int_equal(table.image_count, CASES + 1);
  assert_string_equal(table.rows[table.order[pl_rle_table_find(&table, "g")->first]].pixels, "0 6144");
  pl_rle_table_clear(&table);
  free(path);
}

static void check_refused(const fixture *f, const char *name, const char *reason) {
  pl_import_summary s = import(f);
  assert_int_equal(s.bad_masks, 1);
  assert_int_equal(s.unlabelled, 1);
  assert_int_equal(s.failure_count, 1);
  assert_string_equal(pl_path_base(s.failures[0].path), name);
  if (strstr(s.failures[0].reason, reason) == NULL) fail_msg("%s", s.failures[0].reason);
  pl_import_summary_clear(&s);
  pl_import_options options = options_of(f);
  options.strict = true;
  pl_error err = {0};
  assert_int_equal(pl_import_run(&s, &options, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, reason));
  pl_import_summary_clear(&s);
}

static void refuses_colour(void **state) {
  const fixture *f = *state;
  write_colour(f->masks, "a.png");
  check_refused(f, "a.png", "in colour");
}

static void refuses_another_size(void **state) {
  const fixture *f = *state;
  write_plane(f->masks, "c.png", PL_PIXEL_U8, WIDTH, WIDTH, 3, 255);
  check_refused(f, "c.png", "64x64, its image 64x96");
}

static void refuses_damage(void **state) {
  const fixture *f = *state;
  char *path = pl_path_join(f->masks, "e.png");
  assert_int_equal(truncate(path, 60), 0);
  free(path);
  check_refused(f, "e.png", "not a valid PNG");
}

static void refuses_what_is_no_png(void **state) {
  const fixture *f = *state;
  write_text(f->masks, "f.png", "P5 2 2 255");
  check_refused(f, "f.png", "not a PNG");
}

static void refuses_a_second_mask(void **state) {
  const fixture *f = *state;
  char *inner = pl_path_join(f->masks, "more");
  assert_int_equal(pl_fs_make_folders(inner, NULL), PL_OK);
  write_plane(inner, "a.png", PL_PIXEL_U8, WIDTH, HEIGHT, 1, 255);
  free(inner);
  pl_import_summary s = import(f);
  assert_int_equal(s.bad_masks, 1);
  assert_int_equal(s.positives, 4);
  assert_non_null(strstr(s.failures[0].reason, "there twice"));
  pl_import_summary_clear(&s);
}

static void counts_what_does_not_fit(void **state) {
  const fixture *f = *state;
  write_plane(f->masks, "nobody.png", PL_PIXEL_U8, WIDTH, HEIGHT, 3, 255);
  write_text(f->images, "notes.txt", "x");
  write_text(f->images, "broken.png", "not a PNG at all");
  pl_import_summary s = import(f);
  assert_int_equal(s.ids_without_image, 1);
  assert_int_equal(s.other_files, 1);
  assert_int_equal(s.bad, 1);
  assert_int_equal(s.positives, 4);
  pl_import_summary_clear(&s);
}

// A table with images that the masks do not know is the user's, and stays.
static void keeps_a_larger_table(void **state) {
  const fixture *f = *state;
  const char *text = "ImageId,EncodedPixels\na,-1\nother,-1\n";
  assert_int_equal(pl_workspace_init(f->workspace, NULL), PL_OK);
  write_text(f->workspace, "train-rle.csv", text);
  pl_import_summary s = import(f);
  assert_true(s.rle_differs);
  assert_int_equal(s.positives, 4);
  pl_import_summary_clear(&s);
  pl_rle_table table = {0};
  char *path = pl_path_join(f->workspace, "train-rle.csv");
  assert_int_equal(pl_rle_table_load(&table, path, true, NULL), PL_OK);
  assert_int_equal(table.image_count, 2);
  pl_rle_table_clear(&table);
  free(path);
}

static void takes_no_other_labels(void **state) {
  const fixture *f = *state;
  pl_import_options folder = options_of(f), rle = folder, alone = folder;
  folder.folder = f->root;
  rle.rle = "x.csv";
  alone.images = NULL;
  alone.test_images = f->images;
  const pl_import_options *all[] = {&folder, &rle, &alone};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    pl_import_summary s = {0};
    pl_error err = {0};
    assert_int_equal(pl_import_run(&s, all[i], &err), PL_E_USAGE);
    pl_import_summary_clear(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(makes_a_workspace, set_up, tear_down),
      cmocka_unit_test_setup_teardown(goes_on, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_colour, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_another_size, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_damage, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_what_is_no_png, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_a_second_mask, set_up, tear_down),
      cmocka_unit_test_setup_teardown(counts_what_does_not_fit, set_up, tear_down),
      cmocka_unit_test_setup_teardown(keeps_a_larger_table, set_up, tear_down),
      cmocka_unit_test_setup_teardown(takes_no_other_labels, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
