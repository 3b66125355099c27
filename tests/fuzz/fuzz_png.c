// PNG files: any bytes are an image or an error. Checksums are put right first, or almost nothing would get past them;
// what is accepted must be the same picture after writing and reading it again.
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/image/png_io.h"
#include "tests/fuzz/fuzz.h"

enum { SIGNATURE = 8, CHUNK_EXTRA = 12 };

static void require(bool holds) {
  if (!holds) __builtin_trap();
}

static void mend_checksums(uint8_t *bytes, size_t length) {
  size_t at = SIGNATURE;
  while (at <= length && length - at >= CHUNK_EXTRA) {
    size_t data = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 | bytes[at + 3];
    if (data > length - at - CHUNK_EXTRA) return;
    uint32_t crc = pl_crc32(0, bytes + at + 4, data + 4);
    for (size_t i = 0; i < 4; i++) bytes[at + 8 + data + i] = (uint8_t)(crc >> (24 - 8 * i));
    at += CHUNK_EXTRA + data;
  }
}

static void check_round_trip(const pl_image *image) {
  pl_buf file;
  pl_image back = {0};
  pl_buf_init(&file, SIZE_MAX / 2);
  require(pl_png_encode(&file, image, PL_PNG_FAST, NULL) == PL_OK);
  require(pl_png_decode(&back, file.data, file.length, NULL) == PL_OK);
  require(back.type == image->type && back.width == image->width && back.height == image->height);
  require(memcmp(back.data, image->data, pl_image_bytes(image)) == 0);
  pl_image_clear(&back);
  pl_buf_clear(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  uint8_t *copy = pl_xmalloc(length + 1);
  memcpy(copy, bytes, length);
  mend_checksums(copy, length);
  pl_image image = {0};
  pl_error err = {0};
  if (pl_png_decode(&image, copy, length, &err) == PL_OK) {
    if (pl_image_bytes(&image) < 1 << 20) check_round_trip(&image);
  } else {
    require(image.data == NULL && err.message[0] != '\0');
  }
  pl_image_clear(&image);
  free(copy);
  return 0;
}
