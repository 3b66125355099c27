// pleura presets: the named sets of options, and what each of them sets.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/run/presets.h"
#include "tui/cli/cli.h"

typedef struct arguments {
  const char *name;  // NULL for all of them
} arguments;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  if (key != ARGP_KEY_ARG) return ARGP_ERR_UNKNOWN;
  if (a->name != NULL) argp_error(state, "'%s' is one word too many", arg);
  a->name = arg;
  return 0;
}

static void print_list(const pl_presets *presets) {
  for (size_t i = 0; i < presets->count; i++) {
    const pl_preset *preset = &presets->items[i];
    printf("%-14s %s\n", preset->name, preset->problem[0] != '\0' ? preset->problem : preset->about);
  }
  if (presets->count == 0) printf("there is none, neither beside the program nor in ~/.config/pleura/presets\n");
}

static pl_status print_one(const char *name, const pl_presets *presets, pl_error *err) {
  const pl_preset *preset = pl_presets_find(presets, name);
  pl_config *config = pl_xcalloc(1, sizeof *config);
  pl_config_defaults(config);
  // The message of a name that does not exist lists those that do.
  const pl_status status = pl_config_apply_preset(config, name, err);
  if (status == PL_OK && preset != NULL) {
    printf("# %s\n# %s\n", preset->about, preset->path);
    for (size_t i = 0; i < pl_option_count; i++) {
      char text[PL_OPTION_TEXT_MAX];
      pl_config_get(text, config, &pl_options[i]);
      if (preset->sets[i]) printf("%s: %s\n", pl_options[i].name, text[0] != '\0' ? text : "\"\"");
    }
  }
  free(config);
  return status;
}

static const struct argp parser = {
    .parser = parse,
    .args_doc = "[NAME]",
    .doc =
        "Lists the presets of 'pleura train', 'pleura plan' and the start form, or tells what one of them sets.\v"
        "A preset is a file NAME.yaml: the lines of a pleura.yaml, and 'preset: {about: ...}'. The program's own lie "
        "in "
        "share/pleura/presets beside it; those in ~/.config/pleura/presets come first.",
};

int pl_cli_presets(int argc, char **argv) {
  arguments a = {.name = NULL};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_presets presets = {0};
  pl_presets_load(&presets);
  pl_error err = {0};
  pl_status status = PL_OK;
  if (a.name == NULL) {
    print_list(&presets);
  } else {
    status = print_one(a.name, &presets, &err);
  }
  pl_presets_clear(&presets);
  return status == PL_OK ? 0 : pl_cli_report("presets", &err);
}
