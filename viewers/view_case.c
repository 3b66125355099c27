#include "viewers/view_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "viewers/colormap.h"
#include "viewers/parallel.h"

static const double heat_full = 0.25;  // from this probability on a heat map is as opaque as it gets

pl_view_case_options pl_view_case_defaults(uint32_t width, uint32_t height) {
  return (pl_view_case_options){
      .fit_width = width, .fit_height = height, .opacity = 0.25, .mask_colour = pl_colour_rgb(PL_COLOUR_ORANGE)};
}

// A value's place in a histogram of all 16-bit values.
static size_t bin_of(const pl_image *image, size_t i) {
  return image->type == PL_PIXEL_S16 ? (size_t)(image->s16[i] + 32768) : image->u16[i];
}

void pl_view_auto_window(double *centre, double *width, const pl_image *image) {
  double low = 0, high = 255;
  if (image->type != PL_PIXEL_U8) {
    size_t count = (size_t)image->width * image->height, below = 0, bin = 0;
    size_t *histogram = pl_xcalloc(65536, sizeof *histogram);
    for (size_t i = 0; i < count; i++) histogram[bin_of(image, i)]++;
    size_t tail = count / 200;
    double origin = image->type == PL_PIXEL_S16 ? -32768 : 0;
    while (bin < 65535 && below + histogram[bin] <= tail) below += histogram[bin++];
    low = origin + (double)bin;
    bin = 65535;
    below = 0;
    while (bin > 0 && below + histogram[bin] <= tail) below += histogram[bin--];
    high = origin + (double)bin;
    free(histogram);
    if (high <= low) high = low + 1;
  }
  *centre = (low + high) / 2;
  *width = high - low;
}

static pl_view_area shown_area(const pl_image *image, const pl_view_case_options *options) {
  if (options->area.width > 0) return options->area;
  return (pl_view_area){.width = image->width, .height = image->height};
}

void pl_view_case_size(uint32_t *width, uint32_t *height, const pl_image *image, const pl_view_case_options *options) {
  pl_view_area area = shown_area(image, options);
  double aspect = options->pixel_aspect > 0 ? options->pixel_aspect : 1;
  double zoom = fmin(options->fit_width / area.width, options->fit_height * aspect / area.height);
  if (options->max_zoom > 0) zoom = fmin(zoom, options->max_zoom);
  double w = round(area.width * zoom), h = round(area.height * zoom / aspect);
  *width = (uint32_t)fmax(1, fmin(w, options->fit_width));
  *height = (uint32_t)fmax(1, fmin(h, options->fit_height));
}

// Which source pixels one output pixel covers along one axis, with the share of the first and the last.
typedef struct span {
  uint32_t first, count;
  float first_weight, last_weight;
} span;

static span *spans_create(double start, double length, uint32_t output, uint32_t limit) {
  span *spans = pl_xcalloc(output, sizeof *spans);
  double step = length / output;
  for (uint32_t i = 0; i < output; i++) {
    double a = start + i * step, b = a + step;
    if (step <= 0.5) {  // enlarged at least twice: the nearest source pixel
      a = floor((a + b) / 2);
      b = a + 1;
    }
    a = fmin(fmax(a, 0), limit - 1.0);
    b = fmin(fmax(b, a + 1e-6), limit);
    uint32_t last = (uint32_t)ceil(b) - 1;
    spans[i].first = (uint32_t)a;
    if (last < spans[i].first) last = spans[i].first;
    spans[i].count = last - spans[i].first + 1;
    spans[i].first_weight = (float)(fmin(spans[i].first + 1.0, b) - a);
    spans[i].last_weight = (float)(b - last);
  }
  return spans;
}

static float span_weight(const span *s, uint32_t i) {
  if (i == 0) return s->first_weight;
  return i + 1 == s->count ? s->last_weight : 1;
}

