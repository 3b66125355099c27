// Making a trainer: subsets, network, programs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/base/str.h"
#include "core/net/model.h"
#include "core/net/weights.h"
#include "core/train/trainer_private.h"

static pl_status make_set(pl_train_set *set, const pl_trainer *t, const pl_feed_options *options, pl_error *err) {
  pl_status status = pl_feed_create(&set->feed, t->manifest, options, err);
  if (status != PL_OK) return status;
  set->batch = (int32_t)pl_feed_batch(set->feed);
  return PL_OK;
}

static pl_status make_sets(pl_trainer *t, pl_error *err) {
  pl_feed_options valid = t->options.feed;
  valid.subset = PL_SUBSET_VALID;
  valid.batch = (size_t)t->options.valid_batch;
  pl_status status = make_set(&t->train, t, &t->options.feed, err);
  return status == PL_OK ? make_set(&t->valid, t, &valid, err) : status;
}

static pl_program_spec spec_of(const pl_trainer_options *o, const pl_train_request *request) {
  pl_program_spec spec =
      pl_program_spec_default(request->kind, request->batch, (int32_t)o->feed.size, (int32_t)o->feed.size);
  spec.augment = true;
  memcpy(spec.loss_weights, o->loss_weights, sizeof spec.loss_weights);
  spec.momentum = o->momentum;
  spec.nesterov = o->nesterov;
  spec.weight_decay = o->weight_decay;
  spec.clip_norm = o->clip_norm;
  return spec;
}

pl_unet pl_train_unet(const pl_trainer_options *o) {
  return (pl_unet){
      .encoder = o->encoder, .attention = o->attention, .optimizer = o->optimizer, .freeze_encoder = o->freeze_encoder};
}

pl_status pl_train_graph(pl_graph *out, const pl_model *model, const pl_trainer_options *options,
                         const pl_train_request *request, pl_error *err) {
  pl_program_spec spec = spec_of(options, request);
  const pl_unet unet = pl_train_unet(options);
  return pl_unet_graph(out, model, &unet, &spec, err);
}

void pl_train_list(pl_train_request out[PL_TRAIN_PROGRAMS], const pl_trainer_options *options,
                   const pl_train_counts *counts) {
  int32_t batch = counts->train_batch, last = (int32_t)(counts->train % batch);
  int32_t valid = counts->valid_batch, valid_last = (int32_t)(counts->valid % valid);
  bool fused = options->accumulation == 1, several = !fused;
  const pl_train_request all[PL_TRAIN_PROGRAMS] = {
      [PL_TRAIN_STEP] = {PL_PROGRAM_STEP, fused ? batch : 0},
      [PL_TRAIN_STEP_LAST] = {PL_PROGRAM_STEP, fused ? last : 0},
      [PL_TRAIN_OVERWRITE] = {PL_PROGRAM_ACCUMULATE, several ? batch : 0},
      [PL_TRAIN_OVERWRITE_LAST] = {PL_PROGRAM_ACCUMULATE, several ? last : 0},
      [PL_TRAIN_ADD] = {PL_PROGRAM_ACCUMULATE_ADD, several ? batch : 0},
      [PL_TRAIN_ADD_LAST] = {PL_PROGRAM_ACCUMULATE_ADD, several ? last : 0},
      [PL_TRAIN_UPDATE] = {PL_PROGRAM_UPDATE, several ? batch : 0},
      [PL_TRAIN_EVALUATE] = {PL_PROGRAM_EVALUATE, valid},
      [PL_TRAIN_EVALUATE_LAST] = {PL_PROGRAM_EVALUATE, valid_last},
  };
  memcpy(out, all, sizeof all);
}

static pl_status compile(pl_program **out, const pl_trainer *t, const pl_train_request *request, pl_error *err) {
  pl_graph graph = {0};
  pl_status status = pl_train_graph(&graph, &t->model, &t->options, request, err);
  if (status != PL_OK) return status;
  status = t->api->compile(out, t->store, &graph, err);
  pl_graph_clear(&graph);
  return status;
}

