// Screen Folds: what each fold holds and leaks, its cases to be moved by hand, and a form that makes new folds.
#pragma once

#include "tui/app.h"

extern const pl_screen pl_screen_folds;

// Its commands.
void pl_folds_down(pl_app *app, const char *args);
void pl_folds_up(pl_app *app, const char *args);
void pl_folds_page_down(pl_app *app, const char *args);
void pl_folds_page_up(pl_app *app, const char *args);
void pl_folds_enter(pl_app *app, const char *args);
void pl_folds_back(pl_app *app, const char *args);
void pl_folds_pane(pl_app *app, const char *args);
void pl_folds_mark(pl_app *app, const char *args);
void pl_folds_mark_all(pl_app *app, const char *args);
void pl_folds_unmark(pl_app *app, const char *args);
void pl_folds_move_marked(pl_app *app, const char *args);
void pl_folds_only_leaks(pl_app *app, const char *args);
void pl_folds_split(pl_app *app, const char *args);
void pl_folds_set(pl_app *app, const char *args);
void pl_folds_patients(pl_app *app, const char *args);
