#include "tui/cmd.h"

#include "tui/commands/commands.h"
#include "tui/screens/label.h"

// In this order in the help.
static const pl_cmd_table *const tables[] = {
    &pl_data_cmds,  &pl_case_cmds, &pl_label_cmds,  &pl_train_cmds, &pl_curves_cmds, &pl_batch_cmds,
    &pl_folds_cmds, &pl_runs_cmds, &pl_review_cmds, &pl_log_cmds,   &pl_jobs_cmds,   &pl_everywhere_cmds,
};

size_t pl_cmd_count(void) {
  size_t count = 0;
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) count += tables[i]->count;
  return count;
}

const pl_cmd *pl_cmd_at(size_t index) {
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
    if (index < tables[i]->count) return &tables[i]->cmds[index];
    index -= tables[i]->count;
  }
  return NULL;
}
