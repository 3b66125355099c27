#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/prepare_private.h"
#include "core/image/decode.h"

enum { PROGRESS_MS = 100, SHOW_SECONDS = 1, SHOW_SHARE = 20 };

// The pool. `mutex` guards finished, done, bad, last, running, unconfined, error and failed; `next` and `stop` are
// atomic.
typedef struct work_pool {
  import_job *job;
  atomic_size_t next;
  atomic_bool stop;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool *finished;  // by item: its worker is through with it
  size_t done, bad, last, running;
  bool unconfined;
  pl_error error;  // the failure that ends the import: of several, that of the first item, whoever is done first
  size_t failed;   // that item
} work_pool;

// What a worker has to itself.
typedef struct import_tools {
  pl_decoder *decoder;
  pl_archive *archive;  // NULL when there is none
} import_tools;

// The hash of an image's rows in the table: what its mask depends on besides the image. "" without rows.
static void hash_labels(char hex[PL_SHA256_HEX_SIZE], const import_job *job, const pl_rle_image *rows) {
  hex[0] = '\0';
  if (rows == NULL) return;
  pl_sha256 hash;
  pl_sha256_init(&hash);
  for (size_t k = 0; k < rows->count; k++) {
    const char *pixels = job->table.rows[job->table.order[rows->first + k]].pixels;
    pl_sha256_add(&hash, pixels, strlen(pixels) + 1);
  }
  pl_sha256_finish(&hash, hex);
}

// Takes the mask that was made before, when it was made from the same rows and is still what was written.
static bool keep_mask(const import_job *job, import_item *item) {
  const import_record *r = item->record;
  if (!item->skipped || r->entry.status != PL_CASE_OK || strcmp(r->labels, item->labels) != 0) return false;
  if (!pl_import_is_whole(job, "masks", item->id, r->mask_hash)) return false;
  item->entry.status = PL_CASE_OK;
  item->entry.label = r->entry.label;
  item->entry.mask_area = r->entry.mask_area;
  item->mask_is_empty = r->mask_is_empty;
  memcpy(item->mask_hash, r->mask_hash, sizeof item->mask_hash);
  return true;
}

static pl_status write_labelled(const import_job *job, import_item *item, const pl_rle_image *rows, pl_error *err) {
  pl_case *c = &item->entry;
  pl_error why = {0};
  pl_status status = pl_import_write_mask(job, item, rows->has_mask ? rows : NULL, &why);
  if (status == PL_E_FORMAT) {
    item->reason = pl_xprintf("left unlabelled: %s", why.message);
    return PL_OK;
  }
  if (status != PL_OK) {
    if (err != NULL) *err = why;
    return status;
  }
  c->status = PL_CASE_OK;
  c->label = rows->has_mask ? PL_LABEL_POSITIVE : PL_LABEL_NEGATIVE;
  return PL_OK;
}

// The label and the mask of a training image. What is wrong with its rows leaves it unlabelled, with the reason.
static pl_status make_mask(const import_job *job, import_item *item, pl_error *err) {
  pl_case *c = &item->entry;
  item->mask_is_empty = true;
  pl_status status = PL_OK;
  if (item->part == PL_PART_TRAIN) {
    const pl_rle_image *rows = pl_rle_table_find(&job->table, item->id);
    c->status = PL_CASE_UNLABELLED;
    if (pl_rle_table_is_damaged(&job->table, item->id)) {
      item->reason = pl_xstrdup("a row of its mask is damaged, so it is left unlabelled");
    } else if (rows != NULL) {
      hash_labels(item->labels, job, rows);
      if (keep_mask(job, item)) return PL_OK;
      status = write_labelled(job, item, rows, err);
    }
  }
  // A mask that does not belong to the labels any more would look like one that does.
  if (status == PL_OK && item->mask_hash[0] == '\0' && item->record != NULL && item->record->mask_hash[0] != '\0') {
    pl_import_remove_mask(job, item->id);
  }
  return status;
}

