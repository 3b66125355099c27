// What may interrupt a training: signals, commands, a full disk.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/num.h"
#include "core/base/str.h"
#include "core/run/session_private.h"

static const double INBOX_SECONDS = 0.1;

enum { WAIT_MS = 200, RETRY_MS = 5000 };

pl_status pl_session_take_signals(pl_session *s, pl_error *err) {
  sigset_t set;
  (void)sigemptyset(&set);
  static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) (void)sigaddset(&set, numbers[i]);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return pl_fail_errno(err, errno, "cannot block signals");
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  (void)sigaction(SIGPIPE, &ignore, NULL);
  s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  return s->signals >= 0 ? PL_OK : pl_fail_errno(err, errno, "cannot receive signals");
}

static void take_signal(pl_session *s, int number) {
  if (number == SIGHUP) {
    if (!s->hung_up) pl_session_note(s, PL_MESSAGE_ACT, "", "SIGHUP ignored: the core needs no terminal");
    s->hung_up = true;
  } else if (number == SIGINT && s->stop == PL_STOP_SIGNAL && s->interrupted > 0) {
    s->stop = PL_STOP_NOW;
    pl_session_note(s, PL_MESSAGE_ACT, "", "second SIGINT: stopping without a checkpoint");
  } else {
    if (number == SIGINT) s->interrupted = pl_clock_monotonic(&s->clock);
    if (s->stop == PL_STOP_NONE) s->stop = PL_STOP_SIGNAL;
    pl_session_note(s, PL_MESSAGE_ACT, "", "SIG%s: %sstop", sigabbrev_np(number), s->begun ? "checkpoint, then " : "");
  }
}

static void take_signals(pl_session *s) {
  struct signalfd_siginfo info;
  while (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info) take_signal(s, (int)info.ssi_signo);
}

pl_status pl_session_set(pl_session *s, const char *option, const char *value, pl_error *err) {
  pl_config *config = &s->info.config;
  const pl_config before = *config;
  pl_status status = pl_config_set(config, option, value, PL_ORIGIN_RUN, err);
  if (status != PL_OK) return status;
  if (config->previews != before.previews || strcmp(config->preview_cases, before.preview_cases) != 0) {
    status = pl_session_change_previews(s, err);
    if (status != PL_OK) {
      *config = before;
      return status;
    }
  }
  pl_trainer_set_learning_rate(s->trainer, config->learning_rate);
  pl_trainer_set_epochs(s->trainer, config->epochs);
  pl_trainer_set_early_stopping(s->trainer, config->early_stopping);
  s->changed = true;
  return PL_OK;
}

static void set_option(pl_session *s, const pl_command *command) {
  pl_error err = {0};
  if (pl_session_set(s, command->option, command->value, &err) != PL_OK) {
    pl_session_note(s, PL_MESSAGE_ACT, command->id, "refused: %s", err.message);
    return;
  }
  pl_session_note(s, PL_MESSAGE_ACT, command->id, "set %s to %s (%s%s%s)", command->option, command->value,
                  command->user, command->tty[0] != '\0' ? " " : "", command->tty);
}

static pl_status obey(pl_session *s, const pl_command *command, bool checkpoints, pl_error *err) {
  const bool saves = command->kind == PL_COMMAND_CHECKPOINT;
  if ((saves || command->kind == PL_COMMAND_SET) && !s->begun) {
    pl_session_note(s, PL_MESSAGE_ACT, command->id, "refused: the training has not begun yet");
    return PL_OK;
  }
  if (command->kind == PL_COMMAND_SET) {
    set_option(s, command);
    return PL_OK;
  }
  pl_session_note(s, PL_MESSAGE_ACT, command->id, "%s (%s%s%s)", pl_command_name(command->kind), command->user,
                  command->tty[0] != '\0' ? " " : "", command->tty);
  switch (command->kind) {
    case PL_COMMAND_PAUSE: s->paused = true; return PL_OK;
    case PL_COMMAND_RESUME: s->paused = false; return PL_OK;
    case PL_COMMAND_STOP:
      if (s->stop == PL_STOP_NONE) s->stop = PL_STOP_COMMAND;
      return PL_OK;
    // One that is being written now is the answer already.
    default: return checkpoints ? pl_session_checkpoint(s, false, err) : PL_OK;
  }
}

// Looks into the inbox; `checkpoints` is false within a checkpoint, which is where that command would lead.
static pl_status take_commands(pl_session *s, bool checkpoints, pl_error *err) {
  double now = pl_clock_monotonic(&s->clock);
  if (s->looked > 0 && now - s->looked < INBOX_SECONDS) return PL_OK;
  s->looked = now;
  for (int i = 0; i < PL_INBOX_FILES_MAX; i++) {
    pl_command command;
    bool got = false;
    char refused[PL_ERROR_MESSAGE_MAX];
    pl_error problem = {0};
    if (pl_inbox_receive(&command, &got, refused, s->folder, &problem) != PL_OK) {
      // The run can go on without commands; that is said once.
      if (!s->full_inbox) pl_session_note(s, PL_MESSAGE_WARN, "", "no commands: %s", problem.message);
      s->full_inbox = true;
      return PL_OK;
    }
    if (refused[0] != '\0') pl_session_note(s, PL_MESSAGE_WARN, "", "%s", refused);
    if (!got && refused[0] == '\0') return PL_OK;
    if (!got) continue;
    pl_status status = obey(s, &command, checkpoints, err);
    if (status != PL_OK) return status;
  }
  return PL_OK;
}

