#include "tui/long_journal.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/mem.h"

enum { PART = 1 << 20 };  // bytes between two looks at whether it is still wanted

struct pl_long_journal {
  pl_jobs *jobs;
  pl_journal_reader *reader;
  void *owner;
  void (*done)(void *owner, pl_journal_reader *reader);
  // What both threads use.
  _Atomic double share;
  atomic_bool stop;
};

static void work(void *data) {
  pl_long_journal *j = data;
  bool changed = true;
  while (changed && !atomic_load(&j->stop) && !pl_jobs_ending(j->jobs)) {
    // What cannot be read is told by the update that follows on the owner's thread.
    if (pl_journal_reader_part(j->reader, PART, &changed, NULL) != PL_OK) return;
    atomic_store(&j->share, pl_journal_reader_share(j->reader));
  }
}

static void finished(void *owner, void *data) {
  pl_long_journal *j = data;
  j->done(owner, j->reader);
  free(j);
}

static void drop(void *data) {
  pl_long_journal *j = data;
  pl_journal_reader_destroy(j->reader);
  free(j);
}

pl_long_journal *pl_long_journal_read(pl_jobs *jobs, pl_journal_reader *reader, void *owner,
                                      void (*done)(void *owner, pl_journal_reader *reader)) {
  pl_long_journal *j = pl_xcalloc(1, sizeof *j);
  j->jobs = jobs;
  j->reader = reader;
  j->owner = owner;
  j->done = done;
  atomic_init(&j->share, 0);
  atomic_init(&j->stop, false);
  pl_jobs_submit(jobs, &(pl_job){.work = work, .done = finished, .drop = drop, .owner = owner, .data = j});
  return j;
}

double pl_long_journal_share(const pl_long_journal *journal) { return atomic_load(&journal->share); }

void pl_long_journal_stop(pl_long_journal *journal) {
  if (journal == NULL) return;
  atomic_store(&journal->stop, true);
  pl_jobs_cancel(journal->jobs, journal->owner);
}