// A patient's name in this workspace: says which images belong together, and nothing else without the salt.
static char *pseudonym(const import_job *job, const char *patient) {
  if (patient[0] == '\0') return pl_xstrdup("");
  pl_sha256 hash;
  char hex[PL_SHA256_HEX_SIZE];
  pl_sha256_init(&hash);
  pl_sha256_add(&hash, job->salt, strlen(job->salt));
  pl_sha256_add(&hash, patient, strlen(patient));
  pl_sha256_finish(&hash, hex);
  return pl_xprintf("%.12s", hex);
}

// True when the picture of just this source, made in this way, is there whole.
static bool is_unchanged(const import_job *job, import_item *item) {
  const import_record *r = item->record;
  pl_case *c = &item->entry;
  if (r == NULL || strcmp(c->sha256, r->entry.sha256) != 0 || r->entry.part != item->part ||
      strcmp(r->recipe, job->recipe) != 0)
    return false;
  if (!pl_import_is_whole(job, "images", item->id, r->image_hash)) return false;
  memcpy(item->image_hash, r->image_hash, sizeof item->image_hash);
  c->rows = r->entry.rows;
  c->cols = r->entry.cols;
  c->age = r->entry.age;
  c->sex = r->entry.sex;
  memcpy(c->view, r->entry.view, sizeof c->view);
  c->patient = pl_xstrdup(r->entry.patient);
  return true;
}

// Notes what is done, unless that is what the last record says already.
static pl_status note(const import_job *job, const import_item *item, pl_error *err) {
  const import_record *old = item->record;
  if (item->skipped && strcmp(old->labels, item->labels) == 0 && strcmp(old->mask_hash, item->mask_hash) == 0 &&
      old->entry.status == item->entry.status) {
    return PL_OK;
  }
  import_record r = {.recipe = (char *)(uintptr_t)job->recipe, .entry = item->entry};
  r.mask_is_empty = item->mask_is_empty;
  memcpy(r.labels, item->labels, sizeof r.labels);
  memcpy(r.image_hash, item->image_hash, sizeof r.image_hash);
  memcpy(r.mask_hash, item->mask_hash, sizeof r.mask_hash);
  return pl_import_record_append(job->journal, &r, err);
}

static bool is_plain_view(const char *view) {
  return strlen(view) < sizeof((pl_case *)0)->view &&
         strspn(view, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == strlen(view);
}

// Reads the file or the member, and notes its hash.
static pl_status read_item(pl_buf *bytes, import_item *item, pl_archive *archive, pl_error *err) {
  pl_status status =
      item->member != NULL ? pl_archive_read(bytes, archive, item->member, err) : pl_fs_read(bytes, item->path, err);
  if (status == PL_OK) pl_sha256_bytes(item->entry.sha256, bytes->data, bytes->length);
  return status;
}

// *ours is set when the failure is one of the workspace or of the machine, which every further image would meet too.
static pl_status decode_item(const import_job *job, import_item *item, const pl_buf *bytes, pl_decoder *decoder,
                             bool *ours, pl_error *err) {
  pl_dicom dicom = {0};
  pl_case *c = &item->entry;
  pl_status status = job->options->masks != NULL
                         ? pl_image_decode_png(&dicom, bytes->data, bytes->length, err)
                         : pl_decoder_read_bytes(decoder, &dicom, bytes->data, bytes->length, err);
  *ours = status == PL_E_INTERNAL;
  if (status != PL_OK) return status;
  c->rows = dicom.image.height;
  c->cols = dicom.image.width;
  c->age = dicom.age >= 0 && dicom.age <= 150 ? dicom.age : -1;
  c->sex = dicom.sex >= 'A' && dicom.sex <= 'Z' ? dicom.sex : '\0';
  if (is_plain_view(dicom.view)) (void)pl_copy_text(c->view, sizeof c->view, dicom.view);
  c->patient = pseudonym(job, dicom.patient);
  status = pl_import_write_image(job, item, &dicom, err);
  *ours = status != PL_OK;
  pl_dicom_clear(&dicom);
  return status;
}

// The picture, made unless it is there already.
static pl_status make_picture(const import_job *job, import_item *item, const import_tools *tools, bool *ours,
                              pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PL_DICOM_FILE_MAX);
  pl_status status = read_item(&bytes, item, tools->archive, err);
  item->skipped = status == PL_OK && is_unchanged(job, item);
  if (status == PL_OK && !item->skipped) status = decode_item(job, item, &bytes, tools->decoder, ours, err);
  pl_buf_clear(&bytes);
  return status;
}

