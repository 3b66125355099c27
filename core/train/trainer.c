// The loop: one batch computes while the next one is read and copied into the other slot.
#include "core/train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/train/trainer_private.h"

// A batch in one of the backend's slots.
typedef struct slot_batch {
  int32_t slot, count;
  pl_train_program program;
  bool previewed;  // it has cases whose probabilities are wanted
  size_t *cases;
} slot_batch;

typedef struct results {
  double loss[PL_LOSS_VALUES], norm[2];
} results;

static double now(const pl_trainer *t) { return pl_clock_monotonic(&t->clock); }

static pl_schedule_options schedule_options(const pl_trainer *t) {
  pl_schedule_options options = t->options.schedule_options;
  options.base = t->state.learning_rate;
  if (options.period == 0) options.period = t->state.epochs;
  return options;
}

static double rate_of(const pl_trainer *t, int64_t epoch) {
  pl_schedule_options options = schedule_options(t);
  return t->options.schedule->rate(&options, &t->state.schedule, epoch > 0 ? epoch - 1 : 0);
}

static double loss_mean(const pl_trainer *t) {
  return t->state.loss_count > 0 ? t->state.loss_sum / (double)t->state.loss_count : (double)NAN;
}

static double speed(const pl_trainer *t) {
  return t->epoch_seconds > 0 ? (double)t->epoch_images / t->epoch_seconds : (double)NAN;
}

// Optimizer steps of all epochs.
static int64_t all_steps(const pl_trainer *t) {
  int64_t group = t->options.accumulation, steps = 0;
  if (!pl_feed_varies(t->train.feed)) return pl_train_batches(&t->train, 1) / group * t->state.epochs;
  for (int64_t e = 1; e <= t->state.epochs; e++) steps += pl_train_batches(&t->train, e) / group;
  return steps;
}

// Images of the epochs after `epoch`.
static double images_after(const pl_trainer *t, int64_t epoch) {
  double images = 0;
  if (!pl_feed_varies(t->train.feed)) return (double)(t->state.epochs - epoch) * (double)pl_train_images(&t->train, 1);
  for (int64_t e = epoch + 1; e <= t->state.epochs; e++) images += (double)pl_train_images(&t->train, e);
  return images;
}

static double eta(const pl_trainer *t) {
  if (t->timed_images == 0) return (double)NAN;
  double per_image = t->train_seconds / (double)t->timed_images;
  // Before the first evaluation was timed: forward alone is about a third of a step.
  double per_evaluated = t->timed_evaluated > 0 ? t->evaluation_seconds / (double)t->timed_evaluated : per_image / 3.0;
  int64_t epochs_left = t->state.epochs - t->state.epoch;
  if (epochs_left < 0) return 0;
  double images = images_after(t, t->state.epoch);
  if (t->state.epoch > 0) images += (double)(pl_train_images(&t->train, t->state.epoch) - t->state.position);
  double evaluated = (double)(epochs_left + 1) * (double)pl_train_images(&t->valid, t->state.epoch);
  if (t->evaluating) evaluated -= (double)t->evaluated;
  return images * per_image + evaluated * per_evaluated;
}

pl_train_progress pl_trainer_progress(const pl_trainer *t) {
  const pl_train_set *set = t->evaluating ? &t->valid : &t->train;
  int64_t images = t->evaluating ? t->evaluated : t->state.position;
  return (pl_train_progress){.evaluating = t->evaluating,
                             .step = t->state.step,
                             .steps = all_steps(t),
                             .epoch = t->state.epoch < t->state.epochs ? t->state.epoch : t->state.epochs,
                             .epochs = t->state.epochs,
                             .epoch_step = (images + set->batch - 1) / set->batch,
                             .epoch_steps = pl_train_batches(set, t->state.epoch),
                             .loss_mean = loss_mean(t),
                             .learning_rate = rate_of(t, t->state.epoch),
                             .images_per_second = speed(t),
                             .eta = eta(t),
                             .best = t->state.best_epoch >= 0 ? t->state.best : (double)NAN,
                             .best_epoch = t->state.best_epoch};
}

