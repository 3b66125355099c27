// The host side of the CUDA backend, over the emulated device: what can go wrong, slots, recorded steps, resuming, loss
// scaling, planning, choices.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/net/model.h"
#include "core/net/registry.h"
#include "tests/tools/testing.h"

enum { BATCH = 2, SIDE = 16, PIXELS = BATCH * SIDE * SIDE, LARGE_BATCH = 128 };

static pl_registry *registry;
static const pl_backend_api *api;

// A small network with all that the host side treats specially: an image, a batch norm, a bias.
typedef struct net {
  pl_model model;
  pl_graph graph;  // a training step; results: loss, norm
  pl_backend *backend;
  pl_store *store;
  pl_program *program;
} net;

static int32_t parameter(net *n, const char *name, pl_shape shape, double scale) {
  return pl_model_add(&n->model, name, PL_ROLE_PARAMETER, PL_F32, shape, PL_INIT_CONSTANT, scale);
}

static int32_t buffer(net *n, const char *name, pl_dtype dtype, pl_shape shape, double scale) {
  return pl_model_add(&n->model, name, PL_ROLE_BUFFER, dtype, shape, PL_INIT_CONSTANT, scale);
}

static void build(net *n, int batch_size) {
  const pl_shape eight = pl_shape_make(1, 8, 1, 1, 1), one = pl_shape_make(4, batch_size, 1, SIDE, SIDE);
  int32_t conv = parameter(n, "conv.weight", pl_shape_make(4, 8, 3, 3, 3), 0.1);
  int32_t gamma = parameter(n, "norm.weight", eight, 1), beta = parameter(n, "norm.bias", eight, 0);
  int32_t mean = buffer(n, "norm.running_mean", PL_F32, eight, 0);
  int32_t variance = buffer(n, "norm.running_var", PL_F32, eight, 1);
  int32_t count = buffer(n, "norm.num_batches_tracked", PL_I64, pl_shape_make(0, 1, 1, 1, 1), 0);
  int32_t head = parameter(n, "head.weight", pl_shape_make(4, 1, 8, 3, 3), 0.1);
  int32_t bias = parameter(n, "head.bias", pl_shape_make(1, 1, 1, 1, 1), 0);
  pl_model_add_training_tensors(&n->model, PL_OPTIMIZER_ADAM);
  pl_graph *g = &n->graph;
  pl_graph_init(g, &n->model);
  int32_t in[3] = {pl_graph_input(g, "image", PL_U8, one), pl_graph_input(g, "mask", PL_U8, one),
                   pl_graph_input(g, "parameters", PL_F64, pl_shape_make(2, batch_size, PL_AUGMENT_VALUES, 1, 1))};
  const pl_attributes augment = {.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}};
  const pl_attributes wide = {.kernel = 3, .stride = 1, .pad = 1, .groups = 1}, norm = {.epsilon = 1e-5};
  int32_t x = pl_graph_add(g, PL_OP_AUGMENT, "x", in, 3, NULL, 0, &augment), target = x + 1;
  int32_t y = pl_graph_add(g, PL_OP_CONV, "conv", &x, 1, &conv, 1, &wide);
  y = pl_graph_add(g, PL_OP_BATCH_NORM, "norm", &y, 1, (int32_t[]){gamma, beta}, 2, &norm);
  int32_t statistics = y + 1;
  y = pl_graph_add(g, PL_OP_RELU, "relu", &y, 1, NULL, 0, NULL);
  y = pl_graph_add(g, PL_OP_CONV, "head", &y, 1, (int32_t[]){head, bias}, 2, &wide);
  const pl_attributes of_loss = {.loss_weights = {3, 1, 4}};
  int32_t loss = pl_graph_add(g, PL_OP_COMBO_LOSS, "loss", (int32_t[]){y, target}, 2, NULL, 0, &of_loss);
  const pl_attributes commit = {.momentum = 0.1, .count = (int64_t)batch_size * SIDE * SIDE};
  pl_graph_add(g, PL_OP_BATCH_NORM_COMMIT, "commit", (int32_t[]){statistics, statistics + 1, loss}, 3,
               (int32_t[]){mean, variance, count}, 3, &commit);
  pl_graph_backward(g, loss, false);
  int32_t size = pl_graph_add(g, PL_OP_GRADIENT_NORM, "gradient_norm", NULL, 0, NULL, 0, NULL);
  const pl_attributes adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
  pl_graph_add(g, PL_OP_OPTIMIZER_STEP, "update", &size, 1, NULL, 0, &adam);
  pl_graph_result(g, loss);
  pl_graph_result(g, size);
}

