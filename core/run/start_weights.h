// Which weights a new run starts from.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/run/config.h"
#include "core/run/rundir.h"

#ifdef __cplusplus
extern "C" {
#endif

// "run:NAME", "run:NAME:best", "run:NAME:last" or "run:NAME:12" (an epoch) as a value of the option `weights`: the
// network of another run of the workspace, with its decoder; optimizer and schedule begin anew. NAME is as for
// pl_run_find, or that of a group of folds, which stands for its run of the same fold. "run:" alone, as in a preset,
// can be planned with but not started.
#define PL_WEIGHTS_RUN "run:"

// Where the weights are those of another run, the new one has its network: encoder and decoder-attention become that
// run's. PL_E_USAGE when the command line asks for another network, or for another fold: its images were trained on.
// PL_E_NOTFOUND: no such run. `workspace` may be NULL: then there is none. Other values of `weights` change nothing.
pl_status pl_start_weights_adopt(pl_config *config, const char *workspace, pl_error *err);

// Freezes the option: a run becomes the path of its checkpoint's file, whose hashes are checked, and no value the path
// of the encoder's fetched ImageNet weights, where they are there. As pl_start_weights_adopt, and PL_E_NOTFOUND when
// the run has no such checkpoint, PL_E_FORMAT when it is damaged.
pl_status pl_start_weights_choose(pl_config *config, const char *workspace, pl_error *err);

// The same in words, for forms: "encoder: random, expect a much lower dice; ...". Looks at the disk.
void pl_start_weights_describe(char *out, size_t size, const pl_config *config);

// What a frozen option names, for the first lines of a run: "run part0, step 110", or a file's name.
void pl_start_weights_name(char *out, size_t size, const pl_config *config);

// Why the scores of a run are better than it is: its weights are a run's that was trained on images which this one is
// validated on, by the fold or by the tables that both name. False: no such thing is known.
bool pl_start_weights_leak(char *why, size_t size, const pl_run_info *info);

#ifdef __cplusplus
}
#endif
