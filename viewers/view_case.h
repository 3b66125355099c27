// One radiograph as a bitmap: windowed, scaled, and with its mask over it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/image/image.h"
#include "viewers/bitmap.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pl_mask_mode {
  PL_MASK_FILL,     // tinted inside, with the edge in full colour
  PL_MASK_CONTOUR,  // the edge only
  PL_MASK_OFF,
} pl_mask_mode;

// A part of the image in its own pixels; may begin between pixels.
typedef struct pl_view_area {
  double x, y, width, height;
} pl_view_area;

typedef struct pl_view_case_options {
  uint32_t fit_width, fit_height;      // the bitmap is at most this large; the image's aspect is kept
  double pixel_aspect;                 // height of an output pixel over its width; 0 stands for 1 (square)
  double max_zoom;                     // never enlarge more than this; 0 stands for no limit
  pl_view_area area;                   // what to show; width 0 stands for the whole image
  double window_centre, window_width;  // in stored values; width 0 chooses: the type's range for 8 bits, else what is
                                       // between the 0.5th and the 99.5th percentile
  bool invert;                         // on top of what PL_IMAGE_GREY_INVERSE already asks for
  pl_mask_mode mask_mode;              // of pl_view_case's mask; layers have their own
  double opacity;                      // of its fill, 0 to 1
  pl_rgb mask_colour;                  // see pl_colour_rgb
  int edge_width;                      // pixels; 0 chooses: 1, or 2 for bitmaps above 900 pixels
} pl_view_case_options;

// Something over the picture, of the picture's size. What it is its plane's meaning says:
//   PL_IMAGE_PROBABILITY  a heat map (pl_colour_heat), 8 or 16 bits, as opaque as `opacity`, fading out below p = 0.25;
//                         colour and mode do not matter, except that PL_MASK_OFF shows nothing
//   any other             a mask, 8 bits, non-zero is inside
typedef struct pl_view_layer {
  const pl_image *plane;  // borrowed
  pl_mask_mode mode;
  double opacity;  // of a fill or heat map, 0 to 1
  pl_rgb colour;
} pl_view_layer;

// Whole image, automatic window, mask filled with orange at 0.25, at most width x height pixels.
pl_view_case_options pl_view_case_defaults(uint32_t width, uint32_t height);

// The size that pl_view_case gives its bitmap.
void pl_view_case_size(uint32_t *width, uint32_t *height, const pl_image *image, const pl_view_case_options *options);

// Draws. `mask` may be NULL; else it has the image's size (PL_E_FORMAT otherwise), type U8, and non-zero is inside.
// Shrinks by the area filter and enlarges by repeating pixels from 2x on. The mask's coverage of each output pixel
// decides what is inside (at least half), and where a structure is too thin for that, the covered pixels count as
// inside, so that nothing vanishes when the picture is small. PL_E_USAGE for an area outside the image, PL_E_LIMIT,
// PL_E_NOMEM.
pl_status pl_view_case(pl_bitmap *out, const pl_image *image, const pl_image *mask, const pl_view_case_options *options,
                       pl_error *err);

// The same with any number of layers, drawn in their order; PL_E_FORMAT when one has not the image's size or a wrong
// type.
pl_status pl_view_case_layers(pl_bitmap *out, const pl_image *image, const pl_view_layer *layers, size_t count,
                              const pl_view_case_options *options, pl_error *err);

// Draws layers over a picture that is there: `bitmap` is what pl_view_case_layers made of the image with these options.
// With layers that change over an image that does not, this is most of the work saved. On failure the bitmap is
// undefined.
pl_status pl_view_case_paint(pl_bitmap *bitmap, const pl_image *image, const pl_view_layer *layers, size_t count,
                             const pl_view_case_options *options, pl_error *err);

// Which stored value grey begins and ends with when the window is chosen automatically.
void pl_view_auto_window(double *centre, double *width, const pl_image *image);

#ifdef __cplusplus
}
#endif