static pl_status count_nodes(int64_t before[PL_TRAIN_PROGRAMS + 1], const pl_trainer *t,
                             const pl_train_request requests[PL_TRAIN_PROGRAMS], pl_error *err) {
  for (int i = 0; i < PL_TRAIN_PROGRAMS; i++) {
    before[i + 1] = before[i];
    if (requests[i].batch == 0) continue;
    pl_graph graph = {0};
    pl_status status = pl_train_graph(&graph, &t->model, &t->options, &requests[i], err);
    if (status != PL_OK) return status;
    before[i + 1] += graph.node_count;
    pl_graph_clear(&graph);
  }
  return PL_OK;
}

static pl_status compile_all(pl_trainer *t, pl_error *err) {
  // Epochs that differ in length have no smaller last batch.
  const pl_train_counts counts = {.train = pl_train_images(&t->train, 1),
                                  .valid = pl_train_images(&t->valid, 1),
                                  .train_batch = t->train.batch,
                                  .valid_batch = t->valid.batch};
  pl_train_request requests[PL_TRAIN_PROGRAMS];
  pl_train_list(requests, &t->options, &counts);
  int64_t nodes[PL_TRAIN_PROGRAMS + 1] = {0};  // before each program, and of all
  pl_status status = count_nodes(nodes, t, requests, err);
  for (int i = 0; i < PL_TRAIN_PROGRAMS && status == PL_OK; i++) {
    if (requests[i].batch == 0) continue;
    status = pl_progress_tell(&t->options.compiling, nodes[i], nodes[PL_TRAIN_PROGRAMS], err);
    if (status == PL_OK) status = compile(&t->programs[i], t, &requests[i], err);
  }
  return status == PL_OK ? t->api->arena_reserve(t->store, err) : status;
}

// Batch norm needs more than one value of each channel, and the deepest plane has side size/32.
static pl_status check_batches(const pl_trainer *t, pl_error *err) {
  int64_t images = pl_train_images(&t->train, 1), last = images % t->train.batch;
  int64_t fewest = (int64_t)pl_feed_batches_min(t->train.feed);
  if (t->options.feed.size == PL_SIDE_MULTIPLE && (t->train.batch == 1 || last == 1)) {
    return pl_fail(err, PL_E_USAGE,
                   "a batch of one image of %d pixels gives batch norm a single value: %lld images in batches of %d; "
                   "choose another batch or size",
                   PL_SIDE_MULTIPLE, (long long)images, (int)t->train.batch);
  }
  if (t->options.accumulation > fewest) {
    return pl_fail(err, PL_E_USAGE,
                   "accumulation: %lld batches, but an epoch has only %lld: no step would ever be made",
                   (long long)t->options.accumulation, (long long)fewest);
  }
  return PL_OK;
}

// A score over the images that have a mask needs some.
static pl_status check_best(const pl_trainer *t, pl_error *err) {
  if (t->options.best_by != PL_BEST_BY_DICE_POS || pl_feed_positives(t->valid.feed) > 0) return PL_OK;
  return pl_fail(err, PL_E_USAGE,
                 "best-by: dice_pos is the score of images with a mask, and none of the %zu to validate on has one; "
                 "choose dice_batch, dice or another fold",
                 pl_feed_count(t->valid.feed, 0));
}

pl_status pl_trainer_create(pl_trainer **out, const pl_backend_api *api, pl_backend *backend,
                            const pl_manifest *manifest, const pl_trainer_options *options, pl_error *err) {
  pl_trainer *t = pl_xcalloc(1, sizeof *t);
  t->api = api;
  t->backend = backend;
  t->manifest = manifest;
  t->options = *options;
  t->clock = pl_clock_system();
  t->state = (pl_checkpoint_state){.best = -1,
                                   .best_epoch = -1,
                                   .seed = (int64_t)options->feed.seed,
                                   .schedule = pl_schedule_begin(),
                                   .learning_rate = options->schedule_options.base,
                                   .epochs = options->epochs,
                                   .early_stopping = options->early_stopping};
  (void)pl_copy_text(t->state.encoder, sizeof t->state.encoder, options->encoder);
  (void)pl_copy_text(t->state.backend, sizeof t->state.backend, api->name);
  (void)pl_copy_text(t->state.device, sizeof t->state.device, api->device(backend));
  const pl_unet unet = pl_train_unet(options);
  pl_status status = make_sets(t, err);
  if (status == PL_OK) status = check_batches(t, err);
  if (status == PL_OK) status = check_best(t, err);
  if (status == PL_OK) status = pl_unet_model(&t->model, &unet, err);
  if (status == PL_OK) status = api->store_create(&t->store, backend, &t->model, options->choices, err);
  if (status == PL_OK) status = compile_all(t, err);
  if (status == PL_OK) status = pl_train_previews_create(t, err);
  if (status != PL_OK) {
    pl_trainer_destroy(t);
    return status;
  }
  size_t largest = (size_t)(t->train.batch > t->valid.batch ? t->train.batch : t->valid.batch);
  t->sums = pl_xcalloc(largest * PL_DICE_VALUES, sizeof *t->sums);
  t->dice = pl_xcalloc(largest, sizeof *t->dice);
  *out = t;
  return PL_OK;
}

