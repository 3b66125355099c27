// Gradient norm, clipping and the optimizers, as torch.nn.utils.clip_grad_norm_ and torch.optim have them.
#include <math.h>

#include "core/net/backend_ref/ref.h"

pl_status pl_ref_gradient_norm(const pl_ref_call *call) {
  double *norm = call->out[0], sum = 0;
  for (int32_t t = 0; t < call->model->count; t++) {
    const pl_tensor *tensor = &call->model->tensors[t];
    if (tensor->role != PL_ROLE_GRADIENT) continue;
    for (int64_t i = 0; i < pl_shape_elements(&tensor->shape); i++) {
      sum += call->all_tensors[t][i] * call->all_tensors[t][i];
    }
  }
  norm[0] = sqrt(sum);
  norm[1] = isfinite(norm[0]) ? 1 : 0;
  return PL_OK;
}

typedef struct step {
  const pl_attributes *a;
  double rate, clip, correction1, correction2;
} step;

// `first` and `second` are the moments; SGD has only the first.
typedef void optimizer(const step *s, double *parameter, const double *gradient, double *first, double *second,
                       int64_t count);

static optimizer *const optimizers[PL_OPTIMIZERS];

static void adam(const step *s, double *parameter, const double *gradient, double *m, double *v, int64_t count) {
  const pl_attributes *a = s->a;
  for (int64_t i = 0; i < count; i++) {
    double g = gradient[i] * s->clip;
    if (a->optimizer == PL_OPTIMIZER_ADAMW) {
      parameter[i] -= s->rate * a->weight_decay * parameter[i];
    } else {
      g += a->weight_decay * parameter[i];
    }
    m[i] = a->beta1 * m[i] + (1 - a->beta1) * g;
    v[i] = a->beta2 * v[i] + (1 - a->beta2) * g * g;
    parameter[i] -= s->rate / s->correction1 * m[i] / (sqrt(v[i]) / sqrt(s->correction2) + a->epsilon);
  }
}

static void sgd(const step *s, double *parameter, const double *gradient, double *momentum, double *unused,
                int64_t count) {
  (void)unused;
  const pl_attributes *a = s->a;
  for (int64_t i = 0; i < count; i++) {
    double g = gradient[i] * s->clip + a->weight_decay * parameter[i];
    momentum[i] = a->momentum * momentum[i] + g;
    parameter[i] -= s->rate * (a->nesterov ? g + a->momentum * momentum[i] : momentum[i]);
  }
}

static double *moment_of(const pl_ref_call *call, pl_role role, int32_t of) {
  int32_t tensor = pl_model_find_of(call->model, role, of);
  return tensor >= 0 ? call->all_tensors[tensor] : NULL;
}

pl_status pl_ref_optimizer_step(const pl_ref_call *call) {
  const double *norm = call->in[0];
  const pl_attributes *a = &call->node->a;
  const pl_model *model = call->model;
  if (norm[1] == 0) return PL_OK;
  int64_t *number = (int64_t *)(void *)call->all_tensors[pl_model_find_of(model, PL_ROLE_STATE, -1)];
  *number += 1;
  const step s = {.a = a,
                  .rate = call->controls->learning_rate,
                  .clip = a->clip_norm > 0 ? fmin(1, a->clip_norm / (norm[0] + 1e-6)) : 1,
                  .correction1 = 1 - pow(a->beta1, (double)*number),
                  .correction2 = 1 - pow(a->beta2, (double)*number)};
  for (int32_t g = 0; g < model->count; g++) {
    if (model->tensors[g].role != PL_ROLE_GRADIENT) continue;
    int32_t of = model->tensors[g].of;
    optimizers[a->optimizer](&s, call->all_tensors[of], call->all_tensors[g], moment_of(call, PL_ROLE_FIRST_MOMENT, of),
                             moment_of(call, PL_ROLE_SECOND_MOMENT, of), pl_shape_elements(&model->tensors[g].shape));
  }
  return PL_OK;
}

static optimizer *const optimizers[PL_OPTIMIZERS] = {
    [PL_OPTIMIZER_ADAM] = adam, [PL_OPTIMIZER_ADAMW] = adam, [PL_OPTIMIZER_SGD] = sgd};
