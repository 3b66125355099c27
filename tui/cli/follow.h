// Following a run on standard output: one line per epoch.
#pragma once

#include <stdbool.h>

#include "core/base/status.h"
#include "core/run/state.h"

// Prints the run in `folder` from now on until its core ends; *code gets the exit code. Ctrl-C asks the core to write a
// checkpoint and stop, a second one leaves it to that. Losing the terminal only ends the watching.
pl_status pl_cli_follow(int *code, const char *folder, pl_error *err);

// The same for a group's runs one after the other, then how all folds did.
pl_status pl_cli_follow_group(int *code, const char *folder, pl_error *err);

// What is known of a group: "group blog: 2 of 5 folds done, best scores 0.8342 (0.8311 to 0.8372); fold 2 is next".
void pl_cli_print_group(const char *folder);

// For pl_spawn_options.waiting: tells on stderr, after a moment, that the run reads, plans or tunes. A Ctrl-C that is
// blocked meanwhile asks the core to stop. pl_cli_started clears the line.
enum { PL_CLI_QUIET_LOOKS = 7 };

typedef struct pl_cli_start {
  const char *folder;
  int looks;
  bool live;
  pl_phase told;
} pl_cli_start;

bool pl_cli_starting(void *start);  // true
void pl_cli_started(pl_cli_start *start);

// Prints what pl_cli_follow printed, from the run's journal, so many times as fast (0: at once).
pl_status pl_cli_replay(const char *folder, double speed, pl_error *err);

// "1:02:03", "2:03", or "?" when unknown.
void pl_cli_duration(char *out, unsigned long size, double seconds);
