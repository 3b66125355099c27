// What benchmarks of the workbench share: a pseudo terminal that takes bytes as fast as it is told, and how long a
// key's picture takes. A picture has arrived when the question behind its last byte was read.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tests/screens/pty.h"

enum { TAP_PATIENCE = 20 };  // seconds

typedef struct tap {
  pty p;
  double rate, begun;  // bytes a second, 0: all at once
  size_t taken;
} tap;

double tap_now(void);
// Says what is wrong and ends the benchmark.
_Noreturn void tap_fail(const char *what);

// Starts the workbench in a window of that size.
void tap_start(tap *t, const char *pleura, const char *workspace, int columns, int rows);
void tap_rate(tap *t, double rate);
// Takes what comes for so long, less when something came.
void tap_pump(tap *t, double seconds);
void tap_rest(tap *t, double seconds);
// Until nothing has come for longer than a moment (imgslot.c), so that every press is a single one.
void tap_settle(tap *t);
// Until so many pictures have arrived since the start; false when they do not come.
bool tap_wait(tap *t, size_t count);

// Of the processor, by all threads of a process.
double tap_processor_seconds(pid_t child);

// `processor`: seconds of the processor that all of them took, which other work on the machine distorts less.
void tap_report(const char *what, double *seconds, size_t count, double processor, size_t bytes);

// The time from a press to the last byte of the picture that it brings, the keys being pressed in turn.
void tap_measure(tap *t, const char *what, const char *const *keys, size_t count);
