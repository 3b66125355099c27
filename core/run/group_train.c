// The core of a group: one run's session after the other.
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/group.h"
#include "core/run/on_end.h"
#include "core/run/session.h"
#include "core/run/spawn.h"
#include "core/run/state.h"

// Later runs have the folds of the first, else they would be validated on what others were trained on.
static pl_status check_data(const pl_group_info *info, bool force, pl_error *err) {
  char dataset[PL_SHA256_HEX_SIZE], labels[PL_SHA256_HEX_SIZE];
  pl_status status = pl_run_hash_dataset(dataset, labels, info->workspace, pl_config_labels(&info->config), err);
  if (status != PL_OK || force) return status;
  if (strcmp(dataset, info->dataset_sha256) == 0 && strcmp(labels, info->labels_sha256) == 0) return PL_OK;
  return pl_fail(
      err, PL_E_USAGE,
      "the cases, folds or labels of %s changed since group %s was made; begin another group, or go on with --force",
      info->workspace, info->name);
}

// With fit-batch the first run has found out which batches fit; the later ones are trained with the same.
static void take_batches(pl_config *config, const char *group) {
  char *first = pl_group_run_folder(group, 0);
  pl_run_info *info = pl_xcalloc(1, sizeof *info);
  if (config->fit_batch && pl_run_load(info, first, NULL) == PL_OK) {
    config->batch = info->config.batch;
    config->valid_batch = info->config.valid_batch;
    config->fit_batch = false;
  }
  free(info);
  free(first);
}

// The run of a fold: the one that is there, or a new one.
static pl_status open_run(char **folder, bool *there, const pl_group_options *options, const pl_group_info *info,
                          int64_t fold, pl_error *err) {
  char *path = pl_group_run_folder(options->folder, fold), *file = pl_path_join(path, "run.json");
  pl_status status = PL_OK;
  *there = pl_fs_is_file(file);
  *folder = NULL;
  if (*there) {
    *folder = pl_xstrdup(path);
  } else {
    pl_config *config = pl_xcalloc(1, sizeof *config);
    *config = info->config;
    config->all_folds = false;
    config->fold = fold;
    if (fold > 0) take_batches(config, options->folder);
    (void)pl_copy_text(config->name, sizeof config->name, pl_path_base(path));
    status = check_data(info, options->force, err);
    // Without run.json it is what a making that was cut has left.
    if (status == PL_OK) status = pl_fs_remove_tree(path, err);
    if (status == PL_OK) status = pl_run_make(folder, info->workspace, config, err);
    free(config);
  }
  free(file);
  free(path);
  return status;
}

static bool is_finished(const char *run) {
  pl_run_state state;
  return pl_run_state_load(&state, run, NULL) == PL_OK && state.phase == PL_PHASE_FINISHED;
}

// What no run's folder can tell stands in the group's core.log.
static void write_log(const pl_group_options *options, const char *text) {
  char *path = pl_path_join(options->folder, "core.log");
  int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (log >= 0) (void)dprintf(log, "%s\n", text);  // an error's message is safe to print
  if (log >= 0) close(log);
  free(path);
}

static int train_folds(char **last, const pl_group_options *options, const pl_group_info *info, int *ready_fd,
                       pl_error *err) {
  int code = 0;
  bool finished = true;
  for (int64_t fold = 0; fold < info->folds && finished; fold++) {
    char *folder = NULL;
    bool there = false;
    if (open_run(&folder, &there, options, info, fold, err) != PL_OK) {
      write_log(options, err->message);
      return pl_status_exit_code(err->code);
    }
    free(*last);
    *last = folder;
    if (there && is_finished(folder)) continue;
    const pl_session_options session = {
        .folder = folder, .ready_fd = *ready_fd, .resume = there, .force = options->force};
    *ready_fd = -1;
    code = pl_session_run(&session, err);
    finished = is_finished(folder);
    // So that the next run finds the memory which this one has given back.
    (void)malloc_trim(0);
  }
  return code;
}

int pl_group_train(const pl_group_options *options, pl_error *err) {
  pl_group_info *info = pl_xcalloc(1, sizeof *info);
  int lock = -1, ready_fd = options->ready_fd, code = 0;
  char *last = NULL;
  pl_status status = pl_group_load(info, options->folder, err);
  if (status == PL_OK) status = pl_run_lock(&lock, options->folder, err);
  if (status == PL_OK) {
    code = train_folds(&last, options, info, &ready_fd, err);
  } else {
    code = pl_status_exit_code(status);
  }
  pl_spawn_answer(ready_fd, err->code == PL_OK ? NULL : err);
  pl_run_state state;
  pl_error problem = {0};
  if (options->on_end != NULL && last != NULL && pl_run_state_load(&state, last, NULL) == PL_OK &&
      pl_on_end_start(options->on_end, last, &state, &problem) != PL_OK) {
    write_log(options, problem.message);
  }
  free(last);
  free(info);
  if (lock >= 0) close(lock);
  return code;
}
