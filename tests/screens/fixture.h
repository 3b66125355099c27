// A small workspace and a run folder with known content, for screen tests.
#pragma once

#include <stddef.h>

#include "core/base/status.h"
#include "core/run/state.h"

enum { FIXTURE_SIDE = 64 };

// Makes `folder` a workspace with `cases` cases: images, masks, cases.csv, folds.csv. Every third is positive, the last
// two are of the test part.
pl_status fixture_workspace(const char *folder, size_t cases, pl_error *err);

// Adds a run of that name with `epochs` evaluated epochs, 10 steps each, in that phase. All times are in 2026-11-23,
// 12:00 UTC on. The caller frees *folder.
pl_status fixture_run(char **folder, const char *workspace, const char *name, int epochs, pl_phase phase,
                      pl_error *err);

// The same of another fold than 0; it has only begun to train.
pl_status fixture_fold(char **folder, const char *workspace, const char *name, int fold, pl_error *err);

// Gives a run a checkpoint, the best, of no network: its hashes are right, and nothing can be predicted with it.
pl_status fixture_checkpoint(const char *run, pl_error *err);

// Gives a run previews of the cases #1 and #4 (positive) and #2 (negative) at half the pictures' size, for epochs 0 to
// `epochs`. With E epochs done the prediction is the mask's rectangle, moved right by 8*(E - epoch)/E pixels and
// surrounded by a falling probability; of #2 it is a square that vanishes.
pl_status fixture_previews(const char *run, const char *workspace, int epochs, int first, pl_error *err);

// Gives each case of the workspace an original: a DICOM file of its prepared picture, in which a pixel measures so many
// millimetres and the person is "SYN7".
pl_status fixture_originals(const char *workspace, double spacing, pl_error *err);

// Labels as the masks have them: train-rle.csv, and the cases' sizes and areas. A run that is made before is of others.
pl_status fixture_labels(const char *workspace, pl_error *err);

// Gives a run predictions of its labelled cases (RUN/prob) at half the pictures' size: the mask's rectangle moved right
// by (number / 15 % 3) * `wrong` pixels; of negative cases with a number divisible by four a square of probability 0.6.
// Also the workspace's labels.
pl_status fixture_maps(const char *run, const char *workspace, double wrong, pl_error *err);
