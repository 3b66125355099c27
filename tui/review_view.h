// One case of a review as pictures: the image with the true mask, the predicted one, or both compared, under a
// binarizer that changes with every key. The files are read once a case, on a worker, and drawn again and again.
#pragma once

#include "core/data/labels.h"
#include "core/data/manifest.h"
#include "core/image/agreement.h"
#include "core/score/binarize.h"
#include "core/score/maps.h"
#include "tui/imgslot.h"
#include "tui/jobs.h"
#include "viewers/view_case.h"

typedef enum pl_review_layer {
  PL_REVIEW_DIFFERENCE,  // hits, false alarms and misses in their colours
  PL_REVIEW_PREDICTION,
  PL_REVIEW_TRUTH,
  PL_REVIEW_PLAIN,
  PL_REVIEW_LAYERS,
} pl_review_layer;

enum { PL_REVIEW_PANES = 2 };

typedef struct pl_review_drawing {
  pl_label_choice labels;
  pl_binarizer binarizer;
  pl_review_layer layers[PL_REVIEW_PANES];
  int panes;
  bool contour;
  pl_picture_format format;
  pl_area areas[PL_REVIEW_PANES];
} pl_review_drawing;

typedef struct pl_review_view pl_review_view;

// `ready` is called on the owner's thread when pictures were drawn or could not be. `serials` as for other pictures.
pl_review_view *pl_review_view_create(pl_jobs *jobs, void (*ready)(void *context), void *context, uint64_t *serials);
void pl_review_view_destroy(pl_review_view *view);  // takes NULL

// Draws a case, whose map is the mean of `count` sources; of several calls in a row only the last is drawn for sure,
// and one that asks for what was asked for before does nothing. The case has the label that drawing->labels names.
void pl_review_view_draw(pl_review_view *view, const pl_manifest *manifest, const pl_case *c,
                         const pl_map_source *sources, size_t count, const pl_review_drawing *drawing);
void pl_review_view_forget(pl_review_view *view);  // files or sources may have changed

// What was drawn last.
typedef struct pl_review_shown {
  uint32_t number;                              // of the case; 0 before the first
  const pl_picture *pictures[PL_REVIEW_PANES];  // NULL without
  const char *problem;                          // why there are none, or ""
  pl_agreement agreement;                       // of that mask with the truth, in pixels of the label
  pl_binarizer binarizer;                       // that it was drawn with
} pl_review_shown;
pl_review_shown pl_review_view_shown(const pl_review_view *view);
