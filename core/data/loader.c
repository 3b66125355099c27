#include "core/data/loader.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/image/image.h"
#include "core/image/png_io.h"
#include "core/image/resize.h"

// One batch in work or ready.
typedef struct slot {
  uint8_t *image, *mask;
  pl_augmentation *augmentations;
  size_t *cases;
  size_t count, done;
  pl_status status;  // the failure at the lowest position, so that it does not depend on who was first
  size_t failed_at;
  pl_error error;
} slot;

struct pl_loader {
  const pl_manifest *manifest;
  pl_loader_options options;
  size_t plane;  // bytes
  pthread_t *threads;
  unsigned started;
  pl_batch batch;  // what the caller holds

  pthread_mutex_t mutex;    // guards everything below
  pthread_cond_t work;      // for the workers: something to do, or quit
  pthread_cond_t progress;  // for the caller: a sample is done
  bool quit, dropped;
  pl_loader_pass pass;
  size_t *order;
  uint32_t *repeats;  // how often order[i] is in the order before place i
  size_t next;        // position that the next free worker takes
  size_t delivered;   // batches that the caller has given back
  bool holding;       // the caller has batch number `delivered`
  size_t active;      // workers in a sample
  slot *slots;        // options.prefetch; batch b lies in slot b % prefetch. A worker writes its sample's part unlocked
  uint8_t **cache;    // by case: image and mask planes; set once, then only read
  size_t cached_bytes;
};

static pl_status read_plane(pl_image *out, const char *path, pl_error *err) {
  pl_status status = pl_png_read(out, path, err);
  if (status != PL_OK) return status;
  if (out->type != PL_PIXEL_U8) {
    pl_image_clear(out);
    return pl_fail(err, PL_E_FORMAT, "%s has 16 bits a pixel, 8 are expected: import it again", path);
  }
  return PL_OK;
}

static pl_status fit(uint8_t *out, const pl_image *plane, uint32_t size, pl_error *err) {
  if (plane->width == size && plane->height == size) {
    memcpy(out, plane->u8, pl_image_bytes(plane));
    return PL_OK;
  }
  pl_image small = {0};
  pl_status status = pl_image_resize(&small, plane, size, size, err);
  if (status != PL_OK) return status;
  memcpy(out, small.u8, pl_image_bytes(&small));
  pl_image_clear(&small);
  return PL_OK;
}

static pl_status read_files(uint8_t *image, uint8_t *mask, const pl_case *c, const char *image_path,
                            const char *mask_path, uint32_t size, pl_error *err) {
  size_t plane = (size_t)size * size;
  pl_image grey = {0}, marks = {0};
  pl_status status = read_plane(&grey, image_path, err);
  bool empty = c->label != PL_LABEL_POSITIVE && !pl_fs_is_file(mask_path);
  if (status == PL_OK && !empty) status = read_plane(&marks, mask_path, err);
  if (status == PL_OK && !empty && (marks.width != grey.width || marks.height != grey.height)) {
    status = pl_fail(err, PL_E_FORMAT, "%s is %ux%u, but the image is %ux%u: import it again", mask_path, marks.width,
                     marks.height, grey.width, grey.height);
  }
  if (status == PL_OK) status = fit(image, &grey, size, err);
  if (status == PL_OK && empty) memset(mask, 0, plane);
  if (status == PL_OK && !empty) {
    marks.meaning = PL_IMAGE_MASK;
    for (size_t i = 0; i < pl_image_bytes(&marks); i++) marks.u8[i] = marks.u8[i] != 0 ? 255 : 0;
    status = fit(mask, &marks, size, err);
  }
  pl_image_clear(&grey);
  pl_image_clear(&marks);
  return status;
}

pl_status pl_loader_read(uint8_t *image, uint8_t *mask, const pl_manifest *manifest, size_t index, uint32_t size,
                         pl_error *err) {
  const pl_case *c = &manifest->cases[index];
  char *image_path = pl_case_image_path(manifest, c), *mask_path = pl_case_mask_path(manifest, c);
  pl_status status = read_files(image, mask, c, image_path, mask_path, size, err);
  free(image_path);
  free(mask_path);
  return status == PL_OK ? PL_OK : pl_wrap(err, "case #%u (%s)", c->number, c->id);
}

