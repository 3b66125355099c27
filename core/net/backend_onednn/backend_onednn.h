// The CPU backend: convolutions and batch norm by oneDNN, everything else by our own OpenMP kernels. README.md beside
// this file says what it rewrites and with which error.
#pragma once

#include "core/net/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const pl_backend_api pl_backend_onednn;

// The names of oneDNN's implementations that a compiled program uses, one line a primitive ("conv forward
// 64x64x128x128 -> 256: jit:avx2"). For tests and reports. The caller frees the text.
char *pl_onednn_describe(const pl_program *program);

// How many of the program's primitives run oneDNN's reference code, which is about a hundred times slower.
int pl_onednn_reference_count(const pl_program *program);

#ifdef __cplusplus
}
#endif
