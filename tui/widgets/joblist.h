// The list of background jobs (core/run/background.h): an overlay, and what the rest of the workbench says of them.
#pragma once

#include <stdbool.h>
#include <time.h>

#include "core/run/background.h"
#include "tui/canvas.h"
#include "tui/widgets/line.h"
#include "tui/widgets/table.h"

struct pl_app;
struct pl_cmd;

typedef struct pl_joblist {
  bool open;
  pl_background *jobs;  // as they were at the last look, the newest first
  size_t count;
  pl_table table;
  struct timespec seen;  // when the folder of all jobs was changed last
  char **log;            // the last lines of the selected job's
  size_t log_count;
  char acting_on[64];          // the job that a question is about
  const struct pl_cmd *waits;  // a command that waits for a workspace, with its arguments
  char waiting_args[PL_LINE_SIZE];
} pl_joblist;

// Starts the subcommand that the command's row names as a job; asks first for what is missing, arguments or a
// workspace.
void pl_joblist_start(struct pl_app *app, const struct pl_cmd *cmd, const char *args);

// Looks at the jobs again, and says which have ended. Cheap when there is none.
void pl_joblist_update(struct pl_app *app);
void pl_joblist_clear(pl_joblist *list);

// The first one that runs, NULL for none.
const pl_background *pl_joblist_running(const pl_joblist *list);

void pl_joblist_draw(const struct pl_app *app, const pl_canvas *canvas);

// Its commands.
void pl_joblist_toggle(struct pl_app *app, const char *args);
void pl_joblist_close(struct pl_app *app, const char *args);
void pl_joblist_next(struct pl_app *app, const char *args);
void pl_joblist_previous(struct pl_app *app, const char *args);
void pl_joblist_cancel(struct pl_app *app, const char *args);
void pl_joblist_clear_ended(struct pl_app *app, const char *args);
