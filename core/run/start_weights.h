// Which weights a new run starts from.
#pragma once

#include <stddef.h>

#include "core/run/config.h"

#ifdef __cplusplus
extern "C" {
#endif

// Without a value the option becomes the path of the encoder's fetched ImageNet weights, where they are there.
void pl_start_weights_choose(pl_config *config);

// The same in words, for forms: "encoder: random, expect a much lower dice; ...". Looks at the disk.
void pl_start_weights_describe(char *out, size_t size, const pl_config *config);

#ifdef __cplusplus
}
#endif
