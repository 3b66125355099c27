// Hand-made DICOM files, also wrong ones: explicit VR little endian, written element by element.
#pragma once

#include <stdint.h>

#include "core/base/buf.h"

// One item of a look-up table sequence.
typedef struct made_lut {
  uint16_t descriptor[3];
  const char *vr;  // of the descriptor, US or SS; the data is OW
  const void *data;
  size_t bytes;
  const char *name;  // or NULL
} made_lut;

// What maker_file writes; every field may lie.
typedef struct made_dicom {
  const char *transfer_syntax;  // NULL for explicit VR little endian
  uint16_t rows, columns, samples, allocated, stored, representation;
  const char *photometric, *frames;  // frames: NULL leaves Number of Frames out
  const void *pixels;                // NULL leaves Pixel Data out
  size_t pixel_bytes;
  size_t cut;  // bytes left off at the end
  // Compressed: `pixels` is one fragment, split in two after `split` bytes unless 0; `offsets` entries in the table.
  int encapsulated, offsets;
  size_t split;
  const char *age, *spacing, *slope, *intercept, *centre, *width, *voi_function;
  const char *window_names;
  const char *patient_name, *birth_date, *study_date, *identity_removed, *burned_in;
  const char *detector_spacing, *calibration;
  const made_lut *modality_lut;  // or NULL
  const made_lut *voi_luts;
  size_t voi_lut_count;
} made_dicom;

// 8-bit MONOCHROME2 of the size of `pixels`.
made_dicom maker_defaults(uint16_t rows, uint16_t columns, uint16_t allocated, const void *pixels);

// Appends the file to `out`.
void maker_file(pl_buf *out, const made_dicom *made);

// A JPEG Baseline stream of 16 x 16 pixels, and the value that libjpeg (Pillow 12) gives for the pixel in its last row
// and column, and the hash of its 256 values.
extern const uint8_t maker_jpeg[367];
extern const uint8_t maker_jpeg_progressive[226];
extern const char *const maker_jpeg_hash;
