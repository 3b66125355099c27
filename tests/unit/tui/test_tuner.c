// The tuner's counts beside `pleura eval`: the same numbers to the last bit for 100 random triplets, of a training of
// all folds, of runs with weights, and of both, on maps of random blobs.
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/image/probability.h"
#include "core/run/group.h"
#include "core/run/predict.h"
#include "core/score/maps.h"
#include "tests/screens/fixture.h"
#include "tests/tools/testing.h"
#include "tui/review_count.h"
#include "tui/shellwords.h"

enum { CASES = 32, FOLDS = 5, TRIPLETS = 100, SEED = 8, BLOBS = 4 };

typedef struct world {
  char root[64];
  char *workspace, *program;
  pl_jobs *jobs;
} world;

static void must(pl_status status, const pl_error *err) {
  if (status != PL_OK) fail_msg("%s", err->message);
}

static double uniform(uint64_t stream, uint64_t index) { return pl_rng_double(SEED, stream, index); }

// ---- Runs with maps

static void write_map(const char *run, const pl_case *c, uint32_t side, uint64_t stream) {
  float *map = pl_xcalloc((size_t)side * side, sizeof *map);
  for (uint32_t y = 0; y < side; y++) {
    for (uint32_t x = 0; x < side; x++) {
      double p = 0.04 * uniform(stream, 1000 + y * side + x);
      for (uint64_t k = 0; k < BLOBS; k++) {
        const double dx = (x + 0.5) / side - uniform(stream, 4 * k), dy = (y + 0.5) / side - uniform(stream, 4 * k + 1);
        const double size = 0.03 + 0.12 * uniform(stream, 4 * k + 2);
        p += 0.9 * uniform(stream, 4 * k + 3) * exp(-(dx * dx + dy * dy) / (size * size));
      }
      map[y * side + x] = (float)fmin(p, 1);
    }
  }
  pl_error err = {0};
  char *folder = pl_run_maps_folder(run);
  const char *const ids[] = {c->id};
  must(pl_maps_write(folder, ids, map, 1, side, &err), &err);
  free(folder);
  free(map);
}

// What an evaluation leaves: how the maps were made, and the maps.
static void write_maps(const char *run, const char *workspace, uint32_t side, uint64_t stream) {
  pl_error err = {0};
  pl_manifest manifest = {0};
  pl_run_predicted predicted;
  const pl_run_predict_options options = {.recipe = {.flip = -1}};
  must(pl_manifest_load(&manifest, workspace, &err), &err);
  must(fixture_checkpoint(run, &err), &err);
  must(pl_run_predict(&predicted, run, &manifest, NULL, 0, &options, &err), &err);
  for (size_t i = 0; i < manifest.count; i++) write_map(run, &manifest.cases[i], side, stream * 1000 + i);
  pl_manifest_clear(&manifest);
}

static int set_up(void **state) {
  world *w = pl_xcalloc(1, sizeof *w);
  pl_error err = {0};
  strcpy(w->root, "/tmp/pleura-tuner-XXXXXX");
  assert_non_null(mkdtemp(w->root));
  w->workspace = pl_path_join(w->root, "w");
  w->program = pl_path_join(getenv("PLEURA_BUILD") != NULL ? getenv("PLEURA_BUILD") : ".", "bin/pleura");
  must(fixture_workspace(w->workspace, CASES, &err), &err);
  must(fixture_labels(w->workspace, &err), &err);
  pl_config config;
  pl_config_defaults(&config);
  must(pl_config_set(&config, "name", "g", PL_ORIGIN_COMMAND, &err), &err);
  char *group = NULL;
  must(pl_group_begin(&group, w->workspace, &config, &err), &err);
  free(group);
  for (int fold = 0; fold <= FOLDS; fold++) {
    char name[32], *run = NULL;
    snprintf(name, sizeof name, fold < FOLDS ? "g-fold%d" : "other", fold);
    must(fixture_fold(&run, w->workspace, name, fold % FOLDS, &err), &err);
    write_maps(run, w->workspace, fold % 2 == 0 ? FIXTURE_SIDE / 2 : FIXTURE_SIDE, (uint64_t)fold);
    free(run);
  }
  must(pl_jobs_create(&w->jobs, 1, &err), &err);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  pl_jobs_destroy(w->jobs);
  assert_int_equal(pl_fs_remove_tree(w->root, NULL), PL_OK);
  free(w->workspace);
  free(w->program);
  free(w);
  return 0;
}

// ---- The two sides

static void on_ready(void *context) { (*(size_t *)context)++; }

