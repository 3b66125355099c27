// What a JPEG or JPEG-LS stream says about itself, without decoding it: DICOM repeats the same numbers in its header,
// and a file whose two answers differ must be refused before anything is allocated by either.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_jpeg_frame {
  uint32_t width, height;
  int precision;   // bits per sample
  int components;  // 1 for grey
} pl_jpeg_frame;

// Reads the marker segments (ISO/IEC 10918-1 Annex B) up to the first frame header. PL_E_FORMAT when there is none.
pl_status pl_jpeg_scan_frame(pl_jpeg_frame *out, const uint8_t *bytes, size_t length, pl_error *err);

// True when the bytes end with an end-of-image marker; padding of up to 16 zero or fill bytes may follow it.
bool pl_jpeg_scan_is_complete(const uint8_t *bytes, size_t length);

#ifdef __cplusplus
}
#endif
