// The oneDNN backend against the reference: shapes that its layouts make special, layouts that meet, fusions, gradients
// that are added, and what the store promises. The suite over all ops is tests/parity.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/backend_onednn/backend_onednn.h"
#include "core/net/backend_ref/backend_ref.h"
#include "core/net/model.h"
#include "core/net/plan.h"
#include "tests/tools/testing.h"

enum { RESULTS_MAX = PL_GRAPH_PORTS_MAX };

static float noise(uint64_t seed, int64_t i) {
  uint64_t z = (seed << 40) + (uint64_t)i * 0x9E3779B97F4A7C15u + 1;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return (float)(z >> 40) * 0x1p-23f - 1.0f;
}

static int32_t parameter(pl_model *model, const char *name, int rank, int64_t a, int64_t b, int64_t c, int64_t d) {
  return pl_model_add(model, name, PL_ROLE_PARAMETER, PL_F32, pl_shape_make(rank, a, b, c, d), PL_INIT_CONSTANT, 0);
}

// What one backend made of a graph.
typedef struct outcome {
  double *results[RESULTS_MAX], **tensors;
} outcome;

static double *as_doubles(const void *data, pl_dtype dtype, int64_t count) {
  double *out = calloc((size_t)count + 1, sizeof *out);
  for (int64_t i = 0; i < count; i++)
    out[i] = dtype == PL_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
  return out;
}

static void fill_store(const pl_backend_api *api, pl_store *store, const pl_model *model) {
  pl_error err = {0};
  for (int32_t t = 0; t < model->count; t++) {
    int64_t count = pl_shape_elements(&model->tensors[t].shape);
    if (model->tensors[t].dtype == PL_I64) continue;
    float *data = calloc((size_t)count, sizeof *data);
    float scale = model->tensors[t].role == PL_ROLE_GRADIENT ? 0.5f : 0.3f;
    float base = model->tensors[t].shape.rank == 1 ? 1.0f : 0.0f;
    if (model->tensors[t].role == PL_ROLE_SECOND_MOMENT || model->tensors[t].role == PL_ROLE_FIRST_MOMENT)
      scale = base = 0;
    for (int64_t i = 0; i < count; i++) data[i] = base + scale * noise((uint64_t)t + 1, i);
    assert_int_equal(api->upload(store, t, PL_F32, data, &err), PL_OK);
    free(data);
  }
}

static outcome run_graph(const pl_backend_api *api, const pl_model *model, const pl_graph *graph, int runs) {
  pl_error err = {0};
  pl_backend *backend = NULL;
  pl_store *store = NULL;
  pl_program *program = NULL;
  outcome out = {.tensors = calloc((size_t)model->count + 1, sizeof(double *))};
  pl_backend_options options = {.struct_size = sizeof options, .threads = 2, .deterministic = true};
  assert_int_equal(api->open(&backend, NULL, &options, &err), PL_OK);
  assert_int_equal(api->store_create(&store, backend, model, NULL, &err), PL_OK);
  fill_store(api, store, model);
  if (api->compile(&program, store, graph, &err) != PL_OK) fail_msg("%s", err.message);
  if (api->arena_reserve(store, &err) != PL_OK) fail_msg("%s", err.message);
  void *inputs[PL_GRAPH_PORTS_MAX];
  for (int32_t i = 0; i < graph->input_count; i++) {
    int64_t count = pl_shape_elements(&graph->values[graph->inputs[i]].shape);
    float *data = calloc((size_t)count, sizeof *data);
    bool target = strcmp(graph->values[graph->inputs[i]].name, "target") == 0;
    for (int64_t j = 0; j < count; j++) {
      float v = noise(100 + (uint64_t)i, j);
      data[j] = target ? (v > 0.3f ? 1.0f : 0.0f) : v;
    }
    inputs[i] = data;
  }
  pl_result result = {{0}};
  for (int32_t i = 0; i < graph->result_count; i++)
    result.data[i] = calloc((size_t)pl_shape_elements(&graph->values[graph->results[i]].shape), 8);
  pl_controls controls = {.struct_size = sizeof controls, .learning_rate = 1e-2};
  for (int r = 0; r < runs; r++) {
    assert_int_equal(api->input(program, r % PL_SLOTS, (const void *const *)inputs, &err), PL_OK);
    assert_int_equal(api->run(program, r % PL_SLOTS, &controls, &result, &err), PL_OK);
    assert_int_equal(api->wait(program, &err), PL_OK);
  }
  for (int32_t i = 0; i < graph->result_count; i++) {
    const pl_value *v = &graph->values[graph->results[i]];
    out.results[i] = as_doubles(result.data[i], v->dtype, pl_shape_elements(&v->shape));
    free(result.data[i]);
  }
  for (int32_t i = 0; i < graph->input_count; i++) free(inputs[i]);
  for (int32_t t = 0; t < model->count; t++) {
    int64_t count = pl_shape_elements(&model->tensors[t].shape);
    out.tensors[t] = calloc((size_t)count + 1, sizeof(double));
    if (model->tensors[t].dtype != PL_I64)
      assert_int_equal(api->download(store, t, PL_F64, out.tensors[t], &err), PL_OK);
  }
  api->program_destroy(program);
  api->store_destroy(store);
  api->close(backend);
  return out;
}

