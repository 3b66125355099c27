// What the files of the Runs screen share: runs.c (state, drawing), runs_order.c (order and filter), runs_chart.c (the
// curves), runs_act.c (commands).
#pragma once

#include "core/run/summaries.h"
#include "tui/long_journal.h"
#include "tui/plot.h"
#include "tui/screens/runs.h"
#include "tui/widgets/table.h"

enum { PL_RUNS_MARKS = 8, PL_RUNS_COMPARED = PL_RUNS_MARKS + 2, PL_RUNS_PATH = 4200, PL_RUNS_READOUT = 512 };

typedef enum pl_runs_column {
  PL_RUNS_MARK,
  PL_RUNS_NAME,
  PL_RUNS_PHASE,
  PL_RUNS_ENCODER,
  PL_RUNS_SIZE,
  PL_RUNS_FOLD,
  PL_RUNS_EPOCH,
  PL_RUNS_BEST,
  PL_RUNS_AT,
  PL_RUNS_DELTA,
  PL_RUNS_NOTE,
  PL_RUNS_COLUMNS
} pl_runs_column;

// A run whose curves are shown.
typedef struct pl_compared {
  char folder[PL_RUNS_PATH];   // "" for none
  pl_journal_reader *journal;  // NULL while a job has it
  pl_long_journal *reading;    // that job
  bool unreadable;             // it could not; trying again takes no time
  pl_run_curves curves;
  struct pl_runs *screen;
} pl_compared;

typedef struct pl_runs {
  pl_app *app;
  pl_run_summaries list;
  size_t *order;  // rows of the table, as places in the list
  size_t shown;
  pl_table table;
  char selected[PL_RUNS_PATH];  // folder of the selected run, wherever it is in the table
  bool follow;                  // the newest run is selected as soon as there is one
  pl_runs_column sorted;        // PL_RUNS_MARK stands for the order in which they began
  bool descending;
  char filter[PL_LINE_SIZE];

  char marked[PL_RUNS_MARKS][PL_RUNS_PATH];  // folders; "" for none
  char baseline[PL_RUNS_PATH];               // folder, "" for none

  size_t metric;  // of pl_metric_table
  pl_plot plot;
  pl_pane pane;
  pl_compared compared[PL_RUNS_COMPARED];
  char readout[PL_RUNS_READOUT];  // at the cursor, "" without one
} pl_runs;

pl_runs *pl_runs_of(pl_app *app);
pl_runs_layout pl_runs_layout_of(const pl_app *app);
bool pl_runs_active(const pl_runs *self);

// The run of a row of the table, NULL when there is none; the baseline, NULL without one.
const pl_run_summary *pl_runs_row(const pl_runs *self, size_t row);
const pl_run_summary *pl_runs_baseline(const pl_runs *self);
int pl_runs_mark_of(const pl_runs *self, const pl_run_summary *run);  // -1 when it is not marked

// What is compared: the baseline, the marked runs, and the selected one, each once; in the order in which they began.
size_t pl_runs_compared(const pl_run_summary *out[PL_RUNS_COMPARED], const pl_runs *self);

// ---- runs_order.c
// Makes `order` anew from the list, and puts the selection on the run where it was, or on the newest one.
void pl_runs_arrange(pl_runs *self);
// PL_E_USAGE when it is no filter: words that must be in the name, encoder or state, or OPTION=VALUE, best>0.7,
// epoch<3.
pl_status pl_runs_check_filter(const char *filter, pl_error *err);
// The user selected a row.
void pl_runs_select(pl_runs *self, size_t row);

// ---- runs_chart.c
// Reads what the compared runs have written since, and makes the chart anew.
void pl_runs_ask_chart(pl_runs *self);
void pl_runs_close_chart(pl_runs *self);
// While a job reads the long journal of a compared run: how much of it has been read, and the run's name, borrowed;
// else NAN.
double pl_runs_reading(const pl_runs *self, const char **name);
