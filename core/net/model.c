#include "core/net/graph.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"

// What an optimizer keeps of each parameter: the prefixes of its moments' names, NULL where it has none.
typedef struct optimizer_row {
  const char *name, *first, *second;
} optimizer_row;

static const optimizer_row optimizer_rows[PL_OPTIMIZERS];

const char *pl_optimizer_name(pl_optimizer optimizer) { return optimizer_rows[optimizer].name; }

int32_t pl_model_add(pl_model *model, const char *name, pl_role role, pl_dtype dtype, pl_shape shape, pl_init init,
                     double init_scale) {
  assert(pl_model_find(model, name) < 0);
  if (model->count == model->capacity) {
    model->capacity = model->capacity == 0 ? 256 : 2 * model->capacity;
    model->tensors = pl_xrealloc(model->tensors, (size_t)model->capacity, sizeof *model->tensors);
  }
  pl_tensor *tensor = &model->tensors[model->count];
  *tensor = (pl_tensor){.role = role, .dtype = dtype, .shape = shape, .of = -1, .init = init, .init_scale = init_scale};
  bool whole = pl_copy_text(tensor->name, sizeof tensor->name, name);
  assert(whole);
  (void)whole;
  return model->count++;
}

static void add_companions(pl_model *model, const char *prefix, pl_role role) {
  for (int32_t i = 0; i < model->state_count; i++) {
    if (prefix == NULL || model->tensors[i].role != PL_ROLE_PARAMETER || model->tensors[i].frozen) continue;
    char name[2 * PL_NAME_MAX];
    snprintf(name, sizeof name, "%s%s", prefix, model->tensors[i].name);
    int32_t added = pl_model_add(model, name, role, PL_F32, model->tensors[i].shape, PL_INIT_CONSTANT, 0);
    model->tensors[added].of = i;
  }
}

void pl_model_add_training_tensors(pl_model *model, pl_optimizer optimizer) {
  assert(model->state_count == 0);
  model->state_count = model->count;
  add_companions(model, "gradient.", PL_ROLE_GRADIENT);
  add_companions(model, optimizer_rows[optimizer].first, PL_ROLE_FIRST_MOMENT);
  add_companions(model, optimizer_rows[optimizer].second, PL_ROLE_SECOND_MOMENT);
  const pl_shape scalar = pl_shape_make(0, 1, 1, 1, 1);
  pl_model_add(model, "optimizer.step", PL_ROLE_STATE, PL_I64, scalar, PL_INIT_CONSTANT, 0);
  pl_model_add(model, PL_LOSS_SCALE, PL_ROLE_STATE, PL_F32, scalar, PL_INIT_CONSTANT, 65536);
  pl_model_add(model, PL_LOSS_SCALE_GROWTH, PL_ROLE_STATE, PL_I64, scalar, PL_INIT_CONSTANT, 0);
}

int32_t pl_model_find(const pl_model *model, const char *name) {
  for (int32_t i = 0; i < model->count; i++) {
    if (strcmp(model->tensors[i].name, name) == 0) return i;
  }
  return -1;
}

int32_t pl_model_find_of(const pl_model *model, pl_role role, int32_t of) {
  for (int32_t i = model->state_count; i < model->count; i++) {
    if (model->tensors[i].role == role && model->tensors[i].of == of) return i;
  }
  return -1;
}

void pl_model_clear(pl_model *model) {
  free(model->tensors);
  *model = (pl_model){0};
}

static const optimizer_row optimizer_rows[PL_OPTIMIZERS] = {
    [PL_OPTIMIZER_ADAM] = {"adam", "adam.m.", "adam.v."},
    [PL_OPTIMIZER_ADAMW] = {"adamw", "adam.m.", "adam.v."},
    [PL_OPTIMIZER_SGD] = {"sgd", "sgd.momentum.", NULL},
};
