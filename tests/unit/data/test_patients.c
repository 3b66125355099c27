// Maps of patients, and folds that keep patients together.
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/patients.h"
#include "core/data/split.h"
#include "core/data/table.h"
#include "tests/tools/testing.h"
#include "tests/unit/data/real.h"

enum { TEXT_MAX = 64 << 20 };

static pl_patients parse_map(const char *text) {
  pl_patients map = {0};
  pl_error err = {0};
  if (pl_patients_parse(&map, text, strlen(text), &err) != PL_OK) fail_msg("%s", err.message);
  return map;
}

static void expect_patient(const pl_patients *map, const char *id, const char *patient) {
  const char *found = pl_patients_of(map, id);
  if (patient == NULL) {
    assert_null(found);
  } else {
    assert_non_null(found);
    assert_string_equal(found, patient);
  }
}

static void test_layouts(void **state) {
  (void)state;
  pl_patients map = parse_map("ImageId,patient\nb,P2\na,P1\nc.png,P1\na,P1\n");
  assert_int_equal(map.count, 3);
  assert_int_equal(map.patient_count, 2);
  expect_patient(&map, "a", "P1");
  expect_patient(&map, "c", "P1");
  expect_patient(&map, "c.png", "P1");
  expect_patient(&map, "d", NULL);
  pl_patients_clear(&map);
  map = parse_map("\xEF\xBB\xBFPatientID,other,imageid\r\n7,x,a\r\n");
  expect_patient(&map, "a", "7");
  pl_patients_clear(&map);
  map = parse_map("fname,patient_id\na.png,7\n");
  expect_patient(&map, "a", "7");
  pl_patients_clear(&map);
  // The map that goes with SIIM's images, and NIH's own table.
  map = parse_map("Kaggle_ID,NIH_ID\na,00028864_007.png\nb,00028864_011.png\nc,00000001_000.png\n");
  assert_int_equal(map.patient_count, 2);
  expect_patient(&map, "b", "00028864");
  pl_patients_clear(&map);
  map = parse_map(
      "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age\n"
      "00000001_000.png,Cardiomegaly,0,1,58\n00000001_001.png,Cardiomegaly|Emphysema,1,1,58\n");
  assert_int_equal(map.patient_count, 1);
  expect_patient(&map, "00000001_001", "1");
  pl_patients_clear(&map);
}

static void test_bad_maps(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } maps[] = {
      {"", "the map has no rows"},
      {"ImageId,patient\n", "the map has no rows"},
      {"ImageId\na\n", "line 1: the header is not that of a patient map"},
      {"a,00028864_007.png\nb,00028864_008.png\n", "line 1: the header is not that of a patient map"},
      {"ImageId,patient\na\n", "line 2: there is no patient"},
      {"ImageId,patient\na,\n", "line 2: the patient is empty"},
      {"ImageId,patient\na,\x1b[1m\n", "line 2: the patient is not a plain word"},
      {"ImageId,patient\n../a,x\n", "line 2: the id holds a slash"},
      {"ImageId,person\na,b\n", "line 2: the second column is neither called patient nor an NIH file name"},
      {"ImageId,patient\na,P\nb,Q\nb,Q\nc,R\na,Q\nd,R\n", "line 6: the image a has another patient on line 2"},
      {"\x1f\x8b\x08", "the file is compressed"},
  };
  for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
    pl_patients map = {0};
    pl_error err = {0};
    assert_int_equal(pl_patients_parse(&map, maps[i].text, strlen(maps[i].text), &err), PL_E_FORMAT);
    if (strstr(err.message, maps[i].message) == NULL) fail_msg("'%s' lacks '%s'", err.message, maps[i].message);
    assert_int_equal(map.count, 0);
  }
}

static pl_manifest cases_of(const char *const *patients, size_t count) {
  pl_manifest m = {.workspace = pl_xstrdup("/nowhere"), .cases = pl_xcalloc(count, sizeof(pl_case)), .count = count};
  for (size_t i = 0; i < count; i++) {
    m.cases[i].id = pl_xprintf("image%zu", i);
    m.cases[i].patient = pl_xstrdup(patients[i]);
    m.cases[i].source = pl_xstrdup("");
  }
  return m;
}

