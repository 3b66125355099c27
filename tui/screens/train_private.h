// What the files of the Train screen share: train.c (state, drawing), train_act.c (commands), train_charts.c (curves),
// train_form.c (the form that starts a run, with its plan),
// train_replay.c (a run once more).
#pragma once

#include "core/run/presets.h"
#include "tui/plot.h"
#include "tui/preview_strip.h"
#include "tui/screens/train.h"
#include "tui/training_plan.h"
#include "tui/widgets/form.h"
#include "tui/widgets/table.h"

enum { PL_TRAIN_READOUT = 512 };

// What the training of the form would take, as far as it is known.
typedef struct pl_train_plan_view {
  bool busy;         // a job plans
  unsigned version;  // of the form that was planned last
  bool known;        // `plan` is one, though perhaps not of the newest options
  pl_training_plan plan;
  pl_status status;  // of the newest plan, with its error
  pl_error error;
} pl_train_plan_view;

typedef struct pl_train {
  pl_app *app;
  pl_form form;
  bool form_open;
  bool form_filled;  // from the workspace's options
  pl_train_plan_view plan;
  bool start_when_planned;
  unsigned start_version;   // of the form that is to start then
  bool starting;            // a core is being started
  struct start_job *asked;  // a start that waits for an answer, or NULL
  pl_table epochs;          // newest first

  double speed;    // of a replay; how many times as fast as it was
  bool rests;      // the replay
  double went_at;  // monotonic, when it went on last

  pl_preview_strip *previews;  // stands among the charts, under the name "previews"
  int previews_at;             // the chart's place where they are, -1 when they are not shown
  pl_plot plot;
  pl_run_curves curves;
  pl_pane panes[PL_LAYOUT_CHARTS_MAX];
  const char *chosen;              // chart that keys are about, a name of pl_metric_table; NULL for the first
  bool large;                      // it alone
  char filter[PL_LINE_SIZE];       // charts that are shown: a part of their name or of a line's, "" for all
  char readout[PL_TRAIN_READOUT];  // at the cursor, "" without one
} pl_train;

pl_train *pl_train_of(pl_app *app);

// ---- train_act.c
// Selects the run that `args` names as pl_run_find does; "" keeps the selected one. False when there is no such run
// here, and that was said.
bool pl_train_choose(pl_app *app, const char *args);

// ---- train_form.c
// Fills the form from the workspace when that has not happened.
void pl_train_fill_form(pl_train *self);
void pl_train_take_labels(pl_train *self);  // that all screens show, once it is filled
void pl_train_fit_form(pl_train *self);     // the window's size changed
void pl_train_set_in_form(pl_train *self, const char *option, const char *value);
void pl_train_draw_form(const pl_train *self, const pl_canvas *canvas);
// Plans what the form says now, unless that is known or under way.
void pl_train_ask_plan(pl_train *self);
bool pl_train_is_planned(const pl_train *self);
bool pl_train_refuse(pl_train *self);  // true when the plan does not fit; says so

// ---- train_replay.c
void pl_train_replay_frame(pl_train *self);  // the moment to go on has come
bool pl_train_replay_leave(pl_train *self);  // ends it; false when there was none
// "REPLAY 20x epoch 3/20"; "" without one.
void pl_train_replay_words(char *out, size_t size, const pl_train *self);
// What is a replay cannot be steered: says so and why. True when it is one.
bool pl_train_replay_refuses(pl_train *self);

// ---- train_charts.c
// Where everything is now, for as many charts as the run has.
pl_train_layout pl_train_layout_of(const pl_train *self);
void pl_train_open_charts(pl_train *self);
// Makes the charts anew from the selected run, as far as there is room.
void pl_train_ask_charts(pl_train *self);
void pl_train_drop_asked(pl_train *self);     // the start that waits for an answer
void pl_train_forget_charts(pl_train *self);  // it is another run
void pl_train_enlarge(pl_train *self);        // the chosen chart, or all again
bool pl_train_mouse_charts(pl_train *self, const pl_mouse *event);
// Esc in the charts: large, cursor or zoom ends. False when there was nothing to end.
bool pl_train_leave_charts(pl_train *self);
// Whether keys are about the previews.
bool pl_train_on_previews(const pl_train *self);
