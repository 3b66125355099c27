// Tables of folds, of our own and of others, and what is written back.
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/folds.h"
#include "core/data/manifest.h"
#include "tests/tools/testing.h"

static char folder[] = "/tmp/pleura-folds-XXXXXX";

static int set_up(void **state) {
  (void)state;
  assert_non_null(mkdtemp(folder));
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  assert_int_equal(pl_fs_remove_tree(folder, NULL), PL_OK);
  return 0;
}

static pl_folds parse(const char *text) {
  pl_folds folds = {0};
  pl_error err = {0};
  if (pl_folds_parse(&folds, text, strlen(text), &err) != PL_OK) fail_msg("%s", err.message);
  return folds;
}

static void expect_image(const pl_folds *folds, const char *id, int fold, pl_label label, bool spread) {
  const pl_folds_image *image = pl_folds_find(folds, id);
  assert_non_null(image);
  assert_int_equal(image->fold, fold);
  assert_int_equal(image->label, label);
  assert_int_equal(image->spread, spread);
}

// The workspace's labels count where it has one, be it corrected; what is written back are the table's own.
static void test_labels(void **state) {
  (void)state;
  const char *text = "ImageId,EncodedPixels,has_mask,kfold\na,1 2,1,0\nb,-1,0,1\nc,-1,0,1\n";
  pl_folds folds = parse(text);
  char names[][2] = {"a", "b", "d"};
  pl_case cases[] = {{.id = names[0], .label = PL_LABEL_NEGATIVE},
                     {.id = names[1], .label = PL_LABEL_UNKNOWN},
                     {.id = names[2], .label = PL_LABEL_POSITIVE}};
  const pl_manifest manifest = {.cases = cases, .count = 3};
  pl_folds_take_labels(&folds, &manifest);
  expect_image(&folds, "a", 0, PL_LABEL_NEGATIVE, false);
  expect_image(&folds, "b", 1, PL_LABEL_NEGATIVE, false);
  expect_image(&folds, "c", 1, PL_LABEL_NEGATIVE, false);
  pl_buf out;
  pl_buf_init(&out, 4096);
  assert_int_equal(pl_folds_write(&out, &folds, NULL), PL_OK);
  assert_string_equal(out.data, text);
  pl_buf_clear(&out);
  pl_folds_clear(&folds);
}

static void test_layouts(void **state) {
  (void)state;
  pl_folds folds = parse("ImageId, EncodedPixels,has_mask,kfold\nb,-1,0,1\na,1 2,1,0\na,9 9,1,2\n");
  assert_int_equal(folds.count, 3);
  assert_int_equal(folds.image_count, 2);
  assert_int_equal(folds.fold_count, 3);
  expect_image(&folds, "a", 0, PL_LABEL_POSITIVE, true);
  expect_image(&folds, "b", 1, PL_LABEL_NEGATIVE, false);
  pl_folds_clear(&folds);
  folds = parse("fname,fold,exist_labels\r\na.png,4,1\r\nb.PNG,0,0\r\n");
  assert_int_equal(folds.fold_count, 5);
  expect_image(&folds, "a", 4, PL_LABEL_POSITIVE, false);
  expect_image(&folds, "b", 0, PL_LABEL_NEGATIVE, false);
  pl_folds_clear(&folds);
  // The first row in the file says where an image counts.
  folds = parse("ImageId,kfold\na,2\nb,3\na,0\na,2\n");
  expect_image(&folds, "a", 2, PL_LABEL_UNKNOWN, true);
  size_t different = 0;
  const pl_folds_image *image = pl_folds_find(&folds, "a");
  for (size_t k = 0; k < image->count; k++) different += !pl_folds_seen_before(&folds, image, k);
  assert_int_equal(different, 2);
  pl_folds_clear(&folds);
  folds = parse("kfold,ImageId,EncodedPixels\n1,a, -1\n2,b,5 5\n");
  expect_image(&folds, "a", 1, PL_LABEL_NEGATIVE, false);
  expect_image(&folds, "b", 2, PL_LABEL_POSITIVE, false);
  pl_folds_clear(&folds);
  folds = parse("ImageId,kfold,has_mask\na,1,True\nb,2,false\nc,0,\n");
  expect_image(&folds, "a", 1, PL_LABEL_POSITIVE, false);
  expect_image(&folds, "b", 2, PL_LABEL_NEGATIVE, false);
  expect_image(&folds, "c", 0, PL_LABEL_UNKNOWN, false);
  pl_folds_clear(&folds);
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } tables[] = {
      {"", "the table has no rows"},
      {"ImageId,kfold\n", "the table has no rows"},
      {"ImageId,EncodedPixels\na,-1\n", "line 1: the header must name ImageId and kfold"},
      {"ImageId,kfold\na,1\nb,-1\n", "line 3: kfold is not a number from 0 to 999"},
      {"ImageId,kfold\na,1000\n", "line 2: kfold"},
      {"ImageId,kfold\na\n", "line 2: kfold"},
      {"ImageId,kfold\n../a,1\n", "line 2: the id holds a slash"},
      {"ImageId,kfold\n\x1b[2J,1\n", "line 2: the id holds control characters"},
      {"ImageId,kfold,has_mask\na,1,maybe\n", "line 2: has_mask is neither 0 nor 1"},
      {"ImageId,kfold\n\"a,1\n", "line 2: a quote is not closed"},
  };
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
    pl_folds folds = {0};
    pl_error err = {0};
    assert_int_equal(pl_folds_parse(&folds, tables[i].text, strlen(tables[i].text), &err), PL_E_FORMAT);
    if (strstr(err.message, tables[i].message) == NULL) fail_msg("'%s' lacks '%s'", err.message, tables[i].message);
    assert_int_equal(folds.count, 0);
  }
}

