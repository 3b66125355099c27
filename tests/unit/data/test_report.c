// Counts, areas and the resolution ceiling against numbers worked out by hand, and the ceiling against resizing whole
// masks.
#include "core/data/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/quantile.h"
#include "core/data/rle.h"
#include "core/image/resize.h"
#include "tests/tools/testing.h"

static void near(double value, double expected) {
  if (!(fabs(value - expected) <= 1e-12)) fail_msg("%.17g is not %.17g", value, expected);
}

static pl_rle_table parse(const char *text) {
  pl_rle_table table = {0};
  pl_error err = {0};
  if (pl_rle_table_parse(&table, text, strlen(text), true, &err) != PL_OK) fail_msg("%s", err.message);
  return table;
}

// ---- Ceiling

static void test_by_hand(void **state) {
  (void)state;
  // Masks of 8x8 pixels, column by column.
  static const char text[] =
      "ImageId,EncodedPixels\n"
      "a,0 4 4 4 4 4 4 4\n"  // the square x 0-3, y 0-3
      "b,0 1\n"              // one pixel
      "c,0 2\n"              // two, one below the other
      "d,-1\n"
      "e,0 2\n"
      "e,1 2\n";  // overlapping: three pixels of one column
  pl_rle_table table = parse(text);
  pl_ceiling_mask masks[5];
  for (size_t i = 0; i < 5; i++) masks[i] = (pl_ceiling_mask){.image = &table.images[i], .width = 8, .height = 8};
  static const uint32_t sizes[] = {4, 2, 8};
  pl_ceiling_score s[5][3];
  assert_int_equal(pl_ceiling_measure(&s[0][0], &table, masks, 5, sizes, 3, 1, NULL), PL_OK);

  // At 4 the square is 2x2 pixels; interpolated by two its corner is 0.75 * 0.75, so it comes back whole.
  assert_int_equal(s[0][0].area, 16);
  near(s[0][0].dice, 1);
  near(s[0][0].dice_nearest, 1);
  // At 2 it is one pixel; interpolated by four its corner is 0.625 * 0.625 and falls below 0.5: 15 of 16 come back.
  near(s[0][1].dice_nearest, 1);
  near(s[0][1].dice, 30.0 / 31.0);
  assert_false(s[0][1].vanished);
  // One pixel of four is less than half.
  near(s[1][0].dice, 0);
  assert_true(s[1][0].vanished);
  near(s[1][2].dice, 1);
  // Two of four are half: four pixels come back for two.
  near(s[2][0].dice, 2 * 2.0 / (2 + 4));
  near(s[2][0].dice_nearest, 2 * 2.0 / (2 + 4));
  assert_true(s[2][1].vanished);
  assert_int_equal(s[3][0].area, 0);
  assert_true(isnan(s[3][0].dice));
  assert_false(s[3][0].vanished);
  assert_int_equal(s[4][0].area, 3);

  pl_ceiling c;
  pl_ceiling_summarise(&c, &s[0][0], 5, 4, 0, 3);
  assert_int_equal(c.size, 4);
  assert_int_equal(c.count, 4);
  assert_int_equal(c.vanished, 1);
  near(c.min, 0);
  // e: pixels y 0-2 of column 0. The small pixel (0,0) is half covered, (0,1) a quarter: four come back, two are right.
  near(c.mean, (1 + 0 + 2.0 / 3 + 2 * 2.0 / (3 + 4)) / 4);
  assert_int_equal(c.worst_count, 4);
  assert_int_equal(c.worst[0], 1);
  assert_int_equal(c.worst[1], 4);
  assert_int_equal(c.worst[2], 2);
  assert_int_equal(c.worst[3], 0);
  near(c.q05, 0 + 0.15 * (4.0 / 7));  // place 0.05 * 3 between the two lowest
  pl_rle_table_clear(&table);
}

