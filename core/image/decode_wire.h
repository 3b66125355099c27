// What passes between a decoder and its helper. Both ends are the same executable on the same machine, so the structs
// go as they are; but the helper may have been taken over by a hostile file, so its answer is checked like any input.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/image/dicom.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_DECODE_MAGIC = 0x44434c50 };

// Followed by `length` bytes, the file.
typedef struct pl_decode_request {
  uint32_t magic;
  uint32_t seconds;  // after which the helper ends itself
  uint64_t length;
} pl_decode_request;

enum {
  PL_DECODE_SIGNED = 1 << 0,
  PL_DECODE_MONOCHROME1 = 1 << 1,
  PL_DECODE_RESCALE = 1 << 2,
  PL_DECODE_MODALITY_LUT = 1 << 3,
  PL_DECODE_VOI_LUT = 1 << 4,
  PL_DECODE_PADDING = 1 << 5,
  PL_DECODE_CONFINED = 1 << 6,  // in the greeting: a system call filter is on
};

// One table of the reply; its entries follow the plane, 2 bytes each.
typedef struct pl_decode_lut {
  uint32_t count, bits;
  int32_t first;
  char name[PL_DICOM_TEXT_SIZE];
} pl_decode_lut;

enum { PL_DECODE_LUTS = 1 + PL_DICOM_LUTS_MAX };  // the modality LUT, with count 0 when there is none; the VOI LUTs

// Followed by the plane and the tables when status is PL_OK. The helper's greeting is one of these without a plane.
typedef struct pl_decode_reply {
  uint32_t magic;
  int32_t status;
  char message[PL_ERROR_MESSAGE_MAX];
  uint32_t flags;
  uint32_t width, height, pixel_type;
  uint32_t bits_allocated, bits_stored, high_bit;
  int32_t padding, age;
  uint32_t voi_function, window_count;
  double rescale_slope, rescale_intercept, row_spacing, column_spacing;
  uint32_t spacing_source, identity_removed, burned_in;
  uint32_t voi_lut_count;
  pl_dicom_window windows[PL_DICOM_WINDOWS_MAX];
  pl_decode_lut luts[PL_DECODE_LUTS];
  char sex, view[17], modality[17];
  char transfer_syntax[PL_DICOM_TEXT_SIZE], patient[PL_DICOM_TEXT_SIZE], patient_name[PL_DICOM_TEXT_SIZE];
  char birth_date[17], study_date[17];
} pl_decode_reply;

void pl_decode_pack(pl_decode_reply *out, const pl_dicom *dicom);
void pl_decode_pack_error(pl_decode_reply *out, const pl_error *err);

// True for a well-formed reply that carries an error: nothing follows it, and the helper waits for the next file.
bool pl_decode_is_refusal(const pl_decode_reply *reply);

// The tables of `dicom` in the order of their sending: luts[0] is the modality LUT. Returns how many.
size_t pl_decode_luts(pl_dicom_lut *luts[PL_DECODE_LUTS], pl_dicom *dicom);

// Checks the reply and allocates the plane and the tables, whose bytes are still to be read into out->image.data and
// the tables' values. A reply that carries an error gives that error; one that makes no sense gives PL_E_FORMAT.
pl_status pl_decode_unpack(pl_dicom *out, const pl_decode_reply *reply, pl_error *err);

#ifdef __cplusplus
}
#endif