static void upload_all(const net *n) {
  for (int32_t i = 0; i < n->model.count; i++) {
    const pl_tensor *t = &n->model.tensors[i];
    int64_t count = pl_shape_elements(&t->shape);
    if (t->dtype == PL_I64 || t->of >= 0) continue;
    float *data = pl_xcalloc((size_t)count, sizeof *data);
    for (int64_t j = 0; j < count; j++) {
      data[j] = (float)(t->init_scale * (t->shape.rank == 4 ? sin(1.7 * (double)(j + i)) : 1));
    }
    if (strcmp(t->name, PL_LOSS_SCALE) == 0) data[0] = 1024;
    assert_int_equal(api->upload(n->store, i, PL_F32, data, NULL), PL_OK);
    free(data);
  }
}

static pl_backend_options options_of(pl_precision precision) {
  return (pl_backend_options){.struct_size = sizeof(pl_backend_options), .deterministic = true, .precision = precision};
}

static pl_status open_with(pl_backend **out, const pl_backend_options *options, pl_error *err) {
  const pl_host host = {.struct_size = sizeof host, .api_version = PL_BACKEND_API_VERSION};
  return api->open(out, &host, options, err);
}

static void set_up(net *n, const pl_backend_options *options, const char *choices) {
  *n = (net){.store = NULL};
  build(n, BATCH);
  assert_int_equal(open_with(&n->backend, options, NULL), PL_OK);
  assert_int_equal(api->store_create(&n->store, n->backend, &n->model, choices, NULL), PL_OK);
  assert_int_equal(api->compile(&n->program, n->store, &n->graph, NULL), PL_OK);
  if (options->plan) return;
  assert_int_equal(api->arena_reserve(n->store, NULL), PL_OK);
  upload_all(n);
}

static void tear_down(net *n) {
  if (n->program != NULL) api->program_destroy(n->program);
  if (n->store != NULL) api->store_destroy(n->store);
  api->close(n->backend);
  pl_graph_clear(&n->graph);
  pl_model_clear(&n->model);
}

typedef struct batch {
  uint8_t image[PIXELS], mask[PIXELS];
  pl_augment_params parameters[BATCH];
} batch;

static void fill(batch *b, int number) {
  for (int i = 0; i < PIXELS; i++) {
    b->image[i] = (uint8_t)(i * 7 + number * 31 + i / SIDE);
    b->mask[i] = (i / 5 + number) % 3 == 0 ? 255 : 0;
  }
  for (int i = 0; i < BATCH; i++) b->parameters[i] = (pl_augment_params){.affine = {1, 0, 0, 0, 1, 0}, .gain = 1};
}

static pl_status give(const net *n, int slot, int number) {
  batch b;
  fill(&b, number);
  const void *data[] = {b.image, b.mask, b.parameters};
  pl_status status = api->input(n->program, slot, data, NULL);
  memset(&b, 0xAB, sizeof b);  // the caller may do so
  return status;
}

typedef struct outcome {
  double loss[PL_LOSS_VALUES], norm[2];
} outcome;

static pl_result ports(outcome *o) { return (pl_result){.data = {o->loss, o->norm}}; }

static const pl_controls controls = {.struct_size = sizeof controls, .learning_rate = 0.01};

static outcome step(const net *n, int slot, int number) {
  outcome o;
  pl_result result = ports(&o);
  assert_int_equal(give(n, slot, number), PL_OK);
  assert_int_equal(api->run(n->program, slot, &controls, &result, NULL), PL_OK);
  assert_int_equal(api->wait(n->program, NULL), PL_OK);
  return o;
}

