#include "core/run/start_weights.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/net/weights.h"
#include "core/run/find.h"
#include "core/run/group.h"
#include "core/train/checkpoint.h"

static bool is_run(const pl_config *config) { return pl_begins_with(config->weights, PL_WEIGHTS_RUN); }

// A preset says that the training goes on from another run's network, but not from which.
static bool is_open(const pl_config *config) { return strcmp(config->weights, PL_WEIGHTS_RUN) == 0; }

// "part0" and "best" of "run:part0".
typedef struct reference {
  char name[128], which[32];
} reference;

static pl_status parse_reference(reference *out, const char *weights, pl_error *err) {
  const char *name = weights + strlen(PL_WEIGHTS_RUN);
  size_t length = strcspn(name, ":");
  const char *which = name[length] == ':' ? name + length + 1 : "best";
  int64_t epoch = 0;
  const bool word = strcmp(which, "best") == 0 || strcmp(which, "last") == 0;
  const bool number = pl_parse_i64(&epoch, which, strlen(which)) && epoch >= 0;
  if (length == 0 || length >= sizeof out->name || strlen(which) >= sizeof out->which || (!word && !number)) {
    return pl_fail(err, PL_E_USAGE, "weights: '%.80s' should be run:NAME, run:NAME:best, run:NAME:last or run:NAME:12",
                   weights);
  }
  (void)snprintf(out->name, sizeof out->name, "%.*s", (int)length, name);
  (void)pl_copy_text(out->which, sizeof out->which, which);
  return PL_OK;
}

// The run's folder: a group's name stands for its run of the fold.
static pl_status find_run(char **folder, const reference *from, const pl_config *config, const char *workspace,
                          pl_error *err) {
  if (workspace == NULL) {
    return pl_fail(err, PL_E_USAGE, "weights: run:%s names a run of a workspace, and there is none here", from->name);
  }
  char *group = pl_group_folder(workspace, from->name);
  if (group != NULL) {
    char *run = pl_group_run_folder(group, config->fold);
    free(group);
    if (pl_fs_is_folder(run)) {
      *folder = run;
      return PL_OK;
    }
    free(run);
    return pl_fail(err, PL_E_NOTFOUND, "weights: group %s has no run of fold %" PRId64 " yet", from->name,
                   config->fold);
  }
  pl_status status = pl_run_find(folder, workspace, from->name, err);
  return status == PL_OK ? status : pl_wrap(err, "weights");
}

static bool is_asked_for(const pl_config *config, const char *option) {
  return config->origin[pl_option_find(option) - pl_options] == PL_ORIGIN_COMMAND;
}

// Takes a word of the network over, unless the command line asks for another one.
static pl_status adopt_word(pl_config *config, const pl_run_info *from, const char *option, pl_error *err) {
  const pl_option *o = pl_option_find(option);
  char theirs[PL_OPTION_TEXT_MAX], ours[PL_OPTION_TEXT_MAX];
  pl_config_get(theirs, &from->config, o);
  pl_config_get(ours, config, o);
  if (strcmp(theirs, ours) == 0) return PL_OK;
  if (is_asked_for(config, option)) {
    return pl_fail(err, PL_E_USAGE, "weights: run %s has %s %s, not %s; leave --%s out, it goes with the weights",
                   from->name, option, theirs, ours, option);
  }
  return pl_config_set(config, option, theirs, (pl_origin)config->origin[o - pl_options], err);
}

static pl_status adopt(pl_config *config, const char *folder, pl_error *err) {
  pl_run_info *from = pl_xcalloc(1, sizeof *from);
  pl_status status = pl_run_load(from, folder, err);
  if (status == PL_OK && from->config.fold != config->fold) {
    status = pl_fail(err, PL_E_USAGE,
                     "weights: run %s held out fold %" PRId64 ", this one would be validated on fold %" PRId64
                     ", which those weights were trained on; take --fold %" PRId64 ", or name the file",
                     from->name, from->config.fold, config->fold, from->config.fold);
  }
  if (status == PL_OK) status = adopt_word(config, from, "encoder", err);
  if (status == PL_OK) status = adopt_word(config, from, "decoder-attention", err);
  free(from);
  return status;
}

