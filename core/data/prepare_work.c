#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/prepare_private.h"
#include "core/data/rle.h"
#include "core/image/decode.h"
#include "core/image/png_io.h"
#include "core/image/resize.h"

enum { PNG_BYTES_MAX = 64 << 20, PROGRESS_MS = 100 };

// The pool. `mutex` guards done, bad, last, failed and error; `next` and `stop` are atomic.
typedef struct work_pool {
  import_job *job;
  atomic_size_t next;
  atomic_bool stop;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  size_t done, bad, last, running;
  pl_error error;  // the first failure that ends the import
} work_pool;

// Writing

// Writes a picture aside and renames it. Not synced here: one sync of the file system for the whole import, before
// cases.csv names the pictures, costs a hundredth of one for each.
static pl_status write_png(const char *workspace, const char *folder, const char *id, const pl_image *image,
                           pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PNG_BYTES_MAX);
  pl_status status = pl_png_encode(&bytes, image, PL_PNG_FAST, err);
  char *path = pl_xprintf("%s/%s/%s.png", workspace, folder, id), *aside = pl_xprintf("%s.part", path);
  if (status == PL_OK) {
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) status = pl_fail_errno(err, errno, "cannot create %s", aside);
    for (size_t at = 0; status == PL_OK && at < bytes.length;) {
      ssize_t n = write(fd, bytes.data + at, bytes.length - at);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0)
        status = pl_fail_errno(err, errno, "cannot write %s", path);
      else
        at += (size_t)n;
    }
    if (fd >= 0 && close(fd) != 0 && status == PL_OK) status = pl_fail_errno(err, errno, "cannot write %s", path);
    if (status == PL_OK && rename(aside, path) != 0) status = pl_fail_errno(err, errno, "cannot write %s", path);
    if (status != PL_OK && fd >= 0) unlink(aside);
  }
  free(path);
  free(aside);
  pl_buf_clear(&bytes);
  return status;
}

// True when the file is a PNG of that size, judged by its first bytes (PNG specification, 5.2 and 11.2.2).
static bool is_png_of_size(const char *workspace, const char *folder, const char *id, uint32_t size) {
  char *path = pl_xprintf("%s/%s/%s.png", workspace, folder, id);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  free(path);
  if (fd < 0) return false;
  uint8_t head[24];
  ssize_t n = read(fd, head, sizeof head);
  close(fd);
  if (n != (ssize_t)sizeof head || memcmp(head, "\x89PNG\r\n\x1a\n", 8) != 0) return false;
  uint32_t width = (uint32_t)head[16] << 24 | (uint32_t)head[17] << 16 | (uint32_t)head[18] << 8 | head[19];
  uint32_t height = (uint32_t)head[20] << 24 | (uint32_t)head[21] << 16 | (uint32_t)head[22] << 8 | head[23];
  return width == size && height == size;
}

// Pixels

static int32_t value_at(const pl_image *image, size_t i) {
  if (image->type == PL_PIXEL_U8) return image->u8[i];
  return image->type == PL_PIXEL_U16 ? image->u16[i] : image->s16[i];
}

// The plane as 8 bits; an 8-bit plane is moved, not copied.
static pl_status to_8_bits(pl_image *out, pl_dicom *dicom, pl_error *err) {
  pl_image *in = &dicom->image;
  if (in->type == PL_PIXEL_U8) {
    *out = *in;
    in->data = NULL;
    return PL_OK;
  }
  size_t pixels = (size_t)in->width * in->height;
  int32_t low = INT32_MAX, high = INT32_MIN;
  for (size_t i = 0; i < pixels; i++) {
    int32_t v = value_at(in, i);
    if (dicom->has_padding && v == dicom->padding) continue;
    if (v < low) low = v;
    if (v > high) high = v;
  }
  pl_status status = pl_image_init(out, in->width, in->height, PL_PIXEL_U8, in->meaning, err);
  if (status != PL_OK) return status;
  int32_t range = high > low ? high - low : 1;
  for (size_t i = 0; i < pixels && low <= high; i++) {
    int32_t v = value_at(in, i) - low;
    if (v < 0) v = 0;
    if (v > range) v = range;
    out->u8[i] = (uint8_t)((v * 255 + range / 2) / range);
  }
  return PL_OK;
}

