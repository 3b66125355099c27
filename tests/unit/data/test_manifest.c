#include "core/data/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tests/tools/testing.h"

static int make_folder(void **state) {
  char folder[] = "/tmp/pleura-test-XXXXXX";
  if (mkdtemp(folder) == NULL) return -1;
  *state = pl_xstrdup(folder);
  return 0;
}

static int remove_folder(void **state) {
  int failed = pl_fs_remove_tree(*state, NULL) != PL_OK;
  free(*state);
  return failed;
}

static void write_file(const char *folder, const char *name, const char *text) {
  char *path = pl_path_join(folder, name);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  free(path);
}

static pl_manifest load(const char *folder) {
  pl_manifest m = {0};
  pl_error err = {0};
  if (pl_manifest_load(&m, folder, &err) != PL_OK) fail_msg("%s", err.message);
  return m;
}

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char cases_text[] =
    "number,ImageId,part,source,sha256,rows,cols,status,has_mask,mask_area,age,sex,view,patient\n"
    "1,1.2.9.5798,train,/data/a.dcm," HASH
    ",1024,1024,ok,1,8630,61,F,PA,p1\n"
    "2,1.2.9.5803,train,\"/data/with, comma \"\"q\"\".dcm\"," HASH
    ",1024,1024,ok,0,0,,,,\n"
    "7,1.2.9.803,train,/data/c.dcm," HASH
    ",1024,1024,unlabelled,,,27,M,AP,p2\n"
    "12,1.2.9.11,test,/data/d.dcm,,0,0,bad,,,,,,\n";

static void test_round_trip(void **state) {
  const char *folder = *state;
  write_file(folder, "cases.csv", cases_text);
  pl_manifest m = load(folder);
  assert_int_equal(m.count, 4);
  assert_int_equal(m.id_prefix, strlen("1.2.9."));
  assert_int_equal(m.fold_count, 0);
  const pl_case *c = &m.cases[0];
  assert_int_equal(c->mask_area, 8630);
  assert_int_equal(c->label, PL_LABEL_POSITIVE);
  assert_int_equal(c->age, 61);
  assert_int_equal(c->sex, 'F');
  assert_string_equal(c->view, "PA");
  assert_string_equal(c->sha256, HASH);
  assert_int_equal(c->fold, -1);
  assert_string_equal(m.cases[1].source, "/data/with, comma \"q\".dcm");
  assert_int_equal(m.cases[1].age, -1);
  assert_int_equal(m.cases[2].status, PL_CASE_UNLABELLED);
  assert_int_equal(m.cases[2].label, PL_LABEL_UNKNOWN);
  assert_int_equal(m.cases[3].part, PL_PART_TEST);
  assert_int_equal(m.cases[3].status, PL_CASE_BAD);
  assert_int_equal(pl_manifest_save(&m, NULL), PL_OK);
  char *path = pl_path_join(folder, "cases.csv");
  pl_buf text;
  pl_buf_init(&text, 1 << 16);
  assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
  assert_string_equal(text.data, cases_text);
  free(path);
  path = pl_case_image_path(&m, c);
  assert_true(strstr(path, "/images/1.2.9.5798.png") != NULL);
  free(path);
  pl_buf_clear(&text);
  pl_manifest_clear(&m);
}

static void test_folds(void **state) {
  write_file(*state, "cases.csv", cases_text);
  write_file(
      *state, "folds.csv",
      "ImageId, EncodedPixels, has_mask, kfold\n1.2.9.803,-1,0,4\n1.2.9.5798,0 1,1,2\n1.2.9.5798,3 1,1,3\nx,-1,0,0\n");
  pl_manifest m = load(*state);
  assert_int_equal(m.fold_count, 5);
  assert_int_equal(m.cases[0].fold, 2);
  assert_int_equal(m.cases[1].fold, -1);
  assert_int_equal(m.cases[2].fold, 4);
  pl_manifest_clear(&m);
  write_file(*state, "folds.csv", "ImageId,kfold\na,-1\n");
  pl_error err = {0};
  assert_int_equal(pl_manifest_load(&m, *state, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "folds.csv: line 2"));
}

static void test_empty(void **state) {
  pl_manifest m = load(*state);
  assert_int_equal(m.count, 0);
  size_t index = 0;
  assert_int_equal(pl_manifest_find(&index, &m, "1", NULL), PL_E_NOTFOUND);
  assert_int_equal(pl_manifest_save(&m, NULL), PL_OK);
  pl_manifest_clear(&m);
  m = load(*state);
  assert_int_equal(m.count, 0);
  pl_manifest_clear(&m);
}

