#include "core/data/source.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/archive.h"

// The archive's path when `source` names a member of a file that exists, else NULL; *member then points into `source`.
static char *archive_of(const char **member, const char *source) {
  if (pl_fs_is_file(source)) return NULL;
  for (const char *p = source; (p = strstr(p, PL_SOURCE_SEPARATOR)) != NULL; p++) {
    char *path = pl_xprintf("%.*s", (int)(p - source), source);
    *member = p + strlen(PL_SOURCE_SEPARATOR);
    if (pl_fs_is_file(path)) return path;
    free(path);
  }
  return NULL;
}

pl_status pl_source_read(pl_buf *out, const char *source, pl_error *err) {
  const char *member = NULL;
  char *path = archive_of(&member, source);
  if (path == NULL) return pl_fs_read(out, source, err);
  pl_archive *archive = NULL;
  pl_status status = pl_archive_open(&archive, path, err);
  if (status == PL_OK) {
    status = pl_archive_read(out, archive, member, err);
    if (status != PL_OK) pl_wrap(err, "%s", source);
  }
  pl_archive_close(archive);
  free(path);
  return status;
}

pl_status pl_source_decode(pl_dicom *out, const char *source, pl_decoder *decoder, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PL_DICOM_FILE_MAX);
  pl_status status = pl_source_read(&bytes, source, err);
  if (status == PL_OK) {
    status = pl_image_decode_any(out, bytes.data, bytes.length, decoder, err);
    if (status != PL_OK) pl_wrap(err, "%s", source);
  }
  pl_buf_clear(&bytes);
  return status;
}
