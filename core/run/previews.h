// What the network makes of some chosen validation cases, epoch by epoch, while a run trains:
//
//   RUN/preview/cases.json            {"cases":[{"id":"1.2.3","number":12}, ...]} in the order of choosing
//   RUN/preview/EEEEEE/IMAGEID.png    the map of probabilities after epoch EEEEEE (000000: the untrained network),
//                                     at the size of training, see core/image/probability.h
//
// An epoch's folder appears as a whole, before the journal has the epoch. When a run goes on from an earlier epoch,
// what is later than that is taken away and made again. A case that could not be read or written is missing in its
// epoch, and the journal has a warning about it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/manifest.h"
#include "core/image/image.h"
#include "core/run/config.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_PREVIEWS_MAX = 64 };  // cases of a run

// ---- Choosing.

// The cases that a run of these options shows, as indices into the manifest. They come from the validation cases of its
// fold that `preview-cases` lets through, whatever `where` and `limit` leave out of the scores; without that filter
// from the cases that are scored. Three of four are positive ones, as far as there are any: sorted by the area of their
// mask and cut into as many equal parts, one of each part, largest first; then negative ones. Within a part, and among
// the negatives, the run's seed chooses, so that the same options and data always give the same cases. The caller frees
// *cases, NULL when `previews` is 0. PL_E_USAGE when no case
// fits, or when the filter names a case by its number that the run does not hold out.
pl_status pl_previews_choose(size_t **cases, size_t *count, const pl_manifest *manifest, const pl_config *config,
                             pl_error *err);

// What `preview-cases` and `previews` become when a case joins those that the run shows, in RUN/preview/cases.json:
// "number=1|number=12" and how many. PL_E_EXISTS: it is one of them; PL_E_USAGE: the run does not hold the case out;
// PL_E_LIMIT: so many cannot be named.
pl_status pl_previews_add(char preview_cases[PL_FILTER_SIZE], int64_t *previews, const char *run,
                          const pl_manifest *manifest, const pl_config *config, const pl_case *c, pl_error *err);

// ---- Writing: the core alone.
typedef struct pl_preview_writer pl_preview_writer;

// Writes cases.json, and removes the epochs from `first_epoch` on and what an interrupted evaluation left.
pl_status pl_preview_writer_open(pl_preview_writer **out, const char *run, const pl_manifest *manifest,
                                 const size_t *cases, size_t count, int64_t first_epoch, pl_error *err);
void pl_preview_writer_close(pl_preview_writer *writer);  // takes NULL

// Other cases from now on: cases.json names them, and earlier epochs have what they have.
pl_status pl_preview_writer_change(pl_preview_writer *writer, const pl_manifest *manifest, const size_t *cases,
                                   size_t count, pl_error *err);

// Keeps the map of one case, side*side probabilities; nobody sees it before pl_preview_writer_end.
pl_status pl_preview_writer_add(pl_preview_writer *writer, const pl_case *c, const float *probabilities, uint32_t side,
                                pl_error *err);

// The folder of the epoch appears with what was added, in the place of an older one.
pl_status pl_preview_writer_end(pl_preview_writer *writer, int64_t epoch, pl_error *err);

// ---- Reading, while it grows.
typedef struct pl_preview_case {
  char *id;
  uint32_t number;  // of the case; the id is what counts when the workspace has been numbered anew
} pl_preview_case;

typedef struct pl_previews {
  pl_preview_case *cases;  // in the order of choosing
  size_t case_count;
  int64_t *epochs;  // rising; 0 is the untrained network
  size_t epoch_count;
  char *folder;                     // RUN/preview
  struct pl_previews_stamp *stamp;  // what was read, to notice changes
} pl_previews;

// Reads what changed since the last call; the first one on a zeroed struct reads all. Two stats when nothing did. A run
// without previews has no cases. *changed may be NULL. PL_E_FORMAT for a cases.json that is none; what was read before
// stays.
pl_status pl_previews_update(pl_previews *previews, const char *run, bool *changed, pl_error *err);
void pl_previews_clear(pl_previews *previews);  // fine on a zeroed struct

// The place of a case in `cases`, or case_count.
size_t pl_previews_find(const pl_previews *previews, const char *id);

// The file of a case at an epoch, whether it is there or not; the caller frees.
char *pl_previews_path(const char *run, int64_t epoch, const char *id);

// The map of a case at an epoch. PL_E_NOTFOUND when that epoch has none of it, PL_E_FORMAT when the file is damaged.
// The caller clears *out.
pl_status pl_previews_load(pl_image *out, const char *run, int64_t epoch, const char *id, pl_error *err);

// A map against a mask of the same size: inside is where the probability is above the threshold.
typedef struct pl_preview_score {
  uint64_t predicted, target, both;  // pixels
  double dice;                       // 2 both / (predicted + target); 1 when both are empty
} pl_preview_score;

// PL_E_USAGE when the sizes differ or the planes are not a map and a mask.
pl_status pl_previews_score(pl_preview_score *out, const pl_image *map, const pl_image *mask, double threshold,
                            pl_error *err);

#ifdef __cplusplus
}
#endif
