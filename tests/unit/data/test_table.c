#include "core/data/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/data/csvio.h"
#include "core/data/split.h"
#include "tests/tools/testing.h"
#include "tests/unit/data/real.h"

static pl_rle_table parse(const char *text) {
  pl_rle_table table = {0};
  pl_error err = {0};
  if (pl_rle_table_parse(&table, text, strlen(text), false, &err) != PL_OK) fail_msg("%s", err.message);
  return table;
}

static void test_variants(void **state) {
  (void)state;
  // The same three rows, written as the files in the wild do.
  static const char *const variants[] = {
      "ImageId, EncodedPixels\na,-1\nb,0 2\nb,5 1\n",
      "ImageId,EncodedPixels\na, -1\nb, 0 2\nb, 5 1\n",
      "\xEF\xBB\xBFImageId, EncodedPixels\r\na,-1\r\nb,0 2\r\nb,5 1",
      "a,-1\nb,0 2\nb,5 1",
      "\xEF\xBB\xBF"
      "a,-1\r\nb,0 2\r\nb,5 1\r\n",
      "a,\rb,0 2\rb,5 1\r",
      "\n\na,-1\n\nb,0 2\n  \nb,5 1\n\n",
      "\"a\",\"-1\"\n\"b\",\"0 2\"\n\"b\",\"5 1\"\n",
      "note,EncodedPixels,imageid\nx,-1,a\n\"two\nlines, \"\"quoted\"\"\",0 2,b\n,5 1,b\n",
      "ImageId, EncodedPixels, has_mask, kfold\na,-1,0,3\nb,0 2,1,0\nb,5 1,1,0\n",
  };
  for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
    pl_rle_table t = parse(variants[i]);
    assert_int_equal(t.count, 3);
    assert_int_equal(t.problem_count, 0);
    assert_string_equal(t.rows[0].id, "a");
    assert_false(t.rows[0].has_mask);
    assert_string_equal(t.rows[2].id, "b");
    assert_string_equal(t.rows[2].pixels, "5 1");
    assert_int_equal(t.rows[0].fold, i == 9 ? 3 : -1);
    assert_int_equal(t.image_count, 2);
    const pl_rle_image *b = pl_rle_table_find(&t, "b");
    assert_non_null(b);
    assert_int_equal(b->count, 2);
    assert_true(b->has_mask);
    assert_int_equal(t.order[b->first], 1);
    assert_int_equal(t.order[b->first + 1], 2);
    assert_null(pl_rle_table_find(&t, "c"));
    pl_rle_table_clear(&t);
  }
}

static void test_bad_rows(void **state) {
  (void)state;
  static const char text[] =
      "ImageId, EncodedPixels\n"
      "good,-1\n"
      "odd,1 2 3\n"
      "../../etc/passwd,-1\n"
      "half,0 4\n"
      "lonely\n"
      "\"open,0 1\n"
      "huge,1000000000 1\n"
      "half,abc\n"
      "esc\x1b]0;x\x07,-1\n"
      "last,0 1\n";
  pl_rle_table t = parse(text);
  assert_int_equal(t.count, 3);
  assert_string_equal(t.rows[2].id, "last");
  assert_int_equal(t.rows[2].line, 11);
  assert_int_equal(t.problem_count, 7);
  static const struct {
    size_t line;
    const char *id, *says;
  } expected[] = {
      {3, "odd", "odd count"},
      {4, "../../etc/passwd", "slash"},
      {6, "lonely", "no EncodedPixels"},
      {7, "", "quote is not closed"},
      {8, "huge", "behind the image's"},
      {9, "half", "'abc'"},
      {10, "esc\\x1b]0;x\\x07", "control"},
  };
  for (size_t i = 0; i < 7; i++) {
    assert_int_equal(t.problems[i].line, expected[i].line);
    assert_string_equal(t.problems[i].id, expected[i].id);
    if (strstr(t.problems[i].message, expected[i].says) == NULL) fail_msg("%s", t.problems[i].message);
  }
  // What is left of "half" is not its mask.
  assert_true(pl_rle_table_is_damaged(&t, "half"));
  assert_true(pl_rle_table_is_damaged(&t, "odd"));
  assert_false(pl_rle_table_is_damaged(&t, "good"));
  pl_rle_table_clear(&t);
  pl_error err = {0};
  assert_int_equal(pl_rle_table_parse(&t, text, sizeof text - 1, true, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "line 3 (odd): "));
  assert_int_equal(t.count, 0);
}

