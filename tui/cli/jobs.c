// pleura jobs: long commands that run by themselves, in the background of a workspace.
#include <argp.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/num.h"
#include "core/data/manifest.h"
#include "core/run/background.h"
#include "tui/cli/cli.h"
#include "tui/cli/place.h"
#include "tui/words.h"

enum { OPTION_JSON = 256, OPTION_READY, LOG_LINES = 1000 };

typedef struct arguments {
  const char *workspace, *verb, *name;
  bool json;
  char **command;  // of start
  size_t command_count;
} arguments;

static const struct argp parser;

static const char *const verbs[] = {"list", "start", "log", "cancel", "clear"};

static void check_arguments(const arguments *a, struct argp_state *state) {
  bool known = false;
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) known = known || strcmp(verbs[i], a->verb) == 0;
  if (!known) argp_error(state, "'%s' is none of list, start, log, cancel and clear", a->verb);
  const bool named = strcmp(a->verb, "log") == 0 || strcmp(a->verb, "cancel") == 0;
  if (named != (a->name != NULL))
    argp_error(state, named ? "name the job: 'pleura jobs' lists them" : "one word too many");
  if (strcmp(a->verb, "start") == 0 && a->command_count == 0)
    argp_error(state, "say what to start: start import FOLDER");
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case ARGP_KEY_ARG:
      if (state->arg_num == 0) {
        a->verb = arg;
        if (strcmp(arg, "start") != 0) return 0;
        // What follows is the command's own.
        a->command = state->argv + state->next;
        a->command_count = (size_t)(state->argc - state->next);
        state->next = state->argc;
        return 0;
      }
      if (a->name != NULL) argp_error(state, "'%s' is one word too many", arg);
      a->name = arg;
      return 0;
    case ARGP_KEY_END: check_arguments(a, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// ---- Listing

static json_t *number_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static pl_status print_json(const pl_background *jobs, size_t count, pl_error *err) {
  static const char *const alive[] = {[PL_ALIVE_NO] = "no", [PL_ALIVE_YES] = "yes", [PL_ALIVE_UNKNOWN] = "unknown"};
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    const pl_background *job = &jobs[i];
    char state[96];
    pl_background_state(state, sizeof state, job);
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:s}", "name", job->name,
                        "command", job->command, "line", job->line, "user", job->user, "host", job->host, "started",
                        job->started, "alive", alive[job->alive], "state", state, "share", number_or_null(job->share),
                        "left", number_or_null(job->left), "words", job->words, "exit_code",
                        job->ended ? json_integer(job->exit_code) : json_null(), "seconds",
                        number_or_null(job->seconds), "last_words", job->last_words));
  }
  char *text = json_dumps(list, JSON_INDENT(1));
  json_decref(list);
  if (text == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for the list");
  printf("%s\n", text);
  free(text);
  return PL_OK;
}

static void print_text(const pl_background *jobs, size_t count) {
  if (count == 0)
    printf("there is no job; 'pleura jobs start import FOLDER', or :import in the workbench, starts one\n");
  for (size_t i = 0; i < count; i++) {
    const pl_background *job = &jobs[i];
    char state[96], share[16] = "", left[32] = "";
    pl_background_state(state, sizeof state, job);
    if (job->alive == PL_ALIVE_YES && isfinite(job->share)) snprintf(share, sizeof share, " %.0f %%", 100 * job->share);
    if (job->alive == PL_ALIVE_YES && isfinite(job->left)) {
      char words[24];
      pl_words_duration(words, sizeof words, job->left);
      snprintf(left, sizeof left, ", %s left", words);
    }
    const char *told = job->alive == PL_ALIVE_YES ? job->words : job->last_words;
    printf("%-14s %s%s%s%s%s\n", job->name, state, share, told[0] != '\0' ? "  " : "", told, left);
  }
}

static pl_status list(const arguments *a, const char *workspace, pl_error *err) {
  pl_background *jobs = NULL;
  size_t count = 0;
  pl_status status = pl_background_list(&jobs, &count, workspace, err);
  if (status != PL_OK) return status;
  if (a->json) {
    status = print_json(jobs, count, err);
  } else {
    print_text(jobs, count);
  }
  free(jobs);
  return status;
}

// ---- The other verbs

