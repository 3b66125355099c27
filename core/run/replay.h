// A run once more: what its folder told at any moment of its journal.
#pragma once

#include <stdbool.h>

#include "core/base/status.h"
#include "core/run/watch.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_replay pl_replay;

// Of the run as it is in `whole`, which must stay as it is while the replay lives; stands at the journal's beginning.
// What was done again after a kill is there once, as it counts. PL_E_NOTFOUND when the journal is empty.
pl_status pl_replay_open(pl_replay **out, const pl_run_view *whole, pl_error *err);
void pl_replay_close(pl_replay *replay);  // takes NULL

// Wall clock of the first and of the last record, and of where it stands.
double pl_replay_first(const pl_replay *replay);
double pl_replay_last(const pl_replay *replay);
double pl_replay_time(const pl_replay *replay);
bool pl_replay_is_over(const pl_replay *replay);

// Goes to a time, which is cut to the journal's; forwards or backwards.
void pl_replay_go(pl_replay *replay, double time);

// When the epoch before or behind where it stands was evaluated (`by` is -1 or 1); the beginning or the end when there
// is none.
double pl_replay_epoch(const pl_replay *replay, int by);

// What was known there, borrowed: curves, messages, log, and a state made from them. The phase is training, evaluating,
// paused or starting, as the records tell, and at the end what the run came to. It is nobody's: `alive` is
// PL_ALIVE_NO, and what no record tells is unknown.
const pl_run_view *pl_replay_view(const pl_replay *replay);

#ifdef __cplusplus
}
#endif