// Only the folds change; columns that we do not know, their order, and rows of other images stay.
static void test_moves(void **state) {
  (void)state;
  pl_folds folds = parse(
      "note,fname,fold,exist_labels,who\n"
      "\"a, b\",x.png,0,1,me\n,y.png,1,0,\n\"say \"\"hi\"\"\",x.png,3,1\n");
  pl_folds_move(&folds, pl_folds_find(&folds, "x"), 7);
  expect_image(&folds, "x", 7, PL_LABEL_POSITIVE, false);
  assert_int_equal(folds.fold_count, 8);
  char *path = pl_path_join(folder, "moved.csv");
  assert_int_equal(pl_folds_replace(path, &folds, NULL), PL_OK);
  pl_folds_clear(&folds);
  pl_buf text;
  pl_buf_init(&text, 4096);
  assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
  assert_string_equal(text.data,
                      "note,fname,fold,exist_labels,who\n"
                      "\"a, b\",x.png,7,1,me\n,y.png,1,0,\n\"say \"\"hi\"\"\",x.png,7,1\n");
  pl_buf_clear(&text);
  free(path);
}

// The winner's layout is what a workspace can be trained with.
static void test_manifest_reads_winners(void **state) {
  (void)state;
  char *workspace = pl_path_join(folder, "w"), *cases = pl_xprintf("%s/w/cases.csv", folder);
  char *path = pl_xprintf("%s/w/folds.csv", folder);
  assert_int_equal(pl_workspace_init(workspace, NULL), PL_OK);
  const char text[] = "number,ImageId,part,status,has_mask\n1,a,train,ok,0\n2,b,train,ok,1\n3,c,train,ok,0\n";
  const char winners[] = "fname,fold,exist_labels\nb.png,2,1\na.png,0,0\nelsewhere.png,4,0\n";
  assert_int_equal(pl_fs_replace(cases, text, sizeof text - 1, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(path, winners, sizeof winners - 1, NULL), PL_OK);
  pl_manifest m = {0};
  pl_error err = {0};
  if (pl_manifest_load(&m, workspace, &err) != PL_OK) fail_msg("%s", err.message);
  assert_int_equal(m.fold_count, 5);
  assert_int_equal(m.cases[0].fold, 0);
  assert_int_equal(m.cases[1].fold, 2);
  assert_int_equal(m.cases[2].fold, -1);
  pl_manifest_clear(&m);
  free(workspace);
  free(cases);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_layouts),
      cmocka_unit_test(test_labels),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_moves),
      cmocka_unit_test(test_manifest_reads_winners),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
