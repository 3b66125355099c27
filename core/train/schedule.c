#include "core/train/schedule.h"

#include <string.h>

static double multistep(const pl_schedule_options *options, int64_t epochs_done) {
  double rate = options->base;
  for (size_t i = 0; i < options->milestone_count && options->milestones[i] <= epochs_done; i++) rate *= options->gamma;
  return rate;
}

const pl_schedule *pl_schedule_find(const char *name) {
  for (size_t i = 0; i < pl_schedule_count; i++) {
    if (strcmp(pl_schedules[i].name, name) == 0) return &pl_schedules[i];
  }
  return NULL;
}

const pl_schedule pl_schedules[] = {
    {.name = "multistep", .rate = multistep},
};
const size_t pl_schedule_count = sizeof pl_schedules / sizeof pl_schedules[0];
