// Learning rate schedules: one row each.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_schedule_options {
  double base;  // learning rate of the first epoch
  double gamma;
  const int32_t *milestones;  // rising
  size_t milestone_count;
} pl_schedule_options;

typedef struct pl_schedule {
  const char *name;
  // The learning rate once `epochs_done` epochs are over: the scheduler steps after each epoch's evaluation.
  double (*rate)(const pl_schedule_options *options, int64_t epochs_done);
} pl_schedule;

// "multistep": base times gamma for every milestone m with m <= epochs_done, multiplied one after the other
// (torch.optim.lr_scheduler.MultiStepLR).
extern const pl_schedule pl_schedules[];
extern const size_t pl_schedule_count;

// The row of that name, or NULL.
const pl_schedule *pl_schedule_find(const char *name);

#ifdef __cplusplus
}
#endif
