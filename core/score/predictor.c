#include "core/score/predictor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/data/loader.h"
#include "core/net/model.h"
#include "core/train/checkpoint.h"

enum { PREFETCH = 3, BATCHES_A_PART = 8 };

static const size_t sum_bytes_default = (size_t)256 << 20;

struct pl_predictor {
  const pl_backend_api *api;
  const pl_manifest *manifest;
  pl_model model;
  pl_store *store;
  pl_program *program;
  pl_loader *loader;
  pl_predictor_options options;
  size_t plane, batch, part;  // pixels of an image, images of a batch, images whose sums are kept
  uint8_t *image, *no_mask;   // of a batch
  pl_augmentation *straight, *mirrored;
  float *probabilities, *sums;
  size_t loaded;                    // which checkpoint the store holds, from 1; 0 for none
  size_t done, total;               // images through the network
  const pl_predictor_hooks *hooks;  // of the run under way
};

static pl_status compile(pl_predictor *p, const pl_predictor_options *o, pl_backend *backend, pl_error *err) {
  const pl_unet unet = {.encoder = o->encoder, .attention = o->attention, .inference = true};
  pl_status status = pl_unet_model(&p->model, &unet, err);
  if (status == PL_OK) status = p->api->store_create(&p->store, backend, &p->model, NULL, err);
  if (status != PL_OK) return status;
  pl_graph graph = {0};
  const pl_program_spec spec =
      pl_program_spec_default(PL_PROGRAM_PREDICT, o->batch, (int32_t)o->size, (int32_t)o->size);
  status = pl_unet_graph(&graph, &p->model, &unet, &spec, err);
  if (status != PL_OK) return status;
  status = p->api->compile(&p->program, p->store, &graph, err);
  pl_graph_clear(&graph);
  return status == PL_OK ? p->api->arena_reserve(p->store, err) : status;
}

static pl_status allocate(pl_predictor *p, pl_error *err) {
  const size_t most = p->options.sum_bytes > 0 ? p->options.sum_bytes : sum_bytes_default;
  const size_t fitting = most / (p->plane * sizeof(float)) / p->batch * p->batch;
  p->part = fitting > p->batch ? fitting : p->batch;
  p->image = pl_try_alloc(p->batch * p->plane);
  p->no_mask = pl_try_alloc(p->batch * p->plane);
  p->probabilities = pl_try_alloc(p->batch * p->plane * sizeof *p->probabilities);
  p->sums = pl_try_alloc(p->part * p->plane * sizeof *p->sums);
  p->straight = pl_xcalloc(p->batch, sizeof *p->straight);
  p->mirrored = pl_xcalloc(p->batch, sizeof *p->mirrored);
  if (p->image == NULL || p->no_mask == NULL || p->probabilities == NULL || p->sums == NULL) {
    return pl_fail(err, PL_E_NOMEM, "no memory for the maps of %zu images of %u pixels", p->part, p->options.size);
  }
  memset(p->no_mask, 0, p->batch * p->plane);
  for (size_t i = 0; i < p->batch; i++) {
    p->straight[i] = p->mirrored[i] = pl_augment_identity();
    pl_augment_flip(&p->mirrored[i], p->options.size);
  }
  return PL_OK;
}

pl_status pl_predictor_create(pl_predictor **out, const pl_backend_api *api, pl_backend *backend,
                              const pl_manifest *manifest, const pl_predictor_options *options, pl_error *err) {
  pl_predictor *p = pl_xcalloc(1, sizeof *p);
  p->api = api;
  p->manifest = manifest;
  p->options = *options;
  p->plane = (size_t)options->size * options->size;
  p->batch = (size_t)options->batch;
  const pl_loader_options reading = {.size = options->size,
                                     .batch = p->batch,
                                     .workers = options->workers,
                                     .prefetch = PREFETCH,
                                     .pack = options->pack};
  pl_status status = compile(p, options, backend, err);
  if (status == PL_OK) status = allocate(p, err);
  if (status == PL_OK) status = pl_loader_create(&p->loader, manifest, &reading, err);
  p->options.encoder = p->options.attention = NULL;  // were borrowed
  if (status != PL_OK) {
    pl_predictor_destroy(p);
    return status;
  }
  *out = p;
  return PL_OK;
}

void pl_predictor_destroy(pl_predictor *p) {
  if (p == NULL) return;
  pl_loader_destroy(p->loader);
  p->api->program_destroy(p->program);
  p->api->store_destroy(p->store);
  pl_model_clear(&p->model);
  free(p->image);
  free(p->no_mask);
  free(p->probabilities);
  free(p->sums);
  free(p->straight);
  free(p->mirrored);
  free(p);
}

