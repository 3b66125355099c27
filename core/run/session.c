#include "core/run/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/json.h"
#include "core/run/on_end.h"
#include "core/run/plan.h"
#include "core/run/session_private.h"
#include "core/run/spawn.h"
#include "core/run/start_weights.h"
#include "core/run/training.h"
#include "core/run/unused_gpu.h"

enum { SCORES_MAX = 256 << 20, CHOICES_MAX = 16 << 20 };

static void write_log(const pl_session *s, const char *text) {
  if (s->log < 0) return;
  char stamp[32], safe[1024];
  time_t now = (time_t)pl_clock_wall(&s->clock);
  struct tm parts;
  (void)localtime_r(&now, &parts);
  (void)strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &parts);
  (void)pl_safe_text(safe, sizeof safe, text, strlen(text));
  (void)dprintf(s->log, "%s %s\n", stamp, safe);
}

void pl_session_log(const pl_session *s, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  write_log(s, text);
}

void pl_session_note(pl_session *s, pl_message_kind kind, const char *id, const char *format, ...) {
  pl_message_record record = {.kind = kind, .step = 0, .epoch = 0, .time = pl_clock_wall(&s->clock)};
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(record.text, sizeof record.text, format, arguments);
  va_end(arguments);
  (void)pl_copy_text(record.id, sizeof record.id, id);
  if (s->trainer != NULL) {
    pl_checkpoint_state state = pl_trainer_state(s->trainer);
    record.step = state.step;
    // A resume record says which epoch was evaluated last.
    record.epoch = kind == PL_MESSAGE_RESUME ? state.epoch - 1 : state.epoch;
  }
  write_log(s, record.text);
  pl_error err = {0};
  if (s->journal != NULL && pl_journal_message(s->journal, &record, &err) != PL_OK) write_log(s, err.message);
}

void pl_session_show(pl_session *s, pl_phase phase, const char *message) {
  s->state.phase = phase;
  s->state.phase_done = s->state.phase_total = -1;
  (void)pl_copy_text(s->state.message, sizeof s->state.message, message);
  if (s->trainer != NULL) {
    pl_train_progress p = pl_trainer_progress(s->trainer);
    s->state.step = p.step;
    s->state.steps = p.steps;
    s->state.epoch = p.epoch;
    s->state.epochs = p.epochs;
    s->state.epoch_step = p.epoch_step;
    s->state.epoch_steps = p.epoch_steps;
    s->state.loss = p.loss_mean;
    s->state.learning_rate = p.learning_rate;
    s->state.images_per_second = p.images_per_second;
    s->state.eta = pl_phase_is_over(phase) ? (double)NAN : p.eta;
    s->state.best = p.best;
    s->state.best_epoch = p.best_epoch;
  }
  if (s->heartbeat != NULL) pl_heartbeat_set(s->heartbeat, &s->state);
}

// Hooks

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

// Opening

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

static pl_status open_trainer(pl_session *s, const char *choices, const size_t *previews, size_t preview_count,
                              pl_error *err) {
  pl_trainer_options options = pl_training_options(&s->info.config);
  options.previews = previews;
  options.preview_count = preview_count;
  pl_start_weights_name(s->weights_name, sizeof s->weights_name, &s->info.config);
  options.weights_name = s->weights_name;
  options.choices = choices;
  options.feed.pack = s->pack;
  options.compiling = (pl_progress){.tell = on_program, .context = s};
  return pl_trainer_create(&s->trainer, s->api, s->backend, &s->manifest, &options, err);
}

