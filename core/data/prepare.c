#include "core/data/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "core/data/prepare_private.h"
#include "core/data/source.h"
#include "core/data/split.h"

enum { TABLE_BYTES_MAX = 256 << 20, SALT_DIGITS = 32 };

// The workspace

// Holds the workspace for one import at a time, until the descriptor is closed.
static pl_status lock_workspace(int *lock, const char *workspace, pl_error *err) {
  char *path = pl_path_join(workspace, PL_WORKSPACE_FILE);
  pl_status status = PL_OK;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    status = pl_fail_errno(err, errno, "cannot open %s for writing", path);
  } else if (pl_lock_file(fd, path, NULL) == PL_E_BUSY) {  // elsewhere there are no locks, and none is needed
    close(fd);
    status = pl_fail(err, PL_E_BUSY, "another import is running in %s", workspace);
  } else {
    *lock = fd;
  }
  free(path);
  return status;
}

// Pictures that an import was writing when it was killed.
static void remove_parts(const char *workspace, const char *folder) {
  char *path = pl_path_join(workspace, folder), **names = NULL;
  size_t count = 0;
  if (pl_fs_list(&names, &count, path, NULL) == PL_OK) {
    for (size_t i = 0; i < count; i++) {
      if (!pl_ends_with(names[i], ".png.part")) continue;
      char *part = pl_path_join(path, names[i]);
      unlink(part);
      free(part);
    }
    pl_fs_free_names(names, count);
  }
  free(path);
}

// The secret that patients' pseudonyms are made with: once a workspace, readable by its owner only.
static pl_status load_salt(char salt[SALT_DIGITS + 1], const char *workspace, pl_error *err) {
  char *path = pl_path_join(workspace, ".salt");
  pl_buf text;
  pl_buf_init(&text, SALT_DIGITS);
  pl_status status = pl_fs_read(&text, path, err);
  if (status == PL_OK && (text.length != SALT_DIGITS || strspn(text.data, "0123456789abcdef") != SALT_DIGITS)) {
    status =
        pl_fail(err, PL_E_FORMAT, "%s does not hold %d hex digits; without it patients get new pseudonyms: remove it",
                path, SALT_DIGITS);
  } else if (status == PL_OK) {
    memcpy(salt, text.data, SALT_DIGITS + 1);
  } else if (status == PL_E_NOTFOUND) {
    uint8_t random[32];
    char hex[PL_SHA256_HEX_SIZE];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
      status = pl_fail_errno(err, errno, "cannot get random numbers");
    } else {
      pl_sha256_bytes(hex, random, sizeof random);
      memcpy(salt, hex, SALT_DIGITS);
      salt[SALT_DIGITS] = '\0';
      status = pl_fs_replace(path, salt, SALT_DIGITS, err);
      if (status == PL_OK && chmod(path, 0600) != 0) status = pl_fail_errno(err, errno, "cannot protect %s", path);
    }
  }
  pl_buf_clear(&text);
  free(path);
  return status;
}

static pl_status open_workspace(import_job *job, int *lock, pl_error *err) {
  pl_status status = pl_workspace_init(job->options->workspace, err);
  job->summary->made_workspace = status == PL_OK;
  if (status != PL_OK && status != PL_E_EXISTS) return status;
  char *path = realpath(job->options->workspace, NULL);
  if (path == NULL) return pl_fail_errno(err, errno, "cannot open folder %s", job->options->workspace);
  job->workspace = path;
  job->summary->workspace = pl_xstrdup(path);
  status = lock_workspace(lock, path, err);
  static const char *const folders[] = {"images", "masks"};
  for (size_t i = 0; status == PL_OK && i < 2; i++) {
    char *folder = pl_path_join(path, folders[i]);
    status = pl_fs_make_folders(folder, err);
    free(folder);
    if (status == PL_OK) remove_parts(path, folders[i]);
  }
  if (status == PL_OK) status = load_salt(job->salt, path, err);
  if (status == PL_OK) status = pl_manifest_load(&job->manifest, path, err);
  if (status == PL_OK) status = pl_import_records_load(&job->records, path, err);
  // Written anew, because a line that was torn by a crash must not run into the next one.
  if (status == PL_OK) status = pl_import_records_save(&job->records, path, err);
  if (status == PL_OK) status = pl_import_records_open(&job->journal, path, err);
  return status;
}

