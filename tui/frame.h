// What stands around every screen: the tabs, the status line, and the hints at the bottom.
#pragma once

#include "tui/app.h"
#include "tui/cmd.h"

void pl_frame_draw_tabs(const pl_app *app, const pl_canvas *canvas, pl_area area);
void pl_frame_draw_status(const pl_app *app, const pl_canvas *canvas, pl_area area);
void pl_frame_draw_hints(const pl_app *app, const pl_canvas *canvas, pl_area area);

// What is at a cell: the index of a screen's tab, -1 for none; the command of a hint, NULL for none.
int pl_frame_tab(const pl_app *app, int y, int x);
const pl_cmd *pl_frame_hint(const pl_app *app, int y, int x);