static void copy_tensor(const net *from, const net *to, int32_t i) {
  const pl_tensor *t = &from->model.tensors[i];
  pl_dtype dtype = t->dtype == PL_I64 ? PL_I64 : api->tensor_dtype(from->store, i);
  void *data = pl_xcalloc((size_t)pl_shape_elements(&t->shape), sizeof(double));
  assert_int_equal(api->download(from->store, i, dtype, data, NULL), PL_OK);
  assert_int_equal(api->upload(to->store, i, dtype, data, NULL), PL_OK);
  free(data);
}

static void assert_same_tensors(const net *a, const net *b) {
  for (int32_t i = 0; i < a->model.count; i++) {
    const pl_tensor *t = &a->model.tensors[i];
    size_t bytes = (size_t)pl_shape_elements(&t->shape) * sizeof(double);
    pl_dtype dtype = t->dtype == PL_I64 ? PL_I64 : PL_F64;
    void *x = pl_xcalloc(1, bytes), *y = pl_xcalloc(1, bytes);
    assert_int_equal(api->download(a->store, i, dtype, x, NULL), PL_OK);
    assert_int_equal(api->download(b->store, i, dtype, y, NULL), PL_OK);
    if (memcmp(x, y, bytes) != 0) fail_msg("%s differs", t->name);
    free(x);
    free(y);
  }
}

static float scale_of(const net *n) {
  float scale = 0;
  assert_int_equal(api->download(n->store, pl_model_find(&n->model, PL_LOSS_SCALE), PL_F32, &scale, NULL), PL_OK);
  return scale;
}

static int64_t whole(const net *n, const char *name) {
  int64_t value = -1;
  assert_int_equal(api->download(n->store, pl_model_find(&n->model, name), PL_I64, &value, NULL), PL_OK);
  return value;
}

// ---------------------------------------------------------------------------------------------------------------------

static void test_devices_that_cannot_be_used(void **state) {
  (void)state;
  pl_backend *backend = NULL;
  pl_error err = {0};
  pl_backend_options options = options_of(PL_PRECISION_AUTO);
  setenv("PLEURA_EMULATED_CAPABILITY", "7", 1);
  assert_int_equal(open_with(&backend, &options, &err), PL_E_DEVICE);
  assert_non_null(strstr(err.message, "compute capability 7.0; 8.0"));
  unsetenv("PLEURA_EMULATED_CAPABILITY");
  options.device = 3;
  assert_int_equal(open_with(&backend, &options, &err), PL_E_DEVICE);
  assert_non_null(strstr(err.message, "no GPU 3"));
  options = options_of((pl_precision)17);
  assert_int_equal(open_with(&backend, &options, &err), PL_E_USAGE);
}

static void test_out_of_memory(void **state) {
  (void)state;
  const pl_backend_options options = options_of(PL_PRECISION_F32);
  pl_error err = {0};
  net n = {.store = NULL};
  build(&n, LARGE_BATCH);
  setenv("PLEURA_EMULATED_MEMORY", "0", 1);
  assert_int_equal(open_with(&n.backend, &options, NULL), PL_OK);
  assert_int_equal(api->store_create(&n.store, n.backend, &n.model, NULL, &err), PL_E_NOMEM);
  assert_null(n.store);
  api->close(n.backend);
  setenv("PLEURA_EMULATED_MEMORY", "1", 1);
  assert_int_equal(open_with(&n.backend, &options, NULL), PL_OK);
  assert_int_equal(api->store_create(&n.store, n.backend, &n.model, NULL, NULL), PL_OK);
  assert_int_equal(api->compile(&n.program, n.store, &n.graph, NULL), PL_OK);
  assert_int_equal(api->arena_reserve(n.store, &err), PL_E_NOMEM);
  assert_int_equal(pl_status_exit_code(PL_E_NOMEM), 4);
  assert_non_null(strstr(err.message, "the activations need"));
  assert_non_null(strstr(err.message, "MiB are free; use a smaller batch"));
  assert_int_equal(give(&n, 0, 0), PL_E_USAGE);
  unsetenv("PLEURA_EMULATED_MEMORY");
  tear_down(&n);
}

