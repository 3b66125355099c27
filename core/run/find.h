// Which run is meant. Every command and every screen that takes a RUN finds it here.
#pragma once

#include <stdbool.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// The folder (absolute) of the run that `text` names; the caller frees. It may be
//   a name, or a beginning or ending that only one run's name has;
//   "latest" (also "last"), NULL or "": the run made last;
//   the path of a run: what has a slash in it, and "." and "..";
//   the name or path of a group of all folds (group.h), which stands for its run under way, or for its last.
// `workspace` may be NULL: then only paths. PL_E_NOTFOUND: no such run, or a path to something else; PL_E_USAGE: it
// fits several, which are named.
pl_status pl_run_find(char **folder, const char *workspace, const char *text, pl_error *err);

// The folder (absolute) of the group of all folds that `text` names, by its name or path; NULL when there is none. The
// caller frees.
char *pl_group_find(const char *workspace, const char *text);

// Whether `text` is a path, for which no workspace is needed.
bool pl_run_is_path(const char *text);

#ifdef __cplusplus
}
#endif
