// What the subcommands say about a run.
#pragma once

#include "core/run/tables.h"
#include "core/run/watch.h"

// The phase, or "on another host" when nothing is known of its core.
const char *pl_cli_phase_words(const pl_run_view *view);

// One line that fits a prompt or a status bar; with `more` also the device, the weights and what went wrong.
void pl_cli_print_status(const pl_run_view *view, bool more);

// One JSON object without a line end; unknown values are null. `now`: to tell what changed since the run was made; NULL
// leaves that unknown, since it takes reading the tables.
void pl_cli_print_run_json(const pl_run_view *view, const pl_table_hashes *now);

// What a run answered to a command; `answered` false when it has not yet.
void pl_cli_print_answer_json(const char *run, const char *text, bool answered);
