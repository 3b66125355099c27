#include "core/base/progress.h"

#include <stddef.h>

pl_status pl_progress_tell(const pl_progress *progress, int64_t done, int64_t total, pl_error *err) {
  if (progress == NULL || progress->tell == NULL || progress->tell(progress->context, done, total)) return PL_OK;
  return pl_fail(err, PL_E_CANCELLED, "told to stop");
}
