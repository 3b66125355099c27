#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/csvio.h"
#include "core/data/prepare_private.h"

// The first of the names that exists in the folder, or NULL; the caller frees.
static char *first_there(const char *folder, const char *const *names, bool (*is)(const char *)) {
  for (size_t i = 0; names[i] != NULL; i++) {
    char *path = pl_path_join(folder, names[i]);
    if (is(path)) return path;
    free(path);
  }
  return NULL;
}

// The absolute path of something that the user named.
static pl_status take(char **out, const char *path, bool (*is)(const char *), const char *what, pl_error *err) {
  char *full = realpath(path, NULL);
  if (full == NULL) return pl_fail_errno(err, errno, "cannot open %s", path);
  if (!is(full)) {
    free(full);
    return pl_fail(err, PL_E_USAGE, "%s is not a %s", path, what);
  }
  *out = full;
  return PL_OK;
}

static void find_in(import_job *job, const char *folder) {
  pl_import_summary *s = job->summary;
  if (s->images_folder == NULL) s->images_folder = first_there(folder, pl_import_train_folders, pl_fs_is_folder);
  if (s->test_folder == NULL) s->test_folder = first_there(folder, pl_import_test_folders, pl_fs_is_folder);
  if (s->rle_file == NULL) s->rle_file = first_there(folder, pl_import_rle_files, pl_fs_is_file);
  if (s->sample_file == NULL) s->sample_file = first_there(folder, pl_import_sample_files, pl_fs_is_file);
}

// Kaggle's archives often unpack into one folder in the folder they were unpacked in.
static char *only_subfolder(const char *folder) {
  char **names = NULL, *only = NULL;
  size_t count = 0, folders = 0;
  if (pl_fs_list(&names, &count, folder, NULL) != PL_OK) return NULL;
  for (size_t i = 0; i < count; i++) {
    char *path = pl_path_join(folder, names[i]);
    if (pl_fs_is_folder(path) && ++folders == 1) {
      only = path;
    } else {
      free(path);
    }
  }
  pl_fs_free_names(names, count);
  if (folders == 1) return only;
  free(only);
  return NULL;
}

static void find_all(import_job *job, const char *folder) {
  pl_import_summary *s = job->summary;
  bool named = s->images_folder != NULL || s->test_folder != NULL;
  find_in(job, folder);
  if (!named && s->images_folder == NULL && s->test_folder == NULL) {
    char *inner = only_subfolder(folder);
    if (inner != NULL) find_in(job, inner);
    free(inner);
  }
  // Test images named apart leave the folder to be that of the training images.
  if (s->images_folder == NULL && (s->test_folder == NULL || job->options->test_images != NULL)) {
    s->images_folder = pl_xstrdup(folder);
  }
}

pl_status pl_import_find_parts(import_job *job, pl_error *err) {
  const pl_import_options *o = job->options;
  pl_import_summary *s = job->summary;
  pl_status status = PL_OK;
  if (o->images != NULL) status = take(&s->images_folder, o->images, pl_fs_is_folder, "folder", err);
  if (status == PL_OK && o->test_images != NULL) {
    status = take(&s->test_folder, o->test_images, pl_fs_is_folder, "folder", err);
  }
  if (status == PL_OK && o->masks != NULL) status = take(&s->masks_folder, o->masks, pl_fs_is_folder, "folder", err);
  if (status == PL_OK && o->rle != NULL) status = take(&s->rle_file, o->rle, pl_fs_is_file, "file", err);
  if (status == PL_OK && o->sample != NULL) status = take(&s->sample_file, o->sample, pl_fs_is_file, "file", err);
  if (status == PL_OK && o->folder != NULL) {
    char *folder = NULL;
    bool packed = pl_fs_is_file(o->folder);
    status =
        packed ? pl_import_open_archive(job, o->folder, err) : take(&folder, o->folder, pl_fs_is_folder, "folder", err);
    if (status == PL_OK && !packed) find_all(job, folder);
    free(folder);
  }
  if (status != PL_OK) return status;
  if (s->images_folder == NULL && s->test_folder == NULL) {
    return pl_fail(err, PL_E_USAGE, "nothing to import: name a folder with DICOM files");
  }
  return PL_OK;
}

// Files

typedef struct lister {
  import_job *job;
  pl_part part;
} lister;

bool pl_import_has_ending(const char *name, const char *ending) {
  size_t n = strlen(name), m = strlen(ending);
  return n > m && strcasecmp(name + n - m, ending) == 0 && name[0] != '.';
}

static const char *image_ending(const import_job *job) { return job->options->masks != NULL ? ".png" : ".dcm"; }

void pl_import_add_failure(pl_import_summary *summary, const char *path, const char *reason) {
  size_t n = summary->failure_count;
  if ((n & (n - 1)) == 0) {
    summary->failures = pl_xrealloc(summary->failures, n == 0 ? 1 : 2 * n, sizeof *summary->failures);
  }
  summary->failures[n] = (pl_import_failure){.path = pl_xstrdup(path), .reason = pl_xstrdup(reason)};
  summary->failure_count++;
}

