// state.json: where a run is right now, replaced as a whole every 2 s and whenever the phase changes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/run/load.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pl_phase {
  PL_PHASE_UNKNOWN,
  PL_PHASE_STARTING,
  PL_PHASE_READING,   // cases, folds, the packed cache, a checkpoint
  PL_PHASE_PLANNING,  // what it is going to take
  PL_PHASE_TUNING,    // compiling the network's programs, and choosing algorithms by timing
  PL_PHASE_TRAINING,
  PL_PHASE_EVALUATING,
  PL_PHASE_SAVING,  // a checkpoint
  PL_PHASE_PAUSED,
  PL_PHASE_STOPPED,   // on request or by a signal, with a checkpoint to resume from
  PL_PHASE_FINISHED,  // all epochs done
  PL_PHASE_FAILED,    // last_error says why
} pl_phase;

// Unknown is -1 in integers, NAN in doubles and "" in texts. Texts are safe to print.
typedef struct pl_run_state {
  pl_phase phase;
  uint64_t heartbeat;               // grows while the core lives
  int64_t step, steps;              // optimizer steps done, and of the whole run
  int64_t epoch, epochs;            // running epoch from 1 (0: evaluating the untrained network), and how many
  int64_t epoch_step, epoch_steps;  // batches done in this epoch (of training, or of evaluation), and how many
  int64_t phase_done, phase_total;  // of reading, tuning and saving: cases, nodes and tensors, and how many
  double loss;                      // average of the running epoch
  double learning_rate;
  double images_per_second;  // of this epoch's training
  double eta;                // seconds until the run ends
  double elapsed;            // seconds since the core started
  double time;               // wall clock when it was written
  double best;               // of best-by, so far
  int64_t best_epoch;
  int64_t exit_code;  // of the core, once it ended
  pl_load load;       // of the core's machine
  char last_error[PL_ERROR_MESSAGE_MAX];
  char message[PL_ERROR_MESSAGE_MAX];  // what it waits for, such as space on the disk
  char backend[32];                    // "onednn"
  char device[160];                    // in words
  char unused_gpu[240];                // why a GPU that is there is not used, see unused_gpu.h
  char plan[256];                      // what the run was expected to take, see pl_run_plan_summary
  char encoder_weights[400];           // "random, expect a much lower dice", or the file that they came from
} pl_run_state;

void pl_run_state_init(pl_run_state *state);  // everything unknown

pl_status pl_run_state_save(const pl_run_state *state, const char *folder, pl_error *err);

// Reads FOLDER/state.json. PL_E_NOTFOUND before the core wrote one; on failure *out is untouched.
pl_status pl_run_state_load(pl_run_state *out, const char *folder, pl_error *err);

// The phase and how far it is: "tuning 34/312", "evaluating 3/12", "training".
void pl_run_state_words(char *out, size_t size, const pl_run_state *state);

// "training", ...; static strings. The inverse gives PL_PHASE_UNKNOWN for other words.
const char *pl_phase_name(pl_phase phase);

// True for the phases in which a core has ended.
bool pl_phase_is_over(pl_phase phase);

#ifdef __cplusplus
}
#endif
