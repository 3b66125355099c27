#include "core/image/spacing.h"

#include <math.h>
#include <stdio.h>

static const double film_side_mm = 240;  // the longer side of the smallest film of a chest

pl_spacing_trust pl_spacing_judge(const pl_dicom *dicom) {
  if (!(dicom->row_spacing > 0) || !(dicom->column_spacing > 0)) return PL_SPACING_UNKNOWN;
  if (dicom->spacing_source == PL_SPACING_CALIBRATED) return PL_SPACING_TRUSTED;
  const double longer = fmax(dicom->image.width * dicom->column_spacing, dicom->image.height * dicom->row_spacing);
  return longer < film_side_mm ? PL_SPACING_DOUBTFUL : PL_SPACING_TRUSTED;
}

void pl_spacing_explain(char *out, size_t size, const pl_dicom *dicom) {
  snprintf(out, size, "%.3g mm a pixel would make this %.0f x %.0f mm: it was probably shrunk", dicom->column_spacing,
           dicom->image.width * dicom->column_spacing, dicom->image.height * dicom->row_spacing);
}
