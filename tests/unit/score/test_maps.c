// Folders of maps, their means, evaluations of them, the tuner's file, and which cases training knows.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/rle.h"
#include "core/image/probability.h"
#include "core/run/evaluation.h"
#include "core/run/toll.h"
#include "core/score/binarize.h"
#include "core/score/evaluate.h"
#include "core/score/levels_file.h"
#include "core/score/maps.h"
#include "core/score/truth.h"
#include "tests/tools/testing.h"

enum { SIDE = 32, LABEL_SIDE = 48, CASES = 12 };

typedef struct place {
  char *folder;
} place;

static int set_up(void **state) {
  place *p = pl_xcalloc(1, sizeof *p);
  p->folder = pl_xprintf("%s/pleura-maps-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
  assert_non_null(mkdtemp(p->folder));
  *state = p;
  return 0;
}

static int tear_down(void **state) {
  place *p = *state;
  assert_int_equal(pl_fs_remove_tree(p->folder, NULL), PL_OK);
  free(p->folder);
  free(p);
  return 0;
}

static char *inside(const place *p, const char *name) { return pl_path_join(p->folder, name); }

static void must(pl_status status, const pl_error *err) {
  if (status != PL_OK) fail_msg("%s", err->message);
}

static float probability(uint64_t seed, size_t i) {
  const double x = (double)(i % SIDE) / SIDE, y = (double)(i / SIDE) / SIDE;
  const double cx = pl_rng_double(seed, 0, 0), cy = pl_rng_double(seed, 0, 1);
  return (float)(1.2 - 3 * hypot(x - cx, y - cy) + 0.3 * pl_rng_double(seed, 1, i));
}

static void write_map(const char *folder, const char *id, uint64_t seed) {
  float map[SIDE * SIDE];
  for (size_t i = 0; i < SIDE * SIDE; i++) map[i] = probability(seed, i);
  pl_error err = {0};
  must(pl_maps_write(folder, (const char *const[]){id}, map, 1, SIDE, &err), &err);
}

static void begin(const char *folder, const char *recipe) {
  int lock = -1;
  pl_error err = {0};
  must(pl_maps_begin(&lock, folder, recipe, &err), &err);
  (void)close(lock);
}

static void test_recipe(void **state) {
  const place *p = *state;
  char *folder = inside(p, "prob"), *recipe = NULL;
  pl_error err = {0};
  assert_int_equal(pl_maps_recipe(&recipe, folder, &err), PL_E_NOTFOUND);
  begin(folder, "{\"a\":1}");
  write_map(folder, "x", 1);
  assert_true(pl_maps_has(folder, "x"));
  begin(folder, "{\"a\":1}");  // the same: it stays
  assert_true(pl_maps_has(folder, "x"));
  begin(folder, "{\"a\":2}");  // another: it goes
  assert_false(pl_maps_has(folder, "x"));
  must(pl_maps_recipe(&recipe, folder, &err), &err);
  assert_string_equal(recipe, "{\"a\":2}");
  free(recipe);
  // An interrupted change of recipe: what is there belongs to neither.
  write_map(folder, "x", 1);
  char *file = pl_path_join(folder, "maps.json");
  must(pl_fs_replace(file, "{\"emptying\":true}\n", 18, &err), &err);
  begin(folder, "{\"a\":2}");
  assert_false(pl_maps_has(folder, "x"));
  must(pl_fs_replace(file, "[]", 2, &err), &err);
  int lock = -1;
  assert_int_equal(pl_maps_begin(&lock, folder, "{}", &err), PL_E_FORMAT);
  free(file);
  free(folder);
}

// Nobody's pictures are taken for maps.
static void test_other_folders(void **state) {
  const place *p = *state;
  char *folder = inside(p, "pictures"), *file = pl_path_join(folder, "cat.png");
  pl_error err = {0};
  int lock = -1;
  must(pl_fs_make_folders(folder, &err), &err);
  must(pl_fs_replace(file, "x", 1, &err), &err);
  assert_int_equal(pl_maps_begin(&lock, folder, "{}", &err), PL_E_EXISTS);
  assert_true(pl_fs_is_file(file));
  free(file);
  free(folder);
}

static void test_lock(void **state) {
  const place *p = *state;
  char *folder = inside(p, "prob");
  pl_error err = {0};
  int one = -1, two = -1;
  must(pl_maps_begin(&one, folder, "{}", &err), &err);
  assert_int_equal(pl_maps_begin(&two, folder, "{}", &err), PL_E_BUSY);
  (void)close(one);
  must(pl_maps_begin(&two, folder, "{}", &err), &err);
  (void)close(two);
  free(folder);
}

// Means by weight: each map is resized, then they are averaged and rounded.
static void test_mean(void **state) {
  const place *p = *state;
  char *a = inside(p, "a"), *b = inside(p, "b");
  begin(a, "{}");
  begin(b, "{}");
  write_map(a, "x", 1);
  write_map(b, "x", 2);
  const pl_map_source sources[] = {{a, 2}, {b, 1}};
  pl_image one = {0}, two = {0}, mean = {0};
  pl_error err = {0};
  must(pl_maps_read(&one, &sources[0], 1, "x", LABEL_SIDE, LABEL_SIDE, &err), &err);
  must(pl_maps_read(&two, &sources[1], 1, "x", LABEL_SIDE, LABEL_SIDE, &err), &err);
  must(pl_maps_read(&mean, sources, 2, "x", LABEL_SIDE, LABEL_SIDE, &err), &err);
  for (size_t i = 0; i < LABEL_SIDE * LABEL_SIDE; i++) {
    assert_int_equal(mean.u16[i], (int)floor((2.0 * one.u16[i] + two.u16[i]) / 3 + 0.5));
  }
  assert_int_equal(pl_maps_read(&mean, sources, 2, "y", LABEL_SIDE, LABEL_SIDE, &err), PL_E_NOTFOUND);
  pl_image_clear(&one);
  pl_image_clear(&two);
  pl_image_clear(&mean);
  free(a);
  free(b);
}

// ---- Evaluation

static pl_manifest make_manifest(const char *workspace) {
  pl_manifest m = {.workspace = pl_xstrdup(workspace), .cases = pl_xcalloc(CASES, sizeof *m.cases), .count = CASES};
  for (uint32_t i = 0; i < CASES; i++) {
    m.cases[i] = (pl_case){.number = i + 1,
                           .id = pl_xprintf("case-%02u", i),
                           .source = pl_xstrdup(""),
                           .patient = pl_xstrdup(""),
                           .rows = LABEL_SIDE,
                           .cols = LABEL_SIDE,
                           .age = -1,
                           .fold = (int)i % 3};
  }
  m.fold_count = 3;
  return m;
}

// Labels near the maps, in two rows each; every fourth case is negative.
static void write_labels(pl_manifest *m) {
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  (void)pl_buf_add_text(&text, "ImageId,EncodedPixels\n");
  for (size_t i = 0; i < m->count; i++) {
    pl_image mask = {0};
    pl_error err = {0};
    must(pl_image_init(&mask, LABEL_SIDE, LABEL_SIDE, PL_PIXEL_U8, PL_IMAGE_MASK, &err), &err);
    for (size_t k = 0; k < LABEL_SIDE * LABEL_SIDE && i % 4 != 3; k++) {
      const size_t x = k % LABEL_SIDE * SIDE / LABEL_SIDE, y = k / LABEL_SIDE * SIDE / LABEL_SIDE;
      mask.u8[k] = probability(i, y * SIDE + x) > 0.6F ? 255 : 0;
    }
    m->cases[i].mask_area = pl_mask_area(&mask);
    m->cases[i].label = m->cases[i].mask_area > 0 ? PL_LABEL_POSITIVE : PL_LABEL_NEGATIVE;
    for (int row = 0; row < 2; row++) {
      (void)pl_buf_printf(&text, "%s,", m->cases[i].id);
      must(pl_rle_encode(&text, &mask, &err), &err);
      (void)pl_buf_add_text(&text, "\n");
    }
    pl_image_clear(&mask);
  }
  char *path = pl_path_join(m->workspace, "train-rle.csv");
  pl_error err = {0};
  must(pl_fs_replace(path, text.data, text.length, &err), &err);
  pl_buf_clear(&text);
  free(path);
}

// The tuner's number is the evaluation's, to the last bit, for 100 triplets at random.
static void test_tuner_equals_evaluation(void **state) {
  const place *p = *state;
  char *folder = inside(p, "prob");
  pl_manifest m = make_manifest(p->folder);
  pl_truth truth = {.name = NULL};
  pl_error err = {0};
  write_labels(&m);
  begin(folder, "{}");
  const pl_map_source source = {folder, 1};
  pl_evaluate_case cases[CASES];
  for (size_t i = 0; i < CASES; i++) {
    write_map(folder, m.cases[i].id, i);
    cases[i] = (pl_evaluate_case){i, &source, 1};
  }
  must(pl_truth_load(&truth, p->folder, PL_LABELS_ORIGINAL, &err), &err);
  pl_evaluate_job job = {.manifest = &m, .truth = &truth, .cases = cases, .count = CASES};
  pl_levels levels[CASES];
  must(pl_evaluate(NULL, levels, &job, &err), &err);
  double least = 2, most = -1;
  for (uint64_t k = 0; k < 100; k++) {
    const int top = (int)pl_rng_below(8, k, 0, PL_LEVELS);
    const pl_level_triplet t = {
        .top = top, .area = pl_rng_below(8, k, 1, 300), .bottom = (int)pl_rng_below(8, k, 2, (uint64_t)top + 1)};
    pl_score_case scores[CASES];
    job.binarizer.triplet = pl_level_triplet_values(&t);
    must(pl_evaluate(scores, NULL, &job, &err), &err);
    const double dice = pl_score_summarise(scores, CASES).dice;
    if (pl_levels_dice(levels, CASES, &t) != dice) fail_msg("triplet %d: %.17g", (int)k, dice);
    least = fmin(least, dice);
    most = fmax(most, dice);
  }
  assert_true(most - least > 0.2);  // the triplets do differ
  // A table of other labels is noticed.
  m.cases[0].mask_area++;
  assert_int_equal(pl_evaluate(NULL, levels, &job, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "import the images again"));
  pl_truth_clear(&truth);
  pl_manifest_clear(&m);
  free(folder);
}

static void test_levels_file(void **state) {
  const place *p = *state;
  char *path = inside(p, "levels.bin"), key[PL_SHA256_HEX_SIZE], other[PL_SHA256_HEX_SIZE];
  pl_levels_entry entries[3] = {{.number = 7}, {.number = 9}, {.number = 4000000000U}}, *read = NULL;
  size_t count = 0;
  pl_error err = {0};
  for (uint32_t i = 0; i < 3; i++) {
    entries[i].levels.truth = 900 + i;
    for (uint32_t k = 0; k < PL_LEVELS; k++) {
      entries[i].levels.area[k] = 5000000 - 7 * k - i;
      entries[i].levels.hits[k] = 800 - k;
    }
  }
  pl_levels_key(key, "{}", "labels");
  pl_levels_key(other, "{}", "other labels");
  assert_int_equal(pl_levels_load(&read, &count, path, key, &err), PL_E_NOTFOUND);
  must(pl_levels_save(path, key, entries, 3, &err), &err);
  assert_int_equal(pl_levels_load(&read, &count, path, other, &err), PL_E_NOTFOUND);
  must(pl_levels_load(&read, &count, path, key, &err), &err);
  assert_int_equal(count, 3);
  assert_memory_equal(read, entries, sizeof entries);
  free(read);
  // Every byte that is wrong, and every length, is noticed.
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  must(pl_fs_read(&text, path, &err), &err);
  for (size_t i = 0; i < text.length; i++) {
    text.data[i] ^= 4;
    assert_true(pl_levels_parse(&read, &count, text.data, text.length, key, &err) != PL_OK);
    text.data[i] ^= 4;
  }
  for (size_t length = 0; length < text.length; length++) {
    assert_int_equal(pl_levels_parse(&read, &count, text.data, length, key, &err), PL_E_FORMAT);
  }
  pl_buf_clear(&text);
  // Counts that cannot be: more hits than pixels of the label.
  entries[1].levels.hits[0] = 902;
  must(pl_levels_save(path, key, entries, 3, &err), &err);
  assert_int_equal(pl_levels_load(&read, &count, path, key, &err), PL_E_FORMAT);
  free(path);
}

// ---- Leaks

static void test_toll(void **state) {
  const place *p = *state;
  // Folds 0 1 2 0 1 2 ...: the run holds out fold 0, that is cases 0 3 6 9. 3 shares its patient with 4 (trained on),
  // 6 with 9 (held out too), and 9 is a copy of 1 (trained on) and 0 one of 6.
  pl_run_info *info = pl_xcalloc(1, sizeof *info);
  pl_ensemble_member member = {.info = info, .weight = 1, .maps = (char *)(uintptr_t) "maps", .folder = NULL};
  pl_ensemble e = {.manifest = make_manifest(p->folder), .members = &member, .count = 1};
  for (size_t i = 0; i < CASES; i++) e.manifest.cases[i].label = i % 2 ? PL_LABEL_POSITIVE : PL_LABEL_NEGATIVE;
  static const char people[] =
      "ImageId,patient\ncase-00,a\ncase-03,b\ncase-04,b\ncase-06,c\ncase-09,c\ncase-01,d\ncase-02,e\n";
  static const char table[] =
      "ImageId,kfold\ncase-00,0\ncase-01,1\ncase-02,2\ncase-03,0\ncase-06,0\ncase-06,1\ncase-09,0\n";
  pl_patients patients = {.count = 0};
  pl_folds folds = {.count = 0};
  pl_error err = {0};
  must(pl_patients_parse(&patients, people, strlen(people), &err), &err);
  must(pl_folds_parse(&folds, table, strlen(table), &err), &err);
  pl_copy_pair pairs[] = {{1, 5, 2}, {0, 4, 2}};  // by the order of ids in the table
  const pl_leak_report copies = {.copies = pairs, .copy_count = 2};
  pl_ensemble_cases cases = {.count = 0};
  must(pl_ensemble_select_valid(&cases, &e, NULL, &err), &err);
  assert_int_equal(cases.count, 4);
  uint8_t kinds[4];
  const pl_toll_sources nothing = {.patients = NULL};
  must(pl_toll_mark(kinds, &e, &cases, &nothing, &err), &err);
  assert_memory_equal(kinds, ((uint8_t[]){0, 0, 0, 0}), 4);
  const pl_toll_sources all = {.patients = &patients, .folds = &folds, .copies = &copies};
  must(pl_toll_mark(kinds, &e, &cases, &all, &err), &err);
  // 6 has a row in fold 1, which was trained on.
  assert_memory_equal(kinds, ((uint8_t[]){0, PL_LEAK_PATIENT, PL_LEAK_IMAGE, PL_LEAK_IMAGE}), 4);
  pl_ensemble_cases_clear(&cases);
  pl_patients_clear(&patients);
  pl_folds_clear(&folds);
  pl_manifest_clear(&e.manifest);
  free(info);
}

// Which runs judge which cases: their own fold alone, narrowed down by the filter.
static void test_select(void **state) {
  const place *p = *state;
  pl_run_info *infos = pl_xcalloc(3, sizeof *infos);
  char *names[] = {"a", "b", "c"};
  pl_ensemble_member members[3];
  for (int i = 0; i < 3; i++) members[i] = (pl_ensemble_member){.info = &infos[i], .maps = names[i], .weight = 1 + i};
  infos[1].config.fold = 1;
  infos[2].config.fold = 1;
  infos[2].config.limit = 2;
  pl_ensemble e = {.manifest = make_manifest(p->folder), .members = members, .count = 3};
  for (size_t i = 0; i < CASES; i++) e.manifest.cases[i].label = i % 2 ? PL_LABEL_POSITIVE : PL_LABEL_NEGATIVE;
  for (int i = 0; i < 3; i++) members[i].folder = names[i];
  pl_ensemble_cases cases = {.count = 0};
  pl_error err = {0};
  must(pl_ensemble_select_valid(&cases, &e, NULL, &err), &err);
  assert_int_equal(cases.count, 8);  // folds 0 and 1
  for (size_t i = 0; i < cases.count; i++) {
    const size_t index = cases.cases[i].index;
    // Run c validates on the first two of fold 1, cases 1 and 4.
    assert_int_equal(cases.cases[i].source_count, index == 1 || index == 4 ? 2 : 1);
    assert_string_equal(cases.cases[i].sources[0].folder, index % 3 == 0 ? "a" : "b");
    assert_int_equal(cases.judged[i * 3], index % 3 == 0);
  }
  pl_ensemble_cases_clear(&cases);
  pl_filter where;
  must(pl_filter_parse(&where, "positive", &err), &err);
  must(pl_ensemble_select_valid(&cases, &e, &where, &err), &err);
  assert_int_equal(cases.count, 4);
  pl_ensemble_cases_clear(&cases);
  must(pl_filter_parse(&where, "age>90", &err), &err);
  assert_int_equal(pl_ensemble_select_valid(&cases, &e, &where, &err), PL_E_USAGE);
  pl_ensemble_select(&cases, &e, (const size_t[]){2, 5}, 2);
  assert_int_equal(cases.count, 2);
  assert_int_equal(cases.cases[1].source_count, 3);
  assert_int_equal(cases.cases[1].index, 5);
  pl_ensemble_cases_clear(&cases);
  pl_manifest_clear(&e.manifest);
  free(infos);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_recipe, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_other_folders, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_lock, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_mean, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_tuner_equals_evaluation, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_levels_file, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_toll, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_select, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
