#include "tui/case_pictures.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/image/png_io.h"
#include "viewers/colormap.h"

// When a case's files were written last; zero for one that is not there, or not shown. A corrected mask is another
// file.
typedef struct file_times {
  struct timespec image, mask;
  bool corrected;
} file_times;

typedef struct entry {
  uint32_t number;  // of the case; 0 for an empty entry
  uint64_t used;
  bool pending;
  bool failed;
  file_times times;
  pl_picture picture;
  char problem[PL_ERROR_MESSAGE_MAX];
} entry;

struct pl_case_pictures {
  pl_jobs *jobs;
  void (*ready)(void *context);
  void *context;
  uint64_t *serials;
  pl_case_look look;
  bool can_draw;
  uint32_t width, height;
  double pixel_aspect;
  entry *entries;
  size_t keep;
  uint64_t clock;
};

// Everything that a job needs and gives, by value.
typedef struct picture_job {
  uint32_t number;
  char *image_path, *mask_path;  // mask_path NULL for none
  bool corrected;
  pl_case_look look;
  uint32_t width, height;
  double pixel_aspect;
  uint64_t serial;
  file_times times;
  pl_picture picture;
  pl_status status;
  pl_error error;
} picture_job;

pl_case_pictures *pl_case_pictures_create(pl_jobs *jobs, size_t keep, void (*ready)(void *context), void *context,
                                          uint64_t *serials) {
  pl_case_pictures *pictures = pl_xcalloc(1, sizeof *pictures);
  pictures->jobs = jobs;
  pictures->ready = ready;
  pictures->context = context;
  pictures->serials = serials;
  pictures->entries = pl_xcalloc(keep, sizeof *pictures->entries);
  pictures->keep = keep;
  return pictures;
}

static void entry_clear(entry *one) {
  pl_picture_clear(&one->picture);
  *one = (entry){0};
}

static void forget(pl_case_pictures *pictures) {
  pl_jobs_cancel(pictures->jobs, pictures);
  for (size_t i = 0; i < pictures->keep; i++) entry_clear(&pictures->entries[i]);
}

void pl_case_pictures_destroy(pl_case_pictures *pictures) {
  if (pictures == NULL) return;
  forget(pictures);
  free(pictures->entries);
  free(pictures);
}

static bool same_look(const pl_case_look *a, const pl_case_look *b) {
  return a->mask_mode == b->mask_mode && a->invert == b->invert && a->area.rows == b->area.rows &&
         a->area.cols == b->area.cols && pl_picture_format_equal(&a->format, &b->format);
}

void pl_case_pictures_look(pl_case_pictures *pictures, const pl_case_look *look) {
  if (same_look(&pictures->look, look)) {
    pictures->look = *look;
    return;
  }
  forget(pictures);
  pictures->look = *look;
  pictures->can_draw =
      pl_picture_size(&pictures->width, &pictures->height, &pictures->pixel_aspect, &look->format, look->area);
}

// ---- On a worker

static pl_status draw_case(pl_bitmap *out, const picture_job *job, pl_error *err) {
  pl_image image = {0}, mask = {0};
  pl_status status = pl_png_read(&image, job->image_path, err);
  if (status == PL_OK && job->mask_path != NULL) {
    status = pl_png_read(&mask, job->mask_path, err);
    if (status == PL_OK) mask.meaning = PL_IMAGE_MASK;
  }
  if (status == PL_OK) {
    pl_view_case_options options = pl_view_case_defaults(job->width, job->height);
    options.pixel_aspect = job->pixel_aspect;
    options.mask_mode = job->look.mask_mode;
    options.invert = job->look.invert;
    status = pl_view_case(out, &image, job->mask_path != NULL ? &mask : NULL, &options, err);
  }
  pl_image_clear(&mask);
  pl_image_clear(&image);
  return status;
}

static struct timespec time_of(const char *path) {
  struct stat status;
  return path != NULL && stat(path, &status) == 0 ? status.st_mtim : (struct timespec){0};
}

static file_times times_of(const char *image_path, const char *mask_path, bool corrected) {
  return (file_times){.image = time_of(image_path), .mask = time_of(mask_path), .corrected = corrected};
}

static void work(void *data) {
  picture_job *job = data;
  job->times = times_of(job->image_path, job->mask_path, job->corrected);
  pl_bitmap drawn = {0};
  job->status = draw_case(&drawn, job, &job->error);
  // One size for all cases, so that each picture covers the one before.
  if (job->status == PL_OK) {
    job->status = pl_picture_make_centred(&job->picture, &drawn, job->width, job->height, &job->look.format,
                                          job->serial, &job->error);
  }
  pl_bitmap_clear(&drawn);
}

// ---- On the owner's thread

static void job_free(picture_job *job) {
  pl_picture_clear(&job->picture);
  free(job->image_path);
  free(job->mask_path);
  free(job);
}

