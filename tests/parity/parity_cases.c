// The graphs of the parity suite. Ops with a derivative are built with it: results are y and the gradients of all
// inputs, and the gradients of the parameters are compared as tensors.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/net/model.h"
#include "tests/parity/parity.h"

static pl_shape image(int n, int c, int h, int w) { return pl_shape_make(4, n, c, h, w); }

static int32_t add_weight(parity_build *b, const char *name, int out, int in, int kernel) {
  return pl_model_add(&b->model, name, PL_ROLE_PARAMETER, PL_F32, pl_shape_make(4, out, in, kernel, kernel),
                      PL_INIT_CONSTANT, 0);
}

static int32_t add_vector(parity_build *b, const char *name, pl_role role, int count) {
  return pl_model_add(&b->model, name, role, PL_F32, pl_shape_make(1, count, 1, 1, 1), PL_INIT_CONSTANT, 0);
}

static pl_graph *start(parity_build *b) {
  if (b->graph_count == 0) pl_model_add_training_tensors(&b->model, b->optimizer);
  pl_graph *graph = &b->graphs[b->graph_count++];
  pl_graph_init(graph, &b->model);
  return graph;
}

static int32_t node1(pl_graph *g, pl_op op, const char *name, int32_t x) {
  return pl_graph_add(g, op, name, &x, 1, NULL, 0, NULL);
}

static int32_t node2(pl_graph *g, pl_op op, const char *name, int32_t a, int32_t b) {
  return pl_graph_add(g, op, name, (int32_t[]){a, b}, 2, NULL, 0, NULL);
}

// Ends a case: y as a result, then the derivative from an input "dy" to the graph's inputs so far.
static void finish(pl_graph *g, int32_t y, bool add) {
  int32_t wanted[PL_GRAPH_PORTS_MAX];
  int count = g->input_count;
  memcpy(wanted, g->inputs, sizeof wanted);
  pl_graph_result(g, y);
  int32_t dy = pl_graph_input(g, "dy", PL_F32, g->values[y].shape);
  pl_graph_backward_from(g, y, dy, wanted, count, add);
  for (int i = 0; i < count; i++) pl_graph_result(g, wanted[i]);
}

typedef struct conv_tensors {
  int32_t weight, bias;
  pl_attributes a;
} conv_tensors;

static conv_tensors add_conv(parity_build *b, const char *name, int in, int out, int kernel, int stride, int pad,
                             int groups, bool bias) {
  char weight_name[PL_NAME_MAX], bias_name[PL_NAME_MAX];
  snprintf(weight_name, sizeof weight_name, "%s.weight", name);
  snprintf(bias_name, sizeof bias_name, "%s.bias", name);
  conv_tensors t = {.weight = add_weight(b, weight_name, out, in / groups, kernel), .bias = -1};
  if (bias) t.bias = add_vector(b, bias_name, PL_ROLE_PARAMETER, out);
  t.a = (pl_attributes){.kernel = kernel, .stride = stride, .pad = pad, .groups = groups};
  return t;
}

static int32_t conv_node(pl_graph *g, const char *name, int32_t x, const conv_tensors *t) {
  return pl_graph_add(g, PL_OP_CONV, name, &x, 1, (int32_t[]){t->weight, t->bias}, t->bias < 0 ? 1 : 2, &t->a);
}

typedef struct norm_tensors {
  int32_t t[5];  // gamma, beta, running mean, running variance, batches
} norm_tensors;

static norm_tensors add_norm(parity_build *b, const char *name, int channels) {
  static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
  norm_tensors n;
  char full[PL_NAME_MAX];
  for (int i = 0; i < 4; i++) {
    snprintf(full, sizeof full, "%s.%s", name, parts[i]);
    n.t[i] = add_vector(b, full, i < 2 ? PL_ROLE_PARAMETER : PL_ROLE_BUFFER, channels);
  }
  snprintf(full, sizeof full, "%s.num_batches_tracked", name);
  n.t[4] = pl_model_add(&b->model, full, PL_ROLE_BUFFER, PL_I64, pl_shape_make(0, 1, 1, 1, 1), PL_INIT_CONSTANT, 0);
  return n;
}

static int32_t norm_node(pl_graph *g, const char *name, int32_t x, const norm_tensors *n, bool inference) {
  const pl_attributes a = {.epsilon = 1e-5, .momentum = 0.1};
  return pl_graph_add(g, inference ? PL_OP_BATCH_NORM_EVAL : PL_OP_BATCH_NORM, name, &x, 1, n->t, inference ? 4 : 2,
                      &a);
}

