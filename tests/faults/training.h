// A small training in a process of its own, to be disturbed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { TRAINING_SIDE = 32, TRAINING_CASES = 16 };

// A workspace below TMPDIR, for cmocka's group.
int training_set_up(void **state);
int training_tear_down(void **state);

// Makes a run of 3 epochs; `values` are more options, ended by {NULL, NULL}, or NULL; `like` is a
// run whose choices of algorithms are used again, so that both compute the same bits, or NULL. The caller frees its
// folder.
char *training_make(const char *name, const char *const (*values)[2], const char *like);

// Makes the workspace's packed cache.
void training_pack(void);

// Starts its core. `fault` is NULL or what fault_io.c does to it: "kill:N", "full:N:M", "slow:MS".
pid_t training_start(const char *folder, bool resume, const char *fault);

// Waits for its end: the exit code, or 1000 and the signal.
int training_end(pid_t pid);

// How many steps that count the journal has, and waiting until it has so many.
size_t training_steps(const char *folder);
void training_wait(const char *folder, pid_t pid, size_t steps);

// Fails unless both runs ended with the same losses, scores, previews and checkpoints, bit for bit. Returns how often
// the second one was resumed.
size_t training_compare(const char *calm, const char *rough);
