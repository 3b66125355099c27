#include "core/run/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/pack.h"
#include "core/data/prepare.h"
#include "core/net/registry.h"
#include "core/run/rundir.h"
#include "core/run/start_weights.h"
#include "core/run/training.h"
#include "core/run/unused_gpu.h"

enum { FOLDS = 5 };

// ---------------------------------------------------------------------------------------------------------------------
// The machine

// A line "NAME:   123 kB" of a file below /proc, in bytes; 0 when it is not there.
static uint64_t proc_bytes(const char *path, const char *name) {
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  char line[256];
  uint64_t kib = 0;
  size_t length = strlen(name);
  while (kib == 0 && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, name, length) == 0 && line[length] == ':') kib = strtoull(line + length + 1, NULL, 10);
  }
  fclose(file);
  return kib * 1024;
}

static uint64_t free_disk(const char *folder) {
  struct statvfs s;
  return statvfs(folder, &s) == 0 ? (uint64_t)s.f_bavail * s.f_frsize : 0;
}

static uint64_t file_bytes(const char *folder, const char *name) {
  char *path = pl_path_join(folder, name);
  struct stat s;
  uint64_t bytes = stat(path, &s) == 0 && s.st_size > 0 ? (uint64_t)s.st_size : 0;
  free(path);
  return bytes;
}

// ---------------------------------------------------------------------------------------------------------------------
// The plan

// The backend, opened to plan.
typedef struct planner {
  pl_registry *registry;
  const pl_backend_api *api;
  pl_backend *backend;
  char why[PL_ERROR_MESSAGE_MAX];  // a better backend was not taken
} planner;

static pl_status planner_open(planner *p, const pl_host *host, const pl_config *config, pl_error *err) {
  p->registry = pl_registry_create(host);
  pl_status status = config->plugin[0] != '\0' ? pl_registry_load(p->registry, config->plugin, err) : PL_OK;
  pl_backend_options options = pl_training_backend(config);
  options.plan = true;
  options.tune = false;
  if (status != PL_OK) return status;
  return pl_registry_open(&p->backend, &p->api, p->registry, config->backend, &options, p->why, sizeof p->why, err);
}

static void planner_close(planner *p) {
  if (p->backend != NULL) p->api->close(p->backend);
  pl_registry_destroy(p->registry);
}

// Of the batches and kept pictures of both subsets.
static uint64_t loader_bytes(const pl_config *config, int64_t train_images, int64_t valid_images) {
  pl_feed_options train = pl_config_feed(config), valid = train;
  valid.batch = (size_t)config->valid_batch;
  return pl_feed_bytes(&train, (size_t)train_images) + pl_feed_bytes(&valid, (size_t)valid_images);
}

// Images of an epoch of both subsets.
static pl_status count_images(pl_run_plan *plan, const pl_manifest *manifest, int64_t images, pl_error *err) {
  pl_feed_options train = pl_config_feed(&plan->config), valid = train;
  valid.subset = PL_SUBSET_VALID;
  size_t counts[2] = {(size_t)(images - images / FOLDS), (size_t)(images / FOLDS)};
  if (manifest != NULL) {
    pl_status status = pl_feed_measure(&counts[0], manifest, &train, err);
    if (status == PL_OK) status = pl_feed_measure(&counts[1], manifest, &valid, err);
    if (status != PL_OK) return status;
  } else if (images < FOLDS) {
    return pl_fail(err, PL_E_USAGE, "%" PRId64 " images: a plan needs at least %d", images, FOLDS);
  } else {
    for (int i = 0; i < 2; i++) counts[i] = train.limit > 0 && counts[i] > train.limit ? train.limit : counts[i];
  }
  plan->train_images = (int64_t)counts[0];
  plan->valid_images = (int64_t)counts[1];
  plan->loader = loader_bytes(&plan->config, plan->train_images, plan->valid_images);
  return PL_OK;
}

// Plans with another batch than the options'.
static pl_status plan_batch(pl_train_plan *out, const pl_run_plan *plan, const planner *p, int64_t batch,
                            pl_error *err) {
  pl_trainer_options options = pl_training_options(&plan->config);
  options.feed.batch = (size_t)batch;
  if (options.valid_batch > batch && batch != plan->config.batch) options.valid_batch = (int32_t)batch;
  return pl_train_plan_make(out, p->api, p->backend, &options, plan->train_images, plan->valid_images, err);
}