// Adds `weight` times `count` values from `start` on to the sums. The loops are plain for the compiler's vectors.
static void add_row(double *restrict sums, const pl_image *image, size_t start, size_t count, double weight) {
  if (image->meaning == PL_IMAGE_MASK) {
    for (size_t i = 0; i < count; i++) sums[i] += weight * (image->u8[start + i] != 0);
  } else if (image->type == PL_PIXEL_U8) {
    for (size_t i = 0; i < count; i++) sums[i] += weight * image->u8[start + i];
  } else if (image->type == PL_PIXEL_U16) {
    for (size_t i = 0; i < count; i++) sums[i] += weight * image->u16[start + i];
  } else {
    for (size_t i = 0; i < count; i++) sums[i] += weight * image->s16[start + i];
  }
}

// Most of a mask is empty.
static bool is_empty(const pl_image *image, const span *rows, size_t start, size_t count) {
  if (image->meaning != PL_IMAGE_MASK) return false;
  for (uint32_t r = 0; r < rows->count; r++) {
    const uint8_t *row = &image->u8[(size_t)(rows->first + r) * image->width + start];
    if (row[0] != 0 || memcmp(row, row + 1, count - 1) != 0) return false;
  }
  return true;
}

// Rows that one thread does at a time.
enum { BLOCK_ROWS = 32 };

typedef struct row_block {
  uint32_t first, end;
} row_block;

static row_block block_of(size_t index, uint32_t height) {
  const uint32_t first = (uint32_t)index * BLOCK_ROWS;
  return (row_block){.first = first, .end = height - first > BLOCK_ROWS ? first + BLOCK_ROWS : height};
}

static void in_blocks(void (*work)(void *context, size_t block), void *context, uint32_t width, uint32_t height) {
  pl_parallel((height + BLOCK_ROWS - 1) / BLOCK_ROWS, pl_parallel_threads((size_t)width * height), work, context);
}

typedef struct mean_work {
  const pl_image *image;
  const span *columns, *rows;
  uint32_t width, height;
  uint32_t first, count;  // source pixels of a row that are covered
  double *sums;           // `count` for each block
  float *means;
} mean_work;

static void mean_row(const mean_work *w, double *sums, uint32_t y) {
  const span *row = &w->rows[y];
  float *means = &w->means[(size_t)y * w->width];
  double down = 0;
  if (is_empty(w->image, row, w->first, w->count)) {
    memset(means, 0, w->width * sizeof *means);
    return;
  }
  memset(sums, 0, w->count * sizeof *sums);
  for (uint32_t r = 0; r < row->count; r++) {
    const double weight = span_weight(row, r);
    add_row(sums, w->image, (size_t)(row->first + r) * w->image->width + w->first, w->count, weight);
    down += weight;
  }
  for (uint32_t x = 0; x < w->width; x++) {
    const span *column = &w->columns[x];
    double sum = 0, along = 0;
    for (uint32_t c = 0; c < column->count; c++) {
      const double weight = span_weight(column, c);
      sum += weight * sums[column->first - w->first + c];
      along += weight;
    }
    means[x] = (float)(sum / (along * down));
  }
}

static void mean_block(void *context, size_t block) {
  const mean_work *w = context;
  const row_block rows = block_of(block, w->height);
  for (uint32_t y = rows.first; y < rows.end; y++) mean_row(w, &w->sums[block * w->count], y);
}

// Mean of the plane over each output pixel: down the rows first, then along them. A mask counts as 0 or 1 whatever its
// inside value is.
static float *area_means(const pl_image *image, const span *columns, uint32_t width, const span *rows,
                         uint32_t height) {
  mean_work w = {.image = image, .columns = columns, .rows = rows, .width = width, .height = height};
  w.first = columns[0].first;
  w.count = columns[width - 1].first + columns[width - 1].count - w.first;
  w.means = pl_try_alloc((size_t)width * height * sizeof *w.means);
  w.sums = pl_try_alloc((height + BLOCK_ROWS - 1) / BLOCK_ROWS * (size_t)w.count * sizeof *w.sums);
  if (w.means != NULL && w.sums != NULL) {
    in_blocks(mean_block, &w, width, height);
  } else {
    free(w.means);
    w.means = NULL;
  }
  free(w.sums);
  return w.means;
}

typedef struct grey_work {
  pl_bitmap *bitmap;
  const float *means;
  double low, width;
  bool inverse;
} grey_work;

