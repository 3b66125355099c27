// What the files behind gpu/dnn.h share: a problem as cuDNN's operation graph, and the engines that can compute it.
#pragma once

#include "gpu/dnn.h"
#include "gpu/dnn_library.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef cudnnBackendDescriptor_t pl_cudnn_desc;

struct pl_dnn {
  pl_cudnn cudnn;
  cudnnHandle_t handle;      // NULL for a device that is only described
  pl_cudnn_desc properties;  // of a described device, else NULL
  void *stream;
  const pl_dnn_own *own;  // NULL: none was offered
};

// How operands are named between a graph and a run.
enum { PL_UID_X = 1, PL_UID_W, PL_UID_Y, PL_UID_BIAS, PL_UID_SUM, PL_UID_BIASED };

// A finished operation graph with the descriptors that it is made of. Counted: engines and plans refer to it.
typedef struct pl_dnn_graph {
  int users;
  const pl_dnn *dnn;
  pl_gpu_type type;
  pl_cudnn_desc made[16];
  size_t made_count;
  pl_cudnn_desc graph;  // the last of them
} pl_dnn_graph;

pl_status pl_dnn_graph_create(pl_dnn_graph **out, const pl_dnn *dnn, const pl_dnn_conv *conv, pl_error *err);
void pl_dnn_graph_release(pl_dnn_graph *graph);  // takes NULL; frees it after its last user

// An engine with its knobs set.
typedef struct pl_dnn_engine {
  pl_cudnn_desc config;
  uint64_t workspace;
  bool at_run_time;  // its kernel is compiled when a plan is made
  char choice[PL_DNN_CHOICE_MAX];
} pl_dnn_engine;

typedef struct pl_dnn_engines {
  pl_dnn_engine *items;
  size_t count;
} pl_dnn_engines;

// The candidates as gpu/dnn.h says, in the order of cuDNN's heuristics. PL_E_UNSUPPORTED when there is none.
pl_status pl_dnn_engines_find(pl_dnn_engines *out, const pl_dnn_graph *graph, uint64_t workspace_limit, pl_error *err);
void pl_dnn_engines_clear(const pl_dnn_graph *graph, pl_dnn_engines *engines);

// The engine that `choice` names. PL_E_UNSUPPORTED when this library or device has none, or it is one that would never
// be a candidate. The caller destroys `out->config`.
pl_status pl_dnn_engine_rebuild(pl_dnn_engine *out, const pl_dnn_graph *graph, const char *choice, pl_error *err);

// Makes a plan of the engine, which becomes a user of `graph` and takes over `engine->config` (then NULL); on failure
// neither.
pl_status pl_dnn_plan_take(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, pl_dnn_graph *graph,
                           pl_dnn_engine *engine, uint64_t workspace_limit, pl_error *err);

// Whether the engine that was offered can compute the problem with that workspace, and a plan with it. The problem was
// checked.
bool pl_dnn_own_fits(const pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit);
pl_dnn_plan *pl_dnn_own_plan(pl_dnn *dnn, const pl_dnn_conv *conv);

void pl_dnn_plan_set_time(pl_dnn_plan *plan, double microseconds);

#ifdef __cplusplus
}
#endif
