// Central differences in double precision against the reference's derivatives, for every op that has one.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/net/backend_ref/backend_ref.h"
#include "tests/tools/testing.h"
#include "tests/unit/net/net_tests.h"

enum { INPUTS_MAX = 3 };

static const double step = 1e-5, tolerance = 1e-6;

// Objective: the sum of dy * y, or for a loss its total. Inputs and results are doubles: the graph's values say so.
typedef struct bench {
  pl_model model;
  pl_graph graph;
  pl_store *store;
  pl_program *program;
  int inputs;  // that the derivative is checked for; "dy" or the target follows
  double *data[PL_GRAPH_PORTS_MAX];
  double *results[PL_GRAPH_PORTS_MAX];
  bool loss;
} bench;

static double random_signed(int stream, int64_t index) {
  double s = 2 * pl_rng_double(31, (uint64_t)stream, (uint64_t)index) - 1;
  return s + (s < 0 ? -0.1 : 0.1);  // away from the kink of relu
}

static int64_t count_of(const bench *b, int32_t value) { return pl_shape_elements(&b->graph.values[value].shape); }

static void prepare(bench *b, pl_backend *backend) {
  const pl_backend_api *api = &pl_backend_ref;
  for (int32_t v = 0; v < b->graph.value_count; v++) {
    if (b->graph.values[v].dtype == PL_F32) b->graph.values[v].dtype = PL_F64;
  }
  assert_int_equal(api->store_create(&b->store, backend, &b->model, NULL, NULL), PL_OK);
  for (int32_t t = 0; t < b->model.state_count; t++) {
    int64_t count = pl_shape_elements(&b->model.tensors[t].shape);
    double *data = pl_xcalloc((size_t)count, sizeof *data);
    for (int64_t i = 0; i < count; i++) data[i] = random_signed(100 + t, i);
    assert_int_equal(api->upload(b->store, t, PL_F64, data, NULL), PL_OK);
    free(data);
  }
  assert_int_equal(api->compile(&b->program, b->store, &b->graph, NULL), PL_OK);
  assert_int_equal(api->arena_reserve(b->store, NULL), PL_OK);
  for (int i = 0; i < b->graph.input_count; i++) {
    int64_t count = count_of(b, b->graph.inputs[i]);
    b->data[i] = pl_xcalloc((size_t)count, sizeof(double));
    for (int64_t j = 0; j < count; j++) b->data[i][j] = random_signed(i, j);
    if (b->loss && i == 1) {
      for (int64_t j = 0; j < count; j++) b->data[i][j] = b->data[i][j] > 0 ? 1 : 0;
    }
  }
  for (int i = 0; i < b->graph.result_count; i++) {
    b->results[i] = pl_xcalloc((size_t)count_of(b, b->graph.results[i]), sizeof(double));
  }
}

static double objective(bench *b) {
  const pl_backend_api *api = &pl_backend_ref;
  assert_int_equal(api->input(b->program, 0, (const void *const *)b->data, NULL), PL_OK);
  pl_result result = {.data = {NULL}};
  for (int i = 0; i < b->graph.result_count; i++) result.data[i] = b->results[i];
  assert_int_equal(api->run(b->program, 0, NULL, &result, NULL), PL_OK);
  assert_int_equal(api->wait(b->program, NULL), PL_OK);
  if (b->loss) return b->results[0][PL_LOSS_TOTAL];
  double sum = 0;
  for (int64_t i = 0; i < count_of(b, b->graph.results[0]); i++) sum += b->data[b->inputs][i] * b->results[0][i];
  return sum;
}

static void check(double expected, double found, double scale, const char *what) {
  double error = fabs(expected - found) / fmax(scale, 1e-3);
  if (error > tolerance) fail_msg("%s: derivative %.12g, differences %.12g, error %.2g", what, found, expected, error);
}

static double scale_of(const double *values, int64_t count) {
  double scale = 0;
  for (int64_t i = 0; i < count; i++) scale = fmax(scale, fabs(values[i]));
  return scale;
}

static void check_inputs(bench *b, const char *what) {
  for (int k = 0; k < b->inputs; k++) {
    objective(b);  // the last run was at another point
    int64_t count = count_of(b, b->graph.inputs[k]);
    double *gradient = pl_xcalloc((size_t)count, sizeof *gradient);
    memcpy(gradient, b->results[1 + k], (size_t)count * sizeof *gradient);
    double scale = scale_of(gradient, count);
    for (int64_t i = 0; i < count; i++) {
      double old = b->data[k][i];
      b->data[k][i] = old + step;
      double up = objective(b);
      b->data[k][i] = old - step;
      double down = objective(b);
      b->data[k][i] = old;
      check((up - down) / (2 * step), gradient[i], scale, what);
    }
    free(gradient);
  }
}

