// What the files of the import share.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/data/archive.h"
#include "core/data/manifest.h"
#include "core/data/prepare.h"
#include "core/image/dicom.h"

#ifdef __cplusplus
extern "C" {
#endif

// A finished picture: how it was made, from what, and the hashes of the files made.
typedef struct import_record {
  char *recipe;                         // see pl_import_recipe
  pl_case entry;                        // id and patient owned; source, number and fold not kept
  char labels[PL_SHA256_HEX_SIZE];      // of its rows in the RLE table, "" without one
  char image_hash[PL_SHA256_HEX_SIZE];  // of images/ID.png
  char mask_hash[PL_SHA256_HEX_SIZE];   // of masks/ID.png, "" when there is none
  bool mask_is_empty;
  size_t line;  // the later one of two counts
} import_record;

// Sorted by id.
typedef struct import_records {
  import_record *items;
  size_t count, room;
} import_records;

// One image file.
typedef struct import_item {
  char *path;          // of a file, or as core/data/source.h names a member of the archive
  const char *member;  // its name in the archive, a part of `path`; NULL for a file
  char *id;
  pl_part part;
  uint32_t number;              // of its case: the known one's, or the next that is free
  const pl_case *known;         // the case of that id that the workspace had, borrowed, or NULL
  const import_record *record;  // what was made of it before, borrowed, or NULL
  // The result, written by the worker that took the item:
  bool done;
  bool skipped;  // unchanged
  bool mask_is_empty;
  char labels[PL_SHA256_HEX_SIZE], image_hash[PL_SHA256_HEX_SIZE], mask_hash[PL_SHA256_HEX_SIZE];
  pl_refusal refusal;  // when entry.status is PL_CASE_BAD
  pl_case entry;       // number 0 until it is joined with the manifest; texts owned except `id` and `source`
  char *reason;        // why it failed, or why it has no label although it has rows; NULL when all is well
} import_item;

// Everything about a running import.
typedef struct import_job {
  const pl_import_options *options;
  uint32_t size;
  char recipe[32];
  pl_import_summary *summary;
  char *workspace;
  char salt[33];
  pl_rle_table table;    // empty without an RLE table
  pl_manifest manifest;  // as it was before
  pl_case **known;       // its cases sorted by id
  import_records records;
  int journal;  // where records are appended, -1 before
  import_item *items;
  size_t count, room;
  // When options->folder is an archive, with what was found in it; the main thread's own.
  char *archive_path;  // absolute; NULL without
  pl_archive *archive;
} import_job;

// prepare_find.c: fills the summary's folders and tables from the options.
pl_status pl_import_find_parts(import_job *job, pl_error *err);
// Lists the image files of both folders into job->items; unusable names become failures.
pl_status pl_import_list_files(import_job *job, pl_error *err);
// Takes a file or, with `member`, a member of the archive as an image of that part, when its name says that it is one.
pl_status pl_import_add_file(import_job *job, pl_part part, const char *path, const char *member, pl_error *err);
extern const char *const pl_import_train_folders[4], *const pl_import_test_folders[4];
extern const char *const pl_import_rle_files[4], *const pl_import_sample_files[3];
void pl_import_add_failure(pl_import_summary *summary, const char *path, const char *reason);
bool pl_import_has_ending(const char *name, const char *ending);  // ".png", in any case; not of hidden files

// prepare_archive.c: the same two for a zip archive. Opens it and fills what of the summary's folders and tables is not
// filled yet, in the words of core/data/source.h.
pl_status pl_import_open_archive(import_job *job, const char *path, pl_error *err);
// Adds the members of an archive's folder (the summary's), or of none.
pl_status pl_import_list_members(import_job *job, pl_part part, const char *folder, pl_error *err);
// Counts the members that are refused, and lists them as failures.
pl_status pl_import_refuse_members(import_job *job, pl_error *err);
// True when that folder of the summary is one of the archive.
bool pl_import_is_in_archive(const import_job *job, const char *folder);

// prepare_record.c: the file in which an import notes what it has finished. Lines that are torn or make no sense are
// dropped; a workspace without the file has no records.
pl_status pl_import_records_load(import_records *out, const char *workspace, pl_error *err);
pl_status pl_import_records_save(const import_records *records, const char *workspace, pl_error *err);
void pl_import_records_clear(import_records *records);
const import_record *pl_import_records_find(const import_records *records, const char *id);  // or NULL
// Opens the file for appending; from several threads at once.
pl_status pl_import_records_open(int *fd, const char *workspace, pl_error *err);
pl_status pl_import_record_append(int fd, const import_record *record, pl_error *err);

// prepare_masks.c: the table of the images' rows from the folder of PNG masks; nothing without a good one. Bad masks
// become failures.
pl_status pl_import_encode_masks(pl_buf *table, import_job *job, pl_error *err);

// prepare_picture.c: makes and writes pictures.
// Writes what says how pictures are made into job->recipe; two pictures of one source and one recipe are the same.
void pl_import_recipe(import_job *job);
pl_status pl_import_write_image(const import_job *job, import_item *item, pl_dicom *dicom, pl_error *err);
// The mask that `rows` (NULL for an empty one) make at the size of item->entry, whose mask_area it sets. PL_E_FORMAT
// when a run lies outside.
pl_status pl_import_write_mask(const import_job *job, import_item *item, const pl_rle_image *rows, pl_error *err);
// The prepared form of a mask of 0 and 255 at its image's own size, by the job's recipe.
pl_status pl_import_shrink_mask(pl_image *out, const import_job *job, const pl_image *mask, pl_error *err);
// The options that pl_import_recipe wrote down; false for a recipe that this version does not know.
bool pl_import_read_recipe(pl_import_options *options, uint32_t *size, const char *recipe);
// True when the file in that folder has that hash.
bool pl_import_is_whole(const import_job *job, const char *folder, const char *id, const char *hash);
void pl_import_remove_mask(const import_job *job, const char *id);

// prepare.c: writes cases.csv as the workspace would have it if the import ended now, so that who looks sees the cases
// come. `done` says which items a worker has finished. Best effort: the end of the import writes it again.
void pl_import_show(const import_job *job, const bool *done);

// prepare_work.c: decodes all items with worker threads. After PL_E_CANCELLED and other failures some items are not
// done.
pl_status pl_import_work(import_job *job, pl_error *err);

#ifdef __cplusplus
}
#endif
