#include "tui/cli/label_choice.h"

#include "core/run/config.h"

void pl_cli_label_choice_take(pl_cli_label_choice *choice, const char *text, struct argp_state *state) {
  choice->given = true;
  if (!pl_label_choice_find(&choice->labels, text)) {
    argp_error(state, "--labels takes original or corrected, not '%s'", text);
  }
}

pl_status pl_cli_label_choice_find(pl_label_choice *out, const pl_cli_label_choice *choice, const char *workspace,
                                   pl_error *err) {
  if (!choice->given) return pl_config_workspace_labels(out, workspace, err);
  *out = choice->labels;
  return PL_OK;
}

pl_status pl_cli_label_choice_table(char **path, const pl_cli_label_choice *choice, const char *workspace,
                                    pl_error *err) {
  pl_label_choice labels = PL_LABELS_ORIGINAL;
  pl_status status = pl_cli_label_choice_find(&labels, choice, workspace, err);
  return status == PL_OK ? pl_label_table_find(path, workspace, labels, err) : status;
}

pl_status pl_cli_label_choice_manifest(pl_manifest *out, const pl_cli_label_choice *choice, const char *workspace,
                                       pl_error *err) {
  pl_label_choice labels = PL_LABELS_ORIGINAL;
  pl_status status = pl_cli_label_choice_find(&labels, choice, workspace, err);
  return status == PL_OK ? pl_labels_load_manifest(out, workspace, labels, err) : status;
}
