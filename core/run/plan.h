// What a training with given options would take on this machine: memory, disk and time, told before any of it is
// allocated. The command `plan`, the first lines of a training and the training form all show this.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/data/manifest.h"
#include "core/run/config.h"
#include "core/train/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

// Where the time is from.
typedef enum pl_plan_source {
  PL_PLAN_FROM_RATE,  // the convolutions' operations and how fast this device does some, measured in a moment
  PL_PLAN_FROM_RUN,   // an earlier run of the workspace with the same network, images and device
} pl_plan_source;

// Bytes are unknown when 0, seconds when NAN.
typedef struct pl_run_plan {
  pl_config config;  // with the size filled in, and with fit-batch the batches that fit
  char backend[32], device[160];
  const char *precision;
  char unused_gpu[PL_ERROR_MESSAGE_MAX];  // see unused_gpu.h
  int64_t train_images, valid_images;     // of an epoch
  pl_train_plan train;
  uint64_t loader;        // batches that are read ahead, pictures that are kept
  uint64_t conversion;    // of the largest tensor, when it is made, read or written
  uint64_t needed;        // what the run will allocate: the backend's memory, and the rest where they share it
  uint64_t process;       // of this process now, with all programs compiled: code, libraries, generated code
  uint64_t mapped;        // of the packed cache, which the system may take back at any time
  uint64_t peak;          // predicted largest resident size of the process
  uint64_t available;     // memory that can still be had: the device's when it has its own, else the host's
  int64_t largest_batch;  // when there is too little: the largest one that fits, 0 for none; else -1
  uint64_t checkpoint, checkpoints;  // of one, and of all that are there at a time
  uint64_t disk;                     // free where they go; without a workspace unknown
  pl_plan_source source;
  char run[64];                                     // that the time is from
  double rate;                                      // floating-point operations a second, measured; NAN otherwise
  double step_seconds, epoch_seconds, run_seconds;  // an epoch with its evaluation
} pl_run_plan;

// Makes the plan of a training of these options, with the cases of `manifest`, or, when that is NULL, with `images`
// images (5 at least) of which the fifth part is held out. Opens the backend that the options name, twice for a moment
// when it measures. Takes up to a few seconds for a large network, and no memory that grows with the batch. Fails as
// pl_config_check, pl_run_check_data, pl_registry_open and pl_train_plan_make.
pl_status pl_run_plan_make(pl_run_plan *out, const pl_config *config, const pl_manifest *manifest, int64_t images,
                           pl_error *err);

// The same with the core's host, which is told while programs are compiled: PL_E_CANCELLED when it says no.
pl_status pl_run_plan_make_told(pl_run_plan *out, const pl_host *host, const pl_config *config,
                                const pl_manifest *manifest, int64_t images, pl_error *err);

// With fit-batch: the options with the batches that fit, as a run is made with them. What cannot be planned stays as it
// is, and is refused where it is wrong.
void pl_run_plan_fit(pl_config *config, const pl_manifest *manifest);

// PL_E_NOMEM, with the bytes needed and free and the largest batch that fits, when there is too little memory;
// PL_E_NOSPACE when the checkpoints would not find room on the disk.
pl_status pl_run_plan_check(const pl_run_plan *plan, pl_error *err);

// "14.3 M parameters; 812 MiB of memory, 21.3 GiB are free; 0.43 s a step, ...": one line without a line end.
void pl_run_plan_summary(char *out, size_t size, const pl_run_plan *plan);

// Some lines for people / one JSON object, unknown values being null.
void pl_run_plan_describe(pl_buf *out, const pl_run_plan *plan);
void pl_run_plan_add_json(pl_buf *out, const pl_run_plan *plan);

// plan_time.c: fills in source, run, rate and the seconds. `workspace` may be NULL.
// PL_E_CANCELLED when `progress` (may be NULL) says no.
pl_status pl_run_plan_time(pl_run_plan *plan, const char *workspace, const pl_progress *progress, pl_error *err);

#ifdef __cplusplus
}
#endif