// The same from the packed cache.
static pl_status fit_packed(uint8_t *image, uint8_t *mask, const pl_pack_picture *packed, uint32_t size,
                            pl_error *err) {
  pl_image grey = {.width = packed->width, .height = packed->height, .type = PL_PIXEL_U8, .meaning = PL_IMAGE_GREY};
  pl_image marks = grey;
  marks.meaning = PL_IMAGE_MASK;
  grey.u8 = (uint8_t *)(uintptr_t)packed->image;  // only read
  marks.u8 = (uint8_t *)(uintptr_t)packed->mask;
  if (packed->mask == NULL) memset(mask, 0, (size_t)size * size);
  pl_status status = fit(image, &grey, size, err);
  return status == PL_OK && packed->mask != NULL ? fit(mask, &marks, size, err) : status;
}

static void slot_clear(slot *s) {
  free(s->image);
  free(s->mask);
  free(s->augmentations);
  free(s->cases);
}

static bool slot_init(slot *s, size_t batch, size_t bytes) {
  *s = (slot){.image = pl_try_alloc(bytes),
              .mask = pl_try_alloc(bytes),
              .augmentations = pl_xcalloc(batch, sizeof *s->augmentations),
              .cases = pl_xcalloc(batch, sizeof *s->cases)};
  return s->image != NULL && s->mask != NULL;
}

// The following functions are called with the mutex held.

static size_t batch_count(const pl_loader *l) {
  return (l->pass.count - l->pass.first + l->options.batch - 1) / l->options.batch;
}

static void prepare_slot(pl_loader *l, size_t batch) {
  if (batch >= batch_count(l)) return;
  slot *s = &l->slots[batch % l->options.prefetch];
  size_t left = l->pass.count - l->pass.first - batch * l->options.batch;
  s->count = left < l->options.batch ? left : l->options.batch;
  s->done = 0;
  s->status = PL_OK;
}

static bool has_work(const pl_loader *l) {
  return !l->dropped && l->next < l->pass.count &&
         (l->next - l->pass.first) / l->options.batch < l->delivered + l->options.prefetch;
}

// One image on its way into a batch.
typedef struct sample {
  size_t index;
  uint32_t repeat;
  const uint8_t *cached;  // image and mask planes, or NULL: read them
  bool keep;              // there is room in the cache for them
  uint8_t *copy;          // what goes into the cache
  uint8_t *image, *mask;
  pl_augmentation *augmentation;
} sample;

static pl_status read_sample(sample *s, const pl_loader *l, pl_error *err) {
  uint32_t size = l->options.size;
  pl_pack_picture packed;
  bool is_packed = l->options.pack != NULL && pl_pack_find(l->options.pack, s->index, &packed);
  pl_status status = is_packed ? fit_packed(s->image, s->mask, &packed, size, err)
                               : pl_loader_read(s->image, s->mask, l->manifest, s->index, size, err);
  // What was only copied is as quickly copied again.
  bool copied = is_packed && packed.width == size && packed.height == size;
  if (status != PL_OK || copied || !s->keep) return status;
  s->copy = pl_try_alloc(2 * l->plane);
  if (s->copy == NULL) return PL_OK;  // it only saves time
  memcpy(s->copy, s->image, l->plane);
  memcpy(s->copy + l->plane, s->mask, l->plane);
  return PL_OK;
}

// Without the mutex: fills in the planes, with the augmentations that are done here, and the row of those that are not.
static pl_status make_sample(sample *s, const pl_loader *l, const pl_loader_pass *pass, pl_augment_room *room,
                             pl_error *err) {
  if (s->cached != NULL) {
    memcpy(s->image, s->cached, l->plane);
    memcpy(s->mask, s->cached + l->plane, l->plane);
  } else {
    pl_status status = read_sample(s, l, err);
    if (status != PL_OK) return status;
  }
  pl_augment_plan plan;
  pl_augment_draw(&plan, pass->augment,
                  &(pl_augment_place){.seed = pass->seed,
                                      .epoch = pass->epoch,
                                      .image = l->manifest->cases[s->index].number,
                                      .repeat = s->repeat,
                                      .width = l->options.size,
                                      .height = l->options.size,
                                      .strength = pass->strength});
  *s->augmentation = pl_augment_affine(&plan);
  return pl_augment_apply(s->image, s->mask, &plan, room, err);
}

