// What the emulated device may want of the emulated convolutions: to keep runs and do them later.
#pragma once

#include "tests/gpu/emulator.h"

#ifdef __cplusplus
extern "C" {
#endif

// As pl_emulator_set_hook does with launches of kernels. The stream is that of pl_dnn_open.
void pl_emulated_dnn_set_hook(pl_emulator_hook *hook);

#ifdef __cplusplus
}
#endif
