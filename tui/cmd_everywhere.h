// The commands that work on every screen.
#pragma once

#include "tui/app.h"

void pl_everywhere_help(pl_app *app, const char *args);
void pl_everywhere_data(pl_app *app, const char *args);
void pl_everywhere_folds(pl_app *app, const char *args);
void pl_everywhere_train(pl_app *app, const char *args);
void pl_everywhere_runs(pl_app *app, const char *args);
void pl_everywhere_log(pl_app *app, const char *args);
void pl_everywhere_back(pl_app *app, const char *args);
void pl_everywhere_pane(pl_app *app, const char *args);  // says that there is only one
void pl_everywhere_command(pl_app *app, const char *args);
void pl_everywhere_theme(pl_app *app, const char *args);
void pl_everywhere_labels(pl_app *app, const char *args);
void pl_everywhere_mouse(pl_app *app, const char *args);
void pl_everywhere_repaint(pl_app *app, const char *args);
void pl_everywhere_suspend(pl_app *app, const char *args);
void pl_everywhere_quit(pl_app *app, const char *args);
