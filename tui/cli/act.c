// pleura status|pause|resume|checkpoint|stop|set [RUN]: where a run is, and one command to it. `pleura ctl RUN COMMAND`
// is the same with the words the other way round.
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "core/run/config.h"
#include "core/run/inbox.h"
#include "core/run/watch.h"
#include "tui/cli/cli.h"
#include "tui/cli/follow.h"
#include "tui/cli/place.h"
#include "tui/cli/run_words.h"

enum { OPTION_NO_WAIT = 256, OPTION_JSON, OPTION_LONG, WORDS_MAX = 4 };

// One of them, whatever the words' order was.
typedef struct act {
  const char *run;                     // NULL for the one made last
  const char *command, *name, *value;  // the last two of `set`
} act;

typedef struct arguments {
  const char *workspace;
  const char *words[WORDS_MAX];
  size_t count;
  double wait;
  bool json, more;
} arguments;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case OPTION_NO_WAIT: a->wait = 0; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case OPTION_LONG: a->more = true; return 0;
    case ARGP_KEY_ARG:
      if (a->count == WORDS_MAX) argp_error(state, "'%s' is one word too many", arg);
      a->words[a->count++] = arg;
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static const pl_message_record *answer_to(const pl_run_view *view, const char *id) {
  for (size_t i = view->journal.message_count; i > 0; i--) {
    if (strcmp(view->journal.messages[i - 1].id, id) == 0) return &view->journal.messages[i - 1];
  }
  return NULL;
}

static void print_answer(const pl_run_view *view, const arguments *a, const char *text, bool answered) {
  if (!a->json) {
    printf("%s\n", text);
    return;
  }
  pl_cli_print_answer_json(view->name, text, answered);
}

static pl_status send_command(const act *what, const arguments *a, pl_run_watch *watch, pl_error *err) {
  const pl_run_view *view = pl_run_watch_view(watch);
  pl_command command = {.kind = PL_COMMAND_PAUSE};
  if (!pl_command_from_name(&command.kind, what->command) || (command.kind == PL_COMMAND_SET) != (what->name != NULL)) {
    return pl_fail(err, PL_E_USAGE, "expected status, pause, resume, checkpoint, stop or 'set NAME VALUE', not '%s'",
                   what->command);
  }
  char instead[64];
  (void)snprintf(instead, sizeof instead, "only they may %s it", what->command);
  pl_status status = pl_access_check(view->folder, instead, err);
  if (status != PL_OK) return status;
  if (view->alive == PL_ALIVE_NO) {
    return pl_fail(err, PL_E_NOTFOUND, "no core is working on %s; 'pleura train --resume %s' starts one", view->name,
                   view->name);
  }
  if (what->name != NULL) {
    (void)pl_copy_text(command.option, sizeof command.option, what->name);
    (void)pl_copy_text(command.value, sizeof command.value, what->value);
  }
  status = pl_inbox_send(&command, view->folder, err);
  pl_clock clock = pl_clock_system();
  double end = pl_clock_monotonic(&clock) + a->wait;
  const pl_message_record *answer = NULL;
  while (status == PL_OK && answer == NULL && view->alive != PL_ALIVE_NO && pl_clock_monotonic(&clock) < end) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    status = pl_run_watch_update(watch, NULL, err);
    answer = answer_to(view, command.id);
  }
  if (status == PL_OK) {
    print_answer(view, a, answer != NULL ? answer->text : "sent; it takes effect after the running step",
                 answer != NULL);
  }
  return status;
}

static pl_status perform(const act *what, const arguments *a, pl_error *err) {
  char *folder = NULL;
  pl_run_watch *watch = NULL;
  pl_status status = pl_cli_find_run(&folder, a->workspace, what->run, err);
  if (status == PL_OK) status = pl_run_watch_create(&watch, folder, err);
  if (status == PL_OK) status = pl_run_watch_update(watch, NULL, err);
  if (status == PL_OK && strcmp(what->command, "status") == 0) {
    const pl_run_view *view = pl_run_watch_view(watch);
    if (a->json) {
      pl_cli_print_run_json(view, NULL);
      printf("\n");
    } else {
      pl_cli_print_status(view, a->more);
    }
  } else if (status == PL_OK) {
    status = send_command(what, a, watch, err);
  }
  pl_run_watch_destroy(watch);
  free(folder);
  return status;
}

static int finish(const char *command, pl_status status, const pl_error *err) {
  return status == PL_OK ? 0 : pl_cli_report(command, err);
}

static const struct argp_option options[] = {
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "The workspace (default: found from here upwards)"},
    {.name = "json", .key = OPTION_JSON, .doc = "Print a JSON object, unknown values as null"},
    {.name = "no-wait", .key = OPTION_NO_WAIT, .doc = "Return without the run's answer"},
    {0},
};

static const struct argp_option status_options[] = {
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "The workspace (default: found from here upwards)"},
    {.name = "json", .key = OPTION_JSON, .doc = "Print a JSON object, unknown values as null"},
    {.name = "long", .key = OPTION_LONG, .doc = "Also the device, the encoder's weights, and what went wrong"},
    {0},
};

