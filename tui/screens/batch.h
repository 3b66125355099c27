// Screen Batch: a training batch as the network gets it, augmented, with its masks.
#pragma once

#include "tui/app.h"

extern const pl_screen pl_screen_batch;

// From any screen: shows a batch of what that screen is about (a run, the start form, or a new training); `args` may
// hold its number.
void pl_batch_show(pl_app *app, const char *args);

// Its commands.
void pl_batch_next(pl_app *app, const char *args);
void pl_batch_previous(pl_app *app, const char *args);
void pl_batch_next_epoch(pl_app *app, const char *args);
void pl_batch_previous_epoch(pl_app *app, const char *args);
void pl_batch_epoch(pl_app *app, const char *args);
void pl_batch_mask(pl_app *app, const char *args);
void pl_batch_contour(pl_app *app, const char *args);
void pl_batch_invert(pl_app *app, const char *args);