static uint64_t backend_bytes(const pl_train_plan *t) { return t->memory.store + t->memory.arena + t->memory.other; }

// Whether the backend's memory is not the host's.
static bool is_apart(const pl_run_plan *plan) { return plan->train.memory.free > 0; }

static bool fits(const pl_run_plan *plan, uint64_t needed) { return plan->available == 0 || needed <= plan->available; }

// The largest batch that fits, with no larger batches in evaluations. Memory grows evenly with the batch, so a line
// through two of them leads near it; then smaller ones are tried.
static int64_t find_batch(const pl_run_plan *plan, const planner *p) {
  pl_train_plan one = {0}, two = {0};
  int64_t batch = (plan->config.batch < plan->train_images ? plan->config.batch : plan->train_images) - 1;
  if (batch > 2 && plan_batch(&one, plan, p, 1, NULL) == PL_OK && plan_batch(&two, plan, p, 2, NULL) == PL_OK) {
    uint64_t first = backend_bytes(&one), second = backend_bytes(&two);
    if (first > plan->available) return 0;
    int64_t guess = second > first ? 1 + (int64_t)((plan->available - first) / (second - first)) : batch;
    if (guess < batch) batch = guess;
  }
  for (; batch >= 1; batch -= 1 + batch / 16) {
    pl_train_plan tried = {0};
    pl_run_plan other = *plan;
    other.config.batch = batch;
    if (other.config.valid_batch > batch) other.config.valid_batch = batch;
    bool fine = plan_batch(&tried, plan, p, batch, NULL) == PL_OK;
    uint64_t host = plan->conversion + loader_bytes(&other.config, plan->train_images, plan->valid_images);
    if (fine && fits(plan, backend_bytes(&tried) + (is_apart(plan) ? 0 : host))) return batch;
  }
  return 0;
}

static pl_status fill(pl_run_plan *plan, const planner *p, const pl_manifest *manifest, pl_error *err) {
  const pl_config *c = &plan->config;
  (void)pl_copy_text(plan->backend, sizeof plan->backend, p->api->name);
  (void)pl_copy_text(plan->device, sizeof plan->device, p->api->device(p->backend));
  plan->precision = pl_precision_name(p->api->precision(p->backend));
  pl_unused_gpu(plan->unused_gpu, sizeof plan->unused_gpu, plan->backend, (int)c->device, p->why);
  pl_status status = plan_batch(&plan->train, plan, p, c->batch, err);
  if (status != PL_OK) return status;
  uint64_t backend = backend_bytes(&plan->train);
  // In double precision and in two layouts.
  plan->conversion = (uint64_t)plan->train.largest * (sizeof(double) + sizeof(float));
  uint64_t host = plan->loader + plan->conversion;
  plan->needed = is_apart(plan) ? backend : backend + host;
  plan->process = proc_bytes("/proc/self/status", "VmRSS");
  plan->available = is_apart(plan) ? plan->train.memory.free : proc_bytes("/proc/meminfo", "MemAvailable");
  if (manifest != NULL && c->pack) plan->mapped = file_bytes(manifest->workspace, PL_PACK_FILE);
  plan->peak = (is_apart(plan) ? 0 : backend) + host + plan->process + plan->mapped;
  plan->largest_batch = fits(plan, plan->needed) ? -1 : find_batch(plan, p);
  plan->checkpoint = plan->train.weights + plan->train.buffers + plan->train.moments;
  // The newest, the best, and one that is being written.
  plan->checkpoints = plan->checkpoint * (uint64_t)(c->keep + c->keep_best + 1);
  if (manifest != NULL) plan->disk = free_disk(manifest->workspace);
  return PL_OK;
}

// Once more with the batches that fit.
static pl_status refill(pl_run_plan *plan, const planner *p, const pl_manifest *manifest, pl_error *err) {
  plan->config.batch = plan->largest_batch;
  if (plan->config.valid_batch > plan->config.batch) plan->config.valid_batch = plan->config.batch;
  plan->loader = loader_bytes(&plan->config, plan->train_images, plan->valid_images);
  return fill(plan, p, manifest, err);
}

