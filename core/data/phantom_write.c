// The synthetic set on disk, in the layout of the competition's download.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/phantom.h"
#include "core/data/rle.h"
#include "core/image/dicom_write.h"

static const double film_mm = 358;  // the side of the film that a chest is drawn on

enum {
  JPEG_QUALITY = 92,
  UID_SIZE = 48,
  THREADS_MAX = 64,
  TABLE_MAX = 1 << 30,
};

static const char FIXED_DATE[] = "19010101";  // as in SIIM: no date at all, and equal bytes on every day

typedef struct entry {
  char image[UID_SIZE], study[UID_SIZE], series[UID_SIZE];
  size_t patient;  // from 1
  bool test, positive;
  char *rows;  // its lines of train-rle.csv; NULL in the test part
} entry;

typedef struct job {
  const char *folder;
  const pl_phantom_options *options;
  entry *entries;  // each written only by the worker that took it
  size_t total;
  pthread_mutex_t mutex;  // guards the fields below
  size_t next, done;
  pl_error error;  // the first one
  pl_status status;
} job;

pl_phantom_options pl_phantom_options_default(void) {
  return (pl_phantom_options){.cases = 60, .size = 1024, .seed = 1, .positive = 0.22};
}

size_t pl_phantom_test_count(size_t cases) { return (cases * 15 + 99) / 100; }

// "2.25." and a UUID of version 8 (RFC 9562) as one decimal number (PS3.5, B.2).
static void make_uid(char out[UID_SIZE], uint64_t seed, uint64_t stream, uint64_t index) {
  uint64_t high = pl_rng_u64(seed, stream, 2 * index), low = pl_rng_u64(seed, stream, 2 * index + 1);
  high = (high & ~(uint64_t)0xF000) | 0x8000;
  low = (low & ~((uint64_t)3 << 62)) | (uint64_t)2 << 62;
  uint32_t words[4] = {(uint32_t)(high >> 32), (uint32_t)high, (uint32_t)(low >> 32), (uint32_t)low};
  char digits[UID_SIZE] = "";
  size_t at = UID_SIZE - 1;
  while ((words[0] | words[1] | words[2] | words[3]) != 0) {
    uint64_t rest = 0;
    for (int i = 0; i < 4; i++) {
      rest = rest << 32 | words[i];
      words[i] = (uint32_t)(rest / 10);
      rest %= 10;
    }
    digits[--at] = (char)('0' + rest);
  }
  memcpy(out, "2.25.", 5);
  memcpy(out + 5, digits + at, UID_SIZE - at);
}

// Marks round(count * share) of the entries as positive, by the first steps of a shuffle.
static void choose_positive(entry *entries, size_t count, double share, uint64_t seed) {
  size_t wanted = (size_t)((double)count * share + 0.5);
  size_t *order = pl_xcalloc(count + 1, sizeof *order);
  for (size_t i = 0; i < count; i++) order[i] = i;
  for (size_t i = 0; i < wanted; i++) {
    size_t j = i + (size_t)pl_rng_below(seed, 0, i, count - i);
    size_t chosen = order[j];
    order[j] = order[i];
    entries[chosen].positive = true;
  }
  free(order);
}

// Most patients have one image, some up to four, and none is in both parts.
static entry *plan_entries(const pl_phantom_options *options, size_t test_count) {
  size_t total = options->cases + test_count, patient = 0, left = 0;
  entry *entries = pl_xcalloc(total, sizeof *entries);
  uint64_t uid_seed = pl_rng_derive(options->seed, "phantom uid");
  uint64_t patient_seed = pl_rng_derive(options->seed, "phantom visits");
  for (size_t i = 0; i < total; i++) {
    entry *e = &entries[i];
    e->test = i >= options->cases;
    if (left == 0 || i == options->cases) {
      patient++;
      double u = pl_rng_double(patient_seed, 0, patient);
      left = u < 0.70 ? 1 : u < 0.90 ? 2 : u < 0.97 ? 3 : 4;
    }
    left--;
    e->patient = patient;
    make_uid(e->image, uid_seed, 0, i);
    make_uid(e->study, uid_seed, 1, i);
    make_uid(e->series, uid_seed, 2, i);
  }
  choose_positive(entries, options->cases, options->positive, pl_rng_derive(options->seed, "phantom train"));
  choose_positive(entries + options->cases, test_count, options->positive,
                  pl_rng_derive(options->seed, "phantom test"));
  return entries;
}

