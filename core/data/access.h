// Who may write where: the one check in front of everything that writes into a workspace, a run, or a file that the
// user names.
//
// A workspace whose folder this user may read but not write is watched, and so is a run whose folder or inbox they may
// not write. Nothing is written into what is watched, not even into those of its folders that permissions would allow.
#pragma once

#include <stdbool.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_OWNER_SIZE = 200 };

// What a refusal ends with, when no better advice is known.
extern const char pl_access_nothing[];
// The same for a file that an option -o names.
extern const char pl_access_output[];

// PL_OK when this user may write `path`, which need not be there yet: the nearest folder that is there lets them, and
// the run that it lies in, else the workspace, is not a watched one. A folder of theirs in somebody else's workspace is
// theirs. PL_E_IO says whose it is and ends with `instead`, what to do in place of it: "X belongs to alice@gpu3: you
// may watch it, and <instead>". Only looks. PL_E_NOTFOUND when no folder of the path is there.
pl_status pl_access_check(const char *path, const char *instead, pl_error *err);

// Whether the run or workspace that `path` lies in is watched, and then whose it is, safe to print: "alice@gpu3" of a
// run, "alice" of a workspace, as far as it is known. "" when it is not.
bool pl_access_watched(char owner[PL_OWNER_SIZE], const char *path);

#ifdef __cplusplus
}
#endif