// ---------------------------------------------------------------------------------------------------------------------
// One op.

// n c h w out kernel stride pad groups bias add
static void build_conv(parity_build *b) {
  const int *a = b->a;
  conv_tensors t = add_conv(b, "conv", a[1], a[4], a[5], a[6], a[7], a[8], a[9]);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  finish(g, conv_node(g, "conv", x, &t), a[10]);
}

static void build_conv_forward(parity_build *b) {
  const int *a = b->a;
  conv_tensors t = add_conv(b, "conv", a[1], a[4], a[5], a[6], a[7], a[8], a[9]);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  pl_graph_result(g, conv_node(g, "conv", x, &t));
}

// n c h w add
static void build_batch_norm(parity_build *b) {
  const int *a = b->a;
  norm_tensors t = add_norm(b, "norm", a[1]);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  int32_t y = norm_node(g, "norm", x, &t, false);
  pl_graph_result(g, y + 1);
  pl_graph_result(g, y + 2);
  finish(g, y, a[4]);
}

static void build_batch_norm_eval(parity_build *b) {
  const int *a = b->a;
  norm_tensors t = add_norm(b, "norm", a[1]);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  pl_graph_result(g, norm_node(g, "norm", x, &t, true));
}

// op n c h w
static void build_unary(parity_build *b) {
  const int *a = b->a;
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[1], a[2], a[3], a[4]));
  finish(g, node1(g, (pl_op)a[0], "y", x), false);
}

// op n c h w, and the second input's c h w
static void build_binary(parity_build *b) {
  const int *a = b->a;
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[1], a[2], a[3], a[4]));
  int32_t z = pl_graph_input(g, "z", PL_F32, image(a[1], a[5], a[6], a[7]));
  finish(g, node2(g, (pl_op)a[0], "y", x, z), false);
}

// n c h w kernel stride pad ceil
static void build_max_pool(parity_build *b) {
  const int *a = b->a;
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  const pl_attributes at = {.kernel = a[4], .stride = a[5], .pad = a[6], .ceil = a[7]};
  finish(g, pl_graph_add(g, PL_OP_MAX_POOL, "y", &x, 1, NULL, 0, &at), false);
}

// n h w
static void build_augment(parity_build *b) {
  const int *a = b->a;
  pl_graph *g = start(b);
  int32_t in[3] = {pl_graph_input(g, "image", PL_U8, image(a[0], 1, a[1], a[2])),
                   pl_graph_input(g, "mask", PL_U8, image(a[0], 1, a[1], a[2])),
                   pl_graph_input(g, "parameters", PL_F64, pl_shape_make(2, a[0], PL_AUGMENT_VALUES, 1, 1))};
  const pl_attributes at = {.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}};
  int32_t x = pl_graph_add(g, PL_OP_AUGMENT, "x", in, 3, NULL, 0, &at);
  pl_graph_result(g, x);
  pl_graph_result(g, x + 1);
}

static int32_t loss_node(pl_graph *g, int32_t logits, int32_t target, const pl_attributes *a) {
  return pl_graph_add(g, PL_OP_COMBO_LOSS, "loss", (int32_t[]){logits, target}, 2, NULL, 0, a);
}

// n h w, and the terms' weights
static void build_loss(parity_build *b) {
  const int *a = b->a;
  pl_graph *g = start(b);
  int32_t logits = pl_graph_input(g, "logits", PL_F32, image(a[0], 1, a[1], a[2]));
  int32_t target = pl_graph_input(g, "target", PL_F32, image(a[0], 1, a[1], a[2]));
  pl_attributes at = {.nesterov = false};
  for (int i = 0; i < PL_LOSS_TERMS; i++) at.loss_weights[i] = a[3 + i];
  int32_t loss = loss_node(g, logits, target, &at);
  int32_t in[] = {logits, target, loss};
  pl_graph_result(g, loss);
  pl_graph_result(g, pl_graph_add(g, PL_OP_COMBO_LOSS_BACKWARD, "d.logits", in, 3, NULL, 0, &at));
  pl_graph_result(g, node2(g, PL_OP_DICE_SUMS, "dice", logits, target));
}

