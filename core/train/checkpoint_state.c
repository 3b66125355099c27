#include "core/train/checkpoint_state.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/str.h"

enum { STATE_MAX = 65536 };

static json_t *terms_to_json(const pl_checkpoint_state *s) {
  json_t *object = json_object();
  for (int i = 0; i < PL_LOSS_TERMS; i++) {
    (void)json_object_set_new(object, pl_loss_term_name((pl_loss_term)i), json_real(s->term_sums[i]));
  }
  return object;
}

// JSON has no NaN: what is not known is left out.
static void set_known(json_t *object, const char *key, double value) {
  if (isfinite(value)) (void)json_object_set_new(object, key, json_real(value));
}

static json_t *schedule_to_json(const pl_schedule_state *s) {
  json_t *object = json_pack("{s:f,s:I,s:I}", "scale", s->scale, "bad_epochs", (json_int_t)s->bad_epochs, "cooldown",
                             (json_int_t)s->cooldown);
  set_known(object, "best", s->best);
  return object;
}

static json_t *top_to_json(const pl_checkpoint_state *s) {
  json_t *array = json_array();
  for (int32_t i = 0; i < s->top_count; i++) {
    (void)json_array_append_new(array, json_pack("{s:I,s:I,s:f}", "step", (json_int_t)s->top[i].step, "epoch",
                                                 (json_int_t)s->top[i].epoch, "score", s->top[i].score));
  }
  return array;
}

pl_status pl_checkpoint_state_write(const char *path, const pl_checkpoint_state *s, pl_error *err) {
  json_t *object = json_pack(
      "{s:i,s:I,s:I,s:I,s:f,s:I,s:I,s:I,s:f,s:I,s:I,s:s,s:s,s:s,s:o,s:o,s:o}", "format", 1, "step", (json_int_t)s->step,
      "epoch", (json_int_t)s->epoch, "position", (json_int_t)s->position, "loss_sum", s->loss_sum, "loss_count",
      (json_int_t)s->loss_count, "best_epoch", (json_int_t)s->best_epoch, "seed", (json_int_t)s->seed, "learning_rate",
      s->learning_rate, "epochs", (json_int_t)s->epochs, "early_stopping", (json_int_t)s->early_stopping, "encoder",
      s->encoder, "backend", s->backend, "device", s->device, "term_sums", terms_to_json(s), "schedule",
      schedule_to_json(&s->schedule), "top", top_to_json(s));
  if (object != NULL) set_known(object, "best", s->best);
  if (object != NULL && s->previews >= 0) {
    (void)json_object_set_new(object, "previews", json_integer((json_int_t)s->previews));
    (void)json_object_set_new(object, "preview_cases", json_string(s->preview_cases));
  }
  char *text = object != NULL ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
  json_decref(object);
  if (text == NULL) return pl_fail(err, PL_E_INTERNAL, "the training's state cannot be written as JSON");
  pl_status status = pl_fs_replace(path, text, strlen(text), err);
  free(text);
  return status;
}

static double number(const json_t *object, const char *key, double missing) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : missing;
}

static int64_t whole(const json_t *object, const char *key, int64_t missing) {
  const json_t *value = json_object_get(object, key);
  return json_is_integer(value) ? json_integer_value(value) : missing;
}

static void take_additions(pl_checkpoint_state *out, const json_t *object) {
  const json_t *terms = json_object_get(object, "term_sums"), *schedule = json_object_get(object, "schedule");
  for (int i = 0; i < PL_LOSS_TERMS; i++) out->term_sums[i] = number(terms, pl_loss_term_name((pl_loss_term)i), 0);
  pl_schedule_state begin = pl_schedule_begin();
  out->schedule = (pl_schedule_state){.scale = number(schedule, "scale", begin.scale),
                                      .best = number(schedule, "best", begin.best),
                                      .bad_epochs = whole(schedule, "bad_epochs", begin.bad_epochs),
                                      .cooldown = whole(schedule, "cooldown", begin.cooldown)};
  const json_t *top = json_object_get(object, "top");
  for (size_t i = 0; i < json_array_size(top) && out->top_count < PL_TOP_MAX; i++) {
    const json_t *row = json_array_get(top, i);
    out->top[out->top_count++] = (pl_top){
        .step = whole(row, "step", -1), .epoch = whole(row, "epoch", -1), .score = number(row, "score", (double)NAN)};
  }
  out->early_stopping = whole(object, "early_stopping", 0);
  out->previews = whole(object, "previews", -1);
  const char *cases = json_string_value(json_object_get(object, "preview_cases"));
  (void)pl_copy_text(out->preview_cases, sizeof out->preview_cases, cases != NULL ? cases : "");
}

static pl_status take_state(pl_checkpoint_state *out, const json_t *object, pl_error *err) {
  json_error_t problem;
  int format = 0;
  json_int_t step, epoch, position, loss_count, best_epoch, seed, epochs;
  double loss_sum, learning_rate, best = (double)NAN;
  const char *encoder, *backend, *device;
  // json_unpack_ex takes a json_t that it does not change.
  int failed = json_unpack_ex(
      (json_t *)(uintptr_t)object, &problem, 0, "{s:i,s:I,s:I,s:I,s:F,s:I,s:I,s:I,s:F,s:I,s:s,s:s,s:s,s?:F}", "format",
      &format, "step", &step, "epoch", &epoch, "position", &position, "loss_sum", &loss_sum, "loss_count", &loss_count,
      "best_epoch", &best_epoch, "seed", &seed, "learning_rate", &learning_rate, "epochs", &epochs, "encoder", &encoder,
      "backend", &backend, "device", &device, "best", &best);
  if (failed != 0) return pl_fail(err, PL_E_FORMAT, "%s", problem.text);
  if (format != 1) return pl_fail(err, PL_E_FORMAT, "format %d is of another version", format);
  if (step < 0 || epoch < 0 || position < 0 || loss_count < 0 || epochs < 1) {
    return pl_fail(err, PL_E_FORMAT, "a count is negative");
  }
  *out = (pl_checkpoint_state){.step = step,
                               .epoch = epoch,
                               .position = position,
                               .loss_sum = loss_sum,
                               .loss_count = loss_count,
                               .best = best,
                               .best_epoch = best_epoch,
                               .seed = seed,
                               .learning_rate = learning_rate,
                               .epochs = epochs};
  take_additions(out, object);
  (void)pl_safe_text(out->encoder, sizeof out->encoder, encoder, strlen(encoder));
  (void)pl_safe_text(out->backend, sizeof out->backend, backend, strlen(backend));
  (void)pl_safe_text(out->device, sizeof out->device, device, strlen(device));
  return PL_OK;
}

pl_status pl_checkpoint_state_read(pl_checkpoint_state *out, const char *path, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, STATE_MAX);
  pl_status status = pl_fs_read(&text, path, err);
  if (status == PL_OK) {
    json_error_t problem;
    json_t *object = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &problem);
    status = object == NULL ? pl_fail(err, PL_E_FORMAT, "line %d: %s", problem.line, problem.text)
                            : take_state(out, object, err);
    json_decref(object);
    if (status != PL_OK) status = pl_wrap(err, "%s", path);
  }
  pl_buf_clear(&text);
  return status;
}