pl_status pl_start_weights_adopt(pl_config *config, const char *workspace, pl_error *err) {
  if (!is_run(config) || is_open(config)) return PL_OK;
  reference from;
  char *folder = NULL;
  pl_status status = parse_reference(&from, config->weights, err);
  if (status == PL_OK) status = find_run(&folder, &from, config, workspace, err);
  if (status == PL_OK) status = adopt(config, folder, err);
  free(folder);
  return status;
}

// The checkpoint that was written when an epoch had been evaluated; those that are there are named else.
static pl_status find_epoch(char **path, const char *checkpoints, int64_t epoch, pl_error *err) {
  char **names = NULL, known[160] = "";
  size_t count = 0, used = 0;
  pl_status status = pl_fs_list(&names, &count, checkpoints, err);
  *path = NULL;
  for (size_t i = 0; i < count && status == PL_OK && *path == NULL; i++) {
    char *each = pl_path_join(checkpoints, names[i]);
    pl_checkpoint_state state;
    const bool valid = strcmp(names[i], "best") != 0 && pl_checkpoint_check(&state, each, NULL) == PL_OK;
    if (valid && state.position == 0 && state.epoch - 1 == epoch) {
      *path = pl_xstrdup(each);
    } else if (valid && state.position == 0 && used < sizeof known) {
      int n = snprintf(known + used, sizeof known - used, "%s%" PRId64, used > 0 ? ", " : "", state.epoch - 1);
      if (n > 0) used += (size_t)n;
    }
    free(each);
  }
  pl_fs_free_names(names, count);
  if (status != PL_OK || *path != NULL) return status;
  return pl_fail(err, PL_E_NOTFOUND, "there is no checkpoint of epoch %" PRId64 "; there are: %s", epoch,
                 used > 0 ? known : "none");
}

// What the link points to now: a run that goes on moves it.
static pl_status find_best(char **path, const char *checkpoints, pl_error *err) {
  char *link = pl_path_join(checkpoints, "best"), *found = realpath(link, NULL);
  free(link);
  if (found == NULL) return pl_fail(err, PL_E_NOTFOUND, "no epoch of it has been evaluated yet");
  pl_checkpoint_state state;
  pl_status status = pl_checkpoint_check(&state, found, err);
  if (status == PL_OK) {
    *path = found;
  } else {
    free(found);
  }
  return status;
}

static pl_status find_checkpoint(char **path, const char *folder, const char *which, pl_error *err) {
  char *checkpoints = pl_path_join(folder, "ckpt");
  pl_checkpoint_state state;
  pl_status status = PL_OK;
  int64_t epoch = 0;
  if (strcmp(which, "best") == 0) {
    status = find_best(path, checkpoints, err);
  } else if (strcmp(which, "last") == 0) {
    status = pl_checkpoint_find(path, &state, checkpoints, NULL, NULL, err);
  } else {
    (void)pl_parse_i64(&epoch, which, strlen(which));
    status = find_epoch(path, checkpoints, epoch, err);
  }
  free(checkpoints);
  return status;
}

static pl_status choose_run(pl_config *config, const char *workspace, pl_error *err) {
  if (is_open(config)) {
    return pl_fail(
        err, PL_E_USAGE,
        "weights: this training goes on from the network of an earlier run; name it with --weights run:NAME");
  }
  reference from;
  char *folder = NULL, *checkpoint = NULL;
  pl_status status = parse_reference(&from, config->weights, err);
  if (status == PL_OK) status = find_run(&folder, &from, config, workspace, err);
  if (status != PL_OK) return status;
  status = adopt(config, folder, err);
  if (status == PL_OK && find_checkpoint(&checkpoint, folder, from.which, err) != PL_OK) {
    status = pl_wrap(err, "weights: run %s", pl_path_base(folder));
  }
  if (status == PL_OK) {
    char *file = pl_path_join(checkpoint, "weights.safetensors");
    if (!pl_copy_text(config->weights, sizeof config->weights, file)) {
      status = pl_fail(err, PL_E_LIMIT, "weights: the path is too long");
    }
    free(file);
  }
  free(checkpoint);
  free(folder);
  return status;
}