// A source that cannot show who belongs together is no source.
static void test_from_cases(void **state) {
  (void)state;
  const char *const shared[] = {"p", "q", "p", ""}, *const alone[] = {"p", "q", "r", ""}, *const none[] = {"", "", ""};
  pl_manifest m = cases_of(shared, 4);
  pl_patients map = {0};
  pl_error err = {0};
  assert_int_equal(pl_patients_find(&map, NULL, &m, &err), PL_OK);
  assert_int_equal(map.patient_count, 2);
  assert_string_equal(map.source, "the DICOM files' patient ids");
  expect_patient(&map, "image2", "p");
  expect_patient(&map, "image3", NULL);
  pl_patients_clear(&map);
  pl_manifest_clear(&m);
  m = cases_of(alone, 4);
  assert_int_equal(pl_patients_find(&map, NULL, &m, &err), PL_E_NOTFOUND);
  assert_non_null(strstr(err.message, "each of the 3 images has a patient id of its own"));
  assert_non_null(strstr(err.message, "--patients"));
  pl_manifest_clear(&m);
  m = cases_of(none, 3);
  assert_int_equal(pl_patients_find(&map, NULL, &m, &err), PL_E_NOTFOUND);
  assert_non_null(strstr(err.message, "--patients"));
  pl_manifest_clear(&m);
  assert_int_equal(pl_patients_find(&map, NULL, NULL, &err), PL_E_NOTFOUND);
  assert_int_equal(pl_patients_find(&map, "/nowhere/map.csv", NULL, &err), PL_E_NOTFOUND);
}

typedef struct spread {
  size_t images, positives;
} spread;

// How much the folds differ; fails when a patient or an image is in two of them, or a fold is empty.
static spread measure(const pl_rle_table *t, const pl_patients *map, const int *folds, int fold_count) {
  pl_fold_size sizes[PL_FOLDS_MAX];
  assert_int_equal(pl_split_count(sizes, t, folds, fold_count), 0);
  size_t least[2] = {SIZE_MAX, SIZE_MAX}, most[2] = {0};
  for (int f = 0; f < fold_count; f++) {
    const size_t has[2] = {sizes[f].images, sizes[f].positives};
    assert_true(has[0] > 0);
    for (int m = 0; m < 2; m++) {
      if (has[m] < least[m]) least[m] = has[m];
      if (has[m] > most[m]) most[m] = has[m];
    }
  }
  pl_buf seen;
  pl_buf_init(&seen, TEXT_MAX);
  pl_buf_add_text(&seen, "ImageId,patient\n");
  for (size_t i = 0; i < t->image_count; i++) {
    const char *patient = pl_patients_of(map, t->images[i].id);
    if (patient != NULL) pl_buf_printf(&seen, "%s,fold%d\n", patient, folds[t->order[t->images[i].first]]);
  }
  // Read as a map from patients to folds, a patient in two of them is a contradiction.
  pl_patients fold_of = {0};
  pl_error err = {0};
  if (pl_patients_parse(&fold_of, seen.data, seen.length, &err) != PL_OK) fail_msg("%s", err.message);
  pl_patients_clear(&fold_of);
  pl_buf_clear(&seen);
  return (spread){most[0] - least[0], most[1] - least[1]};
}

