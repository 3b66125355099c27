// pleura replay: a run once more, at another speed.
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"
#include "core/data/manifest.h"
#include "core/run/rundir.h"
#include "tui/cli/cli.h"
#include "tui/cli/follow.h"
#include "tui/cli/place.h"

enum { OPTION_SPEED = 256 };

typedef struct arguments {
  const char *workspace, *run;
  double speed;
} arguments;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case OPTION_SPEED:
      if (!pl_parse_double(&a->speed, arg, strlen(arg)) || !(a->speed >= 0) || !isfinite(a->speed)) {
        argp_error(state, "--speed takes a number from 0, not '%s'", arg);
      }
      return 0;
    case ARGP_KEY_ARG:
      if (a->run != NULL) argp_error(state, "'%s' is one word too many", arg);
      a->run = arg;
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static pl_status replay(const arguments *a, pl_error *err) {
  char *folder = NULL;
  pl_status status = pl_cli_find_run(&folder, a->workspace, a->run, err);
  if (status == PL_OK) status = pl_cli_replay(folder, a->speed, err);
  free(folder);
  return status;
}

static const struct argp_option options[] = {
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "The workspace (default: found from here upwards)"},
    {.name = "speed", .key = OPTION_SPEED, .arg = "X", .doc = "So many times as fast (60); 0 is at once"},
    {0},
};

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "[RUN]",
    .doc =
        "Plays a run's journal: what 'pleura train' printed, at any speed.\v"
        "RUN is a name, its unique beginning or ending, 'latest', or a folder; without one the run made last. What was "
        "done again after a kill is played once, as it counts.",
};

int pl_cli_replay_run(int argc, char **argv) {
  arguments a = {.speed = 60};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  return replay(&a, &err) == PL_OK ? 0 : pl_cli_report("replay", &err);
}
