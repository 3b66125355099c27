#include "viewers/out_sixel.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "viewers/colormap.h"
#include "viewers/draw.h"
#include "viewers/palette.h"
#include "viewers/sixel_bands.h"

// The index of pixels that are left out: the palette has at most 255 colours then.
enum { GREYS_DEFAULT = 64, GREYS_LEAST = 16, OVERLAY_LEAST = 16, LEFT_OUT = 255, LINE_ROWS = 6 };

pl_sixel_options pl_sixel_options_for(const pl_caps *caps, unsigned greys) {
  return (pl_sixel_options){
      .greys = greys, .registers = caps->registers, .max_width = caps->max_width, .max_height = caps->max_height};
}

static unsigned usable_registers(const pl_sixel_options *options) {
  unsigned registers = options->registers == 0 ? LEFT_OUT : options->registers;
  if (registers > LEFT_OUT) return LEFT_OUT;
  return registers < 4 ? 4 : registers;
}

// At least 16 registers, or half of a small number, stay for what is not grey.
unsigned pl_sixel_greys(const pl_sixel_options *options) {
  unsigned registers = usable_registers(options), greys = options->greys == 0 ? GREYS_DEFAULT : options->greys;
  unsigned overlay = registers >= 2 * OVERLAY_LEAST ? OVERLAY_LEAST : registers / 2;
  if (greys > PL_SIXEL_GREYS_MAX) greys = PL_SIXEL_GREYS_MAX;
  if (greys > registers - overlay) greys = registers - overlay;
  return greys < 2 ? 2 : greys;
}

static pl_rgb grey_level(unsigned i, unsigned greys) {
  unsigned percent = (i * 100 + (greys - 1) / 2) / (greys - 1);
  uint8_t value = (uint8_t)((percent * 255 + 50) / 100);
  return (pl_rgb){value, value, value};
}

// Which palette entry a colour gets, by its percentages. Sorted, to be searched.
static int compare_colours(const void *a, const void *b) {
  const pl_colour_count *x = a, *y = b;
  int red = x->colour.r - y->colour.r, green = x->colour.g - y->colour.g, blue = x->colour.b - y->colour.b;
  return red != 0 ? red : green != 0 ? green : blue;
}

static void assign_pixels(pl_indexed *indexed, const pl_bitmap *bitmap, unsigned greys, const pl_colour_count *colours,
                          size_t count) {
  uint8_t nearest_grey[256];
  for (unsigned v = 0; v < 256; v++) nearest_grey[v] = (uint8_t)((v * (greys - 1) + 127) / 255);
  const size_t pixels = (size_t)bitmap->width * bitmap->height;
  // A chart is mostly runs of one colour, a radiograph greys that change from pixel to pixel.
  for (size_t i = 0, run = 1; i < pixels; i += run) {
    const pl_rgb c = bitmap->pixels[i];
    if (pl_rgb_is_grey(c)) {
      indexed->pixels[i] = nearest_grey[c.r];
      run = 1;
      continue;
    }
    const pl_colour_count key = {.colour = {pl_palette_percent(c.r), pl_palette_percent(c.g), pl_palette_percent(c.b)}};
    const pl_colour_count *found = bsearch(&key, colours, count, sizeof key, compare_colours);
    run = pl_rgb_run(bitmap->pixels + i, pixels - i);
    memset(indexed->pixels + i, (int)(greys + found->group), run);
  }
}

pl_status pl_sixel_quantise(pl_indexed *out, const pl_bitmap *bitmap, const pl_sixel_options *options, pl_error *err) {
  pl_colour_count *colours = NULL;
  size_t count = 0;
  pl_status status = pl_palette_count(&colours, &count, bitmap, err);
  if (status != PL_OK) return status;
  pl_indexed indexed = {.width = bitmap->width, .height = bitmap->height};
  indexed.pixels = pl_try_alloc((size_t)bitmap->width * bitmap->height);
  if (indexed.pixels == NULL) {
    free(colours);
    return pl_fail(err, PL_E_NOMEM, "no memory to quantise %ux%u pixels", bitmap->width, bitmap->height);
  }
  unsigned greys = pl_sixel_greys(options);
  for (unsigned i = 0; i < greys; i++) indexed.palette[i] = grey_level(i, greys);
  indexed.colours = greys + pl_palette_cut(indexed.palette + greys, usable_registers(options) - greys, colours, count);
  qsort(colours, count, sizeof *colours, compare_colours);
  assign_pixels(&indexed, bitmap, greys, colours, count);
  free(colours);
  *out = indexed;
  return PL_OK;
}

