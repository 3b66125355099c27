// What the trainer calls: steps and epochs into the journal, scores into cases.jsonl, checkpoints when they are due.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "core/run/json.h"
#include "core/run/session_private.h"

// Terms without a weight are not computed: not known.
static void copy_terms(double out[PL_LOSS_TERMS], const double terms[PL_LOSS_TERMS], const pl_config *config) {
  for (int i = 0; i < PL_LOSS_TERMS; i++) out[i] = config->loss[i] != 0 ? terms[i] : (double)NAN;
}

static pl_status on_step(void *context, const pl_train_step *step, pl_error *err) {
  pl_session *s = context;
  pl_step_record record = {.step = step->step,
                           .epoch = step->epoch,
                           .time = pl_clock_wall(&s->clock),
                           .loss = step->loss,
                           .loss_mean = step->loss_mean,
                           .learning_rate = step->learning_rate,
                           .gradient_norm = step->gradient_norm,
                           .images_per_second = step->images_per_second,
                           .active = pl_session_active(s)};
  const pl_load load = pl_heartbeat_new_load(s->heartbeat);
  record.cpu = load.cpu;
  record.gpu = load.gpu;
  record.gpu_memory = load.gpu_memory_total > 0 ? load.gpu_memory_used / load.gpu_memory_total : (double)NAN;
  copy_terms(record.terms, step->terms, &s->info.config);
  return pl_journal_step(s->journal, &record, err);
}

static pl_status on_scored(void *context, int64_t epoch, const pl_case *c, double dice, pl_error *err) {
  pl_session *s = context;
  (void)err;
  (void)pl_buf_printf(&s->scores, "{\"epoch\":%" PRId64 ",\"number\":%u", epoch, (unsigned)c->number);
  pl_json_add_text(&s->scores, "id", c->id);
  pl_json_add_number(&s->scores, "dice", dice, 17);
  (void)pl_buf_printf(&s->scores, ",\"has_mask\":%s}\n", c->label == PL_LABEL_POSITIVE ? "true" : "false");
  return PL_OK;
}

// One write for a whole epoch. Losing it costs a table, not the training.
static void write_scores(pl_session *s) {
  size_t done = 0;
  while (!s->scores.failed && done < s->scores.length) {
    ssize_t n = write(s->cases, s->scores.data + done, s->scores.length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += (size_t)n;
  }
  if (done < s->scores.length) pl_session_note(s, PL_MESSAGE_WARN, "", "cases.jsonl is not complete");
  pl_buf_reset(&s->scores);
}

static pl_status on_epoch(void *context, const pl_train_epoch *e, pl_error *err) {
  pl_session *s = context;
  pl_epoch_record record = {.step = e->step,
                            .epoch = e->epoch,
                            .time = pl_clock_wall(&s->clock),
                            .train_loss = e->train_loss,
                            .learning_rate = e->learning_rate,
                            .valid_loss = e->scores.loss,
                            .dice_batch = e->scores.dice_batch,
                            .dice_image = e->scores.dice_image,
                            .dice = e->scores.dice,
                            .dice_pos = e->scores.dice_pos,
                            .nothing = e->scores.nothing,
                            .images_per_second = e->images_per_second,
                            .active = pl_session_active(s),
                            .best = e->best};
  write_scores(s);
  pl_session_show_previews(s, e->epoch);
  pl_session_check_pack(s);
  copy_terms(record.train_terms, e->train_terms, &s->info.config);
  copy_terms(record.valid_terms, e->scores.terms, &s->info.config);
  pl_status status = pl_journal_epoch(s->journal, &record, err);
  if (status != PL_OK) return status;
  pl_session_log(s, "epoch %lld: dice_batch %.4f dice %.4f dice_pos %.4f nothing %.4f", (long long)e->epoch,
                 e->scores.dice_batch, e->scores.dice, e->scores.dice_pos, e->scores.nothing);
  const pl_config *config = &s->info.config;
  bool last = e->epoch >= config->epochs || pl_trainer_stalled(s->trainer);
  bool due = e->epoch > 0 && (e->epoch % config->checkpoint_every == 0 || last || e->best || e->top);
  if (due) status = pl_session_checkpoint(s, e->best, err);
  // A stop that came meanwhile does not wait for the next epoch's first step.
  return status == PL_OK && !last ? pl_session_between(s, err) : status;
}

static pl_status on_between(void *context, pl_error *err) { return pl_session_between(context, err); }

static void on_skipped_step(void *context, int64_t epoch, double scale) {
  pl_session_note(context, PL_MESSAGE_WARN, "",
                  "epoch %" PRId64
                  ": a step was left out, its gradient overflowed half precision; the loss scale is now %g",
                  epoch, scale);
}

static void on_predicted(void *context, int64_t epoch, const pl_case *c, const float *probabilities,
                         const pl_error *why) {
  pl_session_keep_preview(context, epoch, c, probabilities, why);
}

static void on_lost(void *context, const pl_train_lost *lost) { pl_session_save_lost(context, lost); }

pl_train_hooks pl_session_hooks(pl_session *s) {
  return (pl_train_hooks){.context = s,
                          .step = on_step,
                          .scored = on_scored,
                          .predicted = on_predicted,
                          .epoch = on_epoch,
                          .between = on_between,
                          .skipped = on_skipped_step,
                          .lost = on_lost};
}
