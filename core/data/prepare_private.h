// What the files of the import share.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/data/manifest.h"
#include "core/data/prepare.h"

#ifdef __cplusplus
extern "C" {
#endif

// One image file.
typedef struct import_item {
  char *path;
  char *id;
  pl_part part;
  const pl_case *known;  // the case of that id that the workspace had, borrowed, or NULL
  // The result, written by the worker that took the item:
  bool done;
  bool skipped;  // unchanged
  bool mask_is_empty;
  pl_case entry;  // number 0 until it is joined with the manifest; texts owned except `id` and `source`
  char *reason;   // why it failed, or why it has no label although it has rows; NULL when all is well
} import_item;

// Everything about a running import.
typedef struct import_job {
  const pl_import_options *options;
  uint32_t size;
  pl_import_summary *summary;
  char *workspace;
  char salt[33];
  pl_rle_table table;    // empty without an RLE table
  pl_manifest manifest;  // as it was before
  pl_case **known;       // its cases sorted by id
  import_item *items;
  size_t count, room;
} import_job;

// prepare_find.c: fills the summary's folders and tables from the options.
pl_status pl_import_find_parts(import_job *job, pl_error *err);
// Lists the image files of both folders into job->items; unusable names become failures.
pl_status pl_import_list_files(import_job *job, pl_error *err);
void pl_import_add_failure(pl_import_summary *summary, const char *path, const char *reason);

// prepare_work.c: decodes all items with worker threads. After PL_E_CANCELLED and other failures some items are not
// done.
pl_status pl_import_work(import_job *job, pl_error *err);

#ifdef __cplusplus
}
#endif
