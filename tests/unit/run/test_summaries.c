// Runs side by side: what is read, when it is read again, and which scores may be compared.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/run/summaries.h"
#include "tests/screens/fixture.h"
#include "tests/tools/testing.h"

static char root[64];

static int set_up(void **state) {
  (void)state;
  pl_error err = {0};
  memcpy(root, "/tmp/pleura-summaries-XXXXXX", 29);
  if (mkdtemp(root) == NULL) return -1;
  char *workspace = pl_path_join(root, "w");
  const pl_status status = fixture_workspace(workspace, 12, &err);
  free(workspace);
  return status == PL_OK ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  return pl_fs_remove_tree(root, NULL) == PL_OK ? 0 : -1;
}

static void add_run(const char *workspace, const char *name, int epochs) {
  char *folder = NULL;
  pl_error err = {0};
  if (fixture_run(&folder, workspace, name, epochs, PL_PHASE_FINISHED, &err) != PL_OK) fail_msg("%s", err.message);
  free(folder);
}

static void runs_are_read_once(void **state) {
  (void)state;
  char *workspace = pl_path_join(root, "w");
  pl_run_summaries list = {0};
  pl_error err = {0};
  bool changed = false;
  int64_t epoch = -1;
  assert_int_equal(pl_run_summaries_update(&list, workspace, &changed, &err), PL_OK);
  assert_int_equal(list.count, 0);
  add_run(workspace, "2026-11-22-a", 4);
  add_run(workspace, "2026-11-23-a", 9);
  assert_int_equal(pl_run_summaries_update(&list, workspace, &changed, &err), PL_OK);
  assert_true(changed);
  assert_int_equal(list.count, 2);
  assert_string_equal(list.runs[1].name, "2026-11-23-a");
  assert_int_equal(list.runs[0].epoch_count, 5);  // with the untrained network's
  assert_int_equal(list.runs[1].epoch_count, 10);
  assert_non_null(list.runs[1].info);
  assert_true(isfinite(pl_run_summary_best(&list.runs[1], &epoch)));
  assert_int_equal(pl_run_summaries_update(&list, workspace, &changed, &err), PL_OK);
  assert_false(changed);
  // A new one in front keeps what is known of the others.
  const pl_epoch_record *before = list.runs[1].epochs;
  add_run(workspace, "2026-11-21-a", 2);
  assert_int_equal(pl_run_summaries_update(&list, workspace, &changed, &err), PL_OK);
  assert_true(changed);
  assert_int_equal(list.count, 3);
  assert_ptr_equal(list.runs[2].epochs, before);
  pl_run_summaries_clear(&list);
  free(workspace);
}

static void some_scores_are_not_comparable(void **state) {
  (void)state;
  char *workspace = pl_path_join(root, "w");
  pl_run_summaries list = {0};
  pl_error err = {0};
  char why[160];
  assert_int_equal(pl_run_summaries_update(&list, workspace, NULL, &err), PL_OK);
  assert_true(list.count >= 2);
  pl_run_summary *a = &list.runs[0], *b = &list.runs[1];
  const pl_run_summary *both[] = {a, b};
  pl_run_incomparable(why, sizeof why, a, b);
  assert_string_equal(why, "");
  assert_false(pl_run_option_differs(pl_option_find("fold"), both, 2));
  b->info->config.fold = 3;
  assert_true(pl_run_option_differs(pl_option_find("fold"), both, 2));
  pl_run_incomparable(why, sizeof why, a, b);
  assert_string_equal(why, "another fold");
  b->info->config.fold = a->info->config.fold;
  b->info->labels_sha256[0] = 'x';
  b->info->config.size = 64;
  pl_run_incomparable(why, sizeof why, a, b);
  assert_string_equal(why, "other folds or labels, another size");
  // Corrected labels say so; whether the folds differ too is not known then.
  assert_int_equal(pl_config_set(&b->info->config, "labels", "corrected", PL_ORIGIN_COMMAND, &err), PL_OK);
  b->info->config.size = a->info->config.size;
  pl_run_incomparable(why, sizeof why, a, b);
  assert_string_equal(why, "other labels");
  assert_int_equal(pl_config_set(&b->info->config, "labels", "original", PL_ORIGIN_COMMAND, &err), PL_OK);
  // The learning rate is what one compares.
  b->info->labels_sha256[0] = a->info->labels_sha256[0];
  b->info->config.size = a->info->config.size;
  b->info->config.learning_rate = 3;
  pl_run_incomparable(why, sizeof why, a, b);
  assert_string_equal(why, "");
  pl_run_summaries_clear(&list);
  free(workspace);
}

