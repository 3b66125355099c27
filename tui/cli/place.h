// Where a subcommand works: the workspace and the run that its words name, and whether it may write there.
#pragma once

#include "core/base/status.h"

// The workspace at or above the folder that -C names (NULL: the current one); the caller frees. Fails as
// pl_workspace_find.
pl_status pl_cli_workspace(char **workspace, const char *given, pl_error *err);

// The same for a command that writes there: also PL_E_IO as pl_access_check.
pl_status pl_cli_workspace_to_write(char **workspace, const char *given, pl_error *err);

// The run that RUN names, as pl_run_find; NULL for the one made last. A path needs no workspace. The caller frees.
pl_status pl_cli_find_run(char **folder, const char *given_workspace, const char *run, pl_error *err);

// Before any work: whether the file or folder of -o may be written. NULL and "-" (standard output) may.
pl_status pl_cli_check_output(const char *output, pl_error *err);
