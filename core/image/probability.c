#include "core/image/probability.h"

#include "core/image/png_io.h"

uint16_t pl_probability_value(float probability) {
  if (!(probability > 0)) return 0;
  if (probability >= 1) return PL_PROBABILITY_ONE;
  return (uint16_t)((double)probability * PL_PROBABILITY_ONE + 0.5);
}

pl_status pl_probability_take(pl_image *out, const float *probabilities, uint32_t width, uint32_t height,
                              pl_error *err) {
  pl_image map;
  pl_status status = pl_image_init(&map, width, height, PL_PIXEL_U16, PL_IMAGE_PROBABILITY, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < (size_t)width * height; i++) map.u16[i] = pl_probability_value(probabilities[i]);
  *out = map;
  return PL_OK;
}

pl_status pl_probability_write(const char *path, const pl_image *map, pl_error *err) {
  if (map->type != PL_PIXEL_U16 || map->meaning != PL_IMAGE_PROBABILITY) {
    return pl_fail(err, PL_E_USAGE, "%s: not a 16-bit map of probabilities", path);
  }
  return pl_png_write(path, map, PL_PNG_FAST, err);
}

pl_status pl_probability_read(pl_image *out, const char *path, pl_error *err) {
  pl_image map;
  pl_status status = pl_png_read(&map, path, err);
  if (status != PL_OK) return status;
  if (map.type != PL_PIXEL_U16) {
    pl_image_clear(&map);
    return pl_fail(err, PL_E_FORMAT, "%s: a map of probabilities is a grey PNG of 16 bits, this one has 8", path);
  }
  map.meaning = PL_IMAGE_PROBABILITY;
  *out = map;
  return PL_OK;
}
