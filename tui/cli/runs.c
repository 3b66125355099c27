// pleura runs: the runs of a workspace. pleura ctl: one command to one of them.
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/manifest.h"
#include "core/run/inbox.h"
#include "core/run/watch.h"
#include "tui/cli/cli.h"
#include "tui/cli/follow.h"

enum { OPTION_WAIT = 256, WORDS_MAX = 4 };

typedef struct arguments {
  const char *workspace;
  const char *words[WORDS_MAX];
  size_t count;
  double wait;
} arguments;

static const struct argp runs_parser, ctl_parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case OPTION_WAIT: a->wait = 0; return 0;
    case ARGP_KEY_ARG:
      if (state->root_argp == &runs_parser || a->count == WORDS_MAX)
        argp_error(state, "'%s' is one word too many", arg);
      a->words[a->count++] = arg;
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static const char *phase_words(const pl_run_view *view) {
  if (view->alive == PL_ALIVE_UNKNOWN && !pl_phase_is_over(view->state.phase)) return "on another host";
  return pl_phase_name(view->state.phase);
}

static void print_run(const pl_run_view *view) {
  const pl_run_state *s = &view->state;
  char epoch[48] = "?", best[32] = "?", left[32] = "";
  if (s->epoch >= 0) snprintf(epoch, sizeof epoch, "%lld/%lld", (long long)s->epoch, (long long)s->epochs);
  if (isfinite(s->best)) snprintf(best, sizeof best, "%.4f", s->best);
  if (view->alive == PL_ALIVE_YES) pl_cli_duration(left, sizeof left, s->eta);
  printf("%-20s %-15s %9s %8s %9s  %s\n", view->name, phase_words(view), epoch, best, left,
         view->info != NULL ? view->info->config.encoder : view->problem);
}

static pl_status list_runs(const arguments *a, pl_error *err) {
  char *workspace = NULL, **folders = NULL;
  size_t count = 0;
  pl_status status = pl_workspace_find(&workspace, a->workspace != NULL ? a->workspace : ".", err);
  if (status == PL_OK) status = pl_run_list(&folders, &count, workspace, err);
  if (status == PL_OK && count == 0) printf("no runs yet; 'pleura train' makes one\n");
  if (status == PL_OK && count > 0) {
    printf("%-20s %-15s %9s %8s %9s  %s\n", "run", "state", "epoch", "best", "ETA", "encoder");
  }
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    pl_run_watch *watch = NULL;
    status = pl_run_watch_create(&watch, folders[i], err);
    if (status == PL_OK) status = pl_run_watch_update(watch, NULL, err);
    if (status == PL_OK) print_run(pl_run_watch_view(watch));
    pl_run_watch_destroy(watch);
  }
  if (folders != NULL) pl_fs_free_names(folders, count);
  free(workspace);
  return status;
}

