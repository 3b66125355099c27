// When a user last had the workbench open on a workspace, and what a run did since then. Kept in the user's own state
// folder, $XDG_STATE_HOME/pleura/visits or ~/.local/state/pleura/visits, never in the workspace.
#pragma once

#include <stddef.h>

#include "core/run/watch.h"

// Wall clock of the last visit's end; NAN when there was none, or nothing is known.
double pl_visit_last(const char *workspace);

// Notes that the user is there now. What goes wrong with that only costs the words.
void pl_visit_note(const char *workspace, double now);

// "since yesterday 18:02: epochs 3 to 9, dice 0.7100 -> 0.7800, 2 warnings"; "" when `since` is NAN or nothing
// happened.
void pl_visit_words(char *out, size_t size, const pl_run_view *run, double since, double now);
