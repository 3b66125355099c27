// Run lengths: what is accepted must survive decoding, encoding and decoding again. The first two bytes are the size.
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/data/rle.h"
#include "tests/fuzz/fuzz.h"

static void require(bool holds) {
  if (!holds) __builtin_trap();
}

static void check_round_trip(const pl_image *mask) {
  pl_buf text;
  pl_buf_init(&text, 1 << 22);
  pl_image back = {0};
  require(pl_rle_encode(&text, mask, NULL) == PL_OK);
  require(pl_image_init(&back, mask->width, mask->height, PL_PIXEL_U8, PL_IMAGE_MASK, NULL) == PL_OK);
  require(pl_rle_decode(&back, text.data, NULL) == PL_OK);
  require(memcmp(back.u8, mask->u8, pl_image_bytes(mask)) == 0);
  pl_image_clear(&back);
  pl_buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  if (length < 2) return 0;
  pl_image mask = {0};
  require(pl_image_init(&mask, bytes[0] + 1u, bytes[1] + 1u, PL_PIXEL_U8, PL_IMAGE_MASK, NULL) == PL_OK);
  char *text = pl_xmalloc(length - 1);
  memcpy(text, bytes + 2, length - 2);
  text[length - 2] = '\0';
  pl_status status = pl_rle_decode(&mask, text, NULL);
  require((status == PL_OK) == (pl_rle_check(text, (uint64_t)mask.width * mask.height, NULL) == PL_OK));
  require(status == PL_OK || pl_mask_area(&mask) == 0);
  check_round_trip(&mask);
  free(text);
  pl_image_clear(&mask);
  return 0;
}
