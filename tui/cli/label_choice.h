// The option --labels of the subcommands that read labels.
#pragma once

#include <argp.h>
#include <stdbool.h>

#include "core/data/labels.h"

typedef struct pl_cli_label_choice {
  bool given;
  pl_label_choice labels;
} pl_cli_label_choice;

// Takes the option's argument, or ends with argp's error.
void pl_cli_label_choice_take(pl_cli_label_choice *choice, const char *text, struct argp_state *state);

// The labels meant: what was given, else what the workspace's pleura.yaml says, else the original ones.
pl_status pl_cli_label_choice_find(pl_label_choice *out, const pl_cli_label_choice *choice, const char *workspace,
                                   pl_error *err);

// The table of these labels, see pl_label_table_find; the caller frees.
pl_status pl_cli_label_choice_table(char **path, const pl_cli_label_choice *choice, const char *workspace,
                                    pl_error *err);

// The cases of the workspace with these labels, see pl_labels_load_manifest. The caller clears *out.
pl_status pl_cli_label_choice_manifest(pl_manifest *out, const pl_cli_label_choice *choice, const char *workspace,
                                       pl_error *err);

// The row of a command's options.
#define PL_CLI_LABELS_ARGUMENT "original|corrected"
#define PL_CLI_LABELS_HELP                                                                                            \
  "The workspace's original labels or the corrected ones, see pleura labels (default: original, or what pleura.yaml " \
  "says)"
