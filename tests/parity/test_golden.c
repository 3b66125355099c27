// Compares a backend with PyTorch: losses of training steps, logits and every gradient's norm of the first step.
//   test_golden [--backend NAME|PATH] [--precision f32|f16|bf16] [--size PIXELS] [--steps N] [--checkpoint STEP]
// The numbers of golden.json are read from PLEURA_REFERENCE (default ../shared/reference beside the sources); a few of
// them are in this file, so that something is checked without it.
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/net/golden.h"
#include "core/net/registry.h"
#include "core/train/checkpoint.h"

enum { BATCH = 2, WEIGHT_SEED = 1, DATA_SEED = 7, SKIPPED = 77, FIRST_LOGITS = PL_GOLDEN_FIRST_LOGITS };

static const char *const encoder = "se_resnext50_32x4d";

// What each kind of arithmetic must reach: doubles PyTorch's doubles, floats its floats (whose own runs differ by up to
// 5e-3 after some steps).
typedef struct limits {
  const char *run, *stats;
  double first_loss, later_loss, logit, gradient_worst, gradient_median, sums;
} limits;

static const limits exact = {"fp64", "fp64_stats_step0", 1e-9, 1e-6, 1e-9, 1e-6, 1e-8, 1e-6};
static const limits single = {"fp32", "fp32_stats_step0", 1e-6, 1e-2, 1e-4, 2e-2, 3e-4, 5e-2};

// At 64 pixels the deepest layers normalise over 8 values, so that one ReLU which rounding tips over moves whole
// gradients: the same program gives a median of 9e-5 with SSE4.1 kernels, 1.2e-4 with AVX and 8.6e-4 with AVX2, while
// at 128 pixels all are below 2e-4. The median is therefore held to 3e-4 there, and to 1e-3 here.
static const limits single_64 = {"fp32", "fp32_stats_step0", 1e-6, 1e-2, 1e-4, 2e-2, 1e-3, 5e-2};

// In half precision each activation is rounded to a relative 2^-11 or 2^-8, and many relus tip over.
static const limits half = {"fp64", "fp64_stats_step0", 2e-3, 5e-2, 2e-2, 1, 1e-1, 1e-1};
static const limits bfloat = {"fp64", "fp64_stats_step0", 1e-2, 1e-1, 1e-1, 2, 2e-1, 2e-1};

typedef struct bench {
  const pl_backend_api *api;
  pl_backend *backend;
  pl_golden golden;
  int size, steps;
  int checkpoint;  // after so many steps the state goes through files into a network of other weights; 0 for never
  int failures;
  pl_precision precision;
} bench;

static void check(bench *b, const char *what, double error, double limit) {
  bool good = error <= limit;
  printf("  %-28s %.3g (at most %.3g) %s\n", what, error, limit, good ? "ok" : "FAILED");
  if (!good) b->failures++;
}

static int stop(const pl_error *err) {
  printf("FAILED: %s\n", err->message);
  return 1;
}

static double relative(double value, double expected) { return fabs(value - expected) / fabs(expected); }

// ---------------------------------------------------------------------------------------------------------------------

static double state_norm(bench *b, pl_role role, const char *ending) {
  double sum = 0;
  for (int32_t i = 0; i < b->golden.model.state_count; i++) {
    const pl_tensor *t = &b->golden.model.tensors[i];
    size_t length = strlen(t->name), tail = strlen(ending);
    bool matches = length >= tail && strcmp(t->name + length - tail, ending) == 0;
    if (t->role != role || t->dtype != PL_F32 || !matches) continue;
    double norm = pl_golden_norm(&b->golden, i);
    sum += norm * norm;
  }
  return sqrt(sum);
}

// ---------------------------------------------------------------------------------------------------------------------

// Numbers of the PyTorch reference at 64 pixels in double precision.
static const double own_losses[] = {5.302365214133041, 4.393394396297409, 3.8523827308391887};
static const double own_logits[FIRST_LOGITS] = {-0.0026533086748472476, 0.05535985649098467, -0.11961655206055087,
                                                0.25424651902960393,    0.6945099696543812,  0.1982587567806421,
                                                0.1026377200425884,     -0.24030227202785354};

static json_t *open_reference(void) {
  const char *folder = getenv("PLEURA_REFERENCE"), *source = getenv("PLEURA_SOURCE");
  char *path = folder != NULL ? pl_xprintf("%s/golden.json", folder)
                              : pl_xprintf("%s/../shared/reference/golden.json", source != NULL ? source : ".");
  json_t *root = json_load_file(path, 0, NULL);
  if (root == NULL) printf("golden.json is not at %s: only the numbers in the test are checked\n", path);
  free(path);
  return root;
}

static double expected_loss(const bench *b, const json_t *numbers, const limits *l, int step) {
  if (numbers != NULL) return json_number_value(json_array_get(json_object_get(numbers, l->run), (size_t)step));
  bool known = b->size == 64 && step < (int)(sizeof own_losses / sizeof own_losses[0]);
  return known ? own_losses[step] : NAN;
}

