// The loss and the optimizers against PyTorch's numbers, on every backend that is there: ref in double, the others
// within what float32 holds.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/net/registry.h"
#include "tests/golden/torch/losses.h"
#include "tests/golden/torch/optimizers.h"
#include "tests/tools/testing.h"

typedef struct device {
  pl_registry *registry;
  const pl_backend_api *api;
  pl_backend *backend;
  double tolerance;
} device;

static bool open_device(device *d, const char *name) {
  const pl_host host = {.struct_size = sizeof host, .api_version = PL_BACKEND_API_VERSION};
  const pl_backend_options options = {.struct_size = sizeof options, .threads = 2, .check = true};
  d->registry = pl_registry_create(&host);
  d->tolerance = strcmp(name, "ref") == 0 ? 1e-12 : 2e-6;
  if (pl_registry_open(&d->backend, &d->api, d->registry, name, &options, NULL, 0, NULL) == PL_OK) return true;
  pl_registry_destroy(d->registry);
  return false;
}

static void close_device(device *d) {
  d->api->close(d->backend);
  pl_registry_destroy(d->registry);
}

static void near(const device *d, const char *what, double value, double expected, double scale) {
  if (fabs(value - expected) <= d->tolerance * fmax(fabs(expected), scale)) return;
  fail_msg("%s, %s: %.17g is not PyTorch's %.17g", d->api->name, what, value, expected);
}

// ---- The loss

static void weights_of_row(double weights[PL_LOSS_TERMS], int row) {
  static const double all[PL_LOSS_TERMS] = {3, 1, 4, 1, 5, 9}, blog[PL_LOSS_TERMS] = {3, 1, 4};
  memset(weights, 0, PL_LOSS_TERMS * sizeof *weights);
  if (row < PL_LOSS_TERMS) {
    weights[row] = 1;
  } else {
    memcpy(weights, row == PL_LOSS_TERMS ? blog : all, PL_LOSS_TERMS * sizeof *weights);
  }
}

typedef struct loss_run {
  double loss[PL_LOSS_VALUES], sums[TORCH_IMAGES][PL_DICE_VALUES];
  float slopes[TORCH_PIXELS];
} loss_run;

static void run_loss(const device *d, loss_run *out, const double weights[PL_LOSS_TERMS], double first_logit) {
  pl_model model = {0};
  pl_graph graph;
  pl_store *store = NULL;
  pl_program *program = NULL;
  pl_attributes a = {.nesterov = false};
  memcpy(a.loss_weights, weights, sizeof a.loss_weights);
  pl_model_add_training_tensors(&model, PL_OPTIMIZER_ADAM);
  pl_graph_init(&graph, &model);
  const pl_shape shape = pl_shape_make(4, TORCH_IMAGES, 1, TORCH_HEIGHT, TORCH_WIDTH);
  int32_t in[3] = {pl_graph_input(&graph, "logits", PL_F32, shape), pl_graph_input(&graph, "target", PL_F32, shape)};
  in[2] = pl_graph_add(&graph, PL_OP_COMBO_LOSS, "loss", in, 2, NULL, 0, &a);
  pl_graph_result(&graph, in[2]);
  pl_graph_result(&graph, pl_graph_add(&graph, PL_OP_COMBO_LOSS_BACKWARD, "slopes", in, 3, NULL, 0, &a));
  pl_graph_result(&graph, pl_graph_add(&graph, PL_OP_DICE_SUMS, "sums", in, 2, NULL, 0, NULL));
  assert_int_equal(d->api->store_create(&store, d->backend, &model, NULL, NULL), PL_OK);
  assert_int_equal(d->api->compile(&program, store, &graph, NULL), PL_OK);
  assert_int_equal(d->api->arena_reserve(store, NULL), PL_OK);
  float logits[TORCH_PIXELS], target[TORCH_PIXELS];
  for (int i = 0; i < TORCH_PIXELS; i++) {
    logits[i] = (float)torch_logits[i];
    target[i] = (float)torch_target[i];
  }
  if (isnan(first_logit)) logits[0] = (float)first_logit;
  pl_result result = {.data = {out->loss, out->slopes, out->sums}};
  assert_int_equal(d->api->input(program, 0, (const void *const[]){logits, target}, NULL), PL_OK);
  assert_int_equal(d->api->run(program, 0, NULL, &result, NULL), PL_OK);
  assert_int_equal(d->api->wait(program, NULL), PL_OK);
  d->api->program_destroy(program);
  d->api->store_destroy(store);
  pl_graph_clear(&graph);
  pl_model_clear(&model);
}

