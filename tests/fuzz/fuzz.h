// The entry point of every harness, as libFuzzer calls it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#ifdef __cplusplus
}
#endif