static void test_no_table(void **state) {
  (void)state;
  static const char *const texts[] = {"", "\n\n", "ImageId, EncodedPixels\n", "ImageId\na\n", "x,y\nz,w\n", "\"", "\""};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    pl_rle_table t = {0};
    assert_int_equal(pl_rle_table_parse(&t, texts[i], strlen(texts[i]), false, NULL), PL_E_FORMAT);
  }
  pl_rle_table t = {0};
  pl_error err = {0};
  assert_int_equal(pl_rle_table_load(&t, "/nowhere/x.csv", false, &err), PL_E_NOTFOUND);
  // A file of 0 bytes in the middle of a row.
  assert_int_equal(pl_rle_table_parse(&t,
                                      "a\0b,-1\nc,-\0"
                                      "1\nd,-1\n",
                                      18, false, &err),
                   PL_OK);
  assert_int_equal(t.count, 1);
  assert_int_equal(t.problem_count, 2);
  pl_rle_table_clear(&t);
}

static void test_many_problems(void **state) {
  (void)state;
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  pl_buf_add_text(&text, "a,-1\n");
  for (int i = 0; i < 500; i++) pl_buf_add_text(&text, "b,\"\n");
  pl_rle_table t = parse(text.data);
  assert_int_equal(t.count, 1);
  assert_true(t.problem_count >= 20);
  pl_rle_table_clear(&t);
  pl_buf_reset(&text);
  for (int i = 0; i < 500; i++) pl_buf_add_text(&text, ",");
  pl_buf_add_text(&text, "\na,-1\n");
  t = parse(text.data);
  assert_int_equal(t.problem_count, 1);
  pl_rle_table_clear(&t);
  pl_buf_clear(&text);
}

static void test_ids(void **state) {
  (void)state;
  char long_id[130];
  memset(long_id, 'a', 129);
  long_id[129] = '\0';
  const char *const bad[] = {"",
                             ".",
                             "..",
                             "/",
                             "a/b",
                             "a\\b",
                             "a\nb",
                             "\x1b[31m",
                             "a\x7f",
                             "\xff",
                             "\xe2\x80\xae"
                             "a",
                             long_id};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_non_null(pl_id_problem(bad[i], strlen(bad[i])));
  assert_non_null(pl_id_problem("a\0b", 3));
  const char *const good[] = {"a",  "1.2.276.0.7230010.3.1.4.8323329.6904", "ID_2f0", "Bild \xc3\xa4", long_id + 1,
                              "..."};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) assert_null(pl_id_problem(good[i], strlen(good[i])));
}

// y has one '0' or '1' a row; every row is its own image.
static pl_rle_table table_of(const char *y) {
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  for (size_t i = 0; y[i] != '\0'; i++) pl_buf_printf(&text, "case-%zu,%s\n", i, y[i] == '1' ? "3 4" : "-1");
  pl_rle_table t = parse(text.data);
  pl_buf_clear(&text);
  return t;
}