void pl_indexed_clear(pl_indexed *indexed) {
  free(indexed->pixels);
  *indexed = (pl_indexed){0};
}

// A colour's definition is 15 bytes, and looking for it in every line takes time: only those that occur are left.
static void drop_unused_colours(pl_indexed *indexed) {
  uint8_t place[PL_SIXEL_COLOURS_MAX];
  bool used[PL_SIXEL_COLOURS_MAX] = {false};
  const size_t pixels = (size_t)indexed->width * indexed->height;
  for (size_t i = 0; i < pixels; i++) used[indexed->pixels[i]] = true;
  unsigned kept = 0;
  for (unsigned i = 0; i < PL_SIXEL_COLOURS_MAX; i++) {
    place[i] = LEFT_OUT;
    if (i >= indexed->colours || !used[i]) continue;
    place[i] = (uint8_t)kept;
    indexed->palette[kept++] = indexed->palette[i];
  }
  for (size_t i = 0; i < pixels; i++) indexed->pixels[i] = place[indexed->pixels[i]];
  indexed->colours = kept;
}

// ---- Parts

static pl_rgb mean_of_square(const pl_bitmap *bitmap, uint32_t x, uint32_t y) {
  unsigned sum[3] = {0}, count = 0;
  for (uint32_t r = y; r < y + 2 && r < bitmap->height; r++) {
    for (uint32_t c = x; c < x + 2 && c < bitmap->width; c++, count++) {
      const pl_rgb pixel = bitmap->pixels[(size_t)r * bitmap->width + c];
      sum[0] += pixel.r;
      sum[1] += pixel.g;
      sum[2] += pixel.b;
    }
  }
  return (pl_rgb){(uint8_t)(sum[0] / count), (uint8_t)(sum[1] / count), (uint8_t)(sum[2] / count)};
}

// The rectangle as a bitmap of its own. Squares of a halved one begin at even pixels of the whole.
static pl_status cut_out(pl_bitmap *out, const pl_bitmap *bitmap, pl_rect part, bool halved, pl_error *err) {
  const pl_status status = pl_bitmap_init(out, (uint32_t)part.width, (uint32_t)part.height, err);
  if (status != PL_OK) return status;
  for (int y = 0; y < part.height; y++) {
    const uint32_t row = (uint32_t)(part.y + y);
    pl_rgb *to = &out->pixels[(size_t)y * out->width];
    const pl_rgb *from = &bitmap->pixels[(size_t)row * bitmap->width + (size_t)part.x];
    if (!halved) memcpy(to, from, (size_t)part.width * sizeof *to);
    for (int x = 0; halved && x < part.width; x++) {
      const uint32_t column = (uint32_t)(part.x + x);
      to[x] = x > 0 && column % 2 != 0 ? to[x - 1] : mean_of_square(bitmap, column & ~1u, row & ~1u);
    }
  }
  return PL_OK;
}

// Of each pixel of the rectangle whether it is left out. libsixel 1.10 looks only at the last row of a line of six for
// what it must not draw over; where that has nothing of the kind the whole line is drawn.
static uint8_t *find_unchanged(const pl_bitmap *bitmap, pl_rect part, const pl_bitmap *shown) {
  const size_t width = (size_t)part.width, height = (size_t)part.height;
  uint8_t *unchanged = pl_try_alloc(width * height);
  if (unchanged == NULL) return NULL;
  for (size_t y = 0; y < height; y++) {
    const size_t from = ((size_t)part.y + y) * bitmap->width + (size_t)part.x;
    uint8_t *row = &unchanged[y * width];
    for (size_t x = 0; x < width; x++) row[x] = pl_rgb_equal(bitmap->pixels[from + x], shown->pixels[from + x]);
    const bool ends_line = y % LINE_ROWS == LINE_ROWS - 1 || y + 1 == height;
    const size_t top = y - y % LINE_ROWS;
    if (ends_line && memchr(row, true, width) == NULL) memset(&unchanged[top * width], false, (y + 1 - top) * width);
  }
  return unchanged;
}