static void compare(const char *what, const double *a, const double *b, int64_t count, double tolerance) {
  double largest = 1e-6, worst = 0;
  for (int64_t i = 0; i < count; i++) {
    if (fabs(a[i]) > largest) largest = fabs(a[i]);
    if (fabs(a[i] - b[i]) > worst) worst = fabs(a[i] - b[i]);
    if (isnan(a[i]) != isnan(b[i])) fail_msg("%s[%d]: %g and %g", what, (int)i, a[i], b[i]);
  }
  if (worst > tolerance * largest) fail_msg("%s: off by %g of %g", what, worst, largest);
}

static void check_graph(const pl_model *model, const pl_graph *graph, int runs, double tolerance) {
  outcome a = run_graph(&pl_backend_ref, model, graph, runs), b = run_graph(&pl_backend_onednn, model, graph, runs);
  for (int32_t i = 0; i < graph->result_count; i++) {
    const pl_value *v = &graph->values[graph->results[i]];
    compare(v->name, a.results[i], b.results[i], pl_shape_elements(&v->shape), tolerance);
    free(a.results[i]);
    free(b.results[i]);
  }
  for (int32_t t = 0; t < model->count; t++) {
    compare(model->tensors[t].name, a.tensors[t], b.tensors[t], pl_shape_elements(&model->tensors[t].shape), tolerance);
    free(a.tensors[t]);
    free(b.tensors[t]);
  }
  free(a.tensors);
  free(b.tensors);
}

// One convolution in its three directions.
static void check_conv(int64_t in, int64_t out, int32_t kernel, int32_t stride, int32_t groups, bool add) {
  pl_model model = {0};
  int32_t tensors[2] = {parameter(&model, "w", 4, out, in / groups, kernel, kernel),
                        parameter(&model, "b", 1, out, 1, 1, 1)};
  pl_model_add_training_tensors(&model, PL_OPTIMIZER_ADAM);
  pl_graph graph;
  pl_graph_init(&graph, &model);
  pl_attributes a = {.kernel = kernel, .stride = stride, .pad = kernel / 2, .groups = groups};
  int32_t x = pl_graph_input(&graph, "x", PL_F32, pl_shape_make(4, 2, in, 9, 8));
  int32_t y = pl_graph_add(&graph, PL_OP_CONV, "y", &x, 1, tensors, 2, &a), wanted = x;
  int32_t dy = pl_graph_input(&graph, "dy", PL_F32, graph.values[y].shape);
  pl_graph_backward_from(&graph, y, dy, &wanted, 1, add);
  pl_graph_result(&graph, y);
  pl_graph_result(&graph, wanted);
  check_graph(&model, &graph, 2, 1e-5);
  pl_graph_clear(&graph);
  pl_model_clear(&model);
}