static pl_status do_item(import_job *job, import_item *item, const import_tools *tools, pl_error *err) {
  item->entry = (pl_case){.id = item->id, .part = item->part, .label = PL_LABEL_UNKNOWN, .age = -1, .fold = -1};
  item->entry.source = item->path;
  pl_error why = {0};
  bool ours = false;
  pl_status status = make_picture(job, item, tools, &ours, &why);
  if (status == PL_OK) {
    status = make_mask(job, item, err);
    if (status == PL_OK) status = note(job, item, err);
    item->done = status == PL_OK;
    if (status == PL_OK && job->options->strict && item->reason != NULL) {
      status = pl_fail(err, PL_E_FORMAT, "%s: %s", item->path, item->reason);
    }
    return status;
  }
  if (ours || job->options->strict) {
    if (err != NULL) *err = why;
    return ours ? status : pl_wrap(err, "%s", item->path);
  }
  item->reason = pl_xstrdup(why.message);
  item->refusal = pl_refusal_of(&why);
  item->entry.status = PL_CASE_BAD;
  if (item->entry.patient == NULL) item->entry.patient = pl_xstrdup("");
  item->done = true;
  return PL_OK;
}

// Threads

// Only a helper that has answered says whether it is confined; PNG files need none.
static bool decoded_unconfined(const import_job *job, const import_item *item, const pl_decoder *decoder) {
  return job->options->masks == NULL && item->done && !item->skipped && item->entry.status != PL_CASE_BAD &&
         !pl_decoder_is_confined(decoder);
}

static void *worker(void *context) {
  work_pool *pool = context;
  import_job *job = pool->job;
  import_tools tools = {0};
  pl_error err = {0};
  pl_decoder_options options = {.executable = job->options->executable};
  pl_status status = pl_decoder_create(&tools.decoder, &options, &err);
  if (status == PL_OK && job->archive != NULL) status = pl_archive_open(&tools.archive, job->archive_path, &err);
  size_t i = 0;
  while (status == PL_OK && !atomic_load(&pool->stop)) {
    i = atomic_fetch_add(&pool->next, 1);
    if (i >= job->count) break;
    status = do_item(job, &job->items[i], &tools, &err);
    pthread_mutex_lock(&pool->mutex);
    pool->done++;
    pool->finished[i] = job->items[i].done;
    pool->bad += status == PL_OK && job->items[i].entry.status == PL_CASE_BAD;
    pool->unconfined |= decoded_unconfined(job, &job->items[i], tools.decoder);
    pool->last = i;
    pthread_mutex_unlock(&pool->mutex);
  }
  pl_decoder_destroy(tools.decoder);
  pl_archive_close(tools.archive);
  pthread_mutex_lock(&pool->mutex);
  if (status != PL_OK) {
    atomic_store(&pool->stop, true);
    // Items are taken in order and finished once taken, so every item before this one is still reported here.
    if (pool->error.code == PL_OK || i < pool->failed) {
      pool->error = err;
      pool->failed = i;
    }
  }
  pool->running--;
  pthread_cond_signal(&pool->changed);
  pthread_mutex_unlock(&pool->mutex);
  return NULL;
}

