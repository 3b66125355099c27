// What is left of a step that was not taken: its images and what the network makes of them.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
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

static pl_status evaluate_batch(pl_trainer *t, const pl_batch *batch, float *probabilities, pl_error *err) {
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

static pl_status hand_over(pl_trainer *t, const char *what, const pl_batch *batch, const pl_train_hooks *hooks,
                           pl_error *err) {
  size_t plane = (size_t)t->options.feed.size * t->options.feed.size;
  float *probabilities = pl_try_alloc(batch->count * plane * sizeof *probabilities);
  if (probabilities == NULL) return pl_fail(err, PL_E_NOMEM, "no memory to keep the batch's predictions");
  pl_status status = evaluate_batch(t, batch, probabilities, err);
  const pl_train_lost lost = {
      .step = t->state.step + 1, .epoch = t->state.epoch, .what = what, .batch = batch, .probabilities = probabilities};
  if (status == PL_OK) hooks->lost(hooks->context, &lost);
  free(probabilities);
  return status;
}

pl_status pl_train_give_up(pl_trainer *t, const char *what, int64_t first, int64_t count, const pl_train_hooks *hooks,
                           pl_error *err) {
  pl_buf cases;
  pl_buf_init(&cases, 110);
  bool whole = true;
  const pl_batch *batch = NULL;
  pl_error problem = {0};
  pl_status status = pl_feed_start(t->train.feed, (uint64_t)t->state.epoch, (size_t)first, &problem);
  for (int64_t done = 0; done < count && status == PL_OK; done += (int64_t)batch->count) {
    status = pl_feed_next(t->train.feed, &batch, &problem);
    if (status != PL_OK || batch == NULL) break;
    for (size_t i = 0; i < batch->count && whole; i++) {
      whole = pl_buf_printf(&cases, " #%u", (unsigned)t->manifest->cases[batch->cases[i]].number);
    }
    status = hand_over(t, what, batch, hooks, &problem);
  }
  status = pl_fail(err, PL_E_FORMAT,
                   "epoch %lld: the %s of step %lld is not finite, the step was not taken; cases%s%s. "
                   "Try a lower learning rate, or look at them",
                   (long long)t->state.epoch, what, (long long)t->state.step + 1, cases.data != NULL ? cases.data : "",
                   whole ? "" : " ...");
  pl_buf_clear(&cases);
  return status;
}
