// A training of all folds: a group of runs, one for each fold held out, trained one after another by one core.
// runs/NAME/group.json (frozen options, hashes of the data), lock and core.log stand beside the runs, which are
// ordinary ones: runs/NAME-fold0, runs/NAME-fold1, ... Each is made when its turn comes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/run/config.h"
#include "core/run/rundir.h"

#ifdef __cplusplus
extern "C" {
#endif

// group.json: frozen when the group is made.
typedef struct pl_group_info {
  char name[64];
  char workspace[4096];  // absolute
  pl_config config;      // fold and name are not of it
  int64_t folds;
  char dataset_sha256[PL_SHA256_HEX_SIZE], labels_sha256[PL_SHA256_HEX_SIZE];
} pl_group_info;

// The group that a training of all folds of these options belongs to: the one that the config names, else the newest
// one of the same options that is not over, else a new one. *folder (absolute) is the caller's. PL_E_USAGE: a group of
// that name has other options (they are listed), or as pl_run_make; PL_E_EXISTS: a run has that name.
pl_status pl_group_begin(char **folder, const char *workspace, const pl_config *config, pl_error *err);

// Reads FOLDER/group.json. PL_E_NOTFOUND, PL_E_FORMAT.
pl_status pl_group_load(pl_group_info *out, const char *folder, pl_error *err);

// The folder of the group of that name; NULL when there is none. The caller frees.
char *pl_group_folder(const char *workspace, const char *name);

// The folder of its run of a fold, whether it is there or not. The caller frees.
char *pl_group_run_folder(const char *folder, int64_t fold);

// The folder of the group that a run is of, and the fold; NULL when it is of none. The caller frees.
char *pl_group_of_run(int64_t *fold, const char *run_folder);

// Folders of a workspace's groups, absolute, in byte order of their names; free with pl_fs_free_names.
pl_status pl_group_list(char ***folders, size_t *count, const char *workspace, pl_error *err);

// How far a group is.
typedef struct pl_group_progress {
  int64_t folds, finished;
  int64_t current;  // the fold under way or, when nothing works on it, the one that would go on; -1 when all are over
  double mean, least, most;  // of the best scores of the finished ones, NAN without one
  pl_alive alive;
} pl_group_progress;

pl_status pl_group_look(pl_group_progress *out, const char *folder, pl_error *err);

typedef struct pl_group_options {
  const char *folder;
  int ready_fd;        // where to answer whoever started us, or -1
  bool force;          // although the data or the labels changed since the group was made
  const char *on_end;  // a command for the shell when the group ends (on_end.h), or NULL
} pl_group_options;

// The core's side: trains what is left of the group, as pl_session_run does each run, in this process. A run that was
// cut is resumed, finished ones are left alone; the first that stops or fails ends the group. Returns the exit code of
// the last one, 0 when all are done.
int pl_group_train(const pl_group_options *options, pl_error *err);

#ifdef __cplusplus
}
#endif