static void test_a_lost_device(void **state) {
  (void)state;
  const pl_backend_options options = options_of(PL_PRECISION_F16);
  net n;
  set_up(&n, &options, NULL);
  step(&n, 0, 1);
  pl_error err = {0};
  outcome o;
  pl_result result = ports(&o);
  // Opening it again starts the count.
  setenv("PLEURA_EMULATED_LOST", "1", 1);
  pl_backend *other = NULL;
  assert_int_equal(open_with(&other, &options, NULL), PL_OK);
  unsetenv("PLEURA_EMULATED_LOST");
  assert_int_equal(give(&n, 0, 1), PL_OK);
  assert_int_equal(api->run(n.program, 0, &controls, &result, NULL), PL_OK);
  assert_int_equal(api->wait(n.program, &err), PL_E_DEVICE);
  assert_non_null(strstr(err.message, "resumed from its last checkpoint"));
  assert_int_equal(api->run(n.program, 0, &controls, &result, &err), PL_E_DEVICE);
  api->close(other);
  tear_down(&n);
}

// The next batch arrives while one computes; what comes out is what one after the other gives. The first run goes step
// by step, the later ones are recorded.
static void test_slots(void **state) {
  (void)state;
  const pl_backend_options options = options_of(PL_PRECISION_F16);
  net overlapped, plain;
  set_up(&overlapped, &options, NULL);
  set_up(&plain, &options, NULL);
  assert_int_equal(give(&overlapped, 0, 0), PL_OK);
  for (int i = 0; i < 6; i++) {
    outcome o, expected;
    pl_result result = ports(&o);
    assert_int_equal(api->run(overlapped.program, i % 2, &controls, &result, NULL), PL_OK);
    assert_int_equal(give(&overlapped, (i + 1) % 2, i + 1), PL_OK);
    // Into the slot that is computed from, before anything was: what was there is used all the same.
    if (i == 2) assert_int_equal(give(&overlapped, i % 2, 70), PL_OK);
    if (i == 2) assert_int_equal(give(&overlapped, i % 2, 71), PL_OK);
    assert_int_equal(api->wait(overlapped.program, NULL), PL_OK);
    expected = step(&plain, 0, i);
    assert_memory_equal(&o, &expected, sizeof o);
  }
  assert_same_tensors(&overlapped, &plain);
  tear_down(&overlapped);
  tear_down(&plain);
}

static void test_misuse(void **state) {
  (void)state;
  const pl_backend_options options = options_of(PL_PRECISION_F32);
  net n;
  set_up(&n, &options, NULL);
  outcome o;
  pl_result result = ports(&o);
  assert_int_equal(give(&n, PL_SLOTS, 0), PL_E_USAGE);
  assert_int_equal(api->run(n.program, -1, &controls, &result, NULL), PL_E_USAGE);
  assert_int_equal(give(&n, 0, 0), PL_OK);
  assert_int_equal(api->run(n.program, 0, NULL, &result, NULL), PL_E_USAGE);
  assert_int_equal(api->run(n.program, 0, &controls, &result, NULL), PL_OK);
  assert_int_equal(api->run(n.program, 0, &controls, &result, NULL), PL_E_USAGE);
  assert_int_equal(api->wait(n.program, NULL), PL_OK);
  assert_int_equal(api->arena_reserve(n.store, NULL), PL_E_USAGE);
  pl_program *late = NULL;
  assert_int_equal(api->compile(&late, n.store, &n.graph, NULL), PL_E_USAGE);
  int64_t number = 0;
  assert_int_equal(api->upload(n.store, 0, PL_I64, &number, NULL), PL_E_USAGE);
  assert_int_equal(api->download(n.store, n.model.count, PL_F32, &number, NULL), PL_E_USAGE);
  tear_down(&n);
}

