// Screen Data: the cases as a table, and the selected one as a picture with its mask; or all as thumbnails.
#pragma once

#include "tui/app.h"

extern const pl_screen pl_screen_data;

// The selected case, NULL when the table is empty; borrowed until the cases change. And moving the selection through
// the cases as they are filtered and sorted.
const pl_case *pl_data_selected(pl_app *app);
void pl_data_step(pl_app *app, long delta);

// Selects the case that `text` names (pl_manifest_find), taking a filter away that hides it. PL_E_NOTFOUND, PL_E_USAGE.
pl_status pl_data_choose(pl_app *app, const char *text, pl_error *err);

// Its commands.
void pl_data_next(pl_app *app, const char *args);
void pl_data_previous(pl_app *app, const char *args);
void pl_data_left(pl_app *app, const char *args);
void pl_data_right(pl_app *app, const char *args);
void pl_data_thumbnails(pl_app *app, const char *args);
void pl_data_larger(pl_app *app, const char *args);
void pl_data_smaller(pl_app *app, const char *args);
void pl_data_page_down(pl_app *app, const char *args);
void pl_data_page_up(pl_app *app, const char *args);
void pl_data_first(pl_app *app, const char *args);
void pl_data_last(pl_app *app, const char *args);
void pl_data_search(pl_app *app, const char *args);
void pl_data_search_next(pl_app *app, const char *args);
void pl_data_sort(pl_app *app, const char *args);
void pl_data_reverse(pl_app *app, const char *args);
void pl_data_filter(pl_app *app, const char *args);
void pl_data_mask(pl_app *app, const char *args);
void pl_data_contour(pl_app *app, const char *args);
void pl_data_invert(pl_app *app, const char *args);
void pl_data_mark(pl_app *app, const char *args);
void pl_data_unmark(pl_app *app, const char *args);
void pl_data_flag(pl_app *app, const char *args);
void pl_data_note(pl_app *app, const char *args);
