#include "tui/cli/follow.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "core/run/inbox.h"
#include "core/run/replay.h"
#include "core/run/watch.h"
#include "tui/notify.h"

enum { LOOK_MS = 200 };

typedef struct follower {
  const pl_run_view *view;
  bool tty, live;      // `live`: an unfinished line stands in the terminal
  bool headed, asked;  // the first line was printed; the core was asked to stop
  int64_t epoch;       // printed last
  size_t warned;       // messages looked at
} follower;

void pl_cli_duration(char *out, unsigned long size, double seconds) {
  if (!isfinite(seconds) || seconds < 0 || seconds > 1e9) {
    snprintf(out, size, "?");
    return;
  }
  long s = lround(seconds);
  if (s >= 3600) {
    snprintf(out, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  } else {
    snprintf(out, size, "%ld:%02ld", s / 60, s % 60);
  }
}

// Unknown is shown as unknown.
static void number(char out[32], int decimals, double value) {
  if (isnan(value)) {
    snprintf(out, 32, "?");
  } else {
    snprintf(out, 32, "%.*f", decimals, value);
  }
}

static void print_head(follower *f) {
  const pl_run_state *s = &f->view->state;
  if (f->headed || s->encoder_weights[0] == '\0') return;
  printf("run %s: %s on %s; encoder: %s\n", f->view->name, s->backend, s->device, s->encoder_weights);
  if (s->plan[0] != '\0') printf("plan: %s\n", s->plan);
  f->headed = true;
}

static void clear_live(follower *f) {
  if (f->live) printf("\r%100s\r", "");
  f->live = false;
}

// " (bce 0.0970 dice 0.8100)": the terms that are known.
static void terms_words(char *out, size_t size, const double terms[PL_LOSS_TERMS]) {
  size_t used = 0;
  out[0] = '\0';
  for (int i = 0; i < PL_LOSS_TERMS; i++) {
    if (isnan(terms[i])) continue;
    int n = snprintf(out + used, size - used, "%s%s %.4f", used > 0 ? " " : " (", pl_loss_term_name((pl_loss_term)i),
                     terms[i]);
    if (n < 0 || (size_t)n >= size - used) return;
    used += (size_t)n;
  }
  if (used > 0 && used + 1 < size) (void)snprintf(out + used, size - used, ")");
}

static void print_epoch(const follower *f, const pl_epoch_record *e) {
  char loss[32], terms[192], rate[32], speed[32], positive[32], left[32];
  number(loss, 4, e->train_loss);
  terms_words(terms, sizeof terms, e->train_terms);
  snprintf(rate, sizeof rate, "%.3g", e->learning_rate);
  number(speed, 1, e->images_per_second);
  number(positive, 4, e->dice_pos);
  pl_cli_duration(left, sizeof left, f->view->state.eta);
  printf(
      "epoch %lld/%lld  loss %s%s  lr %s  %s images/s  ETA %s  dice_batch %.4f  dice %.4f  dice_pos %s  nothing "
      "%.4f%s\n",
      (long long)e->epoch, (long long)f->view->state.epochs, loss, terms, rate, speed, left, e->dice_batch, e->dice,
      positive, e->nothing,
      e->best         ? "  best"
      : e->epoch == 0 ? "  before training"
                      : "");
}

static void print_live(follower *f) {
  const pl_run_state *s = &f->view->state;
  if (!f->tty || pl_phase_is_over(s->phase) || s->epoch < 0) return;
  char loss[32], speed[32], left[32];
  number(loss, 4, s->loss);
  number(speed, 1, s->images_per_second);
  pl_cli_duration(left, sizeof left, s->eta);
  if (s->phase_total > 0) {
    char far[64];
    pl_run_state_words(far, sizeof far, s);
    printf("\r%-30s%70s", far, "");
    f->live = true;
    return;
  }
  printf("\r%-10s epoch %lld/%lld  batch %lld/%lld  loss %s  %s images/s  ETA %s   ", pl_phase_name(s->phase),
         (long long)s->epoch, (long long)s->epochs, (long long)s->epoch_step, (long long)s->epoch_steps, loss, speed,
         left);
  f->live = true;
}

static void print_news(follower *f) {
  const pl_journal_view *j = &f->view->journal;
  print_head(f);
  if (!f->headed) return;
  clear_live(f);
  for (; f->warned < j->message_count; f->warned++) {
    const pl_message_record *m = &j->messages[f->warned];
    if (m->kind == PL_MESSAGE_WARN) printf("warning: %s\n", m->text);
  }
  for (size_t i = 0; i < j->epoch_count; i++) {
    if (j->epochs[i].epoch <= f->epoch) continue;
    print_epoch(f, &j->epochs[i]);
    f->epoch = j->epochs[i].epoch;
  }
  print_live(f);
  fflush(stdout);
}

// Only what happens from now on: earlier epochs were printed when they happened.
static void skip_past(follower *f) {
  const pl_journal_view *j = &f->view->journal;
  f->epoch = -1;
  for (size_t i = 0; i < j->message_count; i++) {
    if (j->messages[i].kind != PL_MESSAGE_RESUME) continue;
    f->epoch = j->messages[i].epoch;
    f->warned = i;
  }
}

// The scores of the best epoch, whose weights are in ckpt/best.
static void print_result(const pl_run_view *view) {
  const pl_epoch_record *best = NULL;
  for (size_t i = 0; i < view->journal.epoch_count; i++) {
    if (view->journal.epochs[i].best) best = &view->journal.epochs[i];
  }
  if (best == NULL) {
    if (view->state.phase == PL_PHASE_FINISHED) printf("no epoch has a score; the newest weights are below ckpt\n");
    return;
  }
  char positive[32];
  number(positive, 4, best->dice_pos);
  printf("best epoch %lld, weights in %s/ckpt/best\n", (long long)best->epoch, view->folder);
  printf("validation dice %.4f dice_pos %s nothing %.4f\n", best->dice, positive, best->nothing);
}

static int finish(follower *f, pl_error *err) {
  const pl_run_state *s = &f->view->state;
  clear_live(f);
  if (s->phase == PL_PHASE_FAILED) {
    (void)pl_fail(err, PL_E_INTERNAL, "%s", s->last_error);
    return s->exit_code > 0 ? (int)s->exit_code : 1;
  }
  if (s->phase == PL_PHASE_STOPPED) {
    printf("stopped at step %lld; 'pleura train --resume %s' goes on\n", (long long)s->step, f->view->name);
  }
  print_result(f->view);
  fflush(stdout);
  if (f->asked) return 6;
  return s->exit_code > 0 ? (int)s->exit_code : 0;
}

// For who looks elsewhere; not into a pipe.
static void ring(const follower *f) {
  char words[160], bytes[256];
  if (!f->tty) return;
  pl_notify_words(words, sizeof words, f->view);
  if (pl_notify_bytes(bytes, sizeof bytes, getenv("TERM"), words) > 0) (void)fputs(bytes, stdout);
  fflush(stdout);
}

// False when the watcher itself is to end.
static bool take_interrupt(follower *f, int signals) {
  struct signalfd_siginfo info;
  if (read(signals, &info, sizeof info) != (ssize_t)sizeof info) return true;
  clear_live(f);
  if (f->asked) return false;
  f->asked = true;
  pl_command stop = {.kind = PL_COMMAND_STOP};
  pl_error err = {0};
  if (pl_inbox_send(&stop, f->view->folder, &err) != PL_OK) fprintf(stderr, "pleura train: %s\n", err.message);
  fprintf(stderr, "asked the core to write a checkpoint and stop; Ctrl-C again leaves it to that\n");
  return true;
}

static pl_status watch_to_end(int *code, follower *f, pl_run_watch *watch, int signals, pl_error *err) {
  for (;;) {
    bool changed = false;
    pl_status status = pl_run_watch_update(watch, &changed, err);
    if (status != PL_OK) return status;
    if (changed) print_news(f);
    if (f->view->alive == PL_ALIVE_NO) break;
    struct pollfd wait = {.fd = signals, .events = POLLIN};
    (void)poll(&wait, 1, LOOK_MS);
    if (!take_interrupt(f, signals)) {
      *code = 6;
      return PL_OK;
    }
  }
  // The lock goes last: everything was written by now.
  pl_status status = pl_run_watch_update(watch, NULL, err);
  if (status == PL_OK) {
    print_news(f);
    *code = finish(f, err);
    ring(f);
  }
  return status;
}

pl_status pl_cli_follow(int *code, const char *folder, pl_error *err) {
  pl_run_watch *watch = NULL;
  pl_status status = pl_run_watch_create(&watch, folder, err);
  if (status != PL_OK) return status;
  sigset_t set, before;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGINT);
  (void)sigprocmask(SIG_BLOCK, &set, &before);
  int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  follower f = {.view = pl_run_watch_view(watch), .tty = isatty(STDOUT_FILENO) == 1};
  status = pl_run_watch_update(watch, NULL, err);
  skip_past(&f);
  if (status == PL_OK) {
    print_news(&f);
    status = watch_to_end(code, &f, watch, signals, err);
  }
  if (signals >= 0) close(signals);
  (void)sigprocmask(SIG_SETMASK, &before, NULL);
  pl_run_watch_destroy(watch);
  return status;
}

