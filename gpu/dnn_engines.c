// Which engines can compute a graph: asked from cuDNN's heuristics, or rebuilt from the text of an earlier answer.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "gpu/dnn_private.h"

enum { KNOBS_MAX = 64, CONFIGS_MAX = 256 };

#define CHOICE_PREFIX "cudnn:"

static pl_cudnn_desc new_desc(const pl_cudnn *cudnn, cudnnBackendDescriptorType_t type) {
  pl_cudnn_desc desc = NULL;
  return cudnn->create_descriptor(type, &desc) == CUDNN_STATUS_SUCCESS ? desc : NULL;
}

static void drop(const pl_cudnn *cudnn, pl_cudnn_desc desc) {
  if (desc != NULL) cudnn->destroy_descriptor(desc);
}

// ---------------------------------------------------------------------------------------------------------------------
// What an engine is like

// Sums in another order, or in less precision than the problem asks for, are not the problem's result.
static bool acceptable(const pl_dnn_graph *graph, pl_cudnn_desc engine, bool *at_run_time) {
  const pl_cudnn *cudnn = &graph->dnn->cudnn;
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  cudnnBackendBehaviorNote_t behaviour[CUDNN_BEHAVIOR_NOTE_TYPE_COUNT];
  int64_t count = 0;
  if (cudnn->get(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT,
                 &count, notes) != CUDNN_STATUS_SUCCESS) {
    return false;
  }
  for (int64_t i = 0; i < count; i++) {
    bool tf32 = notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE && graph->type == PL_GPU_F32;
    if (tf32 || notes[i] == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC ||
        notes[i] == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS ||
        notes[i] == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) {
      return false;
    }
  }
  count = 0;
  if (cudnn->get(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT,
                 &count, behaviour) != CUDNN_STATUS_SUCCESS) {
    return false;
  }
  *at_run_time = false;
  for (int64_t i = 0; i < count; i++) *at_run_time |= behaviour[i] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
  return true;
}

