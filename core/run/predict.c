#include "core/run/predict.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "core/data/pack.h"
#include "core/data/prepare.h"
#include "core/net/registry.h"
#include "core/run/training.h"
#include "core/score/maps.h"
#include "core/score/predictor.h"
#include "core/train/checkpoint.h"

// A recipe with what it comes to: which checkpoints.
typedef struct plan {
  char checkpoint[32];
  int64_t top;
  bool flip;
  char *paths[PL_TOP_MAX];
  int64_t steps[PL_TOP_MAX];
  size_t count;
  char *text;  // maps.json
} plan;

static void clear_plan(plan *p) {
  for (size_t i = 0; i < p->count; i++) free(p->paths[i]);
  free(p->text);
}

// ---- What is asked for

// Fills in what was not said from the maps that are there.
static void recall(plan *p, const pl_run_recipe *said, const char *folder) {
  char *before = NULL;
  json_t *object = NULL;
  if (pl_maps_recipe(&before, folder, NULL) == PL_OK) object = json_loads(before, JSON_REJECT_DUPLICATES, NULL);
  const char *name = json_string_value(json_object_get(object, "checkpoint"));
  const json_int_t top = json_integer_value(json_object_get(object, "top"));
  const bool flip = json_is_true(json_object_get(object, "flip"));
  (void)pl_copy_text(p->checkpoint, sizeof p->checkpoint, name != NULL && name[0] != '\0' ? name : "best");
  p->top = top > 0 && top <= PL_TOP_MAX ? top : 0;
  p->flip = said->flip < 0 ? flip : said->flip == 1;
  if (said->checkpoint != NULL || said->top > 0) {
    (void)pl_copy_text(p->checkpoint, sizeof p->checkpoint, said->checkpoint != NULL ? said->checkpoint : "best");
    p->top = said->top;
  }
  json_decref(object);
  free(before);
}

// ---- Which checkpoints that is

static pl_status add_checkpoint(plan *p, char *path, pl_error *err) {
  pl_checkpoint_state state;
  pl_status status = pl_checkpoint_check(&state, path, err);
  if (status != PL_OK) {
    free(path);
    return status;
  }
  p->steps[p->count] = state.step;
  p->paths[p->count++] = path;
  return PL_OK;
}

static char *step_path(const char *checkpoints, int64_t step) { return pl_xprintf("%s/%06" PRId64, checkpoints, step); }

static pl_status find_top(plan *p, const char *checkpoints, pl_error *err) {
  char *newest = NULL;
  pl_checkpoint_state state;
  pl_status status = pl_checkpoint_find(&newest, &state, checkpoints, NULL, NULL, err);
  free(newest);
  if (status == PL_OK && p->top > state.top_count) {
    status = pl_fail(err, PL_E_NOTFOUND,
                     "the %" PRId64 " best checkpoints were asked for and %d are kept: train with --keep-best %" PRId64,
                     p->top, (int)state.top_count, p->top);
  }
  for (int64_t i = 0; i < p->top && status == PL_OK; i++) {
    status = add_checkpoint(p, step_path(checkpoints, state.top[i].step), err);
  }
  return status;
}

static pl_status find_one(plan *p, const char *checkpoints, pl_error *err) {
  const char *name = p->checkpoint;
  int64_t step = 0;
  char *best = pl_path_join(checkpoints, "best"), *path = NULL;
  pl_checkpoint_state state;
  pl_status status = PL_OK;
  if (strcmp(name, "last") == 0 || (strcmp(name, "best") == 0 && !pl_fs_is_folder(best))) {
    status = pl_checkpoint_find(&path, &state, checkpoints, NULL, NULL, err);
  } else if (strcmp(name, "best") == 0) {
    path = realpath(best, NULL);
  } else if (pl_parse_i64(&step, name, strlen(name)) && step >= 0) {
    path = step_path(checkpoints, step);
    if (!pl_fs_is_folder(path)) status = pl_fail(err, PL_E_NOTFOUND, "there is no checkpoint %s", path);
  } else {
    status = pl_fail(err, PL_E_USAGE, "'%.40s' is not a checkpoint: best, last, or the number of a step", name);
  }
  free(best);
  if (status == PL_OK) return add_checkpoint(p, path, err);
  free(path);
  return status;
}

static pl_status find_checkpoints(plan *p, const char *run, pl_error *err) {
  char *checkpoints = pl_path_join(run, "ckpt");
  pl_status status = p->top > 0 ? find_top(p, checkpoints, err) : find_one(p, checkpoints, err);
  free(checkpoints);
  return status != PL_OK ? pl_wrap(err, "run %s", pl_path_base(run)) : PL_OK;
}

