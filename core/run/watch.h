// A run as a reader sees it, kept up to date from its folder alone. Nothing is written there.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/run/journal.h"
#include "core/run/rundir.h"
#include "core/run/state.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_WATCH_LOG_LINES = 200 };

typedef struct pl_run_watch pl_run_watch;

// Everything known about a run; borrowed until the next update.
typedef struct pl_run_view {
  const char *folder, *name;
  const pl_run_info *info;  // NULL when run.json cannot be read; `problem` says why
  const char *problem;      // ""
  pl_run_state state;       // phase PL_PHASE_UNKNOWN without a state.json; when the core died without saying so, the
                            // phase is PL_PHASE_FAILED and last_error says that it can be resumed
  pl_alive alive;
  double seen;  // wall clock of the last change of the heartbeat, NAN when unknown
  bool read_only;
  pl_journal_view journal;
  const char *const *log;  // the last lines of core.log, oldest first, safe to print
  size_t log_count;
} pl_run_view;

// PL_E_NOTFOUND when there is no such folder.
pl_status pl_run_watch_create(pl_run_watch **out, const char *folder, pl_error *err);
void pl_run_watch_destroy(pl_run_watch *watch);  // takes NULL

// Reads what changed: a few system calls when nothing did, so that it may be called some times a second, or when
// inotify tells. *changed may be NULL.
pl_status pl_run_watch_update(pl_run_watch *watch, bool *changed, pl_error *err);

// The journal's reader, for a thread that reads a long one; until it is given back updates leave the journal alone, and
// the view's is empty. NULL when it is away already. Who took it destroys it when it is not given back.
pl_journal_reader *pl_run_watch_take_journal(pl_run_watch *watch);
void pl_run_watch_give_journal(pl_run_watch *watch, pl_journal_reader *reader);
// Bytes of the journal that an update would read now; 0 while it is away.
size_t pl_run_watch_unread(const pl_run_watch *watch);

const pl_run_view *pl_run_watch_view(const pl_run_watch *watch);

#ifdef __cplusplus
}
#endif
