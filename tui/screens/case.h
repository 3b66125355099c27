// Screen Case: the viewer. One case with its mask, windowed, zoomed and panned; the case is the Data screen's selected
// one, so that next and previous go through the cases as they are filtered there.
#pragma once

#include "tui/app.h"

extern const pl_screen pl_screen_case;

// Shows the selected case; `args` may name another (a number, an id or its ending).
void pl_case_open(pl_app *app, const char *args);
// Shows a case, by its id, with the difference of the workbench's run at an epoch; `newest` follows newer ones.
void pl_case_open_prediction(pl_app *app, const char *id, int64_t epoch, bool newest);
// The same as pl_case_open on the whole window, where that is narrow and shows blocks.
void pl_case_enter(pl_app *app, const char *args);

// Its commands.
void pl_case_next(pl_app *app, const char *args);
void pl_case_previous(pl_app *app, const char *args);
void pl_case_mask(pl_app *app, const char *args);
void pl_case_contour(pl_app *app, const char *args);
void pl_case_opacity(pl_app *app, const char *args);
void pl_case_invert(pl_app *app, const char *args);
void pl_case_window(pl_app *app, const char *args);
void pl_case_narrower(pl_app *app, const char *args);
void pl_case_wider(pl_app *app, const char *args);
void pl_case_darker(pl_app *app, const char *args);
void pl_case_brighter(pl_app *app, const char *args);
void pl_case_zoom_in(pl_app *app, const char *args);
void pl_case_zoom_out(pl_app *app, const char *args);
void pl_case_fit(pl_app *app, const char *args);
void pl_case_actual(pl_app *app, const char *args);
void pl_case_zoom_mask(pl_app *app, const char *args);
void pl_case_left(pl_app *app, const char *args);
void pl_case_right(pl_app *app, const char *args);
void pl_case_up(pl_app *app, const char *args);
void pl_case_down(pl_app *app, const char *args);
void pl_case_split(pl_app *app, const char *args);
void pl_case_blink(pl_app *app, const char *args);
void pl_case_ruler(pl_app *app, const char *args);
void pl_case_identity(pl_app *app, const char *args);
void pl_case_full(pl_app *app, const char *args);
void pl_case_header(pl_app *app, const char *args);
void pl_case_show(pl_app *app, const char *args);
void pl_case_epoch_previous(pl_app *app, const char *args);
void pl_case_epoch_next(pl_app *app, const char *args);
void pl_case_go_epoch(pl_app *app, const char *args);
void pl_case_pin(pl_app *app, const char *args);
void pl_case_threshold_lower(pl_app *app, const char *args);
void pl_case_threshold_higher(pl_app *app, const char *args);
void pl_case_threshold(pl_app *app, const char *args);
void pl_case_prediction(pl_app *app, const char *args);
void pl_case_export(pl_app *app, const char *args);