static void update(pl_graph *g, const pl_attributes *a) {
  int32_t norm = pl_graph_add(g, PL_OP_GRADIENT_NORM, "norm", NULL, 0, NULL, 0, NULL);
  pl_graph_add(g, PL_OP_OPTIMIZER_STEP, "update", &norm, 1, NULL, 0, a);
  pl_graph_result(g, norm);
}

// weight decay in hundredths, largest norm in hundredths, momentum in hundredths, Nesterov's form
static void build_update(parity_build *b) {
  const int *a = b->a;
  add_conv(b, "first", 8, 12, 3, 1, 1, 1, true);
  add_norm(b, "norm", 12);
  add_conv(b, "second", 32, 32, 3, 1, 1, 8, false);
  const pl_attributes at = {.optimizer = b->optimizer,
                            .beta1 = 0.9,
                            .beta2 = 0.999,
                            .epsilon = 1e-8,
                            .weight_decay = a[0] / 100.0,
                            .clip_norm = a[1] / 100.0,
                            .momentum = a[2] / 100.0,
                            .nesterov = a[3]};
  update(start(b), &at);
}

// ---------------------------------------------------------------------------------------------------------------------
// A few ops: what backends fuse.

// n c h w out kernel stride groups inference
static void build_conv_norm_relu(parity_build *b) {
  const int *a = b->a;
  conv_tensors c = add_conv(b, "conv", a[1], a[4], a[5], a[6], a[5] / 2, a[7], false);
  norm_tensors n = add_norm(b, "norm", a[4]);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  int32_t y = node1(g, PL_OP_RELU, "relu", norm_node(g, "norm", conv_node(g, "conv", x, &c), &n, a[8]));
  if (a[8]) {
    pl_graph_result(g, y);
  } else {
    finish(g, y, false);
  }
}

// A residual block: n c h w inference
static void build_residual(parity_build *b) {
  const int *a = b->a;
  conv_tensors c1 = add_conv(b, "conv1", a[1], a[1], 3, 1, 1, 1, false);
  conv_tensors c2 = add_conv(b, "conv2", a[1], a[1], 3, 1, 1, 1, false);
  norm_tensors n1 = add_norm(b, "norm1", a[1]), n2 = add_norm(b, "norm2", a[1]);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  int32_t y = node1(g, PL_OP_RELU, "relu1", norm_node(g, "norm1", conv_node(g, "conv1", x, &c1), &n1, a[4]));
  y = norm_node(g, "norm2", conv_node(g, "conv2", y, &c2), &n2, a[4]);
  y = node1(g, PL_OP_RELU, "relu2", node2(g, PL_OP_ADD, "add", y, x));
  if (a[4]) {
    pl_graph_result(g, y);
  } else {
    finish(g, y, false);
  }
}

// Squeeze and excitation with residual: n c h w inference
static void build_squeeze_excite(parity_build *b) {
  const int *a = b->a;
  conv_tensors fc1 = add_conv(b, "fc1", a[1], a[1] / 16, 1, 1, 0, 1, true);
  conv_tensors fc2 = add_conv(b, "fc2", a[1] / 16, a[1], 1, 1, 0, 1, true);
  norm_tensors n = add_norm(b, "norm", a[1]);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  int32_t y = norm_node(g, "norm", x, &n, a[4]);
  int32_t s = node1(g, PL_OP_RELU, "relu", conv_node(g, "fc1", node1(g, PL_OP_MEAN_HW, "mean", y), &fc1));
  s = node1(g, PL_OP_SIGMOID, "sigmoid", conv_node(g, "fc2", s, &fc2));
  y = node2(g, PL_OP_ADD, "add", node2(g, PL_OP_SCALE_CHANNELS, "scale", y, s), x);
  y = node1(g, PL_OP_RELU, "relu3", y);
  if (a[4]) {
    pl_graph_result(g, y);
  } else {
    finish(g, y, false);
  }
}