pl_status pl_run_plan_make(pl_run_plan *out, const pl_config *config, const pl_manifest *manifest, int64_t images,
                           pl_error *err) {
  return pl_run_plan_make_told(out, NULL, config, manifest, images, err);
}

pl_status pl_run_plan_make_told(pl_run_plan *out, const pl_host *host, const pl_config *config,
                                const pl_manifest *manifest, int64_t images, pl_error *err) {
  pl_run_plan *plan = pl_xcalloc(1, sizeof *plan);
  planner p = {0};
  plan->config = *config;
  pl_status status = pl_config_check(config, err);
  if (status == PL_OK)
    status = pl_start_weights_adopt(&plan->config, manifest != NULL ? manifest->workspace : NULL, err);
  if (status == PL_OK && manifest != NULL) status = pl_run_check_data(&plan->config, manifest, err);
  if (plan->config.size == 0) plan->config.size = PL_IMPORT_SIZE_DEFAULT;
  if (status == PL_OK) status = count_images(plan, manifest, images, err);
  if (status == PL_OK) status = planner_open(&p, host, &plan->config, err);
  if (status == PL_OK) status = fill(plan, &p, manifest, err);
  if (status == PL_OK && config->fit_batch && plan->largest_batch > 0) status = refill(plan, &p, manifest, err);
  planner_close(&p);
  const pl_progress *progress = host != NULL ? &host->progress : NULL;
  if (status == PL_OK) status = pl_run_plan_time(plan, manifest != NULL ? manifest->workspace : NULL, progress, err);
  if (status == PL_OK) *out = *plan;
  free(plan);
  return status;
}

void pl_run_plan_fit(pl_config *config, const pl_manifest *manifest) {
  if (!config->fit_batch) return;
  pl_run_plan *plan = pl_xcalloc(1, sizeof *plan);
  if (pl_run_plan_make(plan, config, manifest, 0, NULL) == PL_OK) {
    config->batch = plan->config.batch;
    config->valid_batch = plan->config.valid_batch;
  }
  free(plan);
}

// ---------------------------------------------------------------------------------------------------------------------
// Words

enum { WORDS = 32 };

// "812 MiB", "21.3 GiB"; "unknown".
static const char *bytes_words(char out[WORDS], uint64_t bytes) {
  double mib = (double)bytes / 1048576.0;
  if (bytes == 0) {
    (void)snprintf(out, WORDS, "unknown");
  } else if (mib < 1024) {
    (void)snprintf(out, WORDS, "%.*f MiB", mib < 10 ? 1 : 0, mib);
  } else {
    (void)snprintf(out, WORDS, "%.1f GiB", mib / 1024);
  }
  return out;
}

