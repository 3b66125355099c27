// The options of a training on a command line, for all commands that take them: one argp option for each row of the
// option table, --preset, and the configuration that comes of them.
#pragma once

#include <argp.h>

#include "core/base/status.h"
#include "core/run/config.h"

typedef struct pl_cli_training {
  const char *preset;
  const char *values[PL_OPTIONS_MAX];  // by row of the table, old names included; NULL where not given
} pl_cli_training;

// Keys of these options; a command's own keys are below.
enum { PL_CLI_TRAINING_PRESET = 999, PL_CLI_TRAINING_FIRST = 1000 };

size_t pl_cli_training_count(void);  // rows of `values` that are used

// The command's own options, then these; *texts gets the texts that they borrow. Both are freed with the function
// below.
struct argp_option *pl_cli_training_options(char ***texts, const struct argp_option *own, size_t own_count);
void pl_cli_training_free(struct argp_option *options, char **texts);

// Appends the list of presets, for the end of a command's help.
void pl_cli_training_add_presets(pl_buf *text);

// For argp's parser: takes the option or returns ARGP_ERR_UNKNOWN.
error_t pl_cli_training_parse(pl_cli_training *training, int key, const char *arg, struct argp_state *state);

// The defaults, then the workspace's pleura.yaml (unless `workspace` is NULL), the preset, and the command line.
pl_status pl_cli_training_config(pl_config *config, const pl_cli_training *training, const char *workspace,
                                 pl_error *err);
