#include "tui/cli/training.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/manifest.h"
#include "core/run/presets.h"

// Old names are taken too, but not shown.
size_t pl_cli_training_count(void) { return pl_option_count + pl_option_old_count; }

struct argp_option *pl_cli_training_options(char ***texts, const struct argp_option *own, size_t own_count) {
  size_t count = pl_cli_training_count(), n = own_count;
  struct argp_option *options = pl_xcalloc(own_count + 2 * count + 3, sizeof *options);
  *texts = pl_xcalloc(count + 1, sizeof **texts);
  memcpy(options, own, own_count * sizeof *own);
  options[n++] = (struct argp_option){
      .name = "preset", .key = PL_CLI_TRAINING_PRESET, .arg = "NAME", .doc = "Start from a set of values: see below"};
  options[n++] = (struct argp_option){.doc = "Options of the run, also in pleura.yaml:", .group = 1};
  for (size_t i = 0; i < count; i++) {
    const pl_option *o = &pl_options[i];
    (*texts)[i] = o->text[0] != '\0' ? pl_xprintf("%s (%s)", o->help, o->text) : pl_xstrdup(o->help);
    options[n++] = (struct argp_option){.name = o->name,
                                        .key = PL_CLI_TRAINING_FIRST + (int)i,
                                        .arg = o->argument,
                                        .flags = i < pl_option_count ? 0 : OPTION_HIDDEN,
                                        .doc = (*texts)[i],
                                        .group = 1};
    if (o->alias != NULL) options[n++] = (struct argp_option){.name = o->alias, .flags = OPTION_ALIAS};
  }
  return options;
}

void pl_cli_training_free(struct argp_option *options, char **texts) {
  for (size_t i = 0; i < pl_cli_training_count(); i++) free(texts[i]);
  free(texts);
  free(options);
}

void pl_cli_training_add_presets(pl_buf *text) {
  pl_presets presets = {0};
  pl_presets_load(&presets);
  (void)pl_buf_add_text(text, "Presets ('pleura presets NAME' tells what one sets):\n");
  for (size_t i = 0; i < presets.count; i++) {
    const pl_preset *preset = &presets.items[i];
    (void)pl_buf_printf(text, "  %-14s %s\n", preset->name,
                        preset->problem[0] != '\0' ? preset->problem : preset->about);
  }
  pl_presets_clear(&presets);
}

error_t pl_cli_training_parse(pl_cli_training *training, int key, const char *arg, struct argp_state *state) {
  if (key == PL_CLI_TRAINING_PRESET) {
    training->preset = arg;
    return 0;
  }
  if (key < PL_CLI_TRAINING_FIRST || key >= PL_CLI_TRAINING_FIRST + (int)pl_cli_training_count()) {
    return ARGP_ERR_UNKNOWN;
  }
  const pl_option *o = &pl_options[key - PL_CLI_TRAINING_FIRST];
  pl_config *scratch = pl_xcalloc(1, sizeof *scratch);
  pl_config_defaults(scratch);
  pl_error err = {0};
  if (arg == NULL) arg = "on";  // an option without an argument
  pl_status status = pl_config_set(scratch, o->name, arg, PL_ORIGIN_COMMAND, &err);
  free(scratch);
  if (status != PL_OK) argp_error(state, "%s", err.message);
  training->values[key - PL_CLI_TRAINING_FIRST] = arg;
  return 0;
}

pl_status pl_cli_training_config(pl_config *config, const pl_cli_training *training, const char *workspace,
                                 pl_error *err) {
  pl_config_defaults(config);
  pl_status status = PL_OK;
  if (workspace != NULL) {
    char *yaml = pl_path_join(workspace, PL_WORKSPACE_FILE);
    status = pl_config_read_yaml(config, yaml, err);
    free(yaml);
  }
  if (status == PL_OK && training->preset != NULL) status = pl_config_apply_preset(config, training->preset, err);
  for (size_t i = 0; i < pl_cli_training_count() && status == PL_OK; i++) {
    if (training->values[i] == NULL) continue;
    status = pl_config_set(config, pl_options[i].name, training->values[i], PL_ORIGIN_COMMAND, err);
  }
  return status == PL_OK ? pl_config_check(config, err) : status;
}
