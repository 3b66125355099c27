#include "core/train/schedule.h"

#include <math.h>
#include <string.h>

static double multistep(const pl_schedule_options *options, const pl_schedule_state *state, int64_t epochs_done) {
  (void)state;
  double rate = options->base;
  for (size_t i = 0; i < options->milestone_count && options->milestones[i] <= epochs_done; i++) rate *= options->gamma;
  return rate;
}

static double plateau(const pl_schedule_options *options, const pl_schedule_state *state, int64_t epochs_done) {
  (void)epochs_done;
  return options->base * state->scale;
}

static bool is_better(const pl_schedule_options *options, double value, double best) {
  if (isnan(best)) return !isnan(value);
  return options->smaller_is_better ? value < best * (1 - options->threshold) : value > best * (1 + options->threshold);
}

static void reduce(const pl_schedule_options *options, pl_schedule_state *state) {
  const double least_change = 1e-8;
  double rate = options->base * state->scale, next = fmax(rate * options->gamma, options->minimum);
  if (rate - next > least_change) state->scale = next / options->base;
}

static void plateau_step(const pl_schedule_options *options, pl_schedule_state *state, double value) {
  if (is_better(options, value, state->best)) {
    state->best = value;
    state->bad_epochs = 0;
  } else {
    state->bad_epochs++;
  }
  if (state->cooldown > 0) {
    state->cooldown--;
    state->bad_epochs = 0;
  }
  if (state->bad_epochs <= options->patience) return;
  reduce(options, state);
  state->cooldown = options->cooldown;
  state->bad_epochs = 0;
}

static double wave(const pl_schedule_options *options, int64_t at, int64_t period) {
  const double pi = 3.14159265358979323846;
  return options->minimum + (options->base - options->minimum) * (1 + cos(pi * (double)at / (double)period)) / 2;
}

static double cosine(const pl_schedule_options *options, const pl_schedule_state *state, int64_t epochs_done) {
  (void)state;
  return wave(options, epochs_done, options->period);
}

static double warm_restarts(const pl_schedule_options *options, const pl_schedule_state *state, int64_t epochs_done) {
  (void)state;
  int64_t period = options->period, at = epochs_done;
  if (options->period_factor == 1) return wave(options, at % period, period);
  for (; at >= period; period *= options->period_factor) at -= period;
  return wave(options, at, period);
}

const pl_schedule *pl_schedule_find(const char *name) {
  for (size_t i = 0; i < pl_schedule_count; i++) {
    if (strcmp(pl_schedules[i].name, name) == 0) return &pl_schedules[i];
  }
  return NULL;
}

pl_schedule_state pl_schedule_begin(void) { return (pl_schedule_state){.scale = 1, .best = (double)NAN}; }

const pl_schedule pl_schedules[] = {
    {.name = "multistep", .help = "times gamma at each milestone", .rate = multistep},
    {.name = "plateau", .help = "times gamma when the score stalls", .rate = plateau, .step = plateau_step},
    {.name = "cosine", .help = "a cosine down to the minimum", .rate = cosine},
    {.name = "warm-restarts", .help = "cosines that begin again", .rate = warm_restarts},
};
const size_t pl_schedule_count = sizeof pl_schedules / sizeof pl_schedules[0];