// A block whose input is read twice: n c h w out stride, squeeze and excitation, downsampling, adds
static void build_block(parity_build *b) {
  const int *a = b->a;
  conv_tensors c = add_conv(b, "conv", a[1], a[4], 3, a[5], 1, 1, false), down = {.weight = -1}, fc1 = down, fc2 = down;
  norm_tensors n = add_norm(b, "norm", a[4]), of_down = n;
  if (a[6]) fc1 = add_conv(b, "fc1", a[4], a[4] / 16, 1, 1, 0, 1, true);
  if (a[6]) fc2 = add_conv(b, "fc2", a[4] / 16, a[4], 1, 1, 0, 1, true);
  if (a[7]) down = add_conv(b, "down", a[1], a[4], 1, a[5], 0, 1, false);
  if (a[7]) of_down = add_norm(b, "of_down", a[4]);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3])), identity = x;
  int32_t y = norm_node(g, "norm", conv_node(g, "conv", x, &c), &n, false);
  if (a[6]) {
    int32_t s = node1(g, PL_OP_RELU, "relu", conv_node(g, "fc1", node1(g, PL_OP_MEAN_HW, "mean", y), &fc1));
    y = node2(g, PL_OP_SCALE_CHANNELS, "scale", y, node1(g, PL_OP_SIGMOID, "sigmoid", conv_node(g, "fc2", s, &fc2)));
  }
  if (a[7]) identity = norm_node(g, "of_down", conv_node(g, "down", x, &down), &of_down, false);
  finish(g, node1(g, PL_OP_RELU, "out", node2(g, PL_OP_ADD, "add", y, identity)), a[8]);
}

// Spatial and channel squeeze and excitation behind a convolution: n c h w, and whether gradients are added to
static void build_scse(parity_build *b) {
  const int *a = b->a;
  conv_tensors before = add_conv(b, "before", a[1], a[1], 3, 1, 1, 1, false);
  conv_tensors fc1 = add_conv(b, "fc1", a[1], a[1] / 16, 1, 1, 0, 1, true);
  conv_tensors fc2 = add_conv(b, "fc2", a[1] / 16, a[1], 1, 1, 0, 1, true);
  conv_tensors one = add_conv(b, "one", a[1], 1, 1, 1, 0, 1, true);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  int32_t y = conv_node(g, "before", x, &before);
  int32_t c = node1(g, PL_OP_RELU, "relu", conv_node(g, "fc1", node1(g, PL_OP_MEAN_HW, "mean", y), &fc1));
  c = node1(g, PL_OP_SIGMOID, "c", conv_node(g, "fc2", c, &fc2));
  int32_t s = node1(g, PL_OP_SIGMOID, "s", conv_node(g, "one", y, &one));
  c = node2(g, PL_OP_SCALE_CHANNELS, "by channel", y, c);
  finish(g, node2(g, PL_OP_ADD, "add", c, node2(g, PL_OP_SCALE_PIXELS, "by pixel", y, s)), a[4]);
}

// Upsample, concatenate (unless skip is 0), convolve: n c h w skip out, adds, inference
static void build_decoder(parity_build *b) {
  const int *a = b->a;
  conv_tensors c = add_conv(b, "conv", a[1] + a[4], a[5], 3, 1, 1, 1, false);
  norm_tensors n = add_norm(b, "norm", a[5]);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  int32_t y = node1(g, PL_OP_UPSAMPLE2, "up", x);
  if (a[4] > 0) {
    y = node2(g, PL_OP_CONCAT, "concat", y, pl_graph_input(g, "skip", PL_F32, image(a[0], a[4], 2 * a[2], 2 * a[3])));
  }
  y = node1(g, PL_OP_RELU, "relu", norm_node(g, "norm", conv_node(g, "conv", y, &c), &n, a[7]));
  if (a[7]) {
    pl_graph_result(g, y);
  } else {
    finish(g, y, a[6]);
  }
}

// A value with three readers, one of them twice: n c h w
static void build_fan_out(parity_build *b) {
  const int *a = b->a;
  conv_tensors c = add_conv(b, "conv", a[1], a[1], 1, 1, 0, 1, true);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, "x", PL_F32, image(a[0], a[1], a[2], a[3]));
  int32_t y = conv_node(g, "conv", x, &c), r = node1(g, PL_OP_RELU, "relu", y);
  int32_t twice = node2(g, PL_OP_ADD, "twice", y, y);
  finish(g, node2(g, PL_OP_CONCAT, "concat", node2(g, PL_OP_ADD, "sum", twice, r), y), false);
}

