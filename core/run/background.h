// Long commands that run outside of the workbench: `pleura import`, `pack` and the like in a session of their own,
// which survives the terminal and whoever started it. What there is to know of one is in its folder,
// WORKSPACE/.jobs/NAME/:
//
//   job.json       the command line, its working folder, who started it, where and when
//   lock           flock held = alive, as of a run
//   progress.json  replaced by the command itself about once a second
//   log            what the command printed
//   cancel         somebody asked it to end
//   end.json       how it ended
//
// Two processes make a job: a keeper, which holds the lock, hands on the wish to cancel and writes end.json, and the
// command, its child. So a wish to cancel is a file, and no pid is ever read from one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "core/run/rundir.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_BACKGROUND_KEEP = 20 };

// One job as its folder tells it. Texts are safe to print.
typedef struct pl_background {
  char name[64];     // "import-3"
  char command[32];  // "import"
  char line[512];    // the whole command, as one would type it
  char user[64], host[128];
  double started;        // wall clock
  pl_alive alive;        // UNKNOWN on another host
  bool cancelled;        // somebody asked it to end
  double share, left;    // of the work that is done, 0 to 1, and seconds to go; NaN when unknown
  char words[160];       // "812/12047 images, 5.1 a second"; "" before the first
  bool ended;            // end.json is there; without it and not alive, it was killed or its machine went down
  int exit_code;         // 128 + n by signal n
  double seconds;        // it took; NaN when unknown
  char last_words[256];  // the last line of its log; "" for none
} pl_background;

typedef struct pl_background_options {
  const char *executable;  // of pleura, NULL for the running one
  const char *folder;      // where it runs, NULL for the current folder
  double timeout;          // seconds to wait for it, 0 for 60
} pl_background_options;

// Starts `pleura ARGV...` as a job of the workspace and waits until it runs; *name is the caller's to free. PL_E_BUSY
// when a job of the same command is alive there; PL_E_USAGE for an argument that cannot be written down (control
// characters). Of those that ended the newest PL_BACKGROUND_KEEP are kept. `options` may be NULL.
pl_status pl_background_start(char **name, const char *workspace, char *const *argv, size_t argc,
                              const pl_background_options *options, pl_error *err);

// All jobs of a workspace, the newest first; free the list with free(). None without any.
pl_status pl_background_list(pl_background **out, size_t *count, const char *workspace, pl_error *err);

// Asks a job to end, which it does as after Ctrl-C: what is done is kept. PL_E_NOTFOUND when there is no such job, or
// it has ended.
pl_status pl_background_cancel(const char *workspace, const char *name, pl_error *err);

// Removes the folders of jobs that ended; *removed may be NULL.
pl_status pl_background_clear(size_t *removed, const char *workspace, pl_error *err);

// The last `lines` lines of its log, safe to print, one string each; free with pl_fs_free_names.
pl_status pl_background_log(char ***text, size_t *count, const char *workspace, const char *name, size_t lines,
                            pl_error *err);

// "running", "done", "cancelled", "ended with 3" (its exit code), "killed", "unknown, on HOST".
void pl_background_state(char *out, size_t size, const pl_background *job);

// ---- The job's side.

// The keeper (`pleura job FOLDER`): answers over `ready_fd` once the lock is held (negative: does not), runs the
// command and waits for it. Returns the command's exit code; with PL_E_... in `err` when it could not be run.
int pl_background_keep(const char *folder, int ready_fd, pl_error *err);

// The folder of the job that this process is the command of, from its environment; NULL for none.
const char *pl_background_own(void);

// Writes progress.json of `folder`; best effort.
void pl_background_report(const char *folder, double share, double left, const char *words);

#ifdef __cplusplus
}
#endif