pl_checkpoint_state pl_trainer_state(const pl_trainer *t) { return t->state; }

pl_checkpoint_source pl_trainer_source(const pl_trainer *t) {
  return (pl_checkpoint_source){.api = t->api, .store = t->store, .model = &t->model};
}

void pl_trainer_set_learning_rate(pl_trainer *t, double base) { t->state.learning_rate = base; }
void pl_trainer_set_epochs(pl_trainer *t, int64_t epochs) { t->state.epochs = epochs; }
void pl_trainer_set_early_stopping(pl_trainer *t, int64_t epochs) { t->state.early_stopping = epochs; }

// Which program takes batch `index` of an epoch.
static pl_train_program program_of(const pl_trainer *t, const pl_train_set *set, int64_t index, int32_t count) {
  int last = count < set->batch;
  if (set == &t->valid) return (pl_train_program)(PL_TRAIN_EVALUATE + last);
  if (t->options.accumulation == 1) return (pl_train_program)(PL_TRAIN_STEP + last);
  bool first = index % t->options.accumulation == 0;
  return (pl_train_program)((first ? PL_TRAIN_OVERWRITE : PL_TRAIN_ADD) + last);
}

// Reads the next batch into a slot; count 0 after the last.
static pl_status load(pl_trainer *t, pl_train_set *set, slot_batch *out, int64_t index, pl_error *err) {
  const pl_batch *batch = NULL;
  out->count = 0;
  pl_status status = pl_feed_next(set->feed, &batch, err);
  // What is missing in a workspace is a fault of the data, not of the command line.
  if (status == PL_E_NOTFOUND && err != NULL) err->code = PL_E_FORMAT;
  if (status == PL_E_NOTFOUND) return PL_E_FORMAT;
  if (status != PL_OK || batch == NULL) return status;
  int32_t count = (int32_t)batch->count;
  out->program = program_of(t, set, index, count);
  const void *data[] = {batch->image, batch->mask, batch->augmentations};
  status = t->api->input(t->programs[out->program], out->slot, data, err);
  if (status != PL_OK) return status;
  memcpy(out->cases, batch->cases, batch->count * sizeof *out->cases);
  out->count = count;
  out->previewed = set == &t->valid && pl_train_previews_want(t, out->cases, count);
  return PL_OK;
}

// Results in the order in which the program's graph lists them.
static pl_result place_results(pl_trainer *t, pl_train_program program, bool previewed, results *r) {
  switch (program) {
    case PL_TRAIN_STEP:
    case PL_TRAIN_STEP_LAST: return (pl_result){.data = {r->loss, r->norm, NULL}};
    case PL_TRAIN_UPDATE: return (pl_result){.data = {r->norm}};
    default: return (pl_result){.data = {r->loss, t->sums, previewed ? t->probabilities : NULL}};
  }
}

// Runs a batch while the next one is loaded. A failure to load counts only once this batch is done: `*loaded`.
static pl_status run_and_load(pl_trainer *t, pl_train_set *set, const slot_batch *batch, slot_batch *next,
                              int64_t index, results *r, pl_status *loaded, pl_error *load_err, pl_error *err) {
  pl_controls controls = {.struct_size = sizeof controls, .learning_rate = rate_of(t, t->state.epoch)};
  pl_result result = place_results(t, batch->program, batch->previewed, r);
  pl_program *program = t->programs[batch->program];
  pl_status status = t->api->run(program, batch->slot, &controls, &result, err);
  if (status != PL_OK) return status;
  *loaded = load(t, set, next, index + 1, load_err);
  return t->api->wait(program, err);
}

