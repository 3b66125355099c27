// The previews of a run as a grid: its chosen validation cases with the mask's outline over what the network predicts,
// at one epoch. Pictures are made by jobs; images are read once.
#pragma once

#include "tui/app.h"

typedef struct pl_preview_strip pl_preview_strip;

pl_preview_strip *pl_preview_strip_create(pl_app *app);
void pl_preview_strip_destroy(pl_preview_strip *strip);  // takes NULL

// Looks at the run in that folder (NULL for none) and makes what there is room for in the area, which may be empty;
// cheap when nothing has changed. A new epoch is shown by itself while the newest one is. `chosen` marks a case.
void pl_preview_strip_update(pl_preview_strip *strip, const char *run, pl_area area, bool chosen);
void pl_preview_strip_forget(pl_preview_strip *strip);  // the files of the workspace have changed

// Whether the run predicts cases at all.
bool pl_preview_strip_has(const pl_preview_strip *strip);

void pl_preview_strip_draw(const pl_preview_strip *strip, const pl_canvas *canvas, pl_area area);

// The epoch before or after; the case before or after; the case at a cell of the screen (*again when it was selected
// already; false when none is there). An update then shows it.
void pl_preview_strip_step(pl_preview_strip *strip, int delta);
void pl_preview_strip_select(pl_preview_strip *strip, int delta);
bool pl_preview_strip_select_at(pl_preview_strip *strip, int y, int x, bool *again);

// Opens the selected case in the viewer, at the epoch that is shown.
void pl_preview_strip_open_case(pl_preview_strip *strip);
