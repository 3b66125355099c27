// The commands that screens with curves share: axes, smoothing, cursor, zoom.
#pragma once

#include "tui/app.h"

void pl_plots_x_axis(pl_app *app, const char *args);
void pl_plots_log_x(pl_app *app, const char *args);
void pl_plots_log_y(pl_app *app, const char *args);
void pl_plots_smooth(pl_app *app, const char *args);
void pl_plots_rough(pl_app *app, const char *args);
void pl_plots_left(pl_app *app, const char *args);
void pl_plots_right(pl_app *app, const char *args);
void pl_plots_far_left(pl_app *app, const char *args);
void pl_plots_far_right(pl_app *app, const char *args);
void pl_plots_zoom_in(pl_app *app, const char *args);
void pl_plots_zoom_out(pl_app *app, const char *args);
void pl_plots_earlier(pl_app *app, const char *args);
void pl_plots_later(pl_app *app, const char *args);
void pl_plots_all(pl_app *app, const char *args);