static pl_status update(pl_trainer *t, int32_t slot, results *r, pl_error *err) {
  pl_controls controls = {.struct_size = sizeof controls, .learning_rate = rate_of(t, t->state.epoch)};
  pl_result result = place_results(t, PL_TRAIN_UPDATE, false, r);
  pl_program *program = t->programs[PL_TRAIN_UPDATE];
  pl_status status = t->api->run(program, slot, &controls, &result, err);
  return status == PL_OK ? t->api->wait(program, err) : status;
}

// Whether a gradient that is not finite came from too large a loss scale, which the backend has halved by now; then the
// step is left out as torch.amp.GradScaler does. At a scale of 1 the fault lies elsewhere.
static pl_status was_overflow(bool *overflow, double *scale, pl_trainer *t, pl_error *err) {
  *overflow = false;
  if (t->api->precision(t->backend) != PL_PRECISION_F16) return PL_OK;
  const int32_t tensor = pl_model_find(&t->model, PL_LOSS_SCALE);
  pl_status status = t->api->download(t->store, tensor, PL_F64, scale, err);
  *overflow = *scale > 1;
  return status;
}

static pl_status after_overflow(pl_trainer *t, const pl_train_hooks *hooks, pl_error *err) {
  bool overflow = false;
  double scale = 0;
  pl_status status = was_overflow(&overflow, &scale, t, err);
  if (status != PL_OK) return status;
  if (!overflow) return pl_train_give_up(t, "gradient", t->group_first, t->state.position - t->group_first, hooks, err);
  hooks->skipped(hooks->context, t->state.epoch, scale);
  t->group_first = t->state.position;
  return PL_OK;
}

static pl_status after_batch(pl_trainer *t, const slot_batch *batch, int64_t index, results *r,
                             const pl_train_hooks *hooks, pl_error *err) {
  pl_checkpoint_state *s = &t->state;
  if (r->loss[PL_LOSS_FINITE] == 0 || !isfinite(r->loss[PL_LOSS_TOTAL])) {
    return pl_train_give_up(t, "loss", s->position, batch->count, hooks, err);
  }
  // The reference weights each loss with the nominal batch size, which is the same as weighting batches equally.
  s->loss_sum += r->loss[PL_LOSS_TOTAL];
  for (int i = 0; i < PL_LOSS_TERMS; i++) s->term_sums[i] += r->loss[i];
  s->loss_count++;
  s->position += batch->count;
  int64_t group = t->options.accumulation;
  if ((index + 1) % group != 0) return PL_OK;
  pl_status status = group > 1 ? update(t, batch->slot, r, err) : PL_OK;
  if (status != PL_OK) return status;
  if (r->norm[1] == 0) return after_overflow(t, hooks, err);
  s->step++;
  t->group_first = s->position;
  return PL_OK;
}

static pl_status tell_step(pl_trainer *t, const results *r, const pl_train_hooks *hooks, pl_error *err) {
  pl_train_step step = {.step = t->state.step,
                        .epoch = t->state.epoch,
                        .loss = r->loss[PL_LOSS_TOTAL],
                        .loss_mean = loss_mean(t),
                        .learning_rate = rate_of(t, t->state.epoch),
                        .gradient_norm = r->norm[0],
                        .images_per_second = speed(t)};
  memcpy(step.terms, r->loss, sizeof step.terms);
  return hooks->step(hooks->context, &step, err);
}

static void swap(slot_batch *a, slot_batch *b) {
  slot_batch c = *a;
  *a = *b;
  *b = c;
}