// A program that is destroyed while it runs, and one that was never run.
static void test_destroyed_early(void **state) {
  (void)state;
  const pl_backend_options options = options_of(PL_PRECISION_F16);
  net n;
  set_up(&n, &options, NULL);
  outcome o;
  pl_result result = ports(&o);
  assert_int_equal(give(&n, 0, 0), PL_OK);
  assert_int_equal(give(&n, 1, 0), PL_OK);
  assert_int_equal(api->run(n.program, 0, &controls, &result, NULL), PL_OK);
  tear_down(&n);
}

static void resume(pl_precision precision) {
  pl_backend_options options = options_of(precision);
  options.tune = true;
  net through, first, second;
  set_up(&through, &options, NULL);
  set_up(&first, &options, NULL);
  for (int i = 0; i < 3; i++) step(&first, 0, i);
  // Goes on in another store, which takes the same engines though it does not tune.
  char *choices = pl_xstrdup(api->choices(first.store));
  assert_non_null(strstr(choices, "emulated:1"));
  // Convolutions of our own are among those that were tuned, in 16 bits.
  if (precision != PL_PRECISION_F32) assert_non_null(strstr(choices, "\"own\""));
  options.tune = false;
  set_up(&second, &options, choices);
  assert_string_equal(api->choices(second.store), choices);
  for (int32_t i = 0; i < first.model.count; i++) {
    if (first.model.tensors[i].role != PL_ROLE_GRADIENT) copy_tensor(&first, &second, i);
  }
  for (int i = 0; i < 3; i++) step(&through, 0, i);
  for (int i = 3; i < 6; i++) {
    outcome a = step(&through, 0, i), b = step(&second, 1, i);
    assert_memory_equal(&a, &b, sizeof a);
  }
  assert_same_tensors(&through, &second);
  free(choices);
  tear_down(&through);
  tear_down(&first);
  tear_down(&second);
}

static void test_resume(void **state) {
  (void)state;
  resume(PL_PRECISION_F32);
  resume(PL_PRECISION_F16);
  resume(PL_PRECISION_BF16);
}

static void test_loss_scale(void **state) {
  (void)state;
  const pl_backend_options options = options_of(PL_PRECISION_F16);
  net n, before;
  set_up(&n, &options, NULL);
  set_up(&before, &options, NULL);
  int32_t scale = pl_model_find(&n.model, PL_LOSS_SCALE), growth = pl_model_find(&n.model, PL_LOSS_SCALE_GROWTH);
  const float huge = 16777216, small = 1024;
  const int64_t seven = 7, nearly = 1999;
  // Too large: the step is left out, but for the statistics, which are those of a finite loss.
  assert_int_equal(api->upload(n.store, scale, PL_F32, &huge, NULL), PL_OK);
  assert_int_equal(api->upload(n.store, growth, PL_I64, &seven, NULL), PL_OK);
  outcome o = step(&n, 0, 0);
  assert_true(isfinite(o.loss[PL_LOSS_TOTAL]));
  assert_true(o.norm[1] == 0);
  assert_true(scale_of(&n) == huge / 2);
  assert_int_equal(whole(&n, PL_LOSS_SCALE_GROWTH), 0);
  assert_int_equal(whole(&n, "optimizer.step"), 0);
  assert_int_equal(whole(&n, "norm.num_batches_tracked"), 1);
  float a[8 * 3 * 3 * 3], b[8 * 3 * 3 * 3];
  assert_int_equal(api->download(n.store, 0, PL_F32, a, NULL), PL_OK);
  assert_int_equal(api->download(before.store, 0, PL_F32, b, NULL), PL_OK);
  assert_memory_equal(a, b, sizeof a);
  // Good steps count, and double it in the end; gradients in the store are without it.
  assert_int_equal(api->upload(n.store, scale, PL_F32, &small, NULL), PL_OK);
  assert_int_equal(api->upload(n.store, growth, PL_I64, &nearly, NULL), PL_OK);
  o = step(&n, 0, 0);
  assert_true(o.norm[1] == 1 && o.norm[0] < 100);
  assert_true(scale_of(&n) == 2 * small);
  assert_int_equal(whole(&n, PL_LOSS_SCALE_GROWTH), 0);
  assert_int_equal(whole(&n, "optimizer.step"), 1);
  o = step(&n, 0, 0);
  assert_int_equal(whole(&n, PL_LOSS_SCALE_GROWTH), 1);
  tear_down(&n);
  tear_down(&before);
}

