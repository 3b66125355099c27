// DICOM files, in this process: pleura itself decodes them in a helper process only.
#include "core/image/dicom.h"
#include "core/image/lut.h"
#include "tests/fuzz/fuzz.h"

static void require(bool holds) {
  if (!holds) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  pl_dicom dicom = {0};
  pl_error err = {0};
  if (pl_dicom_decode(&dicom, bytes, length, &err) != PL_OK) {
    require(dicom.image.data == NULL && err.message[0] != '\0');
    return 0;
  }
  pl_image grey = {0};
  require(dicom.window_count <= PL_DICOM_WINDOWS_MAX);
  require(pl_lut_apply(&grey, &dicom, NULL, NULL) == PL_OK);
  pl_image_clear(&grey);
  pl_dicom_clear(&dicom);
  return 0;
}
