// The reference backend: plain C, everything stored and computed in double, one obvious function per op. It is the
// oracle that the other backends are compared with, and is slow.
#pragma once

#include "core/net/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const pl_backend_api pl_backend_ref;

#ifdef __cplusplus
}
#endif