static void check_parameters(bench *b, const char *what) {
  const pl_backend_api *api = &pl_backend_ref;
  for (int32_t t = 0; t < b->model.state_count; t++) {
    int64_t count = pl_shape_elements(&b->model.tensors[t].shape);
    double *gradient = pl_xcalloc((size_t)count, sizeof *gradient), *values = pl_xcalloc((size_t)count, sizeof *values);
    objective(b);
    assert_int_equal(api->download(b->store, pl_model_find_of(&b->model, PL_ROLE_GRADIENT, t), PL_F64, gradient, NULL),
                     PL_OK);
    assert_int_equal(api->download(b->store, t, PL_F64, values, NULL), PL_OK);
    double scale = scale_of(gradient, count);
    for (int64_t i = 0; i < count; i++) {
      double old = values[i], value[2];
      for (int side = 0; side < 2; side++) {
        values[i] = old + (side == 0 ? step : -step);
        assert_int_equal(api->upload(b->store, t, PL_F64, values, NULL), PL_OK);
        value[side] = objective(b);
      }
      values[i] = old;
      assert_int_equal(api->upload(b->store, t, PL_F64, values, NULL), PL_OK);
      check((value[0] - value[1]) / (2 * step), gradient[i], scale, what);
    }
    free(gradient);
    free(values);
  }
}

static void finish(bench *b, int32_t y, const char *what, pl_backend *backend) {
  int32_t wanted[INPUTS_MAX] = {0};
  b->inputs = b->graph.input_count;
  memcpy(wanted, b->graph.inputs, (size_t)b->inputs * sizeof *wanted);
  pl_graph_result(&b->graph, y);
  int32_t dy = pl_graph_input(&b->graph, "dy", PL_F32, b->graph.values[y].shape);
  pl_graph_backward_from(&b->graph, y, dy, wanted, b->inputs, false);
  for (int i = 0; i < b->inputs; i++) pl_graph_result(&b->graph, wanted[i]);
  prepare(b, backend);
  check_inputs(b, what);
  check_parameters(b, what);
}

static void tear_down(bench *b) {
  for (int i = 0; i < PL_GRAPH_PORTS_MAX; i++) {
    free(b->data[i]);
    free(b->results[i]);
  }
  pl_backend_ref.program_destroy(b->program);
  pl_backend_ref.store_destroy(b->store);
  pl_graph_clear(&b->graph);
  pl_model_clear(&b->model);
}

// One op over images; the second input, where there is one, has its own shape. Parameters by shape, rank 0 for none.
typedef struct gradient_case {
  const char *name;
  pl_op op;
  int64_t x[4], z[4];
  pl_shape weight, vector;
  pl_attributes a;
} gradient_case;

static void run_case(const gradient_case *c, pl_backend *backend) {
  bench b = {.loss = false};
  int32_t tensors[2], tensor_count = 0;
  if (c->weight.rank > 0) {
    tensors[tensor_count++] =
        pl_model_add(&b.model, "weight", PL_ROLE_PARAMETER, PL_F32, c->weight, PL_INIT_CONSTANT, 0);
  }
  if (c->vector.rank > 0) {
    tensors[tensor_count++] = pl_model_add(&b.model, "bias", PL_ROLE_PARAMETER, PL_F32, c->vector, PL_INIT_CONSTANT, 0);
  }
  pl_model_add_training_tensors(&b.model, PL_OPTIMIZER_ADAM);
  pl_graph_init(&b.graph, &b.model);
  int32_t in[2];
  in[0] = pl_graph_input(&b.graph, "x", PL_F32, pl_shape_make(4, c->x[0], c->x[1], c->x[2], c->x[3]));
  int in_count = pl_op_inputs(c->op);
  if (in_count == 2)
    in[1] = pl_graph_input(&b.graph, "z", PL_F32, pl_shape_make(4, c->z[0], c->z[1], c->z[2], c->z[3]));
  finish(&b, pl_graph_add(&b.graph, c->op, "y", in, in_count, tensors, tensor_count, &c->a), c->name, backend);
  tear_down(&b);
}