static void conv_layouts(void **state) {
  (void)state;
  check_conv(16, 32, 3, 1, 1, false);
  check_conv(16, 16, 1, 2, 1, true);
  check_conv(5, 7, 3, 1, 1, false);
  check_conv(3, 16, 7, 2, 1, false);
  check_conv(16, 1, 3, 1, 1, true);
}

static void grouped_conv_layouts(void **state) {
  (void)state;
  check_conv(32, 32, 3, 1, 8, false);
  check_conv(32, 32, 3, 2, 8, true);
  check_conv(32, 32, 3, 1, 4, false);
  check_conv(64, 64, 3, 2, 4, false);
  check_conv(6, 4, 3, 1, 2, true);
}

typedef struct net {
  pl_model model;
  pl_graph graph;
} net;

static int32_t conv(net *n, const char *name, int32_t x, int32_t weight, int32_t kernel, int32_t groups) {
  pl_attributes a = {.kernel = kernel, .stride = 1, .pad = kernel / 2, .groups = groups};
  return pl_graph_add(&n->graph, PL_OP_CONV, name, &x, 1, &weight, 1, &a);
}

// A small network with every kind of op between a 4-channel-group convolution and the loss; ends with Adam.
static void check_network(int64_t c, bool add) {
  net n = {0};
  pl_model *m = &n.model;
  int32_t w1 = parameter(m, "w1", 4, c, 3, 3, 3), w2 = parameter(m, "w2", 4, c, 4, 3, 3),
          w3 = parameter(m, "w3", 4, c, c, 1, 1), w4 = parameter(m, "w4", 4, 1, 2 * c, 3, 3);
  int32_t norm[2] = {parameter(m, "gamma", 1, c, 1, 1, 1), parameter(m, "beta", 1, c, 1, 1, 1)};
  int32_t norm2[2] = {parameter(m, "gamma2", 1, c, 1, 1, 1), parameter(m, "beta2", 1, c, 1, 1, 1)};
  pl_model_add_training_tensors(m, PL_OPTIMIZER_ADAM);
  pl_graph *g = &n.graph;
  pl_graph_init(g, m);
  pl_attributes bn = {.epsilon = 1e-5, .momentum = 0.1}, pool = {.kernel = 3, .stride = 2, .ceil = true};
  pl_attributes loss_weights = {.loss_weights = {3, 1, 4}};
  pl_attributes adam = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-3, .clip_norm = 0.5, .weight_decay = 0.01};
  int32_t x = pl_graph_input(g, "x", PL_F32, pl_shape_make(4, 2, 3, 12, 12));
  int32_t target = pl_graph_input(g, "target", PL_F32, pl_shape_make(4, 2, 1, 12, 12));
  int32_t y = conv(&n, "conv1", x, w1, 3, 1);
  y = pl_graph_add(g, PL_OP_BATCH_NORM, "bn", &y, 1, norm, 2, &bn);
  int32_t mean = y + 1, variance = y + 2;
  int32_t skip = pl_graph_add(g, PL_OP_RELU, "relu", &y, 1, NULL, 0, NULL);
  int32_t down = pl_graph_add(g, PL_OP_MAX_POOL, "pool", &skip, 1, NULL, 0, &pool);
  int32_t grouped = conv(&n, "conv2", down, w2, 3, (int32_t)c / 4);
  grouped = pl_graph_add(g, PL_OP_BATCH_NORM, "bn2", &grouped, 1, norm2, 2, &bn);
  int32_t squeezed = pl_graph_add(g, PL_OP_MEAN_HW, "mean", &grouped, 1, NULL, 0, NULL);
  squeezed = conv(&n, "conv3", squeezed, w3, 1, 1);
  squeezed = pl_graph_add(g, PL_OP_SIGMOID, "sigmoid", &squeezed, 1, NULL, 0, NULL);
  int32_t scaled = pl_graph_add(g, PL_OP_SCALE_CHANNELS, "scale", (int32_t[]){grouped, squeezed}, 2, NULL, 0, NULL);
  int32_t sum = pl_graph_add(g, PL_OP_ADD, "sum", (int32_t[]){scaled, down}, 2, NULL, 0, NULL);
  sum = pl_graph_add(g, PL_OP_RELU, "relu2", &sum, 1, NULL, 0, NULL);
  int32_t up = pl_graph_add(g, PL_OP_UPSAMPLE2, "up", &sum, 1, NULL, 0, NULL);
  int32_t both = pl_graph_add(g, PL_OP_CONCAT, "concat", (int32_t[]){up, skip}, 2, NULL, 0, NULL);
  int32_t logits = conv(&n, "conv4", both, w4, 3, 1);
  int32_t loss = pl_graph_add(g, PL_OP_COMBO_LOSS, "loss", (int32_t[]){logits, target}, 2, NULL, 0, &loss_weights);
  int32_t dice = pl_graph_add(g, PL_OP_DICE_SUMS, "dice", (int32_t[]){logits, target}, 2, NULL, 0, NULL);
  pl_graph_backward(g, loss, add);
  int32_t length = pl_graph_add(g, PL_OP_GRADIENT_NORM, "norm", NULL, 0, NULL, 0, NULL);
  pl_graph_add(g, PL_OP_OPTIMIZER_STEP, "update", &length, 1, NULL, 0, &adam);
  const int32_t results[] = {logits, loss, dice, length, mean, variance, both};
  for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) pl_graph_result(g, results[i]);
  check_graph(m, g, 2, 2e-4);
  pl_graph_clear(g);
  pl_model_clear(m);
}