static pl_status print_log(const char *workspace, const char *name, pl_error *err) {
  char **lines = NULL;
  size_t count = 0;
  const pl_status status = pl_background_log(&lines, &count, workspace, name, LOG_LINES, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < count; i++) printf("%s\n", lines[i]);
  pl_fs_free_names(lines, count);
  return PL_OK;
}

static pl_status start(const arguments *a, const char *workspace, pl_error *err) {
  const pl_cli_command *command = pl_cli_find(a->command[0]);
  char *name = NULL;
  if (command == NULL || command->internal) {
    return pl_fail(err, PL_E_USAGE, "there is no command '%.60s'; 'pleura help' lists them", a->command[0]);
  }
  const pl_status status = pl_background_start(&name, workspace, a->command, a->command_count, NULL, err);
  if (status == PL_OK)
    printf("%s runs; 'pleura jobs' tells how far it is, 'pleura jobs cancel %s' ends it\n", name, name);
  free(name);
  return status;
}

static pl_status clear(const char *workspace, pl_error *err) {
  size_t removed = 0;
  const pl_status status = pl_background_clear(&removed, workspace, err);
  if (status == PL_OK) printf("%zu jobs that had ended were cleared away\n", removed);
  return status;
}

static pl_status act(const arguments *a, const char *workspace, pl_error *err) {
  if (strcmp(a->verb, "start") == 0) return start(a, workspace, err);
  if (strcmp(a->verb, "log") == 0) return print_log(workspace, a->name, err);
  if (strcmp(a->verb, "clear") == 0) return clear(workspace, err);
  if (strcmp(a->verb, "list") == 0) return list(a, workspace, err);
  const pl_status status = pl_background_cancel(workspace, a->name, err);
  if (status == PL_OK) printf("%s was asked to end; what it has done is kept\n", a->name);
  return status;
}

int pl_cli_jobs(int argc, char **argv) {
  arguments a = {.verb = "list"};
  const int code = pl_cli_parse_in_order(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  char *workspace = NULL;
  const bool reads = strcmp(a.verb, "list") == 0 || strcmp(a.verb, "log") == 0;
  pl_status status = reads ? pl_cli_workspace(&workspace, a.workspace, &err)
                           : pl_cli_workspace_to_write(&workspace, a.workspace, &err);
  if (status == PL_OK) status = act(&a, workspace, &err);
  free(workspace);
  return status == PL_OK ? 0 : pl_cli_report("jobs", &err);
}

static const struct argp_option options[] = {
    {.name = "json", .key = OPTION_JSON, .doc = "The list as JSON"},
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "Workspace (default: the one around the current folder)"},
    {0},
};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "[list]\nstart COMMAND [ARGUMENT ...]\nlog NAME\ncancel NAME\nclear",
    .doc =
        "Lists the long commands that run in the background of a workspace, or have: what the workbench's :import and "
        "the like start, and what 'start' does.\v"
        "A job belongs to no terminal. 'cancel' ends it as Ctrl-C would: what it has done is kept. 'log' prints what "
        "it "
        "printed, 'clear' forgets those that have ended.\n\n"
        "Examples:\n"
        "  pleura jobs start import ~/siim\n"
        "  pleura jobs cancel import-1",
};

// ---- pleura job: the keeper of one

static error_t parse_job(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case OPTION_READY: a->verb = arg; return 0;
    case ARGP_KEY_ARG: a->name = arg; return 0;
    case ARGP_KEY_END:
      if (a->name == NULL) argp_error(state, "name the job's folder");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

int pl_cli_job(int argc, char **argv) {
  static const struct argp_option own[] = {
      {.name = "ready", .key = OPTION_READY, .arg = "FD", .doc = "Answer 'ready' or the error over this descriptor"},
      {0}};
  static const struct argp job_parser = {
      .options = own, .parser = parse_job, .args_doc = "FOLDER", .doc = "Runs the command of a job's folder."};
  arguments a = {0};
  const int code = pl_cli_parse(&job_parser, argc, argv, &a);
  if (code != 0) return code;
  int64_t fd = -1;
  if (a.verb != NULL && (!pl_parse_i64(&fd, a.verb, strlen(a.verb)) || fd < 0 || fd > 1024)) return 2;
  pl_error err = {0};
  const int ended = pl_background_keep(a.name, (int)fd, &err);
  if (err.code != PL_OK && fd < 0) (void)pl_cli_report("job", &err);
  return ended;
}
