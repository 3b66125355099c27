// pleura golden: one case of the PyTorch reference's rule, for comparing numbers. Not in the overview: it is for tests.
#include <argp.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/net/golden.h"
#include "core/net/registry.h"
#include "core/net/weights.h"
#include "tui/cli/cli.h"

enum {
  OPTION_SEED_WEIGHTS = 256,
  OPTION_SEED_DATA,
  OPTION_BATCH,
  OPTION_HEIGHT,
  OPTION_WIDTH,
  OPTION_STEPS,
  OPTION_FRESH,
  OPTION_JSON,
  OPTION_ENCODER,
  OPTION_ATTENTION,
  OPTION_BACKEND,
  OPTION_THREADS,
  OPTION_WEIGHTS,
  OPTION_SAVE,
  OPTION_LOGITS
};

typedef struct arguments {
  pl_golden_case what;
  int32_t steps, threads;
  bool json, all_logits;
  const char *backend, *save;
} arguments;

// What was computed, to be printed once all of it is there.
typedef struct outcome {
  double *losses, *gradients;  // by step; by tensor of the state dict, NAN for buffers
  double *first, *inference;   // logits of step 0, and with running statistics before it
} outcome;

static uint64_t number(const char *text, uint64_t least, uint64_t most, struct argp_state *state) {
  uint64_t value = 0;
  if (!pl_parse_u64(&value, text, strlen(text)) || value < least || value > most) {
    argp_error(state, "'%s' is not a whole number from %llu to %llu", text, (unsigned long long)least,
               (unsigned long long)most);
  }
  return value;
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case OPTION_SEED_WEIGHTS: a->what.seed_weights = number(arg, 0, UINT64_MAX, state); return 0;
    case OPTION_SEED_DATA: a->what.seed_data = number(arg, 0, UINT64_MAX, state); return 0;
    case OPTION_BATCH: a->what.batch = (int32_t)number(arg, 1, 1024, state); return 0;
    case OPTION_HEIGHT: a->what.height = (int32_t)number(arg, 1, 8192, state); return 0;
    case OPTION_WIDTH: a->what.width = (int32_t)number(arg, 1, 8192, state); return 0;
    case OPTION_STEPS: a->steps = (int32_t)number(arg, 0, 100000, state); return 0;
    case OPTION_THREADS: a->threads = (int32_t)number(arg, 0, 4096, state); return 0;
    case OPTION_FRESH: a->what.fresh_batches = true; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case OPTION_LOGITS: a->all_logits = true; return 0;
    case OPTION_ENCODER: a->what.unet.encoder = arg; return 0;
    case OPTION_ATTENTION: a->what.unet.attention = arg; return 0;
    case OPTION_BACKEND: a->backend = arg; return 0;
    case OPTION_WEIGHTS: a->what.weights = arg; return 0;
    case OPTION_SAVE: a->save = arg; return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is one word too many", arg); return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static pl_status compute(outcome *out, pl_golden *g, const arguments *a, pl_error *err) {
  size_t pixels = pl_golden_pixels(g);
  out->losses = pl_xcalloc((size_t)a->steps + 1, sizeof *out->losses);
  out->gradients = pl_xcalloc((size_t)g->model.state_count, sizeof *out->gradients);
  out->first = pl_xcalloc(pixels, sizeof *out->first);
  out->inference = pl_xcalloc(pixels, sizeof *out->inference);
  pl_status status = a->all_logits ? pl_golden_evaluate(g, out->inference, err) : PL_OK;
  for (int32_t step = 0; status == PL_OK && step < a->steps; step++) {
    double loss[PL_LOSS_VALUES] = {0};
    status = pl_golden_step(g, step, loss, step == 0 ? out->first : NULL, err);
    out->losses[step] = loss[PL_LOSS_TOTAL];
    for (int32_t i = 0; status == PL_OK && step == 0 && i < g->model.state_count; i++) {
      int32_t gradient = pl_model_find_of(&g->model, PL_ROLE_GRADIENT, i);
      out->gradients[i] = gradient >= 0 ? pl_golden_norm(g, gradient) : (double)NAN;
    }
  }
  if (status == PL_OK && a->save != NULL) {
    status = pl_weights_save(a->save, g->api, g->store, &g->model, PL_WEIGHTS_STATE_DICT, NULL, err);
  }
  return status;
}

