// Which algorithm computes a convolution in a direction: chosen by timing or by a rule, kept by the store, written to
// the run as JSON so that a resumed run computes the same way.
#pragma once

#include "core/net/backend_onednn/internal.h"

typedef enum pl_algorithm { PL_ALGORITHM_DIRECT, PL_ALGORITHM_WINOGRAD, PL_ALGORITHM_COUNT } pl_algorithm;

// Takes over what `text` says (JSON of pl_choices_write), or nothing when it is NULL. PL_E_USAGE when it was made by
// another version, instruction set or number of threads, PL_E_FORMAT when it is no such text.
pl_status pl_choices_read(pl_store *store, const char *text, pl_error *err);

// Renews store->choices.
void pl_choices_write(pl_store *store);

// The algorithm for `conv` with its direction and blocks set. The first question is answered by timing when the backend
// was opened with `tune`, else by a rule. PL_E_CANCELLED when the host stopped the timing.
pl_status pl_choices_find(pl_algorithm *out, pl_store *store, const pl_dnn_conv *conv, pl_error *err);
