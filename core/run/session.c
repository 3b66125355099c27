#include "core/run/session.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/on_end.h"
#include "core/run/session_private.h"
#include "core/run/spawn.h"

enum { SCORES_MAX = 256 << 20 };

static void write_log(const pl_session *s, const char *text) {
  if (s->log < 0) return;
  char stamp[32], safe[1024];
  time_t now = (time_t)pl_clock_wall(&s->clock);
  struct tm parts;
  (void)localtime_r(&now, &parts);
  (void)strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
  (void)pl_safe_text(safe, sizeof safe, text, strlen(text));
  (void)dprintf(s->log, "%s %s\n", stamp, safe);
}

void pl_session_log(const pl_session *s, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  write_log(s, text);
}

void pl_session_note(pl_session *s, pl_message_kind kind, const char *id, const char *format, ...) {
  pl_message_record record = {.kind = kind, .step = 0, .epoch = 0, .time = pl_clock_wall(&s->clock)};
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(record.text, sizeof record.text, format, arguments);
  va_end(arguments);
  (void)pl_copy_text(record.id, sizeof record.id, id);
  if (s->trainer != NULL) {
    pl_checkpoint_state state = pl_trainer_state(s->trainer);
    record.step = state.step;
    // A resume record says which epoch was evaluated last.
    record.epoch = kind == PL_MESSAGE_RESUME ? state.epoch - 1 : state.epoch;
  }
  write_log(s, record.text);
  pl_error err = {0};
  if (s->journal != NULL && pl_journal_message(s->journal, &record, &err) != PL_OK) write_log(s, err.message);
}

void pl_session_show(pl_session *s, pl_phase phase, const char *message) {
  s->state.phase = phase;
  s->state.phase_done = s->state.phase_total = -1;
  (void)pl_copy_text(s->state.message, sizeof s->state.message, message);
  if (s->trainer != NULL) {
    pl_train_progress p = pl_trainer_progress(s->trainer);
    s->state.step = p.step;
    s->state.steps = p.steps;
    s->state.epoch = p.epoch;
    s->state.epochs = p.epochs;
    s->state.epoch_step = p.epoch_step;
    s->state.epoch_steps = p.epoch_steps;
    s->state.loss = p.loss_mean;
    s->state.learning_rate = p.learning_rate;
    s->state.images_per_second = p.images_per_second;
    s->state.eta = pl_phase_is_over(phase) ? (double)NAN : p.eta;
    s->state.best = p.best;
    s->state.best_epoch = p.best_epoch;
  }
  if (s->heartbeat != NULL) pl_heartbeat_set(s->heartbeat, &s->state);
}

// The last words in state, journal and log.
static int end_session(pl_session *s, pl_status status, const pl_error *err) {
  int code = status == PL_OK ? 0 : pl_status_exit_code(status);
  pl_phase phase = PL_PHASE_FINISHED;
  if (status == PL_E_CANCELLED) {
    phase = PL_PHASE_STOPPED;
    code = s->stop == PL_STOP_COMMAND ? 0 : s->stop == PL_STOP_NOW ? 130 : 6;
    pl_session_note(s, PL_MESSAGE_END, "", "stopped");
  } else if (status != PL_OK) {
    phase = PL_PHASE_FAILED;
    pl_session_note(s, PL_MESSAGE_END, "", "failed: %.220s", err->message);
    (void)pl_copy_text(s->state.last_error, sizeof s->state.last_error, err->message);
  } else {
    pl_checkpoint_state reached = pl_trainer_state(s->trainer);
    bool early = reached.epoch <= reached.epochs;
    pl_session_note(s, PL_MESSAGE_END, "", early ? "finished early: %lld epochs without a better %s" : "finished",
                    (long long)s->info.config.early_stopping, s->info.config.best_by);
  }
  if (s->journal != NULL && pl_journal_sync(s->journal, NULL) != PL_OK) write_log(s, "the journal is not complete");
  s->state.exit_code = code;
  pl_session_show(s, phase, "");
  pl_error problem = {0};
  const char *command = s->options->on_end;
  if (command != NULL && pl_on_end_start(command, s->folder, &s->state, &problem) != PL_OK) {
    pl_session_log(s, "%s", problem.message);
  }
  return code;
}

static void close_session(pl_session *s) {
  pl_preview_writer_close(s->previews);
  pl_trainer_destroy(s->trainer);
  if (s->backend != NULL) s->api->close(s->backend);
  pl_registry_destroy(s->registry);
  pl_pack_close(s->pack);
  pl_manifest_clear(&s->manifest);
  pl_journal_close(s->journal);
  pl_heartbeat_stop(s->heartbeat);
  pl_buf_clear(&s->scores);
  free(s->checkpoints);
  free(s->folder);
  const int files[] = {s->cases, s->log, s->signals, s->lock};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    if (files[i] >= 0) close(files[i]);
  }
  free(s);
}

int pl_session_run(const pl_session_options *options, pl_error *err) {
  pl_session *s = pl_xcalloc(1, sizeof *s);
  s->options = options;
  s->folder = pl_xstrdup(options->folder);
  s->checkpoints = pl_path_join(options->folder, "ckpt");
  s->lock = s->log = s->signals = s->cases = -1;
  s->clock = pl_clock_system();
  pl_buf_init(&s->scores, SCORES_MAX);
  pl_run_state_init(&s->state);
  s->state.phase = PL_PHASE_STARTING;
  pl_status status = pl_session_open(s, err);
  if (status == PL_E_CANCELLED) (void)pl_fail(err, status, "stopped before the training began");
  pl_spawn_answer(options->ready_fd, status == PL_OK ? NULL : err);
  if (status == PL_OK) {
    pl_train_hooks hooks = pl_session_hooks(s);
    pl_session_show(s, PL_PHASE_TRAINING, "");
    if (s->changed) status = pl_session_checkpoint(s, false, err);
    if (status == PL_OK) status = pl_trainer_run(s->trainer, &hooks, err);
  }
  // Without the lock the folder is another core's: not a word into it.
  int code = s->heartbeat != NULL ? end_session(s, status, err) : pl_status_exit_code(status);
  close_session(s);
  return code;
}
