// pleura weights import.
#pragma once

#include <stdbool.h>

#include "core/base/status.h"

// Makes safetensors of a file of torch.save, and says what it holds and which encoders it fits. Written to `out`, or
// beside the file when `out` and `encoder` are NULL; with an encoder (which the file must fit) and no `out`, where new
// runs of it find their weights. PL_E_EXISTS unless `force`.
pl_status pl_cli_weights_import(const char *path, const char *out, const char *encoder, bool force, pl_error *err);
