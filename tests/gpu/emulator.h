// What C code may want of the emulator of kernels: to keep launches instead of running them, as capture into a graph
// does.
#pragma once

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct CUstream_st;

// Called for every launch, before it runs. True: the hook has taken `work`; it calls run(work) as often as it likes,
// then destroy(work). False: the launch runs at once. NULL takes the hook away.
typedef bool pl_emulator_hook(struct CUstream_st *stream, void (*run)(void *work), void (*destroy)(void *work),
                              void *work);
void pl_emulator_set_hook(pl_emulator_hook *hook);

#ifdef __cplusplus
}
#endif