static void clear_set(pl_train_set *set) { pl_feed_destroy(set->feed); }

void pl_trainer_destroy(pl_trainer *t) {
  if (t == NULL) return;
  for (int i = 0; i < PL_TRAIN_PROGRAMS; i++) t->api->program_destroy(t->programs[i]);
  t->api->store_destroy(t->store);
  pl_model_clear(&t->model);
  clear_set(&t->train);
  clear_set(&t->valid);
  free(t->sums);
  free(t->dice);
  free(t->previews);
  free(t->previewed);
  free(t->next_previews);
  free(t->probabilities);
  free(t);
}

const char *pl_trainer_choices(const pl_trainer *t) { return t->api->choices(t->store); }

pl_memory pl_trainer_memory(const pl_trainer *t) { return t->api->memory(t->store); }

pl_status pl_trainer_initialise(pl_trainer *t, char *words, size_t words_size, pl_error *err) {
  pl_status status =
      pl_weights_initialise(t->api, t->store, &t->model, pl_rng_derive(t->options.feed.seed, "weights"), err);
  if (status != PL_OK) return status;
  const char *path = t->options.weights;
  if (path == NULL || path[0] == '\0') {
    pl_weights_describe_random(words, words_size, t->options.encoder);
    return PL_OK;
  }
  if (strcmp(path, PL_WEIGHTS_RANDOM) == 0) {
    pl_weights_describe_random(words, words_size, NULL);
    return PL_OK;
  }
  pl_weights_report report = {0};
  status = pl_weights_load(path, t->api, t->store, &t->model, PL_WEIGHTS_STATE_DICT, false, &report, err);
  if (status != PL_OK) return status;
  char took[512], text[800];
  pl_weights_describe(took, sizeof took, &report);
  const char *name = t->options.weights_name != NULL ? t->options.weights_name : pl_path_base(path);
  (void)snprintf(text, sizeof text, "%.200s: %s", name, took);
  (void)pl_safe_text(words, words_size, text, strlen(text));
  return PL_OK;
}

pl_status pl_trainer_restore(pl_trainer *t, const char *path, const pl_checkpoint_state *state, pl_error *err) {
  if (strcmp(state->encoder, t->options.encoder) != 0 || state->seed != (int64_t)t->options.feed.seed) {
    return pl_fail(err, PL_E_USAGE, "%s is of encoder %s and seed %lld, the run is of %s and %llu", path,
                   state->encoder, (long long)state->seed, t->options.encoder,
                   (unsigned long long)t->options.feed.seed);
  }
  int64_t images = pl_train_images(&t->train, state->epoch);
  if (state->position > images) {
    return pl_fail(err, PL_E_FORMAT, "%s is at image %lld of an epoch of %lld: it belongs to other data", path,
                   (long long)state->position, (long long)images);
  }
  pl_checkpoint_source target = pl_trainer_source(t);
  pl_status status = pl_checkpoint_load(&target, path, err);
  if (status != PL_OK) return status;
  char backend[sizeof t->state.backend], device[sizeof t->state.device];
  (void)pl_copy_text(backend, sizeof backend, t->state.backend);
  (void)pl_copy_text(device, sizeof device, t->state.device);
  t->state = *state;
  (void)pl_copy_text(t->state.backend, sizeof t->state.backend, backend);
  (void)pl_copy_text(t->state.device, sizeof t->state.device, device);
  return PL_OK;
}
