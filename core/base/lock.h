// Lock files: held by a process as long as it lives, whatever becomes of it. On one host only: over the network a lock
// may look free.
#pragma once

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// Makes the file when there is none and takes its lock; closing *fd (close-on-exec) gives it back. PL_E_BUSY when
// somebody has it.
pl_status pl_lock_take(int *fd, const char *path, pl_error *err);

// 1 when somebody holds it, 0 when nobody does or there is no such file, -1 when that cannot be told.
int pl_lock_is_held(const char *path);

#ifdef __cplusplus
}
#endif
