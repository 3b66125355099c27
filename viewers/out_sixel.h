// A bitmap as sixel bytes. Memory to memory; safe from several threads at once.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "viewers/bitmap.h"
#include "viewers/caps.h"

#ifdef __cplusplus
extern "C" {
#endif

// tmux drops an escape sequence that is longer than its input buffer (1 MiB); no picture comes near it.
enum { PL_SIXEL_BYTES_MAX = 800 * 1024, PL_SIXEL_GREYS_MAX = 101, PL_SIXEL_COLOURS_MAX = 256 };

typedef struct pl_sixel_options {
  unsigned greys;                  // 2 to 101 grey levels (sixel's colours are percentages); 0 stands for 64
  bool halved;                     // squares of 2x2 pixels become one colour: a third of the bytes
  unsigned registers;              // colour registers of the terminal; 0 stands for 256, more are not used
  unsigned max_width, max_height;  // of the terminal; 0 stands for no limit
  unsigned threads;                // for one picture at most; 0 stands for one a processor (parallel.h)
} pl_sixel_options;

// The limits of a terminal, with that many greys.
pl_sixel_options pl_sixel_options_for(const pl_caps *caps, unsigned greys);

// The greys that a picture really gets: fewer where the terminal has few registers.
unsigned pl_sixel_greys(const pl_sixel_options *options);

// Every pixel as an index into a palette: greys first, then the colours of all pixels that are not grey; exact (as far
// as percentages go) when they fit, else the means of a median cut. No dithering: noise costs bytes, and a reader of
// radiographs does not want it.
typedef struct pl_indexed {
  uint32_t width, height;
  uint8_t *pixels;
  pl_rgb palette[PL_SIXEL_COLOURS_MAX];
  unsigned colours;
} pl_indexed;

pl_status pl_sixel_quantise(pl_indexed *out, const pl_bitmap *bitmap, const pl_sixel_options *options, pl_error *err);
void pl_indexed_clear(pl_indexed *indexed);

// Appends one complete sixel sequence, DCS to ST, without moving the cursor. Takes fewer greys when it would become
// larger than PL_SIXEL_BYTES_MAX. PL_E_LIMIT when the bitmap is larger than the terminal's maximum (it would show
// nothing at all) or too large even with 16 greys, PL_E_NOMEM. On failure nothing is appended.
pl_status pl_sixel_encode(pl_buf *out, const pl_bitmap *bitmap, const pl_sixel_options *options, pl_error *err);

// The same for a rectangle of the bitmap, to be drawn over what the terminal shows: pixels that are equal in `shown`
// (of the bitmap's size; NULL for unknown) are left out of the sequence and stay as they are. Such a sequence takes a
// terminal that lays transparent pictures over others; without `shown` every pixel is drawn and any terminal will do.
pl_status pl_sixel_encode_part(pl_buf *out, const pl_bitmap *bitmap, pl_rect part, const pl_bitmap *shown,
                               const pl_sixel_options *options, pl_error *err);

#ifdef __cplusplus
}
#endif
