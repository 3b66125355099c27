// All runs of a workspace side by side: where each is, what it scored epoch by epoch, how their options differ, and
// whether their scores can be compared at all.
#pragma once

#include "core/run/journal.h"
#include "core/run/rundir.h"
#include "core/run/state.h"
#include "core/run/tables.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_run_summary {
  char *folder;
  const char *name;   // the folder's
  pl_run_info *info;  // NULL when run.json cannot be read
  pl_run_state state;
  pl_alive alive;
  pl_epoch_record *epochs;  // evaluated so far
  size_t epoch_count;
  struct pl_run_stamp *stamp;  // what was read, to notice changes
} pl_run_summary;

// Oldest first.
typedef struct pl_run_summaries {
  pl_run_summary *runs;
  size_t count;
  pl_table_hashes tables;  // of the workspace, to tell what changed since a run was made
  bool has_tables;
  struct pl_tables_stamp *tables_stamp;  // which files they are of
} pl_run_summaries;

// Reads what changed since the last call; the first one on a zeroed struct reads all. Cheap when nothing changed. What
// cannot be read of a run stays unknown. *changed may be NULL. PL_E_IO when the folder of runs cannot be listed.
pl_status pl_run_summaries_update(pl_run_summaries *summaries, const char *workspace, bool *changed, pl_error *err);
void pl_run_summaries_clear(pl_run_summaries *summaries);

// The best value of best-by so far and its epoch; NAN and -1 before the first.
double pl_run_summary_best(const pl_run_summary *run, int64_t *epoch);

// Why the scores of two runs cannot be compared, "" when they can: validated on other images (fold, folds.csv, labels,
// filter, limit), at another size, or ranked by another score.
void pl_run_incomparable(char *out, size_t size, const pl_run_summary *a, const pl_run_summary *b);

// Whether an option has not the same value in all of these runs; a run without options counts as the same.
bool pl_run_option_differs(const pl_option *option, const pl_run_summary *const *runs, size_t count);

#ifdef __cplusplus
}
#endif
