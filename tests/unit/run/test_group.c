// Groups of runs, and weights that are another run's.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/group.h"
#include "core/run/start_weights.h"
#include "core/run/state.h"
#include "tests/screens/fixture.h"
#include "tests/tools/testing.h"

enum { CASES = 17, FOLDS = 5 };

static int set_up(void **state) {
  char *folder = pl_xstrdup("/tmp/pleura-group-XXXXXX");
  if (mkdtemp(folder) == NULL) return -1;
  *state = folder;
  return fixture_workspace(folder, CASES, NULL) == PL_OK ? 0 : -1;
}

static int tear_down(void **state) {
  pl_status status = pl_fs_remove_tree(*state, NULL);
  free(*state);
  return status;
}

static pl_config config_of(const char *name, const char *const (*values)[2]) {
  pl_config config;
  pl_error err = {0};
  pl_config_defaults(&config);
  static const char *const common[][2] = {{"encoder", "resnet18"}, {"weights", "random"}, {NULL, NULL}};
  const char *const(*const sets[])[2] = {common, values};
  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
    for (const char *const(*v)[2] = sets[i]; v != NULL && (*v)[0] != NULL; v++) {
      if (pl_config_set(&config, (*v)[0], (*v)[1], PL_ORIGIN_COMMAND, &err) != PL_OK) fail_msg("%s", err.message);
    }
  }
  (void)pl_copy_text(config.name, sizeof config.name, name);
  return config;
}

static char *begin(const char *workspace, const char *name, const char *const (*values)[2]) {
  pl_config config = config_of(name, values);
  pl_error err = {0};
  char *folder = NULL;
  if (pl_group_begin(&folder, workspace, &config, &err) != PL_OK) fail_msg("%s", err.message);
  return folder;
}

static void check_fails(const pl_error *err, pl_status code, const char *words) {
  if (err->code != code || strstr(err->message, words) == NULL) fail_msg("%d: %s", (int)err->code, err->message);
}

static void finish_fold(const char *group, const char *workspace, int64_t fold, pl_phase phase, double best) {
  char *path = pl_group_run_folder(group, fold), *run = NULL;
  pl_config config = config_of(pl_path_base(path), NULL);
  config.fold = fold;
  assert_int_equal(pl_run_make(&run, workspace, &config, NULL), PL_OK);
  assert_string_equal(run, path);
  pl_run_state state;
  pl_run_state_init(&state);
  state.phase = phase;
  state.best = best;
  assert_int_equal(pl_run_state_save(&state, run, NULL), PL_OK);
  free(run);
  free(path);
}

static void test_progress(void **state) {
  const char *workspace = *state;
  char *group = begin(workspace, "", NULL), *again = begin(workspace, "", NULL);
  assert_string_equal(again, group);
  free(again);
  pl_group_progress p;
  assert_int_equal(pl_group_look(&p, group, NULL), PL_OK);
  assert_true(p.folds == FOLDS && p.finished == 0 && p.current == 0 && isnan(p.mean) && p.alive == PL_ALIVE_NO);
  finish_fold(group, workspace, 0, PL_PHASE_FINISHED, 0.5);
  finish_fold(group, workspace, 1, PL_PHASE_STOPPED, 0.9);
  finish_fold(group, workspace, 2, PL_PHASE_FINISHED, 0.75);
  assert_int_equal(pl_group_look(&p, group, NULL), PL_OK);
  assert_true(p.finished == 2 && p.current == 1 && p.mean == 0.625 && p.least == 0.5 && p.most == 0.75);
  char *run = pl_group_run_folder(group, 1);
  pl_run_state done;
  assert_int_equal(pl_run_state_load(&done, run, NULL), PL_OK);
  done.phase = PL_PHASE_FINISHED;
  assert_int_equal(pl_run_state_save(&done, run, NULL), PL_OK);
  free(run);
  finish_fold(group, workspace, 3, PL_PHASE_FINISHED, (double)NAN);
  finish_fold(group, workspace, 4, PL_PHASE_FINISHED, 1);
  assert_int_equal(pl_group_look(&p, group, NULL), PL_OK);
  assert_true(p.finished == FOLDS && p.current == -1 && p.mean == (0.5 + 0.9 + 0.75 + 1) / 4);
  // One that is over is not gone on with.
  again = begin(workspace, "", NULL);
  assert_string_not_equal(again, group);
  free(again);
  free(group);
}