static void grey_block(void *context, size_t block) {
  const grey_work *w = context;
  const row_block rows = block_of(block, w->bitmap->height);
  const size_t end = (size_t)rows.end * w->bitmap->width;
  for (size_t i = (size_t)rows.first * w->bitmap->width; i < end; i++) {
    const double share = (w->means[i] - w->low) / w->width, v = share < 0 ? 0 : share > 1 ? 1 : share;
    const uint8_t grey = (uint8_t)(255 * (w->inverse ? 1 - v : v) + 0.5);
    w->bitmap->pixels[i] = (pl_rgb){grey, grey, grey};
  }
}

static void paint_greys(pl_bitmap *bitmap, const float *means, double centre, double width, bool inverse) {
  grey_work w = {bitmap, means, .low = centre - width / 2, .width = width, .inverse = inverse};
  in_blocks(grey_block, &w, bitmap->width, bitmap->height);
}

// The highest coverage among a pixel and its eight neighbours.
static float neighbourhood_max(const float *coverage, uint32_t width, uint32_t height, uint32_t x, uint32_t y) {
  float best = 0;
  for (uint32_t r = y > 0 ? y - 1 : 0; r <= y + 1 && r < height; r++) {
    for (uint32_t c = x > 0 ? x - 1 : 0; c <= x + 1 && c < width; c++)
      best = fmaxf(best, coverage[(size_t)r * width + c]);
  }
  return best;
}

// Half covered is inside; so is anything covered where nothing around is covered by half, lest thin masks vanish.
static void find_inside(uint8_t *inside, const float *coverage, uint32_t width, uint32_t height) {
  for (uint32_t y = 0; y < height; y++) {
    for (uint32_t x = 0; x < width; x++) {
      float c = coverage[(size_t)y * width + x];
      inside[(size_t)y * width + x] = c >= 0.5f || (c > 0 && neighbourhood_max(coverage, width, height, x, y) < 0.5f);
    }
  }
}

// Inside, with something outside at most `reach` pixels away (city blocks). Beyond the picture nothing is known, so its
// border makes no edge.
static bool is_edge(const uint8_t *inside, uint32_t width, uint32_t height, uint32_t x, uint32_t y, int reach) {
  if (!inside[(size_t)y * width + x]) return false;
  for (int dy = -reach; dy <= reach; dy++) {
    for (int dx = -reach + abs(dy); dx <= reach - abs(dy); dx++) {
      int64_t c = (int64_t)x + dx, r = (int64_t)y + dy;
      if (c < 0 || r < 0 || c >= width || r >= height) continue;
      if (!inside[(size_t)r * width + (size_t)c]) return true;
    }
  }
  return false;
}

// How a picture's pixels cover the image's, and the bitmap that is painted.
typedef struct canvas {
  pl_bitmap bitmap;
  span *columns, *rows;
  int edge_width;
} canvas;

// A part of the picture, in its pixels.
typedef struct box {
  uint32_t x, y, width, height;
} box;

// The output pixels of one axis that cover something of first..last, with `margin` more on either side.
static void covering(uint32_t *out, uint32_t *count, const span *spans, uint32_t output, uint32_t first, uint32_t last,
                     uint32_t margin) {
  uint32_t begin = 0, end = output;
  while (begin < output && spans[begin].first + spans[begin].count <= first) begin++;
  while (end > begin && spans[end - 1].first > last) end--;
  begin = begin > margin ? begin - margin : 0;
  end = output - end > margin ? end + margin : output;
  *out = begin;
  *count = end - begin;
}

