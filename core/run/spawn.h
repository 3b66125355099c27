// Starting a core that outlives whoever started it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_spawn_options {
  const char *executable;   // run as `executable core --run FOLDER`; NULL for the running executable itself
  bool group;               // FOLDER is of a group of runs (group.h): `--group FOLDER`
  bool resume;              // go on from the newest valid checkpoint
  bool force;               // resume although the dataset changed
  const char *const *sets;  // with `resume`: live options that change, "epochs=20"
  size_t set_count;
  const char *on_end;  // a command for the shell when the run ends (on_end.h), or NULL
  double timeout;      // seconds to wait for it to be ready, 0 for 600
  // Called some times a second while it reads, plans and tunes, which state.json tells; may be NULL. False waits no
  // longer: the core goes on by itself.
  bool (*waiting)(void *context);
  void *context;
} pl_spawn_options;

// Starts `pleura core` on a run folder in its own session, with no terminal and its output in core.log, and waits until
// it says that it is ready, in a scope of its own where a logout would end it (logout.h): the lock taken, the options
// and data fine, the device open. Then it goes on by itself. Its error otherwise (PL_E_BUSY when another core has the
// run), and PL_E_CANCELLED when it was not waited for. `options` may be NULL. The caller's other descriptors are not
// inherited; the caller must be able to wait for the child it makes.
pl_status pl_spawn_core(const char *folder, const pl_spawn_options *options, pl_error *err);

// The mechanism below it, for other long work: runs argv[0] (a path) with both outputs appended to `log`, and
// descriptor 3 for the answer. `what` is for messages: "the core".
pl_status pl_spawn_detached(char *const *argv, const char *what, const char *log, double timeout, pl_error *err);

// The started side: answers over the descriptor that --ready named, once, and closes it; nothing
// when it is negative. `err` NULL: ready.
void pl_spawn_answer(int fd, const pl_error *err);

#ifdef __cplusplus
}
#endif