static pl_status run(pl_predictor *p, const pl_augmentation *augmentations, pl_error *err) {
  const void *const inputs[] = {p->image, p->no_mask, augmentations};
  const pl_controls controls = {.struct_size = sizeof controls};
  pl_result result = {.data = {p->probabilities}};
  pl_status status = p->api->input(p->program, 0, inputs, err);
  if (status == PL_OK) status = p->api->run(p->program, 0, &controls, &result, err);
  return status == PL_OK ? p->api->wait(p->program, err) : status;
}

static void add(float *sum, const float *map, size_t plane) {
  for (size_t i = 0; i < plane; i++) sum[i] += map[i];
}

static void add_mirrored(float *sum, const float *map, size_t side) {
  for (size_t y = 0; y < side; y++) {
    for (size_t x = 0; x < side; x++) sum[y * side + x] += map[y * side + side - 1 - x];
  }
}

// Adds a batch's probabilities to the sums of its images. The program takes full batches: what is missing in a last one
// is filled with its last image.
static pl_status add_batch(pl_predictor *p, const pl_batch *batch, float *sums, pl_error *err) {
  for (size_t i = 0; i < p->batch; i++) {
    const size_t from = i < batch->count ? i : batch->count - 1;
    memcpy(p->image + i * p->plane, batch->image + from * p->plane, p->plane);
  }
  pl_status status = run(p, p->straight, err);
  for (size_t i = 0; i < batch->count && status == PL_OK; i++) {
    add(sums + i * p->plane, p->probabilities + i * p->plane, p->plane);
  }
  if (status != PL_OK || !p->options.flip) return status;
  status = run(p, p->mirrored, err);
  for (size_t i = 0; i < batch->count && status == PL_OK; i++) {
    add_mirrored(sums + i * p->plane, p->probabilities + i * p->plane, p->options.size);
  }
  return status;
}

// Adds what one checkpoint makes of the cases to the sums.
static pl_status add_checkpoint(pl_predictor *p, const char *path, size_t number, const size_t *cases, size_t count,
                                pl_error *err) {
  const pl_checkpoint_source target = {.api = p->api, .store = p->store, .model = &p->model};
  pl_status status = PL_OK;
  if (p->loaded != number) status = pl_checkpoint_load_weights(&target, path, err);
  if (status != PL_OK) return status;
  p->loaded = number;
  const pl_loader_pass pass = {.order = cases, .count = count};
  status = pl_loader_start(p->loader, &pass, err);
  for (size_t at = 0; at < count && status == PL_OK;) {
    const pl_batch *batch = NULL;
    status = pl_loader_next(p->loader, &batch, err);
    if (status == PL_OK) status = add_batch(p, batch, p->sums + at * p->plane, err);
    if (status != PL_OK) break;
    at += batch->count;
    p->done += batch->count;
    if (p->hooks->progress != NULL) status = p->hooks->progress(p->hooks->context, p->done, p->total, err);
  }
  return status;
}

// The sums become averages.
static pl_status divide(pl_predictor *p, size_t terms, const size_t *cases, size_t count, pl_error *err) {
  for (size_t i = 0; i < count; i++) {
    float *map = p->sums + i * p->plane;
    for (size_t k = 0; k < p->plane; k++) {
      if (!isfinite(map[k])) {
        return pl_fail(err, PL_E_FORMAT, "the network makes no number of case #%u: its weights are damaged",
                       (unsigned)p->manifest->cases[cases[i]].number);
      }
      map[k] = (float)((double)map[k] / (double)terms);
    }
  }
  return PL_OK;
}

pl_status pl_predictor_run(pl_predictor *p, const char *const *checkpoints, size_t checkpoint_count,
                           const size_t *cases, size_t count, const pl_predictor_hooks *hooks, pl_error *err) {
  const size_t terms = checkpoint_count * (p->options.flip ? 2 : 1);
  p->loaded = p->done = 0;
  p->total = count * checkpoint_count;
  p->hooks = hooks;
  // With one checkpoint nothing is gained by large parts, and less is lost when somebody stops it.
  const size_t few = BATCHES_A_PART * p->batch, most = checkpoint_count == 1 && few < p->part ? few : p->part;
  pl_status status = PL_OK;
  for (size_t first = 0; first < count && status == PL_OK; first += most) {
    const size_t part = count - first < most ? count - first : most;
    memset(p->sums, 0, part * p->plane * sizeof *p->sums);
    for (size_t k = 0; k < checkpoint_count && status == PL_OK; k++) {
      status = add_checkpoint(p, checkpoints[k], k + 1, cases + first, part, err);
    }
    if (status == PL_OK) status = divide(p, terms, cases + first, part, err);
    if (status == PL_OK) status = hooks->predicted(hooks->context, cases + first, p->sums, part, err);
  }
  return status;
}