// With the mutex held: puts the copy into the cache, or gives back the room that was kept for it.
static void keep(pl_loader *l, sample *s) {
  if (s->copy != NULL && l->cache[s->index] == NULL) {
    l->cache[s->index] = s->copy;
    return;
  }
  free(s->copy);
  if (s->keep) l->cached_bytes -= 2 * l->plane;
}

// Takes the next position, works on it without the mutex, and notes the outcome.
static void work_once(pl_loader *l, pl_augment_room *room) {
  size_t position = l->next++, offset = position - l->pass.first, at = offset % l->options.batch;
  slot *s = &l->slots[offset / l->options.batch % l->options.prefetch];
  sample one = {.index = l->order[position],
                .repeat = l->repeats[position],
                .cached = l->cache[l->order[position]],
                .image = s->image + at * l->plane,
                .mask = s->mask + at * l->plane,
                .augmentation = &s->augmentations[at]};
  one.keep = one.cached == NULL && l->options.cache_bytes - l->cached_bytes >= 2 * l->plane;
  if (one.keep) l->cached_bytes += 2 * l->plane;
  s->cases[at] = one.index;
  pl_loader_pass pass = l->pass;
  l->active++;
  pthread_mutex_unlock(&l->mutex);

  pl_error error = {0};
  pl_status status = make_sample(&one, l, &pass, room, &error);

  pthread_mutex_lock(&l->mutex);
  l->active--;
  s->done++;
  keep(l, &one);
  if (status != PL_OK && (s->status == PL_OK || position < s->failed_at)) {
    s->status = status;
    s->failed_at = position;
    s->error = error;
  }
  pthread_cond_broadcast(&l->progress);
}

static void *worker(void *context) {
  pl_loader *l = context;
  pl_augment_room room = {0};
  pthread_mutex_lock(&l->mutex);
  while (!l->quit) {
    if (has_work(l))
      work_once(l, &room);
    else
      pthread_cond_wait(&l->work, &l->mutex);
  }
  pthread_mutex_unlock(&l->mutex);
  pl_augment_room_clear(&room);
  return NULL;
}

// End of the functions that are called with the mutex held.

static pl_status check_options(size_t *batch_bytes, const pl_loader_options *o, pl_error *err) {
  if (o->size < 1 || o->size > PL_IMAGE_SIDE_MAX) {
    return pl_fail(err, PL_E_USAGE, "size %u: must be 1 to %d pixels", o->size, PL_IMAGE_SIDE_MAX);
  }
  if (o->workers < 1 || o->workers > PL_LOADER_WORKERS_MAX) {
    return pl_fail(err, PL_E_USAGE, "%u loader threads: must be 1 to %d", o->workers, PL_LOADER_WORKERS_MAX);
  }
  if (o->prefetch < 2 || o->prefetch > 1024) {
    return pl_fail(err, PL_E_USAGE, "%zu batches read ahead: must be 2 to 1024", o->prefetch);
  }
  if (o->batch < 1 || !pl_mul_size(batch_bytes, (size_t)o->size * o->size, o->batch)) {
    return pl_fail(err, PL_E_USAGE, "batches of %zu images of %ux%u are not possible", o->batch, o->size, o->size);
  }
  return PL_OK;
}

pl_status pl_loader_create(pl_loader **out, const pl_manifest *manifest, const pl_loader_options *options,
                           pl_error *err) {
  size_t bytes = 0;
  pl_status status = check_options(&bytes, options, err);
  if (status != PL_OK) return status;
  pl_loader *l = pl_xcalloc(1, sizeof *l);
  l->manifest = manifest;
  l->options = *options;
  l->plane = (size_t)options->size * options->size;
  l->threads = pl_xcalloc(options->workers, sizeof *l->threads);
  l->cache = pl_xcalloc(manifest->count + 1, sizeof *l->cache);
  l->slots = pl_xcalloc(options->prefetch, sizeof *l->slots);
  pthread_mutex_init(&l->mutex, NULL);
  pthread_cond_init(&l->work, NULL);
  pthread_cond_init(&l->progress, NULL);
  for (size_t i = 0; i < options->prefetch && status == PL_OK; i++) {
    if (!slot_init(&l->slots[i], options->batch, bytes)) {
      status = pl_fail(err, PL_E_NOMEM, "no memory for %zu batches of %zu images of %ux%u", options->prefetch,
                       options->batch, options->size, options->size);
    }
  }
  while (status == PL_OK && l->started < options->workers) {
    int error = pthread_create(&l->threads[l->started], NULL, worker, l);
    if (error != 0 && l->started == 0) status = pl_fail(err, PL_E_LIMIT, "no thread to load with: %s", strerror(error));
    if (error != 0) break;  // fewer workers give the same batches
    l->started++;
  }
  if (status != PL_OK) {
    pl_loader_destroy(l);
    return status;
  }
  *out = l;
  return PL_OK;
}

