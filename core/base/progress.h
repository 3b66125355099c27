// Long work tells how far it is, and asks whether to go on.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// `tell` is called in the thread of the work, often: it returns quickly. False gives the work up.
typedef struct pl_progress {
  bool (*tell)(void *context, int64_t done, int64_t total);
  void *context;
} pl_progress;

// PL_E_CANCELLED when the work is to be given up. `progress` or its `tell` may be NULL: nobody wants to know.
pl_status pl_progress_tell(const pl_progress *progress, int64_t done, int64_t total, pl_error *err);

#ifdef __cplusplus
}
#endif