// One line that is the same when the maps would be.
static pl_status write_recipe(plan *p, const char *run, const pl_config *config, const char *dataset,
                              const char *pictures, pl_error *err) {
  json_t *list = json_array();
  pl_status status = PL_OK;
  for (size_t i = 0; i < p->count && status == PL_OK; i++) {
    char *manifest = pl_path_join(p->paths[i], "MANIFEST"), hash[PL_SHA256_HEX_SIZE];
    status = pl_sha256_file(hash, manifest, err);
    if (status == PL_OK) {
      (void)json_array_append_new(list,
                                  json_pack("{s:I, s:s}", "step", (json_int_t)p->steps[i], "manifest_sha256", hash));
    }
    free(manifest);
  }
  json_t *object =
      json_pack("{s:i, s:s, s:s, s:I, s:b, s:o, s:I, s:s, s:s}", "format", 1, "run", pl_path_base(run), "checkpoint",
                p->top > 0 ? "" : p->checkpoint, "top", (json_int_t)p->top, "flip", (int)p->flip, "checkpoints", list,
                "size", (json_int_t)config->size, "dataset_sha256", dataset, "pictures_sha256", pictures);
  p->text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
  json_decref(object);
  if (status == PL_OK && p->text == NULL) status = pl_fail(err, PL_E_FORMAT, "the name of %s is not UTF-8", run);
  return status;
}

static void describe(char *out, size_t size, const plan *p) {
  char words[120];
  if (p->top > 0) {
    (void)snprintf(words, sizeof words, "the mean of the %zu best checkpoints", p->count);
  } else {
    (void)snprintf(words, sizeof words, "the %s checkpoint (step %" PRId64 ")",
                   strcmp(p->checkpoint, "best") == 0 || strcmp(p->checkpoint, "last") == 0 ? p->checkpoint : "named",
                   p->steps[0]);
  }
  (void)snprintf(out, size, "%s%s", words, p->flip ? ", also mirrored" : "");
}

// ---- Making the maps

typedef struct work {
  const pl_manifest *manifest;
  const pl_run_predict_options *options;
  const char *folder;
  uint32_t size;
} work;

static pl_status on_predicted(void *context, const size_t *cases, const float *maps, size_t count, pl_error *err) {
  const work *w = context;
  const char **ids = pl_xcalloc(count, sizeof *ids);
  for (size_t i = 0; i < count; i++) ids[i] = w->manifest->cases[cases[i]].id;
  pl_status status = pl_maps_write(w->folder, ids, maps, count, w->size, err);
  free(ids);
  return status;
}

static pl_status on_progress(void *context, size_t done, size_t total, pl_error *err) {
  const pl_run_predict_options *o = ((const work *)context)->options;
  if (o->progress == NULL || o->progress(o->context, done, total)) return PL_OK;
  return pl_fail(err, PL_E_CANCELLED, "stopped; the maps that were made are kept");
}

static pl_status predict_with(const pl_backend_api *api, pl_backend *backend, const plan *p, const pl_config *config,
                              const work *w, const size_t *cases, size_t count, pl_error *err) {
  pl_pack *pack = NULL;
  // The pack only saves time.
  if (config->pack && pl_pack_open(&pack, w->manifest, NULL) != PL_OK) pack = NULL;
  const pl_predictor_options options = {
      .encoder = config->encoder,
      .attention = config->attention,
      .size = w->size,
      .batch = (int32_t)(w->options->batch > 0 ? w->options->batch : config->valid_batch),
      .flip = p->flip,
      .workers = pl_config_feed(config).workers,
      .pack = pack};
  const pl_predictor_hooks hooks = {.context = (void *)w, .predicted = on_predicted, .progress = on_progress};
  pl_predictor *predictor = NULL;
  pl_status status = pl_predictor_create(&predictor, api, backend, w->manifest, &options, err);
  if (status == PL_OK) {
    status = pl_predictor_run(predictor, (const char *const *)p->paths, p->count, cases, count, &hooks, err);
  }
  pl_predictor_destroy(predictor);
  pl_pack_close(pack);
  return status;
}

static pl_status predict(pl_run_predicted *out, const plan *p, const pl_config *config, const work *w,
                         const size_t *cases, size_t count, pl_error *err) {
  const pl_host host = {.struct_size = sizeof host, .api_version = PL_BACKEND_API_VERSION};
  const char *name = w->options->backend != NULL ? w->options->backend : config->backend;
  pl_registry *registry = pl_registry_create(&host);
  pl_backend_options options = pl_training_backend(config);
  options.tune = false;  // by fixed rules, so that the same maps come out every time
  const pl_backend_api *api = NULL;
  pl_backend *backend = NULL;
  pl_status status = config->plugin[0] != '\0' ? pl_registry_load(registry, config->plugin, err) : PL_OK;
  if (status == PL_OK) status = pl_registry_open(&backend, &api, registry, name, &options, NULL, 0, err);
  if (status == PL_OK) {
    (void)snprintf(out->device, sizeof out->device, "%s on %.120s", api->name, api->device(backend));
    status = predict_with(api, backend, p, config, w, cases, count, err);
    api->close(backend);
  }
  pl_registry_destroy(registry);
  return status;
}

