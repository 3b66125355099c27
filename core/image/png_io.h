// PNG files: grey planes in and out, colour pictures out.
//
// Only pixels pass: text, times, colour profiles and gamma are neither read nor written, so nothing about a patient can
// travel in a PNG and the numbers in the file are the numbers in memory.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_PNG_FILE_MAX = 1 << 29,  // bytes that a PNG file may have
  // Compression levels for the functions below: zlib's 0 to 9. On radiographs of 512x512 FAST takes a third of the time
  // and a sixth more bytes than DEFAULT, and higher levels gain nothing.
  PL_PNG_FAST = 1,
  PL_PNG_DEFAULT = 4,
};

// Reads a PNG file as one grey plane: 1 to 8 bits a sample become PL_PIXEL_U8 (1, 2 and 4 bits are spread over 0 to
// 255), 16 bits become PL_PIXEL_U16. RGB and palette colours become grey as (4899 R + 9617 G + 1868 B + 8192) / 16384,
// the ITU-R BT.601 luma in OpenCV's fixed point, which keeps a grey stored as R = G = B exactly. Transparency is
// dropped. The meaning is PL_IMAGE_GREY; the caller changes it for a mask.
// PL_E_NOTFOUND, PL_E_IO; PL_E_FORMAT with libpng's reason for anything damaged, truncated or with a wrong checksum;
// PL_E_LIMIT beyond PL_PNG_FILE_MAX or PL_IMAGE_SIDE_MAX; PL_E_NOMEM. Messages begin with the path. The caller clears
// *out; on failure it is untouched.
pl_status pl_png_read(pl_image *out, const char *path, pl_error *err);

// The same for a file that is already in memory; messages name no file.
pl_status pl_png_decode(pl_image *out, const void *bytes, size_t length, pl_error *err);

// What a PNG's first bytes say of it.
typedef struct pl_png_header {
  uint32_t width, height;
  int depth;        // bits a sample
  bool has_colour;  // RGB or a palette
} pl_png_header;

enum { PL_PNG_HEADER_BYTES = 26 };

// Reads the header from at least PL_PNG_HEADER_BYTES first bytes of a file. False when they are not a PNG's.
bool pl_png_read_header(pl_png_header *out, const void *bytes, size_t length);

// Replaces `path` atomically with the plane as an 8 or 16-bit grey PNG. PL_PIXEL_S16 is PL_E_UNSUPPORTED.
pl_status pl_png_write(const char *path, const pl_image *image, int level, pl_error *err);

// The same for a colour picture: width*height*3 bytes R G B, rows from the top without padding.
pl_status pl_png_write_rgb(const char *path, uint32_t width, uint32_t height, const uint8_t *rgb, int level,
                           pl_error *err);

// The same into memory, appending to `out`. PL_E_LIMIT when its maximum is too small (then it holds a part).
pl_status pl_png_encode(pl_buf *out, const pl_image *image, int level, pl_error *err);
pl_status pl_png_encode_rgb(pl_buf *out, uint32_t width, uint32_t height, const uint8_t *rgb, int level, pl_error *err);

#ifdef __cplusplus
}
#endif
