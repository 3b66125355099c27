// One DICOM image as plain data: stored values and the few attributes that viewing, importing and splitting need.
//
// DCMTK reads the file. It has a history of memory errors on hostile files, so bytes from outside are decoded in a
// helper process: use decode.h. pl_dicom_decode itself is for that helper and for tests.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_DICOM_FILE_MAX = 1 << 29,  // bytes that a DICOM file may have
  PL_DICOM_WINDOWS_MAX = 8,     // further windows of a file are ignored
  PL_DICOM_LUTS_MAX = 4,        // further VOI LUTs of a file are ignored
  PL_DICOM_LUT_ENTRIES_MAX = 65536,
  PL_DICOM_TEXT_SIZE = 65,  // the longest LO or UI value (64 bytes) and a terminator; longer ones are cut
};

// How a window maps values to grey: PS3.3 C.11.2.1.2 and C.11.2.1.3.
typedef enum pl_voi_function { PL_VOI_LINEAR, PL_VOI_LINEAR_EXACT, PL_VOI_SIGMOID } pl_voi_function;

// Window Center (0028,1050), Window Width (0028,1051) and Explanation (0028,1055), in units after the modality rescale.
typedef struct pl_dicom_window {
  double centre, width;
  char name[PL_DICOM_TEXT_SIZE];  // as in the file: pass it through pl_safe_text before showing it
} pl_dicom_window;

// A table of a Modality LUT (0028,3000) or VOI LUT Sequence (0028,3010) item: the value first + i becomes values[i];
// smaller values become values[0], larger ones the last one.
typedef struct pl_dicom_lut {
  uint32_t count;                 // entries, 1 to 65536; 0 when there is no usable table
  int32_t first;                  // First value mapped
  uint32_t bits;                  // of the entries, 8 to 16
  char name[PL_DICOM_TEXT_SIZE];  // LUT Explanation, as in the file: pass it through pl_safe_text before showing it
  uint16_t *values;               // owned by the pl_dicom
} pl_dicom_lut;

// Where the distance between pixels is from.
typedef enum pl_spacing_source {
  PL_SPACING_NONE,
  PL_SPACING_PIXEL,       // Pixel Spacing (0028,0030)
  PL_SPACING_CALIBRATED,  // the same with a Pixel Spacing Calibration Type (0028,0A02): by a fiducial or the geometry
  PL_SPACING_DETECTOR,    // Imager Pixel Spacing (0018,1164): at the detector, where everything is a little larger
} pl_spacing_source;

// YES, NO, or nothing (or anything else) in the file.
typedef enum pl_dicom_answer { PL_DICOM_UNSAID, PL_DICOM_NO, PL_DICOM_YES } pl_dicom_answer;

typedef struct pl_dicom {
  // Exactly the values that pydicom's pixel_array has: 8-bit unsigned as PL_PIXEL_U8, 16-bit as PL_PIXEL_U16 or
  // PL_PIXEL_S16 by Pixel Representation (8-bit signed as PL_PIXEL_S16). Bits above Bits Stored are as in the file. The
  // meaning is PL_IMAGE_GREY_INVERSE for MONOCHROME1, and the values are not inverted.
  pl_image image;
  uint16_t bits_allocated, bits_stored, high_bit;  // bits_allocated is 8 or 16
  bool is_signed, is_monochrome1;
  bool has_rescale;                         // Rescale Slope and Intercept are in the file
  double rescale_slope, rescale_intercept;  // 1 and 0 without
  bool has_modality_lut, has_voi_lut;       // the sequences are in the file, whether usable or not
  pl_dicom_lut modality_lut;  // count 0 without a usable one; goes before the rescale, which is then not used
  uint32_t voi_lut_count;
  pl_dicom_lut voi_luts[PL_DICOM_LUTS_MAX];
  bool has_padding;  // Pixel Padding Value is in the file
  int32_t padding;
  pl_voi_function voi_function;
  uint32_t window_count;
  pl_dicom_window windows[PL_DICOM_WINDOWS_MAX];  // widths are above 0
  int age;                                        // whole years, -1 when unknown; "27" without a unit counts as years
  char sex;                                       // 'M', 'F', 'O', or 0 when unknown
  char view[17];                                  // View Position: "PA", "AP", …, or ""
  char modality[17];                              // "CR", "DX", …, or ""
  double row_spacing, column_spacing;             // millimetres between rows and between columns, 0 when unknown
  pl_spacing_source spacing_source;
  pl_dicom_answer identity_removed;          // Patient Identity Removed (0012,0062)
  pl_dicom_answer burned_in;                 // Burned In Annotation (0028,0301): text within the pixels
  char transfer_syntax[PL_DICOM_TEXT_SIZE];  // UID
  // Who it is, as in the file: personal. Never stored or logged; the patient's id is hashed for the manifest, and all
  // of it is shown only in the workbench to somebody who asks for it. Pass it through pl_safe_text.
  char patient[PL_DICOM_TEXT_SIZE], patient_name[PL_DICOM_TEXT_SIZE];
  char birth_date[17], study_date[17];  // YYYYMMDD
} pl_dicom;

// Loads DCMTK's data dictionary, registers its decoders and silences its log; later calls do nothing. Must have
// returned before a sandbox forbids opening files. PL_E_NOTFOUND when the dictionary is missing.
pl_status pl_dicom_setup(pl_error *err);

// Decodes one file from memory. Missing attributes are tolerated unless the pixels depend on them; damaged, truncated
// or inconsistent pixels are PL_E_FORMAT; what is valid but not ours (several frames, colour, JPEG 2000, 1 or 32 bits,
// no pixels at all) is PL_E_UNSUPPORTED; PL_E_LIMIT beyond PL_IMAGE_SIDE_MAX; PL_E_NOMEM. On failure *out is untouched.
// One thread at a time.
pl_status pl_dicom_decode(pl_dicom *out, const void *bytes, size_t length, pl_error *err);

void pl_dicom_clear(pl_dicom *dicom);  // frees the plane and the tables and zeroes the struct

#ifdef __cplusplus
}
#endif
