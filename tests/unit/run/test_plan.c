// Plans of trainings: against the network's known size, a real training's memory and time, and what does not fit.
#include "core/run/plan.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/net/registry.h"
#include "core/run/journal.h"
#include "core/run/rundir.h"
#include "core/run/state.h"
#include "tests/screens/fixture.h"
#include "tests/tools/testing.h"

enum { CASES = 40 };

typedef struct world {
  char folder[32];
  pl_manifest manifest;
  pl_config config;
} world;

static int set_up(void **state) {
  world *w = pl_xcalloc(1, sizeof *w);
  (void)pl_copy_text(w->folder, sizeof w->folder, "/tmp/pleura-plan-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  pl_error err = {0};
  if (fixture_workspace(w->folder, CASES, &err) != PL_OK) fail_msg("%s", err.message);
  if (pl_manifest_load(&w->manifest, w->folder, &err) != PL_OK) fail_msg("%s", err.message);
  pl_config_defaults(&w->config);
  (void)pl_copy_text(w->config.backend, sizeof w->config.backend, "onednn");
  (void)pl_copy_text(w->config.encoder, sizeof w->config.encoder, "resnet18");
  (void)pl_copy_text(w->config.weights, sizeof w->config.weights, "random");
  // Timing may choose other algorithms than the rule by which a plan goes.
  (void)pl_copy_text(w->config.choices, sizeof w->config.choices, PL_CHOICES_FIXED);
  w->config.size = 128;
  w->config.batch = w->config.valid_batch = 8;
  w->config.epochs = 1;
  w->config.threads = 2;
  w->config.workers = 1;
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  pl_manifest_clear(&w->manifest);
  pl_fs_remove_tree(w->folder, NULL);
  free(w);
  return 0;
}

static pl_run_plan make(const pl_config *config, const pl_manifest *manifest, int64_t images) {
  pl_run_plan plan = {0};
  pl_error err = {0};
  if (pl_run_plan_make(&plan, config, manifest, images, &err) != PL_OK) fail_msg("%s", err.message);
  return plan;
}

// Trains in a core of its own; returns the largest resident size in bytes.
static double train(const world *w, int *code, char **folder) {
  pl_error err = {0};
  if (pl_run_make(folder, w->folder, &w->config, &err) != PL_OK) fail_msg("%s", err.message);
  const char *build = getenv("PLEURA_BUILD");
  char *pleura = pl_path_join(build != NULL ? build : "build/release", "bin/pleura");
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    // As pl_spawn_core does, for machines that do other work too.
    setenv("GOMP_SPINCOUNT", "10000", 0);
    execl(pleura, pleura, "core", "--run", *folder, (char *)NULL);
    _exit(127);
  }
  int status = 0;
  struct rusage usage = {0};
  assert_int_equal(wait4(child, &status, 0, &usage), child);
  assert_true(WIFEXITED(status));
  *code = WEXITSTATUS(status);
  free(pleura);
  return (double)usage.ru_maxrss * 1024;
}

static void is_the_reference_network(void **state) {
  const world *w = *state;
  pl_config config = w->config;
  (void)pl_copy_text(config.encoder, sizeof config.encoder, "se_resnext50_32x4d");
  config.size = 512;
  config.batch = 1;
  pl_run_plan plan = make(&config, NULL, 100);
  assert_int_equal(plan.train.parameters, 34523969);  // of segmentation_models.pytorch
  assert_int_equal(plan.train.weights, 34523969u * 4u);
  assert_int_equal(plan.train.gradients, plan.train.weights);
  assert_int_equal(plan.train.moments, 2 * plan.train.weights);
  assert_int_equal(plan.train_images, 80);
  assert_int_equal(plan.valid_images, 20);
  // Multiplications and additions of forward and both backward passes, counted from the layers by another program.
  assert_true(fabs(plan.train.train_operations / 258.39e9 - 1) < 1e-3);
  assert_true(fabs(plan.train.valid_operations / 86.54e9 - 1) < 1e-3);
  assert_int_equal(plan.source, PL_PLAN_FROM_RATE);
  assert_true(plan.rate > 0 && plan.run_seconds > plan.epoch_seconds && plan.epoch_seconds > plan.step_seconds);
}

