#include "core/net/golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/net/golden_fill.h"
#include "core/net/weights.h"

static const double learning_rate = 1e-4;

static pl_status fill_weights(pl_golden *g, pl_error *err) {
  for (int32_t i = 0; i < g->model.state_count; i++) {
    const pl_tensor *tensor = &g->model.tensors[i];
    if (tensor->dtype == PL_I64) continue;
    float *data = pl_xcalloc((size_t)pl_shape_elements(&tensor->shape), sizeof *data);
    pl_golden_tensor(data, &g->model, i, g->what.seed_weights);
    pl_status status = g->api->upload(g->store, i, PL_F32, data, err);
    free(data);
    if (status != PL_OK) return status;
  }
  return PL_OK;
}

// The program with the logits as its last result, in doubles where the backend has them.
static pl_status compile(pl_program **out, pl_golden *g, pl_program_kind kind, pl_error *err) {
  pl_program_spec spec = pl_program_spec_default(kind, g->what.batch, g->what.height, g->what.width);
  spec.augment = false;
  pl_graph graph;
  pl_status status = pl_unet_graph(&graph, &g->model, &g->what.unet, &spec, err);
  if (status != PL_OK) return status;
  for (int32_t v = 0; v < graph.value_count; v++) {
    if (strcmp(graph.values[v].name, "segmentation_head.0") != 0) continue;
    if (g->doubles) graph.values[v].dtype = PL_F64;
    pl_graph_result(&graph, v);
  }
  status = g->api->compile(out, g->store, &graph, err);
  pl_graph_clear(&graph);
  return status;
}

static pl_status give_batch(pl_golden *g, pl_program *program, int step, pl_error *err) {
  size_t pixels = pl_golden_pixels(g);
  float *x = pl_xcalloc(3 * pixels, sizeof *x), *target = pl_xcalloc(pixels, sizeof *target);
  pl_golden_batch(x, target, g->what.seed_data, step, g->what.batch, g->what.height, g->what.width);
  const void *data[] = {x, target};
  pl_status status = g->api->input(program, 0, data, err);
  free(x);
  free(target);
  return status;
}

pl_status pl_golden_init(pl_golden *out, const pl_backend_api *api, pl_backend *backend, const pl_golden_case *what,
                         pl_error *err) {
  *out = (pl_golden){.what = *what, .api = api};
  pl_golden *g = out;
  if (what->batch > 0 && what->height > 0 && what->width > 0 &&
      PL_GOLDEN_PIXELS_MAX / what->batch / what->height / what->width == 0) {
    return pl_fail(err, PL_E_LIMIT, "%d images of %dx%d are more than the %d pixels that a case may have", what->batch,
                   what->width, what->height, PL_GOLDEN_PIXELS_MAX);
  }
  pl_status status = pl_unet_model(&g->model, &what->unet, err);
  if (status == PL_OK) status = api->store_create(&g->store, backend, &g->model, NULL, err);
  if (status != PL_OK) return status;
  g->doubles = api->tensor_dtype(g->store, 0) == PL_F64;
  status = what->weights == NULL
               ? fill_weights(g, err)
               : pl_weights_load(what->weights, api, g->store, &g->model, PL_WEIGHTS_STATE_DICT, true, NULL, err);
  if (status == PL_OK) status = compile(&g->step, g, PL_PROGRAM_STEP, err);
  if (status == PL_OK) status = compile(&g->evaluate, g, PL_PROGRAM_EVALUATE, err);
  return status == PL_OK ? api->arena_reserve(g->store, err) : status;
}

void pl_golden_clear(pl_golden *g) {
  if (g->store != NULL) {
    g->api->program_destroy(g->step);
    g->api->program_destroy(g->evaluate);
    g->api->store_destroy(g->store);
  }
  pl_model_clear(&g->model);
  *g = (pl_golden){.api = NULL};
}

size_t pl_golden_pixels(const pl_golden *g) {
  return (size_t)g->what.batch * (size_t)g->what.height * (size_t)g->what.width;
}

static pl_status run(pl_golden *g, pl_program *program, double loss[PL_LOSS_VALUES], double *logits, pl_error *err) {
  size_t pixels = pl_golden_pixels(g);
  void *raw = pl_xcalloc(pixels, sizeof(double));
  pl_result result = {.data = {loss, NULL, NULL, raw}};  // loss, norm or dice, dice or probabilities, logits
  const pl_controls controls = {.struct_size = sizeof controls, .learning_rate = learning_rate};
  pl_status status = g->api->run(program, 0, &controls, &result, err);
  if (status == PL_OK) status = g->api->wait(program, err);
  for (size_t i = 0; status == PL_OK && logits != NULL && i < pixels; i++) {
    logits[i] = g->doubles ? ((double *)raw)[i] : (double)((float *)raw)[i];
  }
  free(raw);
  return status;
}

pl_status pl_golden_step(pl_golden *g, int step, double loss[PL_LOSS_VALUES], double *logits, pl_error *err) {
  pl_status status = give_batch(g, g->step, g->what.fresh_batches ? step : 0, err);
  return status == PL_OK ? run(g, g->step, loss, logits, err) : status;
}

pl_status pl_golden_evaluate(pl_golden *g, double *logits, pl_error *err) {
  double loss[PL_LOSS_VALUES];
  pl_status status = give_batch(g, g->evaluate, 0, err);
  return status == PL_OK ? run(g, g->evaluate, loss, logits, err) : status;
}

double pl_golden_norm(pl_golden *g, int32_t tensor) {
  size_t count = (size_t)pl_shape_elements(&g->model.tensors[tensor].shape);
  double *data = pl_xcalloc(count, sizeof *data), sum = 0;
  if (g->api->download(g->store, tensor, PL_F64, data, NULL) != PL_OK) sum = NAN;
  for (size_t i = 0; i < count; i++) sum += data[i] * data[i];
  free(data);
  return sqrt(sum);
}
