// What a run predicts about a case, as the viewer and `pleura show` find it: the maps of probabilities of its previews,
// epoch by epoch, and the map of its evaluation.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"
#include "core/run/previews.h"

// In the place of an epoch: RUN/prob/IMAGEID.png, which an evaluation of the run writes.
enum { PL_PREDICTION_EVALUATION = -1 };

// The epochs of which there is a prediction of the case, rising; the evaluation is the last one when there is one. The
// caller frees *epochs. PL_E_NOTFOUND when there is none, with why and what to do.
pl_status pl_prediction_list(int64_t **epochs, size_t *count, const pl_previews *previews, const char *run,
                             const char *id, pl_error *err);

// The place of the newest epoch among them; the evaluation's when there is nothing else. `count` is above 0.
size_t pl_prediction_newest(const int64_t *epochs, size_t count);

// The map of one, PL_PIXEL_U16. The caller clears *out. PL_E_NOTFOUND, and as pl_probability_read.
pl_status pl_prediction_load(pl_image *out, const char *run, int64_t epoch, const char *id, pl_error *err);

// "epoch 7/20", "epoch 7" when `epochs` is not known (below 1), "epoch 0 (untrained)", or "evaluation".
void pl_prediction_words(char *out, size_t size, int64_t epoch, int64_t epochs);
