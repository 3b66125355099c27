// The library, plans and runs of gpu/dnn.h over cuDNN.
#include "gpu/dnn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "gpu/dnn_private.h"

struct pl_dnn_plan {
  pl_dnn *dnn;
  pl_dnn_graph *graph;
  pl_dnn_engine engine;
  pl_cudnn_desc plan;
  uint64_t workspace;
  double microseconds;
  bool bias;
  const pl_dnn_own *own;  // NULL: the library's engine; else this one, and there is no graph
  pl_dnn_conv conv;       // of our own engine
};

// ---------------------------------------------------------------------------------------------------------------------
// The library

pl_status pl_dnn_probe(char version[PL_DNN_VERSION_MAX], pl_error *err) {
  pl_cudnn cudnn;
  pl_status status = pl_cudnn_load(&cudnn, err);
  if (status) return status;
  size_t number = cudnn.version();
  snprintf(version, PL_DNN_VERSION_MAX, "%zu.%zu.%zu", number / 10000, number / 100 % 100, number % 100);
  return PL_OK;
}

pl_status pl_dnn_open(pl_dnn **out, void *stream, pl_error *err) {
  pl_dnn *dnn = pl_xcalloc(1, sizeof *dnn);
  dnn->stream = stream;
  pl_status status = pl_cudnn_load(&dnn->cudnn, err);
  if (!status) status = pl_cudnn_check(&dnn->cudnn, dnn->cudnn.create(&dnn->handle), "opening it", err);
  if (!status) {
    status = pl_cudnn_check(&dnn->cudnn, dnn->cudnn.set_stream(dnn->handle, (cudaStream_t)stream), "its stream", err);
  }
  if (status) {
    pl_dnn_close(dnn);
    return status;
  }
  *out = dnn;
  return PL_OK;
}

static pl_status describe_device(pl_dnn *dnn, const char *json, pl_error *err) {
  const pl_cudnn *cudnn = &dnn->cudnn;
  cudnnStatus_t status = cudnn->create_descriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &dnn->properties);
  if (status == CUDNN_STATUS_SUCCESS) {
    status = cudnn->set(dnn->properties, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                        (int64_t)strlen(json), json);
  }
  if (status == CUDNN_STATUS_SUCCESS) status = cudnn->finalize(dnn->properties);
  pl_error why = {0};
  if (pl_cudnn_check(cudnn, status, "a device's description", &why) == PL_OK) return PL_OK;
  return pl_fail(err, PL_E_FORMAT, "%s", why.message);
}

pl_status pl_dnn_open_described(pl_dnn **out, const char *json, pl_error *err) {
  pl_dnn *dnn = pl_xcalloc(1, sizeof *dnn);
  pl_status status = pl_cudnn_load(&dnn->cudnn, err);
  if (!status) status = describe_device(dnn, json, err);
  if (status) {
    pl_dnn_close(dnn);
    return status;
  }
  *out = dnn;
  return PL_OK;
}

void pl_dnn_close(pl_dnn *dnn) {
  if (dnn == NULL) return;
  if (dnn->properties != NULL) dnn->cudnn.destroy_descriptor(dnn->properties);
  if (dnn->handle != NULL) dnn->cudnn.destroy(dnn->handle);
  free(dnn);
}

// ---------------------------------------------------------------------------------------------------------------------
// Plans

static pl_status finish_plan(pl_dnn_plan *plan, pl_cudnn_desc config, pl_error *err) {
  const pl_dnn *dnn = plan->dnn;
  const pl_cudnn *cudnn = &dnn->cudnn;
  int64_t one = 0, workspace = 0;
  cudnnStatus_t status = cudnn->create_descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan->plan);
  if (status == CUDNN_STATUS_SUCCESS) {
    status = cudnn->set(plan->plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
  }
  if (status == CUDNN_STATUS_SUCCESS && dnn->properties != NULL) {
    status = cudnn->set(plan->plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                        &dnn->properties);
  }
  if (status == CUDNN_STATUS_SUCCESS) status = cudnn->finalize(plan->plan);
  if (status == CUDNN_STATUS_SUCCESS) {
    status = cudnn->get(plan->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &one, &workspace);
  }
  plan->workspace = workspace > 0 ? (uint64_t)workspace : 0;
  return pl_cudnn_check(cudnn, status, "a plan", err);
}

