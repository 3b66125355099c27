#include "viewers/out_sixel.h"

#include <sixel/sixel.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "viewers/colormap.h"
#include "viewers/palette.h"

enum { GREYS_DEFAULT = 64, GREYS_LEAST = 16, OVERLAY_LEAST = 16 };

pl_sixel_options pl_sixel_options_for(const pl_caps *caps, unsigned greys) {
  return (pl_sixel_options){
      .greys = greys, .registers = caps->registers, .max_width = caps->max_width, .max_height = caps->max_height};
}

static unsigned usable_registers(const pl_sixel_options *options) {
  unsigned registers = options->registers == 0 ? PL_SIXEL_COLOURS_MAX : options->registers;
  if (registers > PL_SIXEL_COLOURS_MAX) return PL_SIXEL_COLOURS_MAX;
  return registers < 4 ? 4 : registers;
}

// At least 16 registers, or half of a small number, stay for what is not grey.
static unsigned grey_count(const pl_sixel_options *options) {
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
  size_t pixels = (size_t)bitmap->width * bitmap->height;
  pl_colour_count last = {.pixels = 0};
  for (size_t i = 0; i < pixels; i++) {
    pl_rgb c = bitmap->pixels[i];
    if (pl_rgb_is_grey(c)) {
      indexed->pixels[i] = nearest_grey[c.r];
      continue;
    }
    pl_rgb shown = {pl_palette_percent(c.r), pl_palette_percent(c.g), pl_palette_percent(c.b)};
    if (last.pixels == 0 || !pl_rgb_equal(last.colour, shown)) {
      pl_colour_count key = {.colour = shown};
      last = *(const pl_colour_count *)bsearch(&key, colours, count, sizeof key, compare_colours);
    }
    indexed->pixels[i] = (uint8_t)(greys + last.group);
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
  unsigned greys = grey_count(options);
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

static int append(char *data, int size, void *context) {
  // libsixel does not look at the result; the buffer remembers that it is full.
  pl_buf_add(context, data, (size_t)size);
  return size;
}

static SIXELSTATUS encode_with(const pl_indexed *indexed, sixel_output_t *output, sixel_dither_t *dither) {
  unsigned char palette[3 * PL_SIXEL_COLOURS_MAX];
  for (unsigned i = 0; i < indexed->colours; i++) memcpy(palette + 3 * i, &indexed->palette[i], 3);
  sixel_output_set_encode_policy(output, SIXEL_ENCODEPOLICY_SIZE);
  sixel_dither_set_palette(dither, palette);
  sixel_dither_set_pixelformat(dither, SIXEL_PIXELFORMAT_PAL8);
  sixel_dither_set_diffusion_type(dither, SIXEL_DIFFUSE_NONE);
  return sixel_encode(indexed->pixels, (int)indexed->width, (int)indexed->height, 8, dither, output);
}

static pl_status encode_indexed(pl_buf *out, const pl_indexed *indexed, pl_error *err) {
  sixel_output_t *output = NULL;
  sixel_dither_t *dither = NULL;
  SIXELSTATUS result = sixel_output_new(&output, append, out, NULL);
  if (!SIXEL_FAILED(result)) result = sixel_dither_new(&dither, (int)indexed->colours, NULL);
  if (!SIXEL_FAILED(result)) result = encode_with(indexed, output, dither);
  if (dither != NULL) sixel_dither_unref(dither);
  if (output != NULL) sixel_output_unref(output);
  if (!SIXEL_FAILED(result)) return PL_OK;
  return pl_fail(err, result == SIXEL_BAD_ALLOCATION ? PL_E_NOMEM : PL_E_INTERNAL, "libsixel: %s",
                 sixel_helper_format_error(result));
}

// libsixel 1.10 begins with a new line when the picture is less than one band (6 rows) high, which shifts it down.
static void drop_first_newline(pl_buf *bytes) {
  char *newline = memchr(bytes->data, '-', bytes->length);
  if (newline == NULL) return;
  memmove(newline, newline + 1, (size_t)(bytes->data + bytes->length - newline));
  bytes->length--;
}

// One attempt with that many greys. `out` has failed when the picture did not fit.
static pl_status attempt(pl_buf *out, const pl_bitmap *bitmap, const pl_sixel_options *options, pl_error *err) {
  pl_indexed indexed = {0};
  pl_status status = pl_sixel_quantise(&indexed, bitmap, options, err);
  if (status == PL_OK) status = encode_indexed(out, &indexed, err);
  pl_indexed_clear(&indexed);
  if (status == PL_OK && bitmap->height < 6 && !out->failed) drop_first_newline(out);
  return status;
}

static unsigned fewer_greys(unsigned greys) { return greys > 64 ? 64 : greys > 32 ? 32 : GREYS_LEAST; }

pl_status pl_sixel_encode(pl_buf *out, const pl_bitmap *bitmap, const pl_sixel_options *options, pl_error *err) {
  bool wide = options->max_width > 0 && bitmap->width > options->max_width;
  bool high = options->max_height > 0 && bitmap->height > options->max_height;
  if (wide || high) {
    return pl_fail(err, PL_E_LIMIT, "the picture is %ux%u pixels; this terminal shows at most %ux%u", bitmap->width,
                   bitmap->height, options->max_width, options->max_height);
  }
  pl_sixel_options now = *options;
  now.greys = grey_count(options);
  for (;;) {
    pl_buf bytes;
    pl_buf_init(&bytes, PL_SIXEL_BYTES_MAX);
    pl_status status = attempt(&bytes, bitmap, &now, err);
    bool fits = !bytes.failed;
    if (status == PL_OK && fits && !pl_buf_add(out, bytes.data, bytes.length)) {
      status = pl_fail(err, PL_E_LIMIT, "no room for %zu bytes of sixel", bytes.length);
    }
    pl_buf_clear(&bytes);
    if (status != PL_OK || fits) return status;
    if (now.greys <= GREYS_LEAST) {
      return pl_fail(err, PL_E_LIMIT, "a picture of %ux%u pixels needs more than %d bytes of sixel; make it smaller",
                     bitmap->width, bitmap->height, PL_SIXEL_BYTES_MAX);
    }
    now.greys = fewer_greys(now.greys);
  }
}
