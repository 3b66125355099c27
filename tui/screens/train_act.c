#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "core/run/find.h"
#include "core/run/group.h"
#include "core/run/inbox.h"
#include "core/run/logout.h"
#include "core/run/previews.h"
#include "core/run/rundir.h"
#include "core/run/spawn.h"
#include "tui/screens/data.h"
#include "tui/screens/train_private.h"

// ---- Starting a core, which takes as long as its device and data take to open

typedef struct start_job {
  pl_jobs *jobs;
  char *workspace;
  pl_config config;
  char *folder;  // of the run: made by the job, or given to be resumed
  bool resume;
  pl_status status;
  pl_error error;
} start_job;

// Who quits does not wait for a core that still reads, plans or tunes: it goes on by itself.
static bool is_awaited(void *context) {
  const start_job *job = context;
  return !pl_jobs_ending(job->jobs);
}

// Starts what is left of a group. Its run under way is shown; the screen follows to the later ones by itself.
static void start_group(start_job *job, const char *group) {
  pl_group_progress progress;
  const pl_spawn_options options = {.group = true, .waiting = is_awaited, .context = job};
  job->status = pl_group_look(&progress, group, &job->error);
  if (job->status == PL_OK && progress.current < 0) {
    job->status = pl_fail(&job->error, PL_E_EXISTS, "all folds of %s are done", pl_path_base(group));
  }
  if (job->status == PL_OK) job->status = pl_spawn_core(group, &options, &job->error);
  if (job->status == PL_OK && !job->resume) job->folder = pl_group_run_folder(group, progress.current);
}

// The group that the job is of, or NULL: a new one, or that of a run which goes on.
static char *find_group(start_job *job) {
  char *group = NULL;
  int64_t fold = 0;
  if (job->resume) return pl_group_of_run(&fold, job->folder);
  if (job->config.all_folds) job->status = pl_group_begin(&group, job->workspace, &job->config, &job->error);
  return group;
}

static void start_work(void *data) {
  start_job *job = data;
  // The core inherits this thread's signal mask: it must be able to be terminated.
  sigset_t none, old;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, &old);
  char *group = find_group(job);
  if (group != NULL) {
    start_group(job, group);
  } else if (job->status == PL_OK) {
    if (!job->resume) job->status = pl_run_make(&job->folder, job->workspace, &job->config, &job->error);
    const pl_spawn_options options = {.resume = job->resume, .waiting = is_awaited, .context = job};
    if (job->status == PL_OK) job->status = pl_spawn_core(job->folder, &options, &job->error);
  }
  free(group);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void start_free(void *data) {
  start_job *job = data;
  free(job->workspace);
  free(job->folder);
  free(job);
}

static void start_done(void *owner, void *data) {
  pl_train *self = owner;
  start_job *job = data;
  pl_app *app = self->app;
  self->starting = false;
  if (job->status == PL_OK) self->form_open = false;
  // A run that could not be started has left its folder and log: it is shown as what it is.
  if (job->folder != NULL) {
    pl_tui_model_select_folder(app->model, job->folder);
    pl_app_tell(app, PL_CHANGED_RUNS | PL_CHANGED_RUN | PL_CHANGED_LAYOUT);
  }
  if (job->status == PL_OK) {
    pl_app_say(app, "%s %s; it goes on when you leave", pl_path_base(job->folder), job->resume ? "resumed" : "started");
  } else {
    pl_app_complain(app, &job->error);
  }
  start_free(job);
}

static void submit(pl_train *self, start_job *job) {
  self->starting = true;
  job->jobs = self->app->jobs;
  pl_app_say(self->app, "starting ...");
  pl_jobs_submit(self->app->jobs,
                 &(pl_job){.work = start_work, .done = start_done, .drop = start_free, .owner = self, .data = job});
}

void pl_train_drop_asked(pl_train *self) {
  if (self->asked != NULL) start_free(self->asked);
  self->asked = NULL;
}

static void start_confirmed(pl_app *app) {
  pl_train *self = pl_train_of(app);
  start_job *job = self->asked;
  self->asked = NULL;
  if (job != NULL) submit(self, job);
}

// Where a logout would end the training, one is asked first.
static void start(pl_train *self, start_job *job) {
  pl_train_drop_asked(self);
  if (pl_logout_check() != PL_LOGOUT_KILLS) {
    submit(self, job);
    return;
  }
  char question[PL_QUESTION_SIZE];
  (void)snprintf(question, sizeof question, "%s. Start it all the same?", pl_logout_remedy());
  self->asked = job;
  pl_confirm_ask(self->app, question, start_confirmed);
}

