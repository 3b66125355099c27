#include "tui/picture.h"

#include "viewers/colormap.h"

enum { SIXEL_ROWS = 6 };

bool pl_picture_format_equal(const pl_picture_format *a, const pl_picture_format *b) {
  return a->graphics == b->graphics && a->colours == b->colours && a->caps.cell_width == b->caps.cell_width &&
         a->caps.cell_height == b->caps.cell_height;
}

bool pl_picture_size(uint32_t *width, uint32_t *height, double *pixel_aspect, const pl_picture_format *format,
                     pl_area area) {
  if (pl_area_empty(area)) return false;
  const pl_caps *caps = &format->caps;
  const double cell_width = caps->cell_width > 0 && caps->cell_height > 0 ? (double)caps->cell_width : 1.0;
  const double cell_height = caps->cell_width > 0 && caps->cell_height > 0 ? (double)caps->cell_height : 2.0;
  if (format->graphics == PL_GRAPHICS_BLOCKS || format->graphics == PL_GRAPHICS_ASCII) {
    *width = (uint32_t)area.cols;
    *height = (uint32_t)area.rows * 2;
    *pixel_aspect = cell_height / 2.0 / cell_width;
    return true;
  }
  if (format->graphics != PL_GRAPHICS_SIXEL || caps->cell_width == 0 || caps->cell_height == 0) return false;
  uint32_t w = (uint32_t)area.cols * caps->cell_width, h = (uint32_t)area.rows * caps->cell_height;
  if (caps->max_width > 0 && w > caps->max_width) w = caps->max_width;
  if (caps->max_height > 0 && h > caps->max_height) h = caps->max_height;
  // Sixels come in bands of six rows; a last band that is not full would reach beyond the area.
  h -= h % SIXEL_ROWS;
  *width = w;
  *height = h;
  *pixel_aspect = 1.0;
  return w > 0 && h > 0;
}

pl_status pl_picture_make(pl_picture *out, const pl_bitmap *bitmap, const pl_picture_format *format, uint64_t serial,
                          pl_error *err) {
  return pl_picture_make_centred(out, bitmap, bitmap->width, bitmap->height, format, serial, err);
}

pl_status pl_picture_make_centred(pl_picture *out, const pl_bitmap *bitmap, uint32_t width, uint32_t height,
                                  const pl_picture_format *format, uint64_t serial, pl_error *err) {
  pl_picture made = {.serial = serial, .width = width, .height = height};
  pl_status status = pl_bitmap_init(&made.bitmap, width, height, err);
  if (status != PL_OK) return status;
  pl_bitmap_place(&made.bitmap, bitmap, ((int)width - (int)bitmap->width) / 2, ((int)height - (int)bitmap->height) / 2);
  if (format->graphics != PL_GRAPHICS_SIXEL) {
    const bool ascii = format->graphics == PL_GRAPHICS_ASCII;
    status = pl_blocks(&made.cells, &made.bitmap, ascii ? PL_COLOURS_MONO : format->colours,
                       !ascii && format->caps.utf8, err);
    pl_bitmap_clear(&made.bitmap);
  }
  if (status != PL_OK) {
    pl_picture_clear(&made);
    return status;
  }
  *out = made;
  return PL_OK;
}

void pl_picture_clear(pl_picture *picture) {
  pl_bitmap_clear(&picture->bitmap);
  pl_cells_clear(&picture->cells);
  *picture = (pl_picture){0};
}

bool pl_picture_is_sixel(const pl_picture *picture) { return picture->bitmap.pixels != NULL; }