pl_status pl_dnn_plan_take(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, pl_dnn_graph *graph,
                           pl_dnn_engine *engine, uint64_t workspace_limit, pl_error *err) {
  pl_dnn_plan *plan = pl_xcalloc(1, sizeof *plan);
  plan->dnn = dnn;
  plan->bias = conv->bias;
  pl_status status = finish_plan(plan, engine->config, err);
  if (!status && plan->workspace > workspace_limit) {
    status = pl_fail(err, PL_E_UNSUPPORTED,
                     "engine '%.80s' needs a workspace of %" PRIu64 " MiB, and %" PRIu64 " MiB are allowed",
                     engine->choice, (plan->workspace + 0xfffff) >> 20, workspace_limit >> 20);
  }
  if (status) {
    pl_dnn_plan_destroy(plan);
    return status;
  }
  plan->graph = graph;
  graph->users++;
  plan->engine = *engine;
  engine->config = NULL;
  *out = plan;
  return PL_OK;
}

// The first candidate that a plan can be made of: heuristics list engines that turn out not to fit.
static pl_status plan_by_rule(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, pl_dnn_graph *graph,
                              uint64_t workspace_limit, pl_error *err) {
  pl_dnn_engines engines;
  pl_status status = pl_dnn_engines_find(&engines, graph, workspace_limit, err);
  if (status) return status;
  pl_error why = {0};
  status = PL_E_UNSUPPORTED;
  for (size_t i = 0; i < engines.count && status != PL_OK; i++) {
    status = pl_dnn_plan_take(out, dnn, conv, graph, &engines.items[i], workspace_limit, &why);
  }
  pl_dnn_engines_clear(graph, &engines);
  return status == PL_OK ? PL_OK : pl_fail(err, PL_E_UNSUPPORTED, "no engine of cuDNN works: %s", why.message);
}

static pl_status plan_of_choice(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, pl_dnn_graph *graph,
                                uint64_t workspace_limit, const char *choice, pl_error *err) {
  pl_dnn_engine engine;
  pl_status status = pl_dnn_engine_rebuild(&engine, graph, choice, err);
  if (status) return status;
  status = pl_dnn_plan_take(out, dnn, conv, graph, &engine, workspace_limit, err);
  if (status) dnn->cudnn.destroy_descriptor(engine.config);
  return status;
}

void pl_dnn_offer(pl_dnn *dnn, const pl_dnn_own *own) { dnn->own = own; }

bool pl_dnn_own_fits(const pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit) {
  return dnn->own != NULL && dnn->own->supported(conv) && dnn->own->workspace(conv) <= workspace_limit;
}

pl_dnn_plan *pl_dnn_own_plan(pl_dnn *dnn, const pl_dnn_conv *conv) {
  pl_dnn_plan *plan = pl_xcalloc(1, sizeof *plan);
  plan->dnn = dnn;
  plan->own = dnn->own;
  plan->conv = *conv;
  plan->workspace = dnn->own->workspace(conv);
  snprintf(plan->engine.choice, sizeof plan->engine.choice, "%s", dnn->own->name);
  return plan;
}

static pl_status plan_of_own(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit,
                             pl_error *err) {
  pl_status status = pl_dnn_conv_check(conv, err);
  if (status) return status;
  if (!pl_dnn_own_fits(dnn, conv, workspace_limit)) {
    return pl_fail(err, PL_E_UNSUPPORTED, "engine '%s' cannot compute it, or not with a workspace of %" PRIu64 " MiB",
                   dnn->own->name, workspace_limit >> 20);
  }
  *out = pl_dnn_own_plan(dnn, conv);
  return PL_OK;
}

static pl_status wrap_key(pl_status status, const pl_dnn_conv *conv, pl_error *err) {
  char key[PL_DNN_KEY_MAX];
  pl_dnn_conv_key(conv, key, sizeof key);
  pl_wrap(err, "convolution %s", key);
  return status;
}

