// pleura init: makes an empty workspace.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/data/manifest.h"
#include "tui/cli/cli.h"

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  const char **folder = state->input;
  if (key != ARGP_KEY_ARG) return ARGP_ERR_UNKNOWN;
  if (*folder != NULL) argp_error(state, "one folder at a time");
  *folder = arg;
  return 0;
}

int pl_cli_init(int argc, char **argv) {
  const char *folder = NULL;
  int code = pl_cli_parse(&parser, argc, argv, &folder);
  if (code != 0) return code;
  if (folder == NULL) folder = ".";
  pl_error err = {0};
  if (pl_workspace_init(folder, &err) != PL_OK) return pl_cli_report("init", &err);
  char *full = realpath(folder, NULL);
  printf("%s is now a workspace; 'pleura import FOLDER' brings images into it.\n", full != NULL ? full : folder);
  free(full);
  return 0;
}

static const struct argp parser = {
    .parser = parse,
    .args_doc = "[DIR]",
    .doc =
        "Makes DIR (default: the current folder) a workspace: a folder with a pleura.yaml, where the images, masks, "
        "folds and runs of one set of images live.\v"
        "'pleura import' does this by itself when there is no workspace yet.",
};
