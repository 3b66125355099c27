// Telling somebody who is not looking that a run has ended: the terminal's bell, and OSC 9, which iTerm2, Windows
// Terminal, kitty, foot, WezTerm and others show as a desktop's notification.
#pragma once

#include <stddef.h>

#include "core/run/watch.h"

// "RUN finished, best 0.8123" and its like.
void pl_notify_words(char *out, size_t size, const pl_run_view *run);

// The bytes for a terminal of that TERM: none (returns 0) for NULL, "" and "dumb", and where PLEURA_BELL is off; the
// bell alone for the Linux console, which would print the rest. Control characters of the text are left out.
size_t pl_notify_bytes(char *out, size_t size, const char *term, const char *text);
