// Shared by the trainer's files.
#pragma once

#include "core/base/clock.h"
#include "core/data/feed.h"
#include "core/net/graph.h"
#include "core/train/trainer.h"

// A kind of program, for full batches and for the data set's last, smaller one.
typedef enum pl_train_program {
  PL_TRAIN_STEP,
  PL_TRAIN_STEP_LAST,
  PL_TRAIN_OVERWRITE,
  PL_TRAIN_OVERWRITE_LAST,
  PL_TRAIN_ADD,
  PL_TRAIN_ADD_LAST,
  PL_TRAIN_UPDATE,
  PL_TRAIN_EVALUATE,
  PL_TRAIN_EVALUATE_LAST,
  PL_TRAIN_PROGRAMS
} pl_train_program;

// One of them to be compiled; a batch of 0: not needed.
typedef struct pl_train_request {
  pl_program_kind kind;
  int32_t batch;
} pl_train_request;

// Images of an epoch (of the first one, should they differ) and of a full batch.
typedef struct pl_train_counts {
  int64_t train, valid;
  int32_t train_batch, valid_batch;
} pl_train_counts;

// trainer_programs.c: which programs a training needs, by pl_train_program; its network; and one program's graph.
void pl_train_list(pl_train_request out[PL_TRAIN_PROGRAMS], const pl_trainer_options *options,
                   const pl_train_counts *counts);
pl_unet pl_train_unet(const pl_trainer_options *options);
pl_status pl_train_graph(pl_graph *out, const pl_model *model, const pl_trainer_options *options,
                         const pl_train_request *request, pl_error *err);

// Cases of one subset.
typedef struct pl_train_set {
  pl_feed *feed;
  int32_t batch;
} pl_train_set;

struct pl_trainer {
  const pl_backend_api *api;
  pl_backend *backend;
  const pl_manifest *manifest;
  pl_trainer_options options;
  pl_model model;
  pl_store *store;
  pl_program *programs[PL_TRAIN_PROGRAMS];
  pl_train_set train, valid;
  pl_checkpoint_state state;
  double *sums;  // dice sums of the largest batch
  double *dice;
  pl_clock clock;
  bool evaluating;
  int64_t evaluated;                      // images of the evaluation under way
  int64_t timed_images, timed_evaluated;  // in train_seconds, in evaluation_seconds
  double train_seconds, evaluation_seconds;
  int64_t epoch_images;
  double epoch_seconds;
  int64_t group_first;    // position of the first image whose gradient the next step takes
  size_t *previews;       // copies of the options'
  bool *previewed;        // which of them were predicted in this evaluation
  size_t *next_previews;  // those of the next evaluation, when they change; else NULL
  size_t next_count;
  float *probabilities;  // of a validation batch; NULL without previews
};

// trainer_predict.c: inference on a batch of any size, with the evaluation's program; out is [count][1][size][size].
// Overwrites the slots and the dice sums: between two batches of a pass only.
pl_status pl_train_predict(pl_trainer *trainer, const pl_batch *batch, float *out, pl_error *err);

// The chosen cases in an evaluation: room for them; whether a batch has any, so that its probabilities are wanted; what
// was made of them; and, after the last batch, those that are not among the evaluated cases.
pl_status pl_train_previews_create(pl_trainer *trainer, pl_error *err);
void pl_train_previews_begin(pl_trainer *trainer);
bool pl_train_previews_want(const pl_trainer *trainer, const size_t *cases, int32_t count);
void pl_train_previews_tell(pl_trainer *trainer, const size_t *cases, int32_t count, const float *probabilities,
                            const pl_train_hooks *hooks);
pl_status pl_train_previews_rest(pl_trainer *trainer, const pl_train_hooks *hooks, pl_error *err);

// What is done about a loss or gradient (`what`) that is not finite: the `count` images of the epoch from its number
// `first` on are read again, evaluated and handed to the hook; the error names them.
pl_status pl_train_give_up(pl_trainer *trainer, const char *what, int64_t first, int64_t count,
                           const pl_train_hooks *hooks, pl_error *err);

// Images and batches of an epoch; how many there are can depend on it, see pl_feed_options.
static inline int64_t pl_train_images(const pl_train_set *set, int64_t epoch) {
  return (int64_t)pl_feed_count(set->feed, (uint64_t)epoch);
}

static inline int64_t pl_train_batches(const pl_train_set *set, int64_t epoch) {
  return (int64_t)pl_feed_batches(set->feed, (uint64_t)epoch);
}