static pl_status write_image(const import_job *job, const import_item *item, pl_dicom *dicom, pl_error *err) {
  pl_image full = {0}, small = {0};
  pl_status status = to_8_bits(&full, dicom, err);
  if (status == PL_OK) status = pl_image_resize(&small, &full, job->size, job->size, err);
  if (status == PL_OK) status = write_png(job->workspace, "images", item->id, &small, err);
  pl_image_clear(&small);
  pl_image_clear(&full);
  return status;
}

// Decodes the union of an image's rows at its own size; PL_E_FORMAT when a run lies outside.
static pl_status union_of_rows(pl_image *out, const import_job *job, const pl_rle_image *rows, uint32_t width,
                               uint32_t height, pl_error *err) {
  pl_status status = pl_image_init(out, width, height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  for (size_t k = 0; status == PL_OK && k < rows->count; k++) {
    const pl_rle_row *row = &job->table.rows[job->table.order[rows->first + k]];
    status = pl_rle_decode(out, row->pixels, err);
    if (status != PL_OK) pl_wrap(err, "%s line %zu", job->summary->rle_file, row->line);
  }
  if (status != PL_OK) pl_image_clear(out);
  return status;
}

// Writes the mask from its full size, or an empty one when `full` is NULL.
static pl_status write_mask(const import_job *job, import_item *item, const pl_image *full, pl_error *err) {
  pl_image small = {0};
  pl_status status = full == NULL ? pl_image_init(&small, job->size, job->size, PL_PIXEL_U8, PL_IMAGE_MASK, err)
                                  : pl_image_resize(&small, full, job->size, job->size, err);
  if (status != PL_OK) return status;
  item->mask_is_empty = full == NULL || pl_mask_area(&small) == 0;
  status = write_png(job->workspace, "masks", item->id, &small, err);
  pl_image_clear(&small);
  return status;
}

static pl_status make_positive(const import_job *job, import_item *item, const pl_rle_image *rows, pl_error *err) {
  pl_case *c = &item->entry;
  pl_image full = {0};
  pl_error why = {0};
  pl_status status = union_of_rows(&full, job, rows, c->cols, c->rows, &why);
  if (status == PL_E_FORMAT) {
    item->reason = pl_xprintf("left unlabelled: %s", why.message);
    return PL_OK;
  }
  if (status != PL_OK) {
    if (err != NULL) *err = why;
    return status;
  }
  c->status = PL_CASE_OK;
  c->label = PL_LABEL_POSITIVE;
  c->mask_area = pl_mask_area(&full);
  status = write_mask(job, item, &full, err);
  pl_image_clear(&full);
  return status;
}

// The label and the mask of a training image. What is wrong with its rows leaves it unlabelled, with the reason.
static pl_status make_mask(const import_job *job, import_item *item, pl_error *err) {
  pl_case *c = &item->entry;
  item->mask_is_empty = true;
  if (item->part != PL_PART_TRAIN) return PL_OK;
  const pl_rle_image *rows = pl_rle_table_find(&job->table, item->id);
  c->status = PL_CASE_UNLABELLED;
  if (pl_rle_table_is_damaged(&job->table, item->id)) {
    item->reason = pl_xstrdup("a row of its mask is damaged, so it is left unlabelled");
    return PL_OK;
  }
  if (rows == NULL) return PL_OK;
  if (rows->has_mask) return make_positive(job, item, rows, err);
  c->status = PL_CASE_OK;
  c->label = PL_LABEL_NEGATIVE;
  if (item->skipped && item->known->label == PL_LABEL_NEGATIVE &&
      is_png_of_size(job->workspace, "masks", item->id, job->size)) {
    return PL_OK;
  }
  return write_mask(job, item, NULL, err);
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

static bool is_unchanged(const import_job *job, import_item *item) {
  const pl_case *known = item->known;
  if (known == NULL || known->status == PL_CASE_BAD || known->sha256[0] == '\0' || known->rows == 0) return false;
  if (known->part != item->part || !is_png_of_size(job->workspace, "images", item->id, job->size)) return false;
  char hex[PL_SHA256_HEX_SIZE];
  if (pl_sha256_file(hex, item->path, NULL) != PL_OK || strcmp(hex, known->sha256) != 0) return false;
  memcpy(item->entry.sha256, hex, sizeof hex);
  item->entry.rows = known->rows;
  item->entry.cols = known->cols;
  item->entry.age = known->age;
  item->entry.sex = known->sex;
  memcpy(item->entry.view, known->view, sizeof known->view);
  item->entry.patient = pl_xstrdup(known->patient);
  return true;
}

static bool is_plain_view(const char *view) {
  return strlen(view) < sizeof((pl_case *)0)->view &&
         strspn(view, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == strlen(view);
}

// *ours is set when the failure is one of the workspace or of the machine, which every further image would meet too.
static pl_status decode_item(const import_job *job, import_item *item, pl_decoder *decoder, bool *ours, pl_error *err) {
  pl_dicom dicom = {0};
  pl_case *c = &item->entry;
  pl_status status = pl_decoder_read(decoder, &dicom, c->sha256, item->path, err);
  *ours = status == PL_E_INTERNAL;
  if (status != PL_OK) return status;
  c->rows = dicom.image.height;
  c->cols = dicom.image.width;
  c->age = dicom.age >= 0 && dicom.age <= 150 ? dicom.age : -1;
  c->sex = dicom.sex >= 'A' && dicom.sex <= 'Z' ? dicom.sex : '\0';
  if (is_plain_view(dicom.view)) (void)pl_copy_text(c->view, sizeof c->view, dicom.view);
  c->patient = pseudonym(job, dicom.patient);
  status = write_image(job, item, &dicom, err);
  *ours = status != PL_OK;
  pl_dicom_clear(&dicom);
  return status;
}

static pl_status do_item(import_job *job, import_item *item, pl_decoder *decoder, pl_error *err) {
  item->entry = (pl_case){.id = item->id, .part = item->part, .label = PL_LABEL_UNKNOWN, .age = -1, .fold = -1};
  item->entry.source = item->path;
  item->skipped = is_unchanged(job, item);
  pl_error why = {0};
  bool ours = false;
  pl_status status = item->skipped ? PL_OK : decode_item(job, item, decoder, &ours, &why);
  if (status == PL_OK) {
    status = make_mask(job, item, err);
    item->done = status == PL_OK;
    if (status == PL_OK && job->options->strict && item->reason != NULL) {
      status = pl_fail(err, PL_E_FORMAT, "%s: %s", item->path, item->reason);
    }
    return status;
  }
  if (ours || job->options->strict) {
    if (err != NULL) *err = why;
    return status;
  }
  size_t path_length = strlen(item->path);
  const char *reason = why.message;
  if (strncmp(reason, item->path, path_length) == 0 && pl_begins_with(reason + path_length, ": ")) {
    reason += path_length + 2;
  }
  item->reason = pl_xstrdup(reason);
  item->entry.status = PL_CASE_BAD;
  if (item->entry.patient == NULL) item->entry.patient = pl_xstrdup("");
  item->done = true;
  return PL_OK;
}

// Threads

static void *worker(void *context) {
  work_pool *pool = context;
  import_job *job = pool->job;
  pl_decoder *decoder = NULL;
  pl_error err = {0};
  pl_decoder_options options = {.executable = job->options->executable};
  pl_status status = pl_decoder_create(&decoder, &options, &err);
  while (status == PL_OK && !atomic_load(&pool->stop)) {
    size_t i = atomic_fetch_add(&pool->next, 1);
    if (i >= job->count) break;
    status = do_item(job, &job->items[i], decoder, &err);
    pthread_mutex_lock(&pool->mutex);
    pool->done++;
    pool->bad += status == PL_OK && job->items[i].entry.status == PL_CASE_BAD;
    pool->last = i;
    pthread_mutex_unlock(&pool->mutex);
  }
  pl_decoder_destroy(decoder);
  pthread_mutex_lock(&pool->mutex);
  if (status != PL_OK) {
    atomic_store(&pool->stop, true);
    if (pool->error.code == PL_OK) pool->error = err;
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

// Waits for the workers in the calling thread, which is the one that the caller's functions expect.
static bool watch(work_pool *pool) {
  const pl_import_options *o = pool->job->options;
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
  while (started < count && pthread_create(&threads[started], NULL, worker, &pool) == 0) started++;
  pthread_mutex_lock(&pool.mutex);
  pool.running -= count - started;
  pthread_mutex_unlock(&pool.mutex);
  bool cancelled = watch(&pool);
  for (unsigned i = 0; i < started; i++) pthread_join(threads[i], NULL);
  free(threads);
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
