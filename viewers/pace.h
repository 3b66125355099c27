// How good a picture may be so that it arrives in time: fewer greys and halved pixels where the way to the terminal is
// slow and something moves.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_quality {
  unsigned greys;
  bool halved;  // squares of 2x2 pixels in one colour
} pl_quality;

// What has been seen of the way and of the pictures. A zeroed struct knows nothing yet.
typedef struct pl_pace {
  double latency;           // seconds that even a small picture takes; 0 for unknown
  double bytes_per_second;  // 0 for unknown, which is taken for fast
  double noise;             // bytes that pictures took over what the table in pace.c expects; 0 for unknown
} pl_pace;

// The bytes went out, and the answer that they have arrived came back, within these seconds. Few bytes tell the
// latency, many the rate.
void pl_pace_took(pl_pace *pace, size_t bytes, double seconds);

// So many bytes became of that many pixels. Radiographs differ: noise is what costs.
void pl_pace_made(pl_pace *pace, pl_quality quality, size_t pixels, size_t bytes);

// Bytes that are to be expected.
double pl_pace_bytes(const pl_pace *pace, pl_quality quality, size_t pixels);

// The best quality, with at most that many greys, in which so many pixels arrive within the seconds, of which latency
// may take no more than half; the least one when none does.
pl_quality pl_pace_choose(const pl_pace *pace, size_t pixels, unsigned most_greys, double seconds);

// The worse of two.
pl_quality pl_quality_worse(pl_quality a, pl_quality b);
bool pl_quality_equal(pl_quality a, pl_quality b);

#ifdef __cplusplus
}
#endif
