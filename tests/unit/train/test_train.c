// Schedules and scores against numbers worked out by hand, and checkpoints that were damaged.
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/net/registry.h"
#include "core/net/weights.h"
#include "core/train/checkpoint.h"
#include "core/train/metrics.h"
#include "core/train/schedule.h"
#include "tests/golden/torch/schedules.h"
#include "tests/tools/testing.h"

static void near(double value, double expected) {
  if (!(fabs(value - expected) <= 1e-12 * (1 + fabs(expected)))) fail_msg("%.17g is not %.17g", value, expected);
}

static void check_schedule(const char *name, const pl_schedule_options *options, const double expected[TORCH_EPOCHS]) {
  const pl_schedule *s = pl_schedule_find(name);
  assert_non_null(s);
  pl_schedule_state state = pl_schedule_begin();
  for (int e = 0; e < TORCH_EPOCHS; e++) {
    near(s->rate(options, &state, e), expected[e]);
    double value = options->smaller_is_better ? 1 - torch_scores[e] : torch_scores[e];
    if (s->step != NULL) s->step(options, &state, value);
  }
}

// The schedulers of PyTorch, an epoch a step.
static void test_schedules(void **state) {
  (void)state;
  static const int32_t milestones[] = {3, 5, 6, 7, 8, 9, 10, 11, 13, 15};
  pl_schedule_options multistep = {.base = 0.1, .gamma = 0.75, .milestones = milestones, .milestone_count = 10};
  check_schedule("multistep", &multistep, torch_multistep);
  pl_schedule_options plateau = {.base = 0.1, .gamma = 0.1, .patience = 2, .threshold = 1e-4};
  check_schedule("plateau", &plateau, torch_plateau_max);
  plateau = (pl_schedule_options){.base = 0.1,
                                  .gamma = 0.5,
                                  .patience = 1,
                                  .threshold = 1e-2,
                                  .cooldown = 2,
                                  .minimum = 0.01,
                                  .smaller_is_better = true};
  check_schedule("plateau", &plateau, torch_plateau_min);
  pl_schedule_options cosine = {.base = 0.1, .period = 30, .minimum = 0.001};
  check_schedule("cosine", &cosine, torch_cosine);
  cosine = (pl_schedule_options){.base = 0.1, .period = 8};
  check_schedule("cosine", &cosine, torch_cosine_short);
  pl_schedule_options warm = {.base = 0.1, .period = 4, .period_factor = 2, .minimum = 0.001};
  check_schedule("warm-restarts", &warm, torch_warm_restarts);
  warm = (pl_schedule_options){.base = 0.1, .period = 5, .period_factor = 1};
  check_schedule("warm-restarts", &warm, torch_warm_restarts_even);
  assert_null(pl_schedule_find("none"));
}

static void test_dice(void **state) {
  (void)state;
  near(pl_dice_soft(3, 5, 7), (6 + 1e-6) / (12 + 1e-6));
  near(pl_dice_soft(0, 0, 0), 1);
  near(pl_dice_hard(3, 5, 7), 0.5);
  near(pl_dice_hard(0, 0, 0), 1);
  near(pl_dice_hard(0, 1, 0), 0);
}

static void test_metrics(void **state) {
  (void)state;
  // Columns: soft intersection, soft predicted, target, hard intersection, hard predicted.
  static const double first[3][5] = {{2, 4, 4, 3, 4}, {0, 1, 0, 0, 0}, {0, 2, 0, 0, 5}};
  static const double second[1][5] = {{1, 2, 6, 1, 2}};
  double loss1[PL_LOSS_VALUES] = {[PL_LOSS_TOTAL] = 2, [PL_LOSS_FOCAL] = 1},
         loss2[PL_LOSS_VALUES] = {[PL_LOSS_TOTAL] = 5}, dice[3];
  pl_metrics m = {0};
  pl_metrics_add(&m, loss1, &first[0][0], 3, dice);
  near(dice[0], 0.75);  // 2*3/(4+4)
  near(dice[1], 1);     // nothing there, nothing found
  near(dice[2], 0);     // nothing there, five pixels found
  pl_metrics_add(&m, loss2, &second[0][0], 1, NULL);
  pl_scores s = pl_metrics_result(&m);
  near(s.loss, 3.5);
  // (2*2)/(7+4) and (2*1)/(2+6), each batch with the same weight although one has three images.
  near(s.dice_batch, ((4 + 1e-6) / (11 + 1e-6) + (2 + 1e-6) / (8 + 1e-6)) / 2);
  near(s.dice_image, ((4 + 1e-6) / (8 + 1e-6) + 1e-6 / (1 + 1e-6) + 1e-6 / (2 + 1e-6) + (2 + 1e-6) / (8 + 1e-6)) / 4);
  near(s.terms[PL_LOSS_FOCAL], 0.5);
  near(s.dice, (0.75 + 1 + 0 + 0.25) / 4);
  near(s.dice_pos, (0.75 + 0.25) / 2);
  near(s.nothing, 0.5);
  pl_metrics none = {0};
  assert_true(isnan(pl_metrics_result(&none).dice) && isnan(pl_metrics_result(&none).dice_pos));
}

