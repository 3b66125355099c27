#include "core/data/mask_writer.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/prepare_private.h"
#include "core/image/png_io.h"

struct pl_mask_writer {
  char *workspace;
  import_records records;
};

pl_status pl_mask_writer_create(pl_mask_writer **out, const char *workspace, pl_error *err) {
  import_records records = {0};
  pl_status status = pl_import_records_load(&records, workspace, err);
  if (status != PL_OK) return status;
  pl_mask_writer *writer = pl_xcalloc(1, sizeof *writer);
  *writer = (pl_mask_writer){.workspace = pl_xstrdup(workspace), .records = records};
  *out = writer;
  return PL_OK;
}

void pl_mask_writer_destroy(pl_mask_writer *writer) {
  if (writer == NULL) return;
  pl_import_records_clear(&writer->records);
  free(writer->workspace);
  free(writer);
}

// How the case's picture was made. Where no record is left it can only have been one of two rules.
static void find_rule(pl_import_options *options, uint32_t *size, const pl_mask_writer *writer, const char *id,
                      const pl_image *picture, const pl_image *mask) {
  const import_record *record = pl_import_records_find(&writer->records, id);
  if (record != NULL && pl_import_read_recipe(options, size, record->recipe)) return;
  const bool whole = picture->width == mask->width && picture->height == mask->height;
  *options = (pl_import_options){.resize = whole ? PL_IMPORT_RESIZE_NONE : PL_IMPORT_RESIZE_AREA};
  *size = picture->width;
}

static pl_status shrink(pl_image *out, const pl_mask_writer *writer, const char *id, const pl_image *mask,
                        pl_error *err) {
  char *path = pl_xprintf("%s/images/%s.png", writer->workspace, id);
  pl_image picture = {0}, small = {0};
  pl_import_options options = {0};
  import_job job = {.options = &options};
  pl_status status = pl_png_read(&picture, path, err);
  if (status == PL_OK) {
    find_rule(&options, &job.size, writer, id, &picture, mask);
    status = pl_import_shrink_mask(&small, &job, mask, err);
  }
  if (status == PL_OK && (small.width != picture.width || small.height != picture.height)) {
    status = pl_fail(err, PL_E_FORMAT, "%s has %ux%u pixels, but its import would have made %ux%u: import it again",
                     path, picture.width, picture.height, small.width, small.height);
    pl_image_clear(&small);
  }
  pl_image_clear(&picture);
  free(path);
  if (status == PL_OK) *out = small;
  return status;
}

// Whether the file is there with these bytes.
static bool is_written(const char *path, const pl_buf *bytes) {
  pl_buf now;
  pl_buf_init(&now, PL_PNG_FILE_MAX);
  const bool same = pl_fs_read(&now, path, NULL) == PL_OK && now.length == bytes->length &&
                    memcmp(now.data, bytes->data, now.length) == 0;
  pl_buf_clear(&now);
  return same;
}

pl_status pl_mask_writer_put(pl_mask_writer *writer, const char *folder, const char *id, const pl_image *mask,
                             pl_error *err) {
  pl_image small = {0};
  pl_status status = shrink(&small, writer, id, mask, err);
  if (status != PL_OK) return status;
  pl_buf bytes;
  pl_buf_init(&bytes, PL_PNG_FILE_MAX);
  char *path = pl_xprintf("%s/%s/%s.png", writer->workspace, folder, id);
  status = pl_png_encode(&bytes, &small, PL_PNG_FAST, err);
  // A file that is as it should be is left alone: waiting for the disk is what takes time.
  if (status == PL_OK && !is_written(path, &bytes)) status = pl_fs_replace(path, bytes.data, bytes.length, err);
  free(path);
  pl_buf_clear(&bytes);
  pl_image_clear(&small);
  return status;
}
