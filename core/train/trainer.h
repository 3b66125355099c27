// The training loop: batches in, steps and scores out. Where things are written and who may interrupt is up to hooks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/data/feed.h"
#include "core/data/manifest.h"
#include "core/net/backend.h"
#include "core/net/model.h"
#include "core/train/checkpoint.h"
#include "core/train/metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pl_best_by {
  PL_BEST_BY_DICE_BATCH,
  PL_BEST_BY_DICE,
  PL_BEST_BY_DICE_POS,
  PL_BEST_BY_DICE_IMAGE
} pl_best_by;

// Texts and arrays are borrowed while the trainer lives.
typedef struct pl_trainer_options {
  const char *encoder;
  const char *attention;     // of the decoder; NULL is none
  const char *weights;       // file to start from, "random", or ""
  const char *weights_name;  // what it is called in words, NULL for the file's name
  const char *choices;       // what pl_trainer_choices gave to an earlier trainer of this run, or NULL
  pl_feed_options feed;      // of the training subset; the other one has the same fold, size and limit
  int32_t valid_batch;
  int64_t epochs, accumulation;
  const pl_schedule *schedule;
  // Its base is the learning rate, a period of 0 means all epochs; a plateau looks at the validation loss when smaller
  // is better, else at the score of `best_by`.
  pl_schedule_options schedule_options;
  int64_t early_stopping;  // epochs without a better score that end the training, 0 for never
  int64_t keep_best;       // epochs that are listed in pl_checkpoint_state.top, at most PL_TOP_MAX
  double clip_norm, weight_decay;
  double loss_weights[PL_LOSS_TERMS];
  pl_optimizer optimizer;
  bool freeze_encoder;
  double momentum;  // SGD's
  bool nesterov;
  pl_best_by best_by;
  const size_t *previews;  // cases of the manifest that are predicted after every epoch, see pl_train_hooks.predicted
  size_t preview_count;
  pl_progress compiling;  // told before each program is compiled: nodes of the programs so far, and of all
} pl_trainer_options;

// Where it is. Unknown doubles are NAN.
typedef struct pl_train_progress {
  bool evaluating;
  int64_t step, steps;
  int64_t epoch, epochs;
  int64_t epoch_step, epoch_steps;  // batches of this epoch's training or evaluation
  double loss_mean, learning_rate, images_per_second, eta;
  double best;
  int64_t best_epoch;
} pl_train_progress;

// One optimizer step.
typedef struct pl_train_step {
  int64_t step, epoch;
  double loss;  // of its (last) batch
  double terms[PL_LOSS_TERMS];
  double loss_mean;  // of the epoch so far, every batch equal
  double learning_rate, gradient_norm, images_per_second;
} pl_train_step;

// One evaluated epoch.
typedef struct pl_train_epoch {
  int64_t step, epoch;
  double train_loss, learning_rate, images_per_second;
  double train_terms[PL_LOSS_TERMS];  // of the loss, without their weights
  pl_scores scores;
  bool best;
  bool top;  // among the `keep_best` best
} pl_train_epoch;

// Images of a step that was not taken since its loss or gradient is not finite, with what the network makes of them.
typedef struct pl_train_lost {
  int64_t step, epoch;         // the step that would have been
  const char *what;            // "loss" or "gradient"
  const pl_batch *batch;       // as it went in
  const float *probabilities;  // [count][1][size][size], by inference with the weights before the step
} pl_train_lost;

// Called by pl_trainer_run in its thread. A failure ends the run with that status; PL_E_CANCELLED is how to stop it.
typedef struct pl_train_hooks {
  void *context;
  pl_status (*step)(void *context, const pl_train_step *step, pl_error *err);
  // One validation image's dice at threshold 0.5.
  pl_status (*scored)(void *context, int64_t epoch, const pl_case *c, double dice, pl_error *err);
  // What the network makes of one of the options' previews, in the evaluation of an epoch: [size][size], borrowed
  // during the call; or NULL with the reason when the case cannot be read. In the order in which they are computed.
  void (*predicted)(void *context, int64_t epoch, const pl_case *c, const float *probabilities, const pl_error *why);
  // The epoch is over, and a checkpoint made in here begins with the next one.
  pl_status (*epoch)(void *context, const pl_train_epoch *epoch, pl_error *err);
  // Between two optimizer steps or two batches of an evaluation: checkpoints may be made, options changed.
  pl_status (*between)(void *context, pl_error *err);
  // A step was left out because its gradient overflowed half precision; the loss scale is now `scale`.
  void (*skipped)(void *context, int64_t epoch, double scale);
  // Before the run ends with PL_E_FORMAT; once for each batch of the step.
  void (*lost)(void *context, const pl_train_lost *lost);
} pl_train_hooks;

typedef struct pl_trainer pl_trainer;

// Builds the network, compiles its programs and reserves all memory. The manifest and the backend are borrowed until
// the trainer is destroyed. PL_E_USAGE: no such fold, an empty subset, a size that does not fit; PL_E_NOTFOUND: no such
// encoder; PL_E_UNSUPPORTED, PL_E_NOMEM, PL_E_DEVICE from the backend.
pl_status pl_trainer_create(pl_trainer **out, const pl_backend_api *api, pl_backend *backend,
                            const pl_manifest *manifest, const pl_trainer_options *options, pl_error *err);
void pl_trainer_destroy(pl_trainer *trainer);  // takes NULL

// What the backend chose by timing, as JSON; borrowed. To be on the disk before the first step.
const char *pl_trainer_choices(const pl_trainer *trainer);

pl_memory pl_trainer_memory(const pl_trainer *trainer);

// Fresh weights: random by the seed, then from the weights' file. `words` says where the encoder's are from.
pl_status pl_trainer_initialise(pl_trainer *trainer, char *words, size_t words_size, pl_error *err);

// Goes on from a checkpoint. PL_E_USAGE when it is another encoder's or seed's.
pl_status pl_trainer_restore(pl_trainer *trainer, const char *path, const pl_checkpoint_state *state, pl_error *err);

// Trains and evaluates until the last epoch is over, or `early_stopping` epochs had no better score. Epoch 0 is an
// evaluation of the untrained network. A loss or a gradient that is not finite is PL_E_FORMAT before the step is taken
// and names the step's cases.
pl_status pl_trainer_run(pl_trainer *trainer, const pl_train_hooks *hooks, pl_error *err);

// ---- For hooks.
pl_train_progress pl_trainer_progress(const pl_trainer *trainer);
pl_checkpoint_state pl_trainer_state(const pl_trainer *trainer);
pl_checkpoint_source pl_trainer_source(const pl_trainer *trainer);
void pl_trainer_set_learning_rate(pl_trainer *trainer, double base);  // of the first epoch: the schedule applies
void pl_trainer_set_epochs(pl_trainer *trainer, int64_t epochs);
void pl_trainer_set_early_stopping(pl_trainer *trainer, int64_t epochs);
// Other cases for pl_train_hooks.predicted, from the next evaluation on. PL_E_NOMEM, and then nothing is changed.
pl_status pl_trainer_set_previews(pl_trainer *trainer, const size_t *cases, size_t count, pl_error *err);
// The options that these were chosen by, which are kept in checkpoints.
void pl_trainer_set_preview_options(pl_trainer *trainer, int64_t previews, const char *preview_cases);

// Whether the epochs evaluated so far are the last ones, although not all are over: `early_stopping` was reached.
bool pl_trainer_stalled(const pl_trainer *trainer);

#ifdef __cplusplus
}
#endif