static void test_options(void **state) {
  const char *workspace = *state;
  static const char *const other[][2] = {{"batch", "4"}, {"lr", "1e-3"}, {NULL, NULL}};
  char *one = begin(workspace, "one", NULL), *same = begin(workspace, "one", NULL), *two = begin(workspace, "", other);
  assert_string_equal(one, same);
  assert_string_not_equal(one, two);
  pl_config config = config_of("one", other);
  pl_error err = {0};
  char *none = NULL;
  (void)pl_group_begin(&none, workspace, &config, &err);
  check_fails(&err, PL_E_USAGE, "batch 4 instead of 8, learning-rate 0.001 instead of 0.0001");
  // The fold is not an option of a group.
  config = config_of("one", NULL);
  config.fold = 3;
  assert_int_equal(pl_group_begin(&none, workspace, &config, NULL), PL_OK);
  assert_string_equal(none, one);
  free(none);
  none = NULL;
  config = config_of("a-name-of-sixty-bytes-which-is-a-good-name-for-a-run-but-not-a", NULL);
  (void)pl_group_begin(&none, workspace, &config, &err);
  check_fails(&err, PL_E_USAGE, "leaves no room for");
  config.all_folds = true;
  config.name[0] = '\0';
  (void)pl_run_make(&none, workspace, &config, &err);
  check_fails(&err, PL_E_USAGE, "a run has one fold");
  assert_null(none);
  free(one);
  free(same);
  free(two);
}

static void test_names(void **state) {
  const char *workspace = *state;
  char *group = begin(workspace, "x-fold1", NULL), *folder = pl_group_folder(workspace, "x-fold1");
  assert_string_equal(folder, group);
  char *run = pl_group_run_folder(group, 12);
  assert_string_equal(pl_path_base(run), "x-fold1-fold12");
  int64_t fold = -1;
  char *of = pl_group_of_run(&fold, run);
  assert_string_equal(of, group);
  assert_int_equal(fold, 12);
  free(of);
  assert_null(pl_group_of_run(&fold, group));  // "x" is no group
  assert_null(pl_group_of_run(&fold, "/nowhere/x-fold1"));
  assert_null(pl_group_of_run(&fold, "/nowhere/x-foldy"));
  static const char *const strange[] = {"", ".", "..", "x", "../runs/x-fold1", "x-fold1/"};
  for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
    assert_null(pl_group_folder(workspace, strange[i]));
  }
  char **groups = NULL;
  size_t count = 0;
  assert_int_equal(pl_group_list(&groups, &count, workspace, NULL), PL_OK);
  assert_true(count >= 1);
  pl_fs_free_names(groups, count);
  free(run);
  free(folder);
  free(group);
}

static void test_damaged(void **state) {
  char *group = begin(*state, "damaged", NULL), *path = pl_path_join(group, "group.json");
  static const char *const texts[] = {"",
                                      "[]",
                                      "{\"folds\":5}",
                                      "{\"folds\":1,\"options\":{}}",
                                      "{\"folds\":1000000000,\"options\":{}}",
                                      "{\"folds\":5,\"options\":{\"batch\":0}}",
                                      "{\"folds\":5,\"options\":{\"nothing\":0}}"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    pl_group_info *info = pl_xcalloc(1, sizeof *info);
    pl_error err = {0};
    assert_int_equal(pl_fs_replace(path, texts[i], strlen(texts[i]), NULL), PL_OK);
    assert_int_equal(pl_group_load(info, group, &err), PL_E_FORMAT);
    assert_non_null(strstr(err.message, "group.json"));
    free(info);
  }
  free(path);
  free(group);
}

static void adopt_fails(const char *workspace, pl_config config, pl_status code, const char *words) {
  pl_error err = {0};
  assert_int_equal(pl_start_weights_adopt(&config, workspace, &err), code);
  check_fails(&err, code, words);
}

static pl_config from(const char *weights, const char *encoder) {
  const char *const values[][2] = {{"weights", weights}, {encoder != NULL ? "encoder" : NULL, encoder}, {NULL, NULL}};
  pl_config config = config_of("", values);
  if (encoder == NULL) config.origin[pl_option_find("encoder") - pl_options] = PL_ORIGIN_PRESET;
  return config;
}