static void small_networks(void **state) {
  (void)state;
  check_network(16, false);
  check_network(16, true);
  check_network(12, false);
}

// What the step would take if every value were kept from its node to its last reader.
static size_t kept_bytes(const pl_graph *graph) {
  pl_plan_buffer *buffers = calloc((size_t)graph->value_count, sizeof *buffers);
  for (int32_t v = 0; v < graph->value_count; v++) {
    const pl_value *value = &graph->values[v];
    buffers[v].bytes = (size_t)pl_shape_elements(&value->shape) * pl_dtype_size(value->dtype);
    buffers[v].first = buffers[v].last = value->producer;
  }
  for (int32_t n = 0; n < graph->node_count; n++)
    for (int i = 0; i < PL_NODE_INPUTS_MAX && graph->nodes[n].in[i] >= 0; i++) buffers[graph->nodes[n].in[i]].last = n;
  size_t bytes = pl_plan_arena(buffers, (size_t)graph->value_count, 64, 0);
  free(buffers);
  return bytes;
}

// Concatenations are made again for the backward pass, and outputs of batch norms are not kept for it where their
// inputs do: that saves a fifth of the memory and more.
static void does_not_keep_everything(void **state) {
  (void)state;
  pl_error err = {0};
  pl_model model = {0};
  pl_graph graph;
  pl_backend *backend = NULL;
  pl_store *store = NULL;
  pl_program *program = NULL;
  const pl_unet unet = {.encoder = "se_resnext50_32x4d"};
  pl_program_spec spec = pl_program_spec_default(PL_PROGRAM_STEP, 2, 512, 512);
  pl_backend_options options = {.struct_size = sizeof options, .threads = 2, .deterministic = true};
  assert_int_equal(pl_unet_model(&model, &unet, &err), PL_OK);
  assert_int_equal(pl_unet_graph(&graph, &model, &unet, &spec, &err), PL_OK);
  assert_int_equal(pl_backend_onednn.open(&backend, NULL, &options, &err), PL_OK);
  assert_int_equal(pl_backend_onednn.store_create(&store, backend, &model, NULL, &err), PL_OK);
  assert_int_equal(pl_backend_onednn.compile(&program, store, &graph, &err), PL_OK);
  assert_int_equal(pl_backend_onednn.arena_reserve(store, &err), PL_OK);
  size_t arena = pl_backend_onednn.memory(store).arena, kept = kept_bytes(&graph);
  if (arena > kept / 5 * 4) fail_msg("%zu MiB of %zu MiB", arena >> 20, kept >> 20);
  pl_backend_onednn.program_destroy(program);
  pl_backend_onednn.store_destroy(store);
  pl_backend_onednn.close(backend);
  pl_graph_clear(&graph);
  pl_model_clear(&model);
}

