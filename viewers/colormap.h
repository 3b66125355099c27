// Colours: the ones that viewers draw with, and what a terminal with few colours makes of them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "viewers/bitmap.h"

#ifdef __cplusplus
extern "C" {
#endif

// Series and overlay colours, chosen so that no pair of neighbours is confused under protanopia, deuteranopia or
// tritanopia on a dark background (after Okabe and Ito, "Color Universal Design", 2008; lightened where their blue and
// green would be too dark).
typedef enum pl_colour {
  PL_COLOUR_SKY,
  PL_COLOUR_ORANGE,
  PL_COLOUR_GREEN,
  PL_COLOUR_YELLOW,
  PL_COLOUR_PINK,
  PL_COLOUR_VERMILION,
  PL_COLOUR_COUNT,
  // What charts are made of.
  PL_COLOUR_BACKGROUND = PL_COLOUR_COUNT,
  PL_COLOUR_GRID,
  PL_COLOUR_AXIS,
  PL_COLOUR_TEXT,
  PL_COLOUR_TEXT_STRONG,
  PL_COLOUR_REFERENCE,
  // Where a prediction and the truth agree: in both, predicted alone, true alone. Found by a search for three colours
  // that stay apart from each other and from every grey, as lines and as a fill over greys, for normal eyes and under
  // protanopia, deuteranopia and tritanopia (Machado et al., "A physiologically-based model for simulation of color
  // vision deficiency", 2009).
  PL_COLOUR_HIT,
  PL_COLOUR_FALSE_ALARM,
  PL_COLOUR_MISSED,
  PL_COLOUR_ALL,
} pl_colour;

pl_rgb pl_colour_rgb(pl_colour colour);

// The colour of series i: the first PL_COLOUR_COUNT colours in turn.
pl_rgb pl_colour_series(size_t i);

// A probability from 0 to 1 as a colour from dark violet over green to yellow: viridis (van der Walt and Smith, 2015)
// at five points, linear between them, so that lightness grows evenly and colour-blind eyes read the same order.
pl_rgb pl_colour_heat(double probability);

// a*(1 - alpha) + b*alpha for each channel, rounded; alpha is clamped to 0..1.
pl_rgb pl_rgb_mix(pl_rgb a, pl_rgb b, double alpha);

// Rec. 601 luma, 0 to 255.
uint8_t pl_rgb_luma(pl_rgb colour);

static inline bool pl_rgb_equal(pl_rgb a, pl_rgb b) { return a.r == b.r && a.g == b.g && a.b == b.b; }
static inline bool pl_rgb_is_grey(pl_rgb c) { return c.r == c.g && c.g == c.b; }

// How many of the pixels, at least one, have the first one's colour.
static inline size_t pl_rgb_run(const pl_rgb *pixels, size_t count) {
  size_t run = 1;
  while (run < count && pl_rgb_equal(pixels[run], pixels[0])) run++;
  return run;
}

// Nearest entry of xterm's 256 colours (only 16 to 255: the first 16 differ between terminals), of the usual 16, and
// what those entries look like.
uint8_t pl_rgb_to_256(pl_rgb colour);
uint8_t pl_rgb_to_16(pl_rgb colour);
pl_rgb pl_rgb_from_index(uint8_t index);

#ifdef __cplusplus
}
#endif