static void test_weights(void **state) {
  const char *workspace = *state;
  static const char *const scse[][2] = {{"decoder-attention", "scse"}, {"encoder", "resnet34"}, {NULL, NULL}};
  pl_config config = config_of("source", scse);
  char *folder = NULL;
  assert_int_equal(pl_run_make(&folder, workspace, &config, NULL), PL_OK);
  // The network goes with the weights.
  config = from("run:source", NULL);
  assert_int_equal(pl_start_weights_adopt(&config, workspace, NULL), PL_OK);
  assert_string_equal(config.encoder, "resnet34");
  assert_string_equal(config.attention, "scse");
  assert_string_equal(config.weights, "run:source");
  adopt_fails(workspace, from("run:source", "resnet50"), PL_E_USAGE, "run source has encoder resnet34, not resnet50");
  config = from("run:source:best", NULL);
  config.fold = 2;
  adopt_fails(workspace, config, PL_E_USAGE, "take --fold 0, or name the file");
  adopt_fails(workspace, from("run::best", NULL), PL_E_USAGE, "run:NAME:12");
  adopt_fails(workspace, from("run:source:", NULL), PL_E_USAGE, "run:NAME:12");
  adopt_fails(workspace, from("run:source:worst", NULL), PL_E_USAGE, "run:NAME:12");
  adopt_fails(workspace, from("run:source:-1", NULL), PL_E_USAGE, "run:NAME:12");
  adopt_fails(workspace, from("run:nothing", NULL), PL_E_NOTFOUND, "there is no run 'nothing'");
  adopt_fails(NULL, from("run:source", NULL), PL_E_USAGE, "there is none here");
  static const struct {
    const char *weights, *words;
  } missing[] = {{"run:source", "no epoch of it has been evaluated"},
                 {"run:source:last", "run source"},
                 {"run:source:3", "there is no checkpoint of epoch 3; there are: none"}};
  for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
    pl_error err = {0};
    config = from(missing[i].weights, NULL);
    assert_int_equal(pl_start_weights_choose(&config, workspace, &err), PL_E_NOTFOUND);
    check_fails(&err, PL_E_NOTFOUND, missing[i].words);
  }
  free(folder);
  // A preset leaves the run open: that can be planned with, but not started.
  pl_error open = {0};
  config = from("run:", NULL);
  assert_int_equal(pl_start_weights_adopt(&config, NULL, NULL), PL_OK);
  assert_int_equal(pl_start_weights_choose(&config, workspace, &open), PL_E_USAGE);
  check_fails(&open, PL_E_USAGE, "name it with --weights run:NAME");
  // A group stands for its run of the same fold.
  char *group = begin(workspace, "first", NULL);
  finish_fold(group, workspace, 2, PL_PHASE_FINISHED, 0.5);
  config = from("run:first", NULL);
  config.fold = 2;
  assert_int_equal(pl_start_weights_adopt(&config, workspace, NULL), PL_OK);
  config.fold = 1;
  adopt_fails(workspace, config, PL_E_NOTFOUND, "group first has no run of fold 1 yet");
  free(group);
}

static void test_leak(void **state) {
  const char *workspace = *state;
  pl_config config = config_of("seen", NULL);
  char *folder = NULL, why[PL_ERROR_MESSAGE_MAX], name[160];
  assert_int_equal(pl_run_make(&folder, workspace, &config, NULL), PL_OK);
  pl_run_info *info = pl_xcalloc(1, sizeof *info);
  assert_int_equal(pl_run_load(info, folder, NULL), PL_OK);
  (void)snprintf(info->config.weights, sizeof info->config.weights, "%.900s/ckpt/000012/weights.safetensors", folder);
  assert_false(pl_start_weights_leak(why, sizeof why, info));
  pl_start_weights_name(name, sizeof name, &info->config);
  assert_string_equal(name, "run seen, step 12");
  info->config.fold = 1;
  assert_true(pl_start_weights_leak(why, sizeof why, info));
  assert_non_null(strstr(why, "held out fold 0 and was trained on fold 1"));
  info->config.fold = 0;
  info->labels_sha256[0] ^= 1;
  assert_true(pl_start_weights_leak(why, sizeof why, info));
  assert_non_null(strstr(why, "other cases or folds"));
  (void)pl_copy_text(info->config.weights, sizeof info->config.weights, "/tmp/ckpt/seen/weights.safetensors");
  assert_false(pl_start_weights_leak(why, sizeof why, info));
  pl_start_weights_name(name, sizeof name, &info->config);
  assert_string_equal(name, "weights.safetensors");
  free(info);
  free(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_progress), cmocka_unit_test(test_options), cmocka_unit_test(test_names),
      cmocka_unit_test(test_damaged),  cmocka_unit_test(test_weights), cmocka_unit_test(test_leak),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