// The cases without a map; the caller frees.
static size_t *find_missing(size_t *found, const work *w, const size_t *cases, size_t count) {
  size_t *missing = pl_xcalloc(count + 1, sizeof *missing);
  *found = 0;
  for (size_t i = 0; i < count; i++) {
    if (!pl_maps_has(w->folder, w->manifest->cases[cases[i]].id)) missing[(*found)++] = cases[i];
  }
  return missing;
}

// Whether all that is wanted is there, made as it would be now: then nothing is to be written.
static bool is_complete(const work *w, const char *recipe, const size_t *cases, size_t count) {
  char *before = NULL;
  size_t missing = 0;
  const bool same = pl_maps_recipe(&before, w->folder, NULL) == PL_OK && strcmp(before, recipe) == 0;
  free(before);
  if (same) free(find_missing(&missing, w, cases, count));
  return same && missing == 0;
}

// Takes the lock of the folder, unless it is somebody else's and has all maps already: then *lock stays -1.
static pl_status begin(int *lock, const work *w, const char *recipe, const size_t *cases, size_t count, pl_error *err) {
  static const char instead[] = "only they may make its maps; 'pleura predict -o DIR' makes them elsewhere";
  pl_error refused = {0};
  if (pl_access_check(w->folder, instead, &refused) == PL_OK) return pl_maps_begin(lock, w->folder, recipe, err);
  if (is_complete(w, recipe, cases, count)) return PL_OK;
  if (err != NULL) *err = refused;
  return refused.code;
}

char *pl_run_maps_folder(const char *run) { return pl_path_join(run, "prob"); }

bool pl_run_maps_are_of(const char *folder, const char *pictures) {
  char *recipe = NULL;
  json_t *object = NULL;
  if (pl_maps_recipe(&recipe, folder, NULL) == PL_OK) object = json_loads(recipe, JSON_REJECT_DUPLICATES, NULL);
  const char *theirs = json_string_value(json_object_get(object, "pictures_sha256"));
  const bool same = theirs == NULL || strcmp(theirs, pictures) == 0;
  json_decref(object);
  free(recipe);
  return same;
}

static pl_status make_plan(plan *p, pl_config *config, const char *run, const char *folder, const pl_manifest *manifest,
                           const pl_run_recipe *recipe, pl_error *err) {
  pl_run_info *info = pl_xcalloc(1, sizeof *info);
  char dataset[PL_SHA256_HEX_SIZE], labels[PL_SHA256_HEX_SIZE], pictures[PL_SHA256_HEX_SIZE];
  pl_status status = pl_run_load(info, run, err);
  *config = info->config;
  free(info);
  if (status == PL_OK) status = pl_run_check_data(config, manifest, err);
  if (status == PL_OK)
    status = pl_run_hash_dataset(dataset, labels, manifest->workspace, pl_config_labels(config), err);
  if (status == PL_OK) status = pl_import_pictures_hash(pictures, manifest->workspace, err);
  if (status != PL_OK) return status;
  recall(p, recipe, folder);
  status = find_checkpoints(p, run, err);
  return status == PL_OK ? write_recipe(p, run, config, dataset, pictures, err) : status;
}

pl_status pl_run_predict(pl_run_predicted *out, const char *run, const pl_manifest *manifest, const size_t *cases,
                         size_t count, const pl_run_predict_options *options, pl_error *err) {
  pl_config *config = pl_xcalloc(1, sizeof *config);
  char *folder = options->folder != NULL ? pl_xstrdup(options->folder) : pl_run_maps_folder(run);
  plan p = {.count = 0};
  pl_run_predicted made = {.made = 0};
  int lock = -1;
  pl_status status = make_plan(&p, config, run, folder, manifest, &options->recipe, err);
  const work w = {.manifest = manifest, .options = options, .folder = folder, .size = (uint32_t)config->size};
  if (status == PL_OK) status = begin(&lock, &w, p.text, cases, count, err);
  if (status == PL_OK) {
    size_t *missing = find_missing(&made.made, &w, cases, count);
    made.kept = count - made.made;
    describe(made.words, sizeof made.words, &p);
    if (made.made > 0) status = predict(&made, &p, config, &w, missing, made.made, err);
    free(missing);
    if (lock >= 0) (void)close(lock);
  }
  if (status == PL_OK) *out = made;
  clear_plan(&p);
  free(folder);
  free(config);
  return status;
}
