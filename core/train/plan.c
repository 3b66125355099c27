#include "core/train/plan.h"

#include "core/train/trainer_private.h"

double pl_train_plan_operations(const pl_graph *graph) {
  double operations = 0;
  for (int32_t i = 0; i < graph->node_count; i++) {
    const pl_node *node = &graph->nodes[i];
    int32_t y = node->op == PL_OP_CONV                   ? node->out[0]
                : node->op == PL_OP_CONV_BACKWARD_DATA   ? node->in[0]
                : node->op == PL_OP_CONV_BACKWARD_WEIGHT ? node->in[1]
                                                         : -1;
    if (y < 0) continue;
    const pl_shape *weight = &graph->model->tensors[node->tensors[0]].shape;
    operations +=
        2.0 * (double)pl_shape_elements(&graph->values[y].shape) * (double)(pl_shape_elements(weight) / weight->d[0]);
  }
  return operations;
}

static void count_tensors(pl_train_plan *plan, const pl_model *model) {
  for (int32_t i = 0; i < model->count; i++) {
    const pl_tensor *tensor = &model->tensors[i];
    int64_t elements = pl_shape_elements(&tensor->shape);
    uint64_t bytes = (uint64_t)elements * pl_dtype_size(tensor->dtype);
    if (elements > plan->largest) plan->largest = elements;
    switch (tensor->role) {
      case PL_ROLE_PARAMETER:
        plan->parameters += elements;
        plan->weights += bytes;
        break;
      case PL_ROLE_GRADIENT: plan->gradients += bytes; break;
      case PL_ROLE_FIRST_MOMENT:
      case PL_ROLE_SECOND_MOMENT: plan->moments += bytes; break;
      case PL_ROLE_BUFFER:
      case PL_ROLE_STATE: plan->buffers += bytes; break;
    }
  }
}

// One program, whose operations become those of an image of its kind.
static pl_status add_program(pl_train_plan *plan, pl_program **program, const pl_backend_api *api, pl_store *store,
                             const pl_model *model, const pl_trainer_options *options, const pl_train_request *request,
                             pl_error *err) {
  pl_graph graph = {0};
  pl_status status = pl_train_graph(&graph, model, options, request, err);
  if (status != PL_OK) return status;
  double operations = pl_train_plan_operations(&graph) / request->batch;
  if (request->kind == PL_PROGRAM_EVALUATE) plan->valid_operations = operations;
  if (request->kind == PL_PROGRAM_STEP || request->kind == PL_PROGRAM_ACCUMULATE) plan->train_operations = operations;
  status = api->compile(program, store, &graph, err);
  pl_graph_clear(&graph);
  return status;
}

static int32_t smaller(size_t batch, int64_t images) {
  return images < (int64_t)batch ? (int32_t)images : (int32_t)batch;
}

pl_status pl_train_plan_make(pl_train_plan *out, const pl_backend_api *api, pl_backend *backend,
                             const pl_trainer_options *options, int64_t train, int64_t valid, pl_error *err) {
  pl_train_plan plan = {0};
  pl_model model = {0};
  pl_store *store = NULL;
  pl_program *programs[PL_TRAIN_PROGRAMS] = {NULL};
  pl_train_request requests[PL_TRAIN_PROGRAMS];
  const pl_train_counts counts = {.train = train,
                                  .valid = valid,
                                  .train_batch = smaller(options->feed.batch, train),
                                  .valid_batch = smaller((size_t)options->valid_batch, valid)};
  pl_train_list(requests, options, &counts);
  const pl_unet unet = pl_train_unet(options);
  pl_status status = pl_unet_model(&model, &unet, err);
  if (status == PL_OK) status = api->store_create(&store, backend, &model, options->choices, err);
  for (int i = 0; i < PL_TRAIN_PROGRAMS && status == PL_OK; i++) {
    if (requests[i].batch > 0)
      status = add_program(&plan, &programs[i], api, store, &model, options, &requests[i], err);
  }
  if (status == PL_OK) {
    count_tensors(&plan, &model);
    plan.memory = api->memory(store);
    plan.batches = (train + counts.train_batch - 1) / counts.train_batch;
    *out = plan;
  }
  for (int i = 0; i < PL_TRAIN_PROGRAMS; i++) api->program_destroy(programs[i]);
  api->store_destroy(store);
  pl_model_clear(&model);
  return status;
}