static pl_status write_dicom(const char *folder, const entry *e, const pl_phantom_case *c, pl_error *err) {
  char patient[32] = "", age[8] = "";
  snprintf(patient, sizeof patient, "SYN%04zu", e->patient);
  snprintf(age, sizeof age, "%03dY", c->age);
  pl_dicom_identity identity = {
      .instance_uid = e->image,
      .study_uid = e->study,
      .series_uid = e->series,
      .patient_id = patient,
      .age = age,
      .sex = c->sex == 'F' ? "F" : "M",
      .view = c->view,
      .date = FIXED_DATE,
      .pixel_spacing = film_mm / c->image.width,
  };
  pl_buf bytes;
  pl_buf_init(&bytes, pl_image_bytes(&c->image) * 2 + 65536);
  char *series = pl_xprintf("%s/dicom-images-%s/%s/%s", folder, e->test ? "test" : "train", e->study, e->series);
  char *path = pl_xprintf("%s/%s.dcm", series, e->image);
  pl_status status = pl_dicom_write_jpeg(&bytes, &c->image, &identity, JPEG_QUALITY, err);
  if (status == PL_OK) status = pl_fs_make_folders(series, err);
  if (status == PL_OK) status = pl_fs_replace(path, bytes.data, bytes.length, err);
  free(path);
  free(series);
  pl_buf_clear(&bytes);
  return status;
}

static pl_status make_rows(entry *e, const pl_phantom_case *c, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, TABLE_MAX);
  pl_status status = PL_OK;
  if (c->region_count == 0) pl_buf_printf(&text, "%s, -1\n", e->image);
  for (size_t i = 0; i < c->region_count && status == PL_OK; i++) {
    pl_buf_printf(&text, "%s, ", e->image);
    status = pl_rle_encode(&text, &c->region[i], err);
    pl_buf_add_text(&text, "\n");
  }
  if (status == PL_OK && text.failed) status = pl_fail(err, PL_E_LIMIT, "the mask's text is too long");
  if (status != PL_OK) {
    pl_buf_clear(&text);
    return status;
  }
  e->rows = text.data;
  return PL_OK;
}

static pl_status make_case(job *j, size_t i, pl_error *err) {
  entry *e = &j->entries[i];
  pl_phantom_case c = {0};
  pl_status status = pl_phantom_draw(&c, j->options->seed, e->patient, i, j->options->size, e->positive, err);
  if (status == PL_OK) {
    status = write_dicom(j->folder, e, &c, err);
    if (status == PL_OK && !e->test) status = make_rows(e, &c, err);
    pl_phantom_case_clear(&c);
  }
  return status == PL_OK ? PL_OK : pl_wrap(err, "synthetic case %zu", i);
}

static void *worker(void *context) {
  job *j = context;
  pthread_mutex_lock(&j->mutex);
  while (j->status == PL_OK && j->next < j->total) {
    size_t i = j->next++;
    pthread_mutex_unlock(&j->mutex);
    pl_error error = {0};
    pl_status status = make_case(j, i, &error);
    pthread_mutex_lock(&j->mutex);
    if (status == PL_OK) {
      j->done++;
      const pl_phantom_options *o = j->options;
      if (o->progress != NULL && j->status == PL_OK && !o->progress(o->context, j->done, j->total)) {
        status = pl_fail(&error, PL_E_CANCELLED, "stopped after %zu of %zu images", j->done, j->total);
      }
    }
    if (status != PL_OK && j->status == PL_OK) {
      j->status = status;
      j->error = error;
    }
  }
  pthread_mutex_unlock(&j->mutex);
  return NULL;
}

