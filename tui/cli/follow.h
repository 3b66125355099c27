// Following a run on standard output: one line per epoch.
#pragma once

#include "core/base/status.h"

// Prints the run in `folder` from now on until its core ends; *code gets the exit code. Ctrl-C asks the core to write a
// checkpoint and stop, a second one leaves it to that. Losing the terminal only ends the watching.
pl_status pl_cli_follow(int *code, const char *folder, pl_error *err);

// The same for a group's runs one after the other, then how all folds did.
pl_status pl_cli_follow_group(int *code, const char *folder, pl_error *err);

// What is known of a group: "group blog: 2 of 5 folds done, best scores 0.8342 (0.8311 to 0.8372); fold 2 is next".
void pl_cli_print_group(const char *folder);

// "1:02:03", "2:03", or "?" when unknown.
void pl_cli_duration(char *out, unsigned long size, double seconds);
