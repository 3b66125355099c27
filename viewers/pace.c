#include "viewers/pace.h"

#include <math.h>

// Transfers of at most FEW bytes take the time of an answer, those of MANY mostly their own.
enum { FEW = 4 * 1024, MANY = 16 * 1024 };

// Bytes a pixel of a chest radiograph at 512x512 pixels, libsixel's policy for size.
static const struct {
  pl_quality quality;
  double bytes;
} steps[] = {
    {{.greys = 101}, 0.97},
    {{.greys = 64}, 0.66},
    {{.greys = 32}, 0.36},
    {{.greys = 16}, 0.18},
    {{.greys = 16, .halved = true}, 0.07},
};

enum { STEPS = sizeof steps / sizeof steps[0] };

// Follows changes within a few pictures without following every hiccup.
static double approach(double before, double now) { return before > 0 ? 0.5 * (before + now) : now; }

void pl_pace_took(pl_pace *pace, size_t bytes, double seconds) {
  if (bytes <= FEW) {
    pace->latency = seconds < pace->latency ? seconds : approach(pace->latency, seconds);
  } else if (bytes >= MANY) {
    // The latency may have been measured in a slow moment.
    const double own = fmax(fmax(seconds - pace->latency, 0.3 * seconds), 1e-4);
    pace->bytes_per_second = approach(pace->bytes_per_second, (double)bytes / own);
  }
}

static double table_bytes(pl_quality quality, size_t pixels) {
  size_t i = 0;
  while (i + 1 < STEPS && (steps[i].quality.greys > quality.greys || steps[i].quality.halved != quality.halved)) i++;
  return steps[i].bytes * (double)pixels;
}

void pl_pace_made(pl_pace *pace, pl_quality quality, size_t pixels, size_t bytes) {
  if (bytes < MANY || pixels == 0) return;
  pace->noise = approach(pace->noise, (double)bytes / table_bytes(quality, pixels));
}

double pl_pace_bytes(const pl_pace *pace, pl_quality quality, size_t pixels) {
  return table_bytes(quality, pixels) * (pace->noise > 0 ? pace->noise : 1);
}

pl_quality pl_pace_choose(const pl_pace *pace, size_t pixels, unsigned most_greys, double seconds) {
  pl_quality quality = {.greys = most_greys};
  const double room = pace->bytes_per_second * fmax(seconds - pace->latency, 0.5 * seconds);
  if (pace->bytes_per_second <= 0 || pl_pace_bytes(pace, quality, pixels) <= room) return quality;
  for (size_t i = 0; i < STEPS; i++) {
    quality = steps[i].quality;
    if (quality.greys > most_greys) quality.greys = most_greys;
    if (pl_pace_bytes(pace, steps[i].quality, pixels) <= room) break;
  }
  return quality;
}

pl_quality pl_quality_worse(pl_quality a, pl_quality b) {
  return (pl_quality){.greys = a.greys < b.greys ? a.greys : b.greys, .halved = a.halved || b.halved};
}

bool pl_quality_equal(pl_quality a, pl_quality b) { return a.greys == b.greys && a.halved == b.halved; }
