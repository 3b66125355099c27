// pleura core: the background process of a run or of a group of runs. Started by `pleura train` and the workbench.
#include <argp.h>
#include <string.h>

#include "core/base/num.h"
#include "core/run/config.h"
#include "core/run/group.h"
#include "core/run/session.h"
#include "tui/cli/cli.h"

enum { OPTION_RUN = 256, OPTION_GROUP, OPTION_READY, OPTION_RESUME, OPTION_FORCE, OPTION_SET, OPTION_ON_END };

typedef struct arguments {
  pl_session_options options;
  const char *group;
  const char *sets[PL_OPTIONS_MAX];
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  pl_session_options *options = &a->options;
  int64_t fd = 0;
  switch (key) {
    case OPTION_RUN: options->folder = arg; return 0;
    case OPTION_GROUP: a->group = arg; return 0;
    case OPTION_RESUME: options->resume = true; return 0;
    case OPTION_FORCE: options->force = true; return 0;
    case OPTION_ON_END: options->on_end = arg; return 0;
    case OPTION_SET:
      if (options->set_count == PL_OPTIONS_MAX) argp_error(state, "--set is given too often");
      if (options->set_count < PL_OPTIONS_MAX) a->sets[options->set_count++] = arg;
      return 0;
    case OPTION_READY:
      if (!pl_parse_i64(&fd, arg, strlen(arg)) || fd < 0 || fd > 1024) argp_error(state, "--ready takes a descriptor");
      options->ready_fd = (int)fd;
      return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is one word too many", arg); return 0;
    case ARGP_KEY_END:
      if ((options->folder == NULL) == (a->group == NULL)) argp_error(state, "either --run DIR or --group DIR");
      if (options->set_count > 0 && !options->resume) argp_error(state, "--set is for runs that are resumed");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

int pl_cli_core(int argc, char **argv) {
  arguments a = {.options = {.ready_fd = -1}};
  a.options.sets = a.sets;
  int failed = pl_cli_parse(&parser, argc, argv, &a);
  if (failed != 0) return failed;
  pl_error err = {0};
  const pl_group_options group = {
      .folder = a.group, .ready_fd = a.options.ready_fd, .force = a.options.force, .on_end = a.options.on_end};
  int code = a.group != NULL ? pl_group_train(&group, &err) : pl_session_run(&a.options, &err);
  // Whoever started it with --ready has the answer already.
  if (a.options.ready_fd < 0 && err.code != PL_OK && err.code != PL_E_CANCELLED) (void)pl_cli_report("core", &err);
  return code;
}

static const struct argp_option argp_options[] = {
    {.name = "run", .key = OPTION_RUN, .arg = "DIR", .doc = "The run's folder"},
    {.name = "group",
     .key = OPTION_GROUP,
     .arg = "DIR",
     .doc = "Instead of a run: a group's folder; what is left of its folds is trained one after another"},
    {.name = "ready", .key = OPTION_READY, .arg = "FD", .doc = "Answer 'ready' or the error over this descriptor"},
    {.name = "resume", .key = OPTION_RESUME, .doc = "Go on from the newest valid checkpoint"},
    {.name = "set",
     .key = OPTION_SET,
     .arg = "OPTION=VALUE",
     .doc = "When resuming: change an option that may change while a run is going, such as epochs"},
    {.name = "on-end", .key = OPTION_ON_END, .arg = "COMMAND", .doc = "Run this when the training ends"},
    {.name = "force", .key = OPTION_FORCE, .doc = "Go on although the cases, folds or labels changed"},
    {0},
};

static const struct argp parser = {
    .options = argp_options,
    .parser = parse,
    .doc =
        "Trains one run, or all folds of a group, in this process; what happens is written into the run's folder.\v"
        "Exit codes: 0 done, 2 usage, 3 data, 4 device, 5 storage, 6 stopped by a signal with a checkpoint.",
};
