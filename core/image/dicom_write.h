// Writes DICOM files, for the synthetic set and for tests; pleura never writes a patient's DICOM file.
#pragma once

#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

// What goes into the header beside the pixels. All texts are borrowed for the call and must not be NULL; UIDs are at
// most 64 characters of digits and dots (PS3.5, 9.1).
typedef struct pl_dicom_identity {
  const char *instance_uid, *study_uid, *series_uid;
  const char *patient_id;  // also the patient's name
  const char *age;         // value of type AS: "045Y"
  const char *sex;         // "M", "F" or "O"
  const char *view;        // "PA" or "AP"
  const char *date;        // study date, YYYYMMDD; fixed by the caller so that equal input gives equal bytes
  double pixel_spacing;    // millimetres between pixels, both directions
} pl_dicom_identity;

// Appends to `out` a complete DICOM file as the SIIM set has them: explicit VR little endian, SOP class Secondary
// Capture, modality CR, MONOCHROME2, 8 bits unsigned, one JPEG Baseline fragment (1.2.840.10008.1.2.4.50) behind an
// empty offset table. `quality` is IJG's, 1 to 100. Equal input gives equal bytes with the same DCMTK. May be called
// from several threads.
// PL_E_USAGE: not an 8-bit grey image, a side above 65535, a bad quality or UID. PL_E_LIMIT: `out` is full.
pl_status pl_dicom_write_jpeg(pl_buf *out, const pl_image *image, const pl_dicom_identity *identity, int quality,
                              pl_error *err);

#ifdef __cplusplus
}
#endif