// Tables

// Writes a table into the workspace when it has none of that name; *differs tells whether it has another one.
static pl_status keep_table(const char *workspace, const char *name, const pl_buf *bytes, bool *differs,
                            pl_error *err) {
  char *path = pl_path_join(workspace, name);
  pl_status status = PL_OK;
  char old_hash[PL_SHA256_HEX_SIZE], new_hash[PL_SHA256_HEX_SIZE];
  if (access(path, F_OK) == 0) {
    status = pl_sha256_file(old_hash, path, err);
    pl_sha256_bytes(new_hash, bytes->data, bytes->length);
    if (status == PL_OK) *differs = strcmp(old_hash, new_hash) != 0;
  } else {
    status = pl_fs_replace(path, bytes->data, bytes->length, err);
  }
  free(path);
  return status;
}

// True when the workspace's table has only images that are in the new one, so that nothing is lost with it.
static bool is_covered(const char *workspace, const pl_rle_table *by) {
  char *path = pl_path_join(workspace, "train-rle.csv");
  pl_rle_table old = {0};
  bool covered = pl_rle_table_load(&old, path, true, NULL) == PL_OK;
  for (size_t i = 0; covered && i < old.image_count; i++) covered = pl_rle_table_find(by, old.images[i].id) != NULL;
  pl_rle_table_clear(&old);
  free(path);
  return covered;
}

// The table from PNG masks, kept in the workspace as if it had been there.
static pl_status load_masks(import_job *job, pl_error *err) {
  pl_import_summary *s = job->summary;
  pl_buf text;
  pl_buf_init(&text, TABLE_BYTES_MAX);
  pl_status status = pl_import_encode_masks(&text, job, err);
  if (status == PL_OK && text.length > 0) {
    status = pl_rle_table_parse(&job->table, text.data, text.length, true, err);
    char *path = pl_path_join(job->workspace, "train-rle.csv");
    if (status == PL_OK && is_covered(job->workspace, &job->table))
      status = pl_fs_replace(path, text.data, text.length, err);
    else if (status == PL_OK)
      status = keep_table(job->workspace, "train-rle.csv", &text, &s->rle_differs, err);
    free(path);
  }
  pl_buf_clear(&text);
  return status;
}

// Reads a table from a file or the archive, and keeps it in the workspace under that name.
static pl_status load_table(pl_rle_table *out, import_job *job, const char *source, const char *name, bool *differs,
                            pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, TABLE_BYTES_MAX);
  pl_status status = pl_source_read(&bytes, source, err);
  if (status == PL_OK) {
    status = pl_rle_table_parse(out, bytes.data, bytes.length, job->options->strict, err);
    if (status != PL_OK) pl_wrap(err, "%s", source);
  }
  if (status == PL_OK) status = keep_table(job->workspace, name, &bytes, differs, err);
  pl_buf_clear(&bytes);
  return status;
}

static pl_status load_rle(import_job *job, pl_error *err) {
  pl_import_summary *s = job->summary;
  if (s->masks_folder != NULL) return load_masks(job, err);
  if (s->rle_file == NULL) {
    char *kept = pl_path_join(job->workspace, "train-rle.csv");
    if (pl_fs_is_file(kept))
      s->rle_file = kept;
    else
      free(kept);
  }
  if (s->rle_file == NULL) return PL_OK;
  pl_status status = load_table(&job->table, job, s->rle_file, "train-rle.csv", &s->rle_differs, err);
  if (status != PL_OK) return status;
  s->rows = job->table.count + job->table.problem_count;
  s->bad_rows = job->table.problem_count;
  memcpy(s->row_problems, job->table.problems, sizeof s->row_problems);
  return PL_OK;
}

// Which ids the manifest has, to count the rows without an image.
static int by_id(const void *a, const void *b) {
  return strcmp((*(pl_case *const *)a)->id, (*(pl_case *const *)b)->id);
}

static pl_case **cases_by_id(const pl_manifest *m) {
  pl_case **sorted = pl_xcalloc(m->count, sizeof *sorted);
  for (size_t i = 0; i < m->count; i++) sorted[i] = &m->cases[i];
  if (m->count > 1) qsort(sorted, m->count, sizeof *sorted, by_id);
  return sorted;
}

