// A perceptual hash: 255 bits that hardly change when a picture is encoded again, made a little brighter, or resized,
// and that differ in many places between two pictures. After the DCT hash of Zauner, "Implementation and benchmarking
// of perceptual image hash functions" (2010), with 255 coefficients instead of 64 because chest X-rays look so alike.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/manifest.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_PHASH_WORDS = 4,
  PL_PHASH_SIDE = 32,   // the picture is averaged over 32x32 fields first
  PL_PHASH_WAVES = 16,  // the lowest 16x16 frequencies count, less the mean
  // Pictures of which more bits differ are not looked at more closely: copies differ in up to 20, see pl_phash_same.
  PL_PHASH_NEAR = 20,
};

typedef struct pl_phash {
  uint64_t bits[PL_PHASH_WORDS];
} pl_phash;

// The hash of a picture of any size and type. Bit (v * 16 + u) is 1 when the coefficient of frequency u across and v
// down is above the median of all 255; bit 0, the mean's, is 0. A picture without any structure has hash 0.
// PL_E_LIMIT, PL_E_NOMEM.
pl_status pl_phash_image(pl_phash *out, const pl_image *image, pl_error *err);

// The number of bits in which two hashes differ.
unsigned pl_phash_distance(const pl_phash *a, const pl_phash *b);

// True when `b` is `a` but for its size, its encoding and its brightness: when a parabola of a's grey values explains
// all but 0.6 % of the variance of b's, over 32x32 fields. Measured on the SIIM, JSRT and synthetic sets: copies that
// were encoded as JPEG (quality 20 up), resized to a quarter, brightened by 10 % or by 20 grey levels, or given a gamma
// of 0.85 to 1.2 leave at most 0.3 % and differ in at most 20 bits of the hash (brightening a picture that is white
// already leaves more and is missed); the nearest two different pictures in 1.5 million pairs that differ in at most 20
// bits leave 1.1 %. False for two pictures without structure, which are not known to be copies.
// PL_E_LIMIT, PL_E_NOMEM.
pl_status pl_phash_same(bool *same, const pl_image *a, const pl_image *b, pl_error *err);

// Hashes of a workspace's pictures, beside its cases. The caller clears.
typedef struct pl_phash_set {
  pl_phash *hashes;  // by index of the manifest's cases
  bool *known;       // false: no picture, or one that cannot be read
  size_t count, unreadable;
} pl_phash_set;

// Called from worker threads, one at a time; returning false cancels.
typedef bool pl_phash_progress(void *context, size_t done, size_t total);

// Hashes the pictures images/ID.png of the training part. They are kept in phash.csv in the workspace, each with size
// and time of its file, and only what is new or changed is read again; when phash.csv cannot be written, that is no
// failure. `progress` may be NULL and counts only what must be read. PL_E_CANCELLED.
pl_status pl_phash_workspace(pl_phash_set *out, const pl_manifest *manifest, pl_phash_progress *progress, void *context,
                             pl_error *err);
void pl_phash_set_clear(pl_phash_set *set);

#ifdef __cplusplus
}
#endif