static pl_status train_batches(pl_trainer *t, slot_batch *batch, slot_batch *next, const pl_train_hooks *hooks,
                               pl_error *err) {
  int64_t index = t->state.position / t->train.batch;
  t->group_first = t->state.position;
  pl_status status = load(t, &t->train, batch, index, err);
  for (; status == PL_OK && batch->count > 0; index++, swap(batch, next)) {
    results r = {.norm = {(double)NAN, 1}};
    pl_error load_err = {0};
    pl_status loaded = PL_OK;
    double start = now(t);
    status = run_and_load(t, &t->train, batch, next, index, &r, &loaded, &load_err, err);
    int64_t step = t->state.step;
    if (status == PL_OK) status = after_batch(t, batch, index, &r, hooks, err);
    double took = now(t) - start;
    t->epoch_seconds += took;
    t->train_seconds += took;
    t->epoch_images += batch->count;
    t->timed_images += batch->count;
    if (status == PL_OK && t->state.step != step) {
      status = tell_step(t, &r, hooks, err);
      if (status == PL_OK) status = hooks->between(hooks->context, err);
    }
    if (status == PL_OK && loaded != PL_OK) {
      if (err != NULL) *err = load_err;
      status = loaded;
    }
  }
  return status;
}

static void make_slots(slot_batch out[2], const pl_train_set *set) {
  for (int32_t i = 0; i < 2; i++) {
    out[i] = (slot_batch){.slot = i, .cases = pl_xcalloc((size_t)set->batch, sizeof *out[i].cases)};
  }
}

static pl_status train_epoch(pl_trainer *t, const pl_train_hooks *hooks, pl_error *err) {
  t->epoch_images = 0;
  t->epoch_seconds = 0;
  if (t->state.position >= pl_train_images(&t->train, t->state.epoch)) return PL_OK;
  pl_status status = pl_feed_start(t->train.feed, (uint64_t)t->state.epoch, (size_t)t->state.position, err);
  if (status != PL_OK) return status;
  slot_batch slots[2];
  make_slots(slots, &t->train);
  status = train_batches(t, &slots[0], &slots[1], hooks, err);
  free(slots[0].cases);
  free(slots[1].cases);
  return status;
}

static pl_status evaluate_batches(pl_trainer *t, slot_batch *batch, slot_batch *next, pl_metrics *metrics,
                                  const pl_train_hooks *hooks, pl_error *err) {
  int64_t index = 0;
  pl_status status = load(t, &t->valid, batch, index, err);
  for (; status == PL_OK && batch->count > 0; index++, swap(batch, next)) {
    results r = {.loss = {0}};
    pl_error load_err = {0};
    pl_status loaded = PL_OK;
    double start = now(t);
    status = run_and_load(t, &t->valid, batch, next, index, &r, &loaded, &load_err, err);
    t->evaluation_seconds += now(t) - start;
    t->timed_evaluated += batch->count;
    t->evaluated += batch->count;
    if (status != PL_OK) break;
    pl_metrics_add(metrics, r.loss, t->sums, batch->count, t->dice);
    if (batch->previewed) pl_train_previews_tell(t, batch->cases, batch->count, t->probabilities, hooks);
    for (int32_t i = 0; i < batch->count && status == PL_OK; i++) {
      const pl_case *c = &t->manifest->cases[batch->cases[i]];
      status = hooks->scored(hooks->context, t->state.epoch, c, t->dice[i], err);
    }
    if (status == PL_OK) status = hooks->between(hooks->context, err);
    if (status == PL_OK && loaded != PL_OK) {
      if (err != NULL) *err = load_err;
      status = loaded;
    }
  }
  return status;
}

static pl_status evaluate(pl_trainer *t, pl_scores *scores, const pl_train_hooks *hooks, pl_error *err) {
  pl_status status = pl_feed_start(t->valid.feed, (uint64_t)t->state.epoch, 0, err);
  if (status != PL_OK) return status;
  slot_batch slots[2];
  make_slots(slots, &t->valid);
  pl_metrics metrics = {0};
  t->evaluating = true;
  t->evaluated = 0;
  pl_train_previews_begin(t);
  status = hooks->between(hooks->context, err);
  if (status == PL_OK) status = evaluate_batches(t, &slots[0], &slots[1], &metrics, hooks, err);
  if (status == PL_OK) status = pl_train_previews_rest(t, hooks, err);
  t->evaluating = false;
  free(slots[0].cases);
  free(slots[1].cases);
  if (status == PL_OK) *scores = pl_metrics_result(&metrics);
  return status;
}