static pl_case *find_case(pl_case **sorted, size_t count, const char *id) {
  pl_case key = {.id = (char *)(uintptr_t)id}, *wanted = &key;
  pl_case **found = count == 0 ? NULL : bsearch(&wanted, sorted, count, sizeof *sorted, by_id);
  return found != NULL ? *found : NULL;
}

static pl_status count_sample(import_job *job, pl_case **sorted, size_t count, pl_error *err) {
  pl_import_summary *s = job->summary;
  if (s->sample_file == NULL) return PL_OK;
  pl_rle_table sample = {0};
  bool differs = false;
  pl_status status = load_table(&sample, job, s->sample_file, "sample_submission.csv", &differs, err);
  if (status != PL_OK) return status;
  s->sample_ids = sample.image_count;
  for (size_t i = 0; i < sample.image_count; i++) {
    const pl_case *c = find_case(sorted, count, sample.images[i].id);
    s->sample_without_image += c == NULL || c->part != PL_PART_TEST;
  }
  pl_rle_table_clear(&sample);
  return PL_OK;
}

// Joining

static void free_texts(pl_case *c) {
  free(c->id);
  free(c->source);
  free(c->patient);
  free(c->flag);
  free(c->note);
}

// Numbers of the items, given before the work begins, so that they are the same whichever are done first, and whether
// or not the import is stopped on the way: known cases keep theirs, new ones get those that are free, in the files'
// order.
static void give_numbers(import_job *job) {
  const pl_manifest *m = &job->manifest;
  uint32_t next = 1;
  size_t at = 0;  // the manifest is in the order of its numbers
  for (size_t i = 0; i < job->count; i++) {
    import_item *item = &job->items[i];
    if (item->known != NULL) {
      item->number = item->known->number;
      continue;
    }
    for (; at < m->count && m->cases[at].number <= next; at++) next += m->cases[at].number == next;
    item->number = next++;
  }
}

static int by_number(const void *a, const void *b) {
  const uint32_t x = ((const pl_case *)a)->number, y = ((const pl_case *)b)->number;
  return (x > y) - (x < y);
}

// Puts what the workers found into the manifest.
static void join_items(import_job *job) {
  pl_manifest *m = &job->manifest;
  pl_case *cases = pl_xcalloc(m->count + job->count, sizeof *cases);
  if (m->count > 0) memcpy(cases, m->cases, m->count * sizeof *cases);
  for (size_t i = 0; i < job->count; i++) {
    import_item *item = &job->items[i];
    if (!item->done) continue;
    pl_case entry = item->entry;
    entry.number = item->number;
    entry.id = pl_xstrdup(item->id);
    entry.source = pl_xstrdup(item->path);
    item->entry.patient = NULL;
    if (item->known != NULL) {
      pl_case *place = &cases[item->known - m->cases];
      entry.fold = place->fold;
      free_texts(place);
      *place = entry;
    } else {
      cases[m->count++] = entry;
    }
  }
  for (size_t i = 0; i < job->count; i++) job->items[i].known = NULL;
  free(m->cases);
  m->cases = cases;
  if (m->count > 1) qsort(cases, m->count, sizeof *cases, by_number);
}

void pl_import_show(const import_job *job, const bool *done) {
  const pl_manifest *m = &job->manifest;
  // Only borrowed texts: nothing of it is freed but the array.
  pl_manifest now = *m;
  now.cases = pl_xcalloc(m->count + job->count, sizeof *now.cases);
  if (m->count > 0) memcpy(now.cases, m->cases, m->count * sizeof *now.cases);
  for (size_t i = 0; i < job->count; i++) {
    const import_item *item = &job->items[i];
    if (!done[i]) continue;
    pl_case *place = item->known != NULL ? &now.cases[item->known - m->cases] : &now.cases[now.count++];
    *place = item->entry;
    place->number = item->number;
  }
  if (now.count > 1) qsort(now.cases, now.count, sizeof *now.cases, by_number);
  (void)pl_manifest_save(&now, NULL);
  free(now.cases);
}

