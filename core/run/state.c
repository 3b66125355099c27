#include "core/run/state.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/run/json.h"

enum { STATE_FILE_MAX = 65536, PHASE_COUNT = PL_PHASE_FAILED + 1 };

static const char *const phase_names[PHASE_COUNT];

void pl_run_state_init(pl_run_state *state) {
  const double unknown = (double)NAN;
  *state = (pl_run_state){.step = -1,
                          .steps = -1,
                          .epoch = -1,
                          .epochs = -1,
                          .epoch_step = -1,
                          .epoch_steps = -1,
                          .phase_done = -1,
                          .phase_total = -1,
                          .loss = unknown,
                          .learning_rate = unknown,
                          .images_per_second = unknown,
                          .eta = unknown,
                          .elapsed = unknown,
                          .time = unknown,
                          .best = unknown,
                          .best_epoch = -1,
                          .exit_code = -1,
                          .load = pl_load_unknown()};
}

pl_status pl_run_state_save(const pl_run_state *state, const char *folder, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, STATE_FILE_MAX);
  (void)pl_buf_printf(&text, "{\"phase\":\"%s\"", pl_phase_name(state->phase));
  pl_json_add_int(&text, "heartbeat", (int64_t)state->heartbeat);
  pl_json_add_int(&text, "step", state->step);
  pl_json_add_int(&text, "steps", state->steps);
  pl_json_add_int(&text, "epoch", state->epoch);
  pl_json_add_int(&text, "epochs", state->epochs);
  pl_json_add_int(&text, "epoch_step", state->epoch_step);
  pl_json_add_int(&text, "epoch_steps", state->epoch_steps);
  pl_json_add_int(&text, "phase_done", state->phase_done);
  pl_json_add_int(&text, "phase_total", state->phase_total);
  pl_json_add_number(&text, "loss", state->loss, 17);
  pl_json_add_number(&text, "learning_rate", state->learning_rate, 17);
  pl_json_add_number(&text, "images_per_second", state->images_per_second, 9);
  pl_json_add_number(&text, "eta", state->eta, 9);
  pl_json_add_number(&text, "elapsed", state->elapsed, 9);
  pl_json_add_number(&text, "time", state->time, 17);
  pl_json_add_number(&text, "best", state->best, 17);
  pl_json_add_int(&text, "best_epoch", state->best_epoch);
  pl_json_add_int(&text, "exit_code", state->exit_code);
  pl_json_add_number(&text, "cpu", state->load.cpu, 4);
  pl_json_add_number(&text, "memory_free", state->load.memory_free, 15);
  pl_json_add_number(&text, "memory_total", state->load.memory_total, 15);
  pl_json_add_number(&text, "gpu", state->load.gpu, 4);
  pl_json_add_number(&text, "gpu_memory_used", state->load.gpu_memory_used, 15);
  pl_json_add_number(&text, "gpu_memory_total", state->load.gpu_memory_total, 15);
  pl_json_add_number(&text, "gpu_temperature", state->load.gpu_temperature, 6);
  pl_json_add_number(&text, "gpu_power", state->load.gpu_power, 6);
  pl_json_add_text(&text, "last_error", state->last_error);
  pl_json_add_text(&text, "message", state->message);
  pl_json_add_text(&text, "backend", state->backend);
  pl_json_add_text(&text, "device", state->device);
  pl_json_add_text(&text, "plan", state->plan);
  pl_json_add_text(&text, "encoder_weights", state->encoder_weights);
  pl_json_add_text(&text, "unused_gpu", state->unused_gpu);
  (void)pl_buf_add_text(&text, "}\n");
  char *path = pl_path_join(folder, "state.json");
  pl_status status = text.failed ? pl_fail(err, PL_E_LIMIT, "%s would be too long", path)
                                 : pl_fs_replace(path, text.data, text.length, err);
  free(path);
  pl_buf_clear(&text);
  return status;
}

static pl_phase phase_from_name(const char *name) {
  for (int i = 0; i < PHASE_COUNT; i++) {
    if (strcmp(phase_names[i], name) == 0) return (pl_phase)i;
  }
  return PL_PHASE_UNKNOWN;
}

