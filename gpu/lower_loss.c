// Both ends of the graph: augmentation, the loss, the gradients of the parameters and their update.
#include <string.h>

#include "gpu/compiler.h"

static pl_status run_augment(const pl_step *s, pl_context *x) {
  void *const *d = s->data;
  pl_gpu_augment(x->stream, s->type, &s->shape, d[0], d[1], d[2], s->a.mean, s->a.deviation, d[3], d[4]);
  return PL_OK;
}

pl_status pl_lower_augment(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t in[3];
  for (int i = 0; i < 3; i++) {
    pl_status status = pl_compiler_use(c, node->in[i], PL_FORM_PLAIN, &in[i]);
    if (status != PL_OK) return status;
  }
  int32_t step = pl_compiler_step(c, run_augment, pl_op_name(node->op));
  pl_compiler_at(c, step)->shape = pl_compiler_device_shape(c, node->out[0]);
  pl_compiler_at(c, step)->a = node->a;
  for (int i = 0; i < 3; i++) pl_compiler_arg(c, step, i, in[i]);
  pl_compiler_arg(c, step, 3, pl_compiler_define(c, node->out[0], PL_FORM_DEVICE));
  if (c->values[node->out[1]].readers > 0) {
    pl_compiler_arg(c, step, 4, pl_compiler_define(c, node->out[1], PL_FORM_PLAIN));
  }
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// The loss

static pl_status run_loss(const pl_step *s, pl_context *x) {
  pl_gpu_combo_loss(x->stream, &s->loss, s->data[0], s->data[1], s->data[2], s->data[3]);
  return PL_OK;
}

static pl_status run_loss_backward(const pl_step *s, pl_context *x) {
  void *const *d = s->data;
  pl_gpu_combo_loss_backward(x->stream, &s->loss, d[0], d[1], d[2], d[3], s->type, d[4], d[5]);
  return PL_OK;
}

static pl_status run_dice(const pl_step *s, pl_context *x) {
  pl_gpu_dice_sums(x->stream, s->loss.n, s->loss.pixels, s->data[0], s->data[1], s->data[2], s->data[3]);
  return PL_OK;
}

// A step with the node's inputs as they are at places 0, 1, ...
static pl_status begin(pl_compiler *c, const pl_node *node, pl_step_run *run, int inputs, int32_t *step) {
  int32_t in[PL_NODE_INPUTS_MAX];
  for (int i = 0; i < inputs; i++) {
    pl_status status = pl_compiler_use(c, node->in[i], PL_FORM_PLAIN, &in[i]);
    if (status != PL_OK) return status;
  }
  *step = pl_compiler_step(c, run, pl_op_name(node->op));
  pl_step *s = pl_compiler_at(c, *step);
  s->a = node->a;
  for (int i = 0; i < inputs; i++) pl_compiler_arg(c, *step, i, in[i]);
  if (inputs < 2) return PL_OK;
  const pl_shape *shape = pl_compiler_shape(c, node->in[0]);
  s->loss = (pl_gpu_loss){.n = (int32_t)shape->d[0], .pixels = pl_shape_elements(shape) / shape->d[0]};
  memcpy(s->loss.weights, node->a.loss_weights, sizeof s->loss.weights);
  return PL_OK;
}

static int32_t loss_scratch(pl_compiler *c, int32_t step) {
  return pl_compiler_buffer(c, pl_gpu_loss_scratch(&pl_compiler_at(c, step)->loss));
}

pl_status pl_lower_loss(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, run_loss, 2, &step);
  if (status != PL_OK) return status;
  pl_compiler_arg(c, step, 2, pl_compiler_define(c, node->out[0], PL_FORM_PLAIN));
  pl_compiler_arg(c, step, 3, loss_scratch(c, step));
  return PL_OK;
}

pl_status pl_lower_loss_backward(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, run_loss_backward, 3, &step);
  if (status != PL_OK) return status;
  pl_compiler_arg(c, step, 3, pl_compiler_scale(c));
  pl_compiler_arg(c, step, 4, pl_compiler_define(c, node->out[0], PL_FORM_DEVICE));
  pl_compiler_arg(c, step, 5, loss_scratch(c, step));
  return PL_OK;
}

