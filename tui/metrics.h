// What a run's journal tells as curves: losses, scores, speeds, loads; and these curves, kept up to date as it grows.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/run/watch.h"
#include "viewers/curve.h"

// What stands on the x axis.
typedef enum pl_axis {
  PL_AXIS_EPOCH,
  PL_AXIS_STEP,
  PL_AXIS_TIME,    // seconds since the run began, by the wall clock
  PL_AXIS_ACTIVE,  // seconds of work: without pauses and interruptions
  PL_AXES,
} pl_axis;

const char *pl_axis_name(pl_axis axis);  // "epoch", "step", "time", "active"

typedef struct pl_metric {
  const char *name;   // "valid loss": alone
  const char *label;  // "valid": in its chart
  const char *chart;  // "loss": the chart that it shares with its neighbours in the table
  bool share;         // between 0 and 1
  bool rare;          // known now and then: what is unknown between is no gap
  int term;           // of the loss, for the two functions
  double (*step)(const pl_step_record *record, int term);  // one of these, the other is NULL
  double (*epoch)(const pl_epoch_record *record, int term);
} pl_metric;

extern const pl_metric pl_metric_table[];
extern const size_t pl_metric_count;

// The row of that name, pl_metric_count when there is none.
size_t pl_metric_find(const char *name);

// Whether the journal has a value of it, among its first and its last 2048 records.
bool pl_metric_is_told(size_t metric, const pl_journal_view *journal);

enum { PL_METRICS_MAX = 48 };

// The curves of one run. Zeroed it is empty and ready.
typedef struct pl_run_curves {
  pl_axis axis;
  double smoothing, steps_per_epoch, start;
  size_t resumes;
  struct {
    pl_curve *curve;
    size_t fed;   // records taken
    double time;  // of the last of them
  } of[PL_METRICS_MAX];
} pl_run_curves;

void pl_run_curves_clear(pl_run_curves *curves);

// Where the curves are from, and what they are like. A change makes them anew.
typedef struct pl_curves_wanted {
  const pl_journal_view *journal;
  double steps_per_epoch;  // 0 for unknown: then what is told a step is nowhere on an axis of epochs
  pl_axis axis;
  double smoothing;
} pl_curves_wanted;

// The curve of a metric with all that the journal tells by now; takes only what is new. Borrowed until
// pl_run_curves_clear.
const pl_curve *pl_run_curves_get(pl_run_curves *curves, size_t metric, const pl_curves_wanted *wanted);

// Steps of an epoch as state and journal of a run tell; 0 for unknown.
double pl_steps_per_epoch(const pl_run_state *state, const pl_journal_view *journal);
