// What the screens show: the workspace's cases, its runs, and the selected run as its folder tells it. Read outside of
// drawing, by the workbench's thread; drawing only looks at it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/data/access.h"
#include "core/data/labels.h"
#include "core/data/manifest.h"
#include "core/run/config.h"
#include "core/run/replay.h"
#include "core/run/watch.h"
#include "tui/jobs.h"

// What may have changed; bits.
enum {
  PL_CHANGED_LAYOUT = 1,   // the size, or the screen was switched to
  PL_CHANGED_CASES = 2,    // the manifest was read again
  PL_CHANGED_RUNS = 4,     // the list of runs, or which one is selected
  PL_CHANGED_RUN = 8,      // what the selected run's folder says
  PL_CHANGED_TIME = 16,    // a second has passed
  PL_CHANGED_NOTES = 32,   // with CASES: only what was remarked about cases is new; pictures are as they were
  PL_CHANGED_FRAME = 128,  // the moment that a screen asked for (pl_app_wake) has come
  PL_CHANGED_LABELS = 64,  // with CASES: which labels they have, or what is corrected
};

typedef struct pl_tui_model_counts {
  size_t train, test, positive, unlabelled, bad;
} pl_tui_model_counts;

typedef struct pl_tui_model {
  char *workspace;                     // NULL when there is none
  char problem[PL_ERROR_MESSAGE_MAX];  // why there is none, or why cases.csv could not be read; "" when fine
  pl_manifest manifest;                // empty without a workspace
  pl_tui_model_counts counts;

  // The labels that every screen shows are manifest.labels: the chosen ones, or the original ones while there are no
  // corrected ones or they do not fit, and `labels_problem` says so.
  pl_label_choice labels;
  char labels_problem[PL_ERROR_MESSAGE_MAX];
  pl_corrections corrections;  // whichever labels are shown; empty without any that fit

  char **runs;  // folders, oldest first
  size_t run_count, selected;
  bool follow;              // the newest run is selected as soon as there is one
  const pl_run_view *run;   // the selected run; NULL when there is none
  const pl_replay *replay;  // when `run` is what that shows, the run once more; NULL otherwise
  char run_problem[PL_ERROR_MESSAGE_MAX];
  double journal_share;  // of the selected run's journal that has been read, while a job reads a long one; else NAN
  // "alice@gpu3" when this user may only look at the workspace or at the selected run, else "".
  char watching[PL_OWNER_SIZE];

  struct pl_tui_model_private *private;
} pl_tui_model;

// Whom the model tells what changed when something else than its own functions found out; bits.
typedef struct pl_tui_model_listener {
  void (*changed)(void *context, unsigned what);
  void *context;
} pl_tui_model_listener;

// Looks for the workspace at `folder` (NULL: the current folder) and reads it. A missing workspace is no failure: the
// workbench opens and says how to make one. PL_E_... only when `folder` itself is given and is no folder.
// Long journals are read by `jobs`, which outlive the model.
pl_status pl_tui_model_create(pl_tui_model **out, const char *folder, pl_jobs *jobs, pl_tui_model_listener listener,
                              pl_error *err);
void pl_tui_model_destroy(pl_tui_model *model);

// Readable when something in the watched folders changed; -1 where the system cannot tell.
int pl_tui_model_fd(const pl_tui_model *model);

// Reads what changed; returns bits. Cheap when nothing did.
unsigned pl_tui_model_update(pl_tui_model *model);

// Selects a run; returns the bits that changed. Selecting the newest follows the newest from then on.
unsigned pl_tui_model_select(pl_tui_model *model, size_t index);
// The same for the run in `folder`, after reading the list anew.
unsigned pl_tui_model_select_folder(pl_tui_model *model, const char *folder);
bool pl_tui_model_shows(const pl_tui_model *model, const char *folder);  // whether that run is the selected one

// Plays the selected run once more: `run` is then what it was at a time of its journal, at first the beginning. What
// the run does meanwhile is looked at when the replay ends, as it does with another run too. Fails as pl_replay_open.
pl_status pl_tui_model_replay(pl_tui_model *model, pl_error *err);
unsigned pl_tui_model_replay_go(pl_tui_model *model, double time);  // returns the bits that changed
unsigned pl_tui_model_replay_end(pl_tui_model *model);              // likewise; 0 when there was none

// Chooses the labels of all screens, instead of those that pleura.yaml chooses; returns the bits that changed.
unsigned pl_tui_model_choose_labels(pl_tui_model *model, pl_label_choice labels);

// The options that a new run starts from: defaults and pleura.yaml, on the labels that are shown.
pl_status pl_tui_model_config(pl_config *out, const pl_tui_model *model, pl_error *err);

// The folder in which the workspace is looked for, borrowed; the one that becomes one when there is none.
const char *pl_tui_model_start(const pl_tui_model *model);

// The name of a run folder, borrowed.
const char *pl_tui_model_run_name(const pl_tui_model *model, size_t index);
