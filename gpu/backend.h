// The table of the GPU backend. Named "cuda", or for its tests on the CPU "emulated".
#pragma once

#include "core/net/backend.h"

#ifndef PL_GPU_NAME
#define PL_GPU_NAME "cuda"
#define PL_GPU_DESCRIPTION "NVIDIA GPU, by CUDA and cuDNN"
#endif

extern const pl_backend_api pl_backend_gpu;