pl_status pl_import_add_file(import_job *job, pl_part part, const char *path, const char *member, pl_error *err) {
  if (job->options->cancelled != NULL && job->options->cancelled(job->options->context)) {
    return pl_fail(err, PL_E_CANCELLED, "stopped before the first image");
  }
  const char *name = pl_path_base(path);
  if (!pl_import_has_ending(name, image_ending(job))) {
    job->summary->other_files++;
    return PL_OK;
  }
  job->summary->images++;
  size_t length = strlen(name) - 4;
  const char *problem = pl_id_problem(name, length);
  if (problem != NULL) {
    job->summary->bad++;
    job->summary->refused[PL_REFUSAL_OTHER]++;
    pl_import_add_failure(job->summary, path, problem);
    return job->options->strict ? pl_fail(err, PL_E_FORMAT, "%s: %s", path, problem) : PL_OK;
  }
  if (job->count == job->room) {
    job->room = job->room != 0 ? 2 * job->room : 1024;
    job->items = pl_xrealloc(job->items, job->room, sizeof *job->items);
  }
  import_item *item = &job->items[job->count++];
  *item = (import_item){.path = pl_xstrdup(path), .id = pl_xprintf("%.*s", (int)length, name), .part = part};
  if (member != NULL) item->member = item->path + (strlen(path) - strlen(member));
  return PL_OK;
}

static pl_status on_file(void *context, const char *path, uint64_t size, pl_error *err) {
  (void)size;
  lister *l = context;
  return pl_import_add_file(l->job, l->part, path, NULL, err);
}

static pl_status list_part(import_job *job, pl_part part, const char *folder, pl_error *err) {
  if (folder == NULL) return PL_OK;
  if (pl_import_is_in_archive(job, folder)) return pl_import_list_members(job, part, folder, err);
  lister l = {.job = job, .part = part};
  return pl_fs_walk(folder, on_file, &l, err);
}

static int by_id_then_place(const void *a, const void *b) {
  const import_item *x = *(import_item *const *)a, *y = *(import_item *const *)b;
  int order = strcmp(x->id, y->id);
  return order != 0 ? order : (x > y) - (x < y);
}

// Two files of one name cannot both be the image of that id: the first is taken.
static pl_status drop_doubles(import_job *job, pl_error *err) {
  if (job->count < 2) return PL_OK;
  import_item **sorted = pl_xcalloc(job->count, sizeof *sorted);
  for (size_t i = 0; i < job->count; i++) sorted[i] = &job->items[i];
  qsort(sorted, job->count, sizeof *sorted, by_id_then_place);
  pl_status status = PL_OK;
  const import_item *first = sorted[0];
  for (size_t i = 1; i < job->count; i++) {
    if (strcmp(sorted[i]->id, first->id) != 0) {
      first = sorted[i];
      continue;
    }
    char *reason = pl_xprintf("the image %s is there twice; the one in %s was taken", first->id, first->path);
    job->summary->bad++;
    job->summary->refused[PL_REFUSAL_OTHER]++;
    pl_import_add_failure(job->summary, sorted[i]->path, reason);
    if (job->options->strict) status = pl_fail(err, PL_E_FORMAT, "%s: %s", sorted[i]->path, reason);
    free(reason);
    free(sorted[i]->id);
    sorted[i]->id = NULL;
  }
  free(sorted);
  size_t kept = 0;
  for (size_t i = 0; i < job->count; i++) {
    if (job->items[i].id == NULL) {
      free(job->items[i].path);
    } else {
      job->items[kept++] = job->items[i];
    }
  }
  job->count = kept;
  return status;
}

pl_status pl_import_list_files(import_job *job, pl_error *err) {
  pl_import_summary *s = job->summary;
  pl_status status = list_part(job, PL_PART_TRAIN, s->images_folder, err);
  s->train = s->images;
  if (status == PL_OK) status = list_part(job, PL_PART_TEST, s->test_folder, err);
  s->test = s->images - s->train;
  if (status == PL_OK) status = pl_import_refuse_members(job, err);
  if (status == PL_OK) status = drop_doubles(job, err);
  if (status == PL_OK && s->images == 0) {
    status = pl_fail(err, PL_E_NOTFOUND, "there are no %s files in %s%s%s", image_ending(job),
                     s->images_folder != NULL ? s->images_folder : s->test_folder,
                     s->images_folder != NULL && s->test_folder != NULL ? " and " : "",
                     s->images_folder != NULL && s->test_folder != NULL ? s->test_folder : "");
  }
  return status;
}

const char *const pl_import_train_folders[4] = {"dicom-images-train", "stage_2_train_images", "stage_2_train", NULL};
const char *const pl_import_test_folders[4] = {"dicom-images-test", "stage_2_images", "stage_2_test_images", NULL};
const char *const pl_import_rle_files[4] = {"train-rle.csv", "stage_2_train.csv", "train-rle-dr.csv", NULL};
const char *const pl_import_sample_files[3] = {"sample_submission.csv", "stage_2_sample_submission.csv", NULL};
