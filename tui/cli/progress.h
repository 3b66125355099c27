// How a long command shows how far it is, and how Ctrl-C or SIGTERM ends it in good order. It shows it on stderr; the
// command of a background job (core/run/background.h) writes it into the job's folder instead.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/clock.h"

typedef struct pl_cli_progress {
  bool is_terminal, quiet;
  const char *job;  // the job's folder, NULL when this is none
  bool showing;     // there is a bar on the terminal's line
  bool stopped;     // a signal asked to end, and somebody was told
  int signals;      // a signalfd for SIGINT and SIGTERM, -1 when they end the process as usual
  pl_clock clock;
  double start, shown;  // seconds: when it began, when something was last printed
} pl_cli_progress;

// Call it before any thread starts, so that none of them takes the signals.
void pl_cli_progress_begin(pl_cli_progress *progress, bool quiet);
// The same for work that cannot be asked to stop: the signals end the process.
void pl_cli_progress_begin_unstoppable(pl_cli_progress *progress, bool quiet);
// From here on the signals end the process again.
void pl_cli_progress_end(pl_cli_progress *progress);

// True when it is time to tell: ten times a second on a terminal, once in a job, else every five seconds; with `over`
// on a terminal and in a job always. *elapsed becomes the seconds since the beginning.
bool pl_cli_progress_is_due(double *elapsed, pl_cli_progress *progress, bool over);

// Tells "[####....] DONE, 1:23 leftMORE". `share` is 0 to 1 or NaN when unknown, `left` seconds or NaN.
void pl_cli_progress_bar(pl_cli_progress *progress, double share, double left, const char *done, const char *more);

// Prints a line of its own between two bars.
void pl_cli_progress_note(pl_cli_progress *progress, const char *command, const char *text);

// True when a signal asked to end.
bool pl_cli_progress_is_stopped(pl_cli_progress *progress);

// The same for pictures that are looked at one after another; as a pl_phash_progress, with the progress as its context.
bool pl_cli_progress_pictures(void *progress, size_t done, size_t total);
