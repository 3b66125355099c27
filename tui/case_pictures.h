// Pictures of cases for one place on the screen: made by jobs, kept while they fit, the neighbours made ahead.
#pragma once

#include <stdbool.h>

#include "core/data/manifest.h"
#include "tui/imgslot.h"
#include "tui/jobs.h"
#include "viewers/view_case.h"

typedef struct pl_case_pictures pl_case_pictures;

// How cases are shown; a change makes new pictures.
typedef struct pl_case_look {
  pl_mask_mode mask_mode;
  bool invert;
  pl_area area;
  pl_picture_format format;
} pl_case_look;

// What there is to show of a case.
typedef struct pl_case_shown {
  const pl_picture *picture;  // NULL while it is being made, and when it failed
  const char *problem;        // why it could not be made, else NULL
} pl_case_shown;

// `ready` is called on the owner's thread when a picture has come. Of pictures that are not asked for any more the last
// ones stay, `keep` in all.
pl_case_pictures *pl_case_pictures_create(pl_jobs *jobs, size_t keep, void (*ready)(void *context), void *context,
                                          uint64_t *serials);
void pl_case_pictures_destroy(pl_case_pictures *pictures);

// Drops the pictures whose files are other ones now, after the manifest was read again.
void pl_case_pictures_refresh(pl_case_pictures *pictures, const pl_manifest *manifest);

void pl_case_pictures_look(pl_case_pictures *pictures, const pl_case_look *look);

// Makes what is missing of these cases, in this order; what earlier calls asked for and has not begun is given up.
void pl_case_pictures_ask(pl_case_pictures *pictures, const pl_manifest *manifest, const pl_case *const *cases,
                          size_t count);

// What is there now; borrowed until the next call of any other function.
pl_case_shown pl_case_pictures_get(const pl_case_pictures *pictures, const pl_case *c);
