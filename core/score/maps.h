// Folders of probability maps: FOLDER/ID.png (core/image/probability.h) for each case, and FOLDER/maps.json, which says
// how they were made. All maps of a folder are made in the same way: what is asked for in another way replaces them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

// The file of a case's map; the caller frees.
char *pl_maps_path(const char *folder, const char *id);
bool pl_maps_has(const char *folder, const char *id);

// How a folder's maps were made: one line of JSON, as it was given to pl_maps_begin. The caller frees *recipe.
// PL_E_NOTFOUND when the folder has no maps, PL_E_FORMAT.
pl_status pl_maps_recipe(char **recipe, const char *folder, pl_error *err);

// Makes a folder ready for maps of that recipe, a JSON object in one line: maps of the same recipe stay, others are
// removed. *lock is held until it is closed. PL_E_BUSY when another process writes there; PL_E_EXISTS when the folder
// has files but no maps.json, so that nobody's pictures are taken for maps and removed; PL_E_IO and the like.
pl_status pl_maps_begin(int *lock, const char *folder, const char *recipe, pl_error *err);

// Writes the maps of `count` cases, `side` x `side` each; with as many threads as OpenMP has. Fails as
// pl_probability_write.
pl_status pl_maps_write(const char *folder, const char *const *ids, const float *maps, size_t count, uint32_t side,
                        pl_error *err);

// Where a map of an ensemble comes from.
typedef struct pl_map_source {
  const char *folder;
  double weight;  // above 0
} pl_map_source;

// A case's map at width x height pixels, the mean of one or more folders' maps by their weights: each is resized first
// (core/score/binarize.h); the mean is rounded to 16 bits, halves upwards. Fails as pl_probability_read; the caller
// clears *map.
pl_status pl_maps_read(pl_image *map, const pl_map_source *sources, size_t count, const char *id, uint32_t width,
                       uint32_t height, pl_error *err);

#ifdef __cplusplus
}
#endif
