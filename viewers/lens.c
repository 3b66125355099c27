#include "viewers/lens.h"

#include <math.h>

static const double zoom_max = 32, show_zoom_max = 8, margin = 0.25;

// The zoom at which the image just fits.
static double fit_zoom(const pl_lens_frame *f) {
  return fmin(f->width / f->image_width, f->height * f->pixel_aspect / f->image_height);
}

double pl_lens_zoom(const pl_lens *lens, const pl_lens_frame *f) { return lens->zoom > 0 ? lens->zoom : fit_zoom(f); }

// One axis: the seen length, and its beginning for a middle that may be anywhere.
static double begin_of(double middle, double seen, double whole) {
  return fmin(fmax(middle - seen / 2, 0), whole - seen);
}

pl_view_area pl_lens_area(const pl_lens *lens, const pl_lens_frame *f) {
  if (lens->zoom <= 0) return (pl_view_area){.width = f->image_width, .height = f->image_height};
  const double width = fmin(f->width / lens->zoom, f->image_width);
  const double height = fmin(f->height * f->pixel_aspect / lens->zoom, f->image_height);
  return (pl_view_area){.x = begin_of(lens->x, width, f->image_width),
                        .y = begin_of(lens->y, height, f->image_height),
                        .width = width,
                        .height = height};
}

void pl_lens_to_image(double *image_x, double *image_y, const pl_lens *lens, const pl_lens_frame *f, double x,
                      double y) {
  const pl_view_area area = pl_lens_area(lens, f);
  const double zoom = pl_lens_zoom(lens, f);
  *image_x = area.x + area.width / 2 + (x - f->width / 2) / zoom;
  *image_y = area.y + area.height / 2 + (y - f->height / 2) * f->pixel_aspect / zoom;
}

// The middle that the borders allow.
static void settle(pl_lens *lens, const pl_lens_frame *f) {
  const pl_view_area area = pl_lens_area(lens, f);
  lens->x = area.x + area.width / 2;
  lens->y = area.y + area.height / 2;
}

void pl_lens_set_zoom(pl_lens *lens, const pl_lens_frame *f, double zoom, double x, double y) {
  double at_x = 0, at_y = 0;
  pl_lens_to_image(&at_x, &at_y, lens, f, x, y);
  zoom = fmin(zoom, zoom_max);
  if (zoom <= fit_zoom(f) * 1.0001) {
    *lens = (pl_lens){0};
    return;
  }
  lens->zoom = zoom;
  lens->x = at_x - (x - f->width / 2) / zoom;
  lens->y = at_y - (y - f->height / 2) * f->pixel_aspect / zoom;
  settle(lens, f);
}

void pl_lens_pan(pl_lens *lens, const pl_lens_frame *f, double dx, double dy) {
  if (lens->zoom <= 0) return;
  lens->x += dx / lens->zoom;
  lens->y += dy * f->pixel_aspect / lens->zoom;
  settle(lens, f);
}

void pl_lens_show(pl_lens *lens, const pl_lens_frame *f, pl_view_area part) {
  const double width = part.width * (1 + 2 * margin), height = part.height * (1 + 2 * margin);
  const double zoom = fmin(show_zoom_max, fmin(f->width / width, f->height * f->pixel_aspect / height));
  *lens = (pl_lens){0};
  if (zoom <= fit_zoom(f) * 1.0001) return;
  *lens = (pl_lens){.zoom = zoom, .x = part.x + part.width / 2, .y = part.y + part.height / 2};
  settle(lens, f);
}