static void put(const char *workspace, const char *name, const char *text) {
  char *path = pl_path_join(workspace, name);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  free(path);
}

static void expect_marks(pl_run_summaries *list, const char *workspace, size_t run, const char *marks) {
  char text[160];
  assert_int_equal(pl_run_summaries_update(list, workspace, NULL, NULL), PL_OK);
  assert_true(list->has_tables);
  pl_tables_marks(text, sizeof text, list->runs[run].info, &list->tables, PL_LABELS_ORIGINAL);
  assert_string_equal(text, marks);
}

// What changed since a run was made is told apart, where the run kept enough for that.
static void changed_tables_are_told(void **state) {
  (void)state;
  char *workspace = pl_path_join(root, "t"), *path = pl_path_join(workspace, "cases.csv");
  pl_error err = {0};
  pl_run_summaries list = {0};
  bool changed = false;
  pl_buf cases;
  pl_buf_init(&cases, 1 << 20);
  if (fixture_workspace(workspace, 6, &err) != PL_OK) fail_msg("%s", err.message);
  put(workspace, "train-rle.csv", "a,-1\n");
  add_run(workspace, "2026-11-22-a", 1);
  expect_marks(&list, workspace, 0, "");
  char folds[PL_SHA256_HEX_SIZE];
  memcpy(folds, list.runs[0].info->folds_sha256, sizeof folds);
  assert_string_equal(folds, list.tables.folds);
  put(workspace, "folds.csv", "ImageId,kfold\na,0\n");
  expect_marks(&list, workspace, 0, "other folds");
  put(workspace, "train-rle.csv", "a,1 2\n");
  expect_marks(&list, workspace, 0, "other folds, other labels");
  // A run of before the folds' hash was kept.
  list.runs[0].info->folds_sha256[0] = '\0';
  expect_marks(&list, workspace, 0, "other folds or labels");
  memcpy(list.runs[0].info->folds_sha256, folds, sizeof folds);
  assert_int_equal(pl_fs_read(&cases, path, NULL), PL_OK);
  pl_buf_add_text(&cases, "\n");
  put(workspace, "cases.csv", cases.data);
  assert_int_equal(pl_run_summaries_update(&list, workspace, &changed, &err), PL_OK);
  assert_true(changed);
  expect_marks(&list, workspace, 0, "other cases, other folds, other labels");
  // Runs on the corrected labels look at those, and say so; the others do where the corrected ones are shown.
  char text[160];
  pl_run_info *info = list.runs[0].info;
  assert_int_equal(pl_config_set(&info->config, "labels", "corrected", PL_ORIGIN_COMMAND, &err), PL_OK);
  pl_tables_sums(info->dataset_sha256, info->labels_sha256, &list.tables, PL_LABELS_CORRECTED);
  expect_marks(&list, workspace, 0, "scored on corrected labels");
  assert_int_equal(pl_config_set(&info->config, "labels", "original", PL_ORIGIN_COMMAND, &err), PL_OK);
  pl_tables_sums(info->dataset_sha256, info->labels_sha256, &list.tables, PL_LABELS_ORIGINAL);
  expect_marks(&list, workspace, 0, "");
  pl_tables_marks(text, sizeof text, info, &list.tables, PL_LABELS_CORRECTED);
  assert_string_equal(text, "scored on original labels");
  pl_buf_clear(&cases);
  pl_run_summaries_clear(&list);
  free(workspace);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_are_read_once),
      cmocka_unit_test(some_scores_are_not_comparable),
      cmocka_unit_test(changed_tables_are_told),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
