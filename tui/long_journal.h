// A long journal is read by a job, so that the workbench answers keys meanwhile.
#pragma once

#include <stddef.h>

#include "core/run/journal.h"
#include "tui/jobs.h"

// More unread bytes than these are a long journal: the rest takes no longer than a frame may.
enum { PL_LONG_JOURNAL_BYTES = 256 * 1024 };

typedef struct pl_long_journal pl_long_journal;

// Has a job bring `reader`, which is taken over, up to date; then `done` gets it back, with the owner, on the thread
// that collects. `owner` is whom pl_jobs_cancel names. The result is valid until `done` or pl_long_journal_stop.
pl_long_journal *pl_long_journal_read(pl_jobs *jobs, pl_journal_reader *reader, void *owner,
                                      void (*done)(void *owner, pl_journal_reader *reader));

// How much of the file has been read: 0 to 1.
double pl_long_journal_share(const pl_long_journal *journal);

// It is no longer wanted: `done` is not called, and the job ends soon. NULL is fine.
void pl_long_journal_stop(pl_long_journal *journal);