// Patients of 1 to 9 images, some with masks; `backwards` writes the same rows from the last to the first, and calls
// the patients something else.
static void make_set(pl_rle_table *t, pl_patients *map, size_t patients, uint64_t seed, bool backwards) {
  pl_buf rows, names;
  pl_buf_init(&rows, TEXT_MAX);
  pl_buf_init(&names, TEXT_MAX);
  pl_buf_add_text(&names, "ImageId,patient\n");
  for (size_t n = 0; n < patients; n++) {
    const size_t p = backwards ? patients - 1 - n : n;
    const size_t images = pl_rng_double(seed, 0, p) < 0.6 ? 1 : 1 + (size_t)pl_rng_below(seed, 1, p, 9);
    for (size_t k = 0; k < images; k++) {
      const size_t i = backwards ? images - 1 - k : k;
      const bool positive = pl_rng_double(seed, 2 + i, p) < 0.3;
      pl_buf_printf(&rows, "id%zu-%zu,%s\n", p, i, positive ? "1 1" : "-1");
      if (positive && i % 2 == 0) pl_buf_printf(&rows, "id%zu-%zu,7 2\n", p, i);
      pl_buf_printf(&names, "id%zu-%zu,%s%zu\n", p, i, backwards ? "z" : "a", backwards ? patients - p : p);
    }
  }
  pl_error err = {0};
  if (pl_rle_table_parse(t, rows.data, rows.length, true, &err) != PL_OK) fail_msg("%s", err.message);
  *map = parse_map(names.data);
  pl_buf_clear(&rows);
  pl_buf_clear(&names);
}

static int fold_of(const pl_rle_table *t, const int *folds, size_t image) {
  return folds[t->order[t->images[image].first]];
}

static void test_split(void **state) {
  (void)state;
  static const struct {
    size_t patients;
    int folds;
    size_t images, positives;  // at most this different
  } sets[] = {{400, 5, 1, 1}, {97, 3, 1, 1}, {60, 5, 2, 2}, {2000, 10, 1, 1}, {30, 7, 4, 4}, {12, 12, 9, 9}};
  for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++) {
    pl_rle_table a = {0}, b = {0};
    pl_patients map_a = {0}, map_b = {0};
    make_set(&a, &map_a, sets[s].patients, s, false);
    make_set(&b, &map_b, sets[s].patients, s, true);
    int *folds_a = pl_xcalloc(a.count, sizeof *folds_a), *folds_b = pl_xcalloc(b.count, sizeof *folds_b);
    assert_int_equal(pl_split_by_patient(folds_a, &a, &map_a, NULL, sets[s].folds, 42, NULL), PL_OK);
    const spread got = measure(&a, &map_a, folds_a, sets[s].folds);
    print_message("%zu patients, %zu images, %d folds: differ by %zu images, %zu positives\n", sets[s].patients,
                  a.image_count, sets[s].folds, got.images, got.positives);
    assert_true(got.images <= sets[s].images && got.positives <= sets[s].positives);
    // Neither the order of the rows nor the patients' names matter; the seed does.
    assert_int_equal(pl_split_by_patient(folds_b, &b, &map_b, NULL, sets[s].folds, 42, NULL), PL_OK);
    for (size_t i = 0; i < a.image_count; i++) assert_int_equal(fold_of(&a, folds_a, i), fold_of(&b, folds_b, i));
    assert_int_equal(pl_split_by_patient(folds_b, &b, &map_b, NULL, sets[s].folds, 43, NULL), PL_OK);
    size_t same = 0;
    for (size_t i = 0; i < a.image_count; i++) same += fold_of(&a, folds_a, i) == fold_of(&b, folds_b, i);
    assert_true(same < a.image_count);
    pl_rle_table_clear(&a);
    pl_rle_table_clear(&b);
    pl_patients_clear(&map_a);
    pl_patients_clear(&map_b);
    free(folds_a);
    free(folds_b);
  }
}

// A part of the images that is present has even folds too.
static void test_split_present(void **state) {
  (void)state;
  pl_rle_table t = {0};
  pl_patients map = {0};
  make_set(&t, &map, 900, 5, false);
  bool *present = pl_xcalloc(t.image_count, sizeof *present);
  int *folds = pl_xcalloc(t.count, sizeof *folds);
  for (size_t i = 0; i < t.image_count; i += 7) present[i] = true;
  assert_int_equal(pl_split_by_patient(folds, &t, &map, present, 5, 42, NULL), PL_OK);
  const spread all = measure(&t, &map, folds, 5);
  assert_true(all.images <= 2 && all.positives <= 2);
  size_t images[5] = {0}, positives[5] = {0};
  for (size_t i = 0; i < t.image_count; i++) {
    images[fold_of(&t, folds, i)] += present[i];
    positives[fold_of(&t, folds, i)] += present[i] && t.images[i].has_mask;
  }
  for (int f = 1; f < 5; f++) {
    assert_in_range(images[f] + 2, images[0], images[0] + 4);
    assert_in_range(positives[f] + 2, positives[0], positives[0] + 4);
  }
  pl_rle_table_clear(&t);
  pl_patients_clear(&map);
  free(present);
  free(folds);
}