static pl_status run_workers(job *j, pl_error *err) {
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  size_t count = j->options->threads > 0 ? j->options->threads : processors > 0 ? (size_t)processors : 1;
  if (count > THREADS_MAX) count = THREADS_MAX;
  if (count > j->total) count = j->total;
  pthread_t threads[THREADS_MAX];
  size_t started = 0;
  while (started + 1 < count && pthread_create(&threads[started], NULL, worker, j) == 0) started++;
  worker(j);  // this thread works too, so that it goes on when no other can be had
  for (size_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
  if (j->status != PL_OK && err != NULL) *err = j->error;
  return j->status;
}

static pl_status write_table(const char *folder, const char *name, const pl_buf *text, pl_error *err) {
  if (text->failed) return pl_fail(err, PL_E_LIMIT, "%s is too long", name);
  char *path = pl_path_join(folder, name);
  pl_status status = pl_fs_replace(path, text->data, text->length, err);
  free(path);
  return status;
}

static pl_status write_tables(const job *j, pl_error *err) {
  pl_buf rle, sample, patients;
  pl_buf_init(&rle, TABLE_MAX);
  pl_buf_init(&sample, TABLE_MAX);
  pl_buf_init(&patients, TABLE_MAX);
  pl_buf_add_text(&rle, "ImageId, EncodedPixels\n");
  pl_buf_add_text(&sample, "ImageId,EncodedPixels\n");
  pl_buf_add_text(&patients, "ImageId,patient\n");
  for (size_t i = 0; i < j->total; i++) {
    const entry *e = &j->entries[i];
    if (e->test)
      pl_buf_printf(&sample, "%s,-1\n", e->image);
    else
      pl_buf_add_text(&rle, e->rows);
    pl_buf_printf(&patients, "%s,SYN%04zu\n", e->image, e->patient);
  }
  // The table with the labels comes last: where it is, the set is complete.
  pl_status status = write_table(j->folder, "sample_submission.csv", &sample, err);
  if (status == PL_OK) status = write_table(j->folder, "patients.csv", &patients, err);
  if (status == PL_OK) status = write_table(j->folder, "train-rle.csv", &rle, err);
  pl_buf_clear(&rle);
  pl_buf_clear(&sample);
  pl_buf_clear(&patients);
  return status;
}

static pl_status check_options(const pl_phantom_options *o, pl_error *err) {
  if (o->cases < 1 || o->cases > PL_PHANTOM_CASES_MAX) {
    return pl_fail(err, PL_E_USAGE, "%zu cases: must be 1 to %d", o->cases, PL_PHANTOM_CASES_MAX);
  }
  if (o->size < PL_PHANTOM_SIZE_MIN || o->size > PL_PHANTOM_SIZE_MAX) {
    return pl_fail(err, PL_E_USAGE, "size %u: must be %d to %d pixels", o->size, PL_PHANTOM_SIZE_MIN,
                   PL_PHANTOM_SIZE_MAX);
  }
  if (!(o->positive >= 0 && o->positive <= 1)) {
    return pl_fail(err, PL_E_USAGE, "share of positive cases %g: must be 0 to 1", o->positive);
  }
  return PL_OK;
}

static pl_status check_folder(const char *folder, pl_error *err) {
  static const char *const ours[] = {"dicom-images-train", "dicom-images-test", "train-rle.csv",
                                     "sample_submission.csv", "patients.csv"};
  pl_status status = PL_OK;
  for (size_t i = 0; i < sizeof ours / sizeof ours[0] && status == PL_OK; i++) {
    char *path = pl_path_join(folder, ours[i]);
    if (access(path, F_OK) == 0) {
      status = pl_fail(err, PL_E_EXISTS, "%s is already there: choose another folder or remove it first", path);
    }
    free(path);
  }
  return status;
}

pl_status pl_phantom_write(const char *folder, const pl_phantom_options *options, pl_error *err) {
  pl_status status = check_options(options, err);
  if (status == PL_OK) status = check_folder(folder, err);
  if (status == PL_OK) status = pl_fs_make_folders(folder, err);
  if (status != PL_OK) return status;
  size_t test_count = pl_phantom_test_count(options->cases);
  job j = {.folder = folder,
           .options = options,
           .entries = plan_entries(options, test_count),
           .total = options->cases + test_count,
           .mutex = PTHREAD_MUTEX_INITIALIZER};
  status = run_workers(&j, err);
  if (status == PL_OK) status = write_tables(&j, err);
  for (size_t i = 0; i < j.total; i++) free(j.entries[i].rows);
  free(j.entries);
  pthread_mutex_destroy(&j.mutex);
  return status;
}