// A store with a small model on the reference backend.
typedef struct fixture {
  char folder[64];
  pl_registry *registry;
  const pl_backend_api *api;
  pl_backend *backend;
  pl_model model;
  pl_store *store;
  pl_checkpoint_source source;
} fixture;

static int set_up(void **state) {
  fixture *f = pl_xcalloc(1, sizeof *f);
  (void)memcpy(f->folder, "/tmp/pleura-train-XXXXXX", 25);
  if (mkdtemp(f->folder) == NULL) return -1;
  pl_host host = {.struct_size = sizeof host, .api_version = PL_BACKEND_API_VERSION};
  pl_error err = {0};
  f->registry = pl_registry_create(&host);
  pl_backend_options options = {.struct_size = sizeof options, .threads = 1, .deterministic = true};
  if (pl_registry_open(&f->backend, &f->api, f->registry, "ref", &options, NULL, 0, &err) != PL_OK) return -1;
  (void)pl_model_add(&f->model, "a.weight", PL_ROLE_PARAMETER, PL_F32, pl_shape_make(2, 3, 4, 1, 1), PL_INIT_UNIFORM,
                     0.5);
  (void)pl_model_add(&f->model, "b.count", PL_ROLE_BUFFER, PL_I64, pl_shape_make(0, 1, 1, 1, 1), PL_INIT_CONSTANT, 7);
  pl_model_add_training_tensors(&f->model, PL_OPTIMIZER_ADAM);
  if (f->api->store_create(&f->store, f->backend, &f->model, NULL, &err) != PL_OK) return -1;
  if (pl_weights_initialise(f->api, f->store, &f->model, 1, &err) != PL_OK) return -1;
  f->source = (pl_checkpoint_source){.api = f->api, .store = f->store, .model = &f->model};
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  f->api->store_destroy(f->store);
  f->api->close(f->backend);
  pl_registry_destroy(f->registry);
  pl_model_clear(&f->model);
  (void)pl_fs_remove_tree(f->folder, NULL);
  free(f);
  return 0;
}

static pl_checkpoint_state state_at(int64_t step) {
  return (pl_checkpoint_state){.step = step,
                               .epoch = 2,
                               .position = 5,
                               .loss_sum = 0.1 + 0.2,
                               .loss_count = 3,
                               .best = (double)NAN,
                               .best_epoch = -1,
                               .seed = 42,
                               .learning_rate = 1e-4,
                               .epochs = 20,
                               .early_stopping = 3,
                               .term_sums = {[PL_LOSS_LOVASZ] = 0.7 + 0.1},
                               .schedule = {.scale = 0.1 * 3, .best = 0.4, .bad_epochs = 2, .cooldown = 1},
                               .top = {{.step = 1, .epoch = 1, .score = 0.5}},
                               .top_count = 1,
                               .encoder = "resnet18",
                               .backend = "ref",
                               .device = "here"};
}

static void save(fixture *f, int64_t step, bool best, int64_t keep) {
  pl_error err = {0};
  pl_checkpoint_state s = state_at(step);
  if (pl_checkpoint_save(f->folder, &f->source, &s, best, keep, &err) != PL_OK) fail_msg("%s", err.message);
}

