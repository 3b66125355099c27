// What is left of a step that was not taken: its images and what the network makes of them.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/train/trainer_private.h"

static pl_status hand_over(pl_trainer *t, const char *what, const pl_batch *batch, const pl_train_hooks *hooks,
                           pl_error *err) {
  size_t plane = (size_t)t->options.feed.size * t->options.feed.size;
  float *probabilities = pl_try_alloc(batch->count * plane * sizeof *probabilities);
  if (probabilities == NULL) return pl_fail(err, PL_E_NOMEM, "no memory to keep the batch's predictions");
  pl_status status = pl_train_predict(t, batch, probabilities, err);
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
