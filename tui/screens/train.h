// Screen Train: the form that starts a run, and a run as its folder tells it, with live curves.
#pragma once

#include "tui/app.h"

extern const pl_screen pl_screen_train;

// The phase in one or two words for the status bar: "training", "unknown", "failed". Static string.
const char *pl_train_phase_words(const pl_run_view *run);

// The options that the screen is about: the form's while it is shown, else those of the selected run, which is *run
// then. NULL when there is neither; *run is NULL unless it is a run's. Borrowed until the next event.
const pl_config *pl_train_options(pl_app *app, const pl_run_view **run);

// Its charts, and what to call after changing how they are shown.
struct pl_plot *pl_train_plot(pl_app *app);
void pl_train_charts_changed(pl_app *app);
// Keys about a stretch of the curves, and their cursor, are about epochs and cases when the previews are chosen: true
// when they were.
bool pl_train_step_previews(pl_app *app, int epochs, int cases);

// Its commands.
void pl_train_start(pl_app *app, const char *args);
void pl_train_pause(pl_app *app, const char *args);
void pl_train_checkpoint(pl_app *app, const char *args);
void pl_train_stop(pl_app *app, const char *args);
void pl_train_resume(pl_app *app, const char *args);
void pl_train_set(pl_app *app, const char *args);
void pl_train_preview(pl_app *app, const char *args);  // the selected case, or the one named, becomes one
void pl_train_rate(pl_app *app, const char *args);
void pl_train_preset(pl_app *app, const char *args);
void pl_train_fit(pl_app *app, const char *args);
void pl_train_previous_run(pl_app *app, const char *args);
void pl_train_next_run(pl_app *app, const char *args);
void pl_train_run(pl_app *app, const char *args);
void pl_train_replay(pl_app *app, const char *args);
void pl_train_replay_pause(pl_app *app, const char *args);
void pl_train_replay_faster(pl_app *app, const char *args);
void pl_train_replay_slower(pl_app *app, const char *args);
void pl_train_replay_back(pl_app *app, const char *args);
void pl_train_replay_forward(pl_app *app, const char *args);
void pl_train_replay_first(pl_app *app, const char *args);
void pl_train_replay_last(pl_app *app, const char *args);
void pl_train_down(pl_app *app, const char *args);
void pl_train_up(pl_app *app, const char *args);
void pl_train_enter(pl_app *app, const char *args);
void pl_train_chart(pl_app *app, const char *args);
void pl_train_show_previews(pl_app *app, const char *args);
void pl_train_filter(pl_app *app, const char *args);
void pl_train_back(pl_app *app, const char *args);