static const char *seconds_words(char out[WORDS], double seconds) {
  if (!(seconds >= 0 && seconds < 1e10)) {
    (void)snprintf(out, WORDS, "unknown");
  } else if (seconds < 100) {
    (void)snprintf(out, WORDS, "%.*f s", seconds < 1 ? 3 : 1, seconds);
  } else {
    long long s = (long long)(seconds + 0.5);
    (void)snprintf(out, WORDS, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
  }
  return out;
}

static void source_words(char *out, size_t size, const pl_run_plan *plan) {
  if (plan->source == PL_PLAN_FROM_RUN) {
    (void)snprintf(out, size, "as in run %s", plan->run);
  } else if (plan->rate > 0) {
    (void)snprintf(out, size, "a guess from %.0f GFLOP/s measured here", plan->rate * 1e-9);
  } else {
    (void)snprintf(out, size, "nothing to guess it from");
  }
}

pl_status pl_run_plan_check(const pl_run_plan *plan, pl_error *err) {
  char needed[WORDS], available[WORDS], advice[96];
  if (fits(plan, plan->needed)) {
    if (plan->disk == 0 || plan->checkpoints <= plan->disk) return PL_OK;
    (void)bytes_words(needed, plan->checkpoints);
    (void)bytes_words(available, plan->disk);
    return pl_fail(err, PL_E_NOSPACE,
                   "the checkpoints need %s of disk, but %s are free where the runs are; take a smaller keep (%" PRId64
                   ") or keep-best (%" PRId64 "), or make room",
                   needed, available, plan->config.keep, plan->config.keep_best);
  }
  (void)bytes_words(needed, plan->needed);
  (void)bytes_words(available, plan->available);
  if (plan->largest_batch > 0) {
    (void)snprintf(advice, sizeof advice, "the largest batch that fits is %" PRId64 "%s", plan->largest_batch,
                   plan->largest_batch < plan->config.valid_batch ? " (valid-batch too)" : "");
  } else {
    (void)snprintf(advice, sizeof advice, "no batch fits: take smaller images or another encoder");
  }
  return pl_fail(err, PL_E_NOMEM,
                 "a batch of %" PRId64 " images of %" PRId64 " pixels needs %" PRIu64 " bytes (%s), but %" PRIu64
                 " (%s) are free; %s",
                 plan->config.batch, plan->config.size, plan->needed, needed, plan->available, available, advice);
}

void pl_run_plan_summary(char *out, size_t size, const pl_run_plan *plan) {
  char peak[WORDS], available[WORDS], step[WORDS], epoch[WORDS], all[WORDS], source[128];
  source_words(source, sizeof source, plan);
  (void)snprintf(out, size, "%.1f M parameters; %s of memory, %s are free; %s a step, %s an epoch, %s in all (%s)",
                 (double)plan->train.parameters * 1e-6, bytes_words(peak, is_apart(plan) ? plan->needed : plan->peak),
                 bytes_words(available, plan->available), seconds_words(step, plan->step_seconds),
                 seconds_words(epoch, plan->epoch_seconds), seconds_words(all, plan->run_seconds), source);
}

static void add_bytes(pl_buf *out, const char *name, uint64_t bytes, const char *what) {
  char words[WORDS];
  (void)pl_buf_printf(out, "%-12s %10s   %s\n", name, bytes_words(words, bytes), what);
}

static void add_seconds(pl_buf *out, const char *name, double seconds, const char *what) {
  char words[WORDS];
  (void)pl_buf_printf(out, "%-12s %10s   %s\n", name, seconds_words(words, seconds), what);
}

void pl_run_plan_describe(pl_buf *out, const pl_run_plan *plan) {
  const pl_config *c = &plan->config;
  const pl_train_plan *t = &plan->train;
  char text[160], source[128];
  (void)pl_buf_printf(out, "%s, %" PRId64 " pixels, batch %" PRId64 ", %s by %s on %s\n", c->encoder, c->size, c->batch,
                      plan->precision, plan->backend, plan->device);
  (void)pl_buf_printf(out, "%-12s %10" PRId64 "   trained, %" PRId64 " held out; %" PRId64 " batches an epoch\n",
                      "images", plan->train_images, plan->valid_images, t->batches);
  (void)pl_buf_printf(out, "%-12s %10" PRId64 "\n", "parameters", t->parameters);
  if (plan->unused_gpu[0] != '\0') (void)pl_buf_printf(out, "%s\n", plan->unused_gpu);
  add_bytes(out, "weights", t->weights + t->buffers, "with batch norm's statistics");
  add_bytes(out, "training", t->gradients + t->moments, "gradients and the optimizer's moments");
  add_bytes(out, "arena", t->memory.arena, "activations of a batch");
  add_bytes(out, "workspaces", t->memory.other, "repacked weights, batches that wait");
  add_bytes(out, "loader", plan->loader, "batches read ahead, decoded pictures kept");
  add_bytes(out, "conversion", plan->conversion, "of a tensor, when it is made, read or written");
  add_bytes(out, "process", plan->process, "the program itself and its generated code");
  if (plan->mapped > 0) add_bytes(out, "pack", plan->mapped, "mapped from disk, given back when others need it");
  add_bytes(out, "peak", plan->peak, "predicted largest resident size");
  if (is_apart(plan)) add_bytes(out, "on device", plan->needed, "of its own memory");
  add_bytes(out, "free", plan->available, is_apart(plan) ? "on the device now" : "memory of this machine now");
  (void)snprintf(text, sizeof text, "for checkpoints, %.1f MiB each", (double)plan->checkpoint / 1048576.0);
  add_bytes(out, "disk", plan->checkpoints, text);
  if (plan->disk > 0) add_bytes(out, "free disk", plan->disk, "where the runs are");
  source_words(source, sizeof source, plan);
  add_seconds(out, "step", plan->step_seconds, source);
  add_seconds(out, "epoch", plan->epoch_seconds, "with its evaluation");
  (void)snprintf(text, sizeof text, "%" PRId64 " epochs", c->epochs);
  add_seconds(out, "run", plan->run_seconds, text);
}

// ---------------------------------------------------------------------------------------------------------------------
// JSON

static void json_bytes(pl_buf *out, const char *key, uint64_t bytes) {
  if (bytes > 0)
    (void)pl_buf_printf(out, ",\"%s\":%" PRIu64, key, bytes);
  else
    (void)pl_buf_printf(out, ",\"%s\":null", key);
}

static void json_number(pl_buf *out, const char *key, double value) {
  if (value >= 0)
    (void)pl_buf_printf(out, ",\"%s\":%.9g", key, value);
  else
    (void)pl_buf_printf(out, ",\"%s\":null", key);
}

static void json_text(pl_buf *out, const char *key, const char *text) {
  char safe[256];
  (void)pl_safe_text(safe, sizeof safe, text, strlen(text));
  (void)pl_buf_printf(out, ",\"%s\":\"", key);
  for (const char *p = safe; *p != '\0'; p++) (void)pl_buf_printf(out, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
  (void)pl_buf_add_text(out, "\"");
}

void pl_run_plan_add_json(pl_buf *out, const pl_run_plan *plan) {
  const pl_config *c = &plan->config;
  const pl_train_plan *t = &plan->train;
  (void)pl_buf_printf(out, "{\"format\":1,\"size\":%" PRId64 ",\"batch\":%" PRId64 ",\"epochs\":%" PRId64, c->size,
                      c->batch, c->epochs);
  json_text(out, "encoder", c->encoder);
  json_text(out, "backend", plan->backend);
  json_text(out, "device", plan->device);
  json_text(out, "precision", plan->precision);
  (void)pl_buf_printf(out, ",\"train_images\":%" PRId64 ",\"valid_images\":%" PRId64 ",\"batches\":%" PRId64,
                      plan->train_images, plan->valid_images, t->batches);
  (void)pl_buf_printf(out, ",\"parameters\":%" PRId64, t->parameters);
  json_bytes(out, "weights_bytes", t->weights);
  json_bytes(out, "buffers_bytes", t->buffers);
  json_bytes(out, "gradients_bytes", t->gradients);
  json_bytes(out, "moments_bytes", t->moments);
  json_bytes(out, "store_bytes", t->memory.store);
  json_bytes(out, "arena_bytes", t->memory.arena);
  json_bytes(out, "workspace_bytes", t->memory.other);
  json_bytes(out, "loader_bytes", plan->loader);
  json_bytes(out, "conversion_bytes", plan->conversion);
  json_bytes(out, "needed_bytes", plan->needed);
  json_bytes(out, "process_bytes", plan->process);
  json_bytes(out, "mapped_bytes", plan->mapped);
  json_bytes(out, "peak_bytes", plan->peak);
  json_bytes(out, "available_bytes", plan->available);
  (void)pl_buf_printf(out, ",\"fits\":%s", fits(plan, plan->needed) ? "true" : "false");
  if (plan->largest_batch >= 0) {
    (void)pl_buf_printf(out, ",\"largest_batch\":%" PRId64, plan->largest_batch);
  } else {
    (void)pl_buf_add_text(out, ",\"largest_batch\":null");
  }
  json_bytes(out, "checkpoint_bytes", plan->checkpoint);
  json_bytes(out, "checkpoints_bytes", plan->checkpoints);
  json_bytes(out, "disk_free_bytes", plan->disk);
  json_number(out, "train_operations", t->train_operations);
  json_number(out, "step_seconds", plan->step_seconds);
  json_number(out, "epoch_seconds", plan->epoch_seconds);
  json_number(out, "run_seconds", plan->run_seconds);
  json_text(out, "time_from", plan->source == PL_PLAN_FROM_RUN ? "run" : "rate");
  json_text(out, "time_run", plan->run);
  json_number(out, "rate", plan->rate);
  (void)pl_buf_add_text(out, "}");
}