static void check_reference_code(const pl_unet *unet, int allowed) {
  pl_error err = {0};
  pl_model model = {0};
  pl_backend *backend = NULL;
  pl_store *store = NULL;
  assert_int_equal(pl_unet_model(&model, unet, &err), PL_OK);
  assert_int_equal(pl_backend_onednn.open(&backend, NULL, NULL, &err), PL_OK);
  assert_int_equal(pl_backend_onednn.store_create(&store, backend, &model, NULL, &err), PL_OK);
  const pl_program_kind kinds[] = {PL_PROGRAM_STEP, PL_PROGRAM_EVALUATE};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    pl_program_spec spec = pl_program_spec_default(kinds[i], 1, 512, 512);
    pl_graph graph;
    pl_program *program = NULL;
    assert_int_equal(pl_unet_graph(&graph, &model, unet, &spec, &err), PL_OK);
    assert_int_equal(pl_backend_onednn.compile(&program, store, &graph, &err), PL_OK);
    assert_in_range(pl_onednn_reference_count(program), 0, allowed);
    pl_backend_onednn.program_destroy(program);
    pl_graph_clear(&graph);
  }
  pl_backend_onednn.store_destroy(store);
  pl_backend_onednn.close(backend);
  pl_model_clear(&model);
}

// The real networks at the size of real training run no reference code of oneDNN, in any program.
static void no_reference_code(void **state) {
  (void)state;
  check_reference_code(&(pl_unet){.encoder = "se_resnext50_32x4d"}, 0);
}

// The last block's squeeze is one pixel of one channel, for which oneDNN has no other code: five nodes, microseconds.
static void no_reference_code_attention(void **state) {
  (void)state;
  check_reference_code(&(pl_unet){.encoder = "resnet50", .attention = "scse"}, 5);
}

static void refuses(void **state) {
  (void)state;
  pl_error err = {0};
  pl_model model = {0};
  parameter(&model, "w", 1, 4, 1, 1, 1);
  pl_backend *backend = NULL;
  pl_store *store = NULL, *again = NULL;
  pl_backend_options options = {.struct_size = sizeof options, .threads = -1};
  assert_int_equal(pl_backend_onednn.open(&backend, NULL, &options, &err), PL_E_USAGE);
  options.threads = 1;
  assert_int_equal(pl_backend_onednn.open(&backend, NULL, &options, &err), PL_OK);
  assert_int_equal(pl_backend_onednn.store_create(&store, backend, &model, NULL, &err), PL_OK);
  assert_int_equal(pl_backend_onednn.store_create(&again, backend, &model, "{\"threads\":99}", &err), PL_E_USAGE);
  assert_null(again);
  assert_int_equal(pl_backend_onednn.store_create(&again, backend, &model, pl_backend_onednn.choices(store), &err),
                   PL_OK);
  int64_t wrong = 0;
  assert_int_equal(pl_backend_onednn.upload(store, 0, PL_I64, &wrong, &err), PL_E_USAGE);
  pl_backend_onednn.store_destroy(again);
  pl_backend_onednn.store_destroy(store);
  pl_backend_onednn.close(backend);
  pl_model_clear(&model);
}

