// The CPU backend: convolutions and batch norm by oneDNN, everything else by our own OpenMP kernels. README.md beside
// this file says what it rewrites and with which error.
#pragma once

#include "core/net/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const pl_backend_api pl_backend_onednn;

// The steps of a program, one a line: number, milliseconds in the last run, what it does, the name of oneDNN's
// implementation or "own". For tests and reports. The caller frees the text.
char *pl_onednn_describe(const pl_program *program);

// How many of the program's primitives run oneDNN's reference code, which is about a hundred times slower.
int pl_onednn_reference_count(const pl_program *program);

#ifdef __cplusplus
}
#endif
