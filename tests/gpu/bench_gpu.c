// How fast a backend trains and predicts, for tests/gpu.sh: a JSON line with the median of many steps. Each step's
// batch arrives while the one before computes, as in training; a step is what lies between two results.
//   bench_gpu [--backend NAME|PATH] [--precision NAME] [--encoder NAME] [--program train|predict] [--batch N] [--size
//   PX]
//             [--steps N] [--rule] [--choices FILE] [--losses]
// --losses: the losses of the reference's fixed batch instead, one a line, to be compared with PyTorch's. --choices:
// writes there what was chosen by timing, with the times.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/net/golden_fill.h"
#include "core/net/model.h"
#include "core/net/registry.h"

enum { SEED_WEIGHTS = 1, SEED_DATA = 7, OPTION_RULE = 256, OPTION_CHOICES, OPTION_LOSSES };

typedef struct arguments {
  const char *backend, *precision, *encoder, *program, *choices;
  int batch, size, steps;
  bool rule, losses;
} arguments;

typedef struct bench {
  const arguments *a;
  const pl_backend_api *api;
  pl_backend *backend;
  pl_model model;
  pl_graph graph;
  pl_store *store;
  pl_program *program;
  void *inputs[PL_GRAPH_PORTS_MAX];
  double loss[PL_LOSS_VALUES];
  pl_result result;
  double compile_seconds;
} bench;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  int *number = key == 'b' ? &a->batch : key == 's' ? &a->size : key == 'n' ? &a->steps : NULL;
  if (number != NULL) {
    char *end;
    long value = strtol(arg, &end, 10);
    if (end == arg || *end != '\0' || value < 1 || value > 100000) argp_error(state, "'%s' is no such number", arg);
    *number = (int)value;
    return 0;
  }
  switch (key) {
    case 'B': a->backend = arg; return 0;
    case 'p': a->precision = arg; return 0;
    case 'e': a->encoder = arg; return 0;
    case 'P': a->program = arg; return 0;
    case OPTION_RULE: a->rule = true; return 0;
    case OPTION_CHOICES: a->choices = arg; return 0;
    case OPTION_LOSSES: a->losses = true; return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option options[] = {
    {.name = "backend", .key = 'B', .arg = "NAME", .doc = "A backend, or a plug-in's path (cuda)"},
    {.name = "precision", .key = 'p', .arg = "NAME", .doc = "f32, f16 or bf16 (f16)"},
    {.name = "encoder", .key = 'e', .arg = "NAME", .doc = "Encoder of the network (se_resnext50_32x4d)"},
    {.name = "program", .key = 'P', .arg = "NAME", .doc = "train or predict (train)"},
    {.name = "batch", .key = 'b', .arg = "N", .doc = "Images a step (8)"},
    {.name = "size", .key = 's', .arg = "PX", .doc = "Side of the images (512)"},
    {.name = "steps", .key = 'n', .arg = "N", .doc = "Steps after 5 to warm up (100)"},
    {.name = "rule", .key = OPTION_RULE, .doc = "Choose engines by rule, not by timing"},
    {.name = "choices", .key = OPTION_CHOICES, .arg = "FILE", .doc = "Write what was chosen"},
    {.name = "losses", .key = OPTION_LOSSES, .doc = "Print the losses of the reference's batch"},
    {0},
};

static pl_status fill_weights(bench *b, pl_error *err) {
  pl_status status = PL_OK;
  for (int32_t i = 0; i < b->model.state_count && !status; i++) {
    const pl_tensor *tensor = &b->model.tensors[i];
    if (tensor->dtype != PL_F32) continue;
    float *data = pl_xcalloc((size_t)pl_shape_elements(&tensor->shape), sizeof *data);
    pl_golden_tensor(data, &b->model, i, SEED_WEIGHTS);
    status = b->api->upload(b->store, i, PL_F32, data, err);
    free(data);
  }
  return status;
}

// The reference's batch, or with augmentation a picture's grey levels, a mask, and a turn by some degrees.
static void fill_inputs(bench *b) {
  const arguments *a = b->a;
  for (int32_t i = 0; i < b->graph.input_count; i++) {
    const pl_value *value = &b->graph.values[b->graph.inputs[i]];
    b->inputs[i] = pl_xcalloc((size_t)pl_shape_elements(&value->shape), pl_dtype_size(value->dtype));
  }
  if (a->losses) {
    pl_golden_batch(b->inputs[0], b->inputs[1], SEED_DATA, 0, a->batch, a->size, a->size);
    return;
  }
  int64_t pixels = (int64_t)a->batch * a->size * a->size;
  uint8_t *image = b->inputs[0], *mask = b->inputs[1];
  double *parameters = b->inputs[2];
  for (int64_t i = 0; i < pixels; i++) {
    image[i] = (uint8_t)(i * 7919 % 251);
    mask[i] = i % a->size < a->size / 5 ? 255 : 0;
  }
  for (int i = 0; i < a->batch; i++) {
    const double row[PL_AUGMENT_VALUES] = {0.995, -0.1, 3, 0.1, 0.995, -3, 1, 0};
    memcpy(parameters + i * PL_AUGMENT_VALUES, row, sizeof row);
  }
}

static pl_status set_up(bench *b, pl_error *err) {
  const arguments *a = b->a;
  const pl_unet unet = {.encoder = a->encoder};
  const bool train = strcmp(a->program, "train") == 0;
  pl_program_spec spec =
      pl_program_spec_default(train ? PL_PROGRAM_STEP : PL_PROGRAM_PREDICT, a->batch, a->size, a->size);
  spec.augment = !a->losses;
  pl_clock clock = pl_clock_system();
  double start = pl_clock_monotonic(&clock);
  pl_status status = pl_unet_model(&b->model, &unet, err);
  if (!status) status = pl_unet_graph(&b->graph, &b->model, &unet, &spec, err);
  if (!status) status = b->api->store_create(&b->store, b->backend, &b->model, NULL, err);
  if (!status) status = fill_weights(b, err);
  if (!status) status = b->api->compile(&b->program, b->store, &b->graph, err);
  if (!status) status = b->api->arena_reserve(b->store, err);
  b->compile_seconds = pl_clock_monotonic(&clock) - start;
  if (status) return status;
  fill_inputs(b);
  if (train) b->result.data[0] = b->loss;
  return PL_OK;
}

static pl_status start(bench *b, int step, pl_error *err) {
  const pl_controls controls = {.struct_size = sizeof controls, .learning_rate = 1e-4};
  return b->api->run(b->program, step % PL_SLOTS, &controls, &b->result, err);
}

static pl_status arrive(bench *b, int step, pl_error *err) {
  return b->api->input(b->program, step % PL_SLOTS, (const void *const *)b->inputs, err);
}

static pl_status print_losses(bench *b, pl_error *err) {
  pl_status status = PL_OK;
  for (int step = 0; step < b->a->steps && !status; step++) {
    status = arrive(b, step, err);
    if (!status) status = start(b, step, err);
    if (!status) status = b->api->wait(b->program, err);
    if (!status) printf("%.9g\n", b->loss[PL_LOSS_TOTAL]);
  }
  return status;
}

static int ascending(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

static void print_line(const bench *b, double *seconds) {
  const arguments *a = b->a;
  const pl_memory memory = b->api->memory(b->store);
  const size_t n = (size_t)a->steps;
  qsort(seconds, n, sizeof *seconds, ascending);
  printf(
      "{\"name\":\"%s %s b%d %d\",\"backend\":\"%s\",\"device\":\"%s\",\"encoder\":\"%s\",\"steps\":%d,"
      "\"ms_median\":%.4f,\"ms_p10\":%.4f,\"ms_p90\":%.4f,\"memory_MiB\":%.0f,\"setup_s\":%.1f,\"loss\":%.6g}\n",
      a->program, a->precision, a->batch, a->size, b->api->name, b->api->device(b->backend), a->encoder, a->steps,
      1e3 * seconds[n / 2], 1e3 * seconds[n / 10], 1e3 * seconds[n * 9 / 10],
      (double)(memory.store + memory.arena + memory.other) / 1048576, b->compile_seconds, b->loss[PL_LOSS_TOTAL]);
}

static pl_status time_steps(bench *b, pl_error *err) {
  enum { WARM = 5 };
  pl_clock clock = pl_clock_system();
  double *seconds = pl_xcalloc((size_t)b->a->steps, sizeof *seconds), last = 0;
  pl_status status = arrive(b, 0, err);
  for (int step = 0; step < WARM + b->a->steps && !status; step++) {
    status = start(b, step, err);
    if (!status) status = arrive(b, step + 1, err);
    if (!status) status = b->api->wait(b->program, err);
    double now = pl_clock_monotonic(&clock);
    if (step >= WARM) seconds[step - WARM] = now - last;
    last = now;
  }
  if (!status) print_line(b, seconds);
  free(seconds);
  return status;
}

static pl_status write_choices(const bench *b, pl_error *err) {
  if (b->a->choices == NULL) return PL_OK;
  FILE *file = fopen(b->a->choices, "we");
  if (file == NULL) return pl_fail(err, PL_E_IO, "cannot write %s", b->a->choices);
  fputs(b->api->choices(b->store), file);
  return fclose(file) == 0 ? PL_OK : pl_fail(err, PL_E_IO, "cannot write %s", b->a->choices);
}

static pl_status open_backend(bench *b, pl_registry *registry, pl_error *err) {
  const arguments *a = b->a;
  const char *name = a->backend;
  const pl_backend_options how = {
      .struct_size = sizeof how, .deterministic = true, .tune = !a->rule, .precision = pl_precision_find(a->precision)};
  if (name[0] == '/') {
    pl_status status = pl_registry_load(registry, name, err);
    if (status) return status;
    name = pl_registry_at(registry, pl_registry_count(registry) - 1)->name;
  }
  return pl_registry_open(&b->backend, &b->api, registry, name, &how, NULL, 0, err);
}

static void tear_down(bench *b) {
  if (b->program != NULL) b->api->program_destroy(b->program);
  if (b->store != NULL) b->api->store_destroy(b->store);
  if (b->backend != NULL) b->api->close(b->backend);
  for (int i = 0; i < PL_GRAPH_PORTS_MAX; i++) free(b->inputs[i]);
  pl_graph_clear(&b->graph);
  pl_model_clear(&b->model);
}

int main(int argc, char **argv) {
  arguments a = {.backend = "cuda",
                 .precision = "f16",
                 .encoder = "se_resnext50_32x4d",
                 .program = "train",
                 .batch = 8,
                 .size = 512,
                 .steps = 100};
  const struct argp parser = {.options = options, .parser = parse, .doc = "Times a backend's steps."};
  if (argp_parse(&parser, argc, argv, 0, NULL, &a) != 0) return 2;
  pl_error err = {0};
  bench b = {.a = &a};
  pl_registry *registry = pl_registry_create(NULL);
  pl_status status = open_backend(&b, registry, &err);
  if (!status) status = set_up(&b, &err);
  if (!status) status = a.losses ? print_losses(&b, &err) : time_steps(&b, &err);
  if (!status) status = write_choices(&b, &err);
  tear_down(&b);
  pl_registry_destroy(registry);
  if (!status) return 0;
  fprintf(stderr, "bench_gpu: %s\n", err.message);
  return pl_status_exit_code(status);
}