static const struct argp ctl_parser = {
    .options = options,
    .parser = parse,
    .args_doc = "[RUN] COMMAND",
    .doc =
        "Sends a command to a run that is going. It takes effect between two steps.\v"
        "RUN is a name, its unique beginning or ending, 'latest' (the default), or a path; a group of folds stands for "
        "its run under way. Commands:\n"
        "  status          tell where it is\n"
        "  pause, resume   rest and go on\n"
        "  checkpoint      write one now\n"
        "  stop            write a checkpoint and end\n"
        "  set NAME VALUE  change an option that may be: epochs, learning-rate, previews, ...\n"
        "'pleura pause RUN' is the same as 'pleura ctl RUN pause', and so on.",
};

int pl_cli_ctl(int argc, char **argv) {
  arguments a = {.wait = 10, .more = true};
  pl_error err = {0};
  int code = pl_cli_parse(&ctl_parser, argc, argv, &a);
  if (code != 0) return code;
  // The run comes first, and may be left out.
  const bool set = a.count >= 3 && strcmp(a.words[a.count - 3], "set") == 0;
  const size_t own_words = set ? 3 : 1;
  if (a.count < own_words || a.count > own_words + 1) {
    pl_status status = pl_fail(&err, PL_E_USAGE, "expected a run and a command; --help tells which");
    return finish("ctl", status, &err);
  }
  const act what = {.run = a.count > own_words ? a.words[0] : NULL,
                    .command = a.words[a.count - own_words],
                    .name = set ? a.words[a.count - 2] : NULL,
                    .value = set ? a.words[a.count - 1] : NULL};
  return finish("ctl", perform(&what, &a, &err), &err);
}

// "previews=12" for an option's last word is "previews 12". The caller frees what the words then are.
static char *split_assignment(arguments *a) {
  const char *last = a->count > 0 ? a->words[a->count - 1] : "", *equals = strchr(last, '=');
  char name[64];
  if (equals == NULL || a->count == WORDS_MAX || (size_t)(equals - last) >= sizeof name) return NULL;
  (void)snprintf(name, sizeof name, "%.*s", (int)(equals - last), last);
  // "preview-cases number=12" is two words already.
  if (pl_option_find(name) == NULL) return NULL;
  char *copy = pl_xstrdup(last);
  copy[equals - last] = '\0';
  a->words[a->count - 1] = copy;
  a->words[a->count++] = copy + (equals - last) + 1;
  return copy;
}

// `pleura COMMAND [RUN]`, of the run made last when none is named.
static int run_act(int argc, char **argv, const char *doc, const struct argp_option *own) {
  const bool set = strcmp(argv[0], "set") == 0;
  const struct argp parser = {
      .options = own, .parser = parse, .args_doc = set ? "[RUN] NAME VALUE\n[RUN] NAME=VALUE" : "[RUN]", .doc = doc};
  const char *command = argv[0];
  arguments a = {.wait = 10};
  pl_error err = {0};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  char *split = set ? split_assignment(&a) : NULL;
  const size_t own_words = set ? 2 : 0;
  if (a.count < own_words || a.count > own_words + 1) {
    pl_status status = pl_fail(&err, PL_E_USAGE, set ? "expected a run, an option and its value" : "expected one run");
    free(split);
    return finish(command, status, &err);
  }
  const act what = {.run = a.count > own_words ? a.words[0] : NULL,
                    .command = command,
                    .name = set ? a.words[a.count - 2] : NULL,
                    .value = set ? a.words[a.count - 1] : NULL};
  code = finish(command, perform(&what, &a, &err), &err);
  free(split);
  return code;
}

int pl_cli_status(int argc, char **argv) {
  return run_act(argc, argv,
                 "Tells in one line where a run is: a name, its unique beginning or ending, or a folder; without one "
                 "the run made last.",
                 status_options);
}

int pl_cli_pause(int argc, char **argv) {
  return run_act(argc, argv, "Lets a run rest after its running step, until 'pleura resume'.", options);
}

int pl_cli_resume(int argc, char **argv) {
  return run_act(argc, argv,
                 "Lets a paused run go on. One that was stopped or has died is resumed by 'pleura train --resume RUN'.",
                 options);
}

int pl_cli_checkpoint(int argc, char **argv) {
  return run_act(argc, argv, "Has a run write a checkpoint after its running step.", options);
}

int pl_cli_stop(int argc, char **argv) {
  return run_act(argc, argv, "Has a run write a checkpoint and end; 'pleura train --resume RUN' goes on with it.",
                 options);
}

int pl_cli_set(int argc, char **argv) {
  return run_act(
      argc, argv,
      "Changes an option of a run that is going: epochs, learning-rate, early-stopping, checkpoint-every, keep, "
      "previews, preview-cases. Other previews are taken at the next evaluation.\vExamples:\n"
      "  pleura set previews=12\n"
      "  pleura set blog preview-cases 'number=12|number=40'",
      options);
}