static entry *find_entry(pl_case_pictures *pictures, uint32_t number) {
  for (size_t i = 0; i < pictures->keep; i++) {
    if (pictures->entries[i].number == number) return &pictures->entries[i];
  }
  return NULL;
}

static entry *make_room(pl_case_pictures *pictures) {
  entry *oldest = &pictures->entries[0];
  for (size_t i = 0; i < pictures->keep; i++) {
    entry *one = &pictures->entries[i];
    if (one->number == 0) return one;
    if (one->used < oldest->used) oldest = one;
  }
  entry_clear(oldest);
  return oldest;
}

static void done(void *owner, void *data) {
  pl_case_pictures *pictures = owner;
  picture_job *job = data;
  entry *one = find_entry(pictures, job->number);
  if (one != NULL && one->pending) {
    one->pending = false;
    one->failed = job->status != PL_OK;
    one->times = job->times;
    if (one->failed) {
      pl_copy_text(one->problem, sizeof one->problem, job->error.message);
    } else {
      one->picture = job->picture;
      job->picture = (pl_picture){0};
    }
  }
  job_free(job);
  pictures->ready(pictures->context);
}

static void drop(void *data) { job_free(data); }

// Of the mask that is drawn over it; NULL for none.
static char *mask_path(const pl_case_pictures *pictures, const pl_manifest *manifest, const pl_case *c) {
  const bool masked = c->label == PL_LABEL_POSITIVE && pictures->look.mask_mode != PL_MASK_OFF;
  return masked ? pl_case_mask_path(manifest, c) : NULL;
}

static int by_number(const void *key, const void *element) {
  const uint32_t a = *(const uint32_t *)key, b = ((const pl_case *)element)->number;
  return (a > b) - (a < b);
}

static bool same_time(struct timespec a, struct timespec b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

void pl_case_pictures_refresh(pl_case_pictures *pictures, const pl_manifest *manifest) {
  for (size_t i = 0; i < pictures->keep; i++) {
    entry *one = &pictures->entries[i];
    if (one->number == 0 || one->pending) continue;
    const pl_case *c =
        manifest->count > 0 ? bsearch(&one->number, manifest->cases, manifest->count, sizeof *c, by_number) : NULL;
    bool same = false;
    if (c != NULL) {
      char *image = pl_case_image_path(manifest, c), *mask = mask_path(pictures, manifest, c);
      const file_times now = times_of(image, mask, c->corrected), *then = &one->times;
      same = same_time(now.image, then->image) && same_time(now.mask, then->mask) && now.corrected == then->corrected &&
             !one->failed;
      free(image);
      free(mask);
    }
    if (!same) entry_clear(one);
  }
}

static void start(pl_case_pictures *pictures, const pl_manifest *manifest, const pl_case *c) {
  entry *one = make_room(pictures);
  *one = (entry){.number = c->number, .used = ++pictures->clock, .pending = true};
  picture_job *job = pl_xcalloc(1, sizeof *job);
  job->number = c->number;
  job->image_path = pl_case_image_path(manifest, c);
  job->mask_path = mask_path(pictures, manifest, c);
  job->corrected = c->corrected;
  job->look = pictures->look;
  job->width = pictures->width;
  job->height = pictures->height;
  job->pixel_aspect = pictures->pixel_aspect;
  job->serial = ++*pictures->serials;
  pl_jobs_submit(pictures->jobs, &(pl_job){.work = work, .done = done, .drop = drop, .owner = pictures, .data = job});
}

void pl_case_pictures_ask(pl_case_pictures *pictures, const pl_manifest *manifest, const pl_case *const *cases,
                          size_t count) {
  if (!pictures->can_draw) return;
  // What waits from an earlier question is asked again below if it is still wanted. What runs comes back as well and
  // then finds its entry gone or asked anew; the newer answer shows the same.
  pl_jobs_cancel_waiting(pictures->jobs, pictures);
  for (size_t i = 0; i < pictures->keep; i++) {
    if (pictures->entries[i].pending) entry_clear(&pictures->entries[i]);
  }
  for (size_t i = 0; i < count; i++) {
    entry *one = find_entry(pictures, cases[i]->number);
    if (one == NULL) {
      start(pictures, manifest, cases[i]);
    } else {
      one->used = ++pictures->clock;
    }
  }
}

pl_case_shown pl_case_pictures_get(const pl_case_pictures *pictures, const pl_case *c) {
  for (size_t i = 0; i < pictures->keep; i++) {
    const entry *one = &pictures->entries[i];
    if (one->number != c->number || one->pending) continue;
    if (one->failed) return (pl_case_shown){.problem = one->problem};
    return (pl_case_shown){.picture = &one->picture};
  }
  return (pl_case_shown){0};
}
