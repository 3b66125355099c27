#include "viewers/sixel_bands.h"

#include <sixel/sixel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "viewers/parallel.h"

enum { LINE_ROWS = 6 };  // that one sixel covers

typedef struct band {
  pl_buf bytes;
  SIXELSTATUS result;
} band;

typedef struct picture {
  const pl_indexed *indexed;
  band *bands;
  size_t count;
} picture;

static int append(char *data, int size, void *context) {
  // libsixel does not look at the result; the buffer remembers that it is full.
  pl_buf_add(context, data, (size_t)size);
  return size;
}

// libsixel looks for every colour that it is given in every line: one more than the highest that occurs will do.
static int colours_of(const pl_indexed *indexed, const uint8_t *pixels, size_t count) {
  unsigned colours = 1;
  for (size_t i = 0; i < count; i++) {
    if (pixels[i] >= colours && pixels[i] < indexed->colours) colours = pixels[i] + 1u;
  }
  return (int)colours;
}

static SIXELSTATUS encode_pixels(pl_buf *out, uint8_t *pixels, int width, int height, int colours) {
  sixel_output_t *output = NULL;
  sixel_dither_t *dither = NULL;
  SIXELSTATUS result = sixel_output_new(&output, append, out, NULL);
  if (!SIXEL_FAILED(result)) result = sixel_dither_new(&dither, colours, NULL);
  if (!SIXEL_FAILED(result)) {
    sixel_output_set_encode_policy(output, SIXEL_ENCODEPOLICY_SIZE);
    sixel_output_set_skip_dcs_envelope(output, 1);
    sixel_dither_set_body_only(dither, 1);
    sixel_dither_set_pixelformat(dither, SIXEL_PIXELFORMAT_PAL8);
    sixel_dither_set_diffusion_type(dither, SIXEL_DIFFUSE_NONE);
    result = sixel_encode(pixels, width, height, 8, dither, output);
  }
  if (dither != NULL) sixel_dither_unref(dither);
  if (output != NULL) sixel_output_unref(output);
  return result;
}

// Raster attributes, which every band gets and only the whole picture needs.
static int format_raster(char *text, size_t size, uint32_t width, uint32_t height) {
  return snprintf(text, size, "q\"1;1;%u;%u", width, height);
}

// Leaves the lines alone, with '-' between them.
static bool strip(pl_buf *bytes, uint32_t width, uint32_t height) {
  char raster[64];
  size_t length = (size_t)format_raster(raster, sizeof raster, width, height);
  if (bytes->length < length || memcmp(bytes->data, raster, length) != 0) return false;
  // libsixel 1.10 begins with a new line when the picture is less than one line high, which would shift it down.
  if (height < LINE_ROWS && bytes->length > length && bytes->data[length] == '-') length++;
  memmove(bytes->data, bytes->data + length, bytes->length - length);
  bytes->length -= length;
  return true;
}

static void encode_band(void *context, size_t index) {
  const picture *p = context;
  const pl_indexed *indexed = p->indexed;
  band *b = &p->bands[index];
  const uint32_t top = (uint32_t)index * PL_SIXEL_BAND_ROWS, left = indexed->height - top;
  const uint32_t height = left < PL_SIXEL_BAND_ROWS ? left : PL_SIXEL_BAND_ROWS;
  uint8_t *pixels = indexed->pixels + (size_t)top * indexed->width;
  const int colours = colours_of(indexed, pixels, (size_t)height * indexed->width);
  b->result = encode_pixels(&b->bytes, pixels, (int)indexed->width, (int)height, colours);
  if (!SIXEL_FAILED(b->result) && !b->bytes.failed && !strip(&b->bytes, indexed->width, height)) {
    b->result = SIXEL_LOGIC_ERROR;
  }
}

static unsigned percent(uint8_t value) { return (value * 100u + 127) / 255; }

static void add_head(pl_buf *out, const pl_indexed *indexed, bool transparent) {
  char raster[64];
  format_raster(raster, sizeof raster, indexed->width, indexed->height);
  pl_buf_add_text(out, transparent ? "\x1bP0;1" : "\x1bP");
  pl_buf_add_text(out, raster);
  for (unsigned i = 0; i < indexed->colours; i++) {
    const pl_rgb c = indexed->palette[i];
    pl_buf_printf(out, "#%u;2;%u;%u;%u", i, percent(c.r), percent(c.g), percent(c.b));
  }
}

static pl_status join(pl_buf *out, const picture *p, bool transparent, pl_error *err) {
  for (size_t i = 0; i < p->count; i++) {
    const SIXELSTATUS result = p->bands[i].result;
    if (!SIXEL_FAILED(result)) continue;
    return pl_fail(err, result == SIXEL_BAD_ALLOCATION ? PL_E_NOMEM : PL_E_INTERNAL, "libsixel: %s",
                   sixel_helper_format_error(result));
  }
  add_head(out, p->indexed, transparent);
  for (size_t i = 0; i < p->count; i++) {
    const pl_buf *bytes = &p->bands[i].bytes;
    if (i > 0) pl_buf_add_text(out, "-");
    pl_buf_add(out, bytes->data, bytes->length);
    if (bytes->failed) out->failed = true;
  }
  pl_buf_add_text(out, "\x1b\\");
  return PL_OK;
}

pl_status pl_sixel_bands(pl_buf *out, const pl_indexed *indexed, bool transparent, unsigned threads, pl_error *err) {
  picture p = {.indexed = indexed, .count = (indexed->height + PL_SIXEL_BAND_ROWS - 1) / PL_SIXEL_BAND_ROWS};
  p.bands = pl_xcalloc(p.count, sizeof *p.bands);
  for (size_t i = 0; i < p.count; i++) pl_buf_init(&p.bands[i].bytes, out->max);
  if (threads == 0) threads = pl_parallel_threads((size_t)indexed->width * indexed->height);
  pl_parallel(p.count, threads, encode_band, &p);
  const pl_status status = join(out, &p, transparent, err);
  for (size_t i = 0; i < p.count; i++) pl_buf_clear(&p.bands[i].bytes);
  free(p.bands);
  return status;
}
