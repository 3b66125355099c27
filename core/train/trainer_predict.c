// What the network makes of given images: of a step that was not taken, and of the cases that are previewed.
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/train/trainer_private.h"

// Images in a batch of the evaluation's program, whose last one is repeated where a batch has fewer.
typedef struct evaluation {
  uint8_t *image, *mask;
  pl_augmentation *augmentations;
  float *probabilities;
} evaluation;

static pl_status evaluate_part(pl_trainer *t, evaluation *e, const pl_batch *batch, size_t first, float *out,
                               pl_error *err) {
  size_t plane = (size_t)t->options.feed.size * t->options.feed.size, batch_size = (size_t)t->valid.batch;
  for (size_t i = 0; i < batch_size; i++) {
    size_t from = first + i < batch->count ? first + i : batch->count - 1;
    memcpy(e->image + i * plane, batch->image + from * plane, plane);
    memcpy(e->mask + i * plane, batch->mask + from * plane, plane);
    e->augmentations[i] = batch->augmentations[from];
  }
  double loss[PL_LOSS_VALUES];
  pl_program *program = t->programs[PL_TRAIN_EVALUATE];
  pl_result result = {.data = {loss, t->sums, e->probabilities}};
  const pl_controls controls = {.struct_size = sizeof controls};
  pl_status status = t->api->input(program, 0, (const void *const[]){e->image, e->mask, e->augmentations}, err);
  if (status == PL_OK) status = t->api->run(program, 0, &controls, &result, err);
  if (status == PL_OK) status = t->api->wait(program, err);
  size_t count = batch->count - first < batch_size ? batch->count - first : batch_size;
  if (status == PL_OK) memcpy(out + first * plane, e->probabilities, count * plane * sizeof *out);
  return status;
}

pl_status pl_train_predict(pl_trainer *t, const pl_batch *batch, float *probabilities, pl_error *err) {
  size_t images = (size_t)t->valid.batch, plane = (size_t)t->options.feed.size * t->options.feed.size;
  evaluation e = {.image = pl_try_alloc(images * plane),
                  .mask = pl_try_alloc(images * plane),
                  .augmentations = pl_try_alloc(images * sizeof *e.augmentations),
                  .probabilities = pl_try_alloc(images * plane * sizeof *e.probabilities)};
  bool enough = e.image != NULL && e.mask != NULL && e.augmentations != NULL && e.probabilities != NULL;
  pl_status status = enough ? PL_OK : pl_fail(err, PL_E_NOMEM, "no memory to evaluate the batch");
  for (size_t first = 0; first < batch->count && status == PL_OK; first += images) {
    status = evaluate_part(t, &e, batch, first, probabilities, err);
  }
  free(e.image);
  free(e.mask);
  free(e.augmentations);
  free(e.probabilities);
  return status;
}

pl_status pl_train_previews_create(pl_trainer *t, pl_error *err) {
  const size_t count = t->options.preview_count;
  t->options.preview_count = 0;
  return count > 0 ? pl_trainer_set_previews(t, t->options.previews, count, err) : PL_OK;
}

pl_status pl_trainer_set_previews(pl_trainer *t, const size_t *cases, size_t count, pl_error *err) {
  const size_t plane = (size_t)t->options.feed.size * t->options.feed.size;
  if (count > 0 && t->probabilities == NULL) {
    t->probabilities = pl_try_alloc((size_t)t->valid.batch * plane * sizeof *t->probabilities);
    if (t->probabilities == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for the predictions of a batch");
  }
  free(t->next_previews);
  t->next_previews = pl_xcalloc(count + 1, sizeof *t->next_previews);
  if (count > 0) memcpy(t->next_previews, cases, count * sizeof *cases);
  t->next_count = count;
  return PL_OK;
}

void pl_trainer_set_preview_options(pl_trainer *t, int64_t previews, const char *preview_cases) {
  t->state.previews = previews;
  (void)pl_copy_text(t->state.preview_cases, sizeof t->state.preview_cases, preview_cases);
}

// What an evaluation under way is asked for does not change.
static void take_next(pl_trainer *t) {
  if (t->next_previews == NULL) return;
  free(t->previews);
  free(t->previewed);
  t->previews = t->next_previews;
  t->next_previews = NULL;
  t->options.preview_count = t->next_count;
  t->previewed = pl_xcalloc(t->next_count + 1, sizeof *t->previewed);
}

void pl_train_previews_begin(pl_trainer *t) {
  take_next(t);
  for (size_t i = 0; i < t->options.preview_count; i++) t->previewed[i] = false;
}

// Its place in the list, or the list's length.
static size_t find_preview(const pl_trainer *t, size_t index) {
  size_t at = 0;
  while (at < t->options.preview_count && t->previews[at] != index) at++;
  return at;
}

bool pl_train_previews_want(const pl_trainer *t, const size_t *cases, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    if (find_preview(t, cases[i]) < t->options.preview_count) return true;
  }
  return false;
}

