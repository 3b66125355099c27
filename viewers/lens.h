// Which part of an image a window shows: zooming and panning as pure arithmetic. Zoom is window pixels per image pixel
// along x; a window's pixels may be higher than wide (half blocks).
#pragma once

#include "viewers/view_case.h"

#ifdef __cplusplus
extern "C" {
#endif

// A zeroed lens fits the whole image into the window.
typedef struct pl_lens {
  double zoom;  // 0 fits
  double x, y;  // the image point in the window's middle; without meaning while it fits
} pl_lens;

// What the lens looks at and through.
typedef struct pl_lens_frame {
  double image_width, image_height;
  double width, height;  // of the window in its own pixels
  double pixel_aspect;   // height of a window's pixel over its width
} pl_lens_frame;

// The zoom that the lens has.
double pl_lens_zoom(const pl_lens *lens, const pl_lens_frame *frame);

// The part of the image that is seen: inside the image, and all of it along a side that fits.
pl_view_area pl_lens_area(const pl_lens *lens, const pl_lens_frame *frame);

// The image point under a point of the window, and the other way round. The picture sits in the window's middle.
void pl_lens_to_image(double *image_x, double *image_y, const pl_lens *lens, const pl_lens_frame *frame, double x,
                      double y);

// Zooms to `zoom`, between fitting and 32 (fitting is 0 again), so that the image point under (x, y) of the window
// stays there as far as the image's borders allow.
void pl_lens_set_zoom(pl_lens *lens, const pl_lens_frame *frame, double zoom, double x, double y);

// Moves what is seen by pixels of the window, stopping at the image's borders.
void pl_lens_pan(pl_lens *lens, const pl_lens_frame *frame, double dx, double dy);

// Shows this part of the image as large as fits, with a margin of a quarter of it on each side, at most at zoom 8.
void pl_lens_show(pl_lens *lens, const pl_lens_frame *frame, pl_view_area part);

#ifdef __cplusplus
}
#endif
