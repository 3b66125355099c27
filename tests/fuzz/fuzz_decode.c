// What a helper process that was taken over may answer: whatever is accepted must be in range, and packing it again
// must give an answer that is accepted. The same bytes are also looked at as a JPEG stream.
#include <math.h>
#include <string.h>

#include "core/image/decode_wire.h"
#include "core/image/jpeg_scan.h"
#include "tests/fuzz/fuzz.h"

enum { SIDE_MAX = 2048 };

static void require(bool holds) {
  if (!holds) __builtin_trap();
}

static void check_reply(const pl_decode_reply *reply) {
  pl_dicom dicom = {0}, again = {0};
  if (pl_decode_unpack(&dicom, reply, NULL) != PL_OK) return;
  require(dicom.window_count <= PL_DICOM_WINDOWS_MAX && isfinite(dicom.rescale_slope));
  require(memchr(dicom.patient, '\0', sizeof dicom.patient) != NULL);
  pl_decode_reply packed;
  pl_decode_pack(&packed, &dicom);
  require(pl_decode_unpack(&again, &packed, NULL) == PL_OK);
  require(again.image.width == dicom.image.width && again.age == dicom.age);
  pl_dicom_clear(&again);
  pl_dicom_clear(&dicom);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  pl_jpeg_frame frame;
  (void)pl_jpeg_scan_frame(&frame, bytes, length, NULL);
  (void)pl_jpeg_scan_is_complete(bytes, length);
  pl_decode_reply reply;
  memset(&reply, 0, sizeof reply);
  memcpy(&reply, bytes, length < sizeof reply ? length : sizeof reply);
  // Large planes would only be slow.
  if (reply.width > SIDE_MAX) reply.width %= SIDE_MAX;
  if (reply.height > SIDE_MAX) reply.height %= SIDE_MAX;
  check_reply(&reply);
  return 0;
}
