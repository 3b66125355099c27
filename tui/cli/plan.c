// pleura plan: what a training would take, without starting it.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/manifest.h"
#include "core/run/plan.h"
#include "core/run/rundir.h"
#include "tui/cli/cli.h"
#include "tui/cli/place.h"
#include "tui/cli/training.h"

enum { OPTION_IMAGES = 256, OPTION_JSON, IMAGES_MAX = 100000000, IMAGES_DEFAULT = 1000 };

typedef struct arguments {
  const char *workspace;
  int64_t images;  // 0: not given
  bool json;
  pl_cli_training training;
} arguments;

static const struct argp_option own_options[] = {
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "The workspace (default: found from here upwards)"},
    {.name = "images",
     .key = OPTION_IMAGES,
     .arg = "N",
     .doc = "Plan for so many images, a fifth of them held out, instead of a workspace's"},
    {.name = "json", .key = OPTION_JSON, .doc = "Print one JSON object"},
};

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case OPTION_IMAGES:
      if (!pl_parse_i64(&a->images, arg, strlen(arg)) || a->images < 5 || a->images > IMAGES_MAX) {
        argp_error(state, "--images takes a number from 5 to %d, not '%s'", IMAGES_MAX, arg);
      }
      return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is one word too many", arg); return 0;
    case ARGP_KEY_END:
      if (a->images != 0 && a->workspace != NULL) argp_error(state, "--images stands for a workspace: leave out -C");
      return 0;
    default: return pl_cli_training_parse(&a->training, key, arg, state);
  }
}

static char *make_doc(void) {
  pl_buf text;
  pl_buf_init(&text, 65536);
  (void)pl_buf_add_text(&text,
                        "Tells what a training with these options would take: parameters, memory by parts and at its "
                        "peak, disk for checkpoints, and the time of a step, an epoch and the run. The network is "
                        "compiled to find out, but nothing of its size is allocated.\v");
  pl_cli_training_add_presets(&text);
  (void)pl_buf_printf(&text,
                      "\nThe images are a workspace's; outside of any, or with --images, %d or as many as said. The "
                      "time is that of the workspace's last run with the same network, size, batch and device; "
                      "without one, a guess from a measurement.\n"
                      "Exit codes: 0 it fits, 2 usage, 3 data, 4 it does not fit, or no such device.",
                      IMAGES_DEFAULT);
  return text.data;
}

static pl_status make_plan(pl_run_plan *plan, const arguments *a, pl_error *err) {
  char *workspace = NULL;
  pl_manifest manifest = {0};
  pl_config *config = pl_xcalloc(1, sizeof *config);
  pl_status status = PL_OK;
  if (a->images == 0) {
    status = pl_cli_workspace(&workspace, a->workspace, err);
    if (status == PL_E_NOTFOUND && a->workspace == NULL) status = PL_OK;
  }
  if (status == PL_OK) status = pl_cli_training_config(config, &a->training, workspace, err);
  if (status == PL_OK && workspace != NULL) status = pl_run_load_manifest(&manifest, workspace, config, err);
  if (status == PL_OK) {
    status = pl_run_plan_make(plan, config, workspace != NULL ? &manifest : NULL,
                              a->images != 0 ? a->images : IMAGES_DEFAULT, err);
  }
  pl_manifest_clear(&manifest);
  free(config);
  free(workspace);
  return status;
}

static pl_status run(const arguments *a, pl_error *err) {
  pl_run_plan *plan = pl_xcalloc(1, sizeof *plan);
  pl_status status = make_plan(plan, a, err);
  if (status == PL_OK) {
    pl_buf text;
    pl_buf_init(&text, 65536);
    if (a->json) {
      pl_run_plan_add_json(&text, plan);
      (void)pl_buf_add_text(&text, "\n");
    } else {
      pl_run_plan_describe(&text, plan);
    }
    (void)fputs(text.data, stdout);
    fflush(stdout);
    pl_buf_clear(&text);
    status = pl_run_plan_check(plan, err);
  }
  free(plan);
  return status;
}

int pl_cli_plan(int argc, char **argv) {
  arguments a = {.json = false};
  char **texts = NULL, *doc = make_doc();
  struct argp_option *options =
      pl_cli_training_options(&texts, own_options, sizeof own_options / sizeof own_options[0]);
  struct argp parser = {.options = options, .parser = parse, .doc = doc};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  pl_error err = {0};
  if (code == 0 && run(&a, &err) != PL_OK) code = pl_cli_report("plan", &err);
  pl_cli_training_free(options, texts);
  free(doc);
  return code;
}
