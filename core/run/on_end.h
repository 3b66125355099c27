// What a user wants to happen when a run ends: a mail, a message to the phone, the next run.
#pragma once

#include <stdint.h>

#include "core/run/state.h"

#ifdef __cplusplus
extern "C" {
#endif

// Starts `command` with /bin/sh in the run's folder, in a process of its own that is not waited for; what it writes
// goes where this process' output goes (a core's: core.log). It finds in its environment PLEURA_RUN (the folder),
// PLEURA_NAME, PLEURA_STATE ("finished", "stopped", "failed"), PLEURA_EXIT_CODE, PLEURA_BEST and PLEURA_BEST_EPOCH
// ("" when unknown), and PLEURA_ERROR. Only ever given on a command line: a file that others may write must not say
// what is run. PL_E_IO.
pl_status pl_on_end_start(const char *command, const char *folder, const pl_run_state *state, pl_error *err);

#ifdef __cplusplus
}
#endif