static double largest(const double *values, size_t count) {
  double maximum = 0;
  for (size_t i = 0; i < count; i++) maximum = fmax(maximum, fabs(values[i]));
  return maximum;
}

static void check_logits(bench *b, const double *logits, const json_t *stats, const limits *l) {
  size_t pixels = pl_golden_pixels(&b->golden);
  double scale = largest(logits, pixels), worst = 0, sum = 0;
  for (size_t i = 0; i < FIRST_LOGITS; i++) {
    double wanted = own_logits[i];
    if (stats != NULL) wanted = json_number_value(json_array_get(json_object_get(stats, "logits_first8"), i));
    worst = fmax(worst, fabs(logits[i] - wanted));
  }
  if (stats != NULL || b->size == 64) check(b, "first logits", worst / scale, l->logit);
  for (size_t i = 0; i < pixels; i++) sum += fabs(logits[i]);
  if (stats != NULL) {
    check(b, "sum of |logits|", relative(sum, json_number_value(json_object_get(stats, "logit_abs_sum"))), l->logit);
  }
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void check_gradients(bench *b, const json_t *stats, const limits *l) {
  const json_t *norms = json_object_get(stats, "grad_l2");
  double *errors = pl_xcalloc((size_t)b->golden.model.count, sizeof *errors);
  size_t count = 0;
  for (int32_t i = 0; i < b->golden.model.state_count; i++) {
    if (b->golden.model.tensors[i].role != PL_ROLE_PARAMETER) continue;
    const json_t *wanted = json_object_get(norms, b->golden.model.tensors[i].name);
    double norm = pl_golden_norm(&b->golden, pl_model_find_of(&b->golden.model, PL_ROLE_GRADIENT, i));
    errors[count++] = wanted == NULL ? INFINITY : relative(norm, json_number_value(wanted));
  }
  qsort(errors, count, sizeof *errors, by_value);
  check(b, "gradient norms, median", errors[count / 2], l->gradient_median);
  check(b, "gradient norms, worst", errors[count - 1], l->gradient_worst);
  if (count != json_object_size(norms)) check(b, "number of gradients", (double)count, 0);
  free(errors);
}

// After all 20 steps: what the weights and the statistics became, and what inference then says.
static pl_status check_end(bench *b, const json_t *stats, const limits *l, pl_error *err) {
  size_t pixels = pl_golden_pixels(&b->golden);
  double norm = state_norm(b, PL_ROLE_PARAMETER, "");
  check(b, "norm of the parameters", relative(norm, json_number_value(json_object_get(stats, "param_l2_after"))),
        l->sums);
  norm = state_norm(b, PL_ROLE_BUFFER, "running_mean");
  check(b, "norm of the running means",
        relative(norm, json_number_value(json_object_get(stats, "running_mean_l2_after"))), l->sums);
  norm = state_norm(b, PL_ROLE_BUFFER, "running_var");
  check(b, "norm of the variances", relative(norm, json_number_value(json_object_get(stats, "running_var_l2_after"))),
        l->sums);
  double *logits = pl_xcalloc(pixels, sizeof *logits), sum = 0;
  pl_status status = pl_golden_evaluate(&b->golden, logits, err);
  for (size_t i = 0; i < pixels; i++) sum += fabs(logits[i]);
  free(logits);
  if (status != PL_OK) return status;
  double wanted = json_number_value(json_object_get(stats, "eval_logit_abs_mean_after"));
  check(b, "mean |logit| at inference", relative(sum / (double)pixels, wanted), l->sums);
  return PL_OK;
}

static pl_status set_up(bench *b, uint64_t seed, pl_error *err) {
  const pl_golden_case what = {.unet = {.encoder = encoder},
                               .seed_weights = seed,
                               .seed_data = DATA_SEED,
                               .batch = BATCH,
                               .height = b->size,
                               .width = b->size};
  pl_status status = pl_golden_init(&b->golden, b->api, b->backend, &what, err);
  // The usual first scale overflows here, and steps would be left out.
  const float scale = 1024;
  int32_t tensor = status == PL_OK ? pl_model_find(&b->golden.model, PL_LOSS_SCALE) : -1;
  return tensor >= 0 ? b->api->upload(b->golden.store, tensor, PL_F32, &scale, err) : status;
}

static const limits *limits_of(const bench *b) {
  if (b->golden.doubles) return &exact;
  if (b->precision == PL_PRECISION_F16) return &half;
  if (b->precision == PL_PRECISION_BF16) return &bfloat;
  return b->size < 128 ? &single_64 : &single;
}

// Saves, and goes on in a new network, which had other weights until it was loaded.
static pl_status through_checkpoint(bench *b, pl_error *err) {
  char folder[] = "/tmp/pleura-golden-XXXXXX";
  if (mkdtemp(folder) == NULL) return pl_fail(err, PL_E_IO, "cannot make a temporary folder");
  pl_checkpoint_source from = {.api = b->api, .store = b->golden.store, .model = &b->golden.model};
  pl_checkpoint_state state = {.step = b->checkpoint, .best_epoch = -1, .epochs = 1}, found;
  char *path = NULL;
  pl_status status = pl_checkpoint_save(folder, &from, &state, false, 1, err);
  pl_golden_clear(&b->golden);
  if (status == PL_OK) status = set_up(b, WEIGHT_SEED + 1, err);
  if (status == PL_OK) status = pl_checkpoint_find(&path, &found, folder, NULL, NULL, err);
  pl_checkpoint_source to = {.api = b->api, .store = b->golden.store, .model = &b->golden.model};
  if (status == PL_OK) status = pl_checkpoint_load(&to, path, err);
  if (status == PL_OK) printf("  through a checkpoint after step %lld\n", (long long)found.step);
  free(path);
  if (pl_fs_remove_tree(folder, NULL) != PL_OK) printf("  %s is left behind\n", folder);
  return status;
}

static pl_status compare(bench *b, const json_t *numbers, const limits *l, pl_error *err) {
  const json_t *doubles = json_object_get(numbers, "fp64_stats_step0"), *stats = json_object_get(numbers, l->stats);
  size_t pixels = pl_golden_pixels(&b->golden);
  double *logits = pl_xcalloc(pixels, sizeof *logits), worst = 0;
  pl_status status = PL_OK;
  for (int step = 0; status == PL_OK && step < b->steps; step++) {
    double loss[PL_LOSS_VALUES], wanted = expected_loss(b, numbers, l, step);
    if (b->checkpoint > 0 && step == b->checkpoint) status = through_checkpoint(b, err);
    if (status == PL_OK) status = pl_golden_step(&b->golden, step, loss, logits, err);
    if (status != PL_OK) break;
    if (isnan(wanted)) {
      printf("  step %d: no number to compare with\n", step);
      break;
    }
    if (step > 0) {
      worst = fmax(worst, relative(loss[PL_LOSS_TOTAL], wanted));
      continue;
    }
    // The numbers in this file are doubles: floats are compared with them at their own precision.
    check(b, "loss of step 0", relative(loss[PL_LOSS_TOTAL], wanted), l->first_loss);
    check_logits(b, logits, doubles, l);
    if (doubles != NULL) check_gradients(b, doubles, l);
  }
  free(logits);
  if (status == PL_OK && b->steps > 1) check(b, "losses of later steps", worst, l->later_loss);
  if (status == PL_OK && b->steps == 20 && stats != NULL) status = check_end(b, stats, l, err);
  return status;
}

int main(int argc, char **argv) {
  bench b = {.size = 64, .steps = 3};
  const char *name = "ref";
  for (int i = 1; i + 1 < argc; i += 2) {
    uint64_t number = 0;
    bool is_number = pl_parse_u64(&number, argv[i + 1], strlen(argv[i + 1])) && number > 0 && number <= 4096;
    if (strcmp(argv[i], "--backend") == 0) name = argv[i + 1];
    if (strcmp(argv[i], "--precision") == 0) b.precision = pl_precision_find(argv[i + 1]);
    if (strcmp(argv[i], "--size") == 0 && is_number) b.size = (int)number;
    if (strcmp(argv[i], "--steps") == 0 && is_number) b.steps = (int)number;
    if (strcmp(argv[i], "--checkpoint") == 0 && is_number) b.checkpoint = (int)number;
  }
  pl_error err = {0};
  pl_registry *registry = pl_registry_create(NULL);
  const pl_backend_options options = {.struct_size = sizeof options, .deterministic = true, .precision = b.precision};
  if (name[0] == '/' && pl_registry_load(registry, name, &err) != PL_OK) return stop(&err);
  if (name[0] == '/') name = pl_registry_at(registry, pl_registry_count(registry) - 1)->name;
  if (pl_registry_open(&b.backend, &b.api, registry, name, &options, NULL, 0, &err) != PL_OK) {
    printf("SKIPPED: %s\n", err.message);
    pl_registry_destroy(registry);
    return SKIPPED;
  }
  printf("%s (%s), %s at %d pixels\n", b.api->name, b.api->device(b.backend), encoder, b.size);
  json_t *root = open_reference();
  char size[16];
  snprintf(size, sizeof size, "%d", b.size);
  const json_t *numbers = json_object_get(json_object_get(root, "runs"), size);
  pl_status status = set_up(&b, WEIGHT_SEED, &err);
  const limits *l = limits_of(&b);
  if (status == PL_OK) status = compare(&b, numbers, l, &err);
  if (status != PL_OK) b.failures += stop(&err);
  pl_golden_clear(&b.golden);
  b.api->close(b.backend);
  pl_registry_destroy(registry);
  json_decref(root);
  printf("%d failed\n", b.failures);
  return b.failures > 0 ? 1 : 0;
}
