// Prepared masks beside those that `pleura import` made: of the same size and by the same rule.
#pragma once

#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_mask_writer pl_mask_writer;

// Reads how the pictures of a workspace were made. Errors as core/base/fs.h.
pl_status pl_mask_writer_create(pl_mask_writer **out, const char *workspace, pl_error *err);
void pl_mask_writer_destroy(pl_mask_writer *writer);  // takes NULL

// Replaces WORKSPACE/FOLDER/ID.png with the prepared form of a mask of 0 and 255 at its image's own size.
// PL_E_NOTFOUND: the case has no images/ID.png; PL_E_FORMAT: that has a size that no rule gives.
pl_status pl_mask_writer_put(pl_mask_writer *writer, const char *folder, const char *id, const pl_image *mask,
                             pl_error *err);

#ifdef __cplusplus
}
#endif