static double dice(const double *sums) {
  return (2 * sums[PL_DICE_INTERSECTION] + 1e-6) / (sums[PL_DICE_PREDICTED] + sums[PL_DICE_TARGET] + 1e-6);
}

static void check_dice(const device *d, const loss_run *run) {
  double all[PL_DICE_VALUES] = {0}, mean = 0;
  for (int i = 0; i < TORCH_IMAGES; i++) {
    for (int j = 0; j < PL_DICE_VALUES; j++) all[j] += run->sums[i][j];
    mean += dice(run->sums[i]) / TORCH_IMAGES;
  }
  near(d, "dice_metric", dice(all), torch_dice[0], 0);
  near(d, "dice_metric per image", mean, torch_dice[1], 0);
}

static void check_losses(const device *d) {
  for (int row = 0; row < TORCH_LOSSES; row++) {
    double weights[PL_LOSS_TERMS];
    weights_of_row(weights, row);
    loss_run run = {.slopes = {0}};
    run_loss(d, &run, weights, 0);
    const char *what = row < PL_LOSS_TERMS ? pl_loss_term_name((pl_loss_term)row) : "sum of terms";
    near(d, what, run.loss[PL_LOSS_TOTAL], torch_losses[row], 0);
    for (int term = 0; term < PL_LOSS_TERMS; term++) {
      near(d, "term of the sum", run.loss[term], weights[term] != 0 ? torch_losses[term] : 0, 0);
    }
    double scale = 0;
    for (int i = 0; i < TORCH_PIXELS; i++) scale = fmax(scale, fabs(torch_slopes[row][i]));
    // The graph hands over slopes as float32.
    for (int i = 0; i < TORCH_PIXELS; i++) {
      double error = fabs((double)run.slopes[i] - torch_slopes[row][i]);
      if (error > 1e-6 * scale) fail_msg("%s, %s: slope %d is off by %g", d->api->name, what, i, error);
    }
    check_dice(d, &run);
  }
}

// A logit that is not a number makes every term not finite, wherever it stands.
static void check_not_finite(const device *d) {
  for (int row = 0; row < TORCH_LOSSES; row++) {
    double weights[PL_LOSS_TERMS];
    weights_of_row(weights, row);
    loss_run run = {.slopes = {0}};
    run_loss(d, &run, weights, (double)NAN);
    assert_true(isnan(run.loss[PL_LOSS_TOTAL]));
    assert_true(run.loss[PL_LOSS_FINITE] == 0);
    for (int i = 0; i < TORCH_PIXELS; i++) assert_true(isnan((double)run.slopes[i]));
  }
}

// ---- Optimizers