static void test_split_refuses(void **state) {
  (void)state;
  pl_rle_table t = {0};
  const char text[] = "a,1 1\nb,-1\nc,-1\nd,1 2\n";
  assert_int_equal(pl_rle_table_parse(&t, text, sizeof text - 1, true, NULL), PL_OK);
  int folds[4];
  pl_error err = {0};
  pl_patients map = parse_map("ImageId,patient\nx,P\n");
  assert_int_equal(pl_split_by_patient(folds, &t, &map, NULL, 2, 1, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "another set's map"));
  pl_patients_clear(&map);
  map = parse_map("ImageId,patient\na,P\nb,P\nc,Q\nd,Q\n");
  assert_int_equal(pl_split_by_patient(folds, &t, &map, NULL, 3, 1, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "only 2 patients"));
  assert_int_equal(pl_split_by_patient(folds, &t, &map, NULL, 1, 1, NULL), PL_E_USAGE);
  assert_int_equal(pl_split_by_patient(folds, &t, &map, NULL, 2, 1, NULL), PL_OK);
  assert_true(folds[0] == folds[1] && folds[2] == folds[3] && folds[0] != folds[2]);
  pl_patients_clear(&map);
  // Images that the map lacks are patients of their own.
  map = parse_map("ImageId,patient\na,P\nb,P\n");
  assert_int_equal(pl_split_by_patient(folds, &t, &map, NULL, 3, 1, NULL), PL_OK);
  assert_true(folds[0] == folds[1] && folds[2] != folds[3]);
  pl_patients_clear(&map);
  pl_rle_table_clear(&t);
}

static void test_real_map(void **state) {
  (void)state;
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  real_unpacked(&text, "siim/siim-to-nih-id.csv.gz");
  pl_patients map = {0};
  pl_error err = {0};
  if (pl_patients_parse(&map, text.data, text.length, &err) != PL_OK) fail_msg("%s", err.message);
  assert_int_equal(map.count, 12047);
  assert_int_equal(map.patient_count, 6171);
  pl_buf_reset(&text);
  real_unpacked(&text, "siim/train-rle.csv.gz");
  pl_rle_table t = {0};
  if (pl_rle_table_parse(&t, text.data, text.length, true, &err) != PL_OK) fail_msg("%s", err.message);
  int *folds = pl_xcalloc(t.count, sizeof *folds);
  for (uint64_t seed = 40; seed < 50; seed++) {
    assert_int_equal(pl_split_by_patient(folds, &t, &map, NULL, 5, seed, NULL), PL_OK);
    const spread got = measure(&t, &map, folds, 5);
    print_message("6171 patients, seed %d: 5 folds differ by %zu images, %zu positives\n", (int)seed, got.images,
                  got.positives);
    assert_true(got.images <= 2 && got.positives <= 2);
  }
  for (int count = 2; count <= 20; count += 6) {
    assert_int_equal(pl_split_by_patient(folds, &t, &map, NULL, count, 42, NULL), PL_OK);
    const spread got = measure(&t, &map, folds, count);
    print_message("6171 patients: %d folds differ by %zu images, %zu positives\n", count, got.images, got.positives);
    assert_true(got.images <= 2 && got.positives <= 2);
  }
  free(folds);
  pl_rle_table_clear(&t);
  pl_patients_clear(&map);
  pl_buf_clear(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_layouts),  cmocka_unit_test(test_bad_maps),      cmocka_unit_test(test_from_cases),
      cmocka_unit_test(test_split),    cmocka_unit_test(test_split_present), cmocka_unit_test(test_split_refuses),
      cmocka_unit_test(test_real_map),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
