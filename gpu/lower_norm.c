// Batch norm.
#include <string.h>

#include "gpu/compiler.h"

static pl_status run_statistics(const pl_step *s, pl_context *x) {
  void *const *d = s->data;
  pl_gpu_norm_statistics(x->stream, s->type, &s->shape, d[0], d[1], d[2], s->a.epsilon, d[3], d[4], d[5], d[6], d[7]);
  return PL_OK;
}

static pl_status run_factors(const pl_step *s, pl_context *x) {
  void *const *d = s->data;
  pl_gpu_norm_factors(x->stream, s->shape.c, d[0], d[1], d[2], d[3], s->a.epsilon, d[4]);
  return PL_OK;
}

static pl_status run_apply(const pl_step *s, pl_context *x) {
  pl_gpu_norm_apply(x->stream, s->type, &s->shape, s->data[0], s->data[1], s->relu, s->data[2]);
  return PL_OK;
}

static void apply(pl_compiler *c, const pl_node *node, int32_t index, int32_t x, int32_t factors) {
  int32_t step = pl_compiler_step(c, run_apply, "batch_norm");
  pl_step *s = pl_compiler_at(c, step);
  s->shape = pl_compiler_device_shape(c, node->in[0]);
  s->relu = c->nodes[index].relu >= 0;
  pl_compiler_arg(c, step, 0, x);
  pl_compiler_arg(c, step, 1, factors);
  pl_compiler_arg(c, step, 2, pl_compiler_define(c, pl_compiler_output(c, node, index), PL_FORM_DEVICE));
}

static int32_t factors_buffer(pl_compiler *c, const pl_node *node) {
  return pl_compiler_buffer(c, 2 * (size_t)pl_compiler_device_shape(c, node->in[0]).c * sizeof(float));
}

pl_status pl_lower_norm(pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t x;
  pl_status status = pl_compiler_use(c, node->in[0], PL_FORM_DEVICE, &x);
  if (status != PL_OK) return status;
  // The factors also tell the backward pass where a relu was open.
  int32_t factors = c->nodes[index].factors = factors_buffer(c, node);
  int32_t step = pl_compiler_step(c, run_statistics, "batch_norm_statistics");
  pl_step *s = pl_compiler_at(c, step);
  s->shape = pl_compiler_device_shape(c, node->in[0]);
  s->a = node->a;
  pl_compiler_arg(c, step, 0, x);
  for (int i = 0; i < 2; i++) pl_compiler_arg(c, step, 1 + i, pl_compiler_tensor(c, node->tensors[i]));
  for (int i = 0; i < 2; i++) pl_compiler_arg(c, step, 3 + i, pl_compiler_define(c, node->out[1 + i], PL_FORM_PLAIN));
  pl_compiler_arg(c, step, 5, factors);
  int32_t squeeze = c->nodes[index].squeeze;
  if (squeeze >= 0) pl_compiler_arg(c, step, 6, pl_compiler_define(c, squeeze, PL_FORM_DEVICE));
  pl_compiler_scratch(c, step, 7);
  if (!c->nodes[index].statistics) apply(c, node, index, x, factors);
  return PL_OK;
}