static void wait_for(const world *w) {
  while (!pl_jobs_idle(w->jobs)) {
    struct pollfd one = {.fd = pl_jobs_fd(w->jobs), .events = POLLIN};
    (void)poll(&one, 1, 1000);
    (void)pl_jobs_collect(w->jobs);
  }
}

static json_t *evaluate(const world *w, const char *words, const char *triplet, const char *least) {
  char **names = NULL, *path = pl_path_join(w->root, "eval.json");
  const char *argv[16] = {w->program,        "eval", "-C", w->workspace, "--json", "--triplet", triplet,
                          "--min-component", least};
  size_t count = 0;
  assert_int_equal(pl_shellwords_split(&names, &count, words, NULL), PL_OK);
  for (size_t i = 0; i < count; i++) argv[9 + i] = names[i];
  const pid_t child = fork();
  if (child == 0) {
    const int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0 || dup2(out, STDOUT_FILENO) < 0) _exit(1);
    execv(w->program, (char *const *)argv);
    _exit(1);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  if (status != 0) fail_msg("'pleura eval %s --triplet %s' ends with %d", words, triplet, status);
  json_t *object = json_load_file(path, 0, NULL);
  assert_non_null(object);
  pl_fs_free_names(names, count);
  free(path);
  return object;
}

static void same_number(const json_t *told, const char *key, double counted, const char *triplet) {
  const json_t *value = json_object_get(told, key);
  if (isnan(counted) ? json_is_null(value) : json_number_value(value) == counted) return;
  fail_msg("%s at %s: %.17g by the tuner, %.17g by eval", key, triplet, counted, json_number_value(value));
}

static void same_count(const json_t *told, const char *key, size_t counted) {
  assert_int_equal(json_integer_value(json_object_get(told, key)), counted);
}

// The counter's rows under a triplet as the screen scores them.
static pl_score_summary summarise(const pl_review_counter *counter, const pl_level_triplet *t, bool exact) {
  pl_score_case cases[CASES];
  size_t count = 0;
  const pl_review_row *rows = pl_review_counter_rows(counter, &count);
  for (size_t i = 0; i < count; i++) {
    assert_true(!exact || rows[i].has_exact);
    cases[i] = exact ? rows[i].exact : pl_levels_case(&rows[i].levels, t);
  }
  return pl_score_summarise(cases, count);
}

static void compare(const json_t *told, const pl_score_summary *s, const char *triplet) {
  same_count(told, "images", s->cases);
  same_count(told, "positives", s->positives);
  same_count(told, "true_positives", s->true_positives);
  same_count(told, "false_positives", s->false_positives);
  same_count(told, "false_negatives", s->false_negatives);
  same_count(told, "true_negatives", s->true_negatives);
  same_number(told, "dice", s->dice, triplet);
  same_number(told, "dice_pos", s->dice_pos, triplet);
  same_number(told, "dice_neg", s->dice_neg, triplet);
  same_number(told, "precision", s->precision, triplet);
  same_number(told, "recall", s->recall, triplet);
}

// ---- Tests

static void test_random_triplets(void **state) {
  const world *w = *state;
  static const char *const lines[] = {"g", "g-fold0:2 other", "g other:0.5"};
  static const size_t images[] = {CASES - 2, 6, CASES - 2}, most[] = {1, 2, 2};
  enum { LINES = sizeof lines / sizeof lines[0], SOME_WITH_PARTS = 5 };
  pl_review_counter *counters[LINES];
  size_t ready = 0, differing = 0;
  for (size_t i = 0; i < LINES; i++) {
    counters[i] = pl_review_counter_create(w->jobs, on_ready, &ready);
    pl_review_counter_open(counters[i], &(pl_review_request){.workspace = w->workspace, .runs = lines[i]});
    wait_for(w);
    size_t count = 0;
    (void)pl_review_counter_rows(counters[i], &count);
    assert_string_equal(pl_review_counter_problem(counters[i]), "");
    assert_int_equal(count, images[i]);
    assert_int_equal(pl_review_counter_info(counters[i])->most, most[i]);
    assert_string_equal(pl_review_counter_info(counters[i])->warning, "");
  }
  double before = -1;
  for (uint64_t k = 0; k < TRIPLETS; k++) {
    pl_review_counter *counter = counters[k % LINES];
    pl_level_triplet t = {.top = (int)pl_rng_below(SEED, 1, 3 * k, PL_LEVELS),
                          .area = pl_rng_below(SEED, 1, 3 * k + 1, 400)};
    t.bottom = (int)pl_rng_below(SEED, 1, 3 * k + 2, (uint64_t)t.top + 1);
    const bool parts = k % SOME_WITH_PARTS == 0;
    const pl_triplet values = pl_level_triplet_values(&t);
    char text[PL_TRIPLET_TEXT_SIZE], least[24];
    pl_triplet_text(text, &values);
    snprintf(least, sizeof least, "%" PRIu64, parts ? 1 + pl_rng_below(SEED, 2, k, 120) : 0);
    pl_review_counter_components(counter, &values, strtoull(least, NULL, 10));
    wait_for(w);
    const pl_score_summary s = summarise(counter, &t, parts);
    json_t *told = evaluate(w, lines[k % LINES], text, least);
    compare(told, &s, text);
    json_decref(told);
    differing += s.dice != before;
    before = s.dice;
  }
  assert_true(differing > TRIPLETS / 2);  // else the comparison says little
  for (size_t i = 0; i < LINES; i++) pl_review_counter_destroy(counters[i]);
}