static void takes_no_memory(void **state) {
  const world *w = *state;
  pl_config config = w->config;
  config.size = 512;
  config.batch = config.valid_batch = 64;
  pl_run_plan plan = make(&config, NULL, 1000);
  assert_true(plan.train.memory.arena > (uint64_t)4 << 30);
  assert_true(plan.process > 0 && plan.process < (uint64_t)512 << 20);
  struct rusage usage = {0};
  assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
  assert_true(usage.ru_maxrss < 1024 * 1024);
}

static void is_what_a_training_takes(void **state) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  (void)state;
  print_message("a sanitizer's own memory is not planned for\n");
  skip();
#else
  world *w = *state;
  w->config.limit = 16;
  pl_run_plan plan = make(&w->config, &w->manifest, 0);
  int code = 0;
  char *folder = NULL;
  double used = train(w, &code, &folder), predicted = (double)plan.peak;
  assert_int_equal(code, 0);
  print_message("predicted %.0f MiB, used %.0f MiB\n", predicted / 1048576, used / 1048576);
  if (predicted < 0.9 * used || predicted > 1.1 * used) fail_msg("predicted %.0f, used %.0f", predicted, used);
  // The core said so when it began, and the next one is expected to be as fast as this one was.
  pl_run_state said;
  assert_int_equal(pl_run_state_load(&said, folder, NULL), PL_OK);
  assert_non_null(strstr(said.plan, "14.3 M parameters"));
  pl_run_plan next = make(&w->config, &w->manifest, 0);
  assert_int_equal(next.source, PL_PLAN_FROM_RUN);
  assert_string_equal(next.run, pl_path_base(folder));
  pl_journal_reader *reader = pl_journal_reader_create(folder);
  assert_int_equal(pl_journal_reader_update(reader, NULL, NULL), PL_OK);
  pl_journal_view view = pl_journal_reader_view(reader);
  assert_int_equal(view.epoch_count, 2);
  double seconds = 8 / view.epochs[1].images_per_second;
  assert_true(fabs(next.step_seconds - seconds) < 1e-6 * seconds);
  pl_journal_reader_destroy(reader);
  // Another size is another thing.
  pl_config other = w->config;
  other.size = 64;
  assert_int_equal(make(&other, &w->manifest, 0).source, PL_PLAN_FROM_RATE);
  free(folder);
#endif
}

static void says_what_fits(void **state) {
  const world *w = *state;
  pl_config config = w->config;
  config.size = 512;
  config.batch = 1024;
  config.valid_batch = 16;
  pl_run_plan plan = make(&config, NULL, 5000);
  plan.available = plan.available > 0 ? plan.available : (uint64_t)8 << 30;
  pl_error err = {0};
  if (plan.needed <= plan.available) {
    print_message("this machine has room for a batch of 1024\n");
    skip();
  }
  assert_int_equal(pl_run_plan_check(&plan, &err), PL_E_NOMEM);
  assert_int_equal(pl_status_exit_code(err.code), 4);
  char words[160];
  (void)snprintf(words, sizeof words, "needs %llu bytes", (unsigned long long)plan.needed);
  assert_non_null(strstr(err.message, words));
  (void)snprintf(words, sizeof words, "the largest batch that fits is %lld", (long long)plan.largest_batch);
  assert_non_null(strstr(err.message, words));
  // It does fit, and a batch larger by a tenth and one does not.
  assert_in_range(plan.largest_batch, 1, 1023);
  config.batch = plan.largest_batch;
  assert_true(make(&config, NULL, 5000).needed <= plan.available);
  config.batch = plan.largest_batch + plan.largest_batch / 10 + 1;
  assert_true(make(&config, NULL, 5000).needed > plan.available);
}

// With fit-batch the plan is of the batch that fits, and so is the run that is made, for good.
static void fits_batches(void **state) {
  world *w = *state;
  w->config.size = 512;
  w->config.batch = 1024;
  w->config.valid_batch = 16;
  w->config.fit_batch = true;
  pl_run_plan plan = make(&w->config, NULL, 5000);
  if (plan.config.batch == 1024) {
    print_message("this machine has room for a batch of 1024\n");
    skip();
  }
  assert_int_equal(pl_run_plan_check(&plan, NULL), PL_OK);
  assert_in_range(plan.config.batch, 1, 1023);
  assert_true(plan.config.valid_batch <= plan.config.batch && plan.largest_batch == -1);
  w->config.fit_batch = false;
  assert_true(make(&w->config, NULL, 5000).largest_batch > 0);
}