pl_status pl_lower_dice(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  int32_t step;
  pl_status status = begin(c, node, run_dice, 2, &step);
  if (status != PL_OK) return status;
  pl_compiler_arg(c, step, 2, pl_compiler_define(c, node->out[0], PL_FORM_PLAIN));
  pl_compiler_arg(c, step, 3, pl_compiler_buffer(c, PL_GPU_FLAT_SCRATCH));
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Gradients and the optimizer

static pl_status run_gather(const pl_step *s, pl_context *x) {
  pl_gpu_gather_gradient(x->stream, s->type, s->count, s->data[0], s->data[1], s->add, s->data[2]);
  return PL_OK;
}

// One step for each run of weights that lie one behind the other.
void pl_lower_gather(pl_compiler *c) {
  const pl_model *model = c->graph->model;
  int32_t step = -1;
  size_t end = 0, first = 0;
  for (int32_t i = 0; i < model->count; i++) {
    if (!c->staged[i]) continue;
    c->staged[i] = false;
    size_t offset = c->store->offsets[i], elements = pl_store_elements(c->store, i);
    if (step < 0 || offset != end) {
      step = pl_compiler_step(c, run_gather, "gather gradients");
      first = offset;
      pl_compiler_at(c, step)->add = c->adds;
      pl_compiler_arg(c, step, 0, pl_compiler_staging(c, i));
      pl_compiler_arg(c, step, 1, pl_compiler_scale(c));
      pl_compiler_arg(c, step, 2, pl_compiler_tensor(c, i));
    }
    end = offset + elements;
    pl_compiler_at(c, step)->count = (int64_t)(end - first);
  }
}

static pl_status run_norm(const pl_step *s, pl_context *x) {
  const pl_store *store = x->store;
  pl_gpu_gradient_norm(x->stream, (int64_t)store->elements[PL_FLAT_GRADIENT], store->flat[PL_FLAT_GRADIENT], s->data[0],
                       s->data[1]);
  return PL_OK;
}

static pl_status run_update(const pl_step *s, pl_context *x) {
  const pl_store *store = x->store;
  const pl_gpu_parameters parameters = {.count = (int64_t)store->learned_elements,
                                        .values = store->flat[PL_FLAT_VALUES],
                                        .gradients = store->flat[PL_FLAT_GRADIENT],
                                        .first = store->flat[PL_FLAT_FIRST],
                                        .second = store->flat[PL_FLAT_SECOND],
                                        .copy_type = s->type,
                                        .copy = store->flat[PL_FLAT_COPY]};
  pl_gpu_optimizer_step(x->stream, &s->a, &parameters, s->data[1], s->data[0], s->data[2], s->data[3]);
  return PL_OK;
}

static pl_status run_scale_update(const pl_step *s, pl_context *x) {
  pl_gpu_loss_scale_update(x->stream, s->data[0], s->data[1], s->data[2]);
  return PL_OK;
}

pl_status pl_lower_gradient_norm(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  pl_lower_gather(c);
  int32_t step = pl_compiler_step(c, run_norm, pl_op_name(node->op));
  pl_compiler_arg(c, step, 0, pl_compiler_define(c, node->out[0], PL_FORM_PLAIN));
  pl_compiler_arg(c, step, 1, pl_compiler_buffer(c, PL_GPU_FLAT_SCRATCH));
  return PL_OK;
}

pl_status pl_lower_optimizer_step(pl_compiler *c, const pl_node *node, int32_t index) {
  (void)index;
  const pl_store *store = c->store;
  if (store->counter < 0) return pl_fail(c->err, PL_E_USAGE, "the model has no tensor named optimizer.step");
  int32_t step;
  pl_status status = begin(c, node, run_update, 1, &step);
  if (status != PL_OK) return status;
  pl_compiler_arg(c, step, 1, pl_compiler_rate(c));
  pl_compiler_arg(c, step, 2, pl_compiler_tensor(c, store->counter));
  pl_compiler_arg(c, step, 3, pl_compiler_buffer(c, PL_GPU_FLAT_SCRATCH));
  c->program->updates = true;
  if (store->backend->type != PL_GPU_F16 || store->scale < 0 || store->growth < 0) return PL_OK;
  int32_t norm = pl_compiler_at(c, step)->buffers[0];
  step = pl_compiler_step(c, run_scale_update, "loss scale");
  pl_compiler_arg(c, step, 0, norm);
  pl_compiler_arg(c, step, 1, pl_compiler_tensor(c, store->scale));
  pl_compiler_arg(c, step, 2, pl_compiler_tensor(c, store->growth));
  return PL_OK;
}
