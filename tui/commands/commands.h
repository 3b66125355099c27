// The parts of the command table, one file each: rows of one screen stand together.
#pragma once

#include "tui/cmd.h"

extern const pl_cmd_table pl_data_cmds;
extern const pl_cmd_table pl_case_cmds;
extern const pl_cmd_table pl_train_cmds;
extern const pl_cmd_table pl_curves_cmds;
extern const pl_cmd_table pl_batch_cmds;
extern const pl_cmd_table pl_folds_cmds;
extern const pl_cmd_table pl_runs_cmds;
extern const pl_cmd_table pl_review_cmds;
extern const pl_cmd_table pl_log_cmds;
extern const pl_cmd_table pl_jobs_cmds;
extern const pl_cmd_table pl_everywhere_cmds;
