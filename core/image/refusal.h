// Kinds of reasons for which an image file is not taken, so that many files can be counted by reason.
#pragma once

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pl_refusal {
  PL_REFUSAL_FRAMES,      // more than one frame
  PL_REFUSAL_COLOUR,      // several samples a pixel, a palette, a photometric interpretation that is not grey
  PL_REFUSAL_JPEG2000,    // JPEG 2000, which DCMTK cannot decode
  PL_REFUSAL_CODING,      // another transfer syntax that is not decoded
  PL_REFUSAL_BITS,        // neither 8 nor 16 bits allocated
  PL_REFUSAL_NO_PIXELS,   // a DICOM file without an image
  PL_REFUSAL_DAMAGED,     // not DICOM, cut off, or a header that lies
  PL_REFUSAL_CRASHED,     // the decoder crashed on it or took too long
  PL_REFUSAL_TOO_LARGE,   // beyond the limits on sides, bytes or memory
  PL_REFUSAL_UNREADABLE,  // the file cannot be opened or read
  PL_REFUSAL_MEMBER,      // a member of an archive with an unsafe name, a link, encrypted or out of proportion
  PL_REFUSAL_OTHER,
  PL_REFUSAL_COUNT,
} pl_refusal;

// The kind of an error of pl_dicom_decode or pl_decoder_read, by its code and the words of its message (context that
// pl_wrap put in front does not matter).
pl_refusal pl_refusal_of(const pl_error *err);

// A few words for people: "several frames", "JPEG 2000", ... Static string.
const char *pl_refusal_name(pl_refusal refusal);

#ifdef __cplusplus
}
#endif