// Where a mask has something in the picture, and around it as far as its edge is drawn by what is outside; false when
// it is empty. Most masks are small: what is empty costs nothing but being looked at.
static bool find_box(box *out, const canvas *c, const pl_image *mask, uint32_t margin) {
  const size_t width = mask->width;
  uint32_t top = 0, bottom = mask->height, left = mask->width, right = 0;
  for (uint32_t y = 0; y < mask->height; y++) {
    const uint8_t *row = &mask->u8[y * width];
    if (row[0] == 0 && memcmp(row, row + 1, width - 1) == 0) continue;
    uint32_t first = 0, last = mask->width - 1;
    while (row[first] == 0) first++;
    while (row[last] == 0) last--;
    left = first < left ? first : left;
    right = last > right ? last : right;
    top = bottom == mask->height ? y : top;
    bottom = y;
  }
  if (bottom == mask->height) return false;
  covering(&out->x, &out->width, c->columns, c->bitmap.width, left, right, margin);
  covering(&out->y, &out->height, c->rows, c->bitmap.height, top, bottom, margin);
  return out->width > 0 && out->height > 0;
}

static pl_status paint_inside(canvas *c, const float *coverage, const box *part, int reach, const pl_view_layer *layer,
                              pl_error *err) {
  const uint32_t width = part->width, height = part->height;
  uint8_t *inside = pl_try_alloc((size_t)width * height);
  if (inside == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for a mask of %ux%u pixels", width, height);
  find_inside(inside, coverage, width, height);
  for (uint32_t y = 0; y < height; y++) {
    pl_rgb *row = &c->bitmap.pixels[(size_t)(part->y + y) * c->bitmap.width + part->x];
    for (uint32_t x = 0; x < width; x++) {
      const float covered = coverage[(size_t)y * width + x];
      if (covered <= 0) continue;
      double alpha = layer->mode == PL_MASK_FILL ? layer->opacity * covered : 0;
      if (is_edge(inside, width, height, x, y, reach)) alpha = 1;
      row[x] = pl_rgb_mix(row[x], layer->colour, alpha);
    }
  }
  free(inside);
  return PL_OK;
}

static pl_status paint_mask(canvas *c, const pl_view_layer *layer, pl_error *err) {
  const bool large = c->bitmap.width > 900 || c->bitmap.height > 900;
  const int reach = c->edge_width > 0 ? c->edge_width : (large ? 2 : 1);
  pl_image mask = *layer->plane;
  mask.meaning = PL_IMAGE_MASK;
  box part;
  if (!find_box(&part, c, &mask, (uint32_t)reach + 1)) return PL_OK;
  float *coverage = area_means(&mask, c->columns + part.x, part.width, c->rows + part.y, part.height);
  if (coverage == NULL) return pl_fail(err, PL_E_NOMEM, "no memory to scale a mask");
  pl_status status = paint_inside(c, coverage, &part, reach, layer, err);
  free(coverage);
  return status;
}

static pl_status paint_heat(canvas *c, const pl_view_layer *layer, pl_error *err) {
  const double most = layer->plane->type == PL_PIXEL_U8 ? 255 : 65535;
  const size_t count = (size_t)c->bitmap.width * c->bitmap.height;
  float *means = area_means(layer->plane, c->columns, c->bitmap.width, c->rows, c->bitmap.height);
  if (means == NULL) return pl_fail(err, PL_E_NOMEM, "no memory to scale a map");
  for (size_t i = 0; i < count; i++) {
    const double p = means[i] / most, alpha = layer->opacity * fmin(1, p / heat_full);
    c->bitmap.pixels[i] = pl_rgb_mix(c->bitmap.pixels[i], pl_colour_heat(p), alpha);
  }
  free(means);
  return PL_OK;
}

static pl_status paint_layer(canvas *c, const pl_view_layer *layer, pl_error *err) {
  if (layer->mode == PL_MASK_OFF) return PL_OK;
  return layer->plane->meaning == PL_IMAGE_PROBABILITY ? paint_heat(c, layer, err) : paint_mask(c, layer, err);
}

static pl_status check_layer(const pl_image *image, const pl_view_layer *layer, pl_error *err) {
  const pl_image *plane = layer->plane;
  if (plane->width != image->width || plane->height != image->height) {
    return pl_fail(err, PL_E_FORMAT, "the mask is %ux%u pixels, the image %ux%u", plane->width, plane->height,
                   image->width, image->height);
  }
  if (plane->meaning == PL_IMAGE_PROBABILITY) {
    if (plane->type == PL_PIXEL_S16) return pl_fail(err, PL_E_FORMAT, "a map of probabilities has no negative values");
  } else if (plane->type != PL_PIXEL_U8) {
    return pl_fail(err, PL_E_FORMAT, "the mask has 16 bits; masks have 8");
  }
  return PL_OK;
}

static pl_status check_area(const pl_image *image, const pl_view_case_options *options, pl_error *err) {
  const pl_view_area area = shown_area(image, options);
  const bool fits = area.x >= 0 && area.y >= 0 && area.height > 0 && area.x + area.width <= image->width + 1e-6 &&
                    area.y + area.height <= image->height + 1e-6;
  if (fits) return PL_OK;
  return pl_fail(err, PL_E_USAGE, "area %gx%g at (%g,%g) is not inside the image of %ux%u pixels", area.width,
                 area.height, area.x, area.y, image->width, image->height);
}

static pl_status paint_picture(canvas *c, const pl_image *image, const pl_view_case_options *options, pl_error *err) {
  float *means = area_means(image, c->columns, c->bitmap.width, c->rows, c->bitmap.height);
  if (means == NULL) return pl_fail(err, PL_E_NOMEM, "no memory to scale an image");
  double centre = options->window_centre, width = options->window_width;
  if (!(width > 0)) pl_view_auto_window(&centre, &width, image);
  paint_greys(&c->bitmap, means, centre, width, options->invert != (image->meaning == PL_IMAGE_GREY_INVERSE));
  free(means);
  return PL_OK;
}

// A canvas over a bitmap of the picture's size, which it takes; free_canvas gives it back.
static void make_canvas(canvas *c, const pl_bitmap *bitmap, const pl_image *image,
                        const pl_view_case_options *options) {
  const pl_view_area area = shown_area(image, options);
  *c = (canvas){.bitmap = *bitmap, .edge_width = options->edge_width};
  c->columns = spans_create(area.x, area.width, bitmap->width, image->width);
  c->rows = spans_create(area.y, area.height, bitmap->height, image->height);
}

static void free_canvas(canvas *c) {
  free(c->columns);
  free(c->rows);
}

pl_status pl_view_case_paint(pl_bitmap *bitmap, const pl_image *image, const pl_view_layer *layers, size_t count,
                             const pl_view_case_options *options, pl_error *err) {
  pl_status status = check_area(image, options, err);
  for (size_t i = 0; i < count && status == PL_OK; i++) status = check_layer(image, &layers[i], err);
  if (status != PL_OK) return status;
  canvas c;
  make_canvas(&c, bitmap, image, options);
  for (size_t i = 0; i < count && status == PL_OK; i++) status = paint_layer(&c, &layers[i], err);
  free_canvas(&c);
  return status;
}

pl_status pl_view_case_layers(pl_bitmap *out, const pl_image *image, const pl_view_layer *layers, size_t count,
                              const pl_view_case_options *options, pl_error *err) {
  pl_status status = check_area(image, options, err);
  if (status != PL_OK) return status;
  uint32_t width = 0, height = 0;
  pl_bitmap bitmap = {0};
  pl_view_case_size(&width, &height, image, options);
  status = pl_bitmap_init(&bitmap, width, height, err);
  if (status != PL_OK) return status;
  canvas c;
  make_canvas(&c, &bitmap, image, options);
  status = paint_picture(&c, image, options, err);
  free_canvas(&c);
  if (status == PL_OK) status = pl_view_case_paint(&bitmap, image, layers, count, options, err);
  if (status == PL_OK) {
    *out = bitmap;
  } else {
    pl_bitmap_clear(&bitmap);
  }
  return status;
}

pl_status pl_view_case(pl_bitmap *out, const pl_image *image, const pl_image *mask, const pl_view_case_options *options,
                       pl_error *err) {
  pl_view_layer layer = {
      .plane = mask, .mode = options->mask_mode, .opacity = options->opacity, .colour = options->mask_colour};
  pl_image binary;
  if (mask != NULL) {
    binary = *mask;
    binary.meaning = PL_IMAGE_MASK;
    layer.plane = &binary;
  }
  return pl_view_case_layers(out, image, &layer, mask != NULL, options, err);
}