// One discs-and-noise mask as text; the caller frees.
static char *draw_mask(pl_image *mask, uint64_t seed, uint32_t width, uint32_t height) {
  assert_int_equal(pl_image_init(mask, width, height, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  double cx = pl_rng_double(seed, 0, 0) * width, cy = pl_rng_double(seed, 0, 1) * height;
  double rx = 1 + pl_rng_double(seed, 0, 2) * width / 3, ry = 1 + pl_rng_double(seed, 0, 3) * height / 3;
  for (uint32_t i = 0; i < width * height; i++) {
    double x = (i % width - cx) / rx, y = (i / width - cy) / ry;
    bool inside = x * x + y * y < 0.7 + 0.6 * pl_rng_double(seed, 1, i);
    mask->u8[i] = inside ? 255 : 0;
  }
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  assert_int_equal(pl_rle_encode(&text, mask, NULL), PL_OK);
  return text.data;
}

static double dice_of(const pl_image *truth, const pl_image *back) {
  double both = 0, sum = 0;
  for (size_t i = 0; i < (size_t)truth->width * truth->height; i++) {
    bool a = truth->u8[i] != 0, b = back->u8[i] >= 128;
    both += a && b;
    sum += a + b;
  }
  return 2 * both / sum;
}

// Whole masks by the resizing that everything else uses.
static void check_whole(const pl_image *mask, uint32_t size, const pl_ceiling_score *score) {
  pl_image small = {0}, back = {0};
  assert_int_equal(pl_image_resize(&small, mask, size, size, NULL), PL_OK);
  assert_int_equal(pl_image_resize_nearest(&back, &small, mask->width, mask->height, NULL), PL_OK);
  near(score->dice_nearest, dice_of(mask, &back));
  pl_image_clear(&back);
  small.meaning = PL_IMAGE_PROBABILITY;
  assert_int_equal(pl_image_resize(&back, &small, mask->width, mask->height, NULL), PL_OK);
  near(score->dice, dice_of(mask, &back));
  assert_int_equal(score->area, pl_mask_area(mask));
  pl_image_clear(&back);
  pl_image_clear(&small);
}

static void test_as_whole_masks(void **state) {
  (void)state;
  enum { MASKS = 30, WIDTH = 90, HEIGHT = 72, SIZES = 6 };
  static const uint32_t sizes[SIZES] = {9, 16, 36, 50, 72, 120};
  pl_image drawn[MASKS] = {0};
  pl_buf text;
  pl_buf_init(&text, 1 << 22);
  for (size_t i = 0; i < MASKS; i++) {
    char *mask = draw_mask(&drawn[i], i, WIDTH, HEIGHT);
    pl_buf_printf(&text, "%02zu,%s\n", i, mask);
    free(mask);
  }
  pl_rle_table table = parse(text.data);
  pl_ceiling_mask masks[MASKS];
  for (size_t i = 0; i < MASKS; i++) {
    masks[i] = (pl_ceiling_mask){.image = &table.images[i], .width = WIDTH, .height = HEIGHT};
  }
  pl_ceiling_score one[MASKS * SIZES] = {0}, three[MASKS * SIZES] = {0};
  assert_int_equal(pl_ceiling_measure(one, &table, masks, MASKS, sizes, SIZES, 1, NULL), PL_OK);
  assert_int_equal(pl_ceiling_measure(three, &table, masks, MASKS, sizes, SIZES, 3, NULL), PL_OK);
  for (size_t i = 0; i < MASKS; i++) {
    for (size_t k = 0; k < SIZES; k++) {
      const pl_ceiling_score *a = &one[i * SIZES + k], *b = &three[i * SIZES + k];
      assert_true(a->area == b->area && a->dice == b->dice && a->dice_nearest == b->dice_nearest);
      check_whole(&drawn[i], sizes[k], a);
    }
    pl_image_clear(&drawn[i]);
  }
  pl_rle_table_clear(&table);
  pl_buf_clear(&text);
}

static void test_misfit(void **state) {
  (void)state;
  pl_rle_table table = parse("a,0 4\nb,100 7\n");
  const pl_ceiling_mask masks[] = {{.image = &table.images[0], .width = 8, .height = 8},
                                   {.image = &table.images[1], .width = 8, .height = 8}};
  static const uint32_t sizes[] = {4};
  pl_ceiling_score scores[2];
  pl_error err = {0};
  assert_int_equal(pl_ceiling_measure(scores, &table, masks, 2, sizes, 1, 2, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "line 2"));
  pl_rle_table_clear(&table);
}

// ---- Numbers

static void test_quantiles(void **state) {
  (void)state;
  static const double values[] = {1, 2, 4, 8};
  near(pl_quantile(values, 4, 0), 1);
  near(pl_quantile(values, 4, 1), 8);
  near(pl_quantile(values, 4, 0.5), 3);
  near(pl_quantile(values, 4, 0.25), 1.75);
  near(pl_quantile(values, 1, 0.3), 1);
  assert_true(isnan(pl_quantile(values, 0, 0.5)));
}

static void test_areas(void **state) {
  (void)state;
  static const uint64_t areas[] = {1000, 0, 9, 10, 100, 1, 0};
  pl_area_report r;
  pl_area_count(&r, areas, 7);
  assert_int_equal(r.count, 5);
  near(r.min, 1);
  near(r.median, 10);
  near(r.max, 1000);
  near(r.mean, 224);
  assert_int_equal(r.bin_count, 25);  // three decades of eight, and the one that 1000 begins
  for (size_t i = 0; i < r.bin_count; i++) {
    const bool one = i == 0 || i == 7 || i == 8 || i == 16 || i == 24;  // 9 is 10^(7.63/8)
    assert_int_equal(r.bins[i], one);
  }
  near(r.edges[8], 10);
  near(r.edges[4], sqrt(10));
  assert_true(r.edges[25] > 1000);
  pl_area_count(&r, areas + 1, 1);
  assert_true(r.count == 0 && r.bin_count == 0 && isnan(r.median));
  const uint64_t largest = (uint64_t)PL_IMAGE_SIDE_MAX * PL_IMAGE_SIDE_MAX, both[] = {1, largest};
  pl_area_count(&r, both, 2);
  assert_true(r.bin_count <= PL_AREA_BINS_MAX);
}

static void test_counts(void **state) {
  (void)state;
  pl_case cases[] = {
      {.status = PL_CASE_OK, .label = PL_LABEL_POSITIVE, .age = 9, .sex = 'F', .view = "PA"},
      {.status = PL_CASE_OK, .label = PL_LABEL_NEGATIVE, .age = 90, .sex = 'M', .view = "AP"},
      {.status = PL_CASE_OK, .label = PL_LABEL_NEGATIVE, .age = 117, .sex = 'M', .view = "LL"},
      {.status = PL_CASE_UNLABELLED, .label = PL_LABEL_UNKNOWN, .age = -1},
      {.status = PL_CASE_BAD, .label = PL_LABEL_POSITIVE, .age = 10, .sex = 'F', .view = "PA"},
      {.part = PL_PART_TEST, .status = PL_CASE_OK, .label = PL_LABEL_UNKNOWN, .age = 0, .sex = 'F'},
  };
  const pl_manifest manifest = {.cases = cases, .count = sizeof cases / sizeof cases[0]};
  pl_data_counts n;
  pl_data_count(&n, &manifest);
  assert_true(n.cases == 6 && n.train == 5 && n.test == 1);
  assert_true(n.positive == 1 && n.negative == 2 && n.unlabelled == 1 && n.bad == 1);
  assert_true(n.ages[0] == 2 && n.ages[1] == 1 && n.ages[9] == 2 && n.age_unknown == 1);
  assert_true(n.female == 3 && n.male == 2 && n.sex_unknown == 1);
  assert_true(n.pa == 2 && n.ap == 1 && n.view_other == 1 && n.view_unknown == 2);

  pl_rle_table table = parse("a,0 4\na,9 4\nb,-1\nc,-1\nc,3 1\nc,4 1\n");
  pl_table_counts t;
  pl_table_count(&t, &table);
  assert_true(t.rows == 6 && t.images == 3 && t.positive == 2 && t.several == 2 && t.most_rows == 3);
  pl_rle_table_clear(&table);
}

// ---- Duplicates

static void test_duplicates(void **state) {
  (void)state;
  pl_case cases[] = {
      {.number = 1, .sha256 = "bb"},
      {.number = 2, .sha256 = "aa"},
      {.number = 3, .sha256 = "bb"},
      {.number = 4},
      {.number = 5, .sha256 = "cc"},
      {.number = 6, .sha256 = "aa", .part = PL_PART_TEST},
      {.number = 7},
      {.number = 8, .sha256 = "bb"},
  };
  const pl_manifest manifest = {.cases = cases, .count = sizeof cases / sizeof cases[0]};
  pl_duplicates d;
  pl_duplicates_find(&d, &manifest);
  assert_int_equal(d.group_count, 2);  // cases without a hash are nobody's copy
  assert_int_equal(d.groups[0].count, 3);
  assert_false(d.groups[0].in_both_parts);
  static const size_t first[] = {0, 2, 7}, second[] = {1, 5};
  assert_memory_equal(d.members + d.groups[0].first, first, sizeof first);
  assert_int_equal(d.groups[1].count, 2);
  assert_true(d.groups[1].in_both_parts);
  assert_memory_equal(d.members + d.groups[1].first, second, sizeof second);
  pl_duplicates_clear(&d);
}

// ---- A workspace

static void write(const char *folder, const char *name, const char *text) {
  char *path = pl_path_join(folder, name);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  free(path);
}

static void test_workspace(void **state) {
  (void)state;
  char folder[] = "/tmp/pleura-report-XXXXXX";
  assert_non_null(mkdtemp(folder));
  write(folder, "pleura.yaml", "");
  write(folder, "cases.csv",
        "number,ImageId,part,source,sha256,rows,cols,status,has_mask,mask_area,age,sex,view,patient\n"
        "1,a,train,,,8,8,ok,1,16,,,,\n2,b,train,,,8,8,ok,0,0,,,,\n3,c,train,,,8,8,ok,1,2,,,,\n"
        "4,d,train,,,2,2,ok,1,9,,,,\n5,e,train,,,8,8,ok,1,9,,,,\n");
  write(folder, "train-rle.csv", "ImageId,EncodedPixels\na,0 4 4 4 4 4 4 4\nb,-1\nc,0 2\nd,0 9\nz,0 1\n");
  static const uint32_t sizes[] = {4};
  const pl_report_options options = {.workspace = folder, .sizes = sizes, .size_count = 1, .threads = 2};
  pl_data_report r = {0};
  pl_error err = {0};
  if (pl_data_report_make(&r, &options, &err) != PL_OK) fail_msg("%s", err.message);
  assert_int_equal(r.mask_count, 2);
  assert_int_equal(r.cases[1]->number, 3);
  assert_int_equal(r.unmeasured, 2);  // d's run does not fit into 2x2, e has no row
  assert_non_null(strstr(r.why_unmeasured, "line 5"));
  assert_int_equal(r.absent, 1);
  near(r.ceilings[0].mean, (1 + 2.0 / 3) / 2);
  assert_false(r.leaks_known);  // no folds.csv yet
  assert_non_null(strstr(r.leaks_problem, "folds.csv"));
  assert_int_equal(r.areas.count, 2);
  pl_data_report_clear(&r);

  write(folder, "folds.csv", "ImageId,EncodedPixels,has_mask,kfold\na,0 4,1,0\na,9 4,1,1\nb,-1,0,1\n");
  assert_int_equal(pl_data_report_make(&r, &options, &err), PL_OK);
  assert_true(r.leaks_known);
  assert_int_equal(r.leaks.spread_images, 1);
  pl_data_report_clear(&r);

  // Without the table the areas are those of cases.csv, and there is no ceiling.
  char *path = pl_path_join(folder, "train-rle.csv");
  remove(path);
  assert_int_equal(pl_data_report_make(&r, &options, &err), PL_OK);
  assert_true(r.ceiling_count == 0 && r.areas.count == 4);
  near(r.areas.max, 16);
  pl_data_report_clear(&r);

  // A table alone.
  write(folder, "train-rle.csv", "a,0 4 4 4 4 4 4 4\nb,-1\nd,0 99\n");
  const pl_report_options alone = {
      .table = path, .width = 8, .height = 8, .sizes = sizes, .size_count = 1, .threads = 1};
  assert_int_equal(pl_data_report_make(&r, &alone, &err), PL_OK);
  assert_true(r.mask_count == 1 && r.unmeasured == 1 && r.cases == NULL);
  near(r.ceilings[0].mean, 1);
  pl_data_report_clear(&r);
  free(path);
  pl_fs_remove_tree(folder, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_by_hand),   cmocka_unit_test(test_as_whole_masks), cmocka_unit_test(test_misfit),
      cmocka_unit_test(test_quantiles), cmocka_unit_test(test_areas),          cmocka_unit_test(test_counts),
      cmocka_unit_test(test_workspace), cmocka_unit_test(test_duplicates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
