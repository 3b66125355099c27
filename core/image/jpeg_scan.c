#include "core/image/jpeg_scan.h"

enum {
  MARKER_SOI = 0xd8,
  MARKER_EOI = 0xd9,
  MARKER_SOS = 0xda,
  MARKER_TEM = 0x01,
  MARKER_RST0 = 0xd0,
  MARKER_SOF0 = 0xc0,
  MARKER_SOF15 = 0xcf,
  MARKER_DHT = 0xc4,
  MARKER_JPG = 0xc8,
  MARKER_DAC = 0xcc,
  MARKER_SOF55 = 0xf7,  // JPEG-LS
  FRAME_BYTES = 8,      // length, precision, height, width, components
  PADDING_MAX = 16,
};

static bool is_frame(int marker) {
  if (marker == MARKER_SOF55) return true;
  return marker >= MARKER_SOF0 && marker <= MARKER_SOF15 && marker != MARKER_DHT && marker != MARKER_JPG &&
         marker != MARKER_DAC;
}

static uint32_t big16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }

pl_status pl_jpeg_scan_frame(pl_jpeg_frame *out, const uint8_t *bytes, size_t length, pl_error *err) {
  if (length < 2 || bytes[0] != 0xff || bytes[1] != MARKER_SOI) {
    return pl_fail(err, PL_E_FORMAT, "the compressed pixels are not a JPEG stream");
  }
  size_t at = 2;
  while (at + 4 <= length) {
    if (bytes[at] != 0xff) break;
    int marker = bytes[at + 1];
    if (marker == 0xff) {  // fill byte
      at++;
      continue;
    }
    if (marker == MARKER_TEM || (marker >= MARKER_RST0 && marker <= MARKER_SOI)) {  // these stand alone
      at += 2;
      continue;
    }
    if (marker == MARKER_EOI || marker == MARKER_SOS) break;
    size_t segment = big16(bytes + at + 2);
    if (is_frame(marker)) {
      if (segment < FRAME_BYTES || length - at - 2 < FRAME_BYTES) break;
      const uint8_t *p = bytes + at + 4;
      *out = (pl_jpeg_frame){.precision = p[0], .height = big16(p + 1), .width = big16(p + 3), .components = p[5]};
      return PL_OK;
    }
    at += 2 + segment;
  }
  return pl_fail(err, PL_E_FORMAT, "the JPEG stream has no frame header");
}

bool pl_jpeg_scan_is_complete(const uint8_t *bytes, size_t length) {
  for (size_t cut = 0; cut <= PADDING_MAX && length >= cut + 2; cut++) {
    const uint8_t *end = bytes + length - cut;
    if (end[-2] == 0xff && end[-1] == MARKER_EOI) return true;
    if (end[-1] != 0 && end[-1] != 0xff) return false;
  }
  return false;
}