static void count_items(import_job *job) {
  pl_import_summary *s = job->summary;
  for (size_t i = 0; i < job->count; i++) {
    const import_item *item = &job->items[i];
    if (!item->done) continue;
    const pl_case *c = &item->entry;
    s->unchanged += item->skipped;
    s->masks += !item->mask_is_empty;
    s->bad += c->status == PL_CASE_BAD;
    if (c->status == PL_CASE_BAD) s->refused[item->refusal]++;
    s->unlabelled += c->status == PL_CASE_UNLABELLED;
    s->positives += c->status == PL_CASE_OK && c->label == PL_LABEL_POSITIVE;
    s->negatives += c->status == PL_CASE_OK && c->label == PL_LABEL_NEGATIVE;
    if (item->reason != NULL) pl_import_add_failure(s, item->path, item->reason);
  }
}

static bool has_label(const pl_case *c) {
  return c->part == PL_PART_TRAIN && c->status == PL_CASE_OK && c->label != PL_LABEL_UNKNOWN;
}

// Folds that keep a patient's images together where the DICOM files say who is on them, else folds by image.
static pl_status deal_folds(int *folds, pl_import_summary *s, const import_job *job, pl_error *err) {
  pl_split_options options = {.by = PL_SPLIT_BY_PATIENT, .fold_count = PL_FOLDS_DEFAULT, .seed = PL_SPLIT_SEED_DEFAULT};
  s->folds_by_patient = pl_split_make(folds, s->folds_patients, &job->table, &job->manifest, &options, NULL) == PL_OK;
  if (s->folds_by_patient) return PL_OK;
  options.by = PL_SPLIT_BY_IMAGE;
  return pl_split_make(folds, s->folds_patients, &job->table, &job->manifest, &options, err);
}

// folds.csv when there is none; else counts the cases that it does not have.
static pl_status make_folds(import_job *job, pl_error *err) {
  pl_import_summary *s = job->summary;
  const pl_rle_table *t = &job->table;
  char *path = pl_path_join(job->workspace, "folds.csv");
  pl_status status = PL_OK;
  if (access(path, F_OK) == 0) {
    for (size_t i = 0; i < job->manifest.count; i++) {
      s->without_fold += has_label(&job->manifest.cases[i]) && job->manifest.cases[i].fold < 0;
    }
  } else if (t->image_count >= PL_FOLDS_DEFAULT) {
    int *folds = pl_xcalloc(t->count, sizeof *folds);
    status = deal_folds(folds, s, job, err);
    if (status == PL_OK) status = pl_folds_save(path, t, folds, err);
    s->made_folds = status == PL_OK;
    free(folds);
  }
  free(path);
  return status;
}

static void count_rows(import_job *job, pl_case **sorted) {
  for (size_t i = 0; i < job->table.image_count; i++) {
    const pl_case *c = find_case(sorted, job->manifest.count, job->table.images[i].id);
    if (c != NULL && c->part == PL_PART_TRAIN) continue;
    job->summary->ids_without_image++;
    job->summary->rows_without_image += job->table.images[i].count;
  }
}