static void take_state(pl_run_state *s, const json_t *object) {
  char phase[32];
  pl_json_text(phase, sizeof phase, object, "phase");
  s->phase = phase_from_name(phase);
  s->heartbeat = (uint64_t)pl_json_int(object, "heartbeat", 0);
  s->step = pl_json_int(object, "step", s->step);
  s->steps = pl_json_int(object, "steps", s->steps);
  s->epoch = pl_json_int(object, "epoch", s->epoch);
  s->epochs = pl_json_int(object, "epochs", s->epochs);
  s->epoch_step = pl_json_int(object, "epoch_step", s->epoch_step);
  s->epoch_steps = pl_json_int(object, "epoch_steps", s->epoch_steps);
  s->phase_done = pl_json_int(object, "phase_done", s->phase_done);
  s->phase_total = pl_json_int(object, "phase_total", s->phase_total);
  s->loss = pl_json_number(object, "loss", s->loss);
  s->learning_rate = pl_json_number(object, "learning_rate", s->learning_rate);
  s->images_per_second = pl_json_number(object, "images_per_second", s->images_per_second);
  s->eta = pl_json_number(object, "eta", s->eta);
  s->elapsed = pl_json_number(object, "elapsed", s->elapsed);
  s->time = pl_json_number(object, "time", s->time);
  s->best = pl_json_number(object, "best", s->best);
  s->best_epoch = pl_json_int(object, "best_epoch", s->best_epoch);
  s->exit_code = pl_json_int(object, "exit_code", s->exit_code);
  s->load.cpu = pl_json_number(object, "cpu", s->load.cpu);
  s->load.memory_free = pl_json_number(object, "memory_free", s->load.memory_free);
  s->load.memory_total = pl_json_number(object, "memory_total", s->load.memory_total);
  s->load.gpu = pl_json_number(object, "gpu", s->load.gpu);
  s->load.gpu_memory_used = pl_json_number(object, "gpu_memory_used", s->load.gpu_memory_used);
  s->load.gpu_memory_total = pl_json_number(object, "gpu_memory_total", s->load.gpu_memory_total);
  s->load.gpu_temperature = pl_json_number(object, "gpu_temperature", s->load.gpu_temperature);
  s->load.gpu_power = pl_json_number(object, "gpu_power", s->load.gpu_power);
  pl_json_text(s->last_error, sizeof s->last_error, object, "last_error");
  pl_json_text(s->message, sizeof s->message, object, "message");
  pl_json_text(s->backend, sizeof s->backend, object, "backend");
  pl_json_text(s->device, sizeof s->device, object, "device");
  pl_json_text(s->plan, sizeof s->plan, object, "plan");
  pl_json_text(s->unused_gpu, sizeof s->unused_gpu, object, "unused_gpu");
  pl_json_text(s->encoder_weights, sizeof s->encoder_weights, object, "encoder_weights");
}

pl_status pl_run_state_load(pl_run_state *out, const char *folder, pl_error *err) {
  char *path = pl_path_join(folder, "state.json");
  pl_buf text;
  pl_buf_init(&text, STATE_FILE_MAX);
  pl_status status = pl_fs_read(&text, path, err);
  if (status == PL_OK) {
    json_error_t problem;
    json_t *object = json_loadb(text.data, text.length, 0, &problem);
    if (json_is_object(object)) {
      pl_run_state_init(out);
      take_state(out, object);
    } else {
      status = pl_fail(err, PL_E_FORMAT, "%s line %d: %s", path, problem.line,
                       object == NULL ? problem.text : "not an object");
    }
    json_decref(object);
  }
  pl_buf_clear(&text);
  free(path);
  return status;
}

const char *pl_phase_name(pl_phase phase) { return phase_names[phase]; }

void pl_run_state_words(char *out, size_t size, const pl_run_state *s) {
  const bool evaluating = s->phase == PL_PHASE_EVALUATING;
  const int64_t done = evaluating ? s->epoch_step : s->phase_done, total = evaluating ? s->epoch_steps : s->phase_total;
  if (total > 0 && done >= 0) {
    (void)snprintf(out, size, "%s %" PRId64 "/%" PRId64, pl_phase_name(s->phase), done, total);
  } else {
    (void)snprintf(out, size, "%s", pl_phase_name(s->phase));
  }
}

bool pl_phase_is_over(pl_phase phase) {
  return phase == PL_PHASE_STOPPED || phase == PL_PHASE_FINISHED || phase == PL_PHASE_FAILED;
}

static const char *const phase_names[PHASE_COUNT] = {
    [PL_PHASE_UNKNOWN] = "unknown",       [PL_PHASE_STARTING] = "starting", [PL_PHASE_READING] = "reading",
    [PL_PHASE_PLANNING] = "planning",     [PL_PHASE_TUNING] = "tuning",     [PL_PHASE_TRAINING] = "training",
    [PL_PHASE_EVALUATING] = "evaluating", [PL_PHASE_SAVING] = "saving",     [PL_PHASE_PAUSED] = "paused",
    [PL_PHASE_STOPPED] = "stopped",       [PL_PHASE_FINISHED] = "finished", [PL_PHASE_FAILED] = "failed",
};
