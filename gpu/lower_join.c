// The end of a residual block, see fuse_join.c.
#include "gpu/compiler.h"

// Where a step of a join has what pl_gpu_join and pl_gpu_norm name.
enum {
  Y,
  FACTORS,
  GATE,
  OTHER,
  OTHER_FACTORS,
  OUT,
  // Backward.
  DOUT,
  MEAN,
  OTHER_MEAN,
  SUMS,
  SCRATCH,
  FIRST_PASS_GATE_GRADIENT,
  // Second pass only.
  SQUEEZE_GRADIENT = FIRST_PASS_GATE_GRADIENT,
  DY,
  OTHER_GRADIENT,
  SCALE,
  // Then of both batch norms: variance, gamma, and the gradients of gamma and beta.
  NORM,
  OTHER_NORM = NORM + 4,
};

static pl_gpu_join join_of(const pl_step *s) {
  return (pl_gpu_join){.type = s->type,
                       .shape = s->shape,
                       .y = s->data[Y],
                       .factors = s->data[FACTORS],
                       .gate = s->data[GATE],
                       .identity = s->data[OTHER],
                       .identity_factors = s->data[OTHER_FACTORS]};
}

static pl_status run_forward(const pl_step *s, pl_context *x) {
  const pl_gpu_join join = join_of(s);
  pl_gpu_join_forward(x->stream, &join, s->data[OUT]);
  return PL_OK;
}

static pl_status run_sums(const pl_step *s, pl_context *x) {
  void *const *d = s->data;
  const pl_gpu_join join = join_of(s);
  pl_gpu_join_backward_sums(x->stream, &join, d[OUT], d[DOUT], d[MEAN], d[OTHER_MEAN], d[FIRST_PASS_GATE_GRADIENT],
                            d[SUMS], d[SCRATCH]);
  return PL_OK;
}

static pl_gpu_norm norm_of(const pl_step *s, int mean, int first, double epsilon) {
  void *const *d = s->data;
  return (pl_gpu_norm){.mean = d[mean],
                       .variance = d[first],
                       .gamma = d[first + 1],
                       .gamma_gradient = d[first + 2],
                       .beta_gradient = d[first + 3],
                       .loss_scale = d[SCALE],
                       .epsilon = epsilon,
                       .add = s->add};
}