static void test_split_by_row(void **state) {
  (void)state;
  // From scikit-learn 1: StratifiedKFold(k).split(y, y).
  static const struct {
    const char *y;
    int k;
    const char *folds;
  } cases[] = {
      {"0010110001", 3, "0001011222"},
      {"1000000000000", 5, "0001112223344"},
      {"11111111111", 4, "00011122233"},
      {"110100010110001011100010010111", 5, "000000111111222222333334434444"},
      {"0110100110010110", 7, "0010112233445566"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_rle_table t = table_of(cases[i].y);
    int folds[64];
    assert_int_equal(pl_split_by_row(folds, &t, cases[i].k, NULL), PL_OK);
    for (size_t r = 0; r < t.count; r++) assert_int_equal('0' + folds[r], cases[i].folds[r]);
    pl_rle_table_clear(&t);
  }
  pl_rle_table t = table_of("01");
  int folds[2];
  assert_int_equal(pl_split_by_row(folds, &t, 2, NULL), PL_E_USAGE);
  assert_int_equal(pl_split_by_row(folds, &t, 3, NULL), PL_E_USAGE);
  assert_int_equal(pl_split_by_row(folds, &t, 1, NULL), PL_E_USAGE);
  assert_int_equal(pl_split_by_image(folds, &t, NULL, 0, 1, NULL), PL_E_USAGE);
  pl_rle_table_clear(&t);
}

static int fold_of(const pl_rle_table *t, const int *folds, const char *id) {
  const pl_rle_image *image = pl_rle_table_find(t, id);
  for (size_t k = 1; k < image->count; k++) {
    assert_int_equal(folds[t->order[image->first + k]], folds[t->order[image->first]]);
  }
  return folds[t->order[image->first]];
}

static void test_split_by_image(void **state) {
  (void)state;
  enum { IMAGES = 103 };
  pl_buf forward, backward;
  pl_buf_init(&forward, 1 << 20);
  pl_buf_init(&backward, 1 << 20);
  for (int i = 0; i < IMAGES; i++) {
    for (int k = 0; k <= (i % 9 == 0 ? 2 : 0); k++) {
      pl_buf_printf(&forward, "id%d,%s\n", i, i % 3 == 0 ? "1 1" : "-1");
      pl_buf_printf(&backward, "id%d,%s\n", IMAGES - 1 - i, (IMAGES - 1 - i) % 3 == 0 ? "1 1" : "-1");
    }
  }
  pl_rle_table a = parse(forward.data), b = parse(backward.data);
  int folds_a[400], folds_b[400];
  assert_int_equal(pl_split_by_image(folds_a, &a, NULL, 5, 42, NULL), PL_OK);
  assert_int_equal(pl_split_by_image(folds_b, &b, NULL, 5, 42, NULL), PL_OK);
  for (size_t i = 0; i < a.image_count; i++) {
    assert_int_equal(fold_of(&a, folds_a, a.images[i].id), fold_of(&b, folds_b, a.images[i].id));
  }
  pl_fold_size sizes[5];
  assert_int_equal(pl_split_count(sizes, &a, folds_a, 5), 0);
  for (int f = 0; f < 5; f++) {
    assert_in_range(sizes[f].images, IMAGES / 5, IMAGES / 5 + 1);
    assert_in_range(sizes[f].positives, 35 / 5, 35 / 5);
  }
  assert_int_equal(pl_split_by_image(folds_b, &a, NULL, 5, 43, NULL), PL_OK);
  assert_memory_not_equal(folds_a, folds_b, a.count * sizeof *folds_a);
  // With a part of the images present, the folds of that part are even.
  bool present[IMAGES] = {false};
  size_t here = 0;
  for (size_t i = 0; i < IMAGES; i += 4) here += present[i] = true;
  assert_int_equal(pl_split_by_image(folds_a, &a, present, 5, 42, NULL), PL_OK);
  size_t in_fold[5] = {0};
  for (size_t i = 0; i < IMAGES; i++) in_fold[fold_of(&a, folds_a, a.images[i].id)] += present[i];
  for (int f = 0; f < 5; f++) assert_in_range(in_fold[f], here / 5, here / 5 + 1);
  pl_rle_table_clear(&a);
  pl_rle_table_clear(&b);
  pl_buf_clear(&forward);
  pl_buf_clear(&backward);
}

static void test_folds_file(void **state) {
  (void)state;
  char folder[] = "/tmp/pleura-test-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char *path = pl_path_join(folder, "folds.csv");
  pl_rle_table t = parse("a, -1\nb,0 2\nc,\n");
  const int folds[] = {2, 0, 1};
  assert_int_equal(pl_folds_save(path, &t, folds, NULL), PL_OK);
  pl_rle_table_clear(&t);
  pl_buf text;
  pl_buf_init(&text, 4096);
  assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
  assert_string_equal(text.data, "ImageId,EncodedPixels,has_mask,kfold\na,-1,0,2\nb,0 2,1,0\nc,-1,0,1\n");
  assert_int_equal(pl_rle_table_load(&t, path, true, NULL), PL_OK);
  for (size_t i = 0; i < 3; i++) assert_int_equal(t.rows[i].fold, folds[i]);
  pl_rle_table_clear(&t);
  pl_buf_clear(&text);
  free(path);
  assert_int_equal(pl_fs_remove_tree(folder, NULL), PL_OK);
}

static void assert_saved(const pl_rle_table *t, const int *folds, const char *expected) {
  char folder[] = "/tmp/pleura-test-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char *path = pl_path_join(folder, "folds.csv");
  pl_buf text;
  pl_buf_init(&text, 4096);
  assert_int_equal(pl_folds_save(path, t, folds, NULL), PL_OK);
  assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
  assert_string_equal(text.data, expected);
  pl_buf_clear(&text);
  free(path);
  assert_int_equal(pl_fs_remove_tree(folder, NULL), PL_OK);
}

static void test_further_columns(void **state) {
  (void)state;
  const int folds[] = {1, 0, 1};
  // Anywhere, with what has to be quoted, too few and too many fields, and our own columns of an earlier save.
  pl_rle_table t = parse(
      "source, EncodedPixels,ImageId,kfold,\"a, b\",has_mask\nx,-1,a,0,\"said \"\"no\"\"\",0\n"
      "\"two\nlines\",0 2,b,1\nz,-1,c,2,,0,,\nz,-1,d,2,p,0,surplus\n");
  assert_int_equal(t.count, 3);
  assert_int_equal(t.problem_count, 1);
  assert_int_equal(t.problems[0].line, 6);
  assert_string_equal(t.problems[0].id, "d");
  assert_string_equal(t.problems[0].message, "it has 7 fields, but the table 6 columns");
  const char *expected =
      "ImageId,EncodedPixels,has_mask,kfold,source,\"a, b\"\na,-1,0,1,x,\"said \"\"no\"\"\"\n"
      "b,0 2,1,0,\"two\nlines\",\nc,-1,0,1,z,\n";
  assert_saved(&t, folds, expected);
  pl_rle_table_clear(&t);
  // What was saved is read and saved again as it is.
  t = parse(expected);
  assert_saved(&t, folds, expected);
  pl_rle_table_clear(&t);
  t = parse("a,-1,left\nb,0 2,right\nc,-1\n");
  assert_saved(&t, folds, "ImageId,EncodedPixels,has_mask,kfold,column 3\na,-1,0,1,left\nb,0 2,1,0,right\nc,-1,0,1,\n");
  pl_rle_table_clear(&t);
}

// The real files

static void test_real_variants(void **state) {
  (void)state;
  static const struct {
    const char *name;
    size_t rows, positives;
  } files[] = {
      {"siim/csv-variants/stage1-leading-space-values.csv", 199, 199},
      {"siim/csv-variants/train-rle-sample.csv", 10, 5},
      {"siim/csv-variants/train-rle-sample_variant_asuiu.csv", 10, 5},
  };
  for (size_t i = 0; i < 3; i++) {
    char *path = real_file(files[i].name);
    pl_rle_table t = {0};
    assert_int_equal(pl_rle_table_load(&t, path, true, NULL), PL_OK);
    size_t positives = 0;
    for (size_t r = 0; r < t.count; r++) positives += t.rows[r].has_mask;
    assert_int_equal(t.count, files[i].rows);
    assert_int_equal(positives, files[i].positives);
    pl_rle_table_clear(&t);
    free(path);
  }
}

static void test_real_table(void **state) {
  (void)state;
  pl_buf text;
  pl_buf_init(&text, 64 << 20);
  real_unpacked(&text, "siim/train-rle.csv.gz");
  pl_rle_table t = {0};
  assert_int_equal(pl_rle_table_parse(&t, text.data, text.length, true, NULL), PL_OK);
  pl_buf_clear(&text);
  assert_int_equal(t.count, 12954);
  assert_int_equal(t.image_count, 12047);
  int *folds = pl_xcalloc(t.count, sizeof *folds);
  char *digits = pl_xcalloc(t.count, 1), hex[PL_SHA256_HEX_SIZE];
  assert_int_equal(pl_split_by_row(folds, &t, 5, NULL), PL_OK);
  for (size_t i = 0; i < t.count; i++) digits[i] = (char)('0' + folds[i]);
  pl_sha256_bytes(hex, digits, t.count);
  assert_string_equal(hex, "b61a7be2c3e06f3b78a3261cda7bbd3427fe0ce7e573c1c316dff57044a21513");
  pl_fold_size sizes[5];
  assert_int_equal(pl_split_count(sizes, &t, folds, 5), 526);
  for (int f = 0; f < 5; f++) assert_int_equal(sizes[f].rows, f < 4 ? 2591 : 2590);
  assert_int_equal(pl_split_by_image(folds, &t, NULL, 5, 42, NULL), PL_OK);
  assert_int_equal(pl_split_count(sizes, &t, folds, 5), 0);
  for (int f = 0; f < 5; f++) assert_in_range(sizes[f].positives, 533, 534);
  pl_rle_table_clear(&t);
  free(folds);
  free(digits);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_variants),       cmocka_unit_test(test_bad_rows),   cmocka_unit_test(test_no_table),
      cmocka_unit_test(test_many_problems),  cmocka_unit_test(test_ids),        cmocka_unit_test(test_split_by_row),
      cmocka_unit_test(test_split_by_image), cmocka_unit_test(test_folds_file), cmocka_unit_test(test_further_columns),
      cmocka_unit_test(test_real_variants),  cmocka_unit_test(test_real_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
