// The common case of a compressed radiograph, one grey 8-bit JPEG stream, by libjpeg: the same samples as DCMTK's own
// decoder and as Pillow's, which pydicom uses, in a fraction of the time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Decodes a baseline or extended Huffman-coded stream of one component and 8 bits into out[width*height], rows from the
// top. False when it is anything else, of another size, or when libjpeg has the least to say against it; `out` may hold
// a part then. Meant for the decode helper, like DCMTK.
bool pl_jpeg_decode_grey(uint8_t *out, uint32_t width, uint32_t height, const uint8_t *bytes, size_t length);

#ifdef __cplusplus
}
#endif
