// Run folders: WORKSPACE/runs/2026-11-23-a and what lies in them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/data/manifest.h"
#include "core/run/config.h"
#include "core/run/state.h"

#ifdef __cplusplus
extern "C" {
#endif

// run.json: frozen when the run is made.
typedef struct pl_run_info {
  char name[64];
  char workspace[4096];  // absolute
  pl_config config;
  char version[32];                          // of pleura
  char dataset_sha256[PL_SHA256_HEX_SIZE];   // of cases.csv
  char labels_sha256[PL_SHA256_HEX_SIZE];    // of folds.csv and the RLE table, original or corrected as the options say
  char folds_sha256[PL_SHA256_HEX_SIZE];     // of folds.csv alone; "" when it was not kept
  char pictures_sha256[PL_SHA256_HEX_SIZE];  // pl_import_pictures_hash; "" when it was not kept or not known
  double created;                            // wall clock
  char host[128], user[64];
} pl_run_info;

// Makes a run folder with run.json and an empty inbox: runs/NAME when the config has a name, else today's date with the
// next free letter. With fit-batch the batches are made to fit (pl_run_plan_fit). The caller frees *folder (absolute).
// PL_E_EXISTS when the name is taken, PL_E_NOTFOUND when the workspace has no cases or no folds, and as
// pl_config_check.
pl_status pl_run_make(char **folder, const char *workspace, const pl_config *config, pl_error *err);

// What stays open in a run's options is filled in, as it is frozen in run.json: the size, and the paths of weights and
// choices; with all_folds the weights of another run stay open, for each fold has its own. `root` is the workspace's
// absolute path. Fails as pl_run_make, with parts of it filled in.
pl_status pl_run_freeze(pl_config *config, const char *root, pl_error *err);

// Makes the folder ROOT/runs/NAME, or today's date with the next free letter when the name is "". The caller frees.
// PL_E_EXISTS.
pl_status pl_run_make_folder(char **folder, const char *root, const char *name, pl_error *err);

// What a run takes from its workspace: labelled cases and the fold must be there (PL_E_NOTFOUND, PL_E_USAGE), and a
// size of 0 becomes the size of the prepared images.
pl_status pl_run_check_data(pl_config *config, const pl_manifest *manifest, pl_error *err);

// Reads FOLDER/run.json. PL_E_NOTFOUND, PL_E_FORMAT.
pl_status pl_run_load(pl_run_info *out, const char *folder, pl_error *err);

// Hashes of the workspace as it is now, as in run.json, for runs on these labels.
pl_status pl_run_hash_dataset(char dataset[PL_SHA256_HEX_SIZE], char labels[PL_SHA256_HEX_SIZE], const char *workspace,
                              pl_label_choice choice, pl_error *err);

// The cases of a workspace with the labels that the options choose. Fails as pl_manifest_load and pl_labels_apply.
pl_status pl_run_load_manifest(pl_manifest *out, const char *workspace, const pl_config *config, pl_error *err);

// Folders of a workspace's runs, absolute, oldest first; free with pl_fs_free_names. None when there is no run.
pl_status pl_run_list(char ***folders, size_t *count, const char *workspace, pl_error *err);

typedef enum pl_alive {
  PL_ALIVE_NO,
  PL_ALIVE_YES,
  PL_ALIVE_UNKNOWN,  // on another host, and its heartbeat has not been seen changing
} pl_alive;

// Same host: whether someone holds the lock; the pid is never asked. Another host: whether `state->heartbeat` differs
// from `last_heartbeat` of an earlier look (0: there was none). `state` may be NULL.
pl_alive pl_run_alive(const char *folder, const pl_run_state *state, uint64_t last_heartbeat);

// True when the folder may only be read: it is watched, but takes no commands.
bool pl_run_is_read_only(const char *folder);

// ---- The core's side.
// Takes the lock for as long as the process lives and writes core.json (pid, host, boot id). PL_E_BUSY when another
// core holds it. *fd is close-on-exec; closing it releases the lock.
pl_status pl_run_lock(int *fd, const char *folder, pl_error *err);

#ifdef __cplusplus
}
#endif
