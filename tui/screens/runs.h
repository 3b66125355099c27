// Screen Runs: all runs of the workspace, several of them compared: one metric's curves over each other, the difference
// to a pinned baseline, and the options in which they differ.
#pragma once

#include "tui/app.h"

extern const pl_screen pl_screen_runs;

// Its chart, and what to call after changing how it is shown.
struct pl_plot *pl_runs_plot(pl_app *app);
void pl_runs_charts_changed(pl_app *app);

// Its commands.
void pl_runs_down(pl_app *app, const char *args);
void pl_runs_up(pl_app *app, const char *args);
void pl_runs_page_down(pl_app *app, const char *args);
void pl_runs_page_up(pl_app *app, const char *args);
void pl_runs_first(pl_app *app, const char *args);
void pl_runs_last(pl_app *app, const char *args);
void pl_runs_follow(pl_app *app, const char *args);
void pl_runs_sort(pl_app *app, const char *args);
void pl_runs_reverse(pl_app *app, const char *args);
void pl_runs_filter(pl_app *app, const char *args);
void pl_runs_mark(pl_app *app, const char *args);
void pl_runs_unmark(pl_app *app, const char *args);
void pl_runs_pin(pl_app *app, const char *args);
void pl_runs_metric(pl_app *app, const char *args);
void pl_runs_open(pl_app *app, const char *args);
void pl_runs_review(pl_app *app, const char *args);
void pl_runs_back(pl_app *app, const char *args);
