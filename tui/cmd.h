// The one table of commands. Keys, the `:` prompt with its completion, scripts and the help overlay are made from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "tui/complete.h"

struct pl_app;

typedef struct pl_cmd {
  const char *name;        // for `:` and scripts
  const char *screen;      // names of those where it works; NULL for everywhere
  const char *keys;        // by default: names (keymap.h) with spaces; NULL for none
  const char *args;        // what may follow the name, for the help; NULL for nothing
  const char *hint;        // a word for the bottom line; NULL leaves it out there
  const char *help;        // one line
  const char *shell;       // the subcommand of `pleura` that does the same; NULL for none
  pl_completer *complete;  // of what follows the name; NULL for nothing
  // The subcommand that it starts as a background job, with what belongs to it: "import -C WORKSPACE", "--labels
  // LABELS" for those that are shown; NULL for none. What the user adds follows. `args` in [brackets] may be left out.
  const char *job;
  bool writes;  // into the workspace, as all jobs do: refused before it begins where this user may only look on
  void (*run)(struct pl_app *app, const char *args);  // `args` is "" when there are none; NULL when there is a job
} pl_cmd;

typedef struct pl_cmd_table {
  const pl_cmd *cmds;
  size_t count;
} pl_cmd_table;

// Rows of the table, from 0; NULL behind the last.
const pl_cmd *pl_cmd_at(size_t index);
size_t pl_cmd_count(void);

// The command of a key on a screen: its own first, then those for everywhere. NULL when there is none.
struct pl_settings;
const pl_cmd *pl_cmd_for_key(const struct pl_settings *settings, const char *screen, int key);

// The command that the first word of `line` names, by its whole name or an unambiguous beginning; *args is the rest.
// PL_E_NOTFOUND, or PL_E_USAGE with the candidates.
pl_status pl_cmd_parse(const pl_cmd **out, const char **args, const char *screen, const char *line, pl_error *err);

// Does what a row says.
void pl_cmd_run(struct pl_app *app, const pl_cmd *cmd, const char *args);

// Does what a line of `:` or of a script says, where the keys go now; fails as pl_cmd_parse.
pl_status pl_cmd_run_line(struct pl_app *app, const char *line, pl_error *err);

bool pl_cmd_works_on(const pl_cmd *cmd, const char *screen);
bool pl_cmd_belongs_to(const pl_cmd *cmd, const char *screen);  // works there and not everywhere
// Whether there is a screen to which both belong, or both work everywhere.
bool pl_cmd_meet(const pl_cmd *a, const pl_cmd *b);
