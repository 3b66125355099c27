#include "core/data/ceiling.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/data/quantile.h"
#include "core/data/rle.h"
#include "core/image/resize.h"

enum { HALF = 128 };  // of 255: the smallest value that an interpolated 0.5 rounds to

// Pixels x0 <= x < x1, y0 <= y < y1.
typedef struct box {
  uint32_t x0, y0, x1, y1;
} box;

// What the threads share.
typedef struct work {
  pl_ceiling_score *scores;
  const pl_rle_table *table;
  const pl_ceiling_mask *masks;
  size_t count;
  const uint32_t *sizes;
  size_t size_count;
  atomic_size_t next;

  pthread_mutex_t mutex;  // guards what follows
  pl_status status;       // of the failed mask that comes first
  size_t failed_at;
  pl_error error;
} work;

static pl_status decode(pl_image *mask, const work *w, size_t index, pl_error *err) {
  const pl_ceiling_mask *m = &w->masks[index];
  pl_status status = pl_image_init(mask, m->width, m->height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  for (size_t i = 0; i < m->image->count && status == PL_OK; i++) {
    const pl_rle_row *row = &w->table->rows[w->table->order[m->image->first + i]];
    status = pl_rle_decode(mask, row->pixels, err);
    if (status != PL_OK) pl_wrap(err, "line %zu, an image of %ux%u", row->line, m->width, m->height);
  }
  return status;
}

// The smallest box that holds the mask; false when there is nothing in it.
static bool find_box(box *out, const pl_image *mask) {
  box b = {.x0 = mask->width, .y0 = mask->height};
  for (uint32_t y = 0; y < mask->height; y++) {
    const uint8_t *row = mask->u8 + (size_t)y * mask->width;
    const uint8_t *first = memchr(row, 255, mask->width), *last = memrchr(row, 255, mask->width);
    if (first == NULL) continue;
    uint32_t x0 = (uint32_t)(first - row), x1 = (uint32_t)(last - row) + 1;
    if (b.y0 == mask->height) b.y0 = y;
    b.y1 = y + 1;
    if (x0 < b.x0) b.x0 = x0;
    if (x1 > b.x1) b.x1 = x1;
  }
  *out = b;
  return b.y1 > 0;
}

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b) {
  while (b != 0) {
    uint32_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// A part of one axis that can be resized by itself and gives what the whole axis would: it begins and ends where pixels
// of both sizes begin, and between its ends and the mask there is a small pixel that stays empty, so that interpolation
// at the ends meets nothing else.
typedef struct part {
  uint32_t begin, length;  // at the true size
  uint32_t small_begin, small_length;
} part;

static part find_part(uint32_t from, uint32_t to, uint32_t in, uint32_t out) {
  uint32_t divisor = greatest_common_divisor(in, out), unit = in / divisor, small_unit = out / divisor;
  uint64_t first = (uint64_t)from * out / in, last = ((uint64_t)to * out + in - 1) / in;
  first = first > 0 ? (first - 1) / small_unit : 0;
  last = (last + small_unit) / small_unit;
  if (last > divisor) last = divisor;
  uint32_t blocks = (uint32_t)(last - first);
  return (part){.begin = (uint32_t)first * unit,
                .length = blocks * unit,
                .small_begin = (uint32_t)first * small_unit,
                .small_length = blocks * small_unit};
}

static pl_status cut(pl_image *out, const pl_image *mask, part x, part y, pl_error *err) {
  pl_status status = pl_image_init(out, x.length, y.length, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  for (uint32_t row = 0; status == PL_OK && row < y.length; row++) {
    memcpy(out->u8 + (size_t)row * x.length, mask->u8 + (size_t)(y.begin + row) * mask->width + x.begin, x.length);
  }
  return status;
}

// Dice with the true mask, and whether anything is left at all.
static double compare(const pl_image *truth, const pl_image *back, bool *any) {
  uint64_t both = 0, predicted = 0, area = 0;
  size_t pixels = (size_t)truth->width * truth->height;
  for (size_t i = 0; i < pixels; i++) {
    unsigned a = truth->u8[i] != 0, b = back->u8[i] >= HALF;
    both += a & b;
    predicted += b;
    area += a;
  }
  *any = predicted > 0;
  return 2.0 * (double)both / (double)(predicted + area);
}

static pl_status measure_at(pl_ceiling_score *score, const pl_image *mask, const box *b, uint32_t size, pl_error *err) {
  part x = find_part(b->x0, b->x1, mask->width, size), y = find_part(b->y0, b->y1, mask->height, size);
  pl_image truth = {0}, small = {0}, nearest = {0}, linear = {0};
  pl_status status = cut(&truth, mask, x, y, err);
  if (status == PL_OK) status = pl_image_resize(&small, &truth, x.small_length, y.small_length, err);
  if (status == PL_OK) status = pl_image_resize_nearest(&nearest, &small, x.length, y.length, err);
  if (status == PL_OK) {
    small.meaning = PL_IMAGE_PROBABILITY;
    status = pl_image_resize(&linear, &small, x.length, y.length, err);
  }
  if (status == PL_OK) {
    bool any = false;
    score->dice_nearest = compare(&truth, &nearest, &any);
    score->dice = compare(&truth, &linear, &any);
    score->vanished = !any;
  }
  pl_image_clear(&truth);
  pl_image_clear(&small);
  pl_image_clear(&nearest);
  pl_image_clear(&linear);
  return status;
}

static pl_status measure_one(const work *w, size_t index, pl_error *err) {
  pl_image mask = {0};
  pl_status status = decode(&mask, w, index, err);
  box b = {0};
  bool any = status == PL_OK && find_box(&b, &mask);
  uint64_t area = any ? pl_mask_area(&mask) : 0;
  for (size_t k = 0; k < w->size_count && status == PL_OK; k++) {
    pl_ceiling_score *score = &w->scores[index * w->size_count + k];
    *score = (pl_ceiling_score){.area = area, .dice = (double)NAN, .dice_nearest = (double)NAN};
    if (any) status = measure_at(score, &mask, &b, w->sizes[k], err);
  }
  pl_image_clear(&mask);
  return status;
}

static void *worker(void *context) {
  work *w = context;
  for (;;) {
    size_t index = atomic_fetch_add(&w->next, 1);
    if (index >= w->count) return NULL;
    pl_error error = {0};
    pl_status status = measure_one(w, index, &error);
    if (status == PL_OK) continue;
    pthread_mutex_lock(&w->mutex);
    if (w->status == PL_OK || index < w->failed_at) {
      w->status = status;
      w->failed_at = index;
      w->error = error;
    }
    pthread_mutex_unlock(&w->mutex);
    // Masks before this one are with other threads or done, so the first failure is known when all have ended.
    atomic_store(&w->next, w->count);
  }
}

pl_status pl_ceiling_measure(pl_ceiling_score *scores, const pl_rle_table *table, const pl_ceiling_mask *masks,
                             size_t count, const uint32_t *sizes, size_t size_count, unsigned threads, pl_error *err) {
  work w = {.scores = scores, .table = table, .masks = masks, .count = count, .sizes = sizes, .size_count = size_count};
  pthread_mutex_init(&w.mutex, NULL);
  pthread_t others[PL_CEILING_THREADS_MAX];
  unsigned started = 0;
  if (threads > PL_CEILING_THREADS_MAX) threads = PL_CEILING_THREADS_MAX;
  // This thread works too; fewer helpers only take longer.
  while (started + 1 < threads && pthread_create(&others[started], NULL, worker, &w) == 0) started++;
  (void)worker(&w);
  for (unsigned i = 0; i < started; i++) pthread_join(others[i], NULL);
  pthread_mutex_destroy(&w.mutex);
  if (w.status != PL_OK && err != NULL) *err = w.error;
  return w.status;
}

// ---- Summary

typedef struct ranked {
  double dice;
  size_t index;
} ranked;

static int by_dice(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->dice != y->dice) return x->dice < y->dice ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

void pl_ceiling_summarise(pl_ceiling *out, const pl_ceiling_score *scores, size_t count, uint32_t size, size_t k,
                          size_t size_count) {
  ranked *all = pl_xcalloc(count + 1, sizeof *all);
  double *dice = pl_xcalloc(count + 1, sizeof *dice), sum = 0, sum_nearest = 0;
  pl_ceiling c = {.size = size};
  for (size_t i = 0; i < count; i++) {
    const pl_ceiling_score *s = &scores[i * size_count + k];
    if (s->area == 0) continue;
    all[c.count++] = (ranked){.dice = s->dice, .index = i};
    sum += s->dice;
    sum_nearest += s->dice_nearest;
    c.vanished += s->vanished;
  }
  qsort(all, c.count, sizeof *all, by_dice);
  for (size_t i = 0; i < c.count; i++) dice[i] = all[i].dice;
  c.mean = c.count > 0 ? sum / (double)c.count : (double)NAN;
  c.mean_nearest = c.count > 0 ? sum_nearest / (double)c.count : (double)NAN;
  c.q05 = pl_quantile(dice, c.count, 0.05);
  c.min = pl_quantile(dice, c.count, 0);
  c.worst_count = c.count < PL_CEILING_WORST ? c.count : PL_CEILING_WORST;
  for (size_t i = 0; i < c.worst_count; i++) c.worst[i] = all[i].index;
  free(dice);
  free(all);
  *out = c;
}