static double score_of(const pl_trainer *t, const pl_scores *scores) {
  switch (t->options.best_by) {
    case PL_BEST_BY_DICE: return scores->dice;
    case PL_BEST_BY_DICE_POS: return scores->dice_pos;
    case PL_BEST_BY_DICE_IMAGE: return scores->dice_image;
    default: return scores->dice_batch;
  }
}

// Lists the epoch when it is among the best; of equal scores the earlier one stands first.
static bool enter_top(pl_trainer *t, double score) {
  pl_checkpoint_state *s = &t->state;
  int32_t room = (int32_t)(t->options.keep_best < PL_TOP_MAX ? t->options.keep_best : PL_TOP_MAX), at = s->top_count;
  while (at > 0 && score > s->top[at - 1].score) at--;
  if (at >= room) return false;
  if (s->top_count < room) s->top_count++;
  memmove(&s->top[at + 1], &s->top[at], (size_t)(s->top_count - at - 1) * sizeof *s->top);
  s->top[at] = (pl_top){.step = s->step, .epoch = s->epoch, .score = score};
  return true;
}

static void step_schedule(pl_trainer *t, const pl_scores *scores) {
  pl_schedule_options options = schedule_options(t);
  if (t->options.schedule->step == NULL || t->state.epoch == 0) return;
  double value = options.smaller_is_better ? scores->loss : score_of(t, scores);
  t->options.schedule->step(&options, &t->state.schedule, value);
}

static pl_status end_epoch(pl_trainer *t, const pl_scores *scores, const pl_train_hooks *hooks, pl_error *err) {
  pl_checkpoint_state *s = &t->state;
  pl_train_epoch epoch = {.step = s->step,
                          .epoch = s->epoch,
                          .train_loss = loss_mean(t),
                          .learning_rate = rate_of(t, s->epoch),
                          .images_per_second = s->epoch > 0 ? speed(t) : (double)NAN,
                          .scores = *scores};
  for (int i = 0; i < PL_LOSS_TERMS; i++) {
    epoch.train_terms[i] = s->loss_count > 0 ? s->term_sums[i] / (double)s->loss_count : (double)NAN;
  }
  double score = score_of(t, scores);
  // The untrained network is never the best, and neither is one whose score or loss is not a number: thresholded, what
  // it computes looks like an empty mask.
  bool valid = s->epoch > 0 && isfinite(score) && isfinite(scores->loss);
  epoch.best = valid && (s->best_epoch < 0 || score > s->best);
  epoch.top = valid && enter_top(t, score);
  if (epoch.best) {
    s->best = score;
    s->best_epoch = s->epoch;
  }
  step_schedule(t, scores);
  s->epoch++;
  s->position = 0;
  s->loss_sum = 0;
  memset(s->term_sums, 0, sizeof s->term_sums);
  s->loss_count = 0;
  return hooks->epoch(hooks->context, &epoch, err);
}

bool pl_trainer_stalled(const pl_trainer *t) {
  const pl_checkpoint_state *s = &t->state;
  int64_t best = s->best_epoch > 0 ? s->best_epoch : 0;
  return s->early_stopping > 0 && s->epoch - 1 - best >= s->early_stopping;
}

pl_status pl_trainer_run(pl_trainer *t, const pl_train_hooks *hooks, pl_error *err) {
  pl_status status = PL_OK;
  while (status == PL_OK && t->state.epoch <= t->state.epochs && !pl_trainer_stalled(t)) {
    pl_scores scores;
    if (t->state.epoch > 0) status = train_epoch(t, hooks, err);
    if (status == PL_OK) status = evaluate(t, &scores, hooks, err);
    if (status == PL_OK) status = end_epoch(t, &scores, hooks, err);
  }
  return status;
}