void pl_train_previews_tell(pl_trainer *t, const size_t *cases, int32_t count, const float *probabilities,
                            const pl_train_hooks *hooks) {
  size_t plane = (size_t)t->options.feed.size * t->options.feed.size;
  for (int32_t i = 0; i < count; i++) {
    size_t at = find_preview(t, cases[i]);
    if (at == t->options.preview_count) continue;
    t->previewed[at] = true;
    hooks->predicted(hooks->context, t->state.epoch, &t->manifest->cases[cases[i]], probabilities + (size_t)i * plane,
                     NULL);
  }
}

// Cases that are read and wait to be predicted together; at most a validation batch.
typedef struct waiting {
  size_t count, *cases;
  uint8_t *image, *mask;
  pl_augmentation *augmentations;
} waiting;

static pl_status predict_waiting(pl_trainer *t, waiting *w, const pl_train_hooks *hooks, pl_error *err) {
  if (w->count == 0) return PL_OK;
  const pl_batch batch = {
      .count = w->count, .image = w->image, .mask = w->mask, .augmentations = w->augmentations, .cases = w->cases};
  pl_status status = pl_train_predict(t, &batch, t->probabilities, err);
  if (status == PL_OK) pl_train_previews_tell(t, w->cases, (int32_t)w->count, t->probabilities, hooks);
  w->count = 0;
  return status == PL_OK ? hooks->between(hooks->context, err) : status;
}

// That a case cannot be read is no reason to end a training which does not need it.
static void read_waiting(pl_trainer *t, waiting *w, size_t index, const pl_train_hooks *hooks) {
  size_t plane = (size_t)t->options.feed.size * t->options.feed.size, at = w->count * plane;
  pl_error why = {0};
  if (pl_loader_read(w->image + at, w->mask + at, t->manifest, index, t->options.feed.size, &why) != PL_OK) {
    hooks->predicted(hooks->context, t->state.epoch, &t->manifest->cases[index], NULL, &why);
    return;
  }
  w->cases[w->count] = index;
  w->augmentations[w->count++] = pl_augment_identity();
}

pl_status pl_train_previews_rest(pl_trainer *t, const pl_train_hooks *hooks, pl_error *err) {
  size_t plane = (size_t)t->options.feed.size * t->options.feed.size, batch = (size_t)t->valid.batch, missing = 0;
  for (size_t i = 0; i < t->options.preview_count; i++) missing += !t->previewed[i];
  if (missing == 0) return PL_OK;
  waiting w = {.cases = pl_xcalloc(batch, sizeof *w.cases),
               .augmentations = pl_xcalloc(batch, sizeof *w.augmentations),
               .image = pl_try_alloc(batch * plane),
               .mask = pl_try_alloc(batch * plane)};
  pl_status status =
      w.image != NULL && w.mask != NULL ? PL_OK : pl_fail(err, PL_E_NOMEM, "no memory for the previewed cases");
  for (size_t i = 0; i < t->options.preview_count && status == PL_OK; i++) {
    if (t->previewed[i]) continue;
    read_waiting(t, &w, t->previews[i], hooks);
    if (w.count == batch) status = predict_waiting(t, &w, hooks, err);
  }
  if (status == PL_OK) status = predict_waiting(t, &w, hooks, err);
  free(w.cases);
  free(w.augmentations);
  free(w.image);
  free(w.mask);
  return status;
}