// ---- While it starts

bool pl_cli_starting(void *context) {
  pl_cli_start *start = context;
  pl_run_state state;
  const struct timespec none = {0};
  sigset_t interrupt;
  (void)sigemptyset(&interrupt);
  (void)sigaddset(&interrupt, SIGINT);
  if (sigtimedwait(&interrupt, NULL, &none) == SIGINT) {
    pl_command stop = {.kind = PL_COMMAND_STOP};
    pl_error err = {0};
    if (pl_inbox_send(&stop, start->folder, &err) != PL_OK) fprintf(stderr, "pleura train: %s\n", err.message);
    fprintf(stderr, "asked the core to stop\n");
  }
  if (pl_run_state_load(&state, start->folder, NULL) != PL_OK || pl_phase_is_over(state.phase)) return true;
  char words[64];
  pl_run_state_words(words, sizeof words, &state);
  // Whoever does not wait long is not told; a file gets each phase once.
  if (start->looks++ < PL_CLI_QUIET_LOOKS) return true;
  if (isatty(STDERR_FILENO) == 1) {
    fprintf(stderr, "\r%-40s\r%s\r", "", words);
    start->live = true;
  } else if (state.phase != start->told) {
    fprintf(stderr, "%s\n", words);
  }
  start->told = state.phase;
  return true;
}