pl_status pl_dnn_candidates(size_t *count, pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit,
                            pl_error *err) {
  pl_dnn_graph *graph = NULL;
  pl_dnn_engines engines;
  pl_status status = pl_dnn_graph_create(&graph, dnn, conv, err);
  if (!status) status = pl_dnn_engines_find(&engines, graph, workspace_limit, err);
  if (!status) {
    *count = engines.count + (pl_dnn_own_fits(dnn, conv, workspace_limit) ? 1 : 0);
    pl_dnn_engines_clear(graph, &engines);
  } else {
    status = wrap_key(status, conv, err);
  }
  pl_dnn_graph_release(graph);
  return status;
}

pl_status pl_dnn_plan_create(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit,
                             const char *choice, pl_error *err) {
  pl_dnn_graph *graph = NULL;
  if (choice != NULL && dnn->own != NULL && strcmp(choice, dnn->own->name) == 0) {
    pl_status own = plan_of_own(out, dnn, conv, workspace_limit, err);
    return own ? wrap_key(own, conv, err) : PL_OK;
  }
  pl_status status = pl_dnn_graph_create(&graph, dnn, conv, err);
  if (!status && choice == NULL) status = plan_by_rule(out, dnn, conv, graph, workspace_limit, err);
  if (!status && choice != NULL) status = plan_of_choice(out, dnn, conv, graph, workspace_limit, choice, err);
  pl_dnn_graph_release(graph);
  return status ? wrap_key(status, conv, err) : PL_OK;
}

void pl_dnn_plan_destroy(pl_dnn_plan *plan) {
  if (plan == NULL) return;
  const pl_cudnn *cudnn = &plan->dnn->cudnn;
  if (plan->plan != NULL) cudnn->destroy_descriptor(plan->plan);
  if (plan->engine.config != NULL) cudnn->destroy_descriptor(plan->engine.config);
  pl_dnn_graph_release(plan->graph);
  free(plan);
}

uint64_t pl_dnn_plan_workspace(const pl_dnn_plan *plan) { return plan->workspace; }
const char *pl_dnn_plan_choice(const pl_dnn_plan *plan) { return plan->engine.choice; }
double pl_dnn_plan_time(const pl_dnn_plan *plan) { return plan->microseconds; }
void pl_dnn_plan_set_time(pl_dnn_plan *plan, double microseconds) { plan->microseconds = microseconds; }

// ---------------------------------------------------------------------------------------------------------------------
// Runs

static cudnnStatus_t fill_pack(const pl_cudnn *cudnn, pl_cudnn_desc pack, const pl_dnn_args *args, bool bias) {
  const int64_t uids[] = {PL_UID_X, PL_UID_W, PL_UID_Y, PL_UID_BIAS}, count = bias ? 4 : 3;
  const void *const pointers[] = {args->x, args->w, args->y, args->bias};
  cudnnStatus_t status = cudnn->set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, uids);
  if (status == CUDNN_STATUS_SUCCESS) {
    status = cudnn->set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, pointers);
  }
  if (status == CUDNN_STATUS_SUCCESS) {
    status = cudnn->set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &args->workspace);
  }
  return status == CUDNN_STATUS_SUCCESS ? cudnn->finalize(pack) : status;
}

pl_status pl_dnn_run(const pl_dnn_plan *plan, const pl_dnn_args *args, pl_error *err) {
  const pl_dnn *dnn = plan->dnn;
  const pl_cudnn *cudnn = &dnn->cudnn;
  if (dnn->handle == NULL) return pl_fail(err, PL_E_UNSUPPORTED, "a device that is only described cannot run");
  if (plan->own != NULL) {
    plan->own->run((struct CUstream_st *)dnn->stream, &plan->conv, args);
    return PL_OK;
  }
  pl_cudnn_desc pack = NULL;
  cudnnStatus_t status = cudnn->create_descriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
  if (status == CUDNN_STATUS_SUCCESS) status = fill_pack(cudnn, pack, args, plan->bias);
  if (status == CUDNN_STATUS_SUCCESS) status = cudnn->execute(dnn->handle, plan->plan, pack);
  pl_error why = {0};
  const bool failed = pl_cudnn_check(cudnn, status, "a convolution's run", &why) != PL_OK;
  if (pack != NULL) cudnn->destroy_descriptor(pack);
  return failed ? pl_fail(err, PL_E_DEVICE, "%s", why.message) : PL_OK;
}
