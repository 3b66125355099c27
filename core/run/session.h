// The background core's whole life on one run folder.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_session_options {
  const char *folder;
  int ready_fd;  // where to answer whoever started us, or -1
  bool resume;   // go on from the newest valid checkpoint, or from the start when there is none yet
  bool force;    // although the data or the labels changed since the run was made
  // When resuming, live options that change: "epochs=20". Borrowed.
  const char *const *sets;
  size_t set_count;
  const char *on_end;  // a command for the shell (on_end.h), or NULL
} pl_session_options;

// Trains the run to its end, a command or a signal, and returns the process's exit code: 0 done or stopped by command,
// 6 stopped by SIGTERM, SIGINT, SIGUSR1 or SIGUSR2 with a checkpoint, 130 after a second SIGINT (without one), else as
// pl_status_exit_code. Everything is told to core.log, state.json and the journal, except why the folder cannot be
// worked on at all: `err` (not NULL) has the reason of any end that was not ordered. Blocks these signals in the
// calling thread and reads them between steps; SIGHUP is noted and ignored.
int pl_session_run(const pl_session_options *options, pl_error *err);

#ifdef __cplusplus
}
#endif