static void test_plan(void **state) {
  (void)state;
  pl_backend_options options = options_of(PL_PRECISION_F16);
  net real, planned;
  set_up(&real, &options, NULL);
  options.plan = true;
  set_up(&planned, &options, NULL);
  pl_memory a = api->memory(real.store), b = api->memory(planned.store);
  assert_true(a.store > 0 && a.arena > 0 && a.other > 0);
  assert_memory_equal(&a, &b, sizeof a);
  pl_error err = {0};
  float value = 0;
  outcome o;
  pl_result result = ports(&o);
  assert_int_equal(api->arena_reserve(planned.store, &err), PL_E_USAGE);
  assert_int_equal(api->upload(planned.store, 0, PL_F32, &value, &err), PL_E_USAGE);
  assert_int_equal(api->download(planned.store, 0, PL_F32, &value, &err), PL_E_USAGE);
  assert_int_equal(api->run(planned.program, 0, &controls, &result, &err), PL_E_USAGE);
  assert_int_equal(give(&planned, 0, 0), PL_E_USAGE);
  tear_down(&real);
  tear_down(&planned);
}

// Activations of a program of a whole network.
static uint64_t arena_of(const char *encoder, const char *attention, pl_program_kind kind, const char *choices,
                         bool *has_wide) {
  pl_backend_options options = options_of(PL_PRECISION_F16);
  options.plan = options.check = true;  // with `check` nothing shares memory, so that every buffer counts
  const pl_unet unet = {.encoder = encoder, .attention = attention};
  const pl_program_spec spec = pl_program_spec_default(kind, 2, 64, 64);
  pl_model model;
  pl_graph graph;
  pl_backend *backend = NULL;
  pl_store *store = NULL;
  pl_program *program = NULL;
  assert_int_equal(pl_unet_model(&model, &unet, NULL), PL_OK);
  assert_int_equal(pl_unet_graph(&graph, &model, &unet, &spec, NULL), PL_OK);
  assert_int_equal(open_with(&backend, &options, NULL), PL_OK);
  assert_int_equal(api->store_create(&store, backend, &model, choices, NULL), PL_OK);
  assert_int_equal(api->compile(&program, store, &graph, NULL), PL_OK);
  uint64_t bytes = api->memory(store).arena;
  *has_wide = strstr(api->choices(store), " 4x4 ") != NULL;
  api->program_destroy(program);
  api->store_destroy(store);
  api->close(backend);
  pl_graph_clear(&graph);
  pl_model_clear(&model);
  return bytes;
}

