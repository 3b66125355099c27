// Work that must not hold up the keyboard: decoding, scaling, encoding. A small pool of threads; plain data goes in and
// comes out, and everything but `work` happens on the thread that owns the workbench.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

typedef struct pl_jobs pl_jobs;

// `data` belongs to the job from the submission on: exactly one of `done` and `drop` is called with it, both on the
// owner's thread, and that function frees it.
typedef struct pl_job {
  void (*work)(void *data);               // on a worker: touches nothing but `data`
  void (*done)(void *owner, void *data);  // the result is still wanted
  void (*drop)(void *data);               // it is not: cancelled, or the pool was destroyed
  void *owner;                            // whom pl_jobs_cancel names; passed to `done`
  void *data;
  bool behind;  // long, and nobody waits for it: one at a time, by a thread that the system puts behind all others
} pl_job;

pl_status pl_jobs_create(pl_jobs **out, int threads, pl_error *err);
// Waits for the work in progress, drops everything else.
void pl_jobs_destroy(pl_jobs *jobs);

// For work that takes long, on its worker: the pool is being destroyed, and whatever can wait no longer should.
bool pl_jobs_ending(pl_jobs *jobs);

// A descriptor that becomes readable when a job has ended; then call pl_jobs_collect.
int pl_jobs_fd(const pl_jobs *jobs);

// Queued jobs are worked on in the order of their submission, those behind in an order of their own.
void pl_jobs_submit(pl_jobs *jobs, const pl_job *job);

// The results of all that `owner` submitted so far are no longer wanted: what waits is dropped now, what runs when it
// has ended. What it submits from now on is a new generation.
void pl_jobs_cancel(pl_jobs *jobs, const void *owner);
// Only what has not begun yet; what runs will still be delivered.
void pl_jobs_cancel_waiting(pl_jobs *jobs, const void *owner);

// Delivers what has ended; returns how many calls of `done` it made.
size_t pl_jobs_collect(pl_jobs *jobs);

// No job waits, runs, or is undelivered.
bool pl_jobs_idle(pl_jobs *jobs);
