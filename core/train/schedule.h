// Learning rate schedules: one row each. A scheduler steps once an epoch, after its evaluation.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_schedule_options {
  double base;  // learning rate of the first epoch
  double minimum;
  double gamma;               // factor at a milestone, or on a plateau
  const int32_t *milestones;  // rising
  size_t milestone_count;
  int64_t period;         // epochs of the cosine's way down, or until the first restart
  int64_t period_factor;  // each period is that many times as long as the one before
  // Plateau.
  bool smaller_is_better;
  int64_t patience;  // epochs without a better value that are put up with
  double threshold;  // relative: how much better a value must be
  int64_t cooldown;  // epochs after a reduction in which nothing is counted
} pl_schedule_options;

// What a schedule remembers, and a checkpoint with it. Those that look only at the epoch's number leave it alone.
typedef struct pl_schedule_state {
  double scale;  // of the base
  double best;   // NAN before the first value
  int64_t bad_epochs, cooldown;
} pl_schedule_state;

typedef struct pl_schedule {
  const char *name, *help;
  // The learning rate once `epochs_done` epochs are over.
  double (*rate)(const pl_schedule_options *options, const pl_schedule_state *state, int64_t epochs_done);
  // Takes an epoch's value; NULL for schedules that need none.
  void (*step)(const pl_schedule_options *options, pl_schedule_state *state, double value);
} pl_schedule;

// As in torch.optim.lr_scheduler:
// "multistep": base times gamma for every milestone m <= epochs_done, multiplied one after the other (MultiStepLR);
// "plateau": times gamma, not below the minimum, after more than `patience` epochs whose value was not better by the
// relative threshold (ReduceLROnPlateau; a value that is not a number is not better; reductions of at most 1e-8 are
// left out);
// "cosine": minimum + (base - minimum) * (1 + cos(pi * epochs_done / period)) / 2 (CosineAnnealingLR);
// "warm-restarts": the same within each period, which then begins again (CosineAnnealingWarmRestarts).
extern const pl_schedule pl_schedules[];
extern const size_t pl_schedule_count;

// The row of that name, or NULL.
const pl_schedule *pl_schedule_find(const char *name);

pl_schedule_state pl_schedule_begin(void);

#ifdef __cplusplus
}
#endif
