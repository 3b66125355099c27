#include <math.h>
#include <string.h>

#include "core/net/backend_onednn/kernels.h"

// Both Lovasz terms walk down the pixels from the largest error. The errors, 1 + margin and sigmoid(margin), rise with
// margin = x * (1 - 2t), so one order serves both; equal margins keep the order of the image, and nothing depends on
// the number of threads.

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, PASSES = 3 };

// One pixel while it is sorted. The key's order as an unsigned number is the margin's order downwards.
typedef struct ranked {
  uint32_t key, pixel;
} ranked;

static float margin_of(float x, float t) { return t > 0.5f ? -x : x; }

static uint32_t key_of(float margin) {
  uint32_t bits;
  memcpy(&bits, &margin, sizeof bits);
  if (isnan(margin)) return 0;        // first, so that no walk ends before it
  if (bits == 0x80000000u) bits = 0;  // -0 is 0
  return (bits & 0x80000000u) != 0 ? bits : ~bits & 0x7FFFFFFFu;
}

// Radix sort, least digit first, which keeps the order of equals. `room` has 2*n places; the result is in its first n
// or its last n, wherever the last pass left it.
static const ranked *sort_pixels(const float *x, const float *t, int64_t n, ranked *room) {
  ranked *from = room, *to = room + n;
  for (int64_t i = 0; i < n; i++) from[i] = (ranked){key_of(margin_of(x[i], t[i])), (uint32_t)i};
  for (int pass = 0; pass < PASSES; pass++) {
    int64_t starts[DIGITS] = {0}, sum = 0;
    for (int64_t i = 0; i < n; i++) starts[from[i].key >> (pass * DIGIT_BITS) & (DIGITS - 1)]++;
    for (int d = 0; d < DIGITS; d++) {
      int64_t count = starts[d];
      starts[d] = sum;
      sum += count;
    }
    for (int64_t i = 0; i < n; i++) to[starts[from[i].key >> (pass * DIGIT_BITS) & (DIGITS - 1)]++] = from[i];
    ranked *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

// The Jaccard loss of taking the pixels passed so far as wrong; each call gives the next pixel's step of it.
typedef struct staircase {
  int64_t left, others;  // object pixels not passed yet; all that are object or were passed
  double height;
} staircase;

static double next_step(staircase *s, bool object) {
  if (object)
    s->left--;
  else
    s->others++;
  double height = 1 - (double)s->left / (double)s->others, step = height - s->height;
  s->height = height;
  return step;
}

static int64_t count_object(const float *t, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += t[i] > 0.5f;
  return count;
}

static double sigmoid(double x) {
  double e = exp(-fabs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

// One image's value; with `dx` also weight times its derivative is added there.
static double lovasz_image(const float *x, const float *t, int64_t n, ranked *room, double weight, float *dx) {
  const ranked *order = sort_pixels(x, t, n, room);
  int64_t objects = count_object(t, n);
  staircase object = {objects, objects, 0}, background = {n - objects, n - objects, 0};
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    uint32_t pixel = order[i].pixel;
    bool set = t[pixel] > 0.5f;
    double steps = (next_step(&object, set) + next_step(&background, !set)) / 2;
    double error = 1 + (double)margin_of(x[pixel], t[pixel]);
    // The order goes down: behind a pixel without error there is none with one.
    if (error <= 0) break;
    sum += error * steps;
    if (dx) dx[pixel] += (float)(weight * (set ? -steps : steps));
  }
  return sum;
}

static double lovasz_images(const pl_step *s, ranked *room, double weight, float *dx) {
  const float *x = s->data[0], *t = s->data[1];
  int64_t pixels = s->c * s->h * s->w;
  double sum = 0;
#pragma omp parallel for schedule(static) ordered
  for (int64_t i = 0; i < s->n; i++) {
    double value = lovasz_image(x + i * pixels, t + i * pixels, pixels, room + 2 * i * pixels, weight / (double)s->n,
                                dx ? dx + i * pixels : NULL);
#pragma omp ordered
    sum += value;
  }
  return sum / (double)s->n;
}

double pl_lovasz(const pl_step *s, void *room) { return lovasz_images(s, room, 0, NULL); }

void pl_lovasz_backward(const pl_step *s, void *room, double weight, float *dlogits) {
  (void)lovasz_images(s, room, weight, dlogits);
}

static double lovasz_batch(const pl_step *s, ranked *room, double weight, float *dx) {
  const float *x = s->data[0], *t = s->data[1];
  int64_t n = s->n * s->c * s->h * s->w, objects = count_object(t, n);
  const ranked *order = sort_pixels(x, t, n, room);
  staircase object = {objects, objects, 0};
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    uint32_t pixel = order[i].pixel;
    bool set = t[pixel] > 0.5f;
    double error = sigmoid((double)margin_of(x[pixel], t[pixel])), step = next_step(&object, set);
    sum += error * step;
    if (dx) dx[pixel] += (float)(weight * (set ? -1 : 1) * error * (1 - error) * step);
  }
  return sum;
}

double pl_lovasz_sigmoid(const pl_step *s, void *room) { return lovasz_batch(s, room, 0, NULL); }

void pl_lovasz_sigmoid_backward(const pl_step *s, void *room, double weight, float *dlogits) {
  (void)lovasz_batch(s, room, weight, dlogits);
}