// JSON has no word for what is not finite.
static void print_number(double value) {
  if (isfinite(value)) {
    printf("%.17g", value);
  } else {
    printf("\"%s\"", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
  }
}

static void print_list(const char *name, const double *values, size_t count) {
  printf(",\"%s\":[", name);
  for (size_t i = 0; i < count; i++) {
    if (i > 0) printf(",");
    print_number(values[i]);
  }
  printf("]");
}

static void print_json(const outcome *o, const pl_golden *g, const arguments *a) {
  size_t pixels = pl_golden_pixels(g);
  printf("{\"backend\":\"%s\",\"encoder\":\"%s\",\"decoder_attention\":\"%s\"", g->api->name, g->what.unet.encoder,
         g->what.unet.attention);
  print_list("losses", o->losses, (size_t)a->steps);
  printf(",\"grad_l2\":{");
  const char *comma = "";
  for (int32_t i = 0; a->steps > 0 && i < g->model.state_count; i++) {
    if (g->model.tensors[i].role != PL_ROLE_PARAMETER) continue;
    printf("%s\"%s\":", comma, g->model.tensors[i].name);
    print_number(o->gradients[i]);
    comma = ",";
  }
  printf("}");
  print_list("logits_first8", o->first, a->steps > 0 ? PL_GOLDEN_FIRST_LOGITS : 0);
  if (a->all_logits) print_list("logits", o->first, a->steps > 0 ? pixels : 0);
  if (a->all_logits) print_list("logits_inference", o->inference, pixels);
  printf("}\n");
}

static pl_status run(const arguments *a, pl_error *err) {
  const pl_backend_api *api = NULL;
  pl_backend *backend = NULL;
  const pl_backend_options how = {.struct_size = sizeof how, .threads = a->threads, .deterministic = true};
  pl_registry *registry = pl_registry_create(NULL);
  pl_golden golden = {.api = NULL};
  outcome o = {.losses = NULL};
  pl_status status = pl_registry_open(&backend, &api, registry, a->backend, &how, NULL, 0, err);
  if (status == PL_OK) status = pl_golden_init(&golden, api, backend, &a->what, err);
  if (status == PL_OK) status = compute(&o, &golden, a, err);
  if (status == PL_OK && a->json) print_json(&o, &golden, a);
  for (int32_t step = 0; status == PL_OK && !a->json && step < a->steps; step++) {
    printf("step %d  loss %.9g\n", (int)step, o.losses[step]);
  }
  free(o.losses);
  free(o.gradients);
  free(o.first);
  free(o.inference);
  pl_golden_clear(&golden);
  if (backend != NULL) api->close(backend);
  pl_registry_destroy(registry);
  return status;
}

static const struct argp_option options[] = {
    {.name = "seed-weights", .key = OPTION_SEED_WEIGHTS, .arg = "N", .doc = "Seed of the weights (1)"},
    {.name = "seed-data", .key = OPTION_SEED_DATA, .arg = "N", .doc = "Seed of the batches (7)"},
    {.name = "batch", .key = OPTION_BATCH, .arg = "N", .doc = "Images in a batch (2)"},
    {.name = "height", .key = OPTION_HEIGHT, .arg = "PX", .doc = "Of the images, a multiple of 32 (64)"},
    {.name = "width", .key = OPTION_WIDTH, .arg = "PX", .doc = "The same (64)"},
    {.name = "steps", .key = OPTION_STEPS, .arg = "N", .doc = "Training steps with Adam, learning rate 1e-4 (20)"},
    {.name = "fresh-batches", .key = OPTION_FRESH, .doc = "Another batch each step, instead of the same"},
    {.name = "json", .key = OPTION_JSON, .doc = "Print one JSON object: losses, grad_l2, logits_first8"},
    {.name = "encoder", .key = OPTION_ENCODER, .arg = "NAME", .doc = "se_resnext50_32x4d without it"},
    {.name = "decoder-attention", .key = OPTION_ATTENTION, .arg = "NAME", .doc = "none or scse (none)"},
    {.name = "backend", .key = OPTION_BACKEND, .arg = "NAME", .doc = "ref, onednn, ... (auto)"},
    {.name = "threads", .key = OPTION_THREADS, .arg = "N", .doc = "0 is as many as there are (0)"},
    {.name = "weights",
     .key = OPTION_WEIGHTS,
     .arg = "FILE",
     .doc = "Start from this state dict instead of the rule's"},
    {.name = "save-weights", .key = OPTION_SAVE, .arg = "FILE", .doc = "Write the state dict after the last step"},
    {.name = "all-logits",
     .key = OPTION_LOGITS,
     .doc = "Also the logits of step 0 in full, and before it those of inference with running statistics"},
    {0},
};

int pl_cli_golden(int argc, char **argv) {
  static const struct argp parser = {
      .options = options,
      .parser = parse,
      .doc =
          "Computes a case of the rule by which pleura is compared with PyTorch: weights and batches are functions of "
          "two seeds.",
  };
  arguments a = {.what = {.unet = {.encoder = "se_resnext50_32x4d", .attention = "none"},
                          .seed_weights = 1,
                          .seed_data = 7,
                          .batch = 2,
                          .height = 64,
                          .width = 64},
                 .steps = 20,
                 .backend = "auto"};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  return run(&a, &err) == PL_OK ? 0 : pl_cli_report("golden", &err);
}
