#include "tui/cli/progress.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/run/background.h"

enum { BAR_WIDTH = 30 };

static sigset_t stopping_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

static int watch_signals(void) {
  const sigset_t set = stopping_signals();
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void pl_cli_progress_begin_unstoppable(pl_cli_progress *progress, bool quiet) {
  const char *job = pl_background_own();
  *progress = (pl_cli_progress){.is_terminal = job == NULL && isatty(STDERR_FILENO) == 1,
                                .quiet = quiet && job == NULL,
                                .job = job,
                                .signals = -1,
                                .clock = pl_clock_system()};
  progress->start = progress->shown = pl_clock_monotonic(&progress->clock);
}

void pl_cli_progress_begin(pl_cli_progress *progress, bool quiet) {
  pl_cli_progress_begin_unstoppable(progress, quiet);
  progress->signals = watch_signals();
}

void pl_cli_progress_end(pl_cli_progress *progress) {
  if (progress->showing) fputc('\n', stderr);
  progress->showing = false;
  if (progress->signals < 0) return;
  // What was answered by stopping must not end the process on top.
  struct signalfd_siginfo info;
  while (progress->stopped && read(progress->signals, &info, sizeof info) > 0) continue;
  close(progress->signals);
  progress->signals = -1;
  const sigset_t set = stopping_signals();
  (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool pl_cli_progress_is_due(double *elapsed, pl_cli_progress *progress, bool over) {
  const double now = pl_clock_monotonic(&progress->clock);
  const double pause = progress->is_terminal ? 0.1 : progress->job != NULL ? 1.0 : 5.0;
  const bool last = over && (progress->is_terminal || progress->job != NULL);
  if (progress->quiet || (now - progress->shown < pause && !last)) return false;
  progress->shown = now;
  *elapsed = now - progress->start;
  return true;
}

void pl_cli_progress_bar(pl_cli_progress *progress, double share, double left, const char *done, const char *more) {
  if (progress->job != NULL) {
    char words[256];
    snprintf(words, sizeof words, "%s%s", done, more);
    pl_background_report(progress->job, share, left, words);
    return;
  }
  char bar[BAR_WIDTH + 1], time[32] = "--:--";
  memset(bar, isnan(share) ? '?' : '.', BAR_WIDTH);
  if (!isnan(share)) memset(bar, '#', (size_t)(fmin(fmax(share, 0), 1) * BAR_WIDTH));
  bar[BAR_WIDTH] = '\0';
  if (left >= 0 && left < 1e6) {
    unsigned long seconds = (unsigned long)(left + 0.5);
    snprintf(time, sizeof time, "%lu:%02lu", seconds / 60, seconds % 60);
  }
  fprintf(stderr, "%s[%s] %s, %s left%s%s", progress->is_terminal ? "\r" : "", bar, done, time, more,
          progress->is_terminal ? "  " : "\n");
  fflush(stderr);
  progress->showing = progress->is_terminal;
}

void pl_cli_progress_note(pl_cli_progress *progress, const char *command, const char *text) {
  fprintf(stderr, "%spleura %s: %s\n", progress->showing ? "\n" : "", command, text);
}

bool pl_cli_progress_is_stopped(pl_cli_progress *progress) {
  struct pollfd poll_for = {.fd = progress->signals, .events = POLLIN};
  progress->stopped = progress->stopped || (progress->signals >= 0 && poll(&poll_for, 1, 0) == 1);
  return progress->stopped;
}

bool pl_cli_progress_pictures(void *context, size_t done, size_t total) {
  pl_cli_progress *progress = context;
  double elapsed = 0;
  if (pl_cli_progress_is_due(&elapsed, progress, done == total)) {
    char words[64];
    snprintf(words, sizeof words, "%zu/%zu pictures", done, total);
    const double left = done > 0 ? elapsed / (double)done * (double)(total - done) : NAN;
    pl_cli_progress_bar(progress, total > 0 ? (double)done / (double)total : NAN, left, words, "");
  }
  return !pl_cli_progress_is_stopped(progress);
}