// A step of a tiny network, with statistics and update: n h w, and whether the input has an infinite pixel
static void build_tiny_step(parity_build *b) {
  const int *a = b->a;
  conv_tensors c = add_conv(b, "conv", 3, 16, 3, 1, 1, 1, false), head = add_conv(b, "head", 16, 1, 3, 1, 1, 1, true);
  norm_tensors n = add_norm(b, "norm", 16);
  pl_graph *g = start(b);
  int32_t x = pl_graph_input(g, a[3] ? "infinite" : "x", PL_F32, image(a[0], 3, a[1], a[2]));
  int32_t target = pl_graph_input(g, "target", PL_F32, image(a[0], 1, a[1], a[2]));
  int32_t y = norm_node(g, "norm", conv_node(g, "conv", x, &c), &n, false);
  int32_t logits = conv_node(g, "head", node1(g, PL_OP_RELU, "relu", y), &head);
  const pl_attributes of_loss = {.loss_weights = {3, 1, 4}};
  int32_t loss = loss_node(g, logits, target, &of_loss);
  const pl_attributes at = {.momentum = 0.1, .count = (int64_t)a[0] * a[1] * a[2]};
  pl_graph_add(g, PL_OP_BATCH_NORM_COMMIT, "commit", (int32_t[]){y + 1, y + 2, loss}, 3, n.t + 2, 3, &at);
  pl_graph_backward(g, loss, false);
  const pl_attributes of_update = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
  update(g, &of_update);
  if (!a[3]) pl_graph_result(g, loss);
}

// ---------------------------------------------------------------------------------------------------------------------
// Whole networks: n side, and the programs' kinds, -1 after the last

static void build_network(parity_build *b) {
  pl_error err = {0};
  const pl_unet unet = {
      .encoder = b->encoder, .attention = b->attention, .optimizer = b->optimizer, .freeze_encoder = b->freeze_encoder};
  pl_status status = pl_unet_model(&b->model, &unet, &err);
  for (int i = 2; status == PL_OK && b->a[i] >= 0; i++) {
    pl_program_spec spec = pl_program_spec_default((pl_program_kind)b->a[i], b->a[0], b->a[1], b->a[1]);
    spec.momentum = 0.9;
    status = pl_unet_graph(&b->graphs[b->graph_count++], &b->model, &unet, &spec, &err);
  }
  assert(status == PL_OK);
}