// Time that is not trained in.
static void wait_a_little(pl_session *s, int milliseconds) {
  struct pollfd wait = {.fd = s->signals, .events = POLLIN};
  const double start = pl_clock_monotonic(&s->clock);
  (void)poll(&wait, 1, milliseconds);
  s->idle += pl_clock_monotonic(&s->clock) - start;
}

double pl_session_active(const pl_session *s) { return pl_clock_monotonic(&s->clock) - s->began - s->idle; }

// The training waits until there is room, and whoever watches is told what for.
static pl_status wait_for_space(pl_session *s, const pl_error *problem, pl_error *err) {
  pl_session_log(s, "%s", problem->message);
  pl_session_show(s, PL_PHASE_PAUSED, problem->message);
  for (int waited = 0; waited < RETRY_MS; waited += WAIT_MS) {
    wait_a_little(s, WAIT_MS);
    take_signals(s);
    pl_status status = take_commands(s, false, err);
    if (status != PL_OK) return status;
    if (s->stop != PL_STOP_NONE) return pl_fail(err, PL_E_NOSPACE, "%.200s", problem->message);
  }
  return PL_OK;
}

pl_status pl_session_work(pl_session *s, pl_phase phase, int64_t done, int64_t total, pl_error *err) {
  pl_run_state *state = &s->state;
  state->phase = phase;
  state->phase_done = done;
  state->phase_total = total;
  state->message[0] = '\0';
  if (s->heartbeat != NULL) pl_heartbeat_set(s->heartbeat, state);
  take_signals(s);
  pl_status status = take_commands(s, false, err);
  if (status != PL_OK) return status;
  bool stops = phase == PL_PHASE_SAVING ? s->stop == PL_STOP_NOW : s->stop != PL_STOP_NONE;
  return stops ? pl_fail(err, PL_E_CANCELLED, "stopped") : PL_OK;
}

static bool on_tensor(void *context, int64_t done, int64_t total) {
  return pl_session_work(context, PL_PHASE_SAVING, done, total, NULL) == PL_OK;
}

pl_status pl_session_checkpoint(pl_session *s, bool best, pl_error *err) {
  pl_checkpoint_source source = pl_trainer_source(s->trainer);
  pl_checkpoint_state state = pl_trainer_state(s->trainer);
  source.progress = (pl_progress){.tell = on_tensor, .context = s};
  bool told = false;
  // What is set from here on is not in this checkpoint.
  s->changed = false;
  for (;;) {
    pl_error problem = {0};
    // What the checkpoint says must not be newer than the journal after a power loss.
    pl_status status = pl_journal_sync(s->journal, &problem);
    if (status == PL_OK) {
      status = pl_checkpoint_save(s->checkpoints, &source, &state, best, s->info.config.keep, &problem);
    }
    if (status == PL_OK) break;
    if (status != PL_E_NOSPACE) {
      if (err != NULL) *err = problem;
      return status;
    }
    if (!told) pl_session_note(s, PL_MESSAGE_WARN, "", "paused until there is space: %.180s", problem.message);
    told = true;
    status = wait_for_space(s, &problem, err);
    if (status != PL_OK) return status;
  }
  s->checkpointed_step = state.step;
  s->checkpointed_epoch = state.epoch;
  s->checkpointed_at = pl_clock_monotonic(&s->clock);
  pl_session_note(s, PL_MESSAGE_ACT, "", "checkpoint %06lld%s", (long long)state.step, best ? " (best)" : "");
  return PL_OK;
}

static pl_phase working_phase(const pl_session *s) {
  return pl_trainer_progress(s->trainer).evaluating ? PL_PHASE_EVALUATING : PL_PHASE_TRAINING;
}

// Whether the newest checkpoint is of this very moment.
static bool is_saved(const pl_session *s) {
  pl_checkpoint_state state = pl_trainer_state(s->trainer);
  return !s->changed && state.step == s->checkpointed_step && state.epoch == s->checkpointed_epoch;
}

// Within an epoch, and when an option was set: a run that is killed goes on with what was asked for.
static bool is_due(const pl_session *s) {
  const pl_config *config = &s->info.config;
  if (s->changed) return true;
  int64_t step = pl_trainer_state(s->trainer).step;
  if (step == s->checkpointed_step || step == 0 || pl_trainer_progress(s->trainer).evaluating) return false;
  if (config->checkpoint_every_steps > 0 && step % config->checkpoint_every_steps == 0) return true;
  double minutes = (pl_clock_monotonic(&s->clock) - s->checkpointed_at) / 60;
  return config->checkpoint_every_minutes > 0 && minutes >= (double)config->checkpoint_every_minutes;
}

pl_status pl_session_between(pl_session *s, pl_error *err) {
  take_signals(s);
  pl_status status = take_commands(s, true, err);
  while (status == PL_OK && s->paused && s->stop == PL_STOP_NONE) {
    pl_session_show(s, PL_PHASE_PAUSED, "paused by command");
    wait_a_little(s, WAIT_MS);
    take_signals(s);
    status = take_commands(s, true, err);
  }
  if (status == PL_OK && s->stop == PL_STOP_NONE && is_due(s)) status = pl_session_checkpoint(s, false, err);
  if (status != PL_OK) return status;
  pl_session_show(s, working_phase(s), "");
  if (s->stop == PL_STOP_NONE) return PL_OK;
  if (s->stop != PL_STOP_NOW && !is_saved(s)) {
    status = pl_session_checkpoint(s, false, err);
    if (status != PL_OK) return status;
  }
  return pl_fail(err, PL_E_CANCELLED, "stopped");
}