// "cudnn:ENGINE:KNOB=VALUE,..."; false when it does not fit.
static bool write_choice(const pl_cudnn *cudnn, pl_cudnn_desc config, int64_t engine, char text[PL_DNN_CHOICE_MAX]) {
  pl_cudnn_desc knobs[KNOBS_MAX];
  int64_t count = 0;
  for (int i = 0; i < KNOBS_MAX; i++) knobs[i] = new_desc(cudnn, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
  bool fits = cudnn->get(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR, KNOBS_MAX, &count,
                         knobs) == CUDNN_STATUS_SUCCESS;
  size_t length = (size_t)snprintf(text, PL_DNN_CHOICE_MAX, CHOICE_PREFIX "%" PRId64 ":", engine);
  for (int64_t i = 0; i < count && fits; i++) {
    cudnnBackendKnobType_t type = CUDNN_KNOB_TYPE_COUNTS;
    int64_t value = 0, one = 0;
    fits = cudnn->get(knobs[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &one, &type) ==
               CUDNN_STATUS_SUCCESS &&
           cudnn->get(knobs[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, &one, &value) ==
               CUDNN_STATUS_SUCCESS;
    if (!fits) break;
    length += (size_t)snprintf(text + length, PL_DNN_CHOICE_MAX - length, "%s%d=%" PRId64, i == 0 ? "" : ",", (int)type,
                               value);
    fits = length < PL_DNN_CHOICE_MAX;
  }
  for (int i = 0; i < KNOBS_MAX; i++) drop(cudnn, knobs[i]);
  return fits;
}

// Fills all but `config`; false when it may not be a candidate.
static bool describe(const pl_dnn_graph *graph, pl_cudnn_desc config, pl_dnn_engine *out) {
  const pl_cudnn *cudnn = &graph->dnn->cudnn;
  pl_cudnn_desc engine = new_desc(cudnn, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  int64_t one = 0, index = -1, workspace = 0;
  bool good =
      engine != NULL &&
      cudnn->get(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &one, &engine) ==
          CUDNN_STATUS_SUCCESS &&
      cudnn->get(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &one, &index) == CUDNN_STATUS_SUCCESS &&
      cudnn->get(config, CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &one, &workspace) ==
          CUDNN_STATUS_SUCCESS &&
      workspace >= 0 && acceptable(graph, engine, &out->at_run_time) && write_choice(cudnn, config, index, out->choice);
  out->workspace = (uint64_t)workspace;
  drop(cudnn, engine);
  return good;
}

// ---------------------------------------------------------------------------------------------------------------------
// Asking

// Appends what one mode of the heuristics suggests to `configs`, at most `room`; returns how many. A mode that has
// nothing to say is no failure.
static int64_t ask(const pl_dnn_graph *graph, cudnnBackendHeurMode_t mode, pl_cudnn_desc *configs, int64_t room) {
  const pl_cudnn *cudnn = &graph->dnn->cudnn;
  const pl_cudnn_desc properties = graph->dnn->properties;
  pl_cudnn_desc query = new_desc(cudnn, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  bool good = query != NULL &&
              cudnn->set(query, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                         &graph->graph) == CUDNN_STATUS_SUCCESS &&
              cudnn->set(query, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode) == CUDNN_STATUS_SUCCESS &&
              (properties == NULL || cudnn->set(query, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                                1, &properties) == CUDNN_STATUS_SUCCESS) &&
              cudnn->finalize(query) == CUDNN_STATUS_SUCCESS;
  int64_t count = 0, got = 0;
  if (good && cudnn->get(query, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, NULL) ==
                  CUDNN_STATUS_SUCCESS) {
    if (count > room) count = room;
    for (int64_t i = 0; i < count; i++) configs[i] = new_desc(cudnn, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    if (cudnn->get(query, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &got, configs) !=
        CUDNN_STATUS_SUCCESS) {
      got = 0;
    }
    for (int64_t i = got; i < count; i++) drop(cudnn, configs[i]);
  }
  drop(cudnn, query);
  return got;
}

static bool known(const pl_dnn_engines *engines, const char *choice) {
  for (size_t i = 0; i < engines->count; i++) {
    if (strcmp(engines->items[i].choice, choice) == 0) return true;
  }
  return false;
}

static void remove_run_time_engines(const pl_dnn_graph *graph, pl_dnn_engines *engines) {
  size_t kept = 0;
  for (size_t i = 0; i < engines->count; i++) {
    if (!engines->items[i].at_run_time) kept++;
  }
  if (kept == 0 || kept == engines->count) return;
  kept = 0;
  for (size_t i = 0; i < engines->count; i++) {
    if (engines->items[i].at_run_time) {
      drop(&graph->dnn->cudnn, engines->items[i].config);
    } else {
      engines->items[kept++] = engines->items[i];
    }
  }
  engines->count = kept;
}

pl_status pl_dnn_engines_find(pl_dnn_engines *out, const pl_dnn_graph *graph, uint64_t workspace_limit, pl_error *err) {
  pl_cudnn_desc configs[CONFIGS_MAX];
  int64_t count = ask(graph, CUDNN_HEUR_MODE_A, configs, CONFIGS_MAX);
  count += ask(graph, CUDNN_HEUR_MODE_FALLBACK, configs + count, CONFIGS_MAX - count);
  pl_dnn_engines engines = {.items = pl_xcalloc((size_t)count + 1, sizeof *engines.items)};
  uint64_t smallest = UINT64_MAX;
  for (int64_t i = 0; i < count; i++) {
    pl_dnn_engine engine = {.config = configs[i]};
    bool good = describe(graph, configs[i], &engine) && !known(&engines, engine.choice);
    if (good && engine.workspace < smallest) smallest = engine.workspace;
    if (good && engine.workspace <= workspace_limit) {
      engines.items[engines.count++] = engine;
    } else {
      drop(&graph->dnn->cudnn, configs[i]);
    }
  }
  remove_run_time_engines(graph, &engines);
  if (engines.count > 0) {
    *out = engines;
    return PL_OK;
  }
  free(engines.items);
  if (smallest != UINT64_MAX) {
    return pl_fail(err, PL_E_UNSUPPORTED,
                   "cuDNN needs a workspace of %" PRIu64 " MiB for it, and %" PRIu64 " MiB are allowed",
                   (smallest + 0xfffff) >> 20, workspace_limit >> 20);
  }
  return pl_fail(err, PL_E_UNSUPPORTED, "cuDNN has no engine for it on this device");
}

void pl_dnn_engines_clear(const pl_dnn_graph *graph, pl_dnn_engines *engines) {
  for (size_t i = 0; i < engines->count; i++) drop(&graph->dnn->cudnn, engines->items[i].config);  // NULL when taken
  free(engines->items);
  *engines = (pl_dnn_engines){0};
}

// ---------------------------------------------------------------------------------------------------------------------
// Rebuilding

typedef struct knob {
  int64_t type, value;
} knob;

// Reads a number up to `end` (or the text's end); moves *text behind it.
static bool read_number(const char **text, char end, int64_t *out) {
  const char *stop = strchr(*text, end);
  if (stop == NULL) stop = *text + strlen(*text);
  if (!pl_parse_i64(out, *text, (size_t)(stop - *text))) return false;
  *text = stop;
  return true;
}

static bool read_choice(const char *text, int64_t *engine, knob knobs[KNOBS_MAX], int64_t *count) {
  *count = 0;
  if (strncmp(text, CHOICE_PREFIX, strlen(CHOICE_PREFIX)) != 0 || strlen(text) >= PL_DNN_CHOICE_MAX) return false;
  text += strlen(CHOICE_PREFIX);
  if (!read_number(&text, ':', engine) || *engine < 0 || *text++ != ':') return false;
  while (*text != '\0') {
    knob *next = &knobs[*count];
    if (*count == KNOBS_MAX || !read_number(&text, '=', &next->type) || *text++ != '=') return false;
    if (next->type < 0 || next->type >= CUDNN_KNOB_TYPE_COUNTS || !read_number(&text, ',', &next->value)) return false;
    (*count)++;
    if (*text == ',' && *++text == '\0') return false;
  }
  return true;
}

static bool set_knob(const pl_cudnn *cudnn, pl_cudnn_desc desc, const knob *value) {
  cudnnBackendKnobType_t type = (cudnnBackendKnobType_t)value->type;
  return desc != NULL &&
         cudnn->set(desc, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type) == CUDNN_STATUS_SUCCESS &&
         cudnn->set(desc, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, &value->value) ==
             CUDNN_STATUS_SUCCESS &&
         cudnn->finalize(desc) == CUDNN_STATUS_SUCCESS;
}

// The configuration of `engine` with the knobs; NULL when cuDNN does not take it.
static pl_cudnn_desc configure(const pl_cudnn *cudnn, pl_cudnn_desc engine, const knob *values, int64_t count) {
  pl_cudnn_desc knobs[KNOBS_MAX] = {NULL};
  pl_cudnn_desc config = new_desc(cudnn, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  bool good = config != NULL && cudnn->set(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                           &engine) == CUDNN_STATUS_SUCCESS;
  for (int64_t i = 0; i < count && good; i++) {
    knobs[i] = new_desc(cudnn, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
    good = set_knob(cudnn, knobs[i], &values[i]);
  }
  if (good && count > 0) {
    good = cudnn->set(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, knobs) ==
           CUDNN_STATUS_SUCCESS;
  }
  good = good && cudnn->finalize(config) == CUDNN_STATUS_SUCCESS;
  for (int64_t i = 0; i < count; i++) drop(cudnn, knobs[i]);
  if (good) return config;
  drop(cudnn, config);
  return NULL;
}

static pl_cudnn_desc find_engine(const pl_dnn_graph *graph, int64_t index) {
  const pl_cudnn *cudnn = &graph->dnn->cudnn;
  const pl_cudnn_desc properties = graph->dnn->properties;
  pl_cudnn_desc engine = new_desc(cudnn, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  if (engine != NULL &&
      cudnn->set(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph->graph) ==
          CUDNN_STATUS_SUCCESS &&
      cudnn->set(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index) == CUDNN_STATUS_SUCCESS &&
      (properties == NULL || cudnn->set(engine, CUDNN_ATTR_ENGINE_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                        &properties) == CUDNN_STATUS_SUCCESS) &&
      cudnn->finalize(engine) == CUDNN_STATUS_SUCCESS) {
    return engine;
  }
  drop(cudnn, engine);
  return NULL;
}

pl_status pl_dnn_engine_rebuild(pl_dnn_engine *out, const pl_dnn_graph *graph, const char *choice, pl_error *err) {
  const pl_cudnn *cudnn = &graph->dnn->cudnn;
  knob knobs[KNOBS_MAX];
  int64_t index, count;
  if (!read_choice(choice, &index, knobs, &count)) {
    return pl_fail(err, PL_E_UNSUPPORTED, "'%.80s' does not name an engine of cuDNN", choice);
  }
  pl_cudnn_desc engine = find_engine(graph, index);
  pl_dnn_engine rebuilt = {.config = engine == NULL ? NULL : configure(cudnn, engine, knobs, count)};
  drop(cudnn, engine);
  if (rebuilt.config == NULL) {
    return pl_fail(err, PL_E_UNSUPPORTED, "this cuDNN on this device has no engine '%.80s' for it", choice);
  }
  if (!describe(graph, rebuilt.config, &rebuilt)) {
    drop(cudnn, rebuilt.config);
    return pl_fail(err, PL_E_UNSUPPORTED, "engine '%.80s' does not give the same bits each time, or too few", choice);
  }
  snprintf(rebuilt.choice, sizeof rebuilt.choice, "%s", choice);
  *out = rebuilt;
  return PL_OK;
}