const parity_case parity_cases[] = {
    {.name = "conv 1x1", .build = build_conv, .a = {2, 64, 9, 7, 32, 1, 1, 0, 1, 0, 0}},
    {.name = "conv 1x1 stride 2", .build = build_conv, .a = {1, 32, 15, 8, 64, 1, 2, 0, 1, 0, 0}},
    {.name = "conv 1x1 bias one pixel", .build = build_conv, .a = {3, 64, 1, 1, 4, 1, 1, 0, 1, 1, 0}},
    {.name = "conv 3x3", .build = build_conv, .a = {2, 16, 13, 11, 32, 3, 1, 1, 1, 0, 0}},
    {.name = "conv 3x3 adds gradients", .build = build_conv, .a = {2, 16, 13, 11, 32, 3, 1, 1, 1, 0, 1}},
    {.name = "conv 3x3 odd channels", .build = build_conv, .a = {3, 5, 10, 12, 7, 3, 1, 1, 1, 1, 0}},
    {.name = "conv 3x3 stride 2 odd size", .build = build_conv, .a = {2, 16, 17, 9, 16, 3, 2, 1, 1, 0, 0}},
    {.name = "conv 3x3 stride 2 even size", .build = build_conv, .a = {1, 16, 16, 8, 16, 3, 2, 1, 1, 0, 0}},
    {.name = "conv 3x3 no padding", .build = build_conv, .a = {1, 8, 6, 9, 8, 3, 1, 0, 1, 0, 0}},
    {.name = "conv 3x3 smaller than its filter", .build = build_conv, .a = {2, 16, 2, 2, 16, 3, 1, 1, 1, 0, 0}},
    // On the CPU by Winograd: several chunks of tiles, parts of the input channels, tiles across the border.
    {.name = "conv 3x3 many tiles", .build = build_conv, .a = {2, 32, 67, 50, 16, 3, 1, 1, 1, 0, 0}},
    {.name = "conv 3x3 deep", .build = build_conv, .a = {1, 528, 12, 9, 48, 3, 1, 1, 1, 0, 1}},
    {.name = "conv 3x3 wide", .build = build_conv, .a = {3, 48, 8, 13, 272, 3, 1, 1, 1, 0, 0}},
    {.name = "conv 7x7 stride 2", .build = build_conv, .a = {2, 3, 33, 30, 64, 7, 2, 3, 1, 0, 0}},
    {.name = "conv groups 32x4", .build = build_conv, .a = {2, 128, 9, 8, 128, 3, 1, 1, 32, 0, 0}},
    {.name = "conv groups 32x8 stride 2", .build = build_conv, .a = {1, 256, 9, 9, 256, 3, 2, 1, 32, 0, 0}},
    {.name = "conv groups 32x16", .build = build_conv, .a = {1, 512, 4, 5, 512, 3, 1, 1, 32, 0, 0}},
    {.name = "conv groups 32x32", .build = build_conv, .a = {1, 1024, 3, 2, 1024, 3, 1, 1, 32, 0, 0}},
    {.name = "conv groups adds gradients", .build = build_conv, .a = {2, 128, 5, 6, 128, 3, 1, 1, 32, 0, 1}},
    {.name = "conv head 16 to 1", .build = build_conv, .a = {2, 16, 31, 33, 1, 3, 1, 1, 1, 1, 0}},
    {.name = "conv head adds gradients", .build = build_conv, .a = {1, 16, 12, 10, 1, 3, 1, 1, 1, 1, 1}},
    {.name = "conv forward 3x3", .build = build_conv_forward, .a = {1, 32, 12, 10, 48, 3, 1, 1, 1, 1}},
    {.name = "conv forward groups", .build = build_conv_forward, .a = {3, 128, 7, 7, 128, 3, 2, 1, 32, 0}},
    {.name = "batch norm", .build = build_batch_norm, .a = {2, 16, 7, 9, 0}},
    {.name = "batch norm odd channels", .build = build_batch_norm, .a = {3, 5, 4, 3, 0}},
    {.name = "batch norm two values", .build = build_batch_norm, .a = {2, 32, 1, 1, 0}, .tolerance = 2e-3},
    {.name = "batch norm adds gradients", .build = build_batch_norm, .a = {1, 16, 8, 8, 1}},
    {.name = "batch norm inference", .build = build_batch_norm_eval, .a = {2, 19, 5, 6}},
    {.name = "relu", .build = build_unary, .a = {PL_OP_RELU, 2, 17, 5, 7}},
    {.name = "sigmoid", .build = build_unary, .a = {PL_OP_SIGMOID, 2, 17, 5, 7}},
    {.name = "mean_hw", .build = build_unary, .a = {PL_OP_MEAN_HW, 3, 17, 5, 7}},
    {.name = "mean_hw one pixel", .build = build_unary, .a = {PL_OP_MEAN_HW, 2, 16, 1, 1}},
    {.name = "upsample2", .build = build_unary, .a = {PL_OP_UPSAMPLE2, 2, 18, 5, 3}},
    {.name = "upsample2 one pixel", .build = build_unary, .a = {PL_OP_UPSAMPLE2, 1, 16, 1, 1}},
    {.name = "add", .build = build_binary, .a = {PL_OP_ADD, 2, 17, 5, 7, 17, 5, 7}},
    {.name = "concat", .build = build_binary, .a = {PL_OP_CONCAT, 2, 16, 5, 7, 32, 5, 7}},
    {.name = "concat odd channels", .build = build_binary, .a = {PL_OP_CONCAT, 3, 5, 4, 6, 3, 4, 6}},
    {.name = "scale_channels", .build = build_binary, .a = {PL_OP_SCALE_CHANNELS, 2, 17, 5, 7, 17, 1, 1}},
    {.name = "scale_pixels", .build = build_binary, .a = {PL_OP_SCALE_PIXELS, 2, 17, 5, 7, 1, 5, 7}},
    {.name = "scale_pixels large", .build = build_binary, .a = {PL_OP_SCALE_PIXELS, 3, 48, 19, 23, 1, 19, 23}},
    {.name = "scale_pixels one channel", .build = build_binary, .a = {PL_OP_SCALE_PIXELS, 2, 1, 5, 3, 1, 5, 3}},
    {.name = "max_pool 3x3 s2 pad 1", .build = build_max_pool, .a = {2, 16, 16, 14, 3, 2, 1, 0}},
    {.name = "max_pool 3x3 s2 pad 1 odd size", .build = build_max_pool, .a = {1, 5, 15, 9, 3, 2, 1, 0}},
    {.name = "max_pool 3x3 s2 ceil", .build = build_max_pool, .a = {2, 16, 16, 14, 3, 2, 0, 1}},
    {.name = "max_pool 3x3 s2 ceil odd size", .build = build_max_pool, .a = {3, 5, 15, 9, 3, 2, 0, 1}},
    {.name = "max_pool 2x2 s2", .build = build_max_pool, .a = {1, 16, 8, 6, 2, 2, 0, 0}},
    {.name = "augment", .build = build_augment, .a = {3, 37, 45}, .tolerance = 1e-6},
    {.name = "augment one image", .build = build_augment, .a = {1, 64, 32}, .tolerance = 1e-6},
    {.name = "loss", .build = build_loss, .a = {2, 24, 20, 3, 1, 4}},
    {.name = "loss one image odd size", .build = build_loss, .a = {1, 7, 5, 3, 1, 4}},
    {.name = "loss bce", .build = build_loss, .a = {2, 24, 20, 1}},
    {.name = "loss dice", .build = build_loss, .a = {2, 24, 20, 0, 1}},
    {.name = "loss focal", .build = build_loss, .a = {2, 24, 20, 0, 0, 1}},
    {.name = "loss jaccard", .build = build_loss, .a = {2, 24, 20, 0, 0, 0, 1}},
    {.name = "loss lovasz", .build = build_loss, .a = {3, 24, 20, 0, 0, 0, 0, 1}},
    {.name = "loss lovasz_sigmoid", .build = build_loss, .a = {3, 24, 20, 0, 0, 0, 0, 0, 1}},
    {.name = "loss of all terms", .build = build_loss, .a = {2, 70, 65, 1, 2, 3, 4, 5, 6}},
    {.name = "adam", .build = build_update, .a = {0, 0}},
    {.name = "adam weight decay", .build = build_update, .a = {10, 0}},
    {.name = "adam clips", .build = build_update, .a = {0, 50}},
    {.name = "adam clips and decays", .build = build_update, .a = {1, 300}},
    {.name = "adamw", .build = build_update, .a = {10, 0}, .optimizer = PL_OPTIMIZER_ADAMW},
    {.name = "adamw clips", .build = build_update, .a = {1, 50}, .optimizer = PL_OPTIMIZER_ADAMW},
    {.name = "sgd", .build = build_update, .a = {0, 0, 0}, .optimizer = PL_OPTIMIZER_SGD},
    {.name = "sgd momentum decays clips", .build = build_update, .a = {10, 300, 90}, .optimizer = PL_OPTIMIZER_SGD},
    {.name = "sgd nesterov", .build = build_update, .a = {1, 0, 90, 1}, .optimizer = PL_OPTIMIZER_SGD},
    {.name = "conv norm relu", .build = build_conv_norm_relu, .a = {2, 16, 12, 10, 32, 3, 1, 1, 0}, .tolerance = 1e-4},
    {.name = "conv norm relu 1x1",
     .build = build_conv_norm_relu,
     .a = {2, 64, 9, 9, 128, 1, 1, 1, 0},
     .tolerance = 1e-4},
    {.name = "conv norm relu groups stride 2",
     .build = build_conv_norm_relu,
     .a = {2, 128, 9, 9, 128, 3, 2, 32, 0},
     .tolerance = 1e-4},
    {.name = "conv norm relu inference", .build = build_conv_norm_relu, .a = {2, 16, 12, 10, 32, 3, 1, 1, 1}},
    {.name = "conv norm relu groups inference", .build = build_conv_norm_relu, .a = {1, 128, 9, 9, 128, 3, 1, 32, 1}},
    {.name = "residual", .build = build_residual, .a = {2, 16, 9, 8, 0}, .tolerance = 1e-4},
    {.name = "residual inference", .build = build_residual, .a = {1, 32, 9, 8, 1}},
    {.name = "squeeze and excite", .build = build_squeeze_excite, .a = {2, 64, 6, 5, 0}, .tolerance = 1e-4},
    {.name = "squeeze and excite inference", .build = build_squeeze_excite, .a = {2, 64, 6, 5, 1}},
    {.name = "block", .build = build_block, .a = {2, 16, 9, 8, 16, 1, 0, 0, 1}, .tolerance = 1e-4},
    {.name = "block downsampled", .build = build_block, .a = {2, 16, 9, 8, 32, 2, 0, 1, 0}, .tolerance = 1e-4},
    {.name = "block with excitation", .build = build_block, .a = {2, 32, 7, 5, 32, 1, 1, 0, 0}, .tolerance = 1e-4},
    {.name = "block with excitation downsampled",
     .build = build_block,
     .a = {3, 16, 9, 7, 48, 2, 1, 1, 1},
     .tolerance = 1e-4},
    {.name = "scse", .build = build_scse, .a = {2, 64, 6, 5, 0}, .tolerance = 1e-4},
    {.name = "scse 16 channels adds gradients", .build = build_scse, .a = {3, 16, 9, 8, 1}, .tolerance = 1e-4},
    {.name = "decoder block", .build = build_decoder, .a = {2, 32, 6, 5, 16, 16}, .tolerance = 1e-4},
    {.name = "decoder block adds gradients",
     .build = build_decoder,
     .a = {1, 24, 5, 7, 40, 16, 1, 0},
     .tolerance = 1e-4},
    {.name = "decoder block without skip", .build = build_decoder, .a = {2, 32, 9, 3, 0, 16, 0, 0}, .tolerance = 1e-4},
    {.name = "decoder block one pixel", .build = build_decoder, .a = {2, 16, 1, 1, 16, 8, 0, 0}, .tolerance = 1e-4},
    {.name = "decoder block inference", .build = build_decoder, .a = {1, 16, 4, 6, 8, 8, 0, 1}},
    {.name = "fan out", .build = build_fan_out, .a = {2, 16, 6, 5}, .tolerance = 2.1e-5},
    {.name = "step", .build = build_tiny_step, .a = {2, 16, 18, 0}, .tolerance = 1e-4},
    {.name = "step that is not finite",
     .build = build_tiny_step,
     .a = {2, 16, 18, 1},
     .not_finite = true,
     .tolerance = 1e-4},
    {.name = "network resnet18 step",
     .build = build_network,
     .tolerance = 2e-3,
     .tensor_tolerance = 5e-2,
     .a = {2, 64, PL_PROGRAM_STEP, -1},
     .encoder = "resnet18"},
    {.name = "network resnet18 frozen encoder",
     .build = build_network,
     .tolerance = 2e-3,
     .tensor_tolerance = 5e-2,
     .a = {2, 64, PL_PROGRAM_STEP, -1},
     .freeze_encoder = true,
     .encoder = "resnet18"},
    {.name = "network resnet18 sgd accumulates",
     .build = build_network,
     .tolerance = 2e-3,
     .tensor_tolerance = 5e-2,
     .a = {2, 64, PL_PROGRAM_ACCUMULATE, PL_PROGRAM_ACCUMULATE_ADD, PL_PROGRAM_UPDATE, -1},
     .optimizer = PL_OPTIMIZER_SGD,
     .encoder = "resnet18"},
    {.name = "network resnet18 inference",
     .build = build_network,
     .tolerance = 2e-3,
     .tensor_tolerance = 5e-2,
     .a = {1, 64, PL_PROGRAM_EVALUATE, PL_PROGRAM_PREDICT, -1},
     .encoder = "resnet18"},
    {.name = "network resnet18 accumulates",
     .build = build_network,
     .tolerance = 2e-3,
     .tensor_tolerance = 5e-2,
     .a = {2, 64, PL_PROGRAM_ACCUMULATE, PL_PROGRAM_ACCUMULATE_ADD, PL_PROGRAM_UPDATE, -1},
     .encoder = "resnet18"},
    {.name = "network resnet34 step",
     .build = build_network,
     .tolerance = 2e-3,
     .tensor_tolerance = 5e-2,
     .a = {2, 64, PL_PROGRAM_STEP, -1},
     .encoder = "resnet34"},
    {.name = "network resnet18 scse step",
     .build = build_network,
     .tolerance = 2e-3,
     .tensor_tolerance = 5e-2,
     .a = {2, 64, PL_PROGRAM_STEP, -1},
     .encoder = "resnet18",
     .attention = "scse"},
    {.name = "network resnet18 scse inference",
     .build = build_network,
     .tolerance = 2e-3,
     .tensor_tolerance = 5e-2,
     .a = {1, 64, PL_PROGRAM_EVALUATE, -1},
     .encoder = "resnet18",
     .attention = "scse"},
    {.name = "network se_resnext50 step",
     .build = build_network,
     .tolerance = 2e-3,
     .tensor_tolerance = 5e-2,
     .a = {2, 64, PL_PROGRAM_STEP, -1},
     .encoder = "se_resnext50_32x4d"},
    {.name = "network se_resnext50 inference",
     .build = build_network,
     .tolerance = 2e-3,
     .tensor_tolerance = 5e-2,
     .a = {1, 64, PL_PROGRAM_EVALUATE, -1},
     .encoder = "se_resnext50_32x4d"},
};

const size_t parity_case_count = sizeof parity_cases / sizeof parity_cases[0];
