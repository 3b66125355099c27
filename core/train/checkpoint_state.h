// state.json of a checkpoint.
#pragma once

#include "core/train/checkpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

// Written aside, synced and renamed.
pl_status pl_checkpoint_state_write(const char *path, const pl_checkpoint_state *state, pl_error *err);

// PL_E_FORMAT says what is wrong. What versions before did not write has its value of a run that does not use it.
pl_status pl_checkpoint_state_read(pl_checkpoint_state *out, const char *path, pl_error *err);

#ifdef __cplusplus
}
#endif
