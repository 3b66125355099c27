// Where a case or a table came from: the path of a file, or ARCHIVE!/MEMBER for a member of a zip archive.
#pragma once

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/image/decode.h"
#include "core/image/dicom.h"

#ifdef __cplusplus
extern "C" {
#endif

// Stands between an archive's path and a member's name.
#define PL_SOURCE_SEPARATOR "!/"

// Appends the bytes of a source. Messages begin with it. Errors as pl_fs_read, pl_archive_open and pl_archive_read.
pl_status pl_source_read(pl_buf *out, const char *source, pl_error *err);

// Decodes a source: DICOM in the decoder's helper process, PNG in this one, see pl_image_read_any.
pl_status pl_source_decode(pl_dicom *out, const char *source, pl_decoder *decoder, pl_error *err);

#ifdef __cplusplus
}
#endif