// Checkpoints that the disk has no room for are refused before the training.
static void refuses_a_full_disk(void **state) {
  const world *w = *state;
  pl_run_plan plan = make(&w->config, &w->manifest, 0);
  pl_error err = {0};
  assert_int_equal(pl_run_plan_check(&plan, &err), PL_OK);
  plan.disk = plan.checkpoints - 1;
  assert_int_equal(pl_run_plan_check(&plan, &err), PL_E_NOSPACE);
  assert_non_null(strstr(err.message, "of disk"));
  plan.disk = 0;  // unknown
  assert_int_equal(pl_run_plan_check(&plan, &err), PL_OK);
}

// Refused by the core itself, whoever started it, with nothing left half made.
static void refuses_what_does_not_fit(void **state) {
  world *w = *state;
  w->config.size = 4096;
  w->config.batch = w->config.valid_batch = 1024;
  if (make(&w->config, &w->manifest, 0).largest_batch < 0) {
    print_message("this machine has room for it\n");
    skip();
  }
  int code = 0;
  char *folder = NULL;
  (void)train(w, &code, &folder);
  assert_int_equal(code, 4);
  pl_run_state said;
  assert_int_equal(pl_run_state_load(&said, folder, NULL), PL_OK);
  assert_int_equal(said.phase, PL_PHASE_FAILED);
  assert_int_equal(said.exit_code, 4);
  assert_non_null(strstr(said.last_error, "are free"));
  free(folder);
}

static void check_key(json_t *object, const char *key, json_type type) {
  json_t *value = json_object_get(object, key);
  if (value == NULL || json_typeof(value) != type) fail_msg("%s is missing or of another type", key);
}

static void json_has_everything(void **state) {
  const world *w = *state;
  pl_run_plan plan = make(&w->config, &w->manifest, 0);
  pl_buf text;
  pl_buf_init(&text, 65536);
  pl_run_plan_add_json(&text, &plan);
  json_error_t why;
  json_t *object = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &why);
  if (!json_is_object(object)) fail_msg("%s: %s", why.text, text.data);
  static const char *const texts[] = {"encoder", "backend", "device", "precision", "time_from", "time_run"};
  static const char *const integers[] = {"format",
                                         "size",
                                         "batch",
                                         "epochs",
                                         "train_images",
                                         "valid_images",
                                         "batches",
                                         "parameters",
                                         "weights_bytes",
                                         "store_bytes",
                                         "gradients_bytes",
                                         "moments_bytes",
                                         "arena_bytes",
                                         "loader_bytes",
                                         "workspace_bytes",
                                         "peak_bytes",
                                         "needed_bytes",
                                         "process_bytes",
                                         "conversion_bytes",
                                         "available_bytes",
                                         "checkpoint_bytes",
                                         "checkpoints_bytes",
                                         "disk_free_bytes"};
  static const char *const reals[] = {"step_seconds", "epoch_seconds", "run_seconds", "rate"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) check_key(object, texts[i], JSON_STRING);
  for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) check_key(object, integers[i], JSON_INTEGER);
  for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) check_key(object, reals[i], JSON_REAL);
  check_key(object, "fits", JSON_TRUE);
  check_key(object, "largest_batch", JSON_NULL);
  json_decref(object);
  pl_buf_clear(&text);
}

static void refuses_nonsense(void **state) {
  const world *w = *state;
  pl_run_plan plan;
  pl_error err = {0};
  assert_int_equal(pl_run_plan_make(&plan, &w->config, NULL, 4, &err), PL_E_USAGE);
  pl_config config = w->config;
  config.fold = 77;
  assert_int_equal(pl_run_plan_make(&plan, &config, &w->manifest, 0, &err), PL_E_USAGE);
  (void)pl_copy_text(config.backend, sizeof config.backend, "abacus");
  config.fold = 0;
  assert_int_equal(pl_run_plan_make(&plan, &config, &w->manifest, 0, &err), PL_E_NOTFOUND);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(is_the_reference_network, set_up, tear_down),
      cmocka_unit_test_setup_teardown(takes_no_memory, set_up, tear_down),
      cmocka_unit_test_setup_teardown(is_what_a_training_takes, set_up, tear_down),
      cmocka_unit_test_setup_teardown(says_what_fits, set_up, tear_down),
      cmocka_unit_test_setup_teardown(fits_batches, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_a_full_disk, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_what_does_not_fit, set_up, tear_down),
      cmocka_unit_test_setup_teardown(json_has_everything, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_nonsense, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