static pl_status sync_pictures(const char *workspace, pl_error *err) {
  int fd = open(workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return pl_fail_errno(err, errno, "cannot open folder %s", workspace);
  int failed = syncfs(fd), reason = errno;
  close(fd);
  return failed == 0 ? PL_OK : pl_fail_errno(err, reason, "cannot write %s to disk", workspace);
}

static int by_item_id(const void *a, const void *b) {
  return strcmp((*(const import_item *const *)a)->id, (*(const import_item *const *)b)->id);
}

// Pictures that were made in another way and are not part of this import: a training would mix them.
static void count_other_recipes(import_job *job) {
  const import_item **sorted = pl_xcalloc(job->count, sizeof *sorted);
  for (size_t i = 0; i < job->count; i++) sorted[i] = &job->items[i];
  if (job->count > 1) qsort(sorted, job->count, sizeof *sorted, by_item_id);
  for (size_t i = 0; i < job->records.count; i++) {
    const import_record *r = &job->records.items[i];
    if (strcmp(r->recipe, job->recipe) == 0) continue;
    const import_item key = {.id = r->entry.id}, *wanted = &key;
    bool here = job->count > 0 && bsearch(&wanted, sorted, job->count, sizeof *sorted, by_item_id) != NULL;
    job->summary->other_recipe += !here;
  }
  free(sorted);
}

// Everything after the pictures; also after an import that was stopped, so that the next one goes on from there.
static pl_status finish(import_job *job, bool complete, pl_error *err) {
  count_items(job);
  join_items(job);
  pl_status status = sync_pictures(job->workspace, err);
  if (status == PL_OK) status = pl_manifest_save(&job->manifest, err);
  if (status != PL_OK || !complete) return status;
  pl_case **sorted = cases_by_id(&job->manifest);
  count_rows(job, sorted);
  status = make_folds(job, err);
  if (status == PL_OK) status = count_sample(job, sorted, job->manifest.count, err);
  free(sorted);
  return status;
}

static pl_status run(import_job *job, int *lock, pl_error *err) {
  pl_status status = pl_access_check(job->options->workspace, pl_access_nothing, err);
  if (status == PL_OK) status = pl_import_find_parts(job, err);
  // Nothing is written before there is something to import.
  if (status == PL_OK) status = pl_import_list_files(job, err);
  if (status == PL_OK) status = open_workspace(job, lock, err);
  if (status == PL_OK) status = load_rle(job, err);
  if (status != PL_OK) return status;
  job->known = cases_by_id(&job->manifest);
  for (size_t i = 0; i < job->count; i++) {
    job->items[i].known = find_case(job->known, job->manifest.count, job->items[i].id);
    job->items[i].record = pl_import_records_find(&job->records, job->items[i].id);
  }
  count_other_recipes(job);
  give_numbers(job);
  status = pl_import_work(job, err);
  pl_status finished = finish(job, status == PL_OK, status == PL_OK ? err : NULL);
  return status != PL_OK ? status : finished;
}

static void clear_job(import_job *job) {
  for (size_t i = 0; i < job->count; i++) {
    free(job->items[i].path);
    free(job->items[i].id);
    free(job->items[i].reason);
    free(job->items[i].entry.patient);
  }
  free(job->items);
  free(job->known);
  free(job->workspace);
  free(job->archive_path);
  pl_archive_close(job->archive);
  if (job->journal >= 0) close(job->journal);
  pl_import_records_clear(&job->records);
  pl_rle_table_clear(&job->table);
  pl_manifest_clear(&job->manifest);
}

pl_status pl_import_run(pl_import_summary *out, const pl_import_options *options, pl_error *err) {
  *out = (pl_import_summary){0};
  uint32_t size = options->size != 0 ? options->size : PL_IMPORT_SIZE_DEFAULT;
  if (size < PL_IMPORT_SIZE_MIN || size > PL_IMPORT_SIZE_MAX) {
    return pl_fail(err, PL_E_USAGE, "size %u: give %d to %d pixels", size, PL_IMPORT_SIZE_MIN, PL_IMPORT_SIZE_MAX);
  }
  if (options->threads > PL_IMPORT_THREADS_MAX) {
    return pl_fail(err, PL_E_USAGE, "%u threads: give 1 to %d", options->threads, PL_IMPORT_THREADS_MAX);
  }
  if (options->resize == PL_IMPORT_RESIZE_NONE && (options->size != 0 || options->keep_aspect)) {
    return pl_fail(err, PL_E_USAGE, "without resizing the pictures have their own size: leave the size out");
  }
  if (options->masks != NULL && (options->folder != NULL || options->rle != NULL || options->images == NULL)) {
    return pl_fail(err, PL_E_USAGE, "a folder of masks goes with a folder of images, and with no other labels");
  }
  import_job job = {.options = options, .summary = out, .size = size, .journal = -1};
  pl_import_recipe(&job);
  pl_clock clock = pl_clock_system();
  double start = pl_clock_monotonic(&clock);
  int lock = -1;
  pl_status status = run(&job, &lock, err);
  if (lock >= 0) close(lock);
  out->seconds = pl_clock_monotonic(&clock) - start;
  clear_job(&job);
  return status;
}

void pl_import_summary_clear(pl_import_summary *summary) {
  for (size_t i = 0; i < summary->failure_count; i++) {
    free(summary->failures[i].path);
    free(summary->failures[i].reason);
  }
  free(summary->failures);
  free(summary->workspace);
  free(summary->images_folder);
  free(summary->test_folder);
  free(summary->masks_folder);
  free(summary->rle_file);
  free(summary->sample_file);
  *summary = (pl_import_summary){0};
}