static void test_checkpoint_round_trip(void **state) {
  fixture *f = *state;
  pl_error err = {0};
  double before[12], after[12];
  assert_int_equal(f->api->download(f->store, 0, PL_F64, before, &err), PL_OK);
  save(f, 7, false, 2);
  double zeros[12] = {0};
  assert_int_equal(f->api->upload(f->store, 0, PL_F64, zeros, &err), PL_OK);
  char *path = NULL;
  pl_checkpoint_state s;
  assert_int_equal(pl_checkpoint_find(&path, &s, f->folder, NULL, NULL, &err), PL_OK);
  assert_string_equal(pl_path_base(path), "000007");
  assert_int_equal(s.step, 7);
  assert_int_equal(s.epoch, 2);
  assert_int_equal(s.position, 5);
  assert_true(s.loss_sum == 0.1 + 0.2);
  assert_true(isnan(s.best));
  pl_checkpoint_state expected = state_at(7);
  assert_memory_equal(s.term_sums, expected.term_sums, sizeof s.term_sums);
  assert_memory_equal(&s.schedule, &expected.schedule, sizeof s.schedule);
  assert_int_equal(s.top_count, 1);
  assert_memory_equal(&s.top[0], &expected.top[0], sizeof s.top[0]);
  assert_int_equal(s.early_stopping, 3);
  assert_int_equal(pl_checkpoint_load(&f->source, path, &err), PL_OK);
  assert_int_equal(f->api->download(f->store, 0, PL_F64, after, &err), PL_OK);
  assert_memory_equal(before, after, sizeof before);
  free(path);
}

static void test_keep_and_best(void **state) {
  fixture *f = *state;
  save(f, 1, false, 2);  // kept for its score: the state lists it
  save(f, 2, true, 2);
  for (int64_t step = 3; step <= 6; step++) save(f, step, false, 2);
  save(f, 6, false, 2);  // the same step again replaces it
  char **names = NULL;
  size_t count = 0;
  assert_int_equal(pl_fs_list(&names, &count, f->folder, NULL), PL_OK);
  assert_int_equal(count, 5);
  assert_string_equal(names[0], "000001");
  assert_string_equal(names[1], "000002");
  assert_string_equal(names[2], "000005");
  assert_string_equal(names[3], "000006");
  assert_string_equal(names[4], "best");
  pl_fs_free_names(names, count);
  char target[64] = "", *best = pl_path_join(f->folder, "best");
  assert_int_equal(readlink(best, target, sizeof target - 1), 6);
  assert_string_equal(target, "000002");
  free(best);
}

static void flip(const char *folder, const char *name, const char *file, off_t at) {
  char *inner = pl_path_join(folder, name), *path = pl_path_join(inner, file), byte;
  int fd = open(path, O_RDWR);
  assert_true(fd >= 0);
  assert_int_equal(pread(fd, &byte, 1, at), 1);
  byte ^= 1;
  assert_int_equal(pwrite(fd, &byte, 1, at), 1);
  close(fd);
  free(inner);
  free(path);
}

static void count_skipped(void *context, const char *path, const char *reason) {
  (void)path;
  assert_true(strlen(reason) > 0);
  ++*(int *)context;
}

static void test_walk_back(void **state) {
  fixture *f = *state;
  for (int64_t step = 1; step <= 4; step++) save(f, step, false, 10);
  flip(f->folder, "000004", "weights.safetensors", 100);
  char *torn = pl_path_join(f->folder, "000003/optimizer.safetensors");
  assert_int_equal(truncate(torn, 20), 0);
  free(torn);
  char *path = NULL;
  pl_checkpoint_state s;
  int skipped = 0;
  pl_error err = {0};
  assert_int_equal(pl_checkpoint_find(&path, &s, f->folder, count_skipped, &skipped, &err), PL_OK);
  assert_string_equal(pl_path_base(path), "000002");
  assert_int_equal(s.step, 2);
  assert_int_equal(skipped, 2);
  free(path);
  flip(f->folder, "000002", "MANIFEST", 30);
  flip(f->folder, "000001", "state.json", 3);
  assert_int_equal(pl_checkpoint_find(&path, &s, f->folder, NULL, NULL, &err), PL_E_NOTFOUND);
}

static void test_sweep(void **state) {
  fixture *f = *state;
  save(f, 1, false, 2);
  char *rest = pl_path_join(f->folder, "000002.tmp-99");
  assert_int_equal(mkdir(rest, 0777), 0);
  assert_int_equal(pl_checkpoint_sweep(f->folder, NULL), PL_OK);
  assert_false(pl_fs_is_folder(rest));
  free(rest);
  pl_checkpoint_state s;
  char *path = NULL;
  assert_int_equal(pl_checkpoint_find(&path, &s, f->folder, NULL, NULL, NULL), PL_OK);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_schedules),
      cmocka_unit_test(test_dice),
      cmocka_unit_test(test_metrics),
      cmocka_unit_test_setup_teardown(test_checkpoint_round_trip, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_keep_and_best, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_walk_back, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_sweep, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
