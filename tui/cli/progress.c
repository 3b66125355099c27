#include "tui/cli/progress.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { BAR_WIDTH = 30 };

static int watch_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return -1;
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void pl_cli_progress_begin(pl_cli_progress *progress, bool quiet) {
  *progress = (pl_cli_progress){.is_terminal = isatty(STDERR_FILENO) == 1, .quiet = quiet, .clock = pl_clock_system()};
  progress->signals = watch_signals();
  progress->start = progress->shown = pl_clock_monotonic(&progress->clock);
}

void pl_cli_progress_end(pl_cli_progress *progress) {
  if (progress->is_terminal && !progress->quiet) fputc('\n', stderr);
  if (progress->signals >= 0) close(progress->signals);
  progress->signals = -1;
}

bool pl_cli_progress_is_due(double *elapsed, pl_cli_progress *progress, bool over) {
  double now = pl_clock_monotonic(&progress->clock), pause = progress->is_terminal ? 0.1 : 5.0;
  if (progress->quiet || (now - progress->shown < pause && !(over && progress->is_terminal))) return false;
  progress->shown = now;
  *elapsed = now - progress->start;
  return true;
}

void pl_cli_progress_bar(pl_cli_progress *progress, double share, double left, const char *done, const char *more) {
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
}

void pl_cli_progress_note(pl_cli_progress *progress, const char *command, const char *text) {
  fprintf(stderr, "%spleura %s: %s\n", progress->is_terminal && !progress->quiet ? "\n" : "", command, text);
}

bool pl_cli_progress_is_stopped(pl_cli_progress *progress) {
  struct pollfd poll_for = {.fd = progress->signals, .events = POLLIN};
  return progress->signals >= 0 && poll(&poll_for, 1, 0) == 1;
}