// Two masks at 0.5 of each case: between the runs that judge it, and with other runs.
static void test_disagreement(void **state) {
  const world *w = *state;
  size_t ready = 0, count = 0, other_count = 0;
  pl_review_counter *counter = pl_review_counter_create(w->jobs, on_ready, &ready),
                    *other = pl_review_counter_create(w->jobs, on_ready, &ready);
  pl_review_counter_open(counter, &(pl_review_request){.workspace = w->workspace, .runs = "g-fold0 other:3"});
  pl_review_counter_open(other, &(pl_review_request){.workspace = w->workspace, .runs = "g", .against = "other"});
  wait_for(w);
  const pl_review_row *rows = pl_review_counter_rows(counter, &count),
                      *others = pl_review_counter_rows(other, &other_count);
  size_t found = 0, some = 0;
  for (size_t i = 0; i < other_count; i++) {
    const size_t fold = others[i].index % FOLDS;
    assert_int_equal(isnan(others[i].disagreement), fold != 0);
    if (fold != 0) continue;
    // The weights of an ensemble do not count where its runs are compared.
    assert_int_equal(rows[found].index, others[i].index);
    assert_true(rows[found].disagreement == others[i].disagreement);
    some += others[i].disagreement > 0 && others[i].disagreement < 1;
    found++;
  }
  assert_int_equal(found, count);
  assert_true(some > 0);
  pl_review_counter_destroy(counter);
  pl_review_counter_destroy(other);
}

// A run without the map of one of its cases says so; a case that went meanwhile is no row any more; tables that changed
// are noticed.
static void test_missing(void **state) {
  const world *w = *state;
  size_t ready = 0, count = 0;
  pl_error err = {0};
  pl_manifest manifest = {0};
  must(pl_manifest_load(&manifest, w->workspace, &err), &err);
  pl_review_counter *counter = pl_review_counter_create(w->jobs, on_ready, &ready);
  pl_review_counter_open(counter, &(pl_review_request){.workspace = w->workspace, .runs = "g"});
  wait_for(w);
  pl_manifest shorter = manifest;  // without the last labelled case, of fold 4, and the two of the test part
  shorter.count = CASES - 3;
  const pl_case *gone = &manifest.cases[shorter.count];
  pl_review_counter_update(counter, &shorter);
  (void)pl_review_counter_rows(counter, &count);
  assert_int_equal(count, CASES - 3);
  char *maps = pl_path_join(w->workspace, "runs/g-fold4/prob"), *map = pl_maps_path(maps, gone->id);
  assert_int_equal(unlink(map), 0);
  pl_review_counter_open(counter, &(pl_review_request){.workspace = w->workspace, .runs = "g"});
  wait_for(w);
  assert_false(pl_review_counter_busy(counter));
  assert_string_equal(pl_review_counter_problem(counter), "g-fold4 has no map of 1 of the 6 cases that it held out");
  (void)pl_review_counter_rows(counter, &count);
  assert_int_equal(count, 0);
  assert_string_equal(pl_review_counter_info(counter)->warning, "");
  // Another table of folds than the runs were made with.
  char *folds = pl_path_join(w->workspace, "folds.csv");
  FILE *file = fopen(folds, "a");
  assert_true(file != NULL && fputs("elsewhere,-1,0,0\n", file) >= 0 && fclose(file) == 0);
  pl_review_counter_open(counter, &(pl_review_request){.workspace = w->workspace, .runs = "g"});
  wait_for(w);
  assert_non_null(strstr(pl_review_counter_info(counter)->warning, "folds changed since training"));
  free(folds);
  free(maps);
  free(map);
  pl_manifest_clear(&manifest);
  pl_review_counter_destroy(counter);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random_triplets),
      cmocka_unit_test(test_disagreement),
      cmocka_unit_test(test_missing),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
