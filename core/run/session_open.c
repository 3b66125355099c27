// Everything before the first step: folder, data, backend, plan, and the trainer as a checkpoint left it.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/plan.h"
#include "core/run/session_private.h"
#include "core/run/start_weights.h"
#include "core/run/training.h"
#include "core/run/unused_gpu.h"

enum { CHOICES_MAX = 16 << 20 };

static const char CHOICES_FILE[] = "choices.json";

static void backend_log(void *context, const char *text) { pl_session_log(context, "%s", text); }

static int open_in(const char *folder, const char *name, int flags) {
  char *path = pl_path_join(folder, name);
  int fd = open(path, flags | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  free(path);
  return fd;
}

// How far the run had come, to be shown until the checkpoint is read, and after a start that failed.
static void recall_state(pl_session *s) {
  pl_run_state before;
  if (pl_run_state_load(&before, s->folder, NULL) != PL_OK) return;
  s->state = before;
  s->state.phase = PL_PHASE_STARTING;
  s->state.exit_code = -1;
  s->state.eta = s->state.images_per_second = s->state.elapsed = (double)NAN;
  s->state.last_error[0] = s->state.message[0] = s->state.encoder_weights[0] = '\0';
}

static pl_status open_folder(pl_session *s, pl_error *err) {
  pl_status status = pl_run_load(&s->info, s->folder, err);
  if (status == PL_OK) status = pl_run_lock(&s->lock, s->folder, err);
  if (status != PL_OK) return status;
  s->log = open_in(s->folder, "core.log", O_WRONLY);
  s->cases = open_in(s->folder, "cases.jsonl", O_WRONLY);
  if (s->log < 0 || s->cases < 0) return pl_fail_errno(err, errno, "cannot write in %s", s->folder);
  status = pl_journal_open(&s->journal, s->folder, err);
  if (status != PL_OK) return status;
  pl_journal_view view;
  pl_journal_reader *reader = pl_journal_reader_create(s->folder);
  status = pl_journal_reader_update(reader, NULL, err);
  view = pl_journal_reader_view(reader);
  bool used = view.epoch_count > 0 || view.step_count > 0 || view.message_count > 0;
  pl_journal_reader_destroy(reader);
  if (status == PL_OK && used && !s->options->resume) {
    status = pl_fail(err, PL_E_EXISTS, "%s has been trained already; 'pleura train --resume %s' goes on", s->info.name,
                     s->info.name);
  }
  if (s->options->resume) recall_state(s);
  if (status == PL_OK)
    status = pl_heartbeat_start(&s->heartbeat, s->folder, (int)s->info.config.device, &s->state, err);
  return status;
}

static bool on_node(void *context, int64_t done, int64_t total) {
  pl_session *s = context;
  (void)total;
  const int64_t all = s->compiling > 0 ? s->compiling : -1;
  return pl_session_work(s, PL_PHASE_TUNING, s->compiled + done, all, NULL) == PL_OK;
}

static bool on_program(void *context, int64_t before, int64_t all) {
  pl_session *s = context;
  s->compiled = before;
  s->compiling = all;
  return pl_session_work(s, PL_PHASE_TUNING, before, all, NULL) == PL_OK;
}

static bool on_planned_node(void *context, int64_t done, int64_t total) {
  (void)done;
  (void)total;
  return pl_session_work(context, PL_PHASE_PLANNING, -1, -1, NULL) == PL_OK;
}

static pl_status open_backend(pl_session *s, const char *name, pl_error *err) {
  const pl_host host = {.struct_size = sizeof host,
                        .api_version = PL_BACKEND_API_VERSION,
                        .log = backend_log,
                        .context = s,
                        .progress = {.tell = on_node, .context = s}};
  const pl_config *config = &s->info.config;
  s->registry = pl_registry_create(&host);
  pl_status status = config->plugin[0] != '\0' ? pl_registry_load(s->registry, config->plugin, err) : PL_OK;
  if (status != PL_OK) return status;
  pl_backend_options options = pl_training_backend(config);
  char why[PL_ERROR_MESSAGE_MAX] = "";
  status = pl_registry_open(&s->backend, &s->api, s->registry, name, &options, why, sizeof why, err);
  if (status != PL_OK) return status;
  if (why[0] != '\0') pl_session_log(s, "%s", why);
  pl_unused_gpu(s->state.unused_gpu, sizeof s->state.unused_gpu, s->api->name, (int)config->device, why);
  (void)pl_copy_text(s->state.backend, sizeof s->state.backend, s->api->name);
  (void)pl_copy_text(s->state.device, sizeof s->state.device, s->api->device(s->backend));
  pl_session_log(s, "backend %s on %s", s->state.backend, s->state.device);
  return PL_OK;
}

// Says what the run is going to take, and refuses one that would not fit. A backend that cannot plan is no reason to
// stop: the memory is asked for in a moment anyway.
static pl_status check_plan(pl_session *s, pl_error *err) {
  pl_run_plan *plan = pl_xcalloc(1, sizeof *plan);
  pl_config *config = pl_xcalloc(1, sizeof *config);
  *config = s->info.config;
  (void)pl_copy_text(config->backend, sizeof config->backend, s->api->name);
  config->fit_batch = false;  // the run was made with its batches
  pl_error why = {0};
  const pl_host host = {.struct_size = sizeof host,
                        .api_version = PL_BACKEND_API_VERSION,
                        .progress = {.tell = on_planned_node, .context = s}};
  pl_status status = pl_session_work(s, PL_PHASE_PLANNING, -1, -1, &why);
  if (status == PL_OK) status = pl_run_plan_make_told(plan, &host, config, &s->manifest, 0, &why);
  if (status == PL_E_CANCELLED) {
    *err = why;
  } else if (status == PL_OK) {
    pl_run_plan_summary(s->state.plan, sizeof s->state.plan, plan);
    pl_session_log(s, "plan: %s", s->state.plan);
    status = pl_run_plan_check(plan, err);
    // Of a run that goes on most checkpoints are there already; a disk that gets full pauses it.
    if (status == PL_E_NOSPACE && s->options->resume) status = PL_OK;
  } else {
    pl_session_log(s, "no plan: %s", why.message);
    status = PL_OK;
  }
  free(config);
  free(plan);
  return status;
}

// choices.json lies on the disk before the first step, so that a resumed run computes the same way.
static pl_status write_choices(pl_session *s, pl_error *err) {
  const char *choices = pl_trainer_choices(s->trainer);
  char *path = pl_path_join(s->folder, CHOICES_FILE);
  pl_status status = choices != NULL ? pl_fs_replace(path, choices, strlen(choices), err) : PL_OK;
  free(path);
  return status;
}

static void on_skipped(void *context, const char *path, const char *reason) {
  pl_session_note(context, PL_MESSAGE_WARN, "", "checkpoint %s is left out: %s", pl_path_base(path), reason);
}

// What the command line changes of the run that goes on.
static pl_status set_options(pl_session *s, pl_error *err) {
  for (size_t i = 0; i < s->options->set_count; i++) {
    char name[64];
    const char *equals = strchr(s->options->sets[i], '=');
    size_t length = equals != NULL ? (size_t)(equals - s->options->sets[i]) : 0;
    if (length == 0 || length >= sizeof name) return pl_fail(err, PL_E_USAGE, "--set takes OPTION=VALUE");
    memcpy(name, s->options->sets[i], length);
    name[length] = '\0';
    const pl_option *option = pl_option_find(name);
    if (option != NULL && (option->flags & PL_OPTION_LIVE) == 0) {
      return pl_fail(err, PL_E_USAGE, "%s cannot be changed once a run was made", option->name);
    }
    pl_status status = pl_session_set(s, name, equals + 1, err);
    if (status != PL_OK) return status;
    pl_session_note(s, PL_MESSAGE_ACT, "", "set %s to %s", name, equals + 1);
  }
  return PL_OK;
}

// What the backend is to choose: as before, as a file says, or by timing (no text).
static pl_status read_choices(pl_buf *text, const pl_session *s, bool again, pl_error *err) {
  const char *given = s->info.config.choices;
  if (!again && (given[0] == '\0' || strcmp(given, PL_CHOICES_FIXED) == 0)) return PL_OK;
  char *own = pl_path_join(s->folder, CHOICES_FILE);
  const pl_status status = pl_fs_read(text, again ? own : given, err);
  free(own);
  return status;
}

static pl_status open_trainer(pl_session *s, const size_t *previews, size_t preview_count, pl_error *err) {
  char *own = pl_path_join(s->folder, CHOICES_FILE);
  const bool again = s->options->resume && pl_fs_is_file(own);
  free(own);
  pl_buf choices;
  pl_buf_init(&choices, CHOICES_MAX);
  pl_trainer_options options = pl_training_options(&s->info.config);
  pl_status status = read_choices(&choices, s, again, err);
  if (status == PL_OK) {
    pl_start_weights_name(s->weights_name, sizeof s->weights_name, &s->info.config);
    options.previews = previews;
    options.preview_count = preview_count;
    options.weights_name = s->weights_name;
    options.choices = choices.data;
    options.feed.pack = s->pack;
    options.compiling = (pl_progress){.tell = on_program, .context = s};
    status = pl_trainer_create(&s->trainer, s->api, s->backend, &s->manifest, &options, err);
  }
  pl_buf_clear(&choices);
  return status == PL_OK && !again ? write_choices(s, err) : status;
}

// Goes on from a checkpoint.
static pl_status restore(pl_session *s, const char *found, const pl_checkpoint_state *state, pl_error *err) {
  pl_status status = pl_trainer_restore(s->trainer, found, state, err);
  if (status != PL_OK) return status;
  (void)snprintf(s->state.encoder_weights, sizeof s->state.encoder_weights, "from checkpoint %s", pl_path_base(found));
  // Options changed by command hold as the checkpoint has them.
  s->info.config.learning_rate = state->learning_rate;
  s->info.config.epochs = state->epochs;
  s->info.config.early_stopping = state->early_stopping;
  if (strcmp(state->device, s->state.device) != 0) {
    pl_session_note(s, PL_MESSAGE_WARN, "", "another device than before (%.100s): results may differ", state->device);
  }
  return PL_OK;
}

// Begins with new weights.
static pl_status initialise(pl_session *s, pl_error *err) {
  char words[sizeof s->state.encoder_weights] = "", why[PL_ERROR_MESSAGE_MAX];
  pl_status status = pl_trainer_initialise(s->trainer, words, sizeof words, err);
  if (pl_start_weights_leak(why, sizeof why, &s->info)) pl_session_note(s, PL_MESSAGE_WARN, "", "%s", why);
  if (status == PL_OK) (void)pl_copy_text(s->state.encoder_weights, sizeof s->state.encoder_weights, words);
  return status;
}

static void log_memory(const pl_session *s) {
  const pl_memory memory = pl_trainer_memory(s->trainer);
  pl_session_log(s, "memory: %.1f MiB of tensors, %.1f MiB of activations, %.1f MiB else",
                 (double)memory.store / 1048576.0, (double)memory.arena / 1048576.0, (double)memory.other / 1048576.0);
}

// The trainer, ready for its first step; `found` is a checkpoint's path or NULL.
static pl_status prepare(pl_session *s, const char *found, const pl_checkpoint_state *state, pl_error *err) {
  size_t *previews = NULL, preview_count = 0;
  if (found != NULL && state->previews >= 0) {
    s->info.config.previews = state->previews;
    (void)pl_copy_text(s->info.config.preview_cases, sizeof s->info.config.preview_cases, state->preview_cases);
  }
  pl_status status = pl_previews_choose(&previews, &preview_count, &s->manifest, &s->info.config, err);
  if (status == PL_OK) status = open_trainer(s, previews, preview_count, err);
  if (status == PL_OK) status = found != NULL ? restore(s, found, state, err) : initialise(s, err);
  if (status == PL_OK) {
    pl_trainer_set_preview_options(s->trainer, s->info.config.previews, s->info.config.preview_cases);
    pl_session_open_previews(s, previews, preview_count);
  }
  free(previews);
  if (status != PL_OK) return status;
  pl_session_log(s, "encoder: %s", s->state.encoder_weights);
  if (s->options->resume) {
    pl_checkpoint_state from = pl_trainer_state(s->trainer);
    pl_session_note(s, PL_MESSAGE_RESUME, "", "resumed at step %lld%s", (long long)from.step,
                    found != NULL ? "" : " (there is no checkpoint yet)");
    status = set_options(s, err);
    if (status != PL_OK) return status;
  }
  s->begun = true;
  s->checkpointed_step = found != NULL ? state->step : -1;
  s->checkpointed_epoch = found != NULL ? state->epoch : -1;
  s->began = s->checkpointed_at = pl_clock_monotonic(&s->clock);
  log_memory(s);
  return PL_OK;
}

pl_status pl_session_open(pl_session *s, pl_error *err) {
  pl_status status = pl_session_take_signals(s, err);
  if (status == PL_OK) status = open_folder(s, err);
  if (status == PL_OK) status = pl_checkpoint_sweep(s->checkpoints, err);
  if (status == PL_OK) status = pl_session_open_data(s, err);
  if (status != PL_OK) return status;
  pl_checkpoint_state state = {0};
  char *found = NULL;
  status = pl_session_work(s, PL_PHASE_READING, -1, -1, err);
  if (status == PL_OK && s->options->resume) {
    status = pl_checkpoint_find(&found, &state, s->checkpoints, on_skipped, s, err);
    if (status == PL_E_NOTFOUND) {
      status = PL_OK;
      *err = (pl_error){0};
    }
  }
  // "auto" may mean something else today; the arithmetic must stay.
  if (status == PL_OK) status = pl_session_work(s, PL_PHASE_STARTING, -1, -1, err);
  if (status == PL_OK) status = open_backend(s, found != NULL ? state.backend : s->info.config.backend, err);
  if (status == PL_OK) status = check_plan(s, err);
  if (status == PL_OK) status = prepare(s, found, &state, err);
  free(found);
  return status;
}
