// One case as the viewer shows it: its file read once, on a worker, and drawn again and again as it is windowed, zoomed
// and panned. Pictures that nobody waits for any more are left out.
#pragma once

#include "core/data/manifest.h"
#include "tui/case_file.h"
#include "tui/imgslot.h"
#include "tui/jobs.h"

enum { PL_CASE_PANES = 2 };

typedef struct pl_case_view pl_case_view;

// `ready` is called on the owner's thread when a file was read or a picture drawn. `serials` as for other pictures.
pl_case_view *pl_case_view_create(pl_jobs *jobs, void (*ready)(void *context), void *context, uint64_t *serials);
void pl_case_view_destroy(pl_case_view *view);  // takes NULL

// Reads a case anew unless it is the one that is read already; the old one stays until then. NULL shows none. `other`:
// of a corrected case the label that it does not have in this manifest, too.
void pl_case_view_open(pl_case_view *view, const pl_manifest *manifest, const pl_case *c, bool other);
void pl_case_view_forget(pl_case_view *view);

// The run whose predictions are shown, by its folder; NULL for none.
void pl_case_view_run(pl_case_view *view, const char *run);

// What was read last, NULL before the first.
const pl_case_file *pl_case_view_file(const pl_case_view *view);

// What the lens of a pane of that many cells looks through; false when nothing is read or nothing can be drawn there.
bool pl_case_view_frame(pl_lens_frame *out, const pl_case_view *view, const pl_picture_format *format, pl_area area);

// Draws a pane; of several asked for in a row only the last is drawn for sure. Does nothing when it is drawn already.
void pl_case_view_draw(pl_case_view *view, int pane, const pl_case_drawing *how, const pl_picture_format *format,
                       pl_area area);

// The pane's newest picture, NULL before the first and when it cannot be drawn; and what is known about it, or why.
const pl_picture *pl_case_view_picture(const pl_case_view *view, int pane);
const pl_case_result *pl_case_view_result(const pl_case_view *view, int pane);

// Writes what is shown as a PNG file, one or two panes side by side, each at `scale` times the window's pixels across.
pl_status pl_case_view_export(pl_case_view *view, const pl_case_drawing *panes, int count, const pl_lens_frame *frame,
                              double scale, const char *path, pl_error *err);