static void test_find(void **state) {
  write_file(*state, "cases.csv", cases_text);
  pl_manifest m = load(*state);
  static const struct {
    const char *text;
    size_t index;
  } good[] = {{"1", 0},    {"#1", 0}, {"#12", 3},  {"7", 2}, {"1.2.9.5803", 1},
              {"5803", 1}, {"98", 0}, {".803", 2}, {"11", 3}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    size_t index = 99;
    pl_error err = {0};
    if (pl_manifest_find(&index, &m, good[i].text, &err) != PL_OK) fail_msg("%s: %s", good[i].text, err.message);
    assert_int_equal(index, good[i].index);
  }
  size_t index = 99;
  pl_error err = {0};
  assert_int_equal(pl_manifest_find(&index, &m, "803", &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "#2 5803, #7 803"));
  static const char *const missing[] = {"#3", "#803", "", "nothing", "99999999999999999999", "#", "-1"};
  for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
    assert_int_equal(pl_manifest_find(&index, &m, missing[i], &err), PL_E_NOTFOUND);
  }
  assert_int_equal(index, 99);
  pl_manifest_clear(&m);
}

static void test_refused(void **state) {
  static const char head[] =
      "number,ImageId,part,source,sha256,rows,cols,status,has_mask,mask_area,age,sex,view,patient\n";
  static const struct {
    const char *rows, *says;
  } bad[] = {
      {"0,a,train,,,,,ok,,,,,,\n", "line 2: the case number"},
      {"1,../a,train,,,,,ok,,,,,,\n", "slash"},
      {"1,a,val,,,,,ok,,,,,,\n", "part"},
      {"1,a,train,,,,,good,,,,,,\n", "status"},
      {"1,a,train,,,,,ok,2,,,,,\n", "has_mask"},
      {"1,a,train,,,-5,,ok,,,,,,\n", "rows"},
      {"1,a,train,,xyz,,,ok,,,,,,\n", "sha256"},
      {"1,a,train,,,,,ok,,,,,POSTEROANTERIOR,\n", "too long"},
      {"1,a,train,,,,,ok,,,,,\x1b[2J,\n", "view"},
      {"1,a,train,,,,,ok,,,,,,a/b\n", "patient"},
      {"1,a,train,,,,,ok,,,,,,\n1,b,train,,,,,ok,,,,,,\n", "number 1 is there twice"},
      {"1,a,train,,,,,ok,,,,,,\n2,a,train,,,,,ok,,,,,,\n", "case a is there twice"},
      {"\"1,a,train\n", "quote"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    char *text = pl_xprintf("%s%s", head, bad[i].rows);
    write_file(*state, "cases.csv", text);
    free(text);
    pl_manifest m = {0};
    pl_error err = {0};
    assert_int_equal(pl_manifest_load(&m, *state, &err), PL_E_FORMAT);
    if (strstr(err.message, bad[i].says) == NULL) fail_msg("row %zu: %s", i, err.message);
    assert_null(m.cases);
  }
  write_file(*state, "cases.csv", "a,b\n");
  pl_manifest m = {0};
  assert_int_equal(pl_manifest_load(&m, *state, NULL), PL_E_FORMAT);
}

static void test_workspace(void **state) {
  char *inner = pl_path_join(*state, "ws/a/b"), *ws = pl_path_join(*state, "ws"), *found = NULL;
  assert_int_equal(pl_fs_make_folders(inner, NULL), PL_OK);
  pl_error err = {0};
  assert_int_equal(pl_workspace_find(&found, inner, &err), PL_E_NOTFOUND);
  assert_non_null(strstr(err.message, "pleura init"));
  assert_non_null(strstr(err.message, "pleura import"));
  assert_null(found);
  assert_int_equal(pl_workspace_init(ws, NULL), PL_OK);
  assert_int_equal(pl_workspace_init(ws, NULL), PL_E_EXISTS);
  assert_int_equal(pl_workspace_find(&found, inner, NULL), PL_OK);
  char *expected = realpath(ws, NULL);
  assert_string_equal(found, expected);
  free(found);
  found = NULL;
  assert_int_equal(pl_workspace_find(&found, ws, NULL), PL_OK);
  assert_string_equal(found, expected);
  free(found);
  found = NULL;
  // Only root can give a folder away: then the walk must not go past it, nor take a settings file that is not ours.
  if (geteuid() == 0) {
    char *middle = pl_path_join(*state, "ws/a"), *settings = pl_path_join(ws, PL_WORKSPACE_FILE);
    assert_int_equal(chown(middle, 12345, 12345), 0);
    assert_int_equal(pl_workspace_find(&found, inner, NULL), PL_E_NOTFOUND);
    assert_int_equal(chown(middle, 0, 0), 0);
    assert_int_equal(chown(settings, 12345, 12345), 0);
    assert_int_equal(pl_workspace_find(&found, inner, NULL), PL_E_NOTFOUND);
    assert_int_equal(pl_workspace_find(&found, ws, NULL), PL_OK);
    free(found);
    free(middle);
    free(settings);
  }
  free(expected);
  free(inner);
  free(ws);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_round_trip, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_folds, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_empty, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_find, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_refused, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_workspace, make_folder, remove_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
