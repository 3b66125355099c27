// How a long command shows how far it is, on stderr, and how Ctrl-C or SIGTERM ends it in good order.
#pragma once

#include <stdbool.h>

#include "core/base/clock.h"

typedef struct pl_cli_progress {
  bool is_terminal, quiet;
  int signals;  // a signalfd for SIGINT and SIGTERM
  pl_clock clock;
  double start, shown;  // seconds: when it began, when something was last printed
} pl_cli_progress;

// Call it before any thread starts, so that none of them takes the signals.
void pl_cli_progress_begin(pl_cli_progress *progress, bool quiet);
void pl_cli_progress_end(pl_cli_progress *progress);

// True when it is time to print: ten times a second on a terminal, else every five seconds; with `over` on a terminal
// always. *elapsed becomes the seconds since the beginning.
bool pl_cli_progress_is_due(double *elapsed, pl_cli_progress *progress, bool over);

// Prints "[####....] DONE, 1:23 leftMORE". `share` is 0 to 1 or NaN when unknown, `left` seconds or NaN.
void pl_cli_progress_bar(pl_cli_progress *progress, double share, double left, const char *done, const char *more);

// Prints a line of its own between two bars.
void pl_cli_progress_note(pl_cli_progress *progress, const char *command, const char *text);

// True when a signal asked to end.
bool pl_cli_progress_is_stopped(pl_cli_progress *progress);
