// Shared by the session's files.
#pragma once

#include "core/base/clock.h"
#include "core/data/manifest.h"
#include "core/net/registry.h"
#include "core/run/heartbeat.h"
#include "core/run/inbox.h"
#include "core/run/journal.h"
#include "core/run/previews.h"
#include "core/run/rundir.h"
#include "core/run/session.h"
#include "core/train/trainer.h"

typedef enum pl_stop {
  PL_STOP_NONE,
  PL_STOP_COMMAND,  // checkpoint, exit 0
  PL_STOP_SIGNAL,   // checkpoint, exit 6
  PL_STOP_NOW,      // no checkpoint, exit 130
} pl_stop;

typedef struct pl_session {
  const pl_session_options *options;
  char *folder, *checkpoints;
  pl_run_info info;
  char weights_name[160];  // what it starts from, in words
  int lock, log, signals, cases;
  pl_clock clock;
  pl_registry *registry;
  const pl_backend_api *api;
  pl_backend *backend;
  pl_manifest manifest;
  pl_pack *pack;        // NULL for none
  size_t pack_damaged;  // cases of it, as far as was said already
  pl_trainer *trainer;
  pl_preview_writer *previews;  // NULL for none
  bool previews_failed;         // one of this evaluation is missing, and that was said
  double previews_seconds;      // that those of this evaluation took to write
  pl_journal *journal;
  pl_heartbeat *heartbeat;
  pl_run_state state;
  pl_buf scores;  // lines for cases.jsonl of the evaluation under way
  pl_stop stop;
  bool paused, hung_up, full_inbox;
  double began;                 // monotonic, when the training began
  double idle;                  // seconds since then that it was paused
  double interrupted;           // when the first SIGINT came
  double looked;                // when the inbox was looked at last
  bool changed;                 // an option was set since the last checkpoint
  bool begun;                   // the trainer is ready: commands that want it can be obeyed
  int64_t compiled, compiling;  // nodes of the programs before the one that is compiled, and of all
  int64_t checkpointed_step, checkpointed_epoch;
  double checkpointed_at;
  int64_t lost;  // images saved of a step that was not taken
} pl_session;

// One line in core.log with the time in front.
void pl_session_log(const pl_session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

// One record in the journal, and the same line in the log.
void pl_session_note(pl_session *s, pl_message_kind kind, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// For phases outside of the training: shows the phase and how far it is (-1: unknown), and takes signals and commands.
// PL_E_CANCELLED when the run is to stop; a checkpoint that is being saved is finished unless that is to be at once.
pl_status pl_session_work(pl_session *s, pl_phase phase, int64_t done, int64_t total, pl_error *err);

// Puts the trainer's progress and a phase into the state that the heartbeat writes.
void pl_session_show(pl_session *s, pl_phase phase, const char *message);

// Seconds that this core has trained, pauses left out.
double pl_session_active(const pl_session *s);

// Everything up to the first step; s->heartbeat is there once the run's folder is ours. PL_E_CANCELLED: told to stop.
pl_status pl_session_open(pl_session *s, pl_error *err);

// Checks that the data are those of the run, reads the manifest and opens the packed cache.
pl_status pl_session_open_data(pl_session *s, pl_error *err);

// Says so when more of the packed cache has been found to be damaged.
void pl_session_check_pack(pl_session *s);

// Sets a live option. PL_E_USAGE as pl_config_set.
pl_status pl_session_set(pl_session *s, const char *option, const char *value, pl_error *err);

// Saves the images of a step that was not taken below nan/STEP, and says so; what goes wrong with that is said too.
void pl_session_save_lost(pl_session *s, const pl_train_lost *lost);

// Opens the previews once the trainer knows where it begins. Whatever goes wrong with them is said, and no reason to
// end.
void pl_session_open_previews(pl_session *s, const size_t *cases, size_t count);
// Other cases, as the options say now: taken at the next evaluation. Fails as pl_previews_choose.
pl_status pl_session_change_previews(pl_session *s, pl_error *err);
// Keeps what the network makes of a case, as pl_train_hooks.predicted; and shows those of an epoch that is evaluated.
void pl_session_keep_preview(pl_session *s, int64_t epoch, const pl_case *c, const float *probabilities,
                             const pl_error *why);
void pl_session_show_previews(pl_session *s, int64_t epoch);

// Writes a checkpoint; waits while the disk is full. PL_E_CANCELLED when told to stop meanwhile.
pl_status pl_session_checkpoint(pl_session *s, bool best, pl_error *err);

// Signals and commands; stays inside while paused. PL_E_CANCELLED when the run is to stop.
pl_status pl_session_between(pl_session *s, pl_error *err);

// Blocks the signals and opens s->signals. Before any thread is started.
pl_status pl_session_take_signals(pl_session *s, pl_error *err);

// What the trainer calls.
pl_train_hooks pl_session_hooks(pl_session *s);