// One attempt with that many greys, without the pixels that are marked in `left_out` (NULL for none): they take no part
// in the choice of colours. `out` has failed when the picture did not fit.
static pl_status attempt(pl_buf *out, const pl_bitmap *bitmap, pl_rect part, const uint8_t *left_out, bool transparent,
                         const pl_sixel_options *options, pl_error *err) {
  pl_indexed indexed = {0};
  pl_bitmap cut = {0};
  const size_t pixels = (size_t)part.width * (size_t)part.height;
  pl_status status = cut_out(&cut, bitmap, part, options->halved, err);
  for (size_t i = 0; status == PL_OK && left_out != NULL && i < pixels; i++) {
    if (left_out[i]) cut.pixels[i] = (pl_rgb){0};
  }
  if (status == PL_OK) status = pl_sixel_quantise(&indexed, &cut, options, err);
  for (size_t i = 0; status == PL_OK && left_out != NULL && i < pixels; i++) {
    if (left_out[i]) indexed.pixels[i] = LEFT_OUT;
  }
  if (status == PL_OK) {
    drop_unused_colours(&indexed);
    if (indexed.colours > 0) status = pl_sixel_bands(out, &indexed, transparent, options->threads, err);
  }
  pl_indexed_clear(&indexed);
  pl_bitmap_clear(&cut);
  return status;
}

static unsigned fewer_greys(unsigned greys) { return greys > 64 ? 64 : greys > 32 ? 32 : GREYS_LEAST; }

// Fewer greys until the sequence fits.
static pl_status encode(pl_buf *out, const pl_bitmap *bitmap, pl_rect part, const uint8_t *left_out, bool transparent,
                        const pl_sixel_options *options, pl_error *err) {
  pl_sixel_options now = *options;
  now.greys = pl_sixel_greys(options);
  for (;;) {
    pl_buf bytes;
    pl_buf_init(&bytes, PL_SIXEL_BYTES_MAX);
    pl_status status = attempt(&bytes, bitmap, part, left_out, transparent, &now, err);
    const bool fits = !bytes.failed;
    if (status == PL_OK && fits && !pl_buf_add(out, bytes.data, bytes.length)) {
      status = pl_fail(err, PL_E_LIMIT, "no room for %zu bytes of sixel", bytes.length);
    }
    pl_buf_clear(&bytes);
    if (status != PL_OK || fits) return status;
    if (now.greys <= GREYS_LEAST) {
      return pl_fail(err, PL_E_LIMIT, "a picture of %dx%d pixels needs more than %d bytes of sixel; make it smaller",
                     part.width, part.height, PL_SIXEL_BYTES_MAX);
    }
    now.greys = fewer_greys(now.greys);
  }
}

pl_status pl_sixel_encode(pl_buf *out, const pl_bitmap *bitmap, const pl_sixel_options *options, pl_error *err) {
  bool wide = options->max_width > 0 && bitmap->width > options->max_width;
  bool high = options->max_height > 0 && bitmap->height > options->max_height;
  if (wide || high) {
    return pl_fail(err, PL_E_LIMIT, "the picture is %ux%u pixels; this terminal shows at most %ux%u", bitmap->width,
                   bitmap->height, options->max_width, options->max_height);
  }
  return encode(out, bitmap, pl_bitmap_rect(bitmap), NULL, false, options, err);
}

pl_status pl_sixel_encode_part(pl_buf *out, const pl_bitmap *bitmap, pl_rect part, const pl_bitmap *shown,
                               const pl_sixel_options *options, pl_error *err) {
  if (shown == NULL) return encode(out, bitmap, part, NULL, true, options, err);
  uint8_t *unchanged = find_unchanged(bitmap, part, shown);
  if (unchanged == NULL) return pl_fail(err, PL_E_NOMEM, "no memory to compare %dx%d pixels", part.width, part.height);
  const pl_status status = encode(out, bitmap, part, unchanged, true, options, err);
  free(unchanged);
  return status;
}