static void run_loss(const char *what, const double weights[PL_LOSS_TERMS], pl_backend *backend) {
  bench b = {.loss = true, .inputs = 1};
  pl_model_add_training_tensors(&b.model, PL_OPTIMIZER_ADAM);
  pl_graph_init(&b.graph, &b.model);
  pl_shape shape = pl_shape_make(4, 2, 1, 4, 3);
  pl_attributes a = {.nesterov = false};
  memcpy(a.loss_weights, weights, sizeof a.loss_weights);
  int32_t in[3] = {pl_graph_input(&b.graph, "logits", PL_F32, shape),
                   pl_graph_input(&b.graph, "target", PL_F32, shape)};
  in[2] = pl_graph_add(&b.graph, PL_OP_COMBO_LOSS, "loss", in, 2, NULL, 0, &a);
  pl_graph_result(&b.graph, in[2]);
  pl_graph_result(&b.graph, pl_graph_add(&b.graph, PL_OP_COMBO_LOSS_BACKWARD, "d", in, 3, NULL, 0, &a));
  prepare(&b, backend);
  // Some errors of the hinge are then 0, and no two pixels are so near that the step would change their order.
  for (int64_t i = 0; i < count_of(&b, b.graph.inputs[0]); i++) b.data[0][i] *= 2;
  check_inputs(&b, what);
  tear_down(&b);
}

static void run_losses(pl_backend *backend) {
  for (int term = 0; term < PL_LOSS_TERMS; term++) {
    double weights[PL_LOSS_TERMS] = {0};
    weights[term] = 2;
    run_loss(pl_loss_term_name((pl_loss_term)term), weights, backend);
  }
  run_loss("all terms", (const double[PL_LOSS_TERMS]){3, 1, 4, 1, 5, 9}, backend);
}

static const gradient_case cases[] = {
    {.name = "conv",
     .op = PL_OP_CONV,
     .x = {2, 3, 5, 4},
     .weight = {4, {4, 3, 3, 3}},
     .vector = {1, {4, 1, 1, 1}},
     .a = {.kernel = 3, .stride = 1, .pad = 1, .groups = 1}},
    {.name = "conv stride 2",
     .op = PL_OP_CONV,
     .x = {1, 4, 7, 6},
     .weight = {4, {4, 2, 3, 3}},
     .a = {.kernel = 3, .stride = 2, .pad = 1, .groups = 2}},
    {.name = "conv no padding",
     .op = PL_OP_CONV,
     .x = {1, 2, 4, 5},
     .weight = {4, {3, 2, 2, 2}},
     .a = {.kernel = 2, .stride = 1, .groups = 1}},
    {.name = "batch_norm",
     .op = PL_OP_BATCH_NORM,
     .x = {2, 3, 3, 2},
     .weight = {1, {3, 1, 1, 1}},
     .vector = {1, {3, 1, 1, 1}},
     .a = {.epsilon = 1e-5}},
    {.name = "relu", .op = PL_OP_RELU, .x = {2, 2, 3, 3}},
    {.name = "sigmoid", .op = PL_OP_SIGMOID, .x = {2, 2, 3, 3}},
    {.name = "add", .op = PL_OP_ADD, .x = {2, 2, 3, 3}, .z = {2, 2, 3, 3}},
    {.name = "mean_hw", .op = PL_OP_MEAN_HW, .x = {2, 2, 3, 4}},
    {.name = "scale_channels", .op = PL_OP_SCALE_CHANNELS, .x = {2, 3, 3, 2}, .z = {2, 3, 1, 1}},
    {.name = "scale_pixels", .op = PL_OP_SCALE_PIXELS, .x = {2, 3, 3, 2}, .z = {2, 1, 3, 2}},
    {.name = "upsample2", .op = PL_OP_UPSAMPLE2, .x = {2, 2, 3, 2}},
    {.name = "concat", .op = PL_OP_CONCAT, .x = {2, 2, 3, 3}, .z = {2, 3, 3, 3}},
    {.name = "max_pool", .op = PL_OP_MAX_POOL, .x = {2, 2, 7, 6}, .a = {.kernel = 3, .stride = 2, .pad = 1}},
    {.name = "max_pool ceil", .op = PL_OP_MAX_POOL, .x = {1, 2, 6, 8}, .a = {.kernel = 3, .stride = 2, .ceil = true}},
};

void test_gradients_of_every_op(void **state) {
  (void)state;
  pl_backend *backend;
  const pl_backend_options options = {.struct_size = sizeof options, .threads = 1, .check = true};
  assert_int_equal(pl_backend_ref.open(&backend, NULL, &options, NULL), PL_OK);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) run_case(&cases[i], backend);
  run_losses(backend);
  pl_backend_ref.close(backend);
}
