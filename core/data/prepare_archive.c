// Kaggle's archive in place of the folder that it unpacks to: siim/dicom-images-train/STUDY/SERIES/INSTANCE.dcm,
// siim/dicom-images-test/..., siim/train-rle.csv, with or without the folder around them.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/prepare_private.h"
#include "core/data/source.h"

// The length of the shortest beginning of `name` that ends with the part `part`, slash included when a folder is
// meant; 0 when there is none.
static size_t ends_at(const char *name, const char *part, bool folder) {
  size_t length = strlen(part);
  for (const char *p = name; *p != '\0';) {
    size_t n = strcspn(p, "/");
    bool last = p[n] == '\0';
    if (n == length && memcmp(p, part, n) == 0 && last != folder) return (size_t)(p - name) + n + folder;
    p += n + !last;
  }
  return 0;
}

// What macOS puts beside the files.
static bool is_litter(const char *name) { return ends_at(name, "__MACOSX", true) > 0; }

static bool is_wanted(const pl_archive_member *m) { return m->problem == NULL && !m->is_folder && !is_litter(m->name); }

// The place of the first of `names` that the archive holds, or NULL; of several the one that lies highest.
static char *first_in(const import_job *job, const char *const *names, bool folder) {
  for (size_t k = 0; names[k] != NULL; k++) {
    const char *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; i < pl_archive_count(job->archive); i++) {
      const pl_archive_member *m = pl_archive_at(job->archive, i);
      size_t length = is_wanted(m) ? ends_at(m->name, names[k], folder) : 0;
      if (length > 0 && (best == NULL || length < best_length)) {
        best = m->name;
        best_length = length;
      }
    }
    if (best != NULL) {
      return pl_xprintf("%s" PL_SOURCE_SEPARATOR "%.*s", job->archive_path, (int)best_length, best);
    }
  }
  return NULL;
}

pl_status pl_import_open_archive(import_job *job, const char *path, pl_error *err) {
  pl_import_summary *s = job->summary;
  if (!pl_archive_is(path)) return pl_fail(err, PL_E_USAGE, "%s is neither a folder nor a zip archive", path);
  job->archive_path = realpath(path, NULL);
  if (job->archive_path == NULL) return pl_fail_errno(err, errno, "cannot open %s", path);
  pl_status status = pl_archive_open(&job->archive, job->archive_path, err);
  if (status != PL_OK) return status;
  if (s->images_folder == NULL) s->images_folder = first_in(job, pl_import_train_folders, true);
  if (s->test_folder == NULL) s->test_folder = first_in(job, pl_import_test_folders, true);
  if (s->rle_file == NULL) s->rle_file = first_in(job, pl_import_rle_files, false);
  if (s->sample_file == NULL) s->sample_file = first_in(job, pl_import_sample_files, false);
  // As with a folder, an archive without these folders is itself the folder of training images.
  if (s->images_folder == NULL && (s->test_folder == NULL || job->options->test_images != NULL)) {
    s->images_folder = pl_xprintf("%s" PL_SOURCE_SEPARATOR, job->archive_path);
  }
  return PL_OK;
}

bool pl_import_is_in_archive(const import_job *job, const char *folder) {
  return job->archive != NULL && pl_begins_with(folder, job->archive_path) &&
         pl_begins_with(folder + strlen(job->archive_path), PL_SOURCE_SEPARATOR);
}

pl_status pl_import_list_members(import_job *job, pl_part part, const char *folder, pl_error *err) {
  const char *prefix = folder + strlen(job->archive_path) + strlen(PL_SOURCE_SEPARATOR);
  pl_status status = PL_OK;
  for (size_t i = 0; status == PL_OK && i < pl_archive_count(job->archive); i++) {
    const pl_archive_member *m = pl_archive_at(job->archive, i);
    if (!is_wanted(m) || !pl_begins_with(m->name, prefix)) continue;
    char *path = pl_xprintf("%s" PL_SOURCE_SEPARATOR "%s", job->archive_path, m->name);
    status = pl_import_add_file(job, part, path, m->name, err);
    free(path);
  }
  return status;
}

pl_status pl_import_refuse_members(import_job *job, pl_error *err) {
  pl_status status = PL_OK;
  for (size_t i = 0; job->archive != NULL && status == PL_OK && i < pl_archive_count(job->archive); i++) {
    const pl_archive_member *m = pl_archive_at(job->archive, i);
    if (m->problem == NULL || is_litter(m->name)) continue;
    job->summary->bad++;
    job->summary->refused[PL_REFUSAL_MEMBER]++;
    char *path = pl_xprintf("%s" PL_SOURCE_SEPARATOR "%s", job->archive_path, m->name);
    pl_import_add_failure(job->summary, path, m->problem);
    if (job->options->strict) status = pl_fail(err, PL_E_FORMAT, "%s: %s", path, m->problem);
    free(path);
  }
  return status;
}
