// How fast the CPU backend trains and predicts: bench_net --encoder resnet18 --size 128 --batch 8. Run it on a quiet
// machine; it prints the best and the median of some runs, and with --profile where the time of the last one went.
#include <argp.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/net/backend_onednn/backend_onednn.h"
#include "core/net/model.h"
#include "core/net/weights.h"

typedef struct arguments {
  pl_unet unet;
  const char *lockstep;  // "train" or "predict": only that, a step for each line of the input
  int size, batch, runs, threads;
  bool profile, peak;
} arguments;

enum { SIZE_MAX_ALLOWED = 4096 };

static const char *const program_names[2] = {"train", "predict"};

static bool number(const char *text, int low, int high, int *out) {
  char *end;
  long value = strtol(text, &end, 10);
  if (end == text || *end || value < low || value > high) return false;
  *out = (int)value;
  return true;
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  bool ok = true;
  switch (key) {
    case 'e': a->unet.encoder = arg; break;
    case 'A': a->unet.attention = arg; break;
    case 's': ok = number(arg, PL_SIDE_MULTIPLE, SIZE_MAX_ALLOWED, &a->size); break;
    case 'b': ok = number(arg, 1, 1024, &a->batch); break;
    case 'n': ok = number(arg, 1, 100000, &a->runs); break;
    case 't': ok = number(arg, 0, 4096, &a->threads); break;
    case 'p': a->profile = true; break;
    case 'f': a->peak = true; break;
    case 'l':
      a->lockstep = arg;
      if (strcmp(arg, program_names[0]) != 0 && strcmp(arg, program_names[1]) != 0)
        argp_error(state, "--lockstep takes train or predict, not \"%s\"", arg);
      break;
    default: return ARGP_ERR_UNKNOWN;
  }
  if (!ok) argp_error(state, "-%c takes a number in its range, not \"%s\"", key, arg);
  return 0;
}

static const struct argp_option options[] = {
    {"encoder", 'e', "NAME", 0, "Encoder of the network (resnet18)", 0},
    {"decoder-attention", 'A', "NAME", 0, "none or scse (none)", 0},
    {"size", 's', "PX", 0, "Side of the images (128)", 0},
    {"batch", 'b', "N", 0, "Images a step (8)", 0},
    {"runs", 'n', "N", 0, "Runs of each program after one to warm up (5)", 0},
    {"threads", 't', "N", 0, "Threads; 0 is all cores (0)", 0},
    {"profile", 'p', NULL, 0, "List the steps of the last run with their times", 0},
    {"lockstep", 'l', "PROGRAM", 0, "Run train or predict once for each line of the input and print its seconds", 0},
    {"peak", 'f', NULL, 0, "Only measure the machine: GFLOP/s of a loop of multiply-adds", 0},
    {0},
};

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void fill_inputs(void **inputs, const pl_graph *graph) {
  for (int32_t i = 0; i < graph->input_count; i++) {
    const pl_value *value = &graph->values[graph->inputs[i]];
    int64_t count = pl_shape_elements(&value->shape);
    float *data = pl_xcalloc((size_t)count, sizeof *data);
    for (int64_t j = 0; j < count; j++)
      data[j] = value->shape.d[1] == 1 ? (float)(j % 512 < 100) : (float)(j * 7919 % 1000) * 0.002f - 1;
    inputs[i] = data;
  }
}

static pl_status time_program(const arguments *a, const char *what, pl_program *program, const pl_graph *graph,
                              pl_error *err) {
  const pl_backend_api *api = &pl_backend_onednn;
  pl_clock clock = pl_clock_system();
  void *inputs[PL_GRAPH_PORTS_MAX];
  fill_inputs(inputs, graph);
  double *seconds = pl_xcalloc((size_t)a->runs + 1, sizeof *seconds);
  pl_controls controls = {.struct_size = sizeof controls, .learning_rate = 1e-4};
  pl_result result = {{0}};
  pl_status status = PL_OK;
  for (int i = 0; i <= a->runs && !status; i++) {
    double start = pl_clock_monotonic(&clock);
    status = api->input(program, i % PL_SLOTS, (const void *const *)inputs, err);
    if (!status) status = api->run(program, i % PL_SLOTS, &controls, &result, err);
    if (!status) status = api->wait(program, err);
    // The first run repacks weights and touches memory for the first time.
    seconds[i] = i == 0 ? 1e30 : pl_clock_monotonic(&clock) - start;
  }
  qsort(seconds, (size_t)a->runs + 1, sizeof *seconds, ascending);
  if (!status) {
    double best = seconds[0], median = seconds[a->runs / 2];
    printf("%-8s best %.3f s, median %.3f s a batch; %.2f images/s\n", what, best, median, a->batch / median);
    if (a->profile) {
      char *text = pl_onednn_describe(program);
      printf("%s", text);
      free(text);
    }
  }
  for (int32_t i = 0; i < graph->input_count; i++) free(inputs[i]);
  free(seconds);
  return status;
}

// The same for another process that sets the pace.
static pl_status follow_program(pl_program *program, const pl_graph *graph, pl_error *err) {
  const pl_backend_api *api = &pl_backend_onednn;
  pl_clock clock = pl_clock_system();
  void *inputs[PL_GRAPH_PORTS_MAX];
  char line[64];
  fill_inputs(inputs, graph);
  pl_controls controls = {.struct_size = sizeof controls, .learning_rate = 1e-4};
  pl_result result = {{0}};
  pl_status status = PL_OK;
  while (!status && fgets(line, sizeof line, stdin)) {
    double start = pl_clock_monotonic(&clock);
    status = api->input(program, 0, (const void *const *)inputs, err);
    if (!status) status = api->run(program, 0, &controls, &result, err);
    if (!status) status = api->wait(program, err);
    printf("%.6f\n", pl_clock_monotonic(&clock) - start);
    fflush(stdout);
  }
  for (int32_t i = 0; i < graph->input_count; i++) free(inputs[i]);
  return status;
}