void pl_cli_started(pl_cli_start *start) {
  if (start->live) fprintf(stderr, "\r%-40s\r", "");
}

// ---- Again

enum { REPLAY_MS = 100 };

pl_status pl_cli_replay(const char *folder, double speed, pl_error *err) {
  pl_run_watch *watch = NULL;
  pl_replay *replay = NULL;
  pl_status status = pl_run_watch_create(&watch, folder, err);
  if (status == PL_OK) status = pl_run_watch_update(watch, NULL, err);
  if (status == PL_OK) status = pl_replay_open(&replay, pl_run_watch_view(watch), err);
  if (status != PL_OK) {
    pl_run_watch_destroy(watch);
    return status;
  }
  follower f = {.view = pl_replay_view(replay), .tty = isatty(STDOUT_FILENO) == 1, .epoch = -1};
  f.headed = f.view->state.encoder_weights[0] == '\0';
  if (speed <= 0) pl_replay_go(replay, pl_replay_last(replay));
  print_news(&f);
  while (!pl_replay_is_over(replay)) {
    (void)nanosleep(&(struct timespec){.tv_nsec = REPLAY_MS * 1000000L}, NULL);
    pl_replay_go(replay, pl_replay_time(replay) + speed * REPLAY_MS / 1000.0);
    print_news(&f);
  }
  clear_live(&f);
  print_result(pl_run_watch_view(watch));
  pl_replay_close(replay);
  pl_run_watch_destroy(watch);
  return PL_OK;
}
