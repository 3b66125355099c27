#include "tui/cli/run_words.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/fs.h"
#include "core/run/group.h"
#include "tui/cli/follow.h"

const char *pl_cli_phase_words(const pl_run_view *view) {
  if (view->alive == PL_ALIVE_UNKNOWN && !pl_phase_is_over(view->state.phase)) return "on another host";
  return pl_phase_name(view->state.phase);
}

// How the other folds are, where the run is one of several.
static void print_group(const pl_run_view *view) {
  int64_t fold = 0;
  char *group = pl_group_of_run(&fold, view->folder);
  if (group != NULL) pl_cli_print_group(group);
  free(group);
}

void pl_cli_print_status(const pl_run_view *view, bool more) {
  const pl_run_state *s = &view->state;
  char left[32] = "", best[48] = "", loss[32] = "", epoch[48] = "";
  if (s->epoch >= 0) snprintf(epoch, sizeof epoch, " %lld/%lld", (long long)s->epoch, (long long)s->epochs);
  if (isfinite(s->loss)) snprintf(loss, sizeof loss, " loss %.4f", s->loss);
  if (isfinite(s->best)) snprintf(best, sizeof best, " best %.4f", s->best);
  char far[48] = "";
  const bool evaluating = s->phase == PL_PHASE_EVALUATING;
  const int64_t done = evaluating ? s->epoch_step : s->phase_done, total = evaluating ? s->epoch_steps : s->phase_total;
  if (total > 0 && done >= 0) snprintf(far, sizeof far, " (%lld/%lld)", (long long)done, (long long)total);
  printf("%s %s%s%s%s%s", view->name, pl_cli_phase_words(view), epoch, far, loss, best);
  if (view->alive == PL_ALIVE_YES && isfinite(s->eta)) {
    pl_cli_duration(left, sizeof left, s->eta);
    printf(" ETA %s", left);
  }
  printf("\n");
  if (!more) return;
  if (s->step >= 0) printf("step %lld/%lld", (long long)s->step, (long long)s->steps);
  if (s->step >= 0 && isfinite(s->images_per_second)) printf(", %.1f images/s", s->images_per_second);
  if (s->step >= 0) printf("\n");
  if (s->backend[0] != '\0') printf("%s on %s; encoder: %s\n", s->backend, s->device, s->encoder_weights);
  char load[96];
  pl_load_words(load, sizeof load, &s->load);
  if (load[0] != '\0' && view->alive == PL_ALIVE_YES) printf("%s\n", load);
  if (s->message[0] != '\0') printf("%s\n", s->message);
  if (s->last_error[0] != '\0') printf("%s\n", s->last_error);
  print_group(view);
}

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *count(int64_t value) { return value >= 0 ? json_integer(value) : json_null(); }

static json_t *text(const char *value) { return value[0] != '\0' ? json_string(value) : json_null(); }

static void print(json_t *object) {
  char *line = json_dumps(object, JSON_REAL_PRECISION(9));
  if (line != NULL) printf("%s", line);
  free(line);
  json_decref(object);
}

static json_t *group_of(const pl_run_view *view) {
  int64_t fold = 0;
  char *group = pl_group_of_run(&fold, view->folder);
  json_t *name = group != NULL ? json_string(pl_path_base(group)) : json_null();
  free(group);
  return name;
}

// What changed since the run was made, by names; null where it was not looked for.
static json_t *changed_of(const pl_run_view *view, const pl_table_hashes *now) {
  if (view->info == NULL || now == NULL) return json_null();
  json_t *list = json_array();
  const unsigned changed = pl_tables_changed(view->info, now);
  for (unsigned bit = 1; bit <= PL_OTHER_FOLDS_OR_LABELS; bit <<= 1) {
    char words[32];
    pl_tables_changed_words(words, sizeof words, changed & bit, "");
    if (words[0] != '\0') (void)json_array_append_new(list, json_string(words));
  }
  return list;
}

void pl_cli_print_run_json(const pl_run_view *view, const pl_table_hashes *now) {
  const pl_run_state *s = &view->state;
  json_t *o = json_object();
  (void)json_object_set_new(o, "run", json_string(view->name));
  (void)json_object_set_new(o, "folder", json_string(view->folder));
  (void)json_object_set_new(o, "group", group_of(view));
  (void)json_object_set_new(o, "state", json_string(pl_phase_name(s->phase)));
  (void)json_object_set_new(o, "alive", view->alive == PL_ALIVE_UNKNOWN ? json_null() : json_boolean(view->alive));
  (void)json_object_set_new(o, "encoder", view->info != NULL ? text(view->info->config.encoder) : json_null());
  (void)json_object_set_new(o, "labels", view->info != NULL ? text(view->info->config.labels) : json_null());
  (void)json_object_set_new(o, "labels_sha256", view->info != NULL ? text(view->info->labels_sha256) : json_null());
  (void)json_object_set_new(o, "changed", changed_of(view, now));
  (void)json_object_set_new(o, "epoch", count(s->epoch));
  (void)json_object_set_new(o, "epochs", count(s->epochs));
  (void)json_object_set_new(o, "step", count(s->step));
  (void)json_object_set_new(o, "steps", count(s->steps));
  (void)json_object_set_new(o, "epoch_step", count(s->epoch_step));
  (void)json_object_set_new(o, "epoch_steps", count(s->epoch_steps));
  (void)json_object_set_new(o, "phase_done", count(s->phase_done));
  (void)json_object_set_new(o, "phase_total", count(s->phase_total));
  (void)json_object_set_new(o, "loss", number(s->loss));
  (void)json_object_set_new(o, "learning_rate", number(s->learning_rate));
  (void)json_object_set_new(o, "images_per_second", number(s->images_per_second));
  (void)json_object_set_new(o, "eta_seconds", view->alive == PL_ALIVE_YES ? number(s->eta) : json_null());
  (void)json_object_set_new(o, "best", number(s->best));
  (void)json_object_set_new(o, "best_epoch", count(s->best_epoch));
  (void)json_object_set_new(o, "backend", text(s->backend));
  (void)json_object_set_new(o, "device", text(s->device));
  const pl_load load = view->alive == PL_ALIVE_YES ? s->load : pl_load_unknown();
  (void)json_object_set_new(o, "cpu", number(load.cpu));
  (void)json_object_set_new(o, "memory_free_bytes", number(load.memory_free));
  (void)json_object_set_new(o, "gpu", number(load.gpu));
  (void)json_object_set_new(o, "gpu_memory_used_bytes", number(load.gpu_memory_used));
  (void)json_object_set_new(o, "gpu_memory_total_bytes", number(load.gpu_memory_total));
  (void)json_object_set_new(o, "gpu_temperature_celsius", number(load.gpu_temperature));
  (void)json_object_set_new(o, "gpu_power_watts", number(load.gpu_power));
  (void)json_object_set_new(o, "message", text(s->message));
  (void)json_object_set_new(o, "last_error", text(s->last_error));
  print(o);
}

void pl_cli_print_answer_json(const char *run, const char *answer, bool answered) {
  json_t *o = json_object();
  (void)json_object_set_new(o, "run", json_string(run));
  (void)json_object_set_new(o, "answered", json_boolean(answered));
  (void)json_object_set_new(o, "text", json_string(answer));
  print(o);
  printf("\n");
}
