#include "tui/cli/place.h"

#include <stdlib.h>
#include <string.h>

#include "core/data/access.h"
#include "core/data/manifest.h"
#include "core/run/find.h"

pl_status pl_cli_workspace(char **workspace, const char *given, pl_error *err) {
  return pl_workspace_find(workspace, given != NULL ? given : ".", err);
}

pl_status pl_cli_workspace_to_write(char **workspace, const char *given, pl_error *err) {
  char *found = NULL;
  pl_status status = pl_cli_workspace(&found, given, err);
  if (status == PL_OK) status = pl_access_check(found, pl_access_nothing, err);
  if (status == PL_OK) {
    *workspace = found;
  } else {
    free(found);
  }
  return status;
}

pl_status pl_cli_find_run(char **folder, const char *given_workspace, const char *run, pl_error *err) {
  char *workspace = NULL;
  pl_status status = pl_run_is_path(run) ? PL_OK : pl_cli_workspace(&workspace, given_workspace, err);
  if (status == PL_OK) status = pl_run_find(folder, workspace, run, err);
  free(workspace);
  return status;
}

pl_status pl_cli_check_output(const char *output, pl_error *err) {
  if (output == NULL || strcmp(output, "-") == 0) return PL_OK;
  return pl_access_check(output, pl_access_output, err);
}
