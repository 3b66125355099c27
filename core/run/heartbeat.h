// state.json kept fresh by a thread of its own, so that a long step does not look like a dead core.
#pragma once

#include "core/base/status.h"
#include "core/run/state.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_heartbeat pl_heartbeat;

// Writes FOLDER/state.json every 2 s from now on. `device` is the GPU whose load is told, as CUDA counts them.
// PL_E_LIMIT when no thread can be started.
pl_status pl_heartbeat_start(pl_heartbeat **out, const char *folder, int device, const pl_run_state *first,
                             pl_error *err);

// Takes a copy of the state (heartbeat, time, elapsed and load are filled by the thread); written at once when the
// phase changed, else with the next beat. A disk that is full is tried again with the next beat.
void pl_heartbeat_set(pl_heartbeat *heartbeat, const pl_run_state *state);

// The load that the thread read last, as long as this function has not told it yet; else, and before the first reading,
// unknown.
pl_load pl_heartbeat_new_load(pl_heartbeat *heartbeat);

// Writes the last state and ends the thread; takes NULL.
void pl_heartbeat_stop(pl_heartbeat *heartbeat);

#ifdef __cplusplus
}
#endif
