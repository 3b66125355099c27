// Work on a picture that is shared out among a few threads, which have all ended when the call returns. No pool: a
// thread starts in less time than it saves on pictures that are large enough.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_PARALLEL_THREADS_MAX = 4 };

// As many threads as there are processors for this process, up to the maximum, and fewer for few pixels.
unsigned pl_parallel_threads(size_t pixels);

// Calls work(context, index) once for every index below `count`, on the caller's thread and on at most `threads` - 1
// others: the next index goes to who is free. Where no thread can be started the caller does it all.
void pl_parallel(size_t count, unsigned threads, void (*work)(void *context, size_t index), void *context);

#ifdef __cplusplus
}
#endif
