#include "viewers/view_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "viewers/colormap.h"

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

// Mean of the plane over each output pixel: down the rows first, then along them. A mask counts as 0 or 1 whatever its
// inside value is.
static float *area_means(const pl_image *image, const span *columns, uint32_t width, const span *rows,
                         uint32_t height) {
  const uint32_t first = columns[0].first, count = columns[width - 1].first + columns[width - 1].count - first;
  float *means = pl_try_alloc((size_t)width * height * sizeof *means);
  double *sums = pl_try_alloc(count * sizeof *sums);
  if (means == NULL || sums == NULL) {
    free(means);
    free(sums);
    return NULL;
  }
  for (uint32_t y = 0; y < height; y++) {
    double down = 0;
    if (is_empty(image, &rows[y], first, count)) {
      memset(&means[(size_t)y * width], 0, width * sizeof *means);
      continue;
    }
    memset(sums, 0, count * sizeof *sums);
    for (uint32_t r = 0; r < rows[y].count; r++) {
      const double weight = span_weight(&rows[y], r);
      add_row(sums, image, (size_t)(rows[y].first + r) * image->width + first, count, weight);
      down += weight;
    }
    for (uint32_t x = 0; x < width; x++) {
      double sum = 0, along = 0;
      for (uint32_t c = 0; c < columns[x].count; c++) {
        const double weight = span_weight(&columns[x], c);
        sum += weight * sums[columns[x].first - first + c];
        along += weight;
      }
      means[(size_t)y * width + x] = (float)(sum / (along * down));
    }
  }
  free(sums);
  return means;
}

static void paint_greys(pl_bitmap *bitmap, const float *means, double centre, double width, bool inverse) {
  double low = centre - width / 2;
  size_t count = (size_t)bitmap->width * bitmap->height;
  for (size_t i = 0; i < count; i++) {
    const double share = (means[i] - low) / width, v = share < 0 ? 0 : share > 1 ? 1 : share;
    const uint8_t grey = (uint8_t)(255 * (inverse ? 1 - v : v) + 0.5);
    bitmap->pixels[i] = (pl_rgb){grey, grey, grey};
  }
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

static pl_status paint_mask(canvas *c, const float *coverage, const pl_view_layer *layer, pl_error *err) {
  const uint32_t width = c->bitmap.width, height = c->bitmap.height;
  uint8_t *inside = pl_try_alloc((size_t)width * height);
  if (inside == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for a mask of %ux%u pixels", width, height);
  find_inside(inside, coverage, width, height);
  const int reach = c->edge_width > 0 ? c->edge_width : (width > 900 || height > 900 ? 2 : 1);
  for (uint32_t y = 0; y < height; y++) {
    for (uint32_t x = 0; x < width; x++) {
      const size_t i = (size_t)y * width + x;
      if (coverage[i] <= 0) continue;
      double alpha = layer->mode == PL_MASK_FILL ? layer->opacity * coverage[i] : 0;
      if (is_edge(inside, width, height, x, y, reach)) alpha = 1;
      c->bitmap.pixels[i] = pl_rgb_mix(c->bitmap.pixels[i], layer->colour, alpha);
    }
  }
  free(inside);
  return PL_OK;
}

static void paint_heat(canvas *c, const float *means, const pl_view_layer *layer) {
  const double most = layer->plane->type == PL_PIXEL_U8 ? 255 : 65535;
  const size_t count = (size_t)c->bitmap.width * c->bitmap.height;
  for (size_t i = 0; i < count; i++) {
    const double p = means[i] / most, alpha = layer->opacity * fmin(1, p / heat_full);
    c->bitmap.pixels[i] = pl_rgb_mix(c->bitmap.pixels[i], pl_colour_heat(p), alpha);
  }
}

static pl_status paint_layer(canvas *c, const pl_view_layer *layer, pl_error *err) {
  if (layer->mode == PL_MASK_OFF) return PL_OK;
  pl_image plane = *layer->plane;
  const bool heat = plane.meaning == PL_IMAGE_PROBABILITY;
  if (!heat) plane.meaning = PL_IMAGE_MASK;
  float *means = area_means(&plane, c->columns, c->bitmap.width, c->rows, c->bitmap.height);
  if (means == NULL) return pl_fail(err, PL_E_NOMEM, "no memory to scale a mask");
  pl_status status = PL_OK;
  if (heat) {
    paint_heat(c, means, layer);
  } else {
    status = paint_mask(c, means, layer, err);
  }
  free(means);
  return status;
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

pl_status pl_view_case_layers(pl_bitmap *out, const pl_image *image, const pl_view_layer *layers, size_t count,
                              const pl_view_case_options *options, pl_error *err) {
  pl_status status = check_area(image, options, err);
  for (size_t i = 0; i < count && status == PL_OK; i++) status = check_layer(image, &layers[i], err);
  if (status != PL_OK) return status;
  uint32_t width = 0, height = 0;
  pl_view_case_size(&width, &height, image, options);
  canvas c = {.edge_width = options->edge_width};
  status = pl_bitmap_init(&c.bitmap, width, height, err);
  if (status != PL_OK) return status;
  const pl_view_area area = shown_area(image, options);
  c.columns = spans_create(area.x, area.width, width, image->width);
  c.rows = spans_create(area.y, area.height, height, image->height);
  status = paint_picture(&c, image, options, err);
  for (size_t i = 0; i < count && status == PL_OK; i++) status = paint_layer(&c, &layers[i], err);
  free(c.columns);
  free(c.rows);
  if (status != PL_OK) {
    pl_bitmap_clear(&c.bitmap);
    return status;
  }
  *out = c.bitmap;
  return PL_OK;
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