void pl_train_start(pl_app *app, const char *args) {
  (void)args;
  pl_train *self = pl_train_of(app);
  if (app->model->workspace == NULL || app->model->manifest.count == 0) {
    pl_app_say(app, "there is nothing to train on yet; :import FOLDER brings cases");
    app->message_bad = true;
    return;
  }
  if (self->starting || pl_train_replay_refuses(self)) return;
  if (!self->form_open) {
    pl_train_fill_form(self);
    self->form_open = true;
    pl_app_tell(app, PL_CHANGED_LAYOUT);
    return;
  }
  pl_error err = {0};
  if (pl_config_check(&self->form.config, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  if (!pl_train_is_planned(self)) {
    self->start_when_planned = true;
    self->start_version = self->form.version;
    pl_app_say(app, "planning ...");
    pl_train_ask_plan(self);
    return;
  }
  if (pl_train_refuse(self)) return;
  start_job *job = pl_xcalloc(1, sizeof *job);
  job->workspace = pl_xstrdup(app->model->workspace);
  job->config = self->form.config;
  start(self, job);
}

bool pl_train_choose(pl_app *app, const char *args) {
  if (args[0] == '\0') return true;
  pl_tui_model *model = app->model;
  char *folder = NULL;
  pl_error err = {0};
  pl_status status = pl_run_find(&folder, model->workspace, args, &err);
  if (status == PL_OK) {
    const unsigned changed = pl_tui_model_select_folder(model, folder);
    if (changed != 0) pl_app_tell(app, changed);
    if (!pl_tui_model_shows(model, folder)) {
      status = pl_fail(&err, PL_E_NOTFOUND, "%.120s is a run of another workspace; 'pleura -C' opens that", folder);
    }
  }
  free(folder);
  if (status != PL_OK) pl_app_complain(app, &err);
  return status == PL_OK;
}

void pl_train_resume(pl_app *app, const char *args) {
  pl_train *self = pl_train_of(app);
  if (self->starting || !pl_train_choose(app, args) || pl_train_replay_refuses(self)) return;
  const pl_run_view *run = app->model->run;
  pl_error err = {0};
  if (run != NULL && pl_access_check(run->folder, "only they may resume it", &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  if (run == NULL || run->alive == PL_ALIVE_YES) {
    pl_app_say(app, run == NULL ? "there is no run to resume" : "the run is going; P pauses it and lets it go on");
    return;
  }
  if (run->alive == PL_ALIVE_UNKNOWN) {
    pl_app_say(app, "the run belongs to another machine and may be alive there; resume it there");
    return;
  }
  if (run->state.phase == PL_PHASE_FINISHED) {
    pl_app_say(app, "the run has finished; S starts a new one");
    return;
  }
  start_job *job = pl_xcalloc(1, sizeof *job);
  job->folder = pl_xstrdup(run->folder);
  job->resume = true;
  start(self, job);
}

// ---- Commands to a running core

// Whether the selected run can be told something; says why not.
static bool check_alive(pl_app *app) {
  const pl_run_view *run = app->model->run;
  pl_error err = {0};
  if (pl_train_replay_refuses(pl_train_of(app))) return false;
  if (run == NULL) {
    pl_app_say(app, "there is no run");
  } else if (pl_access_check(run->folder, "only they may steer it", &err) != PL_OK) {
    pl_app_complain(app, &err);
  } else if (run->alive == PL_ALIVE_NO) {
    pl_app_say(app, "%s is not running", run->name);
  } else {
    return true;
  }
  return false;
}

static void send(pl_app *app, pl_command *command, const char *said) {
  pl_error err = {0};
  if (pl_inbox_send(command, app->model->run->folder, &err) != PL_OK) {
    pl_app_complain(app, &err);
  } else {
    pl_app_say(app, "%s: asked to %s", app->model->run->name, said);
  }
}

void pl_train_pause(pl_app *app, const char *args) {
  if (!pl_train_choose(app, args) || !check_alive(app)) return;
  const bool paused = app->model->run->state.phase == PL_PHASE_PAUSED;
  pl_command command = {.kind = paused ? PL_COMMAND_RESUME : PL_COMMAND_PAUSE};
  send(app, &command, paused ? "go on" : "pause");
}

void pl_train_checkpoint(pl_app *app, const char *args) {
  if (!pl_train_choose(app, args) || !check_alive(app)) return;
  pl_command command = {.kind = PL_COMMAND_CHECKPOINT};
  send(app, &command, "write a checkpoint");
}

static void stop_confirmed(pl_app *app) {
  if (!check_alive(app)) return;
  pl_command command = {.kind = PL_COMMAND_STOP};
  send(app, &command, "stop");
}

void pl_train_stop(pl_app *app, const char *args) {
  if (!pl_train_choose(app, args) || !check_alive(app)) return;
  char question[PL_QUESTION_SIZE];
  snprintf(question, sizeof question,
           "Stop %s after this step? It writes a checkpoint first and can be resumed with R.", app->model->run->name);
  pl_confirm_ask(app, question, stop_confirmed);
}

void pl_train_set(pl_app *app, const char *args) {
  pl_train *self = pl_train_of(app);
  char option[64];
  const size_t length = strcspn(args, " ");
  const char *value = args + length + strspn(args + length, " ");
  if (length == 0 || length >= sizeof option) {
    pl_app_say(app, "set wants an option and a value, such as: set learning-rate 1e-5");
    return;
  }
  snprintf(option, sizeof option, "%.*s", (int)length, args);
  if (self->form_open || app->model->run == NULL) {
    pl_train_set_in_form(self, option, value);
    return;
  }
  if (!check_alive(app)) return;
  // What the core would refuse is refused here already.
  pl_error err = {0};
  pl_config scratch = app->model->run->info != NULL ? app->model->run->info->config : self->form.config;
  if (pl_config_set(&scratch, option, value, PL_ORIGIN_RUN, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  pl_command command = {.kind = PL_COMMAND_SET};
  pl_copy_text(command.option, sizeof command.option, option);
  pl_copy_text(command.value, sizeof command.value, value);
  char said[PL_MESSAGE_SIZE];
  snprintf(said, sizeof said, "set %s to %.100s", option, value);
  send(app, &command, said);
}

static void rate_entered(pl_app *app, const char *text) {
  char set[PL_LINE_SIZE + 32];
  if (text[strspn(text, " ")] == '\0') return;
  snprintf(set, sizeof set, "learning-rate %s", text);
  pl_train_set(app, set);
}

void pl_train_rate(pl_app *app, const char *args) {
  if (args[0] != '\0') {
    rate_entered(app, args);
  } else if (pl_train_of(app)->form_open || check_alive(app)) {
    pl_prompt_open(app, "learning rate: ", NULL, "", rate_entered);
  }
}

// What is set is journaled like any other option: first which cases, then how many of them.
void pl_train_preview(pl_app *app, const char *args) {
  pl_error err = {0};
  if (args[0] != '\0' && pl_data_choose(app, args, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  const pl_case *c = pl_data_selected(app);
  if (c == NULL || !check_alive(app)) {
    if (c == NULL) pl_app_say(app, "no case is selected");
    return;
  }
  const pl_run_view *run = app->model->run;
  char cases[PL_FILTER_SIZE], said[64];
  int64_t count = 0;
  pl_status status = run->info == NULL ? pl_fail(&err, PL_E_FORMAT, "%s", run->problem)
                                       : pl_previews_add(cases, &count, run->folder, &app->model->manifest,
                                                         &run->info->config, c, &err);
  pl_command which = {.kind = PL_COMMAND_SET, .option = "preview-cases"},
             many = {.kind = PL_COMMAND_SET, .option = "previews"};
  if (status == PL_OK) {
    (void)pl_copy_text(which.value, sizeof which.value, cases);
    (void)snprintf(many.value, sizeof many.value, "%" PRId64, count);
    status = pl_inbox_send(&which, run->folder, &err);
  }
  if (status != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  (void)snprintf(said, sizeof said, "show case #%u from the next evaluation on", (unsigned)c->number);
  send(app, &many, said);
}

// ---- The form

void pl_train_enter(pl_app *app, const char *args) {
  (void)args;
  pl_train *self = pl_train_of(app);
  if (self->form_open) {
    pl_form_edit(&self->form);
    pl_train_ask_plan(self);
  } else if (pl_train_on_previews(self)) {
    pl_preview_strip_open_case(self->previews);
  } else {
    pl_train_enlarge(self);
  }
}

void pl_train_back(pl_app *app, const char *args) {
  (void)args;
  pl_train *self = pl_train_of(app);
  if (!self->form_open && (pl_train_leave_charts(self) || pl_train_replay_leave(self))) return;
  if (!self->form_open || app->model->run == NULL) {
    pl_app_back(app);
    return;
  }
  self->form_open = false;
  pl_app_tell(app, PL_CHANGED_LAYOUT);
}

static void move(pl_app *app, long delta) {
  pl_train *self = pl_train_of(app);
  if (self->form_open) {
    self->form.problem[0] = '\0';
    pl_table_move(&self->form.rows, delta);
    return;
  }
  // Nothing is selected among the epochs: the view moves, not a mark.
  pl_table *table = &self->epochs;
  const size_t last = table->count > table->page ? table->count - table->page : 0;
  if (delta > 0 && table->top < last) table->top++;
  if (delta < 0 && table->top > 0) table->top--;
  table->selected = table->top;
}

void pl_train_down(pl_app *app, const char *args) { (void)args, move(app, 1); }

void pl_train_up(pl_app *app, const char *args) { (void)args, move(app, -1); }

// ---- Which run

static void select_run(pl_app *app, size_t index) {
  const unsigned changed = pl_tui_model_select(app->model, index);
  if (changed != 0) pl_app_tell(app, changed);
  pl_app_say(app, "%s%s", pl_tui_model_run_name(app->model, app->model->selected),
             app->model->follow ? " (the newest; later ones are followed)" : "");
}

void pl_train_previous_run(pl_app *app, const char *args) {
  (void)args;
  if (app->model->selected > 0) select_run(app, app->model->selected - 1);
}

void pl_train_next_run(pl_app *app, const char *args) {
  (void)args;
  if (app->model->selected + 1 < app->model->run_count) select_run(app, app->model->selected + 1);
}

void pl_train_run(pl_app *app, const char *args) {
  if (pl_train_choose(app, args[0] != '\0' ? args : "latest")) select_run(app, app->model->selected);
}