static pl_status run_backward(const pl_step *s, pl_context *x) {
  void *const *d = s->data;
  const pl_gpu_join join = join_of(s);
  const pl_gpu_norm norm = norm_of(s, MEAN, NORM, s->a.epsilon);
  const pl_gpu_norm other = norm_of(s, OTHER_MEAN, OTHER_NORM, s->other_epsilon);
  pl_gpu_join_backward(x->stream, &join, &norm, join.identity_factors != NULL ? &other : NULL, d[OUT], d[DOUT],
                       d[SQUEEZE_GRADIENT], d[SUMS], d[DY], d[OTHER_GRADIENT], d[SCRATCH]);
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------

static const pl_node *node_at(const pl_compiler *c, int32_t index) { return &c->graph->nodes[index]; }

// Buffers of a join's inputs, by the places above; -1 where there is none.
typedef struct inputs {
  int32_t buffers[OUT];
} inputs;

static pl_status use_inputs(pl_compiler *c, const pl_join *j, inputs *in) {
  bool normed = j->other_norm >= 0;
  int32_t other = normed ? node_at(c, j->other_norm)->in[0] : j->other;
  *in = (inputs){{-1, c->nodes[j->norm].factors, -1, -1, normed ? c->nodes[j->other_norm].factors : -1}};
  pl_status status = pl_compiler_use(c, node_at(c, j->norm)->in[0], PL_FORM_DEVICE, &in->buffers[Y]);
  if (status == PL_OK) status = pl_compiler_use(c, other, PL_FORM_DEVICE, &in->buffers[OTHER]);
  if (status == PL_OK && j->gate >= 0) status = pl_compiler_use(c, j->gate, PL_FORM_DEVICE, &in->buffers[GATE]);
  return status;
}

static int32_t join_step(pl_compiler *c, const pl_join *j, const inputs *in, pl_step_run *run, const char *label) {
  int32_t step = pl_compiler_step(c, run, label);
  pl_compiler_at(c, step)->shape = pl_compiler_device_shape(c, node_at(c, j->norm)->in[0]);
  for (int i = 0; i < OUT; i++) pl_compiler_arg(c, step, i, in->buffers[i]);
  return step;
}

pl_status pl_lower_join(pl_compiler *c, const pl_join *j) {
  inputs in;
  pl_status status = use_inputs(c, j, &in);
  if (status != PL_OK) return status;
  int32_t step = join_step(c, j, &in, run_forward, "join");
  pl_compiler_arg(c, step, OUT, pl_compiler_define(c, node_at(c, j->relu)->out[0], PL_FORM_DEVICE));
  return PL_OK;
}

static int32_t statistic(const pl_compiler *c, int32_t norm, int output) {
  return norm >= 0 ? c->values[node_at(c, norm)->out[output]].buffers[PL_FORM_PLAIN] : -1;
}

// What both passes read, and hand to each other.
static void backward_args(pl_compiler *c, const pl_join *j, int32_t step, int32_t out, int32_t dout, int32_t sums) {
  pl_compiler_arg(c, step, OUT, out);
  pl_compiler_arg(c, step, DOUT, dout);
  pl_compiler_arg(c, step, MEAN, statistic(c, j->norm, 1));
  pl_compiler_arg(c, step, OTHER_MEAN, statistic(c, j->other_norm, 1));
  pl_compiler_arg(c, step, SUMS, sums);
  pl_compiler_scratch(c, step, SCRATCH);
}

static void norm_args(pl_compiler *c, int32_t step, int32_t norm, int32_t backward, int first) {
  pl_compiler_arg(c, step, first, statistic(c, norm, 2));
  for (int i = 0; i < 3; i++) {
    pl_compiler_arg(c, step, first + 1 + i, pl_compiler_tensor(c, node_at(c, backward)->tensors[i]));
  }
}

static void second_pass(pl_compiler *c, const pl_join *j, int32_t step, int32_t squeeze_gradient) {
  const pl_node *norm = node_at(c, j->norm_backward);
  bool normed = j->other_norm >= 0;
  int32_t dz = node_at(c, j->relu_backward)->out[0];
  int32_t other_gradient = normed ? node_at(c, j->other_backward)->out[0] : dz;
  pl_step *s = pl_compiler_at(c, step);
  s->a = norm->a;
  s->add = norm->a.add;
  if (normed) s->other_epsilon = node_at(c, j->other_backward)->a.epsilon;
  if (squeeze_gradient >= 0) pl_compiler_arg(c, step, SQUEEZE_GRADIENT, squeeze_gradient);
  pl_compiler_arg(c, step, DY, pl_compiler_define(c, norm->out[0], PL_FORM_DEVICE));
  pl_compiler_arg(c, step, OTHER_GRADIENT, pl_compiler_define(c, other_gradient, PL_FORM_DEVICE));
  pl_compiler_arg(c, step, SCALE, pl_compiler_scale(c));
  norm_args(c, step, j->norm, j->norm_backward, NORM);
  if (normed) norm_args(c, step, j->other_norm, j->other_backward, OTHER_NORM);
}

// The first pass, then the nodes of squeeze and excitation, which come later in the graph, then the second.
pl_status pl_lower_join_backward(pl_compiler *c, const pl_join *j) {
  inputs in;
  int32_t out, dout, squeeze_gradient = -1;
  pl_status status = use_inputs(c, j, &in);
  if (status == PL_OK) status = pl_compiler_use(c, node_at(c, j->relu)->out[0], PL_FORM_DEVICE, &out);
  if (status == PL_OK) status = pl_compiler_use(c, node_at(c, j->relu_backward)->in[1], PL_FORM_DEVICE, &dout);
  if (status != PL_OK) return status;
  int32_t step = join_step(c, j, &in, run_sums, "join_backward_sums");
  int32_t sums = pl_compiler_buffer(c, pl_gpu_join_sums(&pl_compiler_at(c, step)->shape));
  backward_args(c, j, step, out, dout, sums);
  if (j->gate >= 0) {
    int32_t ds = node_at(c, j->scale_backward)->out[1];
    pl_compiler_arg(c, step, FIRST_PASS_GATE_GRADIENT, pl_compiler_define(c, ds, PL_FORM_DEVICE));
    for (int32_t i = j->scale_backward + 1; i < j->mean_backward && status == PL_OK; i++) {
      if (!c->nodes[i].skip) status = pl_compiler_lower(c, i);
    }
    if (status == PL_OK) {
      status = pl_compiler_use(c, node_at(c, j->mean_backward)->in[0], PL_FORM_DEVICE, &squeeze_gradient);
    }
    if (status != PL_OK) return status;
  }
  step = join_step(c, j, &in, run_backward, "join_backward");
  backward_args(c, j, step, out, dout, sums);
  second_pass(c, j, step, squeeze_gradient);
  return PL_OK;
}