static void report(work_pool *pool) {
  const pl_import_options *o = pool->job->options;
  pthread_mutex_lock(&pool->mutex);
  pl_import_progress progress = {.done = pool->done, .total = pool->job->count, .bad = pool->bad};
  progress.current = pool->done > 0 ? pool->job->items[pool->last].path : "";
  pthread_mutex_unlock(&pool->mutex);
  if (o->progress != NULL) o->progress(o->context, &progress);
}

// Lets cases.csv tell what is done so far, every few seconds, and less often where writing it takes long.
static void show(work_pool *pool, const pl_clock *clock, double *next) {
  const double now = pl_clock_monotonic(clock);
  if (now < *next) return;
  bool *finished = pl_xcalloc(pool->job->count + 1, sizeof *finished);
  pthread_mutex_lock(&pool->mutex);
  if (pool->job->count > 0) memcpy(finished, pool->finished, pool->job->count * sizeof *finished);
  pthread_mutex_unlock(&pool->mutex);
  pl_import_show(pool->job, finished);
  free(finished);
  const double after = pl_clock_monotonic(clock), pause = SHOW_SHARE * (after - now);
  *next = after + (pause > SHOW_SECONDS ? pause : SHOW_SECONDS);
}

// Waits for the workers in the calling thread, which is the one that the caller's functions expect.
static bool watch(work_pool *pool) {
  const pl_import_options *o = pool->job->options;
  const pl_clock clock = pl_clock_system();
  double next_show = pl_clock_monotonic(&clock) + SHOW_SECONDS;
  bool cancelled = false;
  for (;;) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PROGRESS_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
      until.tv_nsec -= 1000000000L;
      until.tv_sec++;
    }
    pthread_mutex_lock(&pool->mutex);
    if (pool->running > 0) (void)pthread_cond_timedwait(&pool->changed, &pool->mutex, &until);
    bool over = pool->running == 0;
    pthread_mutex_unlock(&pool->mutex);
    report(pool);
    if (over) return cancelled;
    show(pool, &clock, &next_show);
    if (!cancelled && o->cancelled != NULL && o->cancelled(o->context)) {
      cancelled = true;
      atomic_store(&pool->stop, true);
    }
  }
}

static unsigned thread_count(const import_job *job) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  size_t n = job->options->threads != 0 ? job->options->threads : (size_t)(processors > 0 ? processors : 1);
  if (n > job->count) n = job->count;
  return (unsigned)(n < PL_IMPORT_THREADS_MAX ? n : PL_IMPORT_THREADS_MAX);
}

pl_status pl_import_work(import_job *job, pl_error *err) {
  work_pool pool = {.job = job};
  pthread_mutex_init(&pool.mutex, NULL);
  pthread_cond_init(&pool.changed, NULL);
  unsigned count = thread_count(job), started = 0;
  pthread_t *threads = pl_xcalloc(count, sizeof *threads);
  pool.running = count;
  pool.finished = pl_xcalloc(job->count + 1, sizeof *pool.finished);
  while (started < count && pthread_create(&threads[started], NULL, worker, &pool) == 0) started++;
  pthread_mutex_lock(&pool.mutex);
  pool.running -= count - started;
  pthread_mutex_unlock(&pool.mutex);
  bool cancelled = watch(&pool);
  for (unsigned i = 0; i < started; i++) pthread_join(threads[i], NULL);
  free(threads);
  free(pool.finished);
  job->summary->unconfined = pool.unconfined;
  pthread_mutex_destroy(&pool.mutex);
  pthread_cond_destroy(&pool.changed);
  if (started == 0 && job->count > 0) return pl_fail(err, PL_E_NOMEM, "cannot start a thread");
  if (pool.error.code != PL_OK) {
    if (err != NULL) *err = pool.error;
    return pool.error.code;
  }
  return cancelled && pool.done < job->count
             ? pl_fail(err, PL_E_CANCELLED, "stopped after %zu of %zu images; the same import again goes on from there",
                       pool.done, job->count)
             : PL_OK;
}
