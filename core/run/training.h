// From a run's options to what core/net and core/train take.
#pragma once

#include "core/net/backend.h"
#include "core/run/config.h"
#include "core/train/trainer.h"

#ifdef __cplusplus
extern "C" {
#endif

// How the backend is to be opened. All that is not an option has its default.
pl_backend_options pl_training_backend(const pl_config *config);

// How the trainer is to be made; texts and lists are borrowed from `config`. Choices and the packed cache are not set.
pl_trainer_options pl_training_options(const pl_config *config);

#ifdef __cplusplus
}
#endif