// The encoder's fetched weights, or NULL. The caller frees it.
static char *find_fetched(const pl_config *config) {
  char *path = pl_weights_cache_path(config->encoder);
  if (path != NULL && pl_fs_is_file(path)) return path;
  free(path);
  return NULL;
}

pl_status pl_start_weights_choose(pl_config *config, const char *workspace, pl_error *err) {
  if (is_run(config)) return choose_run(config, workspace, err);
  char *fetched = config->weights[0] == '\0' ? find_fetched(config) : NULL;
  if (fetched != NULL && strlen(fetched) < sizeof config->weights) {
    (void)pl_copy_text(config->weights, sizeof config->weights, fetched);
  }
  free(fetched);
  return PL_OK;
}

void pl_start_weights_describe(char *out, size_t size, const pl_config *config) {
  char words[PL_OPTION_TEXT_MAX + 64];
  const bool random = strcmp(config->weights, PL_WEIGHTS_RANDOM) == 0;
  char *fetched = config->weights[0] == '\0' ? find_fetched(config) : NULL;
  if (fetched != NULL) {
    (void)snprintf(words, sizeof words, "encoder: ImageNet weights from %s", fetched);
  } else if (random || config->weights[0] == '\0') {
    char how[256];
    pl_weights_describe_random(how, sizeof how, random ? NULL : config->encoder);
    (void)snprintf(words, sizeof words, "encoder: %s", how);
  } else if (is_open(config)) {
    (void)snprintf(words, sizeof words, "network: from an earlier run, which is to be named: run:NAME");
  } else if (is_run(config)) {
    (void)snprintf(words, sizeof words, "network: from run %s", config->weights + strlen(PL_WEIGHTS_RUN));
  } else {
    (void)snprintf(words, sizeof words, "encoder: from %s", config->weights);
  }
  (void)pl_safe_text(out, size, words, strlen(words));
  free(fetched);
}

// The run and the step that a file RUN/ckpt/000110/weights.safetensors is of. False when it is none's.
static bool run_of_file(pl_run_info *out, int64_t *step, const char *path) {
  enum { LEVELS = 3 };
  char folder[PL_OPTION_TEXT_MAX];
  (void)pl_copy_text(folder, sizeof folder, path);
  for (int i = 0; i < LEVELS; i++) {
    const char *name = pl_path_base(folder);
    if (i == 1 && !pl_parse_i64(step, name, strlen(name))) return false;
    char *slash = strrchr(folder, '/');
    if (slash == NULL) return false;
    *slash = '\0';
  }
  return pl_run_load(out, folder, NULL) == PL_OK;
}

void pl_start_weights_name(char *out, size_t size, const pl_config *config) {
  pl_run_info *from = pl_xcalloc(1, sizeof *from);
  int64_t step = 0;
  if (run_of_file(from, &step, config->weights)) {
    (void)snprintf(out, size, "run %s, step %" PRId64, from->name, step);
  } else {
    (void)pl_copy_text(out, size, pl_path_base(config->weights));
  }
  free(from);
}

bool pl_start_weights_leak(char *why, size_t size, const pl_run_info *info) {
  pl_run_info *from = pl_xcalloc(1, sizeof *from);
  bool leaks = false;
  int64_t step = 0;
  if (run_of_file(from, &step, info->config.weights)) {
    const bool tables = strcmp(from->labels_sha256, info->labels_sha256) != 0 ||
                        strcmp(from->dataset_sha256, info->dataset_sha256) != 0;
    leaks = tables || from->config.fold != info->config.fold;
    if (tables) {
      (void)snprintf(why, size,
                     "the weights are of run %s, which had other cases or folds: it may have been trained on images "
                     "that this run is validated on, and then the scores are too good",
                     from->name);
    } else if (leaks) {
      (void)snprintf(why, size,
                     "the weights are of run %s, which held out fold %" PRId64 " and was trained on fold %" PRId64
                     ": the scores are too good",
                     from->name, from->config.fold, info->config.fold);
    }
  }
  free(from);
  return leaks;
}