void pl_loader_destroy(pl_loader *l) {
  if (l == NULL) return;
  pthread_mutex_lock(&l->mutex);
  l->quit = true;
  pthread_cond_broadcast(&l->work);
  pthread_mutex_unlock(&l->mutex);
  for (unsigned i = 0; i < l->started; i++) pthread_join(l->threads[i], NULL);
  for (size_t i = 0; i < l->options.prefetch; i++) slot_clear(&l->slots[i]);
  for (size_t i = 0; i < l->manifest->count; i++) free(l->cache[i]);
  pthread_cond_destroy(&l->progress);
  pthread_cond_destroy(&l->work);
  pthread_mutex_destroy(&l->mutex);
  free(l->slots);
  free(l->cache);
  free(l->threads);
  free(l->order);
  free(l->repeats);
  free(l);
}

// How often each member of an order is in it before.
static uint32_t *count_repeats(const size_t *order, size_t count, size_t cases) {
  uint32_t *repeats = pl_xcalloc(count + 1, sizeof *repeats), *seen = pl_xcalloc(cases + 1, sizeof *seen);
  for (size_t i = 0; i < count; i++) repeats[i] = seen[order[i]]++;
  free(seen);
  return repeats;
}

pl_status pl_loader_start(pl_loader *l, const pl_loader_pass *pass, pl_error *err) {
  if (pass->first > pass->count) {
    return pl_fail(err, PL_E_USAGE, "cannot begin at image %zu of %zu", pass->first, pass->count);
  }
  for (size_t i = 0; i < pass->count; i++) {
    if (pass->order[i] >= l->manifest->count) {
      return pl_fail(err, PL_E_USAGE, "case index %zu: there are %zu", pass->order[i], l->manifest->count);
    }
  }
  size_t *order = pl_xcalloc(pass->count + 1, sizeof *order);
  if (pass->count > 0) memcpy(order, pass->order, pass->count * sizeof *order);
  uint32_t *repeats = count_repeats(order, pass->count, l->manifest->count);
  pthread_mutex_lock(&l->mutex);
  l->dropped = true;  // no new samples of the old pass; those in work end first
  while (l->active > 0) pthread_cond_wait(&l->progress, &l->mutex);
  free(l->order);
  free(l->repeats);
  l->order = order;
  l->repeats = repeats;
  l->pass = *pass;
  l->pass.order = order;
  l->next = pass->first;
  l->delivered = 0;
  l->holding = false;
  l->dropped = false;
  for (size_t i = 0; i < l->options.prefetch; i++) prepare_slot(l, i);
  pthread_cond_broadcast(&l->work);
  pthread_mutex_unlock(&l->mutex);
  return PL_OK;
}

// Waits for batch `number`, with the mutex held.
static pl_status wait_for(pl_loader *l, size_t number, pl_error *err) {
  slot *s = &l->slots[number % l->options.prefetch];
  while (s->done < s->count) pthread_cond_wait(&l->progress, &l->mutex);
  if (s->status != PL_OK) {
    if (err != NULL) *err = s->error;
    return s->status;
  }
  l->holding = true;
  l->batch = (pl_batch){.count = s->count,
                        .image = s->image,
                        .mask = s->mask,
                        .augmentations = s->augmentations,
                        .cases = s->cases,
                        .position = l->pass.first + number * l->options.batch};
  return PL_OK;
}

pl_status pl_loader_next(pl_loader *l, const pl_batch **out, pl_error *err) {
  pthread_mutex_lock(&l->mutex);
  if (l->holding) {
    l->holding = false;
    prepare_slot(l, l->delivered + l->options.prefetch);
    l->delivered++;
    pthread_cond_broadcast(&l->work);
  }
  pl_status status = PL_OK;
  bool end = l->delivered >= batch_count(l);
  if (!end) status = wait_for(l, l->delivered, err);
  if (status == PL_OK) *out = end ? NULL : &l->batch;
  pthread_mutex_unlock(&l->mutex);
  return status;
}
