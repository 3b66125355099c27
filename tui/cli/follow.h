// Following a run on standard output: one line per epoch.
#pragma once

#include "core/base/status.h"

// Prints the run in `folder` from now on until its core ends; *code gets the exit code. Ctrl-C asks the core to write a
// checkpoint and stop, a second one leaves it to that. Losing the terminal only ends the watching.
pl_status pl_cli_follow(int *code, const char *folder, pl_error *err);

// "1:02:03", "2:03", or "?" when unknown.
void pl_cli_duration(char *out, unsigned long size, double seconds);