// Batch norm is folded into the weights of an inference program; what was folded follows the store.
static void run_folded(float out[256], float variance) {
  const pl_backend_api *api = &pl_backend_onednn;
  pl_error err = {0};
  pl_model model = {0};
  int32_t weight = parameter(&model, "w", 4, 16, 16, 1, 1);
  int32_t norm[4] = {parameter(&model, "gamma", 1, 16, 1, 1, 1), parameter(&model, "beta", 1, 16, 1, 1, 1)};
  norm[2] = pl_model_add(&model, "mean", PL_ROLE_BUFFER, PL_F32, pl_shape_make(1, 16, 1, 1, 1), PL_INIT_CONSTANT, 0);
  norm[3] =
      pl_model_add(&model, "variance", PL_ROLE_BUFFER, PL_F32, pl_shape_make(1, 16, 1, 1, 1), PL_INIT_CONSTANT, 1);
  pl_graph graph;
  pl_graph_init(&graph, &model);
  pl_attributes conv1 = {.kernel = 1, .stride = 1}, eval = {.epsilon = 1e-5};
  int32_t x = pl_graph_input(&graph, "x", PL_F32, pl_shape_make(4, 1, 16, 4, 4));
  int32_t y = pl_graph_add(&graph, PL_OP_CONV, "y", &x, 1, &weight, 1, &conv1);
  y = pl_graph_add(&graph, PL_OP_BATCH_NORM_EVAL, "norm", &y, 1, norm, 4, &eval);
  pl_graph_result(&graph, pl_graph_add(&graph, PL_OP_RELU, "relu", &y, 1, NULL, 0, NULL));
  pl_backend *backend = NULL;
  pl_store *store = NULL;
  pl_program *program = NULL;
  assert_int_equal(api->open(&backend, NULL, NULL, &err), PL_OK);
  assert_int_equal(api->store_create(&store, backend, &model, NULL, &err), PL_OK);
  fill_store(api, store, &model);
  assert_int_equal(api->compile(&program, store, &graph, &err), PL_OK);
  assert_int_equal(api->arena_reserve(store, &err), PL_OK);
  float image[256], variances[16];
  for (int i = 0; i < 256; i++) image[i] = noise(7, i);
  for (int run = 0; run < 2; run++) {
    const void *inputs[] = {image};
    pl_controls controls = {.struct_size = sizeof controls};
    pl_result result = {{out}};
    for (int i = 0; i < 16; i++) variances[i] = run == 0 ? 1.0f : variance;
    assert_int_equal(api->upload(store, norm[3], PL_F32, variances, &err), PL_OK);
    assert_int_equal(api->input(program, 0, inputs, &err), PL_OK);
    assert_int_equal(api->run(program, 0, &controls, &result, &err), PL_OK);
    assert_int_equal(api->wait(program, &err), PL_OK);
  }
  char *steps = pl_onednn_describe(program);
  assert_null(strstr(steps, "batch_norm"));
  free(steps);
  api->program_destroy(program);
  api->store_destroy(store);
  api->close(backend);
  pl_graph_clear(&graph);
  pl_model_clear(&model);
}

static void folded_norms_follow_the_store(void **state) {
  (void)state;
  // y - beta is in inverse proportion to the deviation wherever relu leaves it.
  float at_one[256], at_nine[256];
  run_folded(at_one, 1.0f);
  run_folded(at_nine, 9.0f);
  int compared = 0;
  for (int i = 0; i < 256; i++) {
    if (at_one[i] <= 0) continue;
    float beta = 1.0f + 0.3f * noise(3, i / 16), shift = at_one[i] - beta;
    assert_true(fabsf(at_nine[i] - (beta + shift / 3)) < 1e-4f);
    compared++;
  }
  assert_true(compared > 20);
}

