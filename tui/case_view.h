// One case as the viewer shows it: its file read once, on a worker, and drawn again and again as it is windowed, zoomed
// and panned. Pictures that nobody waits for any more are left out.
#pragma once

#include "core/data/manifest.h"
#include "core/image/agreement.h"
#include "core/image/dicom.h"
#include "core/image/lut.h"
#include "tui/imgslot.h"
#include "tui/jobs.h"
#include "viewers/lens.h"
#include "viewers/view_case.h"

enum { PL_CASE_PANES = 2 };

// What was read of a case. Owned by the view; unchanged while it is shown.
typedef struct pl_case_file {
  uint32_t number;         // of the case
  char *id;                // owned
  bool is_labelled;        // whether it is known what is true; without a mask it is that there is nothing
  bool is_original;        // the DICOM file it came from; else the prepared PNG
  char why[160];           // why it is not the original; "" when it is
  pl_dicom dicom;          // the picture and what is known about it; a PNG has only the picture
  pl_image mask;           // at the picture's size; no pixels when there is none
  pl_view_area mask_area;  // around the mask; width 0 without one
  double low, high;        // smallest and largest value, after the modality's rescale
  pl_status status;
  pl_error error;  // when there is no picture at all
} pl_case_file;

// A map of probabilities of a case, by some run.
typedef struct pl_case_map {
  pl_image map;            // at the size of the case's picture
  uint32_t width, height;  // as the run made it
} pl_case_map;

// What lies over the picture.
typedef enum pl_case_shows {
  PL_CASE_TRUTH,        // the mask
  PL_CASE_PREDICTION,   // where the map is above the threshold
  PL_CASE_DIFFERENCE,   // where both agree, and where not; of a case without a label the prediction
  PL_CASE_PROBABILITY,  // the map itself
  PL_CASE_SHOWS_COUNT,
} pl_case_shows;

// How one pane is drawn; plain data.
typedef struct pl_case_drawing {
  pl_lens lens;
  pl_window window;  // a table is borrowed from the file
  bool invert;
  pl_case_shows shows;
  int64_t epoch;     // of the prediction (prediction.h); of the truth without meaning
  double threshold;  // of the prediction
  pl_mask_mode mask_mode;
  double opacity;
  bool ruler;   // a scale in millimetres, where the spacing is known
  bool legend;  // what the colours mean, where there is room
} pl_case_drawing;

// What is known about what a pane shows.
typedef struct pl_case_result {
  pl_status status;
  pl_error error;          // why the pane shows nothing
  bool compared;           // a prediction was compared with the truth, at the size of the file's picture
  uint64_t predicted;      // pixels above the threshold
  pl_agreement agreement;  // when compared
  uint32_t width, height;  // of the map as the run made it; 0 without one
} pl_case_result;

typedef struct pl_case_view pl_case_view;

// `ready` is called on the owner's thread when a file was read or a picture drawn. `serials` as for other pictures.
pl_case_view *pl_case_view_create(pl_jobs *jobs, void (*ready)(void *context), void *context, uint64_t *serials);
void pl_case_view_destroy(pl_case_view *view);  // takes NULL

// Reads a case anew unless it is the one that is read already; the old one stays until then. NULL shows none.
void pl_case_view_open(pl_case_view *view, const pl_manifest *manifest, const pl_case *c);
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
