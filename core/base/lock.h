// Locks on files: held by a process as long as it lives, whatever becomes of it. On one host only: over the network a
// lock may look free.
#pragma once

#include <stdbool.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// Makes the file when there is none and takes its lock; closing *fd (close-on-exec) gives it back. PL_E_BUSY when
// somebody has it.
pl_status pl_lock_take(int *fd, const char *path, pl_error *err);

// The same, but waits for its turn. For what is held for an instant only.
pl_status pl_lock_wait(int *fd, const char *path, pl_error *err);

// Takes the lock of a file or folder that is open already; closing it gives it back. `path` is for the message.
// PL_E_BUSY when somebody has it, PL_E_IO where its file system has no locks.
pl_status pl_lock_file(int fd, const char *path, pl_error *err);

// Whether an open file is a regular one and still the one of that name: between opening and locking it somebody may
// have put another in its place.
bool pl_lock_is_of(int fd, const char *path);

// 1 when somebody holds it, 0 when nobody does or there is no such file, -1 when that cannot be told.
int pl_lock_is_held(const char *path);

#ifdef __cplusplus
}
#endif