// What `choices` says of a convolution is what is compiled: for those that are recorded, whatever timing would say.
static pl_status compile_conv(char **described, char **recorded, const char *choices, bool tune, pl_error *err) {
  pl_model model = {0};
  int32_t weight = parameter(&model, "w", 4, 32, 16, 3, 3);
  pl_model_add_training_tensors(&model, PL_OPTIMIZER_ADAM);
  pl_graph graph;
  pl_graph_init(&graph, &model);
  pl_attributes a = {.kernel = 3, .stride = 1, .pad = 1};
  int32_t x = pl_graph_input(&graph, "x", PL_F32, pl_shape_make(4, 2, 16, 20, 24)), wanted = x;
  int32_t y = pl_graph_add(&graph, PL_OP_CONV, "y", &x, 1, &weight, 1, &a);
  int32_t dy = pl_graph_input(&graph, "dy", PL_F32, graph.values[y].shape);
  pl_graph_backward_from(&graph, y, dy, &wanted, 1, false);
  pl_graph_result(&graph, y);
  pl_graph_result(&graph, wanted);
  pl_backend *backend = NULL;
  pl_store *store = NULL;
  pl_program *program = NULL;
  pl_backend_options options = {.struct_size = sizeof options, .threads = 1, .tune = tune};
  assert_int_equal(pl_backend_onednn.open(&backend, NULL, &options, err), PL_OK);
  pl_status status = pl_backend_onednn.store_create(&store, backend, &model, choices, err);
  if (!status) status = pl_backend_onednn.compile(&program, store, &graph, err);
  if (!status) {
    *described = pl_onednn_describe(program);
    *recorded = strdup(pl_backend_onednn.choices(store));
    pl_backend_onednn.program_destroy(program);
  }
  pl_backend_onednn.store_destroy(store);
  pl_backend_onednn.close(backend);
  pl_graph_clear(&graph);
  pl_model_clear(&model);
  return status;
}

static char *replace_all(const char *text, const char *from, const char *to) {
  char *out = calloc(4 * strlen(text) + 1, 1), *end = out;
  while (*text) {
    bool here = strncmp(text, from, strlen(from)) == 0;
    size_t length = here ? strlen(to) : 1;
    memcpy(end, here ? to : text, length);
    end += length;
    text += here ? strlen(from) : 1;
  }
  return out;
}

static void choices_are_kept(void **state) {
  (void)state;
  pl_error err = {0};
  char *described, *fixed, *again, *timed;
  assert_int_equal(compile_conv(&described, &fixed, NULL, false, &err), PL_OK);
  if (!strstr(described, "winograd")) {
    free(described);
    free(fixed);
    skip();  // no kernels for this processor
  }
  assert_non_null(strstr(described, "conv backward data winograd"));
  assert_non_null(strstr(described, "conv backward weight winograd"));
  free(described);

  char *direct = replace_all(fixed, "\"winograd\"", "\"direct\"");
  assert_string_not_equal(direct, fixed);
  for (int tune = 0; tune < 2; tune++) {
    assert_int_equal(compile_conv(&described, &again, direct, tune, &err), PL_OK);
    assert_null(strstr(described, "winograd"));
    assert_string_equal(again, direct);
    free(described);
    free(again);
  }

  assert_int_equal(compile_conv(&described, &timed, NULL, true, &err), PL_OK);
  free(described);
  assert_int_equal(compile_conv(&described, &again, timed, true, &err), PL_OK);
  assert_string_equal(again, timed);

  char *unknown = replace_all(fixed, "\"winograd\"", "\"magic\""), *ignored[2];
  assert_int_equal(compile_conv(&ignored[0], &ignored[1], unknown, false, &err), PL_E_FORMAT);
  assert_int_equal(compile_conv(&ignored[0], &ignored[1], "[1]", false, &err), PL_E_FORMAT);
  assert_int_equal(compile_conv(&ignored[0], &ignored[1], "{", false, &err), PL_E_FORMAT);
  char *const texts[] = {described, again, timed, fixed, direct, unknown};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) free(texts[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conv_layouts),
      cmocka_unit_test(grouped_conv_layouts),
      cmocka_unit_test(small_networks),
      cmocka_unit_test(does_not_keep_everything),
      cmocka_unit_test(no_reference_code),
      cmocka_unit_test(refuses),
      cmocka_unit_test(choices_are_kept),
      cmocka_unit_test(folded_norms_follow_the_store),
      cmocka_unit_test(no_reference_code_attention),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