static void check_optimizer(const device *d, int row) {
  pl_model model = {0};
  pl_graph graph;
  pl_store *store = NULL;
  pl_program *program = NULL;
  pl_optimizer kind = torch_optimizers[row].optimizer;
  const pl_shape shape = pl_shape_make(1, TORCH_PARAMETERS, 1, 1, 1);
  int32_t parameter = pl_model_add(&model, "p", PL_ROLE_PARAMETER, PL_F32, shape, PL_INIT_CONSTANT, 0);
  int32_t frozen = pl_model_add(&model, "frozen", PL_ROLE_PARAMETER, PL_F32, shape, PL_INIT_CONSTANT, 0);
  model.tensors[frozen].frozen = true;
  pl_model_add_training_tensors(&model, kind);
  int32_t gradient = pl_model_find_of(&model, PL_ROLE_GRADIENT, parameter);
  assert_true(pl_model_find_of(&model, PL_ROLE_GRADIENT, frozen) < 0);
  assert_true((pl_model_find_of(&model, PL_ROLE_SECOND_MOMENT, parameter) < 0) == (kind == PL_OPTIMIZER_SGD));
  pl_graph_init(&graph, &model);
  int32_t norm = pl_graph_add(&graph, PL_OP_GRADIENT_NORM, "norm", NULL, 0, NULL, 0, NULL);
  const pl_attributes a = {.optimizer = kind,
                           .beta1 = 0.9,
                           .beta2 = 0.999,
                           .epsilon = 1e-8,
                           .weight_decay = torch_optimizers[row].weight_decay,
                           .momentum = torch_optimizers[row].momentum,
                           .nesterov = torch_optimizers[row].nesterov != 0,
                           .clip_norm = torch_optimizers[row].clip_norm};
  pl_graph_add(&graph, PL_OP_OPTIMIZER_STEP, "update", &norm, 1, NULL, 0, &a);
  assert_int_equal(d->api->store_create(&store, d->backend, &model, NULL, NULL), PL_OK);
  assert_int_equal(d->api->compile(&program, store, &graph, NULL), PL_OK);
  assert_int_equal(d->api->arena_reserve(store, NULL), PL_OK);
  assert_int_equal(d->api->upload(store, parameter, PL_F64, torch_start, NULL), PL_OK);
  assert_int_equal(d->api->upload(store, frozen, PL_F64, torch_start, NULL), PL_OK);
  double values[TORCH_PARAMETERS];
  for (int step = 0; step < TORCH_STEPS; step++) {
    const pl_controls controls = {.struct_size = sizeof controls, .learning_rate = torch_rates[step]};
    assert_int_equal(d->api->upload(store, gradient, PL_F64, torch_gradients[step], NULL), PL_OK);
    assert_int_equal(d->api->run(program, 0, &controls, NULL, NULL), PL_OK);
    assert_int_equal(d->api->wait(program, NULL), PL_OK);
    assert_int_equal(d->api->download(store, parameter, PL_F64, values, NULL), PL_OK);
    const double *expected = torch_optimizers[row].parameters[step];
    for (int i = 0; i < TORCH_PARAMETERS; i++) near(d, pl_optimizer_name(kind), values[i], expected[i], 1);
  }
  assert_int_equal(d->api->download(store, frozen, PL_F64, values, NULL), PL_OK);
  assert_memory_equal(values, torch_start, sizeof values);
  d->api->program_destroy(program);
  d->api->store_destroy(store);
  pl_graph_clear(&graph);
  pl_model_clear(&model);
}

static void on_every_backend(void (*check)(const device *d)) {
  static const char *const names[] = {"ref", "onednn"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    device d;
    bool there = open_device(&d, names[i]);
    if (!there) print_message("%s is not there\n", names[i]);
    assert_true(there || i > 0);
    if (!there) continue;
    check(&d);
    close_device(&d);
  }
}

static void check_optimizers(const device *d) {
  for (int row = 0; row < TORCH_OPTIMIZERS; row++) check_optimizer(d, row);
}

static void test_losses(void **state) {
  (void)state;
  on_every_backend(check_losses);
}

static void test_not_finite(void **state) {
  (void)state;
  on_every_backend(check_not_finite);
}

static void test_optimizers(void **state) {
  (void)state;
  on_every_backend(check_optimizers);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_losses), cmocka_unit_test(test_not_finite),
                                     cmocka_unit_test(test_optimizers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
