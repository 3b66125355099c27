// Whether the distance between pixels that a file gives can be that of the picture in it.
#pragma once

#include <stddef.h>

#include "core/image/dicom.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pl_spacing_trust {
  PL_SPACING_UNKNOWN,   // the file gives none
  PL_SPACING_DOUBTFUL,  // lengths by it would be wrong
  PL_SPACING_TRUSTED,
} pl_spacing_trust;

// A chest fills a film of 18 x 24 cm at least (the smallest cassette that chests are taken on; adults take 35 x 43). A
// picture whose longer side would be below 240 mm by its spacing was made smaller after the spacing was written, as
// those of the SIIM-ACR set: 1024 x 1024 pixels with the 0.115 to 0.199 mm of the detector's 2000 to 3000, so that a
// whole adult chest would measure 118 to 204 mm. Nothing in such a file says by how much it was shrunk, so lengths in
// millimetres are left out rather than shown wrong. A spacing with a calibration type was measured on this picture and
// is trusted. A part of a chest, cut out, is doubted too; that errs on the safe side.
pl_spacing_trust pl_spacing_judge(const pl_dicom *dicom);

// Why a doubtful one is doubted, for people: "0.143 mm a pixel would make this 146 x 146 mm ...".
void pl_spacing_explain(char *out, size_t size, const pl_dicom *dicom);

#ifdef __cplusplus
}
#endif