// choices.json lies on the disk before the first step, so that a resumed run computes the same way.
static pl_status write_choices(pl_session *s, pl_error *err) {
  const char *choices = pl_trainer_choices(s->trainer);
  char *path = pl_path_join(s->folder, "choices.json");
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

// Everything up to the first step; `found` is a checkpoint's path or NULL.
static pl_status prepare(pl_session *s, const char *found, const pl_checkpoint_state *state, pl_error *err) {
  char *own = pl_path_join(s->folder, "choices.json");
  bool again = s->options->resume && pl_fs_is_file(own);
  const char *given = s->info.config.choices;
  bool from_file = given[0] != '\0' && strcmp(given, PL_CHOICES_FIXED) != 0;
  size_t *previews = NULL, preview_count = 0;
  pl_buf choices;
  pl_buf_init(&choices, CHOICES_MAX);
  pl_status status = pl_previews_choose(&previews, &preview_count, &s->manifest, &s->info.config, err);
  if (status == PL_OK && (again || from_file)) status = pl_fs_read(&choices, again ? own : given, err);
  if (status == PL_OK) {
    status = open_trainer(s, again || from_file ? choices.data : NULL, previews, preview_count, err);
  }
  pl_buf_clear(&choices);
  free(own);
  if (status == PL_OK && !again) status = write_choices(s, err);
  char words[sizeof s->state.encoder_weights] = "";
  if (status == PL_OK && found != NULL) {
    status = pl_trainer_restore(s->trainer, found, state, err);
    (void)snprintf(words, sizeof words, "from checkpoint %s", pl_path_base(found));
    // Options changed by command hold as the checkpoint has them.
    s->info.config.learning_rate = state->learning_rate;
    s->info.config.epochs = state->epochs;
    s->info.config.early_stopping = state->early_stopping;
    if (status == PL_OK && strcmp(state->device, s->state.device) != 0) {
      pl_session_note(s, PL_MESSAGE_WARN, "", "another device than before (%.100s): results may differ", state->device);
    }
  } else if (status == PL_OK) {
    status = pl_trainer_initialise(s->trainer, words, sizeof words, err);
    char why[PL_ERROR_MESSAGE_MAX];
    if (pl_start_weights_leak(why, sizeof why, &s->info)) pl_session_note(s, PL_MESSAGE_WARN, "", "%s", why);
  }
  if (status == PL_OK) pl_session_open_previews(s, previews, preview_count);
  free(previews);
  if (status != PL_OK) return status;
  (void)pl_copy_text(s->state.encoder_weights, sizeof s->state.encoder_weights, words);
  pl_session_log(s, "encoder: %s", words);
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
  pl_memory memory = pl_trainer_memory(s->trainer);
  pl_session_log(s, "memory: %.1f MiB of tensors, %.1f MiB of activations, %.1f MiB else",
                 (double)memory.store / 1048576.0, (double)memory.arena / 1048576.0, (double)memory.other / 1048576.0);
  return PL_OK;
}

static pl_status open_session(pl_session *s, pl_error *err) {
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

// The last words in state, journal and log.
static int end_session(pl_session *s, pl_status status, const pl_error *err) {
  int code = status == PL_OK ? 0 : pl_status_exit_code(status);
  pl_phase phase = PL_PHASE_FINISHED;
  if (status == PL_E_CANCELLED) {
    phase = PL_PHASE_STOPPED;
    code = s->stop == PL_STOP_COMMAND ? 0 : s->stop == PL_STOP_NOW ? 130 : 6;
    pl_session_note(s, PL_MESSAGE_END, "", "stopped");
  } else if (status != PL_OK) {
    phase = PL_PHASE_FAILED;
    pl_session_note(s, PL_MESSAGE_END, "", "failed: %.220s", err->message);
    (void)pl_copy_text(s->state.last_error, sizeof s->state.last_error, err->message);
  } else {
    pl_checkpoint_state reached = pl_trainer_state(s->trainer);
    bool early = reached.epoch <= reached.epochs;
    pl_session_note(s, PL_MESSAGE_END, "", early ? "finished early: %lld epochs without a better %s" : "finished",
                    (long long)s->info.config.early_stopping, s->info.config.best_by);
  }
  if (s->journal != NULL && pl_journal_sync(s->journal, NULL) != PL_OK) write_log(s, "the journal is not complete");
  s->state.exit_code = code;
  pl_session_show(s, phase, "");
  pl_error problem = {0};
  const char *command = s->options->on_end;
  if (command != NULL && pl_on_end_start(command, s->folder, &s->state, &problem) != PL_OK) {
    pl_session_log(s, "%s", problem.message);
  }
  return code;
}

static void close_session(pl_session *s) {
  pl_preview_writer_close(s->previews);
  pl_trainer_destroy(s->trainer);
  if (s->backend != NULL) s->api->close(s->backend);
  pl_registry_destroy(s->registry);
  pl_pack_close(s->pack);
  pl_manifest_clear(&s->manifest);
  pl_journal_close(s->journal);
  pl_heartbeat_stop(s->heartbeat);
  pl_buf_clear(&s->scores);
  free(s->checkpoints);
  free(s->folder);
  const int files[] = {s->cases, s->log, s->signals, s->lock};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    if (files[i] >= 0) close(files[i]);
  }
  free(s);
}

int pl_session_run(const pl_session_options *options, pl_error *err) {
  pl_session *s = pl_xcalloc(1, sizeof *s);
  s->options = options;
  s->folder = pl_xstrdup(options->folder);
  s->checkpoints = pl_path_join(options->folder, "ckpt");
  s->lock = s->log = s->signals = s->cases = -1;
  s->clock = pl_clock_system();
  pl_buf_init(&s->scores, SCORES_MAX);
  pl_run_state_init(&s->state);
  s->state.phase = PL_PHASE_STARTING;
  pl_status status = open_session(s, err);
  if (status == PL_E_CANCELLED) (void)pl_fail(err, status, "stopped before the training began");
  pl_spawn_answer(options->ready_fd, status == PL_OK ? NULL : err);
  if (status == PL_OK) {
    pl_train_hooks hooks = pl_session_hooks(s);
    pl_session_show(s, PL_PHASE_TRAINING, "");
    if (s->changed) status = pl_session_checkpoint(s, false, err);
    if (status == PL_OK) status = pl_trainer_run(s->trainer, &hooks, err);
  }
  // Without the lock the folder is another core's: not a word into it.
  int code = s->heartbeat != NULL ? end_session(s, status, err) : pl_status_exit_code(status);
  close_session(s);
  return code;
}
