// Gradient norm, clipping and Adam (Kingma and Ba, 2015) as torch.nn.utils.clip_grad_norm_ and torch.optim.Adam.
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
  double rate, clip, decay, beta1, beta2, correction1, correction2, epsilon;
} step;

static void update(const step *s, double *parameter, const double *gradient, double *m, double *v, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    double g = gradient[i] * s->clip + s->decay * parameter[i];
    m[i] = s->beta1 * m[i] + (1 - s->beta1) * g;
    v[i] = s->beta2 * v[i] + (1 - s->beta2) * g * g;
    parameter[i] -= s->rate / s->correction1 * m[i] / (sqrt(v[i]) / sqrt(s->correction2) + s->epsilon);
  }
}

pl_status pl_ref_adam(const pl_ref_call *call) {
  const double *norm = call->in[0];
  const pl_attributes *a = &call->node->a;
  const pl_model *model = call->model;
  if (norm[1] == 0) return PL_OK;
  int64_t *number = (int64_t *)(void *)call->all_tensors[pl_model_find_of(model, PL_ROLE_STATE, -1)];
  *number += 1;
  double clip = a->clip_norm > 0 ? fmin(1, a->clip_norm / (norm[0] + 1e-6)) : 1;
  const step s = {.rate = call->controls->learning_rate,
                  .clip = clip,
                  .decay = a->weight_decay,
                  .beta1 = a->beta1,
                  .beta2 = a->beta2,
                  .correction1 = 1 - pow(a->beta1, (double)*number),
                  .correction2 = 1 - pow(a->beta2, (double)*number),
                  .epsilon = a->epsilon};
  for (int32_t g = 0; g < model->count; g++) {
    if (model->tensors[g].role != PL_ROLE_GRADIENT) continue;
    int32_t of = model->tensors[g].of;
    update(&s, call->all_tensors[of], call->all_tensors[g],
           call->all_tensors[pl_model_find_of(model, PL_ROLE_FIRST_MOMENT, of)],
           call->all_tensors[pl_model_find_of(model, PL_ROLE_SECOND_MOMENT, of)],
           pl_shape_elements(&model->tensors[g].shape));
  }
  return PL_OK;
}