int pl_cli_runs(int argc, char **argv) {
  arguments a = {.workspace = NULL};
  int code = pl_cli_parse(&runs_parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  return list_runs(&a, &err) == PL_OK ? 0 : pl_cli_report("runs", &err);
}

static void print_status(const pl_run_view *view) {
  const pl_run_state *s = &view->state;
  char left[32], speed[32] = "?", loss[32] = "?";
  pl_cli_duration(left, sizeof left, s->eta);
  if (isfinite(s->images_per_second)) snprintf(speed, sizeof speed, "%.1f", s->images_per_second);
  if (isfinite(s->loss)) snprintf(loss, sizeof loss, "%.4f", s->loss);
  printf("%s: %s, epoch %lld/%lld, step %lld/%lld, loss %s, %s images/s, ETA %s\n", view->name, phase_words(view),
         (long long)s->epoch, (long long)s->epochs, (long long)s->step, (long long)s->steps, loss, speed, left);
  if (s->backend[0] != '\0') printf("%s on %s; encoder: %s\n", s->backend, s->device, s->encoder_weights);
  if (s->message[0] != '\0') printf("%s\n", s->message);
  if (s->last_error[0] != '\0') printf("%s\n", s->last_error);
}

static const pl_message_record *answer_to(const pl_run_view *view, const char *id) {
  for (size_t i = view->journal.message_count; i > 0; i--) {
    if (strcmp(view->journal.messages[i - 1].id, id) == 0) return &view->journal.messages[i - 1];
  }
  return NULL;
}

static pl_status send_command(const arguments *a, pl_run_watch *watch, pl_error *err) {
  const pl_run_view *view = pl_run_watch_view(watch);
  pl_command command = {.kind = PL_COMMAND_PAUSE};
  bool known = pl_command_from_name(&command.kind, a->words[1]);
  size_t expected = known && command.kind == PL_COMMAND_SET ? 4 : 2;
  if (!known || a->count != expected) {
    return pl_fail(err, PL_E_USAGE, "expected RUN and pause, resume, stop, checkpoint, status or 'set NAME VALUE'");
  }
  if (view->alive == PL_ALIVE_NO) {
    return pl_fail(err, PL_E_NOTFOUND, "no core is working on %s; 'pleura train --resume %s' starts one", view->name,
                   view->name);
  }
  if (expected == 4) {
    (void)pl_copy_text(command.option, sizeof command.option, a->words[2]);
    (void)pl_copy_text(command.value, sizeof command.value, a->words[3]);
  }
  pl_status status = pl_inbox_send(&command, view->folder, err);
  pl_clock clock = pl_clock_system();
  double end = pl_clock_monotonic(&clock) + a->wait;
  const pl_message_record *answer = NULL;
  while (status == PL_OK && answer == NULL && view->alive != PL_ALIVE_NO && pl_clock_monotonic(&clock) < end) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    status = pl_run_watch_update(watch, NULL, err);
    answer = answer_to(view, command.id);
  }
  if (status == PL_OK) printf("%s\n", answer != NULL ? answer->text : "sent; it takes effect after the running step");
  return status;
}

static pl_status control(const arguments *a, pl_error *err) {
  if (a->count < 2) return pl_fail(err, PL_E_USAGE, "expected a run and a command; --help tells which");
  char *workspace = NULL, *folder = NULL;
  pl_run_watch *watch = NULL;
  pl_status status = PL_OK;
  if (strchr(a->words[0], '/') == NULL) {
    status = pl_workspace_find(&workspace, a->workspace != NULL ? a->workspace : ".", err);
  }
  if (status == PL_OK) status = pl_run_find(&folder, workspace, a->words[0], err);
  if (status == PL_OK) status = pl_run_watch_create(&watch, folder, err);
  if (status == PL_OK) status = pl_run_watch_update(watch, NULL, err);
  if (status == PL_OK && strcmp(a->words[1], "status") == 0) {
    print_status(pl_run_watch_view(watch));
  } else if (status == PL_OK) {
    status = send_command(a, watch, err);
  }
  pl_run_watch_destroy(watch);
  free(folder);
  free(workspace);
  return status;
}

int pl_cli_ctl(int argc, char **argv) {
  arguments a = {.wait = 10};
  int code = pl_cli_parse(&ctl_parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  return control(&a, &err) == PL_OK ? 0 : pl_cli_report("ctl", &err);
}

static const struct argp_option runs_options[] = {
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "The workspace (default: found from here upwards)"},
    {0},
};

static const struct argp_option ctl_options[] = {
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "The workspace (default: found from here upwards)"},
    {.name = "no-wait", .key = OPTION_WAIT, .doc = "Return without the run's answer"},
    {0},
};

static const struct argp runs_parser = {
    .options = runs_options,
    .parser = parse,
    .doc = "Lists the runs of a workspace, oldest first: state, epoch, best score, time left.",
};

static const struct argp ctl_parser = {
    .options = ctl_options,
    .parser = parse,
    .args_doc = "RUN COMMAND",
    .doc =
        "Sends a command to a run that is going. It takes effect between two steps.\v"
        "RUN is a name, its unique beginning or ending, 'last', or a folder. Commands:\n"
        "  status          tell where it is\n"
        "  pause, resume   rest and go on\n"
        "  checkpoint      write one now\n"
        "  stop            write a checkpoint and end\n"
        "  set NAME VALUE  change epochs, learning-rate, checkpoint-every or keep",
};
