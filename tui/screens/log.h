// Screen Log: what the selected run's core wrote, the newest lines last; searched by text.
#pragma once

#include "tui/app.h"

extern const pl_screen pl_screen_log;

// Its commands.
void pl_log_down(pl_app *app, const char *args);
void pl_log_up(pl_app *app, const char *args);
void pl_log_page_down(pl_app *app, const char *args);
void pl_log_page_up(pl_app *app, const char *args);
void pl_log_first(pl_app *app, const char *args);
void pl_log_last(pl_app *app, const char *args);
void pl_log_search(pl_app *app, const char *args);
void pl_log_search_next(pl_app *app, const char *args);
void pl_log_search_previous(pl_app *app, const char *args);
