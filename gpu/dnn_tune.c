// The fastest candidate, by timing. What is timed is what will run: a captured graph of runs in a row, each on other
// memory than the one before, so that inputs come from memory and not from the cache.
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "gpu/cuda.h"
#include "gpu/dnn_private.h"

enum {
  RUNS = 8,      // in a graph
  REPEATS = 7,   // of a graph; the median counts
  HOPELESS = 3,  // an engine whose first graph takes so many times the best median is not timed further
  ALIGNMENT = 256,
  PATTERN = 1 << 20,  // bytes of random operands, repeated over the buffers
};

static const size_t cache_bytes = (size_t)256 << 20;  // twice the largest second-level cache of any device

typedef struct tuner {
  pl_dnn *dnn;
  pl_stream stream;
  pl_event start, stop;
  char *memory;
  void *workspace;
  size_t offset[4], set_bytes, sets;  // x, w, y, bias of a set; sets in turns
} tuner;

static size_t round_up(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static void lay_out(tuner *t, const pl_dnn_conv *c) {
  const size_t element = pl_gpu_type_size(c->type);
  const size_t counts[4] = {(size_t)(c->n * c->ih * c->iw * c->ic),
                            (size_t)(c->oc * c->kernel * c->kernel * (c->ic / c->groups)),
                            (size_t)(c->n * c->oh * c->ow * c->oc), c->bias ? (size_t)c->oc : 0};
  t->set_bytes = 0;
  for (int i = 0; i < 4; i++) {
    t->offset[i] = t->set_bytes;
    t->set_bytes += round_up(counts[i] * element);
  }
  t->sets = cache_bytes / t->set_bytes + 1;
  if (t->sets > RUNS) t->sets = RUNS;
  if (t->sets < 2) t->sets = 2;
}

// Numbers like a network's, since a device's clock depends on them: between -1/4 and 1/4 in each type.
static void make_pattern(uint16_t *pattern, pl_gpu_type type) {
  for (size_t i = 0; i < PATTERN / sizeof *pattern; i++) {
    uint64_t bits = pl_rng_u64(1, 0, i);
    // Sign, an exponent below that of 1/4, and a mantissa; of a float32 it is the upper half, the lower is likewise.
    uint16_t exponent = type == PL_GPU_F16 ? (uint16_t)((9 + bits % 4) << 10) : (uint16_t)((121 + bits % 4) << 7);
    uint16_t mantissa = (uint16_t)(bits >> 16 & (type == PL_GPU_F16 ? 0x3ff : 0x7f));
    pattern[i] = (uint16_t)((bits >> 48 & 0x8000) | exponent | mantissa);
  }
}

static pl_status fill(const tuner *t, pl_gpu_type type, pl_error *err) {
  const size_t bytes = t->set_bytes * t->sets;
  uint16_t *pattern = pl_xmalloc(PATTERN);
  make_pattern(pattern, type);
  pl_status status = pl_cuda_copy(t->memory, pattern, bytes < PATTERN ? bytes : PATTERN, t->stream, err);
  for (size_t done = PATTERN; done < bytes && !status; done += PATTERN) {
    status = pl_cuda_copy(t->memory + done, t->memory, bytes - done < PATTERN ? bytes - done : PATTERN, t->stream, err);
  }
  if (!status) status = pl_cuda_stream_wait(t->stream, err);
  free(pattern);
  return status;
}

static void close_tuner(tuner *t) {
  pl_cuda_release(t->memory);
  pl_cuda_release(t->workspace);
  pl_cuda_event_destroy(t->start);
  pl_cuda_event_destroy(t->stop);
}

static pl_status open_tuner(tuner *t, pl_dnn *dnn, const pl_dnn_conv *c, uint64_t workspace, pl_error *err) {
  *t = (tuner){.dnn = dnn, .stream = (pl_stream)dnn->stream};
  lay_out(t, c);
  void *memory = NULL;
  pl_status status = pl_cuda_allocate(&memory, t->set_bytes * t->sets, "timing a convolution", err);
  t->memory = memory;
  if (!status) status = pl_cuda_allocate(&t->workspace, (size_t)workspace, "timing a convolution", err);
  if (!status) status = pl_cuda_event_create(&t->start, true, err);
  if (!status) status = pl_cuda_event_create(&t->stop, true, err);
  if (!status) status = fill(t, c->type, err);
  if (status) close_tuner(t);
  return status;
}

static pl_status run_set(const tuner *t, const pl_dnn_plan *plan, size_t run, const pl_dnn_conv *c, pl_error *err) {
  char *set = t->memory + run % t->sets * t->set_bytes;
  const pl_dnn_args args = {.x = set + t->offset[0],
                            .w = set + t->offset[1],
                            .y = set + t->offset[2],
                            .bias = c->bias ? set + t->offset[3] : NULL,
                            .workspace = t->workspace};
  return pl_dnn_run(plan, &args, err);
}

// Captures RUNS runs, after one outside: what is loaded at the first run cannot be loaded in a capture.
static pl_status capture(pl_cuda_graph **out, const tuner *t, const pl_dnn_plan *plan, const pl_dnn_conv *c,
                         pl_error *err) {
  pl_status status = run_set(t, plan, 0, c, err);
  if (!status) status = pl_cuda_stream_wait(t->stream, err);
  if (!status) status = pl_cuda_capture_begin(t->stream, err);
  if (status) return status;
  for (size_t run = 0; run < RUNS && !status; run++) status = run_set(t, plan, run, c, err);
  pl_cuda_graph *graph = NULL;
  pl_status ended = pl_cuda_capture_end(&graph, t->stream, status ? NULL : err);
  if (!status) status = ended;
  if (status) {
    pl_cuda_graph_destroy(graph);
    return status;
  }
  *out = graph;
  return PL_OK;
}

static pl_status time_once(double *seconds, const tuner *t, pl_cuda_graph *graph, pl_error *err) {
  pl_status status = pl_cuda_event_record(t->start, t->stream, err);
  if (!status) status = pl_cuda_graph_launch(graph, t->stream, err);
  if (!status) status = pl_cuda_event_record(t->stop, t->stream, err);
  if (!status) status = pl_cuda_event_wait(t->stop, err);
  return status ? status : pl_cuda_event_seconds(seconds, t->start, t->stop, err);
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// Seconds of a run, the median; infinite for an engine that cannot beat `best`.
static pl_status time_plan(double *seconds, const tuner *t, const pl_dnn_plan *plan, const pl_dnn_conv *c, double best,
                           pl_error *err) {
  pl_cuda_graph *graph = NULL;
  pl_status status = capture(&graph, t, plan, c, err);
  double times[REPEATS], first = 0;
  if (!status) status = time_once(&first, t, graph, err);
  if (!status && first > HOPELESS * best * RUNS) {
    pl_cuda_graph_destroy(graph);
    *seconds = 1e30;
    return PL_OK;
  }
  for (int i = 0; i < REPEATS && !status; i++) status = time_once(&times[i], t, graph, err);
  pl_cuda_graph_destroy(graph);
  if (status) return status;
  qsort(times, REPEATS, sizeof times[0], by_value);
  *seconds = times[REPEATS / 2] / RUNS;
  return PL_OK;
}

// Tries all candidates. One that cannot be planned, run or captured is left out; a device that has failed shows in the
// tries that follow, too, and in the caller's next call.
static pl_status find_fastest(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *c, uint64_t workspace_limit,
                              pl_dnn_graph *graph, pl_dnn_engines *engines, const tuner *t, pl_error *err) {
  pl_dnn_plan *fastest = NULL;
  pl_error why = {0};
  double best = 1e30;
  const size_t own = pl_dnn_own_fits(dnn, c, workspace_limit) ? 1 : 0;
  for (size_t i = 0; i < engines->count + own; i++) {
    pl_dnn_plan *plan = NULL;
    double seconds = 1e30;
    pl_status status = PL_OK;
    if (i < engines->count) {
      status = pl_dnn_plan_take(&plan, dnn, c, graph, &engines->items[i], workspace_limit, &why);
    } else {
      plan = pl_dnn_own_plan(dnn, c);
    }
    if (!status) status = time_plan(&seconds, t, plan, c, best, &why);
    if (!status && seconds < best) {
      pl_dnn_plan_destroy(fastest);
      fastest = plan;
      best = seconds;
    } else {
      pl_dnn_plan_destroy(plan);
    }
  }
  if (fastest == NULL) return pl_fail(err, PL_E_UNSUPPORTED, "no engine of cuDNN works: %s", why.message);
  pl_dnn_plan_set_time(fastest, best * 1e6);
  *out = fastest;
  return PL_OK;
}

pl_status pl_dnn_plan_tune(pl_dnn_plan **out, pl_dnn *dnn, const pl_dnn_conv *conv, uint64_t workspace_limit,
                           pl_error *err) {
  if (dnn->handle == NULL) return pl_fail(err, PL_E_UNSUPPORTED, "a device that is only described cannot be timed");
  pl_dnn_graph *graph = NULL;
  pl_dnn_engines engines = {0};
  tuner t;
  pl_status status = pl_dnn_graph_create(&graph, dnn, conv, err);
  if (!status) status = pl_dnn_engines_find(&engines, graph, workspace_limit, err);
  uint64_t workspace = 0;
  for (size_t i = 0; i < engines.count; i++) {
    if (engines.items[i].workspace > workspace) workspace = engines.items[i].workspace;
  }
  if (!status && pl_dnn_own_fits(dnn, conv, workspace_limit)) {
    const uint64_t own = dnn->own->workspace(conv);
    if (own > workspace) workspace = own;
  }
  if (!status) status = open_tuner(&t, dnn, conv, workspace, err);
  if (!status) {
    status = find_fastest(out, dnn, conv, workspace, graph, &engines, &t, err);
    close_tuner(&t);
  }
  pl_dnn_engines_clear(graph, &engines);
  pl_dnn_graph_release(graph);
  if (!status) return PL_OK;
  char key[PL_DNN_KEY_MAX];
  pl_dnn_conv_key(conv, key, sizeof key);
  pl_wrap(err, "convolution %s", key);
  return status;
}
