// A picture with words below it, printed into the terminal: as sixel, as half blocks, or only the words.
#pragma once

#include <stdint.h>

#include "core/base/status.h"
#include "viewers/bitmap.h"
#include "viewers/caps.h"

typedef struct pl_cli_picture {
  // Draws at most width x height pixels; a pixel is `pixel_aspect` times as high as wide.
  pl_status (*draw)(pl_bitmap *out, const void *context, uint32_t width, uint32_t height, double pixel_aspect,
                    pl_error *err);
  const void *context;
  const char *caption;   // lines below the picture, the last one without its end
  const char *graphics;  // a choice of caps.h; all but auto and none also into a file or pipe
  uint32_t size;         // of the picture at most, in pixels or half blocks; 0 for what there is room for
} pl_cli_picture;

// What the standard output can show with that choice of graphics: PL_GRAPHICS_NONE for a file or pipe unless forced.
// PL_E_USAGE for a wrong PLEURA_GRAPHICS.
pl_status pl_cli_probe(pl_caps *caps, const char *graphics, pl_error *err);

// Prints it, on a terminal that was probed already or after probing it. PL_E_IO, PL_E_LIMIT, and as `draw`.
pl_status pl_cli_print_on(const pl_cli_picture *picture, const pl_caps *caps, pl_error *err);
pl_status pl_cli_print(const pl_cli_picture *picture, pl_error *err);
