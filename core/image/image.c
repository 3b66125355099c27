#include "core/image/image.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

size_t pl_image_bytes(const pl_image *image) {
  return (size_t)image->width * image->height * (image->type == PL_PIXEL_U8 ? 1 : 2);
}

pl_status pl_image_init(pl_image *out, uint32_t width, uint32_t height, pl_pixel_type type, pl_image_meaning meaning,
                        pl_error *err) {
  if (width == 0 || height == 0 || width > PL_IMAGE_SIDE_MAX || height > PL_IMAGE_SIDE_MAX) {
    return pl_fail(err, PL_E_LIMIT, "image of %ux%u pixels: sides must be 1 to %d", width, height, PL_IMAGE_SIDE_MAX);
  }
  pl_image image = {.width = width, .height = height, .type = type, .meaning = meaning};
  size_t bytes = pl_image_bytes(&image);
  image.data = pl_try_alloc(bytes);
  if (image.data == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for an image of %ux%u pixels", width, height);
  memset(image.data, 0, bytes);
  *out = image;
  return PL_OK;
}

void pl_image_clear(pl_image *image) {
  free(image->data);
  *image = (pl_image){0};
}