// What is fused needs no memory: so that a pattern that is no longer found shows.
static void test_fusions_are_found(void **state) {
  (void)state;
  static const struct {
    const char *encoder, *attention, *fusion;
    pl_program_kind kind;
  } rows[] = {
      {"resnet18", "none", "norm relu", PL_PROGRAM_STEP},
      {"resnet18", "none", "norm relu", PL_PROGRAM_PREDICT},
      {"resnet18", "none", "join", PL_PROGRAM_STEP},
      {"resnet18", "none", "residual gradient", PL_PROGRAM_STEP},
      {"resnet18", "none", "add relu", PL_PROGRAM_EVALUATE},
      {"se_resnext50_32x4d", "none", "join", PL_PROGRAM_STEP},
      {"se_resnext50_32x4d", "none", "residual gradient", PL_PROGRAM_STEP},
      {"se_resnext50_32x4d", "none", "bias relu", PL_PROGRAM_STEP},
      {"resnet50", "scse", "upsample concat", PL_PROGRAM_STEP},
      {"resnet50", "scse", "upsample concat", PL_PROGRAM_PREDICT},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char *choices = pl_xprintf("{\"fusions\": {\"%s\": \"off\"}}", rows[i].fusion);
    bool has_wide;
    uint64_t with = arena_of(rows[i].encoder, rows[i].attention, rows[i].kind, NULL, &has_wide);
    uint64_t without = arena_of(rows[i].encoder, rows[i].attention, rows[i].kind, choices, &has_wide);
    if (without <= with) fail_msg("%s: %s makes no difference in row %zu", rows[i].encoder, rows[i].fusion, i);
    free(choices);
  }
  // The upsampled convolution shows by its problem, which no encoder has.
  for (int kind = PL_PROGRAM_STEP; kind <= PL_PROGRAM_PREDICT; kind++) {
    bool has_wide;
    if (kind == PL_PROGRAM_UPDATE) continue;
    arena_of("resnet18", "none", (pl_program_kind)kind, NULL, &has_wide);
    assert_true(has_wide);
    arena_of("resnet18", "none", (pl_program_kind)kind, "{\"fusions\": {\"upsample convolution\": \"off\"}}",
             &has_wide);
    assert_false(has_wide);
  }
}

static void test_choices(void **state) {
  (void)state;
  static const struct {
    const char *text;
    pl_status status;
  } rows[] = {
      {"{}", PL_OK},
      {"{\"fusions\": {\"join\": \"off\"}, \"device\": \"emulated GPU\"}", PL_OK},
      {"", PL_E_FORMAT},
      {"[]", PL_E_FORMAT},
      {"{\"fusions\": {\"join\": \"perhaps\"}}", PL_E_FORMAT},
      {"{\"fusions\": {\"cold\": \"on\"}}", PL_E_FORMAT},
      {"{\"fusions\": {\"join\": \"on\"}", PL_E_FORMAT},
      {"{\"device\": \"emulated GPU\"} x", PL_E_FORMAT},
      {"{\"device\": \"emulated", PL_E_FORMAT},
      {"{\"device\" \"emulated\"}", PL_E_FORMAT},
      {"{\"colour\": \"red\"}", PL_E_FORMAT},
      {"{\"convolutions\": {\"a\": \"b\", \"a\": \"b\"}}", PL_E_FORMAT},
      {"{\"device\": \"another GPU\"}", PL_E_USAGE},
      {"{\"precision\": \"bf16\"}", PL_E_USAGE},
  };
  const pl_backend_options options = options_of(PL_PRECISION_F16);
  net n;
  set_up(&n, &options, NULL);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    pl_store *store = NULL;
    pl_error err = {0};
    pl_status status = api->store_create(&store, n.backend, &n.model, rows[i].text, &err);
    if (status != rows[i].status) fail_msg("%s: %d %s", rows[i].text, (int)status, err.message);
    api->store_destroy(store);
  }
  tear_down(&n);
}

// ---------------------------------------------------------------------------------------------------------------------

static int load(void **state) {
  (void)state;
  const char *build_folder = getenv("PLEURA_BUILD");
  char *path = pl_xprintf("%s/emulated/libpleura-emulated.so", build_folder != NULL ? build_folder : ".");
  registry = pl_registry_create(NULL);
  pl_error err = {0};
  pl_status status = pl_registry_load(registry, path, &err);
  if (status == PL_OK) api = pl_registry_at(registry, pl_registry_count(registry) - 1)->api;
  if (status != PL_OK) printf("%s\n", err.message);
  free(path);
  return status == PL_OK ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  pl_registry_destroy(registry);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_devices_that_cannot_be_used),
      cmocka_unit_test(test_out_of_memory),
      cmocka_unit_test(test_a_lost_device),
      cmocka_unit_test(test_slots),
      cmocka_unit_test(test_misuse),
      cmocka_unit_test(test_destroyed_early),
      cmocka_unit_test(test_resume),
      cmocka_unit_test(test_loss_scale),
      cmocka_unit_test(test_plan),
      cmocka_unit_test(test_fusions_are_found),
      cmocka_unit_test(test_choices),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
