#include "tests/unit/viewers/golden.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tests/tools/testing.h"

static pl_rgb *read_golden(const char *path, uint32_t width, uint32_t height) {
  png_image png = {.version = PNG_IMAGE_VERSION};
  if (!png_image_begin_read_from_file(&png, path)) fail_msg("%s: %s", path, png.message);
  png.format = PNG_FORMAT_RGB;
  if (png.width != width || png.height != height) {
    fail_msg("%s is %ux%u, the picture is %ux%u", path, png.width, png.height, width, height);
  }
  pl_rgb *pixels = pl_xcalloc((size_t)width * height, sizeof *pixels);
  assert_true(png_image_finish_read(&png, NULL, pixels, 0, NULL));
  return pixels;
}

static size_t count_different(const pl_bitmap *bitmap, const pl_rgb *want) {
  size_t different = 0;
  for (size_t i = 0; i < (size_t)bitmap->width * bitmap->height; i++) {
    pl_rgb a = bitmap->pixels[i], b = want[i];
    different += abs(a.r - b.r) > 1 || abs(a.g - b.g) > 1 || abs(a.b - b.b) > 1;
  }
  return different;
}

void assert_golden(const pl_bitmap *bitmap, const char *name) {
  const char *source = getenv("PLEURA_SOURCE"), *build = getenv("PLEURA_BUILD");
  char *path = pl_xprintf("%s/tests/golden/viewers/%s.png", source != NULL ? source : ".", name);
  pl_error err = {0};
  if (getenv("PLEURA_UPDATE_GOLDEN") != NULL) {
    if (pl_bitmap_save(bitmap, path, &err) != PL_OK) fail_msg("%s", err.message);
    free(path);
    return;
  }
  pl_rgb *want = read_golden(path, bitmap->width, bitmap->height);
  size_t different = count_different(bitmap, want);
  free(want);
  if (different > 0) {
    char *got = pl_xprintf("%s/golden-%s.png", build != NULL ? build : "/tmp", name);
    pl_bitmap_save(bitmap, got, NULL);
    fail_msg("%zu pixels differ from %s; see %s", different, path, got);
  }
  free(path);
}

static double oval(double x, double y, double cx, double cy, double rx, double ry) {
  return 1 - hypot((x - cx) / rx, (y - cy) / ry);
}

void make_scene(pl_image *image, pl_image *mask, uint32_t side) {
  assert_int_equal(pl_image_init(image, side, side, PL_PIXEL_U8, PL_IMAGE_GREY, NULL), PL_OK);
  assert_int_equal(pl_image_init(mask, side, side, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  for (uint32_t row = 0; row < side; row++) {
    for (uint32_t column = 0; column < side; column++) {
      double x = (column + 0.5) / side, y = (row + 0.5) / side;
      double value = 120 + 90 * fmax(0, oval(x, y, 0.5, 0.5, 0.5, 0.8));
      bool left = oval(x, y, 0.28, 0.45, 0.18, 0.35) > 0, right = oval(x, y, 0.72, 0.45, 0.18, 0.35) > 0;
      if (left || right) value -= 80 + 15 * sin(60 * y);
      if (y > 0.94) value = 255 * x;
      size_t i = (size_t)row * side + column;
      image->u8[i] = (uint8_t)fmin(255, fmax(0, value));
      mask->u8[i] = left && !(oval(x, y, 0.31, 0.48, 0.17, 0.36) > 0) ? 255 : 0;
    }
  }
}