pl_status pl_lower_norm_eval(pl_compiler *c, const pl_node *node, int32_t index) {
  int32_t x, factors = factors_buffer(c, node);
  pl_status status = pl_compiler_use(c, node->in[0], PL_FORM_DEVICE, &x);
  if (status != PL_OK) return status;
  int32_t step = pl_compiler_step(c, run_factors, "batch_norm_factors");
  pl_compiler_at(c, step)->shape = pl_compiler_device_shape(c, node->in[0]);
  pl_compiler_at(c, step)->a = node->a;
  for (int i = 0; i < 4; i++) pl_compiler_arg(c, step, i, pl_compiler_tensor(c, node->tensors[i]));
  pl_compiler_arg(c, step, 4, factors);
  apply(c, node, index, x, factors);
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------

static pl_status run_backward(const pl_step *s, pl_context *x) {
  void *const *d = s->data;
  const pl_gpu_norm norm = {.mean = d[2],
                            .variance = d[3],
                            .gamma = d[4],
                            .gamma_gradient = d[5],
                            .beta_gradient = d[6],
                            .loss_scale = d[7],
                            .epsilon = s->a.epsilon,
                            .add = s->add};
  pl_gpu_norm_backward(x->stream, s->type, &s->shape, &norm, d[0], d[1], d[8], d[9], d[10]);
  return PL_OK;
}

pl_status pl_lower_norm_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  const pl_node_state *state = &c->nodes[index];
  int32_t x, dy, statistics[2];
  pl_status status = pl_compiler_use(c, node->in[0], PL_FORM_DEVICE, &x);
  int32_t gradient = state->forward >= 0 ? state->gradient : node->in[1];
  if (status == PL_OK) status = pl_compiler_use(c, gradient, PL_FORM_DEVICE, &dy);
  for (int i = 0; i < 2 && status == PL_OK; i++) {
    status = pl_compiler_use(c, node->in[2 + i], PL_FORM_PLAIN, &statistics[i]);
  }
  if (status != PL_OK) return status;
  int32_t step = pl_compiler_step(c, run_backward, pl_op_name(node->op));
  pl_step *s = pl_compiler_at(c, step);
  s->shape = pl_compiler_device_shape(c, node->in[0]);
  s->a = node->a;
  s->add = node->a.add;
  pl_compiler_arg(c, step, 0, x);
  pl_compiler_arg(c, step, 1, dy);
  for (int i = 0; i < 2; i++) pl_compiler_arg(c, step, 2 + i, statistics[i]);
  for (int i = 0; i < 3; i++) pl_compiler_arg(c, step, 4 + i, pl_compiler_tensor(c, node->tensors[i]));
  pl_compiler_arg(c, step, 7, pl_compiler_scale(c));
  if (state->forward >= 0) pl_compiler_arg(c, step, 8, c->nodes[state->forward].factors);
  pl_compiler_arg(c, step, 9, pl_compiler_define(c, node->out[0], PL_FORM_DEVICE));
  pl_compiler_scratch(c, step, 10);
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// The running statistics of all batch norms in a row, in one step

static pl_status run_commit(const pl_step *s, pl_context *x) {
  const pl_program *p = x->program;
  pl_gpu_norm_commit(x->stream, p->bound_commits + s->commit_first, s->commit_count, s->data[0]);
  return PL_OK;
}

static pl_commit *add_commit(pl_program *p) {
  if (p->commit_count == p->commit_capacity) {
    p->commit_capacity = p->commit_capacity > 0 ? 2 * p->commit_capacity : 64;
    p->commits = pl_xrealloc(p->commits, p->commit_capacity, sizeof *p->commits);
  }
  return &p->commits[p->commit_count++];
}

pl_status pl_lower_norm_commit(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t buffers[5], loss;
  pl_status status = pl_compiler_use(c, node->in[2], PL_FORM_PLAIN, &loss);
  for (int i = 0; i < 2 && status == PL_OK; i++) status = pl_compiler_use(c, node->in[i], PL_FORM_PLAIN, &buffers[i]);
  if (status != PL_OK) return status;
  for (int i = 0; i < 3; i++) buffers[2 + i] = pl_compiler_tensor(c, node->tensors[i]);
  bool more = c->commit_step >= 0 && pl_compiler_at(c, c->commit_step)->buffers[0] == loss;
  if (!more) {
    c->commit_step = pl_compiler_step(c, run_commit, pl_op_name(node->op));
    pl_compiler_at(c, c->commit_step)->commit_first = (int32_t)c->program->commit_count;
    pl_compiler_arg(c, c->commit_step, 0, loss);
  }
  pl_commit *commit = add_commit(c->program);
  *commit = (pl_commit){.count = node->a.count,
                        .momentum = node->a.momentum,
                        .channels = (int32_t)pl_compiler_shape(c, node->in[0])->d[0]};
  memcpy(commit->buffers, buffers, sizeof buffers);
  for (int i = 0; i < 5; i++) pl_compiler_touch(c, buffers[i], c->commit_step);
  pl_compiler_at(c, c->commit_step)->commit_count++;
  return PL_OK;
}
