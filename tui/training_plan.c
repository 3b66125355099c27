#include "tui/training_plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/plan.h"
#include "core/run/rundir.h"
#include "tui/words.h"

enum { WORD = 32 };

const char *const pl_training_plan_labels[PL_TRAINING_PLAN_LINES] = {"time", "memory", "disk", "device"};

static void time_words(char *out, const pl_run_plan *plan) {
  char epoch[WORD], all[WORD], step[WORD];
  pl_words_duration(epoch, sizeof epoch, plan->epoch_seconds);
  pl_words_duration(all, sizeof all, plan->run_seconds);
  pl_words_number(step, sizeof step, plan->step_seconds);
  const bool from_run = plan->source == PL_PLAN_FROM_RUN;
  snprintf(out, PL_TRAINING_PLAN_LINE, "%s an epoch, %s in all; %s s a step%s%s", epoch, all, step,
           from_run                       ? ", as in run "
           : isfinite(plan->step_seconds) ? ", a guess"
                                          : "",
           from_run ? plan->run : "");
}

static void memory_words(char *out, const pl_run_plan *plan) {
  char peak[WORD], available[WORD];
  const bool apart = plan->train.memory.free > 0;
  pl_words_bytes(peak, sizeof peak, apart ? plan->needed : plan->peak);
  pl_words_bytes(available, sizeof available, plan->available);
  snprintf(out, PL_TRAINING_PLAN_LINE, "%s at its peak, %s are free%s", peak, available, apart ? " on the device" : "");
}

static void disk_words(char *out, const pl_run_plan *plan) {
  char needed[WORD], available[WORD];
  pl_words_bytes(needed, sizeof needed, plan->checkpoints);
  pl_words_bytes(available, sizeof available, plan->disk);
  snprintf(out, PL_TRAINING_PLAN_LINE, "%s for checkpoints, %s are free", needed, available);
}

static void device_words(char *out, const pl_run_plan *plan) {
  snprintf(out, PL_TRAINING_PLAN_LINE, "%s on %s, %s; batch %" PRId64 " of %" PRId64 " images, %.1f M parameters",
           plan->backend, plan->device, plan->precision, plan->config.batch, plan->train_images,
           (double)plan->train.parameters * 1e-6);
}

pl_status pl_training_plan_make(pl_training_plan *out, const pl_config *config, const char *workspace, pl_error *err) {
  pl_manifest manifest = {0};
  pl_run_plan *plan = pl_xcalloc(1, sizeof *plan);
  pl_status status = pl_run_load_manifest(&manifest, workspace, config, err);
  if (status == PL_OK) status = pl_run_plan_make(plan, config, &manifest, 0, err);
  if (status == PL_OK) {
    *out = (pl_training_plan){.batch = plan->config.batch, .largest_batch = plan->largest_batch};
    time_words(out->lines[0], plan);
    memory_words(out->lines[1], plan);
    disk_words(out->lines[2], plan);
    device_words(out->lines[3], plan);
    pl_run_plan_summary(out->summary, sizeof out->summary, plan);
    (void)pl_copy_text(out->unused_gpu, sizeof out->unused_gpu, plan->unused_gpu);
    pl_error refusal = {0};
    if (pl_run_plan_check(plan, &refusal) != PL_OK) {
      (void)pl_copy_text(out->refusal, sizeof out->refusal, refusal.message);
    }
  }
  pl_manifest_clear(&manifest);
  free(plan);
  return status;
}
