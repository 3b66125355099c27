#include "viewers/view_grid.h"

#include <math.h>

#include "viewers/colormap.h"
#include "viewers/draw.h"

enum { GAP = 4, GAP_SMALL = 1, SMALL = 200, LABEL_MIN = 72, LABEL_LARGE = 400, LABEL_PAD = 3 };

// Where tiles go: all in pixels of the bitmap.
typedef struct places {
  uint32_t columns, rows, gap;
  uint32_t width, height;  // of an image
  int text_scale;
  uint32_t label;  // height, 0 for none
} places;

pl_view_grid_options pl_view_grid_defaults(uint32_t width, uint32_t height) {
  const pl_view_case_options one = pl_view_case_defaults(width, height);
  return (pl_view_grid_options){
      .fit_width = width, .fit_height = height, .labels = true, .mask_mode = one.mask_mode, .opacity = one.opacity};
}

static pl_image largest(const pl_grid_tile *tiles, size_t count) {
  pl_image out = {.width = 1, .height = 1};
  for (size_t i = 0; i < count; i++) {
    if (tiles[i].image->width > out.width) out.width = tiles[i].image->width;
    if (tiles[i].image->height > out.height) out.height = tiles[i].image->height;
  }
  return out;
}

static places count_places(size_t count, uint32_t columns, uint32_t fit_width) {
  if (columns == 0 || columns > count) columns = (uint32_t)ceil(sqrt((double)count));
  return (places){.columns = columns,
                  .rows = ((uint32_t)count + columns - 1) / columns,
                  .gap = fit_width >= SMALL ? GAP : GAP_SMALL};
}

// A label takes room where an image of that width is wide enough for it.
static void place_labels(places *p, uint32_t width, bool labels) {
  p->text_scale = width >= LABEL_LARGE ? 2 : 1;
  p->label = labels && width >= LABEL_MIN ? (uint32_t)(p->text_scale * (PL_FONT_HEIGHT + LABEL_PAD)) : 0;
}

uint32_t pl_view_grid_columns(size_t count, uint32_t width, uint32_t height, double pixel_aspect) {
  uint32_t best = 1;
  double largest_side = 0;
  for (uint32_t columns = 1; columns <= count; columns++) {
    const uint32_t rows = ((uint32_t)count + columns - 1) / columns;
    const double side = fmin((double)width / columns, height * pixel_aspect / rows);
    if (side > largest_side) largest_side = side, best = columns;
  }
  return best;
}

void pl_view_grid_whole(uint32_t *width, uint32_t *height, const pl_grid_tile *tiles, size_t count, bool labels) {
  const pl_image image = largest(tiles, count);
  places p = count_places(count, 0, SMALL);
  place_labels(&p, image.width, labels);
  *width = p.columns * image.width + (p.columns - 1) * p.gap;
  *height = p.rows * (image.height + p.label) + (p.rows - 1) * p.gap;
  if (*width < SMALL) *width = SMALL;  // below, the gaps would be smaller ones
}

// What one of `parts` equal shares of `whole` gets between gaps; 0 when there is no room.
static uint32_t share(uint32_t whole, uint32_t parts, uint32_t gap) {
  const uint32_t gaps = (parts - 1) * gap;
  return whole > gaps ? (whole - gaps) / parts : 0;
}

static pl_status find_places(places *p, const pl_grid_tile *tiles, size_t count, const pl_view_grid_options *options,
                             pl_error *err) {
  if (count < 1 || count > PL_GRID_MAX) {
    return pl_fail(err, PL_E_LIMIT, "a grid shows 1 to %d images, not %zu", PL_GRID_MAX, count);
  }
  *p = count_places(count, options->columns, options->fit_width);
  const uint32_t width = share(options->fit_width, p->columns, p->gap);
  const uint32_t height = share(options->fit_height, p->rows, p->gap);
  place_labels(p, width, options->labels);
  if (width == 0 || height <= p->label) {
    return pl_fail(err, PL_E_LIMIT, "there is no room for %zu images in %ux%u pixels", count, options->fit_width,
                   options->fit_height);
  }
  const pl_image image = largest(tiles, count);
  pl_view_case_options fit = pl_view_case_defaults(width, height - p->label);
  fit.pixel_aspect = options->pixel_aspect;
  pl_view_case_size(&p->width, &p->height, &image, &fit);
  return PL_OK;
}

static void draw_frame(pl_bitmap *bitmap, pl_rect r, int thick) {
  const pl_rgb colour = pl_colour_rgb(PL_COLOUR_YELLOW);
  pl_draw_rect(bitmap, (pl_rect){r.x, r.y, r.width, thick}, colour, 1);
  pl_draw_rect(bitmap, (pl_rect){r.x, r.y + r.height - thick, r.width, thick}, colour, 1);
  pl_draw_rect(bitmap, (pl_rect){r.x, r.y, thick, r.height}, colour, 1);
  pl_draw_rect(bitmap, (pl_rect){r.x + r.width - thick, r.y, thick, r.height}, colour, 1);
}

static pl_status draw_tile(pl_bitmap *bitmap, const places *p, size_t index, const pl_grid_tile *tile,
                           const pl_view_grid_options *options, pl_error *err) {
  const int x = (int)(index % p->columns * (p->width + p->gap));
  const int y = (int)(index / p->columns * (p->height + p->label + p->gap));
  pl_view_case_options one = pl_view_case_defaults(p->width, p->height);
  one.pixel_aspect = options->pixel_aspect;
  one.mask_mode = options->mask_mode;
  one.opacity = options->opacity;
  one.invert = options->invert;
  pl_bitmap drawn = {0};
  pl_status status = tile->layer_count > 0
                         ? pl_view_case_layers(&drawn, tile->image, tile->layers, tile->layer_count, &one, err)
                         : pl_view_case(&drawn, tile->image, tile->mask, &one, err);
  if (status != PL_OK) return status;
  pl_bitmap_place(bitmap, &drawn, x + (int)(p->width - drawn.width) / 2, y + (int)(p->height - drawn.height) / 2);
  pl_bitmap_clear(&drawn);
  if (tile->marked) draw_frame(bitmap, (pl_rect){x, y, (int)p->width, (int)p->height}, p->gap >= GAP ? 2 : 1);
  if (p->label == 0 || tile->label == NULL) return PL_OK;
  const pl_rect below = {x, y + (int)p->height, (int)p->width, (int)p->label};
  pl_draw_text(bitmap, below, x, below.y + LABEL_PAD * p->text_scale, p->text_scale, pl_colour_rgb(PL_COLOUR_TEXT),
               tile->label);
  return PL_OK;
}

pl_status pl_view_grid(pl_bitmap *out, const pl_grid_tile *tiles, size_t count, const pl_view_grid_options *options,
                       pl_error *err) {
  places p = {0};
  pl_status status = find_places(&p, tiles, count, options, err);
  if (status != PL_OK) return status;
  pl_bitmap bitmap = {0};
  status = pl_bitmap_init(&bitmap, p.columns * p.width + (p.columns - 1) * p.gap,
                          p.rows * (p.height + p.label) + (p.rows - 1) * p.gap, err);
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    status = draw_tile(&bitmap, &p, i, &tiles[i], options, err);
    if (status != PL_OK) pl_wrap(err, "image %zu of the grid", i + 1);
  }
  if (status != PL_OK) {
    pl_bitmap_clear(&bitmap);
    return status;
  }
  *out = bitmap;
  return PL_OK;
}