static pl_status build(pl_graph *graph, pl_program **program, pl_store *store, const pl_model *model,
                       const arguments *a, pl_program_kind kind, pl_error *err) {
  pl_program_spec spec = pl_program_spec_default(kind, a->batch, a->size, a->size);
  spec.augment = false;
  pl_status status = pl_unet_graph(graph, model, &a->unet, &spec, err);
  return status ? status : pl_backend_onednn.compile(program, store, graph, err);
}

static pl_status bench(const arguments *a, pl_error *err) {
  const pl_backend_api *api = &pl_backend_onednn;
  pl_model model = {0};
  pl_graph graphs[2] = {{0}};
  pl_backend *backend = NULL;
  pl_store *store = NULL;
  pl_program *programs[2] = {NULL, NULL};
  pl_backend_options how = {.struct_size = sizeof how, .threads = a->threads, .deterministic = true, .tune = true};
  pl_status status = pl_unet_model(&model, &a->unet, err);
  if (!status) status = api->open(&backend, NULL, &how, err);
  if (!status) status = api->store_create(&store, backend, &model, NULL, err);
  if (!status) status = pl_weights_initialise(api, store, &model, 1, err);
  const pl_program_kind kinds[2] = {PL_PROGRAM_STEP, PL_PROGRAM_PREDICT};
  for (int i = 0; i < 2 && !status; i++)
    if (!a->lockstep || strcmp(a->lockstep, program_names[i]) == 0)
      status = build(&graphs[i], &programs[i], store, &model, a, kinds[i], err);
  if (!status) status = api->arena_reserve(store, err);
  if (!status && a->lockstep) {
    printf("%s\n", api->device(backend));
    fflush(stdout);
    int i = programs[0] ? 0 : 1;
    status = follow_program(programs[i], &graphs[i], err);
  } else if (!status) {
    pl_memory memory = api->memory(store);
    printf("%s\n%s, %d pixels, batch %d; store %.0f MB, arena %.0f MB, other %.0f MB\n", api->device(backend),
           a->unet.encoder, a->size, a->batch, (double)memory.store * 1e-6, (double)memory.arena * 1e-6,
           (double)memory.other * 1e-6);
    for (int i = 0; i < 2 && !status; i++) status = time_program(a, program_names[i], programs[i], &graphs[i], err);
  }
  for (int i = 0; i < 2; i++) {
    api->program_destroy(programs[i]);
    pl_graph_clear(&graphs[i]);
  }
  api->store_destroy(store);
  api->close(backend);
  pl_model_clear(&model);
  return status;
}

// Twelve chains of multiply-adds a thread, enough to hide their latency; the compiler turns them into the machine's
// fused instruction where there is one. Returns the number of operations.
typedef float vec32 __attribute__((vector_size(32)));
typedef float vec64 __attribute__((vector_size(64)));
enum { CHAINS = 12, ROUNDS = 4000000 };

__attribute__((target("arch=haswell"))) static double multiply_adds_32(volatile float *sink) {
  vec32 sums[CHAINS] = {{0}}, factor = {0.5f};
  for (int i = 0; i < ROUNDS; i++)
#pragma GCC unroll 12
    for (int c = 0; c < CHAINS; c++) sums[c] = sums[c] * factor + factor;
  for (int c = 0; c < CHAINS; c++) *sink += sums[c][0];
  return 2.0 * CHAINS * ROUNDS * 8;
}

__attribute__((target("avx512f"))) static double multiply_adds_64(volatile float *sink) {
  vec64 sums[CHAINS] = {{0}}, factor = {0.5f};
  for (int i = 0; i < ROUNDS; i++)
#pragma GCC unroll 12
    for (int c = 0; c < CHAINS; c++) sums[c] = sums[c] * factor + factor;
  for (int c = 0; c < CHAINS; c++) *sink += sums[c][0];
  return 2.0 * CHAINS * ROUNDS * 16;
}

static double machine_peak(int threads) {
  pl_clock clock = pl_clock_system();
  double best = 0;
  bool wide = __builtin_cpu_supports("avx512f");
  int used = threads > 0 ? threads : omp_get_max_threads();
  for (int i = 0; i < 10; i++) {
    double start = pl_clock_monotonic(&clock), operations = 0;
#pragma omp parallel num_threads(used) reduction(+ : operations)
    {
      volatile float sink = 0;
      operations += wide ? multiply_adds_64(&sink) : multiply_adds_32(&sink);
    }
    double rate = operations / (pl_clock_monotonic(&clock) - start) * 1e-9;
    if (rate > best) best = rate;
  }
  return best;
}

int main(int argc, char **argv) {
  arguments a = {.unet = {.encoder = "resnet18"}, .size = 128, .batch = 8, .runs = 5};
  const struct argp argp = {options, parse, NULL, "Times training and prediction on the CPU backend.",
                            NULL,    NULL,  NULL};
  if (argp_parse(&argp, argc, argv, 0, NULL, &a)) return 2;
  pl_error err = {0};
  if (a.peak) {
    printf("%.1f GFLOP/s\n", machine_peak(a.threads));
    return 0;
  }
  if (bench(&a, &err) == PL_OK) return 0;
  fprintf(stderr, "bench_net: %s\n", err.message);
  return pl_status_exit_code(err.code);
}
